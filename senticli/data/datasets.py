"""Labelled examples: by the name of a data set, or from a file of one's own."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from senticli import paths
from senticli.atomic import sha256_of
from senticli.config import TrainConfig
from senticli.data import assets
from senticli.data.catalogue import ASSETS, DATASETS
from senticli.data.columns import DAMAGED, read_columns
from senticli.errors import SenticliError, UsageError
from senticli.text.files import TABLE_SUFFIXES
from senticli.text.records import read_table

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its label. Examples that share a ``group`` (a movie) stay in one split."""

    text: str
    label: str
    group: str | None = None


@dataclass(frozen=True)
class Source:
    """All examples of one file, or of one split of a data set's file, in its order."""

    name: str
    """Of the data set and its split, or of the file."""
    examples: list[Example]
    sha256: str
    """Of a file of one's own; of the content, for a data set's split."""
    tokens: Path | None = None
    """Where the tokens of its texts are kept, by the tokenizer's fingerprint; None: nowhere."""


@dataclass(frozen=True)
class Part:
    """Those examples of a source that belong to a split, by their rows."""

    source: Source
    rows: Sequence[int]


@dataclass(frozen=True)
class Split:
    """The examples of one split, over every data set or file that it is made of."""

    parts: list[Part]
    names: list[str]
    """Of the data sets and files."""

    @cached_property
    def examples(self) -> list[Example]:
        """The examples of all parts, in order."""
        return [part.source.examples[row] for part in self.parts for row in part.rows]

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each source."""
        return {part.source.name: part.source.sha256 for part in self.parts}


class Sources:
    """The sources of data, each read once."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, str], Source] = {}

    def get(self, name: str, split: str, config: TrainConfig) -> Source:
        """The source that holds ``split`` of ``name``, a data set or a file."""
        key = (name, split)
        if key not in self._read:
            self._read[key] = _read_source(name, split, config)
        return self._read[key]


def load_split(config: TrainConfig, split: str, sources: Sources | None = None) -> Split:
    """The examples of ``split`` over every data set or file that ``config`` trains on.

    A data set without a validation split gives ``valid_fraction`` of its train split, drawn by
    whole groups with ``seed``; its ``train`` is then the rest. A file of one's own is one train
    split.

    Raises:
        SenticliError: a data set is not here, has no such split, or has no examples.
    """
    sources = sources or Sources()
    parts: list[Part] = []
    names: list[str] = []
    for name in config.data:
        held = splits_of(name)
        if split == "test" and "test" not in held:
            continue
        names.append(name)
        if split == "test" or "valid" in held:
            source = sources.get(name, split, config)
            rows: Sequence[int] = range(len(source.examples))
        else:
            source = sources.get(name, "train", config)
            rest, held_out = split_by_group(source.examples, config.valid_fraction, config.seed)
            label = [example.label for example in source.examples]
            known = {label[row] for row in rest}  # a rare label is better learned
            rest += [row for row in held_out if label[row] not in known]
            held_out = [row for row in held_out if label[row] in known]
            rows = held_out if split == "valid" else rest
        parts.append(Part(source, rows))
    if not names:
        raise SenticliError(
            f"{', '.join(config.data)} has no labelled {split} split",
            "senticli eval --split valid" if split == "test" else "name another data set: --data",
        )
    if not any(part.rows for part in parts):
        raise SenticliError(
            f"{', '.join(config.data)}: the {split} split has no examples",
            "use a data set with more rows",
        )
    return Split(parts, names)


