"""Training from start to end: from settings to a written model, as events.

train           the whole of it, for Python users
run_training    a recipe, from its data to the model in its folder
resume_training the same, from where one was stopped
estimate        read the data and time some batches; nothing is written
"""

import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from senticli import registry
from senticli.bundle import Bundle
from senticli.config import Recipe, TrainConfig
from senticli.data.catalogue import DATASETS
from senticli.data.checks import check, reject, rows_of
from senticli.data.labels import parse_label_map
from senticli.data.mix import mixture_of
from senticli.data.splits import (
    Sources,
    Split,
    TrainingData,
    load_training_data,
    require_file,
    unlabelled_of,
)
from senticli.data.vectors import cached_vectors
from senticli.download import installed
from senticli.errors import SenticliError, UsageError
from senticli.events import Finding, Message, ignore
from senticli.io import atomic
from senticli.training.events import (
    BatchResult,
    DataChecked,
    Diverged,
    Estimate,
    Exporting,
    Mixed,
    OnEvent,
    Saved,
    Step,
    Stopped,
)
from senticli.training.packages import imported
from senticli.training.processes import join_processes
from senticli.training.recipe import (
    asked_recipe,
    free_target,
    place_of,
    recipe_of,
    target_of,
)

if TYPE_CHECKING:
    from senticli.model import Model
    from senticli.training.checkpoint import Checkpoint, Unfinished
    from senticli.training.session import EncodedData, Session
    from senticli.training.trainer import Trainer

TIMED, TIMED_SECONDS = 20, 15.0
"""Batches, or seconds, from which the time of a training is estimated."""


def train(
    data: str | Path | list[str | Path] | None = None,
    *,
    name: str | None = None,
    output: str | Path | None = None,
    preset: str | None = None,
    resume: bool = False,
    force: bool = False,
    strict: bool = False,
    on_event: OnEvent = ignore,
    **settings: Any,
) -> "Model":
    """Train a model, make it the default of :func:`senticli.load`, and return it.

    Args:
        data: a data set or file, or several; None means IMDB.
        name: what the model is called in the data dir; None makes one of recipe and time.
        output: a folder for the model, in place of a name.
        preset: the settings to start from: ``best``, ``student`` or ``notebook``; or the default.
        resume: continue the training of that name or folder that was stopped, with its settings.
        force: replace a model, or an unfinished training, of that name or folder.
        strict: fail on problems of the data.
        on_event: called with each event, see :mod:`senticli.training.events`.
        settings: of :class:`senticli.ModelConfig` and :class:`senticli.TrainConfig`. Files may be
            paths, ``teacher`` and ``init`` models that are loaded, and ``mix`` a list.

    Raises:
        SenticliError: a setting, the data or the machine do not allow it.
        KeyboardInterrupt: it was interrupted; the best epoch so far is kept.
    """
    from senticli.model import Model

    given = {**settings, "data": data}
    folder = Path(output) if output else None
    if resume:
        recipe = asked_recipe(given, preset)
        asked = target_of(recipe or Recipe(), name, folder) if name or folder else None
        return Model(resume_training(asked, recipe, on_event=on_event))
    recipe = recipe_of(given, preset)
    target = target_of(recipe, name, folder)
    return Model(run_training(recipe, target, force=force, strict=strict, on_event=on_event))


@dataclass(frozen=True)
class _Task:
    """What is to be trained, and ``resumed``, what was trained of it before."""

    recipe: Recipe
    target: Path
    command: str
    resumed: "Unfinished | None" = None


