"""``senticli train``: from labelled examples to a model."""

import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senticli.cli.console import say, stderr_is_terminal
from senticli.cli.errors import exit_code_of, flag_of
from senticli.cli.options import (
    TRAINING_SETTINGS,
    Settings,
    command_line,
    command_of,
    with_default,
    with_settings,
)
from senticli.config import DATA, OUTPUT, PRESETS, TRAINING, Recipe
from senticli.errors import SenticliError, UsageError

if TYPE_CHECKING:
    from senticli.cli.views.train import Lines
    from senticli.training.processes import Launch

UNITS = {"h": 3600, "m": 60, "s": 1}
EXAMPLES = (
    "senticli train --data sample --vectors none",
    "senticli train --rnn lstm --layers 2",
    "senticli train --preset best",
    "senticli train --preset notebook --rnn gru --name notebook-gru",
    "senticli train --tune 30m --rnn gru",
    "senticli train --init bundled --data mine.csv --lr 0.0005",
    "senticli train --data mine.csv --label-column stars --class-weights balanced --dry-run",
)


@with_settings(*TRAINING_SETTINGS)
def train(
    *,
    settings: Settings,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Fail on problems of the data: rows without text or label, duplicates, "
            "texts with two labels or in two splits, suspicious labels.",
            rich_help_panel=DATA,
        ),
    ] = False,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="|".join(PRESETS),
            help=with_default(
                "Settings to start from, which other options override; best is more accurate, and "
                "slower.",
                "default",
            ),
            rich_help_panel=TRAINING,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help=with_default("Name of the model.", "recipe and time"),
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Write the model to this folder instead of the data dir.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Replace the model, or the unfinished training, that is there already.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Resume the training that was stopped, or killed, last; or that of --name or "
            "--output. Its settings are kept.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    tune: Annotated[
        str | None,
        typer.Option(
            "--tune",
            metavar="TIME",
            help="Try settings for as long, such as 30m or 2h, and keep the best model; options "
            "that are given stay. --resume continues.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="FILE.png|svg",
            help="Draw the learning curves into a picture.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only look at the data, and estimate the time.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print JSON on stdout: one object an epoch.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
) -> None:
    """Train a model and make it the default of `eval` and `predict`.

    Without options: a bidirectional GRU on IMDB, from word vectors learned from its reviews, in
    nine minutes on two cores. Ctrl-C ends training after the current batch and keeps the best
    epoch so far; --resume continues it. `torchrun --nproc-per-node 2 -m senticli train` trains in
    two processes; several nodes can share a training, too.
    """
    if dry_run and plot:
        raise UsageError("--dry-run trains nothing to plot", "leave out one of the two")
    if resume and (dry_run or force):
        raise UsageError(
            "--resume continues a training that was started", "leave out --dry-run and --force"
        )
    if tune and (dry_run or plot):
        raise UsageError("--tune is a search of its own", "leave out --dry-run and --plot")
    seconds = None if tune is None else seconds_of(tune)
    if (tune or dry_run) and launch().size > 1:
        option = "--tune" if tune else "--dry-run"
        raise UsageError(f"{option} trains in one process", "start it without torchrun")

    # Heavy imports stay inside: --help and completion do without numpy.
    from senticli.cli.views.plot import check_plot
    from senticli.training.processes import raised_in_all
    from senticli.training.recipe import asked_recipe, target_of

    asked = None
    if not launch().rank:  # the other processes take what the first one sends
        with raised_in_all():
            asked = asked_recipe(settings, preset)
    recipe = asked or Recipe()
    given = [setting for setting, value in settings.items() if value is not None]
    named = target_of(recipe, name, output) if name is not None or output else None
    if seconds:
        _search(recipe, named, seconds, given, as_json, strict=strict, force=force, resume=resume)
    elif dry_run:
        _estimate(recipe, as_json, strict=strict)
    else:
        plot = check_plot(plot) if plot else None
        _train(
            asked if resume else recipe,
            named,
            plot,
            as_json,
            strict=strict,
            force=force,
            resume=resume,
        )


def _train(
    recipe: Recipe | None,
    named: Path | None,
    plot: Path | None,
    as_json: bool,
    *,
    strict: bool,
    force: bool,
    resume: bool,
) -> None:
    """Train or resume; draw the learning curves, whether it was stopped or not."""
    from senticli.cli.views.plot import draw
    from senticli.training.events import EpochResult, Event, Started, Stopped
    from senticli.training.recipe import target_of
    from senticli.training.run import resume_training, run_training

    epochs: list[EpochResult] = []
    signals: list[int] = []
    with shown(as_json) as view, ExitStack() as stack:

        def on_event(event: Event) -> None:
            if isinstance(event, Started):
                stack.enter_context(stopping_on_signals(view, signals))
                epochs.extend(event.history)
            elif isinstance(event, EpochResult):
                epochs.append(event)
            view.render(event)

        def plotted(title: str) -> None:
            if plot and epochs and view.is_first:
                draw(epochs, title, plot)
                say(f"learning curves: {plot}")

        try:
            if resume:
                bundle = resume_training(
                    named, recipe, stopping=lambda: bool(signals), on_event=on_event
                )
            else:
                recipe = recipe or Recipe()
                bundle = run_training(
                    recipe,
                    named or target_of(recipe),
                    command=command_line(*sys.argv[1:], processes=launch().size),
                    strict=strict,
                    force=force,
                    stopping=lambda: bool(signals),
                    on_event=on_event,
                )
        except Stopped as stop:
            assert stop.path
            plotted(stop.path.name)
            view.stopped("epoch", stop, resume_command(stop.path, plot) if stop.resumable else "")
            raise typer.Exit(128 + (signals[0] if signals else signal.SIGINT)) from None
        plotted(bundle.path.name)