@dataclass(frozen=True)
class TrainingData:
    """What a model learns from: two splits, and the labels of the first, sorted."""

    train: Split
    valid: Split
    labels: tuple[str, ...]

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of every source of both."""
        return {**self.train.hashes, **self.valid.hashes}


def load_training_data(config: TrainConfig) -> TrainingData:
    """The train and valid splits that ``config`` names, checked to be worth training on.

    Raises:
        SenticliError: as :func:`load_split`; or there are not two labels to tell apart, or the
            validation split has one that training lacks.
    """
    sources = Sources()
    train, valid = (load_split(config, split, sources) for split in ("train", "valid"))
    labels = labels_of(train.examples)
    if len(labels) < 2:
        raise SenticliError(
            f"every training example has the label {labels[0]!r}: there is nothing to tell apart",
            "use data with at least two labels",
        )
    strange = set(labels_of(valid.examples)) - set(labels)
    if strange:
        raise SenticliError(
            f"the validation split has a label that training has not: {min(strange)}",
            "use data whose splits have the same labels",
        )
    return TrainingData(train, valid, labels)


def split_by_group(
    examples: Sequence[Example], fraction: float, seed: int
) -> tuple[list[int], list[int]]:
    """Hold out ``fraction`` of the examples (at least one group), never dividing a group.

    An example without a group is a group of its own. Returns the rows that stay and the rows that
    are held out, each in the order given.
    """
    groups = [example.group or f"\0{row}" for row, example in enumerate(examples)]
    sizes: dict[str, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    order = sorted(sizes)
    random.Random(seed).shuffle(order)
    held_out: set[str] = set()
    count = 0
    for group in order:
        if count >= fraction * len(examples):
            break
        held_out.add(group)
        count += sizes[group]
    rest = [row for row, group in enumerate(groups) if group not in held_out]
    return rest, [row for row, group in enumerate(groups) if group in held_out]


def labels_of(examples: Sequence[Example]) -> tuple[str, ...]:
    """The labels that occur, sorted."""
    return tuple(sorted({example.label for example in examples}))


def read_file(path: Path, text_column: str | None, label_column: str | None) -> list[Example]:
    """The labelled examples of a CSV, TSV, JSONL or Parquet file.

    Raises:
        SenticliError: the file cannot be read, or has no examples.
    """
    examples = [Example(text, label) for text, label in read_table(path, text_column, label_column)]
    if not examples:
        raise SenticliError(f"{path} has no examples", "use a file with a header and rows")
    return examples


def existing_file(name: str) -> Path:
    """The path of a file of one's own. Raises UsageError unless it may be a table."""
    path = Path(name)
    if path.suffix.lower() not in TABLE_SUFFIXES and not path.exists():
        raise UsageError(
            f"{name!r} is neither a data set nor a file",
            f"use one of: {', '.join(DATASETS)}; or a {', '.join(TABLE_SUFFIXES)} file",
        )
    return path


def splits_of(name: str) -> set[str]:
    """The splits that a data set has; of a file, ``train`` alone.

    Raises:
        SenticliError: the data set is not here.
        UsageError: it is neither a data set nor a file.
    """
    if name == "sample":
        return set(SPLITS)
    if name not in DATASETS:
        existing_file(name)
        return {"train"}
    if not assets.is_installed(ASSETS[name]):
        raise SenticliError(f"the data set {name} is not here", f"senticli download {name}")
    return set(assets.provenance(ASSETS[name]).get("counts", ()))


def _read_source(name: str, split: str, config: TrainConfig) -> Source:
    # The files of a data set are our own: read with their groups, and without guessing.
    if name not in DATASETS:
        path = existing_file(name)
        examples = read_file(path, config.text_column, config.label_column)
        return Source(name, examples, sha256_of(path))
    folder = paths.dataset_dir(name)
    if name == "sample":
        path = folder / f"{split}.jsonl"
        rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        examples = [Example(row["text"], row["label"]) for row in rows]
        return Source(f"sample/{split}", examples, sha256_of(path))
    path = folder / "examples.npz"
    try:
        sha256 = assets.provenance(ASSETS[name])["hashes"][split]
        columns = read_columns(path, split, sha256)
        groups: Sequence[str | None] = columns.get("group") or [None] * len(columns["text"])
        examples = list(map(Example, columns["text"], columns["label"], groups))
    except (OSError, *DAMAGED) as error:
        raise SenticliError(f"{path} is damaged", f"senticli download {name} --force") from error
    return Source(f"{name}/{split}", examples, sha256, tokens=folder / f"tokens-{split}")
