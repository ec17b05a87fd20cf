"""Labelled examples: by the name of a data set, or from a file of one's own."""

import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from senticli import paths
from senticli.config import TrainConfig
from senticli.data.catalogue import ASSETS, DATASETS
from senticli.data.columns import DAMAGED, read_columns
from senticli.data.labelled import (
    PIPE,
    SPLIT_FOLDERS,
    Example,
    NoExamplesError,
    Problem,
    Reading,
    is_pipe,
    labels_of,
    read_labelled,
    splits_in,
)
from senticli.data.labels import is_measurement, parse_label_map
from senticli.data.unlabelled import read_unlabelled
from senticli.download import installed
from senticli.errors import SenticliError, UsageError
from senticli.io.atomic import sha256_of
from senticli.io.formats import LINES, TABLE_SUFFIXES, format_of, unreadable
from senticli.io.layout import Layout
from senticli.log import log

SPLITS = ("train", "valid", "test")
UNLABELLED = "unlabelled"
"""The split whose examples have an empty label."""


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
    problems: Sequence[Problem] = ()
    """Rows of a file that are no examples."""
    reading: Reading | None = None
    """How a file of one's own was read."""
    columns: Sequence[str] = ()
    """Of a table."""
    values: Set[str] = frozenset()
    """Those which occur of the values that are mapped to labels."""
    notes: Sequence[str] = ()
    """What was found out about a file that whoever names it may not expect."""

    @cached_property
    def digest(self) -> str:
        """A SHA-256 of the texts alone, in their order."""
        digest = hashlib.sha256()
        for example in self.examples:
            text = example.text.encode()
            digest.update(len(text).to_bytes(8, "big") + text)
        return digest.hexdigest()


@dataclass(frozen=True)
class Part:
    """Those examples of a source that belong to a split, by their rows."""

    source: Source
    rows: Sequence[int]

    @property
    def examples(self) -> list[Example]:
        """These examples, in order."""
        return [self.source.examples[row] for row in self.rows]


@dataclass(frozen=True)
class Split:
    """The examples of one split, over every data set or file that it is made of."""

    parts: list[Part]
    names: list[str]
    """Of the data sets and files."""

    @cached_property
    def examples(self) -> list[Example]:
        """The examples of all parts, in order."""
        return [example for part in self.parts for example in part.examples]

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each source."""
        return {part.source.name: part.source.sha256 for part in self.parts}


class Sources:
    """The sources of data, each read once.

    In files with columns called ``text_column`` or ``label_column``, these come before those of
    the usual names. Their examples keep the values of ``slice_columns``.
    """

    def __init__(
        self,
        text_column: str | None = None,
        label_column: str | None = None,
        slice_columns: tuple[str, ...] = (),
    ) -> None:
        self._columns = text_column, label_column, slice_columns
        self._read: dict[tuple[str, str], Source] = {}
        self._problems: list[Problem] = []  # of those that hold no examples

    @property
    def problems(self) -> list[Problem]:
        """What was found in the rows so far, also where that is why reading failed."""
        read = [problem for source in self._read.values() for problem in source.problems]
        return [*read, *self._problems]

    def get(self, name: str, split: str, config: TrainConfig) -> Source:
        """Return the source that holds ``split`` of ``name``, a data set or a file."""
        key = (name, split)
        if key not in self._read:
            try:
                self._read[key] = _read_source(name, split, config, *self._columns)
            except NoExamplesError as error:
                self._problems += error.problems
                raise
        return self._read[key]


def load_split(config: TrainConfig, split: str, sources: Sources | None = None) -> Split:
    """Return the examples of ``split`` over every data set or file that ``config`` trains on.

    What ``config`` names as its valid or test files is that split. Without them, data that has no
    validation split gives ``valid_fraction`` of its train split, drawn with ``seed``; its ``train``
    is then the rest.

    Raises:
        SenticliError: a data set is not installed, has no such split, or has no examples.
    """
    sources = sources or Sources()
    own = {"valid": config.valid, "test": config.test}.get(split, ())
    parts: list[Part] = []
    names: list[str] = []
    for name in own or config.data:
        held = splits_of(name)
        if split == "test" and not own and "test" not in held:
            continue
        source = sources.get(name, split if split in held else "train", config)
        rows: Sequence[int] = range(len(source.examples))
        if not (own or config.valid or split == "test" or "valid" in held):
            rest, held_out = hold_out(source.examples, config.valid_fraction, config.seed)
            rows = held_out if split == "valid" else rest
        parts.append(Part(source, rows))
        names.append(name)
    if not names:
        raise SenticliError(
            f"{', '.join(config.data)} has no labelled {split} split",
            "use another split: `split=valid`" if split == "test" else "name other data: `data`",
        )
    if not any(part.rows for part in parts):
        texts = [example.text for part in parts for example in part.source.examples]
        several = len(set(texts))
        if several < len(texts):
            raise SenticliError(
                f"{', '.join(config.data)}: {len(texts):,} examples with {several:,} different "
                f"text{'s' * (several != 1)} are too few for a {split} split",
                "name the column of the text: `text_column=NAME`, or use data with more texts",
            )
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
    test: Split | None = None
    """Only compared with the others, never learned from or chosen by."""
    unlabelled: Split = Split([], [])
    """Texts for word vectors and teachers, without those of ``valid`` and ``test``."""
    teachers: tuple[str, ...] = ()
    """The SHA-256 of each teacher that gave the soft labels."""
    licences: Mapping[str, str] = field(default_factory=dict)
    """Licences of what the teachers learned from."""
    leaks: Mapping[str, int] = field(default_factory=dict)
    """The number of texts left out of ``train`` because they are held out, by source."""

    @property
    def texts(self) -> Split:
        """The texts of ``train`` and, after them, the unlabelled ones."""
        unlabelled = [f"{name} ({UNLABELLED})" for name in self.unlabelled.names]
        parts = [*self.train.parts, *self.unlabelled.parts]
        return Split(parts, [*self.train.names, *unlabelled])

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of every source that is learned from or chosen by."""
        return {**self.train.hashes, **self.valid.hashes, **self.unlabelled.hashes}


