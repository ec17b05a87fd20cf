"""Running a training: from the recipe to the written bundle, on whatever view shows it."""

import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from senticli import paths, registry
from senticli.bundle import BUNDLED
from senticli.cli.console import say, stderr_is_terminal
from senticli.cli.errors import exit_code_of
from senticli.cli.options import command_line
from senticli.cli.views.plot import draw
from senticli.cli.views.train import PlainView
from senticli.config import Recipe
from senticli.data.catalogue import DATASETS
from senticli.data.checks import Checks, check, rows_of
from senticli.data.splits import Sources, load_training_data, require_file
from senticli.data.vectors import cached_vectors
from senticli.download import installed
from senticli.errors import SenticliError, UsageError
from senticli.io import atomic

if TYPE_CHECKING:
    from senticli.training.checkpoint import Checkpoint, Run
    from senticli.training.processes import Processes
    from senticli.training.session import Saved, Session, Texts
    from senticli.training.trainer import BatchResult, Trainer


View = TypeVar("View", bound=PlainView)

TIMED, TIMED_SECONDS = 20, 15.0
"""Batches, or seconds, from which the time of a training is estimated."""


def named(name: str | None, recipe: Recipe) -> Path:
    """Where the model ``name`` is kept; without a name, one is made of recipe and time."""
    if name is None:
        model, seed = recipe.model, recipe.train.seed
        data = "-".join(Path(part).stem for part in recipe.train.data)
        network = f"{model.rnn}-{model.layers}x{model.hidden}"
        name = f"{network}-{data}-seed{seed}-{datetime.now():%Y%m%d-%H%M%S}"
    elif not name or Path(name).name != name or name.startswith(".") or name == BUNDLED:
        raise UsageError(f"--name {name!r} cannot be a model's name", "use a plain word")
    return paths.models_dir() / name


def run(
    recipe: Recipe,
    target: Path,
    view: PlainView,
    *,
    strict: bool = False,
    force: bool = False,
    plot: Path | None = None,
    resumed: "Run | None" = None,
) -> None:
    """Train what ``recipe`` says, show it on ``view``, and write the bundle ``target``.

    ``resumed`` is the unfinished training to go on with. An interrupt, or a loss that is not a
    number, keeps the best epoch before it ends the command. With ``strict``, what is odd about the
    data is an error. ``plot`` is the picture to draw of its course.
    """
    target = free_target(recipe, target, force=force or resumed is not None)
    checkpoints = part("checkpoint")
    path = checkpoints.path_of(target)
    if path.exists() and not resumed and not force:
        raise SenticliError(
            f"there is an unfinished training of {target.name}",
            f"go on with it: {_resuming(target)}; or start anew with --force",
        )
    with ExitStack() as stack:
        session = prepare(recipe, view, stack, strict=strict)
        first = not session.processes.rank
        size = session.processes.size
        command = resumed.command if resumed else command_line(*sys.argv[1:], processes=size)
        checkpoint = checkpoints.Checkpoint(
            recipe, target, command, session.texts.sources, session.machine
        )
        if first:
            _only_one(stack, path, target)
        stop = stack.enter_context(stopping_on_signals(view))

        def on_batch(result: "BatchResult") -> None:
            view.batch(result)
            if first and checkpoint.due:
                _save(checkpoint, trainer)

        trainer = session.trainer(on_batch, stopping=lambda: bool(stop))
        if resumed:
            resumed.restore(trainer, session.texts.sources)
            if resumed.machine != session.machine:
                say(f"note: it began on another machine: {resumed.machine}")
        elif first:
            checkpoint.remove()
        view.start(session, trainer.history)
        stopped: BaseException | None = None
        try:
            for result in trainer.fit():
                if first:
                    _save(checkpoint, trainer)
                view.epoch(result)
        except KeyboardInterrupt as error:
            stopped = error
            if first and isinstance(error, part("trainer").Stopped):
                _save(checkpoint, trainer)
        except SenticliError as error:
            if trainer.best is None:
                raise
            stopped = error
        if first:
            with uninterrupted():
                keep(session, trainer, target, view, command)
                if stopped is None or isinstance(stopped, part("trainer").Diverged):
                    checkpoint.remove()  # else it is to go on from
        if not stopped:
            session.processes.wait()  # until the first has written
        if first and plot and trainer.history:
            draw(trainer.history, target.name, plot)
            say(f"learning curves: {plot}")
        if isinstance(stopped, KeyboardInterrupt):
            view.stopped(trainer.best, _resuming(target, plot) if path.exists() else None)
            raise typer.Exit(128 + (stop[0] if stop else signal.SIGINT))
        if stopped:
            raise stopped