def run_training(
    recipe: Recipe,
    target: Path,
    *,
    command: str = "",
    strict: bool = False,
    force: bool = False,
    stopping: Callable[[], bool] = lambda: False,
    on_event: OnEvent = ignore,
) -> Bundle:
    """Train what a recipe says, and write the model to a folder.

    Args:
        recipe: model and training.
        target: the folder.
        command: the command line, for the provenance.
        strict: fail on problems of the data.
        force: replace a model, or an unfinished training, that is there.
        stopping: asked after every batch; true stops the training.
        on_event: called with each event.

    Raises:
        SenticliError: it cannot be done. If the loss is no longer a number, the best epoch is
            kept before.
        Stopped: it was stopped; the best epoch is kept.
    """

    def task() -> _Task:
        free = free_target(recipe, target, force=force)
        with imported():
            from senticli.training.checkpoint import path_of

        if path_of(free).exists() and not force:
            raise SenticliError(
                f"there is an unfinished training of {free.name}",
                f"resume it: {_resuming(free)}; or start again with `force=True`",
            )
        return _Task(recipe, free, command)

    return _run(task, strict, stopping, on_event)


def _run(
    find_task: Callable[[], _Task],
    strict: bool,
    stopping: Callable[[], bool],
    on_event: OnEvent,
) -> Bundle:
    """Train, in all processes of ``torchrun``; see :func:`run_training`."""
    with ExitStack() as stack:
        processes = stack.enter_context(join_processes(on_event))

        def begin() -> "tuple[_Task, Session]":
            task = find_task()
            session = prepare(task.recipe, strict=strict, on_event=on_event)
            _keep_others_out(stack, task.target)
            if task.resumed:
                task = replace(task, resumed=task.resumed.loaded(session.data.sources))
            return task, session

        task, session = processes.from_first(begin)
        session = session.shared_by(processes)
        return _train(task, session, stopping, on_event)


def _train(
    task: _Task, session: "Session", stopping: Callable[[], bool], on_event: OnEvent
) -> Bundle:
    """Train a session, or the rest of it; the first process writes."""
    from senticli.training.checkpoint import Checkpoint

    processes, target = session.processes, task.target
    is_first = not processes.rank
    checkpoint = Checkpoint(
        task.recipe, target, task.command, session.data.sources, session.machine
    )

    def on_batch(result: BatchResult) -> None:
        on_event(result)
        if is_first and checkpoint.due:
            _save_checkpoint(checkpoint, trainer, on_event)

    trainer = session.trainer(on_batch, stopping=stopping)
    if task.resumed:
        task.resumed.restore(trainer)
        if task.resumed.machine != session.machine:
            on_event(Message("note", f"it began on another machine: {task.resumed.machine}"))
    elif is_first:
        checkpoint.remove()
    on_event(session.started(trainer.history))
    try:
        for result in trainer.fit():
            if is_first:
                _save_checkpoint(checkpoint, trainer, on_event)
            on_event(result)
    except KeyboardInterrupt as error:
        if is_first and isinstance(error, Stopped):
            _save_checkpoint(checkpoint, trainer, on_event)
        stopped = error if isinstance(error, Stopped) else Stopped()
        if is_first:
            _keep_best(session, trainer, target, checkpoint, on_event)
        stopped.path, stopped.resumable = target, checkpoint.path.exists()
        stopped.best = trainer.best.epoch if trainer.best else None
        raise stopped from None
    except SenticliError as error:
        if is_first:
            _keep_best(session, trainer, target, checkpoint, on_event)
            if isinstance(error, Diverged) and trainer.best:
                checkpoint.remove()
        raise

    def finish() -> Bundle:
        _keep_best(session, trainer, target, checkpoint, on_event)
        checkpoint.remove()
        return Bundle.open(target)

    return processes.from_first(finish)


def resume_training(
    target: Path | None,
    recipe: Recipe | None = None,
    *,
    stopping: Callable[[], bool] = lambda: False,
    on_event: OnEvent = ignore,
) -> Bundle:
    """Continue the unfinished training of a folder, or else the one that was stopped last.

    Raises:
        UsageError: ``recipe`` is given and is not that of the training.
        SenticliError: there is none; or as :func:`run_training`.
    """

    def task() -> _Task:
        with imported():
            from senticli.training.checkpoint import find

        unfinished = find(target.resolve() if target else None)
        if recipe is not None and recipe != unfinished.recipe:
            raise UsageError(
                "these are not the settings that the unfinished training was started with",
                f"leave them out: {_resuming(unfinished.target)}",
            )
        free = free_target(unfinished.recipe, unfinished.target, force=True)
        return _Task(unfinished.recipe, free, unfinished.command, unfinished)

    return _run(task, False, stopping, on_event)


