"""How a training or a search looks: a live table on a terminal, plain lines elsewhere, or JSON.

Each style renders the same events, see :mod:`senticli.training.events`.
"""

import dataclasses
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from senticli.cli import console
from senticli.cli.errors import flag_of, in_options
from senticli.cli.views.models import source_results
from senticli.config import PUBLISHED_VECTORS, STARTS_OWN
from senticli.data.splits import splits_of
from senticli.events import Message, Progress
from senticli.training.events import (
    BatchResult,
    DataChecked,
    EpochResult,
    Estimate,
    Event,
    Exporting,
    Mixed,
    Saved,
    Searched,
    Searching,
    Started,
    Step,
    Stopped,
    Taught,
    Trial,
    TrialStarted,
    VectorsLearned,
)

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

EPOCH_COLUMNS = (
    *("epoch", "train loss", "train acc.", "valid loss", "valid acc."),
    *("lr", "tokens/s", "time", ""),
)
WIDTH = 80  # of a table of epochs; a narrower terminal goes without some columns
SPARED = ("lr", "tokens/s")
TRIAL_COLUMNS = ("trial", "valid loss", "accuracy", "epochs", "time", "", "settings")
TRIALS_SHOWN = 10  # in the table at the end
FEW_FOUND = 0.5  # share of the vocabulary, below which the vectors may be the wrong ones
CURVE = 60  # characters of the loss curve


class Lines:
    """A line for each epoch or trial on stderr; the folder of the model on stdout."""

    def __init__(self, *, is_first: bool = True) -> None:
        self.is_first = is_first
        """False in all but the first of several processes."""
        self.unprinted: OSError | None = None
        """Why a result could not be printed: nobody reads it, or the disk is full."""

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None: ...

    def render(self, event: Event) -> None:
        """Show an event."""
        match event:
            case Progress():
                pass  # a line begins each step
            case Exporting():
                self.say("exporting …")
            case EpochResult():
                pairs = zip(EPOCH_COLUMNS, epoch_cells(event), strict=True)
                self.say("  ".join(f"{name} {value}" for name, value in pairs))
            case Trial():
                *cells, state, settings = trial_cells(event)
                named = [f"{name} {cell}" for name, cell in zip(TRIAL_COLUMNS, cells, strict=False)]
                self.say("  ".join(filter(None, [*named, state, settings])))
            case Estimate():
                print_estimate(event)
            case Saved():
                self.say(*describe_saved(event))
                self.print(str(event.bundle.path))
                self.say(*self._unread(event.bundle.path))
            case Searched():
                self.say("", *describe_search(event))
                self.print(str(event.path))
            case _:
                self.say(*describe(event))

    def stopped(self, what: str, stop: Stopped, again: str) -> None:
        """Show what was kept of a training (by epoch) or search (by trial), and how to resume."""
        if what == "epoch" and stop.best:
            self.say(f"training was stopped; the best epoch so far, {stop.best}, was kept")
        elif what == "epoch":
            self.say("training was stopped before an epoch was finished; there is no model yet")
        elif stop.best:
            self.say(f"the search was stopped; the model of trial {stop.best} was kept")
            self.print(str(stop.path))
        else:
            self.say("the search was stopped before a trial was done; there is no model yet")
        if again:
            self.say(f"resume: {again}")

    def _unread(self, path: Path) -> list[str]:
        return [f"the model is saved in {path}"] if self.unprinted else []

    def say(self, *lines: str) -> None:
        """Print lines on stderr."""
        for line in lines:
            console.say(line)

    def print(self, result: "str | dict[str, Any]") -> None:
        """Print a result on stdout; no training is lost because that fails."""
        if self.unprinted:
            return
        try:
            if isinstance(result, str):
                console.print_answer(result)
            else:
                console.print_json(result)
            sys.stdout.flush()  # an epoch takes minutes: whoever reads wants it now
        except OSError as error:
            self.unprinted = error


