"""Soft labels from teachers: a student learns what other models answer.

A labelled text gets a mixture of its label and of the teachers' answer, an unlabelled one their
answer alone (Hinton et al. 2015). A teacher is a model, whose answers are kept in the data dir, so
that a second student starts at once; or a file with the answers of anything else.
"""

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from senticli import paths, registry
from senticli.bundle import Bundle
from senticli.config import TrainConfig
from senticli.data.checks import suspicious_answers
from senticli.data.labelled import Example, Reading, labels_of, read_labelled
from senticli.data.splits import UNLABELLED, Part, Source, Split, TrainingData
from senticli.errors import ConfigError
from senticli.events import Finding, Message, Progress, ignore
from senticli.io.atomic import keep_newest, replace_file
from senticli.io.formats import LINES, format_of
from senticli.io.layout import Layout
from senticli.measures import Floats, distributions_of, softmax
from senticli.model import Model
from senticli.training.events import OnEvent, Taught
from senticli.training.recipe import is_file_of_answers

KEPT = 50  # answers in the cache, each of a teacher about a source
REPORTED = 500  # texts between two reports of progress
SUREST = 0.999
"""The most that a teacher's answer counts for; a bare label would otherwise overrule the others."""


class Teacher(Protocol):
    """What answers for texts which label they have."""

    @property
    def name(self) -> str:
        """What the user calls it."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Its K labels, in the order of its answers."""

    @property
    def identity(self) -> str:
        """A SHA-256 of all that its answers depend on."""

    @property
    def licences(self) -> Mapping[str, str]:
        """Licences of what it learned from, where they are known."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What is suspicious about its answers."""

    def answer(self, source: Source, on_event: OnEvent) -> Floats:
        """Return the probabilities [N, K] for the N texts of a source; NaN where it has none."""


def teachers_of(config: TrainConfig) -> list[Teacher]:
    """Return the teachers that a training names.

    Raises:
        SenticliError: there is no such model, or a file of answers cannot be read.
    """
    return [
        AnswersInFile.read(name, config.text_column)
        if is_file_of_answers(name)
        else ModelAsTeacher(registry.find(name))
        for name in config.teacher
    ]


def teach(
    data: TrainingData, teachers: Sequence[Teacher], weight: float, on_event: OnEvent
) -> TrainingData:
    """Return the data with soft labels for the training texts, which the unlabelled ones join.

    Validation and test texts keep their labels. A text that no teacher has an answer for keeps its
    label; without one, it stays unlabelled.

    Args:
        data: what the student is to learn from.
        teachers: the teachers.
        weight: that of their answer for a labelled text; the rest is that of its label.
        on_event: called with each event.

    Raises:
        ConfigError: the labels of the teachers do not fit those of the data, or one has no answer.
        SenticliError: a teacher is broken.
    """
    start = time.perf_counter()
    panel = _Panel(tuple(teachers), data.labels, on_event)
    panel.check()
    train = Split([_labelled(part, panel, weight) for part in data.train.parts], data.train.names)
    rest = Split([], [])
    for name, part in zip(data.unlabelled.names, data.unlabelled.parts, strict=True):
        answered, unanswered = _unlabelled(part, panel)
        train = _with_part(train, f"{name} ({UNLABELLED})", answered)
        rest = _with_part(rest, name, unanswered)
    panel.check_answers()
    seconds = round(time.perf_counter() - start, 1)
    texts = sum(len(part.rows) for part in train.parts)
    on_event(Taught([teacher.name for teacher in teachers], texts, seconds))
    return replace(
        data,
        train=train,
        unlabelled=rest,
        teachers=tuple(teacher.identity for teacher in teachers),
        licences={k: v for teacher in teachers for k, v in teacher.licences.items()},
    )


def check_labels(teachers: Sequence[Teacher], labels: Sequence[str]) -> None:
    """Raise ConfigError if the teachers' labels do not fit those of the data, or one another."""
    if teachers:
        _Panel(tuple(teachers), tuple(labels), ignore).check()


