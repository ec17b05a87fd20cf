"""Labelled examples: by the name of a data set, or from a file of one's own."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from senticli import paths
from senticli.atomic import sha256_of
from senticli.config import TrainConfig
from senticli.data.catalogue import ASSETS
from senticli.errors import SenticliError, UsageError
from senticli.text.files import TABLE_SUFFIXES, unreadable
from senticli.text.records import read_table

SPLITS = ("train", "valid", "test")
DATASETS = ("sample", *(name for name, asset in ASSETS.items() if asset.kind == "dataset"))


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its label. Examples that share a ``group`` (a movie) stay in one split."""

    text: str
    label: str
    group: str | None = None


@dataclass(frozen=True)
class Split:
    """The examples of one split, the data sets they come from, and the SHA-256 of their files."""

    examples: list[Example]
    names: list[str]
    hashes: dict[str, str]


def load_split(config: TrainConfig, split: str) -> Split:
    """The examples of ``split`` over every data set or file that ``config`` trains on.

    A data set without a validation split gives ``valid_fraction`` of its train split, drawn by
    whole groups with ``seed``; its ``train`` is then the rest. A file of one's own is one train
    split.

    Raises:
        SenticliError: a data set is not here, has no such split, or has no examples.
    """
    examples: list[Example] = []
    names: list[str] = []
    hashes: dict[str, str] = {}
    for name in config.data:
        path, part = _locate(name, split)
        if path is None:
            continue
        names.append(name)
        # The files of a data set are our own: read with their groups, and without guessing.
        if name in DATASETS:
            found = list(_read_dataset(path))
            hashes[f"{name}/{path.name}"] = sha256_of(path)
        else:
            found = read_file(path, config.text_column, config.label_column)
            hashes[name] = sha256_of(path)
        if part:
            rest, held_out = split_by_group(found, config.valid_fraction, config.seed)
            known = {example.label for example in rest}  # a rare label is better learned
            rest += [example for example in held_out if example.label not in known]
            held_out = [example for example in held_out if example.label in known]
            found = held_out if part == "valid" else rest
        examples += found
    if not names:
        raise SenticliError(
            f"{', '.join(config.data)} has no labelled {split} split",
            "senticli eval --split valid" if split == "test" else "name another data set: --data",
        )
    if not examples:
        raise SenticliError(
            f"{', '.join(config.data)}: the {split} split has no examples",
            "use a data set with more rows",
        )
    return Split(examples, names, hashes)


@dataclass(frozen=True)
class TrainingData:
    """What a model learns from: two splits, and the labels of the first, sorted."""

    train: list[Example]
    valid: list[Example]
    labels: tuple[str, ...]
    hashes: dict[str, str]


def load_training_data(config: TrainConfig) -> TrainingData:
    """The train and valid splits that ``config`` names, checked to be worth training on.

    Raises:
        SenticliError: as :func:`load_split`; or there are not two labels to tell apart, or the
            validation split has one that training lacks.
    """
    train, valid = (load_split(config, split) for split in ("train", "valid"))
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
    return TrainingData(train.examples, valid.examples, labels, {**train.hashes, **valid.hashes})


def split_by_group(
    examples: Sequence[Example], fraction: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """Hold out ``fraction`` of the examples (at least one group), never dividing a group.

    An example without a group is a group of its own. Returns what stays and what is held out,
    each in the order given.
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
    rest = [e for e, group in zip(examples, groups, strict=True) if group not in held_out]
    return rest, [e for e, group in zip(examples, groups, strict=True) if group in held_out]


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


def _locate(name: str, split: str) -> tuple[Path | None, str | None]:
    """The file that holds ``split`` of ``name``, and which part of it to take (None: all)."""
    if name not in DATASETS:
        path = existing_file(name)
        return (None, None) if split == "test" else (path, split)
    folder = paths.dataset_dir(name)
    if not (folder / "train.jsonl").exists():
        raise SenticliError(f"the data set {name} is not here", f"senticli download {name}")
    file = folder / f"{split}.jsonl"
    if split == "test":
        return (file, None) if file.exists() else (None, None)
    if (folder / "valid.jsonl").exists():
        return file, None
    return folder / "train.jsonl", split


def _read_dataset(path: Path) -> Iterator[Example]:
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                row = json.loads(line)
                yield Example(row["text"], row["label"], row.get("group"))
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise SenticliError(
            f"{path} is damaged", f"senticli download {path.parent.name} --force"
        ) from error