class Json(Lines):
    """An object for the data, for each epoch or trial, and for the model, on stdout."""

    def render(self, event: Event) -> None:
        """Show an event."""
        match event:
            case DataChecked():
                self.print(
                    {
                        "event": "data",
                        "labels": event.labels,
                        "soft": {
                            split: dataclasses.asdict(soft) for split, soft in event.soft.items()
                        },
                        "findings": [dataclasses.asdict(finding) for finding in event.findings],
                    }
                )
            case VectorsLearned():
                self.print({"event": "vectors", **dataclasses.asdict(event)})
            case Taught():
                self.print({"event": "teachers", **dataclasses.asdict(event)})
            case Mixed():
                self.print({"event": "sources", **dataclasses.asdict(event)})
            case EpochResult():
                self.print({"event": "epoch", **event.fields})
            case Trial():
                self.print({"event": "trial", **dataclasses.asdict(event)})
            case Estimate():
                self.print({"event": "looked", **estimate_fields(event)})
            case Saved():
                sources = event.bundle.config.provenance["valid"].get("sources")
                self.print(
                    {
                        "event": "saved",
                        "model": event.bundle.name,
                        "path": str(event.bundle.path),
                        "valid_accuracy": event.valid.accuracy,
                        "valid_loss": event.valid.loss,
                        "onnx": event.bundle.config.onnx,
                        **({"valid_sources": sources} if sources else {}),
                    }
                )
                self.say(*self._unread(event.bundle.path))
            case Searched():
                self.print(
                    {
                        "event": "searched",
                        "best": event.best.number,
                        "command": event.command,
                        "path": str(event.path),
                    }
                )
            case _:
                super().render(event)

    def stopped(self, what: str, stop: Stopped, again: str) -> None:
        """Show what was kept."""
        if what == "epoch":
            self.print({"event": "stopped", "best_epoch": stop.best, "resume": again or None})
        else:
            path = str(stop.path) if stop.best else None
            self.print({"event": "stopped", "best": stop.best, "path": path})
            self.say(f"resume: {again}")


