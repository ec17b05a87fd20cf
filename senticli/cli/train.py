"""``senticli train``: from labelled examples to a model."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from senticli.cli.errors import SETTINGS, flag_of
from senticli.cli.options import OUTPUT_PANEL, Settings, with_default, with_settings
from senticli.config import DATA, PRESETS, TRAINING, Recipe
from senticli.data.catalogue import DATASETS
from senticli.errors import UsageError

EXAMPLES = (
    "senticli train --data sample --vectors none",
    "senticli train --rnn lstm --layers 2",
    "senticli train --preset best",
    "senticli train --preset notebook --rnn gru --name notebook-gru",
    "senticli train --tune 30m --rnn gru",
    "senticli train --init bundled --data mine.csv --lr 0.0005",
    "senticli train --data mine.csv --label-column stars --class-weights balanced --dry-run",
)


@with_settings(*SETTINGS)
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
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Write the model to this folder instead of the data dir.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Replace the model, or the unfinished training, that is there already.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the training that was stopped, or killed, last; or with that of "
            "--name or --output. Its settings are kept.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    tune: Annotated[
        str | None,
        typer.Option(
            "--tune",
            metavar="TIME",
            help="Try settings for as long, such as 30m or 2h, and keep the best model; options "
            "that are given stay. --resume goes on.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="FILE.png|svg",
            help="Draw the learning curves into a picture.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only look at the data, and estimate the time.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print JSON on stdout: one object an epoch.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
) -> None:
    """Train a model and make it the default of `eval` and `predict`.

    Without options: one bidirectional LSTM on IMDB from glove.6B.100d, five to ten minutes on two
    cores. Ctrl-C ends training after the current batch and keeps the best epoch so far; --resume
    goes on. `torchrun --nproc-per-node 2 -m senticli train` trains in two processes.
    """
    # Files by their full path, so that `eval` finds them from any folder.
    for split in ("data", "valid", "test"):
        if paths := settings[split]:
            settings[split] = tuple(map(_full, paths))
    if preset is not None and preset not in PRESETS:
        raise UsageError(
            f"--preset {preset!r} is not a choice", f"use one of: {', '.join(PRESETS)}"
        )
    recipe = PRESETS[preset or "default"]
    if init := settings["init"]:
        recipe = _from_model(recipe, init, settings)
    recipe = recipe.with_settings(settings)
    if settings["embedding_dim"] is not None and recipe.train.vectors != "none":
        raise UsageError(
            "--embedding-dim is that of the vectors", "leave it out, or train with --vectors none"
        )
    if recipe.train.r_drop and not recipe.model.drops:
        raise UsageError(
            "--r-drop compares two passes with dropout, and there is no dropout",
            "use some, such as --output-dropout 0.3; or --r-drop 0",
        )
    if settings["valid"] and settings["valid_fraction"] is not None:
        raise UsageError(
            "--valid-fraction has no meaning with --valid, which is validated on",
            "leave one of them out",
        )
    if name is not None and output:
        raise UsageError("--name and --output both say where the model goes", "use one of the two")
    if dry_run and plot:
        raise UsageError("--dry-run trains nothing to plot", "leave out one of the two")
    if resume and (dry_run or force):
        raise UsageError(
            "--resume goes on with a training that was started", "leave out --dry-run and --force"
        )
    if tune and (dry_run or plot):
        raise UsageError("--tune is a search of its own", "leave out --dry-run and --plot")
    from senticli.cli import train_run, tune_run
    from senticli.cli.views.plot import check_plot
    from senticli.cli.views.train import JsonView, LiveView, PlainView
    from senticli.cli.views.tune import JsonSearchView, LiveSearchView, PlainSearchView
    from senticli.data.splits import check_reading

    check_reading(recipe.train)
    named = output or (train_run.named(name, recipe) if name is not None else None)
    if tune:
        seconds = tune_run.seconds_of(tune)
        given = [name for name, value in settings.items() if value is not None]
        target = named or (tune_run.last_target() if resume else train_run.named(None, recipe))
        json = JsonSearchView if as_json else None
        with train_run.shown(PlainSearchView, LiveSearchView, json) as search_view:
            tune_run.tune(
                recipe,
                target,
                search_view,
                seconds=seconds,
                given=given,
                strict=strict,
                force=force,
                resume=resume,
            )
        return
    if plot:
        plot = check_plot(plot)
    with train_run.shown(
        PlainView, LiveView, JsonView if as_json and not dry_run else None
    ) as view:
        if dry_run:
            train_run.look(recipe, view, strict=strict, as_json=as_json)
        elif resume:
            asked = preset is not None or any(value is not None for value in settings.values())
            train_run.resume(named, recipe if asked else None, view, plot=plot)
        else:
            target = named or train_run.named(None, recipe)
            train_run.run(recipe, target, view, strict=strict, force=force, plot=plot)


def _from_model(recipe: Recipe, init: str, given: dict[str, Any]) -> Recipe:
    """``recipe`` with the network of the model ``init``, which ``given`` must not contradict."""
    from senticli import registry

    bundle = registry.find(init)
    given["init"] = bundle.name
    network = bundle.config.model
    own = {"lowercase": bundle.config.lowercase} | {
        name: getattr(network, name)
        for name in ("rnn", "layers", "hidden", "bidirectional", "pooling", "embedding_dim")
    }
    for name, value in own.items():
        if given[name] is not None and given[name] != value:
            flag = flag_of(name, on=given[name] is not False)
            raise UsageError(
                f"{flag} does not fit the model {bundle.name}",
                "leave it out: the network is that of --init",
            )
    train = replace(recipe.train, vectors="none", lowercase=bundle.config.lowercase)
    return Recipe(model=network, train=train)


def _full(data: str) -> str:
    return (
        str(Path(data).absolute()) if data not in (*DATASETS, "-") and Path(data).exists() else data
    )
