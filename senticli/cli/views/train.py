"""How a training run is shown: a live table on a terminal, plain lines elsewhere, or JSON."""

import dataclasses
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from senticli.cli import console
from senticli.cli.errors import in_options
from senticli.data.splits import splits_of
from senticli.text.vocab import UNK_INDEX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from rich.console import RenderableType
    from rich.table import Table

    from senticli.data.checks import Checks
    from senticli.training.session import Saved, Session
    from senticli.training.trainer import BatchResult, EpochResult


class PlainView:
    """One line an epoch on stderr: for logs, and wherever there is no terminal."""

    unprinted: OSError | None = None
    """Why the answer could not be printed: nobody reads it, or the disk is full."""

    def _print(self, answer: "str | dict[str, Any]") -> None:
        """Print a part of the answer; no training is lost because that fails."""
        if self.unprinted:
            return
        try:
            if isinstance(answer, str):
                console.print_answer(answer)
            else:
                console.print_json(answer)
            sys.stdout.flush()  # an epoch takes minutes: whoever reads wants it now
        except OSError as error:
            self.unprinted = error

    def __enter__(self) -> "PlainView":
        return self

    def __exit__(self, *_: object) -> None: ...

    def step(self, message: str) -> None:
        """What is being prepared."""
        console.say(f"{message} …")

    def checked(self, checks: "Checks", *, own: bool) -> None:
        """What is odd about the data."""
        for line in describe_findings(checks, own=own):
            console.say(line)

    def looked(self, session: "Session", seconds: float, *, as_json: bool) -> None:
        """What a dry run has found out: the answer."""
        facts = summary(session, seconds)
        if as_json:
            console.print_json({"event": "looked", **facts})
        else:
            print_summary(session, facts)

    def start(self, session: "Session", history: "Sequence[EpochResult]") -> None:
        """What is about to be trained, after the epochs of ``history``."""
        for line in describe(session, history):
            console.say(line)

    def batch(self, result: "BatchResult") -> None:
        """A batch is done."""

    def epoch(self, result: "EpochResult") -> None:
        """An epoch is done."""
        cells = zip(COLUMNS, row(result), strict=True)
        console.say("  ".join(f"{name} {value}" for name, value in cells))

    def stopping(self) -> None:
        """The training is to stop."""
        once_more = "" if "WORLD_SIZE" in os.environ else "; Ctrl-C once more stops at once"
        console.say(f"stopping after this batch{once_more}")

    def stopped(self, best: "EpochResult | None", resuming: str | None) -> None:
        """The training has stopped; ``resuming`` is the command that goes on."""
        if best:
            console.say(f"training was stopped; the best epoch so far, {best.epoch}, was kept")
        else:
            console.say("training was stopped before an epoch was finished; there is no model yet")
        if resuming:
            console.say(f"go on: {resuming}")

    def saving(self) -> AbstractContextManager[object]:
        """Around the export."""
        self.step("exporting")
        return nullcontext()

    def saved(self, saved: "Saved") -> None:
        """The model is written: its folder is the answer."""
        for line in describe_saved(saved):
            console.say(line)
        self._print(str(saved.bundle.path))
        if self.unprinted:
            console.say(f"the model is saved in {saved.bundle.path}")


class JsonView(PlainView):
    """One object for the data, one an epoch, and one for the saved model, on stdout."""

    def checked(self, checks: "Checks", *, own: bool) -> None:
        """Print the labels of each split, and what is odd."""
        self._print({"event": "data", **dataclasses.asdict(checks)})

    def epoch(self, result: "EpochResult") -> None:
        """Print the epoch's result."""
        self._print({"event": "epoch", **dataclasses.asdict(result)})

    def saved(self, saved: "Saved") -> None:
        """Print where the model is and how good."""
        bundle, valid = saved.bundle, saved.valid
        self._print(
            {
                "event": "saved",
                "model": bundle.name,
                "path": str(bundle.path),
                "valid_accuracy": valid.accuracy,
                "valid_loss": valid.loss,
                "onnx": bundle.config.onnx,
            }
        )
        if self.unprinted:
            console.say(f"the model is saved in {bundle.path}")

    def stopped(self, best: "EpochResult | None", resuming: str | None) -> None:
        """Print how to go on."""
        self._print(
            {"event": "stopped", "best_epoch": best.epoch if best else None, "resume": resuming}
        )