class Live(Lines):
    """A table that grows by a row an epoch, with a progress bar and the loss curve under it.

    Of a search, a line a trial, and a bar for the one that is running.
    """

    def __init__(self) -> None:
        from rich.live import Live as RichLive
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        super().__init__()
        self._console = console.stderr_console()
        self._status = self._console.status("")
        self._epochs: list[EpochResult] = []
        self._losses: list[float] = []  # of batches
        self._progress = Bar(
            TextColumn("{task.fields[what]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(compact=True),
            console=self._console,
        )
        self._task = self._progress.add_task("", total=None, what="", state="")
        self._is_search = False
        self._live = RichLive(
            console=self._console, get_renderable=self._draw, refresh_per_second=4
        )

    def __exit__(self, *_: object) -> None:
        self._status.stop()
        self._finish()

    def say(self, *lines: str) -> None:
        """Print lines on stderr, above what is live."""
        for line in lines:
            shown = console.printable(in_options(line))
            self._console.print(shown, markup=False, soft_wrap=True)

    def render(self, event: Event) -> None:
        """Show an event."""
        match event:
            case Step():
                self._status.update(f"{event.message} …")
                self._status.start()
            case Progress():
                share = f" {event.done / event.total:.0%}" if event.total else ""
                self._status.update(f"{console.markup(event.step)}{share} …")
            case Started():
                self._status.stop()
                super().render(event)
                self.say("")
                self._epochs = list(event.history)
                self._begin(f"epoch {min(len(event.history) + 1, event.epochs)}/{event.epochs}")
            case BatchResult():
                self._losses.append(event.batch_loss)
                self._advance(event)
            case EpochResult():
                self._epochs.append(event)
                self._begin(f"epoch {min(event.epoch + 1, event.epochs)}/{event.epochs}")
            case Searching():
                self._is_search = True
                self._status.stop()
                super().render(event)
            case TrialStarted():
                self._begin(f"trial {event.number}")
            case Exporting():
                self._finish()
                self._status.update("exporting …")
                self._status.start()
            case Saved() | Searched() | Estimate():
                self._status.stop()
                self._finish()
                if isinstance(event, Saved):
                    self.say("")
                super().render(event)
            case _:
                super().render(event)

    def stopped(self, what: str, stop: Stopped, again: str) -> None:
        """Show what was kept, without what is live."""
        self._status.stop()
        self._finish()
        super().stopped(what, stop, again)

    def _begin(self, what: str) -> None:
        self._progress.reset(self._task, what=what, state="")
        if not self._live.is_started:
            self._live.start()

    def _advance(self, result: BatchResult) -> None:
        done, total = result.batch, result.batches
        state = f"loss {result.loss:.4f}  accuracy {result.accuracy:.2%}"
        if self._is_search:
            done += (result.epoch - 1) * result.batches
            total *= result.epochs
            state = f"epoch {result.epoch}/{result.epochs}  {state}"
        state += f"  {result.tokens_per_s:,.0f} tokens/s"
        self._progress.update(self._task, completed=done, total=total, state=state)

    def _draw(self) -> "RenderableType":
        """Return the bar under as many of the last rows as fit on the screen."""
        from rich.console import Group
        from rich.text import Text

        if self._is_search:
            return self._progress
        room = max(1, self._console.height - 5)
        table = epoch_table(self._epochs[-room:], self._console.width)
        shown: list[RenderableType] = [table, self._progress]
        if self._losses:
            curve = console.sparkline(_means(self._losses, CURVE))
            shown.append(Text(f"loss {self._losses[0]:.2f} {curve} {self._losses[-1]:.2f}"))
        return Group(*shown)

    def _finish(self) -> None:
        """Take the bar away, and leave the whole table behind."""
        if self._live.is_started:
            self._live.transient = True
            self._live.stop()
            if not self._is_search:
                self._console.print(epoch_table(self._epochs, self._console.width))


def _means(values: Sequence[float], count: int) -> list[float]:
    """Return at most ``count`` means of neighbouring values."""
    return [float(np.mean(part)) for part in np.array_split(values, min(count, len(values)))]


# --- events as text


def describe(event: Event) -> Iterator[str]:
    """Yield the lines that say what happened."""
    match event:
        case Step():
            yield f"{event.message} …"
        case Message():
            yield f"{event.level}: {event.text}"
        case DataChecked():
            yield from _describe_data(event)
        case VectorsLearned():
            yield (
                f"vectors     {event.tokens:,} tokens, {event.dim}-dimensional, learned from "
                f"{event.texts:,} texts in {clock(event.seconds)}"
                + (", before" if event.cached else "")
            )
        case Taught():
            names = console.counted(event.teachers)
            yield f"teachers    {names}: {event.texts:,} texts, in {clock(event.seconds)}"
        case Mixed():
            yield from _describe_sources(event)
        case Started():
            yield from _describe_start(event)
        case Searching() if event.trials:
            spent = clock(sum(trial.seconds for trial in event.trials))
            count = len(event.trials)
            yield f"resumed after {count} trial{'s' * (count != 1)} in {spent}"


def _describe_sources(event: Mixed) -> Iterator[str]:
    labels = {label for source in event.sources for label in source.labels}
    for source in event.sources:
        over = f", loss over {', '.join(source.labels)}" if set(source.labels) < labels else ""
        yield (
            f"source      {console.one_line(source.name)}: {source.examples:,} examples, "
            f"{source.share:.1%} of an epoch{over}"
        )


def _describe_data(event: DataChecked) -> Iterator[str]:
    for split, soft in event.soft.items():
        total = sum(event.labels[split].values())
        yield (
            f"soft labels {soft.examples:,} of {total:,} in {split}, "
            f"the likeliest {soft.confidence:.1%} on average"
        )
    if event.own:
        for finding in event.findings:
            example = console.one_line(finding.example)
            yield f"warning: {finding.what}: {finding.count:,}; the first: {example}"
    elif event.findings:
        counted = ", ".join(f"{finding.what} ({finding.count:,})" for finding in event.findings)
        yield f"note: {counted}"


def _describe_start(event: Started) -> Iterator[str]:
    """Yield the data, the vocabulary, the network and the machine of a training, a line each."""
    yield (
        f"data        {', '.join(event.data)}: {event.train_texts:,} to train on, "
        f"{event.valid_texts:,} to validate, labels {', '.join(event.labels)}"
    )
    vocabulary = f"vocabulary  {event.vocab_size:,} tokens"
    if event.init:
        vocabulary += f", {event.new_tokens:,} of them new to {event.init}, the model to start from"
    if event.vectors_found is not None:
        which = "the new" if event.init else "them"
        vectors = "own vectors" if event.vectors == "own" else event.vectors
        vocabulary += f", {event.vectors_found:.1%} of {which} found in {vectors}"
    yield vocabulary
    model = event.model
    way = "bidirectional" if model.bidirectional else "one-directional"
    yield (
        f"network     {way} {model.rnn.upper()}, {model.layers} × {model.hidden}, "
        f"{model.pooling} pooling: {event.parameters:,} parameters"
    )
    yield f"machine     {event.machine}"
    is_unlike = event.vectors_found is not None and event.vectors_found < FEW_FOUND
    if is_unlike and event.vectors == "own":
        yield (
            "note: most words are too rare here to learn their vectors: start from published ones, "
            f"--vectors {PUBLISHED_VECTORS}{STARTS_OWN}; of a few thousand texts, learn none, "
            f"--vectors {PUBLISHED_VECTORS}"
        )
    elif is_unlike and not event.init:
        yield (
            f"warning: few words are found in {event.vectors}: is it of another language, or its "
            "words in another case?"
        )
    if event.init and event.init_labels is not None:
        new = [label for label in event.labels if label not in event.init_labels]
        gone = [label for label in event.init_labels if label not in event.labels]
        if len(new) == len(event.labels):
            yield f"note: {event.init} has other labels, so its output layer is not used"
        elif new:
            yield f"note: {event.init} has no {', '.join(new)}, which starts from scratch"
        if gone and len(new) < len(event.labels):
            yield f"note: the data have no {', '.join(gone)}, which {event.init} has"
    if event.slower:
        yield f"note: {event.slower}; float32 is slower"
    if event.history:
        yield f"resumed     after epoch {event.history[-1].epoch}"


def describe_saved(event: Saved) -> Iterator[str]:
    """Yield how good the kept model is, and the next command."""
    low, high = event.valid.interval
    training = event.bundle.training
    columns = zip(*event.valid.confusion, strict=True)
    never = [
        score.label
        for score, column in zip(event.valid.labels, columns, strict=True)
        if score.support and not sum(column)
    ]
    if never:
        is_uneven = training.class_weights != "balanced" and 2 * min(event.counts) < max(
            event.counts
        )
        hint = ": try --class-weights balanced" if is_uneven else ""
        yield f"warning: never predicted on validation: {', '.join(never)}{hint}"
    yield (
        f"validation accuracy {event.valid.accuracy:.2%} ({low:.2%} to {high:.2%}), "
        f"as {event.bundle.config.onnx} ONNX"
    )
    for name, result in source_results(event.bundle):
        yield f"  {name}: {result}"
    is_tested = bool(training.test) or any("test" in splits_of(name) for name in training.data)
    yield f"next: senticli eval --split {'test' if is_tested else 'valid'}"


def describe_search(event: Searched) -> Iterator[str]:
    """Yield a table of the best trials, and the command that trains the best again."""
    ranked = sorted(event.trials, key=_rank)
    # One of them is the best; others were, at their time.
    others = [dataclasses.replace(trial, best=False) for trial in ranked[1:TRIALS_SHOWN]]
    rows = [TRIAL_COLUMNS, *map(trial_cells, [*ranked[:1], *others])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for *cells, settings in rows:  # which may be wider than any terminal
        padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=False)]
        yield "  ".join([*padded, settings])
    if len(ranked) > TRIALS_SHOWN:
        yield f"and {len(ranked) - TRIALS_SHOWN} more"
    yield ""
    yield f"the best, trained again: {event.command}"