def pooled(answers: Sequence[Floats], columns: Sequence[Sequence[int]]) -> Floats:
    """Return the mean of the teachers' log-odds as probabilities [N, L].

    A teacher that lacks some of the labels, or an answer, says nothing of these: there it is taken
    to agree with those that know all. Where none of these has an answer, the row is NaN.

    Args:
        answers: of each teacher, the probabilities [N, K] of its labels, or NaN.
        columns: of each teacher, which of the L labels its K ones are. One knows all.
    """
    pairs = list(zip(answers, columns, strict=True))
    size = max(map(len, columns))
    whole = _mean_of_log_odds([answer for answer, known in pairs if len(known) == size])
    filled = []
    for answer, known in pairs:
        probabilities = whole.copy()
        said = whole[:, known].sum(axis=1, keepdims=True) * answer
        probabilities[:, known] = np.where(np.isnan(answer), whole[:, known], said)
        filled.append(probabilities)
    return _mean_of_log_odds(filled)


def _mean_of_log_odds(answers: Sequence[Floats]) -> Floats:
    """Return the softmax of the mean logarithm of those answers that are not NaN."""
    logs = np.stack([np.log(np.maximum(answer, 1 - SUREST)) for answer in answers])
    known = ~np.isnan(logs)
    with np.errstate(invalid="ignore"):  # 0 / 0 where none has an answer
        return softmax(np.where(known, logs, 0).sum(axis=0) / known.sum(axis=0))


@dataclass(frozen=True)
class ModelAsTeacher:
    """A model of this tool."""

    bundle: Bundle
    findings: Sequence[Finding] = ()

    @property
    def name(self) -> str:
        """See :class:`Teacher`."""
        return self.bundle.name

    @property
    def labels(self) -> tuple[str, ...]:
        """See :class:`Teacher`."""
        return tuple(self.bundle.config.labels)

    @property
    def licences(self) -> Mapping[str, str]:
        """See :class:`Teacher`."""
        return self.bundle.licences

    @cached_property
    def identity(self) -> str:
        """See :class:`Teacher`."""
        config = self.bundle.config
        names = ("vocab.txt", "tokenizer.json", "model.onnx")
        files = {name: config.files.get(name) for name in names}
        form = config.lowercase, config.normalization
        facts = [files, config.labels, *form, config.temperature]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def answer(self, source: Source, on_event: OnEvent) -> Floats:
        """See :class:`Teacher`: what is kept, or found and kept now."""
        key = hashlib.sha256(f"{self.identity} {source.digest}".encode()).hexdigest()[:16]
        path = paths.cache_dir() / f"answers-{key}.npy"
        total = len(source.examples)
        with suppress(OSError, ValueError, EOFError):
            kept: Floats = np.load(path, allow_pickle=False)
            if kept.shape == (total, len(self.labels)) and np.isfinite(kept).all():
                return kept
        step = f"labelling {source.name} with {self.name}"
        rows: list[Floats] = []
        for row in Model(self.bundle).stream_proba(example.text for example in source.examples):
            if len(rows) % REPORTED == 0:
                on_event(Progress(step, len(rows), total, "texts"))
            rows.append(row)
        answers = np.stack(rows)
        with suppress(OSError):  # the cache only saves time
            with replace_file(path) as file:
                np.save(file, answers, allow_pickle=False)
            keep_newest(path.parent.glob("answers-*.npy"), KEPT)
        return answers


@dataclass(frozen=True)
class AnswersInFile:
    """Answers of something else, in a file of texts with scores or labels."""

    name: str
    labels: tuple[str, ...]
    identity: str
    rows: Mapping[str, Floats]
    """The probabilities [K] for a text."""
    licences: Mapping[str, str] = field(default_factory=dict)
    findings: Sequence[Finding] = ()

    @classmethod
    def read(cls, name: str, text_column: str | None) -> "AnswersInFile":
        """Read a file; of a text that occurs several times, the mean. Raises SenticliError."""
        path = Path(name)
        layout = Layout(
            text_column=None if format_of(path) == LINES else text_column, or_usual=True
        )
        found = read_labelled(path, Reading(answers=True, layout=layout))
        labels = labels_of(found.examples)
        truth = distributions_of(found.examples, labels)
        rows: dict[str, list[Floats]] = defaultdict(list)
        for example, row in zip(found.examples, truth, strict=True):
            rows[example.text.strip()].append(row)
        means = {text: np.mean(several, axis=0) for text, several in rows.items()}
        return cls(name, labels, found.sha256, means, findings=suspicious_answers(path.name, found))

    def answer(self, source: Source, on_event: OnEvent) -> Floats:
        """See :class:`Teacher`."""
        none = np.full(len(self.labels), np.nan)
        return np.stack([self.rows.get(one.text.strip(), none) for one in source.examples])


