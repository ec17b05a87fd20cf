"""Every setting of a model and of its training, with its default: they live here once.

The command line shows these defaults in its help, builds the two dataclasses from a preset and
the options given, and a bundle's ``config.json`` stores them. A value that makes no sense raises
:class:`~senticli.errors.UsageError` naming the option that carries it.
"""

import dataclasses
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from senticli.errors import UsageError
from senticli.jsonfile import has_type

UNK, PAD = "<unk>", "<pad>"
POOLINGS = ("last", "max", "mean", "attention")
Rnn = Literal["rnn", "lstm", "gru"]
Optimizer = Literal["adam", "adamw"]
Schedule = Literal["constant", "onecycle", "cosine"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]
Quantize = Literal["auto", "int8", "none"]
ClassWeights = Literal["none", "balanced"]


def check_choice(flag: str, value: str, choices: object) -> None:
    """Raise :class:`UsageError` unless ``value`` is one of the ``Literal`` type ``choices``."""
    names = get_args(choices)
    if value not in names:
        raise UsageError(f"{flag} {value!r} is not a choice", f"use one of: {', '.join(names)}")


def check_range(flag: str, value: float, low: float, high: float) -> None:
    """Raise :class:`UsageError` unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise UsageError(
            f"{flag} {_exact(value)} is out of range",
            f"use a value from {_exact(low)} to {_exact(high)}",
        )


def _exact(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def check_pooling(value: str) -> None:
    """Raise :class:`UsageError` unless ``value`` is one pooling, or two different ones joined."""
    parts = value.split("+")
    if len(parts) > 2 or len(set(parts)) != len(parts) or not set(parts) <= set(POOLINGS):
        raise UsageError(
            f"--pooling {value!r} is not a choice",
            f"use one of: {', '.join(POOLINGS)}; or two joined, such as max+attention",
        )


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The architecture: what is needed to build the network, beside vocabulary and labels."""

    rnn: Rnn = "lstm"
    layers: int = 1
    hidden: int = 128  # units of each direction
    bidirectional: bool = True
    pooling: str = "max+attention"
    embedding_dim: int = 100  # follows the vectors where there are any
    word_dropout: float = 0.05  # share of words that training replaces by <unk>
    embedding_dropout: float = 0.4
    layer_dropout: float = 0.3  # between layers
    output_dropout: float = 0.3  # before the output

    def __post_init__(self) -> None:
        check_choice("--rnn", self.rnn, Rnn)
        check_range("--layers", self.layers, 1, 8)
        check_range("--hidden", self.hidden, 1, 4096)
        check_pooling(self.pooling)
        check_range("--embedding-dim", self.embedding_dim, 1, 4096)
        for name in ("word", "embedding", "layer", "output"):
            check_range(f"--{name}-dropout", getattr(self, f"{name}_dropout"), 0, 0.95)

    @property
    def width(self) -> int:
        """Units of a layer, over its directions."""
        return self.hidden * (2 if self.bidirectional else 1)

    @property
    def drops(self) -> bool:
        """Whether dropout takes anything away."""
        between = self.layer_dropout if self.layers > 1 else 0
        return any((self.word_dropout, self.embedding_dropout, between, self.output_dropout))

    @property
    def poolings(self) -> tuple[str, ...]:
        """The poolings, whose results are joined."""
        return tuple(self.pooling.split("+"))


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What the model learns from, and how."""

    data: tuple[str, ...] = ("imdb",)
    valid: tuple[str, ...] = ()  # files to validate on in place of a part of data
    test: tuple[str, ...] = ()  # files to test on
    format: str | None = None  # of files; None: by their names
    text_column: str | None = None  # of files; None: found among the usual names
    label_column: str | None = None
    delimiter: str | None = None  # of tables; None: found in the first rows
    quoting: str | None = None  # csv, backslash or none; None: csv, for TSV none
    header: bool = True  # the first row of a table has the names of its columns
    encoding: str | None = None  # None: UTF-8
    init: str | None = None  # a model to start from: a name or a folder
    vectors: str = "glove.6B.100d"  # a name, a file, or "none"
    vocab_size: int = 25_000  # most frequent words kept, <unk> and <pad> not counted
    lowercase: bool = True
    valid_fraction: float = 0.1  # where the data has no validation split of its own
    max_length: int = 400  # tokens of a training text, its head and tail; 0: all of it
    epochs: int = 8
    patience: int = 3  # epochs without a better validation loss before stopping; 0: never stop
    batch_size: int | None = None  # texts; None: 64, fewer where the data is small
    optimizer: Optimizer = "adamw"
    lr: float = 2e-3
    embedding_lr: float = 0.1  # share of lr for an embedding that starts from vectors
    schedule: Schedule = "onecycle"
    weight_decay: float | None = None  # None: 0.01 for adamw, 0 for adam, whose is L2
    class_weights: ClassWeights = "none"  # balanced: each label counts the same
    clip: float = 1.0  # norm of the gradient; 0: no clipping
    r_drop: float = 0.0  # weight of two passes' agreement, half of the paper's α; 0: one pass
    device: Device = "auto"
    precision: Precision = "auto"
    quantize: Quantize = "auto"
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.data:
            raise UsageError("--data is empty", "name a data set: senticli train --data imdb")
        check_range("--vocab-size", self.vocab_size, 1, 10_000_000)
        check_range("--valid-fraction", self.valid_fraction, 0.01, 0.9)
        if self.max_length != 0:
            check_range("--max-length", self.max_length, 8, 1_000_000)
        check_range("--epochs", self.epochs, 1, 10_000)
        check_range("--patience", self.patience, 0, 10_000)
        if self.batch_size is not None:
            check_range("--batch-size", self.batch_size, 1, 65_536)
        check_choice("--optimizer", self.optimizer, Optimizer)
        if not 0 < self.lr <= 10:
            raise UsageError(f"--lr {self.lr:g} is out of range", "use a value such as 0.001")
        check_range("--embedding-lr", self.embedding_lr, 0, 10)
        check_choice("--schedule", self.schedule, Schedule)
        check_range("--weight-decay", self.decay, 0, 1)
        check_range("--clip", self.clip, 0, 1e6)
        check_range("--r-drop", self.r_drop, 0, 100)
        check_choice("--class-weights", self.class_weights, ClassWeights)
        check_choice("--device", self.device, Device)
        check_choice("--precision", self.precision, Precision)
        check_choice("--quantize", self.quantize, Quantize)
        check_range("--seed", self.seed, 0, 2**32 - 1)

    @property
    def decay(self) -> float:
        """The weight decay asked for, or the optimizer's own."""
        usual = 0.01 if self.optimizer == "adamw" else 0.0
        return usual if self.weight_decay is None else self.weight_decay

    def batch_size_for(self, texts: int) -> int:
        """The batch size asked for, or else 64; on small data, one that gives an epoch 40 steps."""
        return self.batch_size or max(1, min(64, texts // 40))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A model and its training: what ``senticli train`` runs."""

    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()

    @classmethod
    def from_dicts(cls, model: Mapping[str, Any], train: Mapping[str, Any]) -> "Recipe":
        """The recipe whose parts, made dicts, have been through JSON.

        Raises:
            UsageError, and those of jsonfile.INVALID: they are not those of a recipe.
        """
        lists = {name: tuple(train.get(name, ())) for name in ("data", "valid", "test")}
        recipe = cls(model=ModelConfig(**model), train=TrainConfig(**{**train, **lists}))
        if not has_type(recipe, Recipe):
            raise TypeError("a setting has a value of another type")
        return recipe

    def with_options(self, options: Mapping[str, Any]) -> "Recipe":
        """This recipe with the options that are not None in place of its own values."""
        given = {name: value for name, value in options.items() if value is not None}
        names = {field.name for field in dataclasses.fields(ModelConfig)}
        return Recipe(
            model=dataclasses.replace(
                self.model, **{name: value for name, value in given.items() if name in names}
            ),
            train=dataclasses.replace(
                self.train, **{name: value for name, value in given.items() if name not in names}
            ),
        )

    def command(self, name: str, processes: int = 1) -> str:
        """The command line that trains it, under this name, in so many processes."""
        return command_line("train", *self.options(), "--name", name, processes=processes)

    def options(self) -> list[str]:
        """The options of ``senticli train`` that make this recipe of the default one."""
        words: list[str] = []
        for part, usual in ((self.model, ModelConfig()), (self.train, TrainConfig())):
            for field in dataclasses.fields(part):
                value = getattr(part, field.name)
                # With --init, what is left out is that model's, not the usual.
                own = self.train.init is not None and field.name.endswith("dropout")
                if value == getattr(usual, field.name) and not own:
                    continue
                if field.name == "embedding_dim" and self.train.vectors != "none":
                    continue  # the vectors say it
                if isinstance(value, bool):
                    words.append(SWITCHES[field.name][0 if value else 1])
                    continue
                for one in value if isinstance(value, tuple) else (value,):
                    words += [f"--{field.name.replace('_', '-')}", str(one)]
        return words


def command_line(*words: str, processes: int = 1) -> str:
    """The line that runs senticli with ``words``; by torchrun, where several processes train."""
    start = ["torchrun", "--nproc-per-node", str(processes), "-m"] if processes > 1 else []
    return shlex.join([*start, "senticli", *words])


SWITCHES = {
    "bidirectional": ("--bidirectional", "--unidirectional"),
    "lowercase": ("--uncased", "--cased"),
    "header": ("--header", "--no-header"),
}
"""The two options of each setting that is on or off."""

PRESETS: Mapping[str, Recipe] = {
    "default": Recipe(),
    # Slower, for an error on IMDB's test split that is a tenth lower.
    "best": Recipe(model=ModelConfig(rnn="gru"), train=TrainConfig(r_drop=1.0, epochs=10)),
    # The notebook that senticli began as, over exact batches.
    "notebook": Recipe(
        model=ModelConfig(
            layers=2,
            hidden=256,
            pooling="last",
            word_dropout=0.0,
            embedding_dropout=0.5,
            layer_dropout=0.5,
            output_dropout=0.5,
        ),
        train=TrainConfig(
            valid_fraction=0.3,
            max_length=0,
            epochs=5,
            patience=0,
            batch_size=64,
            optimizer="adam",
            lr=1e-3,
            embedding_lr=1.0,
            schedule="constant",
            clip=0.0,
        ),
    ),
}