def load_training_data(config: TrainConfig, sources: Sources | None = None) -> TrainingData:
    """Return the train and valid splits that ``config`` names, checked to be worth training on.

    Texts that are held out are left out of the unlabelled ones and, if ``config`` says so, of those
    to train on.

    Raises:
        SenticliError: as :func:`load_split`; or there are not two labels to tell apart, or the
            validation split has one that training lacks; or nothing is left of a source.
    """
    sources = sources or Sources()
    train = load_split(config, "train", sources)
    if config.score_columns and all(example.scores is None for example in train.examples):
        columns = dict.fromkeys(column for part in train.parts for column in part.source.columns)
        there = f" (columns: {', '.join(columns)})" if columns else ""
        raise SenticliError(
            f"no row of {', '.join(train.names)} has scores in {config.score_columns}{there}",
            "name the columns, one for each label, or the field of an object: `score_columns=NAME`",
        )
    _check_labels(train.examples)
    labels = labels_of(train.examples)
    valid = load_split(config, "valid", sources)
    test = None
    if config.test or any("test" in splits_of(name) for name in config.data):
        test = load_split(config, "test", sources)
    for split in filter(None, (valid, test)):
        for part in split.parts:
            strange = set(labels_of(part.examples)) - set(labels)
            if strange:
                raise SenticliError(
                    f"{part.source.name} has the label {min(strange)!r}, which is not in the "
                    f"training data (there: {_some(labels)})",
                    "use data whose splits have the same labels",
                )
    unlabelled, leaks = _load_unlabelled(config, sources), {}
    if config.drop_leaks or unlabelled.parts:
        held_out = {letters_of(e.text) for split in (valid, test) if split for e in split.examples}
        unlabelled = _without(unlabelled, held_out, "unlabelled")
    if config.drop_leaks:
        rest = _without(train, held_out, "data")
        for before, after in zip(train.parts, rest.parts, strict=True):
            if dropped := len(before.rows) - len(after.rows):
                leaks[before.source.name] = dropped
        train = rest
        _check_labels(train.examples)
    return TrainingData(train, valid, labels, test, unlabelled, leaks=leaks)


def unlabelled_of(config: TrainConfig) -> tuple[str, ...]:
    """Return the data sets and files whose texts without labels are learned from.

    Where ``config`` names none, those of its data sets come along. There are none without own
    vectors or a teacher.
    """
    if not (config.has_own_vectors or config.teacher) or config.unlabelled == ("none",):
        return ()
    own = tuple(name for name in config.data if name in ASSETS and ASSETS[name].unlabelled)
    return config.unlabelled or own


def _load_unlabelled(config: TrainConfig, sources: Sources) -> Split:
    """Return the texts that ``config`` names as unlabelled.

    Raises:
        SenticliError: a data set is not installed or has none.
    """
    names = unlabelled_of(config)
    parts = []
    for name in names:
        if name in DATASETS and UNLABELLED not in splits_of(name):
            raise SenticliError(
                f"{name} has no unlabelled texts",
                "name other texts, `unlabelled=FILE`; or use none: `unlabelled=none`",
            )
        source = sources.get(name, UNLABELLED, config)
        parts.append(Part(source, range(len(source.examples))))
    return Split(parts, list(names))


