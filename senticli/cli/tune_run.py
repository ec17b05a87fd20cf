"""Running a search for better settings: its trials, on whatever view shows them."""

import os
import re
import shlex
import signal
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from senticli.bundle import Bundle
from senticli.cli.options import command_of
from senticli.cli.train_run import (
    free_target,
    named_by,
    part,
    read,
    remember,
    stopping_on_signals,
    uninterrupted,
    write,
)
from senticli.config import Recipe
from senticli.errors import SenticliError, UsageError
from senticli.io import atomic

if TYPE_CHECKING:
    from senticli.cli.views.tune import PlainSearchView
    from senticli.training.search import Trial

UNITS = {"h": 3600, "m": 60, "s": 1}
SUFFIX = ".tune.jsonl"


def seconds_of(text: str) -> int:
    """The seconds of a time such as ``30m`` or ``1h30m``. Raises UsageError."""
    parts = re.findall(r"(\d+)([hms])", text)
    if not parts or "".join(map("".join, parts)) != text:
        raise UsageError(f"--tune {text!r} is not a time", "use one such as 30m, 2h or 1h30m")
    seconds = sum(int(number) * UNITS[unit] for number, unit in parts)
    if not seconds:
        raise UsageError(f"--tune {text!r} is no time at all", "use one such as 30m, 2h or 1h30m")
    return seconds


def journal_of(target: Path) -> Path:
    """Where the trials of the search for the model ``target`` are kept."""
    checkpoint: Path = part("checkpoint").path_of(target)
    return checkpoint.with_suffix(SUFFIX)


def last_target() -> Path:
    """The model of the search that was run last. Raises SenticliError if there was none."""
    journal = part("checkpoint").newest(SUFFIX)
    target: Path | None = part("search", "tune").target_of(journal) if journal else None
    if target is None:
        raise SenticliError("there is no search to go on with", "start one: senticli train --tune")
    return target


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
    target = free_target(recipe, target, force=force or resume)
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
        module = part("search", "tune")
        texts, processes = read(recipe, view, stack, strict=strict)
        fixed = {*given, *(module.NETWORK if texts.init else ())}
        if not texts.init and texts.vectors_found is None:
            fixed.add("embedding_lr")

        def is_kept(trial: "Trial") -> bool:
            try:
                kept = Bundle.open(target)
            except SenticliError:
                return False
            return kept.config.provenance.get("command") == _command(recipe, trial, target)

        search = module.Search(journal, recipe, fixed, target, is_kept)
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
            again = shlex.join(named_by(target))
            best = search.best
            if best:
                remember(target)
            view.search_stopped(best, f"the same command with --resume {again}", target)
            raise typer.Exit(128 + (stop[0] if stop else signal.SIGINT)) from None
    remember(target)
    view.searched(search.trials, _command(recipe, search.best, target), target)


def _command(recipe: Recipe, trial: "Trial", target: Path) -> str:
    """The command that trains what ``trial`` was."""
    return command_of(recipe.with_settings(trial.settings), target.name)
