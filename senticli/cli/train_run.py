"""Running a training: from the recipe to the written bundle, on whatever view shows it."""

import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from senticli import paths, store
from senticli.bundle import BUNDLED
from senticli.cli.console import say
from senticli.cli.train_view import PlainView
from senticli.config import Recipe
from senticli.data.datasets import load_training_data
from senticli.data.vectors import cached_vectors
from senticli.errors import SenticliError, UsageError


def named(name: str | None, recipe: Recipe) -> Path:
    """Where the model ``name`` is kept; without a name, one is made of recipe and time."""
    if name is None:
        model, seed = recipe.model, recipe.train.seed
        data = "-".join(Path(part).stem for part in recipe.train.data)
        network = f"{model.rnn}-{model.layers}x{model.hidden}"
        name = f"{network}-{data}-seed{seed}-{datetime.now():%Y%m%d-%H%M%S}"
    elif Path(name).name != name or name.startswith(".") or name == BUNDLED:
        raise UsageError(f"--name {name!r} cannot be a model's name", "use a plain word")
    return paths.models_dir() / name


def run(recipe: Recipe, target: Path, view: PlainView) -> None:
    """Train what ``recipe`` says, show it on ``view``, and write the bundle ``target``.

    An interrupt, or a loss that is not a number, keeps the best epoch before it ends the command.
    """
    view.step("reading the data")  # before torch, so that what is missing is said at once
    data = load_training_data(recipe.train)
    vectors = recipe.train.vectors
    cache = None if vectors == "none" else cached_vectors(vectors)
    view.step("loading torch and spaCy")
    session_module, trainer_class = _import_training()
    session = session_module.prepare(recipe, data, cache, view.step)
    view.start(session)
    trainer = trainer_class(session.model, recipe.train, rates=session.rates, on_batch=view.batch)
    history: list[Any] = []
    stopped: BaseException | None = None
    started = time.perf_counter()
    try:
        for result in trainer.fit(session.train, session.valid):
            history.append(result)
            view.epoch(result)
    except (KeyboardInterrupt, SenticliError) as error:
        if trainer.best is None:
            raise
        stopped = error
    seconds = time.perf_counter() - started
    with view.saving(), _uninterrupted():
        best = trainer.restore_best()
        saved = session_module.save(
            session,
            target,
            history=history,
            command=shlex.join(["senticli", *sys.argv[1:]]),
            seconds=seconds,
        )
    view.saved(saved)
    try:
        store.remember(target)
    except OSError as error:
        say(f"warning: this model is not the default of predict and eval: {error}")
    if stopped:
        say(f"training stopped early; the best epoch so far, {best.epoch}, was kept")
    if isinstance(stopped, SenticliError):
        raise stopped
    if stopped:
        raise typer.Exit(130)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C, pressed once more, from throwing away what is being saved."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _import_training() -> tuple[Any, Any]:
    try:
        from senticli.training import session, trainer
    except ImportError as error:
        raise SenticliError(
            f"training needs packages that are not installed ({error.name})",
            'pip install "senticli[train]"',
        ) from None
    return session, trainer.Trainer
