"""How a search for better settings is shown: a line a trial, a table at the end, or JSON."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from senticli.cli import console
from senticli.cli.views.train import JsonView, PlainView, TerminalView, clock

if TYPE_CHECKING:
    from senticli.training.search import Trial
    from senticli.training.trainer import BatchResult

SHOWN = 10  # trials in the table at the end
COLUMNS = ("trial", "valid loss", "accuracy", "epochs", "time", "", "settings")


class PlainSearchView(PlainView):
    """One line a trial on stderr."""

    def searching(self, trials: "Sequence[Trial]", seconds: int) -> None:
        """The search begins, or goes on after ``trials``."""
        if trials:
            spent = sum(trial.seconds for trial in trials)
            console.say(f"going on after {len(trials)} trials in {clock(spent)}")

    def trial_started(self, number: int, settings: Mapping[str, Any]) -> None:
        """A trial begins."""

    def trial(self, trial: "Trial") -> None:
        """A trial is over."""
        *cells, state, settings = row(trial)
        named = [f"{name} {cell}" for name, cell in zip(COLUMNS, cells, strict=False)]
        console.say("  ".join(filter(None, [*named, state, settings])))

    def search_stopped(self, best: "Trial | None", again: str, path: Path) -> None:
        """The search has stopped before its time; ``again`` is how to go on."""
        if best:
            console.say(f"the search was stopped; the model of trial {best.number} was kept")
            self._print(str(path))
        else:
            console.say("the search was stopped before a trial was done; there is no model yet")
        console.say(f"go on: {again}")

    def searched(self, trials: "Sequence[Trial]", command: str, path: Path) -> None:
        """The time is up: the best trials, and the best model, whose folder is the answer."""
        ranked = sorted(trials, key=_rank)
        # One of them is the best; others were, at their time.
        others = [dataclasses.replace(trial, best=False) for trial in ranked[1:SHOWN]]
        rows = [COLUMNS, *map(row, [*ranked[:1], *others])]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        console.say("")
        for *cells, settings in rows:  # which may be wider than any terminal
            padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=False)]
            console.say("  ".join([*padded, settings]))
        if len(ranked) > SHOWN:
            console.say(f"and {len(ranked) - SHOWN} more")
        console.say(f"\nthe best, trained again: {command}")
        self._print(str(path))


class JsonSearchView(JsonView, PlainSearchView):
    """One object a trial, and one for the best model, on stdout."""

    def trial(self, trial: "Trial") -> None:
        """Print a trial."""
        self._print({"event": "trial", **dataclasses.asdict(trial)})

    def search_stopped(self, best: "Trial | None", again: str, path: Path) -> None:
        """Print which trial is the best so far."""
        number = best.number if best else None
        self._print({"event": "stopped", "best": number, "path": best and str(path)})
        console.say(f"go on: {again}")

    def searched(self, trials: "Sequence[Trial]", command: str, path: Path) -> None:
        """Print which trial was the best."""
        best = [trial.number for trial in trials if trial.best][-1]
        self._print({"event": "searched", "best": best, "command": command, "path": str(path)})


class LiveSearchView(TerminalView, PlainSearchView):
    """A line a trial, and under them a bar for the trial that is running."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        super().__init__()
        self._progress = Progress(
            TextColumn("trial {task.fields[trial]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, trial="", state="")

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._progress.stop()

    def searching(self, trials: "Sequence[Trial]", seconds: int) -> None:
        """Take the spinner away, and show the bar."""
        self._status.stop()
        super().searching(trials, seconds)
        self._progress.start()

    def trial_started(self, number: int, settings: Mapping[str, Any]) -> None:
        """Begin the bar anew."""
        self._progress.reset(self._task, trial=str(number), state="")

    def batch(self, result: "BatchResult") -> None:
        """Move the bar."""
        self._progress.update(
            self._task,
            completed=(result.epoch - 1) * result.batches + result.batch,
            total=result.epochs * result.batches,
            state=f"epoch {result.epoch}/{result.epochs}  loss {result.loss:.4f}",
        )

    def search_stopped(self, best: "Trial | None", again: str, path: Path) -> None:
        """Take the bar away, and say how to go on."""
        self._progress.stop()
        super().search_stopped(best, again, path)

    def searched(self, trials: "Sequence[Trial]", command: str, path: Path) -> None:
        """Take the bar away, and show the table."""
        self._progress.stop()
        super().searched(trials, command, path)


def _rank(trial: "Trial") -> tuple[bool, float]:
    """Return what puts the best trial first: those that are done, by their loss."""
    return trial.state != "done", math.inf if trial.loss is None else trial.loss


def row(trial: "Trial") -> list[str]:
    """The cells of a trial, under :data:`COLUMNS`."""
    return [
        str(trial.number),
        "–" if trial.loss is None else f"{trial.loss:.4f}",
        "–" if trial.accuracy is None else f"{trial.accuracy:.2%}",
        str(trial.epochs),
        clock(trial.seconds),
        "best" if trial.best else "" if trial.state == "done" else trial.state,
        options(trial.settings),
    ]


def options(settings: Mapping[str, Any]) -> str:
    """Settings as options."""
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in settings.items())
