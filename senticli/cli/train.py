"""``senticli train``: from labelled examples to a model."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from senticli.cli.options import (
    DATA_PANEL,
    MODEL_PANEL,
    OUTPUT_PANEL,
    TRAINING_PANEL,
    Delimiter,
    Encoding,
    Format,
    LabelColumn,
    Quoting,
    TextColumn,
    setting,
    with_default,
)
from senticli.config import (
    POOLINGS,
    PRESETS,
    SWITCHES,
    ClassWeights,
    Device,
    Optimizer,
    Precision,
    Quantize,
    Recipe,
    Rnn,
    Schedule,
    TrainConfig,
)
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


def train(
    data: Annotated[
        list[str] | None,
        setting(
            "data",
            "--data",
            "-d",
            metavar="NAME|FILE|DIR",
            help="Data set; CSV, TSV, JSONL or Parquet file with text and label; fastText's lines; "
            "a folder with one folder a label; `-` for standard input. Repeatable.",
            panel=DATA_PANEL,
        ),
    ] = None,
    valid: Annotated[
        list[str] | None,
        setting(
            "valid",
            metavar="FILE|DIR",
            help="Validate on this, in place of a part of --data. Repeatable.",
            panel=DATA_PANEL,
            shown="a part of --data",
        ),
    ] = None,
    test: Annotated[
        list[str] | None,
        setting(
            "test",
            metavar="FILE|DIR",
            help="What eval --split test reads. Repeatable.",
            panel=DATA_PANEL,
            shown="that of the data set",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Fail on problems of the data: rows without text or label, duplicates, "
            "texts with two labels or in two splits, suspicious labels.",
            rich_help_panel=DATA_PANEL,
        ),
    ] = False,
    format: Format = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    delimiter: Delimiter = None,
    quoting: Quoting = None,
    header: Annotated[
        bool | None,
        setting(
            "header",
            "/".join(SWITCHES["header"]),
            help="The first row of CSV or TSV has names; without, columns are numbers, from 1.",
            panel=DATA_PANEL,
        ),
    ] = None,
    encoding: Encoding = None,
    vectors: Annotated[
        str | None,
        setting(
            "vectors",
            metavar="NAME|FILE|none",
            help="Word vectors in GloVe's format, to start the embedding from; with --init, that "
            "of new words.",
            panel=DATA_PANEL,
            shown=f"{TrainConfig.vectors}; none with --init",
        ),
    ] = None,
    vocab_size: Annotated[
        int | None,
        setting("vocab_size", metavar="N", help="Words kept, most frequent.", panel=DATA_PANEL),
    ] = None,
    lowercase: Annotated[
        bool | None,
        setting(
            "lowercase",
            "/".join(SWITCHES["lowercase"]),
            help="Put words in lower case.",
            panel=DATA_PANEL,
        ),
    ] = None,
    valid_fraction: Annotated[
        float | None,
        setting(
            "valid_fraction",
            metavar="SHARE",
            help="Share of train held out, by whole movies or of each label, to validate on.",
            panel=DATA_PANEL,
        ),
    ] = None,
    max_length: Annotated[
        int | None,
        setting(
            "max_length",
            metavar="N",
            help="Words of a training text, from its head and tail; 0 for all.",
            panel=DATA_PANEL,
        ),
    ] = None,
    init: Annotated[
        str | None,
        setting(
            "init",
            metavar="NAME|DIR|bundled",
            help="Start from this model: its network, its words, and those of --data besides.",
            panel=MODEL_PANEL,
            shown="from scratch",
        ),
    ] = None,
    rnn: Annotated[Rnn | None, setting("rnn", help="Kind of cell.", panel=MODEL_PANEL)] = None,
    layers: Annotated[
        int | None, setting("layers", metavar="1…8", help="Layers.", panel=MODEL_PANEL)
    ] = None,
    hidden: Annotated[
        int | None,
        setting("hidden", metavar="N", help="Units of each direction.", panel=MODEL_PANEL),
    ] = None,
    bidirectional: Annotated[
        bool | None,
        setting(
            "bidirectional",
            "/".join(SWITCHES["bidirectional"]),
            help="Read each text in both directions.",
            panel=MODEL_PANEL,
        ),
    ] = None,
    pooling: Annotated[
        str | None,
        setting(
            "pooling",
            metavar="KIND[+KIND]",
            help=f"From states to one vector: {', '.join(POOLINGS)}, or two joined.",
            panel=MODEL_PANEL,
        ),
    ] = None,
    embedding_dim: Annotated[
        int | None,
        setting(
            "embedding_dim",
            metavar="N",
            help="Size of a word's vector, without --vectors.",
            panel=MODEL_PANEL,
        ),
    ] = None,
    word_dropout: Annotated[
        float | None,
        setting(
            "word_dropout",
            metavar="P",
            help="Share of words that training takes for unknown.",
            panel=MODEL_PANEL,
        ),
    ] = None,
    embedding_dropout: Annotated[
        float | None,
        setting(
            "embedding_dropout", metavar="P", help="Dropout on the embedding.", panel=MODEL_PANEL
        ),
    ] = None,
    layer_dropout: Annotated[
        float | None,
        setting("layer_dropout", metavar="P", help="Dropout between layers.", panel=MODEL_PANEL),
    ] = None,
    output_dropout: Annotated[
        float | None,
        setting(
            "output_dropout", metavar="P", help="Dropout before the output.", panel=MODEL_PANEL
        ),
    ] = None,
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
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = None,
    epochs: Annotated[
        int | None, setting("epochs", metavar="N", help="Most epochs.", panel=TRAINING_PANEL)
    ] = None,
    patience: Annotated[
        int | None,
        setting(
            "patience",
            metavar="N",
            help="Stop after so many epochs without a lower validation loss; 0 never.",
            panel=TRAINING_PANEL,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        setting(
            "batch_size",
            metavar="N",
            help="Texts in a batch.",
            panel=TRAINING_PANEL,
            shown="64, fewer for little data",
        ),
    ] = None,
    optimizer: Annotated[
        Optimizer | None, setting("optimizer", help="Optimizer.", panel=TRAINING_PANEL)
    ] = None,
    lr: Annotated[
        float | None,
        setting("lr", metavar="RATE", help="Learning rate, its peak.", panel=TRAINING_PANEL),
    ] = None,
    embedding_lr: Annotated[
        float | None,
        setting(
            "embedding_lr",
            metavar="SHARE",
            help="Learning rate of an embedding that starts from vectors, as a share of --lr.",
            panel=TRAINING_PANEL,
        ),
    ] = None,
    schedule: Annotated[
        Schedule | None,
        setting("schedule", help="Course of the learning rate.", panel=TRAINING_PANEL),
    ] = None,
    weight_decay: Annotated[
        float | None,
        setting(
            "weight_decay",
            metavar="W",
            help="Weight decay.",
            panel=TRAINING_PANEL,
            shown="0.01 with adamw, else 0",
        ),
    ] = None,
    class_weights: Annotated[
        ClassWeights | None,
        setting(
            "class_weights",
            help="balanced lets each label count the same, however rare.",
            panel=TRAINING_PANEL,
        ),
    ] = None,
    clip: Annotated[
        float | None,
        setting(
            "clip", metavar="NORM", help="Clip the gradient's norm; 0 never.", panel=TRAINING_PANEL
        ),
    ] = None,
    r_drop: Annotated[
        float | None,
        setting(
            "r_drop",
            metavar="WEIGHT",
            help="R-Drop: how much two passes, each with its own dropout, are to agree; 0 for one "
            "pass, twice as fast.",
            panel=TRAINING_PANEL,
        ),
    ] = None,
    device: Annotated[
        Device | None,
        setting(
            "device",
            help="What to train on; auto is a CUDA GPU where there is one, else the CPU.",
            panel=TRAINING_PANEL,
        ),
    ] = None,
    precision: Annotated[
        Precision | None,
        setting(
            "precision",
            help="Arithmetic of the RNN; auto takes bfloat16 where the device has it.",
            panel=TRAINING_PANEL,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        setting("seed", metavar="N", help="Seed of everything random.", panel=TRAINING_PANEL),
    ] = None,
    quantize: Annotated[
        Quantize | None,
        setting(
            "quantize",
            help="Weights of the ONNX graph; auto takes int8 where validation stays as good.",
            panel=TRAINING_PANEL,
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
            rich_help_panel=TRAINING_PANEL,
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
    given = dict(locals())  # every option that is a setting has the name of its field
    own = ("preset", "name", "output", "force", "strict", "resume", "tune", "plot", "dry_run")
    for option in (*own, "as_json"):
        del given[option]
    # Files by their full path, so that `eval` finds them from any folder.
    for option, paths in (("data", data), ("valid", valid), ("test", test)):
        given[option] = tuple(map(_full, paths)) if paths else None
    if preset is not None and preset not in PRESETS:
        raise UsageError(
            f"--preset {preset!r} is not a choice", f"use one of: {', '.join(PRESETS)}"
        )
    recipe = PRESETS[preset or "default"]
    if init:
        recipe = _from_model(recipe, init, given)
    recipe = recipe.with_options(given)
    if embedding_dim is not None and recipe.train.vectors != "none":
        raise UsageError(
            "--embedding-dim is that of the vectors", "leave it out, or train with --vectors none"
        )
    if recipe.train.r_drop and not recipe.model.drops:
        raise UsageError(
            "--r-drop compares two passes with dropout, and there is no dropout",
            "use some, such as --output-dropout 0.3; or --r-drop 0",
        )
    if valid and valid_fraction is not None:
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
        settings = [key for key, value in given.items() if value is not None]
        target = named or (tune_run.last_target() if resume else train_run.named(None, recipe))
        json = JsonSearchView if as_json else None
        with train_run.shown(PlainSearchView, LiveSearchView, json) as search_view:
            tune_run.tune(
                recipe,
                target,
                search_view,
                seconds=seconds,
                given=settings,
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
            asked = preset is not None or any(value is not None for value in given.values())
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
            flag = SWITCHES[name][not given[name]] if name in SWITCHES else f"--{name}"
            raise UsageError(
                f"{flag.replace('_', '-')} does not fit the model {bundle.name}",
                "leave it out: the network is that of --init",
            )
    train = replace(recipe.train, vectors="none", lowercase=bundle.config.lowercase)
    return Recipe(model=network, train=train)


def _full(data: str) -> str:
    return (
        str(Path(data).absolute()) if data not in (*DATASETS, "-") and Path(data).exists() else data
    )