def free_target(recipe: Recipe, target: Path, *, force: bool) -> Path:
    """Where the bundle ``target`` goes, in full; see :func:`store.check_target`."""
    target = registry.check_target(target, force=force)
    if recipe.train.init and registry.find(recipe.train.init).path.resolve() == target:
        raise UsageError(
            f"{target.name} is the model to start from", "give the new one another --name"
        )
    return target


def _only_one(stack: ExitStack, path: Path, target: Path) -> None:
    """Until ``stack`` ends, keep other processes from the training whose checkpoint is ``path``."""

    def refuse() -> None:
        raise SenticliError(
            f"{target.name} is being trained by another process", "choose another: --name NAME"
        )

    with suppress(OSError):  # a folder that cannot be written: no checkpoints either
        path.parent.mkdir(parents=True, exist_ok=True)
        stack.enter_context(atomic.exclusive(atomic.lock_of(path), refuse))


def _save(checkpoint: "Checkpoint", trainer: "Trainer") -> None:
    """Write a checkpoint; a training is not lost because one cannot be written."""
    try:
        checkpoint.save(trainer)
    except OSError as error:
        say(f"warning: no checkpoint: {(error.strerror or str(error)).lower()}: {checkpoint.path}")


def resume(
    target: Path | None, recipe: Recipe | None, view: PlainView, *, plot: Path | None
) -> None:
    """Go on with the unfinished training of ``target``, or else the one stopped last.

    Raises:
        UsageError: ``recipe`` is given and is not that of the training.
    """
    run_ = part("checkpoint").find(target.resolve() if target else None)
    if recipe is not None and recipe != run_.recipe:
        raise UsageError(
            "these are not the settings that the unfinished training was started with",
            f"leave them out: {_resuming(run_.target)}",
        )
    run(run_.recipe, run_.target, view, plot=plot, resumed=run_)


@contextmanager
def shown(plain: type[View], live: type[View], json: type[View] | None) -> Iterator[View]:
    """What shows a training: of several processes, only the first is seen."""
    # Schedulers of clusters set RANK too; torchrun always says how many processes there are.
    if os.environ.get("WORLD_SIZE", "1") != "1" and os.environ.get("RANK", "0") != "0":
        with ExitStack() as stack:
            nowhere = stack.enter_context(Path(os.devnull).open("w"))
            stack.enter_context(redirect_stdout(nowhere))
            stack.enter_context(redirect_stderr(nowhere))
            try:
                yield plain()
            except SenticliError as error:
                time.sleep(5)  # torchrun ends them all with the first: let that one say it
                raise typer.Exit(exit_code_of(error)) from None
        return
    view = (json or (live if stderr_is_terminal() else plain))()
    with view:
        yield view
    if view.unprinted:  # what was learned is saved all the same
        raise view.unprinted


def keep(
    session: "Session", trainer: "Trainer", target: Path, view: PlainView, command: str
) -> None:
    """Write the best epoch so far, if there is one, as the bundle ``target``."""
    if trainer.best is None:
        return
    with view.saving():
        saved = write(session, trainer, target, command)
    view.saved(saved)
    remember(target)


def write(session: "Session", trainer: "Trainer", target: Path, command: str) -> "Saved":
    """Write the best epoch so far as the bundle ``target``."""
    trainer.restore_best()
    saved: Saved = part("session").save(session, target, history=trainer.history, command=command)
    return saved


def remember(target: Path) -> None:
    """Make the bundle ``target`` the default of the other commands."""
    try:
        registry.remember(target)
    except OSError as error:
        say(f"warning: this model is not the default of predict and eval: {error}")