def _resuming(target: Path) -> str:
    """Return the step that resumes the training of a folder."""
    setting, value = place_of(target)
    return f"`train(resume=True, {setting}={shlex.quote(value)})`"


def estimate(recipe: Recipe, *, strict: bool = False, on_event: OnEvent = ignore) -> Estimate:
    """Read the data that a recipe names, and time a few batches; nothing is written.

    No word vectors are learned and no teacher is asked: what that adds is reported, not timed. But
    what they are made of is read, and checked.
    """
    config = recipe.train
    if config.has_own_vectors:
        on_event(Message("note", "the time to learn word vectors is not included"))
    if config.teacher:
        on_event(Message("note", "the teachers, and the unlabelled texts, are not included"))
    session = prepare(recipe, strict=strict, dry=True, on_event=on_event)
    on_event(Step("timing some batches"))
    pace = _Pace()
    with suppress(_EnoughTimed):
        for _ in session.trainer(pace.batch).fit():
            pass  # so little data that an epoch was over before enough was seen
    return session.estimate(pace.seconds_per_batch)


# --- the data


def prepare(
    recipe: Recipe,
    *,
    strict: bool = False,
    dry: bool = False,
    on_event: OnEvent = ignore,
) -> "Session":
    """Read what a recipe names and build its network.

    Args:
        recipe: model and training.
        strict: fail on problems of the data.
        dry: read teachers and unlabelled texts, but learn nothing from them.
        on_event: called with each event.
    """
    with imported():
        from senticli.training.session import build_session

    data = read_data(recipe, strict=strict, dry=dry, on_event=on_event)
    on_event(Step("building the network"))
    return build_session(recipe, data)


def read_data(
    recipe: Recipe,
    *,
    strict: bool = False,
    dry: bool = False,
    on_event: OnEvent = ignore,
) -> "EncodedData":
    """Read, check and encode what a recipe names; see :func:`prepare`."""
    # Before torch is loaded, so that what is missing is said at once.
    on_event(Step("reading the data"))
    with imported():
        from senticli.training.teachers import check_labels, teach, teachers_of

    _require_sources(recipe.train)
    teachers = teachers_of(recipe.train)
    found = [finding for teacher in teachers for finding in teacher.findings]
    checked = _checked_data(recipe, found, strict=strict, on_event=on_event)
    check_labels(teachers, checked.labels)
    init = registry.find(recipe.train.init) if recipe.train.init else None
    published = recipe.train.published_vectors
    cache = cached_vectors(published) if published else None
    on_event(Step("loading torch"))
    with imported():
        from senticli.training.device import choose_device
        from senticli.training.session import encode_data

    choose_device(recipe.train.device)  # before the long work, in case there is none
    if dry:
        recipe = replace(recipe, train=replace(recipe.train, vectors=published or "none"))
        checked = replace(checked, unlabelled=Split([], []))
    elif teachers:
        on_event(Step("reading the teachers"))
        checked = teach(checked, teachers, recipe.train.teacher_weight, on_event)
    mixed = mixture_of(checked, recipe.train).train
    if len(mixed) > 1:
        on_event(Mixed(mixed))
    on_event(Step("tokenizing"))
    return encode_data(recipe, checked, cache, init, on_event)


def _require_sources(config: TrainConfig) -> None:
    """Raise SenticliError if something that is named is not there."""
    unlabelled = unlabelled_of(config)
    for name in (*config.data, *config.valid, *config.test, *unlabelled):
        if name not in DATASETS:
            require_file(name)
    installed.require([*config.data, *unlabelled, config.published_vectors or ""])


