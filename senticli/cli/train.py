"""``senticli train``: from labelled examples to a model."""

import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from senticli import paths
from senticli.atomic import PARTIAL
from senticli.cli.console import say, stderr_is_terminal
from senticli.cli.options import (
    DATA_PANEL,
    MODEL_PANEL,
    OUTPUT_PANEL,
    TRAINING_PANEL,
    LabelColumn,
    TextColumn,
    setting,
    with_default,
)
from senticli.config import (
    POOLINGS,
    PRESETS,
    Optimizer,
    Precision,
    Quantize,
    Recipe,
    Rnn,
    Schedule,
)
from senticli.data.datasets import DATASETS
from senticli.errors import SenticliError, UsageError

if TYPE_CHECKING:
    from senticli.cli.train_view import PlainView

EPILOG = """
[bold]Examples[/]

  senticli train --data sample --vectors none

  senticli train --rnn lstm --layers 2

  senticli train --preset notebook --rnn gru --name notebook-gru
"""


def train(
    data: Annotated[
        list[str] | None,
        setting(
            "data",
            "--data",
            "-d",
            metavar="NAME|FILE",
            help="Data set, or a CSV, TSV, JSONL or Parquet file with text and label; repeatable.",
            panel=DATA_PANEL,
        ),
    ] = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    vectors: Annotated[
        str | None,
        setting(
            "vectors",
            metavar="NAME|FILE|none",
            help="Word vectors in GloVe's format, to start the embedding from.",
            panel=DATA_PANEL,
        ),
    ] = None,
    vocab_size: Annotated[
        int | None,
        setting("vocab_size", metavar="N", help="Words kept, most frequent.", panel=DATA_PANEL),
    ] = None,
    lowercase: Annotated[
        bool | None,
        setting(
            "lowercase", "--uncased/--cased", help="Put words in lower case.", panel=DATA_PANEL
        ),
    ] = None,
    valid_fraction: Annotated[
        float | None,
        setting(
            "valid_fraction",
            metavar="SHARE",
            help="Share of train held out, by whole movies, where there is no valid split.",
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
            "--bidirectional/--unidirectional",
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
        str,
        typer.Option(
            "--preset",
            metavar="|".join(PRESETS),
            help="Settings to start from; other options override them.",
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = "default",
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
    clip: Annotated[
        float | None,
        setting(
            "clip", metavar="NORM", help="Clip the gradient's norm; 0 never.", panel=TRAINING_PANEL
        ),
    ] = None,
    precision: Annotated[
        Precision | None,
        setting(
            "precision",
            help="Arithmetic of the RNN; auto takes bfloat16 where the CPU has it.",
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
            help="Replace the model that is there already.",
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

    Without options: one bidirectional LSTM on IMDB from glove.6B.100d, about ten minutes on two
    cores. Ctrl-C ends training and keeps the best epoch so far.
    """
    given = dict(locals())
    for own in ("preset", "name", "output", "force", "as_json"):
        del given[own]
    # Files by their full path, so that `eval` finds them from any folder.
    given["data"] = tuple(_full(part) for part in data) if data else None
    if embedding_dim is not None and vectors != "none":
        raise UsageError(
            "--embedding-dim is that of the vectors", "leave it out, or train with --vectors none"
        )
    if preset not in PRESETS:
        raise UsageError(
            f"--preset {preset!r} is not a choice", f"use one of: {', '.join(PRESETS)}"
        )
    recipe = PRESETS[preset].with_options(given)
    target = _target(recipe, name, output, force)
    from senticli.cli.train_view import JsonView, LiveView, PlainView

    terminal = LiveView if stderr_is_terminal() else PlainView
    with JsonView() if as_json else terminal() as view:
        _run(recipe, target, view)


def _run(recipe: Recipe, target: Path, view: "PlainView") -> None:
    from senticli import bundle
    from senticli.data.datasets import load_training_data
    from senticli.data.vectors import cached_vectors

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
        bundle.remember(target)
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


def _full(data: str) -> str:
    return str(Path(data).absolute()) if data not in DATASETS and Path(data).exists() else data


def _target(recipe: Recipe, name: str | None, output: Path | None, force: bool) -> Path:
    """The folder to write, checked before the long work starts."""
    if name and output:
        raise UsageError("--name and --output both say where the model goes", "use one of the two")
    if name and (Path(name).name != name or name.startswith(".") or name == "bundled"):
        raise UsageError(f"--name {name!r} cannot be a model's name", "use a plain word")
    model = recipe.model
    data = "-".join(Path(part).stem for part in recipe.train.data)
    network, seed = f"{model.rnn}-{model.layers}x{model.hidden}", recipe.train.seed
    default = f"{network}-{data}-seed{seed}-{datetime.now():%Y%m%d-%H%M%S}"
    target = (output or paths.models_dir() / (name or default)).resolve()
    if target.exists():
        holds = list(target.iterdir()) if target.is_dir() else [target]
        if holds and not (target / "config.json").exists():
            raise SenticliError(
                f"{target} is there and is not a model", "choose another place: --output DIR"
            )
        if holds and not force:
            raise SenticliError(
                f"there is a model at {target}", "replace it with --force, or use another --name"
            )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}.", suffix=PARTIAL, dir=target.parent
        ):
            pass
    except OSError as error:
        raise SenticliError(
            f"cannot write to {target.parent}: {(error.strerror or str(error)).lower()}",
            "choose another place: --output DIR",
        ) from error
    return target
