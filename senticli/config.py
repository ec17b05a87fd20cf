"""Every setting of a model and of its training, declared once.

A field of the two dataclasses holds the default of a setting, its type, and in its metadata a
:class:`Setting`: the range, the help text, how the command line shows it. Options, validation,
completions, the reference page and a bundle's ``config.json`` all follow from that.
"""

import dataclasses
import math
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from senticli.data.labels import parse_label_map
from senticli.errors import ConfigError
from senticli.io.jsonfile import has_type

DATA_SETTINGS = ("data", "valid", "test", "unlabelled")
"""Settings that name data sets, files and folders of texts."""
PUBLISHED_VECTORS = "glove.6B.100d"
"""Those that training starts from where there are too few texts to learn own ones."""
PROPORTIONAL, BALANCED = MIXES = ("proportional", "balanced")
"""Names of a `mix`, besides weights."""
STARTS_OWN = "+own"  # the end of `vectors`: learn own ones, from these
UNK, PAD = "<unk>", "<pad>"
POOLINGS = ("last", "max", "mean", "attention")
Rnn = Literal["rnn", "lstm", "gru"]
Optimizer = Literal["adam", "adamw"]
Schedule = Literal["constant", "onecycle", "cosine"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]
Quantize = Literal["auto", "int8", "none"]
Normalization = Literal["everyday", "none"]
ClassWeights = Literal["none", "balanced"]
Format = Literal["lines", "csv", "tsv", "jsonl", "parquet"]
Quoting = Literal["csv", "backslash", "none"]

DATA, MODEL, TRAINING, OUTPUT, ANSWER = "Data", "Model", "Training", "Output", "Answer"
CHECKS, GATE, SCORES, LABELS = "Checks", "Gate", "Scores", "Wrong labels"
REPORT = "Report"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is known of a setting besides its name, type and default.

    Args:
        help: one sentence; other settings stand between backquotes.
        group: one of the names above, such as :data:`DATA`.
        metavar: what stands for a value in the help; None for a choice or a switch.
        low: the smallest value.
        high: the largest.
        also: a value outside of that range which is allowed.
        shown: how the help shows the default; None: as it is.
        switch: the names of "on" and "off", where these are not that of the setting and "no-" it;
            or of "on" alone.
        short: a letter for the command line.
    """

    help: str
    group: str
    metavar: str | None = None
    low: float | None = None
    high: float | None = None
    also: float | None = None
    shown: str | None = None
    switch: tuple[str, ...] | None = None
    short: str | None = None


def setting(default: Any, help: str, group: str, **more: Any) -> Any:
    """Return a dataclass field with a default and a :class:`Setting`."""
    return field(default=default, metadata={"setting": Setting(help=help, group=group, **more)})


def settings_of(config: type) -> dict[str, Setting]:
    """Return the settings of a dataclass by name, in order."""
    return {one.name: one.metadata["setting"] for one in dataclasses.fields(config)}


def types_of(config: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields by name."""
    return {one.name: one.type for one in dataclasses.fields(config)}


def choices_of(kind: Any) -> tuple[str, ...]:
    """Return the values of a ``Literal``, optional or not; none of another type."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    return next((found for part in get_args(kind) if (found := choices_of(part))), ())


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Raise ConfigError unless the value of a setting is one of some choices."""
    if value not in choices:
        raise ConfigError(name, f"{value!r} is not a choice", f"use one of: {', '.join(choices)}")


def check_settings(config: Any) -> None:
    """Raise ConfigError unless every value of a dataclass is in its range or among its choices."""
    kind: type = type(config)
    types = types_of(kind)
    for name, about in settings_of(kind).items():
        value = getattr(config, name)
        if value is None and type(None) in get_args(types[name]):
            continue
        if choices := choices_of(types[name]):
            check_choice(name, value, choices)
            continue
        # Of a number that is none, nan, the range says more than the type.
        low, high = about.low, about.high
        is_number = isinstance(value, int | float) and value != about.also
        if is_number and low is not None and high is not None and not low <= value <= high:
            raise ConfigError(
                name,
                f"{_exact(value)} is out of range",
                f"use a value from {_exact(low)} to {_exact(high)}",
            )
        if not has_type(value, types[name]):
            wanted = getattr(types[name], "__name__", str(types[name]))
            raise ConfigError(name, f"{value!r} is of another type", f"use a value of {wanted}")


