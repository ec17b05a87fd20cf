"""Running a training: from the recipe to the written bundle, on whatever view shows it."""

import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from senticli import paths, store
from senticli.bundle import BUNDLED
from senticli.cli.console import say
from senticli.cli.train_view import PlainView
from senticli.config import Recipe
from senticli.data.catalogue import DATASETS
from senticli.data.checks import check
from senticli.data.datasets import load_training_data
from senticli.data.vectors import cached_vectors
from senticli.errors import SenticliError, UsageError

if TYPE_CHECKING:
    from senticli.training.session import Session
    from senticli.training.trainer import BatchResult


TIMED, TIMED_SECONDS = 20, 15.0
"""Batches, or seconds, from which the time of a training is estimated."""


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


def run(recipe: Recipe, target: Path, view: PlainView, *, strict: bool = False) -> None:
    """Train what ``recipe`` says, show it on ``view``, and write the bundle ``target``.

    An interrupt, or a loss that is not a number, keeps the best epoch before it ends the command.
    With ``strict``, what is odd about the data is an error.
    """
    session_module, trainer_class, session = _prepare(recipe, view, strict=strict)
    view.start(session)
    trainer = _trainer(trainer_class, session, view.batch)
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


def look(recipe: Recipe, view: PlainView, *, strict: bool, as_json: bool) -> None:
    """Look at the data that ``recipe`` names, and time a few batches; nothing is written."""
    _, trainer_class, session = _prepare(recipe, view, strict=strict)
    view.step("timing some batches")
    pace = _Pace()
    with suppress(_Enough):
        for _ in _trainer(trainer_class, session, pace.batch).fit(session.train, session.valid):
            pass  # so little data that an epoch was over before enough was seen
    view.looked(session, pace.seconds_for(session), as_json=as_json)


def _prepare(recipe: Recipe, view: PlainView, *, strict: bool) -> tuple[Any, Any, "Session"]:
    view.step("reading the data")  # before torch, so that what is missing is said at once
    data = load_training_data(recipe.train)
    splits = {"train": data.train, "valid": data.valid}
    checks = check(splits if data.test is None else {**splits, "test": data.test})
    view.checked(checks, own=not set(recipe.train.data) <= set(DATASETS))
    if strict and checks.findings:
        kinds = ", ".join(finding.what for finding in checks.findings)
        raise SenticliError(f"--strict: {kinds}", "mend the data, or leave out --strict")
    vectors = recipe.train.vectors
    cache = None if vectors == "none" else cached_vectors(vectors)
    view.step("loading torch")
    session_module, trainer_class = _import_training()
    return session_module, trainer_class, session_module.prepare(recipe, data, cache, view.step)


def _trainer(kind: Any, session: "Session", on_batch: Callable[["BatchResult"], None]) -> Any:
    return kind(
        session.model,
        session.recipe.train,
        rates=session.rates,
        weights=session.weights,
        on_batch=on_batch,
    )


class _Enough(Exception):
    """Enough batches were timed."""


class _Pace:
    """Times some batches."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def batch(self, result: "BatchResult") -> None:
        """A batch is done."""
        self._times.append(time.perf_counter())
        if len(self._times) > TIMED or self._times[-1] - self._times[0] > TIMED_SECONDS:
            raise _Enough

    def seconds_for(self, session: "Session") -> float:
        """How long the training would take, about."""
        # The first batch is slow: kernels are made for its shape.
        steps = len(self._times) - 1
        a_batch = (self._times[-1] - self._times[0]) / steps if steps else 0.0
        # A validation text is only run forward, at about a third of the work.
        share = 1 + session.valid.tokens / session.train.tokens / 3
        return a_batch * len(session.train) * session.recipe.train.epochs * share


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