def _checked_data(
    recipe: Recipe, of_teachers: Sequence[Finding], *, strict: bool, on_event: OnEvent
) -> TrainingData:
    """Return the examples that a recipe names; what is suspicious is reported before any error.

    So is what was found ``of_teachers``.
    """
    config = recipe.train
    sources = Sources()
    try:
        data = load_training_data(config, sources)
    except SenticliError:
        if findings := rows_of(sources.problems):  # which may explain it
            on_event(DataChecked({}, {}, findings, own=True))
        raise
    for note in (note for part in data.unlabelled.parts for note in part.source.notes):
        on_event(Message("note", note))
    splits = {"train": data.train, "valid": data.valid}
    mapped = parse_label_map(config.label_map)
    checks = check(splits if data.test is None else {**splits, "test": data.test}, mapped)
    if data.leaks:
        dropped = ", ".join(f"{count:,} of {name}" for name, count in data.leaks.items())
        what = "training texts in a validation or test split are left out"
        on_event(Message("note", f"{what}: {dropped}"))
    findings = [*checks.findings, *of_teachers]
    own = bool(of_teachers) or not set(config.data) <= set(DATASETS)
    on_event(DataChecked(checks.labels, checks.soft, findings, own))
    if strict:
        reject(findings)
    return data


# --- what is kept


def _keep_others_out(stack: ExitStack, target: Path) -> None:
    """Until ``stack`` ends, keep other trainings from writing ``target``."""
    from senticli.training.checkpoint import path_of

    path = path_of(target)

    def refuse() -> None:
        raise SenticliError(
            f"{target.name} is being trained by another process", "choose another: `name=NAME`"
        )

    with suppress(OSError):  # a folder that cannot be written: no checkpoints either
        path.parent.mkdir(parents=True, exist_ok=True)
        stack.enter_context(atomic.exclusive(atomic.lock_of(path), refuse))


def _save_checkpoint(checkpoint: "Checkpoint", trainer: "Trainer", on_event: OnEvent) -> None:
    """Write a checkpoint; a training is not lost because one cannot be written."""
    try:
        checkpoint.save(trainer)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        on_event(Message("warning", f"no checkpoint: {reason}: {checkpoint.path}"))


def _keep_best(
    session: "Session",
    trainer: "Trainer",
    target: Path,
    checkpoint: "Checkpoint",
    on_event: OnEvent,
) -> None:
    """Write the best epoch so far, if there is one, and make it the default model."""
    if trainer.best is None:
        return
    with uninterrupted():
        on_event(Exporting())
        saved = write_best(session, trainer, target, checkpoint.command)
        on_event(saved)
        make_default(target, on_event)


def write_best(session: "Session", trainer: "Trainer", target: Path, command: str) -> Saved:
    """Write the best epoch so far as the bundle ``target``."""
    from senticli.training.session import save

    trainer.restore_best()
    return save(session, target, history=trainer.history, command=command)


def make_default(target: Path, on_event: OnEvent) -> None:
    """Make the bundle ``target`` the default model."""
    try:
        registry.remember(target)
    except OSError as error:
        on_event(Message("warning", f"this model is not the default of predict and eval: {error}"))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C, pressed once more, from throwing away what is being saved."""
    if threading.current_thread() is not threading.main_thread():  # only that one gets signals
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


# --- how long it takes


class _EnoughTimed(Exception):
    """Enough batches were timed."""


class _Pace:
    """Times some batches."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def batch(self, result: BatchResult) -> None:
        """Note the time; raise _EnoughTimed where there are enough."""
        self._times.append(time.perf_counter())
        if len(self._times) > TIMED or self._times[-1] - self._times[0] > TIMED_SECONDS:
            raise _EnoughTimed

    @property
    def seconds_per_batch(self) -> float:
        """The mean; the first batch is slow and left out: kernels are made for its shape."""
        steps = len(self._times) - 1
        return (self._times[-1] - self._times[0]) / steps if steps else 0.0