def look(recipe: Recipe, view: PlainView, *, strict: bool, as_json: bool) -> None:
    """Look at the data that ``recipe`` names, and time a few batches; nothing is written."""
    with ExitStack() as stack:
        session = prepare(recipe, view, stack, strict=strict)
        view.step("timing some batches")
        pace = _Pace()
        with suppress(_Enough):
            for _ in session.trainer(pace.batch).fit():
                pass  # so little data that an epoch was over before enough was seen
        view.looked(session, pace.seconds_for(session), as_json=as_json)


def prepare(recipe: Recipe, view: PlainView, stack: ExitStack, *, strict: bool) -> "Session":
    """Read what ``recipe`` names and build its network, by all processes until ``stack`` ends."""
    texts, processes = read(recipe, view, stack, strict=strict)
    session: Session = part("session").prepare(recipe, texts, processes)
    return session


def read(
    recipe: Recipe, view: PlainView, stack: ExitStack, *, strict: bool
) -> "tuple[Texts, Processes]":
    """Read what ``recipe`` names; see :func:`prepare`."""
    view.step("reading the data")  # before torch, so that what is missing is said at once
    for name in (*recipe.train.data, *recipe.train.valid, *recipe.train.test):
        if name not in DATASETS:
            require_file(name)
    installed.require([*recipe.train.data, recipe.train.vectors])
    sources = Sources()
    try:
        data = load_training_data(recipe.train, sources)
    except SenticliError:
        if findings := rows_of(sources.problems):  # which may explain it
            view.checked(Checks({}, findings), own=True)
        raise
    splits = {"train": data.train, "valid": data.valid}
    checks = check(splits if data.test is None else {**splits, "test": data.test})
    view.checked(checks, own=not set(recipe.train.data) <= set(DATASETS))
    if strict and checks.findings:
        kinds = ", ".join(finding.what for finding in checks.findings)
        raise SenticliError(f"--strict: {kinds}", "fix the data, or leave out --strict")
    init = registry.find(recipe.train.init) if recipe.train.init else None
    vectors = recipe.train.vectors
    cache = None if vectors == "none" else cached_vectors(vectors)
    view.step("loading torch")
    device = part("device").choose_device(recipe.train.device)
    processes: Processes = stack.enter_context(part("processes").joined(device))
    if processes.rank:
        processes.wait()  # for what the first finds out and keeps
    texts: Texts = part("session").read(recipe, data, cache, view.step, init)
    if not processes.rank:
        processes.wait()
    view.step("building the network")
    return texts, processes


def _resuming(target: Path, plot: Path | None = None) -> str:
    """The command that goes on with the training of ``target``."""
    more = ["--plot", str(plot)] if plot else []
    size = int(os.environ.get("WORLD_SIZE", "1"))
    return command_line("train", "--resume", *named_by(target), *more, processes=size)


def named_by(target: Path) -> list[str]:
    """The options that say where the model goes."""
    stored = target.parent == paths.models_dir().resolve()
    return ["--name", target.name] if stored else ["--output", str(target)]


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
def stopping_on_signals(view: PlainView) -> Iterator[list[int]]:
    """A list that holds the signal which asks to stop, Ctrl-C or that of ``kill``, once it comes.

    A second Ctrl-C does not wait for the end of the batch.
    """
    came: list[int] = []

    def handle(number: int, _: object) -> None:
        if came and "WORLD_SIZE" not in os.environ:  # torchrun passes on what already came
            raise KeyboardInterrupt
        came.append(number)
        view.stopping()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C, pressed once more, from throwing away what is being saved."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def part(name: str, extra: str = "train") -> Any:
    """A module of ``senticli.training``, whose packages may not be installed."""
    try:
        return importlib.import_module(f"senticli.training.{name}")
    except (ImportError, OSError) as error:  # OSError: a library of torch's that does not load
        package = (getattr(error, "name", None) or "").partition(".")[0]
        if package == "senticli":
            raise
        if isinstance(error, ModuleNotFoundError):
            raise SenticliError(
                f"training needs the package {package}, which is not installed",
                f'in a checkout of senticli: pip install ".[{extra}]"',
            ) from error
        raise SenticliError(
            f"a package that training needs cannot be loaded: {error}",
            f'repair it: pip install --force-reinstall ".[{extra}]", in a checkout of senticli',
        ) from error
