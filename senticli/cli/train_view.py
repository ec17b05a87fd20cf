"""How a training run is shown: a live table on a terminal, plain lines elsewhere, or JSON."""

import dataclasses
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from senticli.cli import console
from senticli.data.datasets import splits_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from senticli.training.session import Saved, Session
    from senticli.training.trainer import BatchResult, EpochResult


class PlainView:
    """One line an epoch on stderr: for logs, and wherever there is no terminal."""

    def __enter__(self) -> "PlainView":
        return self

    def __exit__(self, *_: object) -> None: ...

    def step(self, message: str) -> None:
        """What is being prepared."""
        console.say(f"{message} …")

    def start(self, session: "Session") -> None:
        """What is about to be trained."""
        for line in describe(session):
            console.say(line)

    def batch(self, result: "BatchResult") -> None:
        """A batch is done."""

    def epoch(self, result: "EpochResult") -> None:
        """An epoch is done."""
        cells = zip(COLUMNS, row(result), strict=True)
        console.say("  ".join(f"{name} {value}" for name, value in cells))

    def saving(self) -> AbstractContextManager[object]:
        """Around the export."""
        self.step("exporting")
        return nullcontext()

    def saved(self, saved: "Saved") -> None:
        """The model is written: its folder is the answer."""
        for line in describe_saved(saved):
            console.say(line)
        print(saved.bundle.path)


class JsonView(PlainView):
    """One object an epoch on stdout, and one for the saved model."""

    def epoch(self, result: "EpochResult") -> None:
        """Print the epoch's result."""
        console.print_json({"event": "epoch", **dataclasses.asdict(result)})
        sys.stdout.flush()  # an epoch takes minutes: whoever reads wants it now

    def saved(self, saved: "Saved") -> None:
        """Print where the model is and how good."""
        bundle, valid = saved.bundle, saved.valid
        console.print_json(
            {
                "event": "saved",
                "model": bundle.name,
                "path": str(bundle.path),
                "valid_accuracy": valid.accuracy,
                "valid_loss": valid.loss,
                "onnx": bundle.config.onnx,
            }
        )


class LiveView(PlainView):
    """A table that grows by a row an epoch, and a progress bar within the epoch."""

    def __init__(self) -> None:
        from rich.live import Live
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._console = console.stderr_console()
        self._status = self._console.status("")
        self._epochs: list[EpochResult] = []
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(compact=True),
            console=self._console,
        )
        self._task = self._progress.add_task("", total=None, epoch="", state="")
        self._live = Live(console=self._console, get_renderable=self._draw, refresh_per_second=4)

    def __exit__(self, *_: object) -> None:
        self._status.stop()
        self._finish()

    def step(self, message: str) -> None:
        """What is being prepared, beside a spinner."""
        self._status.update(f"{message} …")
        self._status.start()

    def start(self, session: "Session") -> None:
        """Describe the run, then show the empty table."""
        self._status.stop()
        for line in describe(session):
            self._console.print(line, markup=False, soft_wrap=True)
        self._console.print()
        self._await(1, session.recipe.train.epochs)
        self._live.start()

    def batch(self, result: "BatchResult") -> None:
        """Move the bar."""
        self._progress.update(
            self._task,
            completed=result.batch,
            total=result.batches,
            state=f"loss {result.loss:.4f}  accuracy {result.accuracy:.2%}  "
            f"{result.tokens_per_s:,.0f} tokens/s",
        )

    def epoch(self, result: "EpochResult") -> None:
        """Add the row."""
        self._epochs.append(result)
        self._await(min(result.epoch + 1, result.epochs), result.epochs)

    def saving(self) -> AbstractContextManager[object]:
        """The table stays, the bar goes; a spinner while the model is exported."""
        self._finish()
        return self._console.status("exporting …")

    def saved(self, saved: "Saved") -> None:
        """Where the model is, and what to do with it."""
        self._console.print()
        super().saved(saved)

    def _await(self, epoch: int, epochs: int) -> None:
        self._progress.reset(self._task, epoch=f"{epoch}/{epochs}", state="")

    def _draw(self) -> "RenderableType":
        """The bar under as many of the last rows as fit on the screen."""
        from rich.console import Group

        room = max(1, self._console.height - 4)
        return Group(self._table(self._epochs[-room:]), self._progress)

    def _table(self, epochs: "Sequence[EpochResult]") -> "Table":
        from rich.table import Table

        table = Table(box=None, padding=(0, 2, 0, 0))
        for name in COLUMNS:
            table.add_column(name, justify="right")
        for result in epochs:
            table.add_row(*row(result), style="bold" if result.best else "dim")
        return table

    def _finish(self) -> None:
        """Take the bar away, and leave the whole table behind."""
        if self._live.is_started:
            self._live.transient = True
            self._live.stop()
            self._console.print(self._table(self._epochs))


COLUMNS = (
    "epoch",
    "train loss",
    "accuracy",
    "valid loss",
    "accuracy",
    "rate",
    "tokens/s",
    "time",
    "",
)


def row(result: "EpochResult") -> list[str]:
    """The cells of an epoch, under :data:`COLUMNS`."""
    minutes, seconds = divmod(round(result.seconds), 60)
    return [
        f"{result.epoch}/{result.epochs}",
        f"{result.train_loss:.4f}",
        f"{result.train_accuracy:.2%}",
        f"{result.valid_loss:.4f}",
        f"{result.valid_accuracy:.2%}",
        f"{result.lr:.1e}",
        f"{result.tokens_per_s:,.0f}",
        f"{minutes}:{seconds:02}",
        "best" if result.best else "",
    ]


def describe(session: "Session") -> list[str]:
    """The data, the vocabulary and the network of a run, a line each."""
    recipe = session.recipe
    model, data = recipe.model, ", ".join(recipe.train.data)
    lines = [
        f"data        {data}: {session.train.texts:,} to train on, {session.valid.texts:,} to "
        f"validate, labels {', '.join(session.labels)}",
        f"vocabulary  {len(session.vocab):,} words",
    ]
    if session.vectors_found is not None:
        lines[1] += f", {session.vectors_found:.1%} of them found in {recipe.train.vectors}"
    way = "bidirectional" if model.bidirectional else "one-directional"
    lines.append(
        f"network     {way} {model.rnn.upper()}, {model.layers} × {model.hidden}, "
        f"{model.pooling} pooling: {session.parameters:,} parameters"
    )
    return lines


def describe_saved(saved: "Saved") -> list[str]:
    """How good the kept model is, and where to go from here."""
    low, high = saved.valid.interval
    data = saved.bundle.training.data
    tested = any("test" in splits_of(name) for name in data)
    return [
        f"validation accuracy {saved.valid.accuracy:.2%} ({low:.2%} to {high:.2%}), "
        f"as {saved.bundle.config.onnx} ONNX",
        f"next: senticli eval --split {'test' if tested else 'valid'}",
    ]