def _without(split: Split, held_out: Set[str], setting: str) -> Split:
    """Return a split without the texts whose letters and digits are ``held_out``.

    The rest is not compared: a text may be published as tokens, and as it was written.

    Raises:
        SenticliError: nothing is left of a data set or file; ``setting`` names it.
    """
    parts = []
    for part in split.parts:
        examples = part.source.examples
        rows = [row for row in part.rows if letters_of(examples[row].text) not in held_out]
        if not rows:
            raise SenticliError(
                f"{part.source.name}: every text is in the validation or test split",
                f"name other texts: `{setting}=FILE`",
            )
        parts.append(Part(part.source, rows))
    return Split(parts, split.names)


def _check_labels(examples: Sequence[Example]) -> None:
    """Raise SenticliError unless there are labels to tell apart, of which some occur again."""
    labels = labels_of(examples)
    if len(labels) < 2:
        raise SenticliError(
            f"every training example has the label {labels[0]!r}: there is nothing to tell apart",
            "use data with at least two labels",
        )
    if len(examples) < 4 or 2 * len(labels) <= len(examples):
        return
    few = f"{len(labels):,} labels for {len(examples):,} examples ({_some(labels)})"
    if all(map(is_measurement, labels)):
        raise SenticliError(
            f"there are {few}: they look like measurements, not labels",
            "divide them into a few labels first, or name another column: `label_column=NAME`",
        )
    raise SenticliError(
        f"there are {few}: nearly every row has its own",
        "name the column of the label: `label_column=NAME`",
    )


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:4]) + ", …" * (len(labels) > 4)


def hold_out(
    examples: Sequence[Example], fraction: float, seed: int
) -> tuple[list[int], list[int]]:
    """Return the rows that stay and those that are held out, each in the order given.

    Where examples have groups, whole groups are held out, at least one. Else ``fraction`` of each
    label is, and texts that are the same stay together.
    """
    if any(example.group for example in examples):
        held_out = _some_groups(examples, fraction, seed)
    else:
        held_out = _some_of_each_label(examples, fraction, seed)
    rest = [row for row in range(len(examples)) if row not in held_out]
    known = {examples[row].label for row in rest}  # a rare label is better learned
    held_out = {row for row in held_out if examples[row].label in known}
    return [row for row in range(len(examples)) if row not in held_out], sorted(held_out)


def _some_groups(examples: Sequence[Example], fraction: float, seed: int) -> set[int]:
    # An example without a group is a group of its own.
    groups = [example.group or f"\0{row}" for row, example in enumerate(examples)]
    sizes = Counter(groups)
    order = sorted(sizes)
    random.Random(seed).shuffle(order)
    chosen: set[str] = set()
    count = 0
    for group in order:
        if count >= fraction * len(examples):
            break
        chosen.add(group)
        count += sizes[group]
    return {row for row, group in enumerate(groups) if group in chosen}


def _some_of_each_label(examples: Sequence[Example], fraction: float, seed: int) -> set[int]:
    same: dict[str, list[int]] = {}
    for row, example in enumerate(examples):
        same.setdefault(example.text, []).append(row)
    by_label: dict[str, list[list[int]]] = {}
    for rows in same.values():
        by_label.setdefault(examples[rows[0]].label, []).append(rows)
    generator = random.Random(seed)
    chosen: set[int] = set()
    for _, texts in sorted(by_label.items()):
        generator.shuffle(texts)
        for rows in texts[: max(1, round(fraction * len(texts)))]:
            chosen.update(rows)
    return chosen


def learned_hashes(config: TrainConfig, hashes: Mapping[str, str]) -> frozenset[str]:
    """Return the hashes of the sources of a training whose labels were learned.

    Args:
        config: of the training.
        hashes: of all its sources, as :attr:`TrainingData.hashes` has them.
    """
    apart = {Path(name).name for name in config.valid} | {UNLABELLED}
    apart |= {folder for folder, split in SPLIT_FOLDERS.items() if split == "valid"}
    return frozenset(
        sha256
        for source, sha256 in hashes.items()
        if Path(source).name not in apart and not source.endswith(f"({UNLABELLED})")
    )


def letters_of(text: str) -> str:
    """Return the letters and digits of a text; one without any, such as an emoji, as it is."""
    return re.sub(r"[\W_]+", "", text.casefold()) or text