def _rank(trial: Trial) -> tuple[bool, float]:
    """Return what puts the best trial first: those that are done, by their loss."""
    return trial.state != "done", math.inf if trial.loss is None else trial.loss


def clock(seconds: float) -> str:
    """Return a time as minutes:seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def epoch_cells(result: EpochResult) -> list[str]:
    """Return the cells of an epoch, under :data:`EPOCH_COLUMNS`."""
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


def epoch_table(epochs: Sequence[EpochResult], width: int = WIDTH) -> "Table":
    """Return epochs as a table for a terminal that is ``width`` wide."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    is_shown = [width >= WIDTH or name not in SPARED for name in EPOCH_COLUMNS]
    for name in compress(EPOCH_COLUMNS, is_shown):
        table.add_column(name, justify="right")
    for result in epochs:
        cells = compress(epoch_cells(result), is_shown)
        table.add_row(*cells, style="bold" if result.best else "dim")
    return table


def trial_cells(trial: Trial) -> list[str]:
    """Return the cells of a trial, under :data:`TRIAL_COLUMNS`."""
    return [
        str(trial.number),
        "–" if trial.loss is None else f"{trial.loss:.4f}",
        "–" if trial.accuracy is None else f"{trial.accuracy:.2%}",
        str(trial.epochs),
        clock(trial.seconds),
        "best" if trial.best else "" if trial.state == "done" else trial.state,
        as_options(trial.settings),
    ]


def as_options(settings: Mapping[str, Any]) -> str:
    """Return settings as options."""
    return " ".join(f"{flag_of(name)} {value}" for name, value in settings.items())


def estimate_fields(event: Estimate) -> dict[str, Any]:
    """Return the fields of an estimate's JSON."""
    return {
        "labels": event.labels,
        "words_a_text": event.tokens_per_text,
        "vocabulary": event.vocab_size,
        "unknown_words": event.unknown,
        "epochs": event.epochs,
        "seconds": event.seconds,
    }


def print_estimate(event: Estimate) -> None:
    """Print an estimate on stdout."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("label")
    for split in event.labels:
        table.add_column(split, justify="right")
        table.add_column("", justify="right")
    for label in event.labels["train"]:
        cells = []
        for counts in event.labels.values():
            cells += [f"{counts[label]:,}", f"{counts[label] / sum(counts.values()):.1%}"]
        table.add_row(console.markup(label), *cells)
    console.print_table(table)
    lengths = ", ".join(f"{name} {count:,}" for name, count in event.tokens_per_text.items())
    print(f"tokens a text  {lengths}")
    unknown = f"{event.unknown:.1%} of validation's are not in it"
    print(f"vocabulary     {event.vocab_size:,} tokens; {unknown}")
    minutes, seconds = divmod(round(event.seconds), 60)
    epochs = f"{event.epochs} epoch{'s' * (event.epochs != 1)}"
    print(f"time           about {minutes} min {seconds} s for {epochs} here")