def _exact(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The architecture: what is needed to build the network, beside vocabulary and labels."""

    rnn: Rnn = setting("gru", "Kind of cell.", MODEL)
    layers: int = setting(1, "Layers.", MODEL, metavar="N", low=1, high=8)
    hidden: int = setting(
        128, "Hidden size of each direction.", MODEL, metavar="N", low=1, high=4096
    )
    bidirectional: bool = setting(
        True,
        "Read each text in both directions.",
        MODEL,
        switch=("bidirectional", "unidirectional"),
    )
    pooling: str = setting(
        "max+attention",
        f"Pooling of the hidden states: {', '.join(POOLINGS)}, or two joined.",
        MODEL,
        metavar="KIND[+KIND]",
    )
    embedding_dim: int = setting(
        100,
        "Size of the embedding, without `vectors` or with own ones.",
        MODEL,
        metavar="N",
        low=1,
        high=4096,
    )
    word_dropout: float = setting(
        0.05,
        "Share of tokens that training replaces by the unknown one.",
        MODEL,
        metavar="P",
        low=0,
        high=0.95,
    )
    embedding_dropout: float = setting(
        0.4, "Dropout on the embedding.", MODEL, metavar="P", low=0, high=0.95
    )
    layer_dropout: float = setting(
        0.3, "Dropout between layers.", MODEL, metavar="P", low=0, high=0.95
    )
    output_dropout: float = setting(
        0.3, "Dropout before the output.", MODEL, metavar="P", low=0, high=0.95
    )

    def __post_init__(self) -> None:
        check_settings(self)
        parts = self.pooling.split("+")
        if len(parts) > 2 or len(set(parts)) != len(parts) or not set(parts) <= set(POOLINGS):
            raise ConfigError(
                "pooling",
                f"{self.pooling!r} is not a choice",
                f"use one of: {', '.join(POOLINGS)}; or two joined, such as max+attention",
            )

    @property
    def width(self) -> int:
        """Units of a layer, over its directions."""
        return self.hidden * (2 if self.bidirectional else 1)

    @property
    def drops(self) -> bool:
        """True if dropout takes anything away."""
        between = self.layer_dropout if self.layers > 1 else 0
        return any((self.word_dropout, self.embedding_dropout, between, self.output_dropout))

    @property
    def poolings(self) -> tuple[str, ...]:
        """The poolings, whose results are joined."""
        return tuple(self.pooling.split("+"))


def parse_mix(mix: str) -> tuple[float, ...]:
    """Return the weights in a `mix`; none where it is a name. Raises ConfigError."""
    if mix in MIXES:
        return ()
    with suppress(ValueError):
        weights = tuple(map(float, mix.split(",")))
        if all(0 < weight < math.inf for weight in weights):
            return weights
    raise ConfigError(
        "mix",
        f"{mix!r} is not a choice",
        f"use one of: {', '.join(MIXES)}; or a weight above 0 for each source, such as 2,1,1",
    )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What the model learns from, and how."""

    data: tuple[str, ...] = setting(
        ("imdb",),
        "Data set; CSV, TSV, JSONL or Parquet file with text and label; fastText's lines; a "
        "folder with one folder a label; `-` for standard input. Repeatable.",
        DATA,
        metavar="NAME|FILE|DIR",
        short="d",
    )
    mix: str = setting(
        PROPORTIONAL,
        "How often each of several `data` is drawn: by its size; balanced, each as often; or one "
        "weight for each, such as 2,1,1.",
        DATA,
        metavar="|".join((*MIXES, "W,W,…")),
    )
    valid: tuple[str, ...] = setting(
        (),
        "Validate on this, in place of a part of `data`. Repeatable.",
        DATA,
        metavar="FILE|DIR",
        shown="a part of `data`",
    )
    test: tuple[str, ...] = setting(
        (),
        "Test split of the model. Repeatable.",
        DATA,
        metavar="FILE|DIR",
        shown="that of the data set",
    )
    unlabelled: tuple[str, ...] = setting(
        (),
        "Texts without labels, for `vectors=own` and `teacher`: a data set that has some, a file, "
        "or a folder of files with one text each. Repeatable.",
        DATA,
        metavar="NAME|FILE|DIR|none",
        shown="those of the data sets in `data`",
    )
    drop_leaks: bool = setting(
        False,
        "Leave out training texts whose letters and digits are those of one in the validation or "
        "test split of any `data`.",
        DATA,
        switch=("drop-leaks",),
    )
    format: Format | None = setting(
        None, "Format of the files.", DATA, short="f", shown="by their names"
    )
    text_column: str | None = setting(
        None,
        "Column of the text: name or number.",
        DATA,
        metavar="NAME|N",
        shown="text, sentence, …",
    )
    label_column: str | None = setting(
        None,
        "Column of the label: name or number.",
        DATA,
        metavar="NAME|N",
        shown="label, sentiment, …",
    )
    label_map: tuple[str, ...] = setting(
        (),
        "Label of some values of the label column; other values are left out. Repeatable.",
        DATA,
        metavar="LABEL=VALUE,…",
        shown="each value is a label",
    )
    score_columns: str | None = setting(
        None,
        "Columns of the probabilities of labels, which make a soft label; or the field of an "
        "object of them.",
        DATA,
        metavar="NAME,NAME|NAME",
        shown="in JSONL scores, without `label_column`",
    )
    delimiter: str | None = setting(
        None,
        "Separator of the fields of CSV and TSV; `tab` for a tab.",
        DATA,
        metavar="CHAR",
        shown="found in the first rows",
    )
    quoting: Quoting | None = setting(
        None,
        'Quotes in CSV and TSV: doubled (""), after a backslash, or plain characters.',
        DATA,
        shown="csv, for TSV none",
    )
    header: bool = setting(
        True,
        "The first row of CSV or TSV has names; without, columns are numbers, from 1.",
        DATA,
        switch=("header", "no-header"),
    )
    encoding: str | None = setting(
        None,
        "Encoding of the files, such as cp1252 or utf-16.",
        DATA,
        metavar="NAME",
        shown="utf-8",
    )
    init: str | None = setting(
        None,
        "Start from this model: its network, its vocabulary, and the tokens of `data` besides.",
        MODEL,
        metavar="NAME|DIR|bundled",
        shown="from scratch",
    )
    vectors: str = setting(
        "own",
        "Word vectors to initialise the embedding; with `init`, that of new tokens: a file in "
        "GloVe's format; or own, learned from the training texts and `unlabelled`; or own, "
        "starting from others, such as glove.6B.100d+own.",
        DATA,
        metavar="NAME|FILE|own|NAME+own|none",
        shown=f"own with unlabelled texts, else {PUBLISHED_VECTORS}; none with `init`",
    )
    vector_window: int = setting(
        5,
        "Tokens to each side that own word vectors are learned from.",
        DATA,
        metavar="N",
        low=1,
        high=100,
    )
    teacher: tuple[str, ...] = setting(
        (),
        "Learn the answers of this model, or those in this file of texts and scores, too, and from "
        "`unlabelled` texts by the answers alone; of several, the mean of their log-odds. "
        "Repeatable.",
        TRAINING,
        metavar="NAME|DIR|bundled|FILE",
        shown="none",
    )
    teacher_weight: float = setting(
        0.5,
        "Weight of the teachers' answer beside the label of a text.",
        TRAINING,
        metavar="WEIGHT",
        low=0,
        high=1,
    )
    vocab_size: int = setting(
        25_000,
        "Size of the vocabulary: the most frequent tokens.",
        DATA,
        metavar="N",
        low=1,
        high=10_000_000,
    )
    lowercase: bool = setting(True, "Lower-case the tokens.", DATA, switch=("uncased", "cased"))
    normalization: Normalization = setting(
        "everyday",
        "One form for what everyday texts spell in many ways: quotes, tags, links, user names, "
        "numbers, emoticons, drawn-out and misspelt words.",
        DATA,
    )
    valid_fraction: float = setting(
        0.1,
        "Share of the training split held out for validation, by whole movies or of each label.",
        DATA,
        metavar="SHARE",
        low=0.01,
        high=0.9,
    )
    max_length: int = setting(
        400,
        "Maximum number of tokens of a training text, from its head and tail; 0 for all.",
        DATA,
        metavar="N",
        low=8,
        high=1_000_000,
        also=0,
    )
    epochs: int | None = setting(
        None,
        "Maximum number of epochs.",
        TRAINING,
        metavar="N",
        low=1,
        high=10_000,
        shown="7, up to 12 for little data",
    )
    patience: int = setting(
        3,
        "Stop after so many epochs without a lower validation loss; 0 never.",
        TRAINING,
        metavar="N",
        low=0,
        high=10_000,
    )
    batch_size: int | None = setting(
        None,
        "Texts in a batch.",
        TRAINING,
        metavar="N",
        low=1,
        high=65_536,
        shown="64, fewer for little data",
    )
    optimizer: Optimizer = setting("adamw", "Optimizer.", TRAINING)
    lr: float = setting(2e-3, "Peak learning rate.", TRAINING, metavar="RATE", low=1e-9, high=10.0)
    embedding_lr: float = setting(
        0.1,
        "Learning rate of an embedding that starts from vectors, as a share of `lr`.",
        TRAINING,
        metavar="SHARE",
        low=0,
        high=10,
    )
    schedule: Schedule = setting("constant", "Learning-rate schedule.", TRAINING)
    weight_decay: float | None = setting(
        None,
        "Weight decay.",
        TRAINING,
        metavar="W",
        low=0,
        high=1,
        shown="0.01 with adamw, else 0",
    )
    class_weights: ClassWeights = setting(
        "none", "balanced lets each label count the same, however rare.", TRAINING
    )
    clip: float = setting(
        1.0, "Clip the gradient's norm; 0 never.", TRAINING, metavar="NORM", low=0, high=1e6
    )
    averaging: float = setting(
        0.05,
        "Use the running mean of the weights over about this share of the steps so far; 0: the "
        "weights of the last step.",
        TRAINING,
        metavar="SHARE",
        low=0,
        high=0.5,
    )
    r_drop: float = setting(
        0.0,
        "Weight of the R-Drop consistency loss; 0 disables it, otherwise training takes twice as "
        "long.",
        TRAINING,
        metavar="WEIGHT",
        low=0,
        high=100,
    )
    device: Device = setting(
        "auto", "Device; auto is a CUDA GPU where there is one, else the CPU.", TRAINING
    )
    precision: Precision = setting(
        "auto",
        "Numeric precision of the RNN; auto takes bfloat16 where the device has it.",
        TRAINING,
    )
    quantize: Quantize = setting(
        "auto",
        "Weights of the ONNX graph; auto takes int8 where validation stays as good.",
        TRAINING,
    )
    seed: int = setting(
        1, "Seed of everything random.", TRAINING, metavar="N", low=0, high=2**32 - 1
    )

    def __post_init__(self) -> None:
        if not self.data:
            raise ConfigError("data", "is empty", "name a data set or a file: `data=imdb`")
        check_settings(self)
        if "-" in self.unlabelled:
            raise ConfigError(
                "unlabelled", "is not read from standard input", "save the texts in a file first"
            )
        if "none" in self.unlabelled and len(self.unlabelled) > 1:
            raise ConfigError(
                "unlabelled",
                "names texts beside none",
                "leave out `unlabelled=none` or the texts",
            )
        start = self.vectors.removesuffix(STARTS_OWN)
        if start != self.vectors and start in ("", "none", "own"):
            raise ConfigError(
                "vectors",
                f"{self.vectors!r} names no vectors for own ones to start from",
                "use `vectors=own`; or name some, such as `vectors=glove.6B.100d+own`",
            )
        parse_label_map(self.label_map)
        parse_mix(self.mix)

    @property
    def published_vectors(self) -> str | None:
        """The name or file in ``vectors``, without own ones."""
        name = self.vectors.removesuffix(STARTS_OWN)
        return None if name in ("none", "own") else name

    @property
    def has_own_vectors(self) -> bool:
        """True if word vectors are to be learned from the texts."""
        return self.vectors == "own" or self.vectors.endswith(STARTS_OWN)

    @property
    def decay(self) -> float:
        """The weight decay asked for, or the optimizer's own; L2 regularisation for adam."""
        usual = 0.01 if self.optimizer == "adamw" else 0.0
        return usual if self.weight_decay is None else self.weight_decay

    def epochs_for(self, texts: int) -> int:
        """Return the epochs asked for, or else 7; on small data, so many as make 100,000 texts.

        But no more than 12.
        """
        return self.epochs or max(7, min(12, 100_000 // texts))

    def batch_size_for(self, texts: int) -> int:
        """Return the batch size asked for, or else 64; on small data, what makes 40 steps."""
        return self.batch_size or max(1, min(64, texts // 40))


@dataclass(frozen=True, kw_only=True)
class OutputConfig:
    """What is asked of the output, where texts are classified."""

    output_format: Format | None = setting(
        None, "Format of the output.", OUTPUT, shown="by its name, else the input's"
    )
    prefix: str = setting("", "Put before the names of the added columns.", OUTPUT, metavar="TEXT")
    scores: bool = setting(False, "Add the score of every label.", ANSWER, switch=("scores",))
    polarity: bool = setting(
        False,
        "Add P(positive) − P(negative), from −1 to 1.",
        ANSWER,
        switch=("polarity",),
    )
    top_k: int = setting(
        1, "Give the K likeliest labels.", ANSWER, metavar="K", low=1, high=1_000_000
    )
    threshold: float | None = setting(
        None,
        "Answer unsure where the score is below P.",
        ANSWER,
        metavar="P",
        low=0,
        high=1,
        shown="that of the model, if it has one",
    )
    explain: bool = setting(
        False, "Show what each token weighs for the label.", ANSWER, switch=("explain",)
    )

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """What is asked of an evaluation besides its measures."""

    checks: str | None = setting(
        None,
        "Run behavioural checks, those in a JSON Lines file or the bundled ones; alone, unless "
        "data are named.",
        CHECKS,
        metavar="FILE|bundled",
        shown="",
    )
    fail_under: tuple[str, ...] = setting(
        (),
        "Fail if a figure is below a value, such as recall.negative=0.8. Repeatable.",
        GATE,
        metavar="FIGURE=VALUE",
    )
    fail_over: tuple[str, ...] = setting(
        (),
        "Fail if loss, brier or calibration_error is above a value. Repeatable.",
        GATE,
        metavar="FIGURE=VALUE",
    )
    confident: bool = setting(
        False, "Judge the worse end of a figure's 95 % interval.", GATE, switch=("confident",)
    )
    strict: bool = setting(
        False,
        "Fail if rows are left out or suspicious.",
        GATE,
        switch=("strict",),
    )
    against: str | None = setting(
        None,
        "Fail if the model is significantly worse than this one, or than that of an earlier "
        "evaluation's JSON, on the same examples.",
        GATE,
        metavar="NAME|DIR|FILE.json",
        shown="",
    )
    find_threshold: str | None = setting(
        None,
        "Find the score from which on answers have a precision or a coverage, such as "
        "precision=0.95, coverage=0.8 or, of one label, precision.negative=0.95.",
        SCORES,
        metavar="FIGURE=P",
        shown="",
    )
    save: bool = setting(
        False,
        "Make what `find_threshold` finds the model's own threshold.",
        SCORES,
        switch=("save",),
    )
    calibrate: bool = setting(
        False,
        "Fit the model's scores to these examples, and save it.",
        SCORES,
        switch=("calibrate",),
    )
    suspects: str | None = setting(
        None,
        "Write the rows whose label is most likely wrong to FILE, as they came in, with rank, "
        "likely label and score.",
        LABELS,
        metavar="FILE",
        shown="",
    )
    folds: int | None = setting(
        None,
        "Models to train for the suspects of data that the model was trained on, each without the "
        "part that it judges.",
        LABELS,
        metavar="N",
        low=2,
        high=100,
        shown="5",
    )

    report: str | None = setting(
        None,
        "Write a report to FILE (.html): verdict, measures, charts, slices, worst errors.",
        REPORT,
        metavar="FILE",
        shown="",
    )
    slice_column: tuple[str, ...] = setting(
        (),
        "Column by whose values the report divides the examples. Repeatable.",
        REPORT,
        metavar="NAME|N",
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.confident and not (self.fail_under or self.fail_over):
            raise ConfigError(
                "confident", "has no use without a condition", "add one: `fail_under=accuracy=0.9`"
            )
        if self.save and not self.find_threshold:
            raise ConfigError(
                "save", "has no use without a threshold", "add `find_threshold=precision=0.95`"
            )
        if self.folds and not self.suspects:
            raise ConfigError("folds", "has no use without suspects", "add `suspects=FILE`")

        if self.slice_column and not self.report:
            raise ConfigError(
                "slice_column", "has no use without a report", "add `report=FILE.html`"
            )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A model and its training."""

    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()

    @classmethod
    def from_dicts(cls, model: Mapping[str, Any], train: Mapping[str, Any]) -> "Recipe":
        """Return the recipe whose parts, as dicts, have been through JSON.

        Raises:
            UsageError, and those of jsonfile.INVALID: they are not those of a recipe.
        """
        tuples = {name for name, kind in types_of(TrainConfig).items() if get_origin(kind) is tuple}
        lists = {name: tuple(train.get(name, ())) for name in tuples}
        recipe = cls(model=ModelConfig(**model), train=TrainConfig(**{**train, **lists}))
        if not has_type(recipe, Recipe):
            raise TypeError("a setting has a value of another type")
        return recipe

    def with_settings(self, settings: Mapping[str, Any]) -> "Recipe":
        """Return this recipe with the settings that are not None in place of its own.

        Raises:
            ConfigError: there is no such setting, or its value makes no sense.
        """
        given = {name: value for name, value in settings.items() if value is not None}
        model = {name: given.pop(name) for name in settings_of(ModelConfig) if name in given}
        train = {name: given.pop(name) for name in settings_of(TrainConfig) if name in given}
        for name in given:
            raise ConfigError(name, "is not a setting", "see ModelConfig and TrainConfig")
        return Recipe(
            model=dataclasses.replace(self.model, **model),
            train=dataclasses.replace(self.train, **train),
        )


PRESETS: Mapping[str, Recipe] = {
    "default": Recipe(),
    # Slower, for an error on IMDB's test split that is a tenth lower.
    "best": Recipe(train=TrainConfig(vector_window=10, r_drop=1.0, epochs=10)),
    # For `teacher`: soft labels leave less to learn by heart, and unlabelled texts add to an epoch.
    "student": Recipe(
        model=ModelConfig(embedding_dropout=0.3),
        train=TrainConfig(vector_window=10, schedule="cosine", epochs=6),
    ),
    # The notebook that senticli began as, over exact batches.
    "notebook": Recipe(
        model=ModelConfig(
            rnn="lstm",
            layers=2,
            hidden=256,
            pooling="last",
            word_dropout=0.0,
            embedding_dropout=0.5,
            layer_dropout=0.5,
            output_dropout=0.5,
        ),
        train=TrainConfig(
            vectors=PUBLISHED_VECTORS,
            normalization="none",
            valid_fraction=0.3,
            max_length=0,
            epochs=5,
            patience=0,
            batch_size=64,
            optimizer="adam",
            lr=1e-3,
            embedding_lr=1.0,
            clip=0.0,
            averaging=0.0,
        ),
    ),
}