def existing_file(name: str) -> Path:
    """Return the path of a file or folder of one's own. Raises UsageError unless it may be one."""
    path = Path(name)
    if name == PIPE:
        return path
    if path.suffix.lower() not in (*TABLE_SUFFIXES, ".txt") and not path.exists():
        raise UsageError(
            f"{name!r} is neither a data set nor a file",
            f"use one of: {', '.join(DATASETS)}; a {', '.join(TABLE_SUFFIXES)} file; or a folder "
            "with one folder for each label",
        )
    return path


def require_file(name: str) -> None:
    """Raise SenticliError unless there is such a file, folder or pipe of one's own."""
    path = existing_file(name)
    if name != PIPE:
        try:
            path.stat()
        except OSError as error:
            raise unreadable(path, error) from error


def splits_of(name: str) -> set[str]:
    """Return the splits of a data set; of a file, ``train``; of a folder, see splits_in.

    Raises:
        SenticliError: the data set is not installed.
        UsageError: it is neither a data set nor a file.
    """
    if name == "sample":
        return set(SPLITS)
    if name not in DATASETS:
        return set(splits_in(existing_file(name)))
    if not installed.is_installed(ASSETS[name]):
        raise installed.not_downloaded([name])
    return set(installed.provenance(ASSETS[name])["counts"])


def reading_of(config: TrainConfig) -> Reading:
    """Return how ``config`` reads files."""
    layout = Layout(
        text_column=config.text_column,
        delimiter=config.delimiter,
        quoting=config.quoting,
        header=config.header,
        encoding=config.encoding,
    )
    return Reading(
        format=config.format,
        label_column=config.label_column,
        label_map=parse_label_map(config.label_map),
        score_columns=config.score_columns,
        layout=layout,
    )


def check_reading(config: TrainConfig, slice_columns: tuple[str, ...] = ()) -> None:
    """Raise UsageError if it is said how files are read, and ``config`` only names data sets."""
    names = (*config.data, *config.valid, *config.test, *unlabelled_of(config))
    given = replace(reading_of(config), slice_columns=slice_columns).given
    if given and all(name in DATASETS for name in names):
        raise UsageError(
            f"`{next(iter(given))}` is for files, and {', '.join(dict.fromkeys(names))} is a data "
            "set with a name",
            "leave it out",
        )


def _reading_for(config: TrainConfig, path: Path, slice_columns: tuple[str, ...]) -> Reading:
    """Return how ``config`` reads ``path``: one of several may have no columns, unlike others."""
    reading = replace(reading_of(config), slice_columns=slice_columns)
    is_table = (config.format or format_of(path)) not in (None, LINES) or is_pipe(path)
    several = len({*config.data, *config.valid, *config.test}) > 1
    if several and (path.is_dir() or not is_table):
        layout = Layout(encoding=config.encoding)
        return replace(
            reading, label_column=None, score_columns=None, slice_columns=(), layout=layout
        )
    return reading


def _read_source(
    name: str,
    split: str,
    config: TrainConfig,
    likely_text: str | None,
    likely_label: str | None,
    slice_columns: tuple[str, ...],
) -> Source:
    # The files of a data set are our own: read with their groups, and without guessing.
    if name not in DATASETS and split == UNLABELLED:
        own = read_unlabelled(existing_file(name), reading_of(config).layout, config.format)
        examples = [Example(text, "") for text in own.texts]
        return Source(f"{name} ({UNLABELLED})", examples, own.sha256, notes=own.notes)
    if name not in DATASETS:
        path = splits_in(existing_file(name))[split]
        reading = _reading_for(config, path, slice_columns)
        layout = replace(reading.layout, likely=likely_text)
        reading = replace(reading, layout=layout, likely_label=likely_label)
        found = read_labelled(path, reading)
        return Source(
            str(path),
            found.examples,
            found.sha256,
            problems=found.problems,
            reading=reading,
            columns=found.columns,
            values=found.values,
        )
    folder = paths.dataset_dir(name)
    log("reading %s/%s in %s", name, split, folder)
    if name == "sample":
        path = folder / f"{split}.jsonl"
        rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        examples = [Example(row["text"], row["label"]) for row in rows]
        return Source(f"sample/{split}", examples, sha256_of(path))
    path = folder / "examples.npz"
    try:
        sha256 = installed.provenance(ASSETS[name])["hashes"][split]
        columns = read_columns(path, split, sha256)
        groups: Sequence[str | None] = columns.get("group") or [None] * len(columns["text"])
        labels = columns["label"] if split != UNLABELLED else [""] * len(columns["text"])
        examples = list(map(Example, columns["text"], labels, groups))
    except (OSError, *DAMAGED) as error:
        raise SenticliError(f"{path} is damaged", f"`install({name}, force=True)`") from error
    return Source(f"{name}/{split}", examples, sha256, tokens=folder / f"tokens-{split}")
