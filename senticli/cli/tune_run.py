"""Running a search for better settings: its trials, on whatever view shows them."""

import os
import re
import sys
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from senticli import atomic, paths, store
from senticli.cli.console import say
from senticli.cli.train_run import (
    part,
    read,
    remember,
    stopping_on_signals,
    uninterrupted,
    write,
)
from senticli.config import Recipe
from senticli.errors import SenticliError, UsageError

if TYPE_CHECKING:
    from senticli.cli.tune_view import PlainSearchView
    from senticli.training.tune import Trial

UNITS = {"h": 3600, "m": 60, "s": 1}
SUFFIX = ".tune.jsonl"


def seconds_of(text: str) -> int:
    """The seconds of a time such as ``30m`` or ``1h30m``. Raises UsageError."""
    parts = re.findall(r"(\d+)([hms])", text)
    if not parts or "".join(map("".join, parts)) != text:
        raise UsageError(f"--tune {text!r} is not a time", "use one such as 30m, 2h or 1h30m")
    return sum(int(number) * UNITS[unit] for number, unit in parts)


def journal_of(target: Path) -> Path:
    """Where the trials of the search for the model ``target`` are kept."""
    checkpoint: Path = part("checkpoint").path_of(target)
    return checkpoint.with_suffix(SUFFIX)


def last_target() -> Path:
    """The model of the search that was run last. Raises SenticliError if there was none."""
    found = sorted(
        paths.checkpoints_dir().glob(f"*{SUFFIX}"), key=lambda file: file.stat().st_mtime
    )
    if not found:
        raise SenticliError("there is no search to go on with", "start one: senticli train --tune")
    return paths.models_dir() / found[-1].name.removesuffix(SUFFIX)


def tune(
    recipe: Recipe,
    target: Path,
    view: "PlainSearchView",
    *,
    seconds: int,
    given: Collection[str],
    strict: bool,
    force: bool,
    resume: bool,
) -> None:
    """Search for settings better than ``recipe``'s for ``seconds``; write the best as ``target``.

    Settings that are ``given`` stay as they are. The best model so far is written as soon as there
    is a better one. With ``resume``, the search of ``target`` goes on.
    """
    if "WORLD_SIZE" in os.environ:
        raise UsageError("--tune trains in one process", "start it without torchrun")
    target = store.check_target(target, force=force or resume)
    journal = journal_of(target)
    if resume and not journal.exists():
        raise SenticliError(
            f"there is no search of {target.name} to go on with", "leave out --resume"
        )
    if journal.exists() and not resume:
        if not force:
            raise SenticliError(
                f"there is a search of {target.name}", "go on with --resume, or anew with --force"
            )
        atomic.remove(journal)
    with ExitStack() as stack:
        module = part("tune", "tune")
        texts, processes = read(recipe, view, stack, strict=strict)
        fixed = {*given, *(module.NETWORK if texts.init else ())}
        if not texts.init and texts.vectors_found is None:
            fixed.add("embedding_lr")
        search = module.Search(journal, recipe, fixed, target)
        stop = stack.enter_context(stopping_on_signals(view))
        view.searching(search.trials, seconds)
        try:
            for trial, session, trainer in search.run(
                texts,
                processes,
                seconds,
                stopping=lambda: bool(stop),
                on_start=view.trial_started,
                on_batch=view.batch,
            ):
                view.trial(trial)
                if trial.best:
                    with uninterrupted():
                        write(session, trainer, target, _command(recipe, trial, target))
        except KeyboardInterrupt:
            say(f"the search was stopped; go on: the same command with --resume{_named(target)}")
            raise typer.Exit(130) from None
    best = next(trial for trial in reversed(search.trials) if trial.best)
    remember(target)
    view.searched(search.trials, _command(recipe, best, target), target)


def _command(recipe: Recipe, trial: "Trial", target: Path) -> str:
    """The command that trains what ``trial`` was."""
    return recipe.with_options(trial.settings).command(target.name)


def _named(target: Path) -> str:
    return f" --name {target.name}" if f"--name {target.name}" not in " ".join(sys.argv) else ""