class TerminalView(PlainView):
    """A spinner beside what is being prepared."""

    def __init__(self) -> None:
        self._console = console.stderr_console()
        self._status = self._console.status("")

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def step(self, message: str) -> None:
        """What is being prepared, beside a spinner."""
        self._status.update(f"{message} …")
        self._status.start()

    def checked(self, checks: "Checks", *, own: bool) -> None:
        """What is odd about the data, above the spinner."""
        for line in describe_findings(checks, own=own):
            self._console.print(console.printable(line), markup=False, soft_wrap=True)


class LiveView(TerminalView):
    """A table that grows by a row an epoch, under it a progress bar and the course of the loss."""

    def __init__(self) -> None:
        from rich.live import Live
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        super().__init__()
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
        self._losses: list[float] = []  # of batches
        self._live = Live(console=self._console, get_renderable=self._draw, refresh_per_second=4)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._finish()

    def looked(self, session: "Session", seconds: float, *, as_json: bool) -> None:
        """The answer of a dry run, without the spinner."""
        self._status.stop()
        super().looked(session, seconds, as_json=as_json)

    def start(self, session: "Session", history: "Sequence[EpochResult]") -> None:
        """Describe the run, then show the table so far."""
        self._status.stop()
        for line in describe(session, history):
            self._console.print(console.printable(line), markup=False, soft_wrap=True)
        self._console.print()
        self._epochs = list(history)
        epochs = session.recipe.train.epochs
        self._await(min(len(history) + 1, epochs), epochs)
        self._live.start()

    def batch(self, result: "BatchResult") -> None:
        """Move the bar."""
        self._losses.append(result.batch_loss)
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
        from rich.text import Text

        room = max(1, self._console.height - 5)
        shown: list[RenderableType] = [self._table(self._epochs[-room:]), self._progress]
        if self._losses:
            curve = console.sparkline(_means(self._losses, CURVE))
            shown.append(Text(f"loss {self._losses[0]:.2f} {curve} {self._losses[-1]:.2f}"))
        return Group(*shown)

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


FEW_FOUND = 0.5  # share of the vocabulary, below which the vectors may be the wrong ones
CURVE = 60  # characters of the loss's course


def _means(values: "Sequence[float]", count: int) -> list[float]:
    """At most ``count`` means of neighbouring values."""
    return [float(np.mean(part)) for part in np.array_split(values, min(count, len(values)))]


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


def clock(seconds: float) -> str:
    """A time as minutes:seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def row(result: "EpochResult") -> list[str]:
    """The cells of an epoch, under :data:`COLUMNS`."""
    return [
        f"{result.epoch}/{result.epochs}",
        f"{result.train_loss:.4f}",
        f"{result.train_accuracy:.2%}",
        f"{result.valid_loss:.4f}",
        f"{result.valid_accuracy:.2%}",
        f"{result.lr:.1e}",
        f"{result.tokens_per_s:,.0f}",
        clock(result.seconds),
        "best" if result.best else "",
    ]


def describe(session: "Session", history: "Sequence[EpochResult]" = ()) -> list[str]:
    """The data, the vocabulary, the network and the machine of a run, a line each."""
    recipe = session.recipe
    model, data = recipe.model, ", ".join(recipe.train.data)
    lines = [
        f"data        {data}: {session.train.texts:,} to train on, {session.valid.texts:,} to "
        f"validate, labels {', '.join(session.texts.labels)}",
        f"vocabulary  {len(session.texts.vocab):,} words",
    ]
    init, found = session.texts.init, session.texts.vectors_found
    if init:
        new = len(session.texts.vocab) - init.config.vocab_size
        lines[1] += f", {new:,} of them new to {init.name}, the model to start from"
    if found is not None:
        lines[1] += f", {found:.1%} of {'the new' if init else 'them'} found in "
        lines[1] += recipe.train.vectors
    way = "bidirectional" if model.bidirectional else "one-directional"
    lines.append(
        f"network     {way} {model.rnn.upper()}, {model.layers} × {model.hidden}, "
        f"{model.pooling} pooling: {session.parameters:,} parameters"
    )
    lines.append(f"machine     {session.machine}")
    if found is not None and found < FEW_FOUND and not init:
        lines.append(
            f"warning: few words are found in {recipe.train.vectors}: is it of another language, "
            "or its words in another case?"
        )
    if init and init.config.labels != session.texts.labels:
        lines.append(f"note: {init.name} has other labels, so its output layer is not used")
    if session.slower:
        lines.append(f"note: {session.slower}; float32 is slower")
    if history:
        lines.append(f"going on    after epoch {history[-1].epoch}")
    return lines


def describe_findings(checks: "Checks", *, own: bool) -> list[str]:
    """What is odd about the data: a line each, in one line where it is not one's ``own``."""
    if not own:
        counted = ", ".join(f"{finding.what} ({finding.count:,})" for finding in checks.findings)
        return [f"note: {counted}"] if counted else []
    return [
        f"warning: {in_options(finding.what)}: {finding.count:,}; the first: "
        f"{console.one_line(finding.example)}"
        for finding in checks.findings
    ]