@dataclass(frozen=True)
class _Panel:
    """The teachers, and those labels of the student that they can tell apart."""

    teachers: tuple[Teacher, ...]
    student: tuple[str, ...]
    on_event: OnEvent
    asked: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    """By teacher: how many texts it has an answer for, of how many."""

    @property
    def labels(self) -> list[str]:
        """The student's labels that a teacher has, in order."""
        known = {label for teacher in self.teachers for label in teacher.labels}
        return [label for label in self.student if label in known]

    def check(self) -> None:
        """Raise ConfigError if the teachers' labels do not fit the student's, or one another."""
        for teacher in self.teachers:
            labels = set(teacher.labels)
            if not (labels <= set(self.student) or labels >= set(self.student)):
                raise ConfigError(
                    "teacher",
                    f"{teacher.name} has the labels {', '.join(teacher.labels)}, "
                    f"the data {', '.join(self.student)}",
                    "use a teacher with all labels of the data, or with some of them and no other",
                )
        if not any(set(self.labels) <= set(teacher.labels) for teacher in self.teachers):
            raise ConfigError(
                "teacher",
                f"none of these knows all of {', '.join(self.labels)}",
                "add a teacher that has these labels",
            )

    def check_answers(self) -> None:
        """Report those who did not answer for every text; raise ConfigError if one for none."""
        for name, (answered, texts) in self.asked.items():
            if not answered:
                raise ConfigError(
                    "teacher",
                    f"{name} has an answer for none of the {texts:,} texts",
                    "write the texts in it exactly as they are in the data",
                )
            if answered < texts:
                shown = f"{name} has answers for {answered:,} of {texts:,} texts"
                self.on_event(Message("note", shown))

    def answer(self, part: Part) -> Floats:
        """Return the probability [N, L] of each of :attr:`labels` for the N texts of a source.

        Rows that no teacher has an answer for are NaN.
        """
        answers, columns = [], []
        for teacher in self.teachers:
            shared = [label for label in self.labels if label in teacher.labels]
            answer = teacher.answer(part.source, self.on_event)
            answer = answer[:, [teacher.labels.index(label) for label in shared]]
            answered = ~np.isnan(answer[part.rows]).any(axis=1)
            self.asked[teacher.name][0] += int(answered.sum())
            self.asked[teacher.name][1] += len(part.rows)
            answers.append(answer / answer.sum(axis=1, keepdims=True))
            columns.append([self.labels.index(label) for label in shared])
        return pooled(answers, columns)


def _labelled(part: Part, panel: _Panel, weight: float) -> Part:
    """Return the part with the labels of its texts mixed with the teachers' answer.

    A source that lacks some labels still says nothing about them, see :func:`mixture_of`.
    """
    source = part.source
    own = labels_of(source.examples)
    labels = own if len(own) > 1 else panel.student
    truth = distributions_of(source.examples, labels)
    shared = [label for label in panel.labels if label in labels]
    answer = panel.answer(part)[:, [panel.labels.index(label) for label in shared]]
    answer /= answer.sum(axis=1, keepdims=True)
    known = [labels.index(label) for label in shared]
    # Of labels that no teacher knows, what the data say stands.
    mixed = truth.copy()
    mixed[:, known] = truth[:, known].sum(axis=1, keepdims=True) * answer
    mixed = np.where(np.isnan(mixed), truth, mixed)
    return _soft(part, labels, (1 - weight) * truth + weight * mixed)


def _unlabelled(part: Part, panel: _Panel) -> tuple[Part, Part]:
    """Return the part's texts that have an answer, with soft labels; and the others."""
    answer = panel.answer(part)
    known = set(np.flatnonzero(~np.isnan(answer).any(axis=1)))
    answered = replace(part, rows=[row for row in part.rows if row in known])
    rest = replace(part, rows=[row for row in part.rows if row not in known])
    return _soft(answered, panel.labels, answer), rest


def _with_part(split: Split, name: str, part: Part) -> Split:
    """Return a split with one more part, unless that has no texts."""
    return Split([*split.parts, part], [*split.names, name]) if part.rows else split


def _soft(part: Part, labels: Sequence[str], scores: Floats) -> Part:
    """Return the part with these soft labels for the texts of its source."""
    examples = [
        replace(
            Example.soft(example.text, dict(zip(labels, row, strict=True))), group=example.group
        )
        for example, row in zip(part.source.examples, scores.tolist(), strict=True)
    ]
    return replace(part, source=replace(part.source, examples=examples))