def _search(
    recipe: Recipe,
    named: Path | None,
    seconds: int,
    given: Sequence[str],
    as_json: bool,
    *,
    strict: bool,
    force: bool,
    resume: bool,
) -> None:
    """Search for better settings."""
    from senticli.training.events import Event, Searching, Stopped
    from senticli.training.packages import imported
    from senticli.training.recipe import target_of

    with imported("tune"):
        from senticli.training.search import last_target, search

    target = named or (last_target() if resume else target_of(recipe))
    signals: list[int] = []
    with shown(as_json) as view, ExitStack() as stack:

        def on_event(event: Event) -> None:
            if isinstance(event, Searching):
                stack.enter_context(stopping_on_signals(view, signals))
            view.render(event)

        try:
            search(
                recipe,
                target,
                seconds=seconds,
                fixed=given,
                command=command_of,
                strict=strict,
                force=force,
                resume=resume,
                stopping=lambda: bool(signals),
                on_event=on_event,
            )
        except Stopped as stop:
            place = shlex.join(_place_options(target))
            view.stopped("trial", stop, f"the same command with --resume {place}")
            raise typer.Exit(128 + (signals[0] if signals else signal.SIGINT)) from None


def _estimate(recipe: Recipe, as_json: bool, *, strict: bool) -> None:
    """Show what a training would be like; nothing is written."""
    from senticli.cli.views.train import Json
    from senticli.training.run import estimate

    with shown(as_json=False) as view:
        found = estimate(recipe, strict=strict, on_event=view.render)
    (Json() if as_json else view).render(found)


@contextmanager
def shown(as_json: bool) -> "Iterator[Lines]":
    """Yield what shows a training; of several processes, the first, and errors on each node."""
    from senticli.cli.views.train import Json, Lines, Live

    started = launch()
    if started.rank:
        is_other_node = not started.local_rank
        if is_other_node:
            say("joining the training: settings, data and results are those of the first node")
        with ExitStack() as stack:
            nowhere = stack.enter_context(Path(os.devnull).open("w"))
            stack.enter_context(redirect_stdout(nowhere))
            stack.enter_context(redirect_stderr(nowhere))
            try:
                yield Lines(is_first=False)
            except SenticliError as error:
                if is_other_node:
                    raise
                time.sleep(5)  # torchrun ends them all with the first: let that one say it
                raise typer.Exit(exit_code_of(error)) from None
        return
    view = Json() if as_json else Live() if stderr_is_terminal() else Lines()
    with view:
        yield view
    if view.unprinted:  # the model is saved all the same
        raise view.unprinted


@contextmanager
def stopping_on_signals(view: "Lines", came: list[int]) -> Iterator[None]:
    """Have a list get the signal which asks to stop: Ctrl-C, or that of ``kill``.

    A second Ctrl-C does not wait for the end of the batch.
    """
    is_alone = launch().size == 1

    def handle(number: int, _: object) -> None:
        if came and is_alone:  # torchrun passes on what already came
            raise KeyboardInterrupt
        came.append(number)
        once_more = "; Ctrl-C once more stops at once" if is_alone else ""
        with suppress(RuntimeError):  # it came while a line was being written
            view.say(f"stopping after this batch{once_more}")

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def launch() -> "Launch":
    """Return which of torchrun's processes this is. Raises UsageError: WORLD_SIZE is not its."""
    from senticli.training.processes import Launch

    return Launch.of_torchrun()


def seconds_of(text: str) -> int:
    """Return the seconds of a time such as ``30m`` or ``1h30m``. Raises UsageError."""
    parts = re.findall(r"(\d+)([hms])", text)
    if not parts or "".join(map("".join, parts)) != text:
        raise UsageError(f"--tune {text!r} is not a time", "use one such as 30m, 2h or 1h30m")
    seconds = sum(int(number) * UNITS[unit] for number, unit in parts)
    if not seconds:
        raise UsageError(f"--tune {text!r} is no time at all", "use one such as 30m, 2h or 1h30m")
    return seconds


def resume_command(target: Path, plot: Path | None) -> str:
    """Return the command line that resumes the training of a folder."""
    more = ["--plot", str(plot)] if plot else []
    words = "train", "--resume", *_place_options(target), *more
    started = launch()
    if started.nodes > 1:  # each with options of torchrun of its own
        return f"torchrun … -m {command_line(*words)}, on each node"
    return command_line(*words, processes=started.size)


def _place_options(target: Path) -> list[str]:
    """Return the options that say where a model goes."""
    from senticli.training.recipe import place_of

    setting, value = place_of(target)
    return [flag_of(setting), value]
