"""The labelled examples that a model is measured on: those of data sets and files, or given."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from senticli.config import TrainConfig
from senticli.data.catalogue import ASSETS, DATASETS
from senticli.data.checks import rows_of, soft_labels
from senticli.data.labelled import PIPE, Example, is_pipe
from senticli.data.labels import NotLabelError, label_of, scores_of
from senticli.data.splits import Part, Sources, check_reading, load_split, splits_of
from senticli.download import installed
from senticli.errors import SenticliError, UsageError
from senticli.events import Finding, Message, OnEvent
from senticli.io.formats import STANDARD_INPUT

if TYPE_CHECKING:
    from senticli.bundle import Bundle

Labels = Sequence[str | Mapping[str, float]]
"""The labels of texts; a soft one gives the probability of each label."""


@dataclass(frozen=True)
class Examples:
    """The examples to measure on by source, what they are called, and what is known of them.

    ``parts`` says where those of each source were read; there are none of examples that were given.
    ``hashes`` has the SHA-256 of each file, or of the content of a data set's split.
    """

    sources: "Sequence[tuple[str, Sequence[Example]]]"
    name: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    messages: tuple[Message, ...] = ()
    parts: "Sequence[Part]" = ()

    @cached_property
    def all(self) -> "list[Example]":
        """The examples of all sources, in order."""
        return [example for _, source in self.sources for example in source]

    @cached_property
    def sha256(self) -> str:
        """The hash of their texts and labels, in order."""
        digest = hashlib.sha256()
        for example in self.all:
            facts = [example.text, example.label, example.scores and dict(example.scores)]
            digest.update(json.dumps(facts).encode())
        return digest.hexdigest()


def examples_of(texts: object, labels: Labels) -> Examples:
    """Return the examples that texts and labels make.

    Raises:
        ValueError: there are no texts, or not as many labels; or one is none.
        TypeError: ``texts`` or a label is something else.
    """
    if isinstance(texts, str | Path) or not isinstance(texts, Iterable):
        raise TypeError("labels are given, and no list of texts")
    texts = list(texts)
    if len(texts) != len(labels):
        raise ValueError(f"there are {len(texts)} texts and {len(labels)} labels")
    examples = []
    for text, label in zip(texts, labels, strict=True):
        try:
            if isinstance(label, str):
                examples.append(Example(text, label_of(label, {})))
            elif isinstance(label, Mapping):
                examples.append(Example.soft(text, scores_of(label, {})))
            else:
                raise TypeError(f"a label is a string or a mapping, not {type(label).__name__}")
        except NotLabelError as error:
            raise ValueError(f"labels[{len(examples)}] is {label!r}: {error}") from error
    if not examples:
        raise ValueError("there are no texts to evaluate on")
    return Examples([("texts", examples)], "texts")


def read_examples(
    opened: "Bundle",
    data: Sequence[str | Path] | None,
    split: str | None,
    reading: Mapping[str, Any],
    report: OnEvent,
    slice_columns: tuple[str, ...] = (),
) -> Examples:
    """Read the examples of data sets and files, by default those that a model was trained on.

    Rows that are not examples are reported, also where an error follows that they may explain.

    Args:
        opened: the model.
        data: data sets, files and folders; None: what the model was trained on.
        split: of data sets; None: test.
        reading: how files are read, by setting; None: found out.
        report: called with each event.
        slice_columns: columns whose values the examples keep.

    Raises:
        SenticliError: the data cannot be read, or lacks one of the columns.
    """
    given = {name: value for name, value in reading.items() if value is not None}
    trained, part, what = opened.training, split or "test", ""
    sources = Sources(slice_columns=slice_columns)
    if data is None:
        pipe = next((n for n in trained.data if n not in DATASETS and is_pipe(Path(n))), None)
        if pipe and not trained.test:
            raise SenticliError(
                f"{opened.name} was trained from a pipe, which cannot be read again",
                "name the data: `data=FILE`",
            )
        config = replace(trained, **given)
    else:
        names, paths = [], tuple(map(str, data))
        for name in paths:
            splits = splits_of(name)
            whole = name not in DATASETS and splits == {"train"}
            if whole and split:
                raise UsageError(
                    f"`split={split}` is for data with splits, and {name} has none", "leave it out"
                )
            if not whole and part not in splits and part != "valid":
                raise SenticliError(
                    f"{name} has no {part} split", f"it has: `split={' or '.join(sorted(splits))}`"
                )
            names.append(f"{STANDARD_INPUT if name == PIPE else name}{'' if whole else f' {part}'}")
        what = ", ".join(names)
        # Of how the files of the training were read, only the columns' names may fit another.
        usual = {name: getattr(TrainConfig(), name) for name in reading}
        own = {"data": paths, "valid": (), "test": () if split else paths, "unlabelled": ()}
        config = replace(trained, **{**usual, **own, **given})
        sources = Sources(trained.text_column, trained.label_column, slice_columns)
    check_reading(config, slice_columns)
    try:
        installed.require(config.data)
    except SenticliError as error:
        if data is None:  # nobody asked for just these
            error.hint += "; or name other data: `data=FILE`"
        raise
    try:
        found = load_split(config, part, sources)
    finally:
        findings = tuple(rows_of(sources.problems))
        for finding in findings:
            report(finding)
    messages = list(_compare_with_training(opened, found.names, found.hashes))
    if soft := soft_labels(found.examples):
        counted = f"{soft.examples:,} of {len(found.examples):,} examples have soft labels"
        average = f"the likeliest {soft.confidence:.1%} on average"
        messages.append(Message("note", f"{counted}, {average}"))
    for message in messages:
        report(message)
    what = what or f"{', '.join(found.names)} {part}"
    names = [STANDARD_INPUT if name == PIPE else name for name in found.names]
    parts = [(name, part.examples) for name, part in zip(names, found.parts, strict=True)]
    return Examples(parts, what, found.hashes, findings, tuple(messages), found.parts)


def _compare_with_training(
    opened: "Bundle", names: Sequence[str], hashes: dict[str, str]
) -> Iterator[Message]:
    """Say if data that the model was trained on has changed, or that this cannot be known."""
    recorded = opened.config.provenance["sha256"]["data"]
    for name in names:
        now = dict(hashes)
        if name in ASSETS:  # also its other splits
            now |= {
                f"{name}/{s}": h for s, h in installed.provenance(ASSETS[name])["hashes"].items()
            }
        known = [source for source in now if source in recorded]
        if any(recorded[source] != now[source] for source in known):
            yield Message("warning", f"{name} has changed since the model was trained on it")
        elif name in opened.training.data and name in ASSETS and not known:
            yield Message(
                "note", f"the model does not record what {name} was when it was trained on it"
            )