def summary(session: "Session", seconds: float) -> dict[str, Any]:
    """What can be told of a training before it starts."""
    truth = {"train": session.train.labels, "valid": session.valid.labels}
    texts = session.texts
    lengths = np.percentile([len(text) for text in texts.train], (50, 90, 99, 100)).astype(int)
    words = np.concatenate(texts.valid)
    return {
        "labels": {
            split: dict(zip(texts.labels, _counts(labels, len(texts.labels)), strict=True))
            for split, labels in truth.items()
        },
        "words_a_text": dict(
            zip(("median", "90 %", "99 %", "longest"), lengths.tolist(), strict=True)
        ),
        "vocabulary": len(session.texts.vocab),
        "unknown_words": float((words == UNK_INDEX).mean()),
        "epochs": session.recipe.train.epochs,
        "seconds": round(seconds, 1),
    }


def _counts(labels: "NDArray[np.int64]", count: int) -> list[int]:
    found: list[int] = np.bincount(labels, minlength=count).tolist()
    return found


def print_summary(session: "Session", facts: dict[str, Any]) -> None:
    """A dry run's answer, for people."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("label")
    for split in facts["labels"]:
        table.add_column(split, justify="right")
        table.add_column("", justify="right")
    for label in session.texts.labels:
        cells = []
        for counts in facts["labels"].values():
            cells += [f"{counts[label]:,}", f"{counts[label] / sum(counts.values()):.1%}"]
        table.add_row(console.markup(label), *cells)
    console.print_table(table)
    lengths = ", ".join(f"{name} {count:,}" for name, count in facts["words_a_text"].items())
    print(f"words a text   {lengths}")
    unknown = f"{facts['unknown_words']:.1%} of validation's are not in it"
    print(f"vocabulary     {facts['vocabulary']:,} words; {unknown}")
    minutes, seconds = divmod(round(facts["seconds"]), 60)
    print(f"time           about {minutes} min {seconds} s for {facts['epochs']} epochs here")


def describe_saved(saved: "Saved") -> list[str]:
    """How good the kept model is, and where to go from here."""
    low, high = saved.valid.interval
    training = saved.bundle.training
    columns = zip(*saved.valid.confusion, strict=True)
    is_uneven = training.class_weights != "balanced" and 2 * min(saved.counts) < max(saved.counts)
    never = [
        score.label
        for score, column in zip(saved.valid.labels, columns, strict=True)
        if score.support and not sum(column)
    ]
    data = training.data
    tested = bool(training.test) or any("test" in splits_of(name) for name in data)
    warnings = []
    if never:
        hint = ": try --class-weights balanced" if is_uneven else ""
        warnings = [f"warning: never predicted on validation: {', '.join(never)}{hint}"]
    return [
        *warnings,
        f"validation accuracy {saved.valid.accuracy:.2%} ({low:.2%} to {high:.2%}), "
        f"as {saved.bundle.config.onnx} ONNX",
        f"next: senticli eval --split {'test' if tested else 'valid'}",
    ]
