"""Soft labels from teachers: a student learns what other models answer.

A labelled text gets a mixture of its label and of the teachers' answer, an unlabelled one their
answer alone (Hinton et al. 2015). Each teacher's answers are kept in the data dir, so that a second
student starts at once.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from senticli import paths
from senticli.bundle import Bundle
from senticli.data.labelled import Example, labels_of
from senticli.data.splits import Part, Source, Split, TrainingData
from senticli.errors import ConfigError
from senticli.evaluation import Floats, softmax, truth_of
from senticli.events import Progress
from senticli.io.atomic import keep_newest, replace_file
from senticli.model import Model
from senticli.training.events import OnEvent, Taught

KEPT = 50  # answers in the cache, each of a teacher about a source
REPORTED = 500  # texts between two reports of progress


def teach(
    data: TrainingData, teachers: Sequence[Bundle], weight: float, on_event: OnEvent
) -> TrainingData:
    """Return the data with soft labels for the training texts, which the unlabelled ones join.

    Validation and test texts keep their labels.

    Args:
        data: what the student is to learn from.
        teachers: the models.
        weight: that of their answer for a labelled text; the rest is that of its label.
        on_event: called with each event.

    Raises:
        ConfigError: the labels of the teachers do not fit those of the data.
        SenticliError: a teacher is broken.
    """
    start = time.perf_counter()
    panel = _Panel(tuple(teachers), data.labels, on_event)
    panel.check()
    parts = [
        *(_labelled(part, panel, weight) for part in data.train.parts),
        *(_unlabelled(part, panel) for part in data.unlabelled.parts),
    ]
    seconds = round(time.perf_counter() - start, 1)
    texts = sum(len(part.rows) for part in parts)
    on_event(Taught([teacher.name for teacher in teachers], texts, seconds))
    return replace(
        data,
        train=Split(parts, data.texts.names),
        unlabelled=Split([], []),
        teachers=tuple(map(identity, teachers)),
        licences={k: v for teacher in teachers for k, v in teacher.licences.items()},
    )


def identity(teacher: Bundle) -> str:
    """Return a SHA-256 of all that a model's answers depend on."""
    config = teacher.config
    files = {name: config.files.get(name) for name in ("vocab.txt", "tokenizer.json", "model.onnx")}
    facts = [files, config.labels, config.lowercase, config.temperature]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def pooled(answers: Sequence[Floats], columns: Sequence[Sequence[int]]) -> Floats:
    """Return the mean of the teachers' log-odds as probabilities [N, L].

    A teacher that lacks some of the labels says nothing of these: there it is taken to agree with
    those that know all.

    Args:
        answers: of each teacher, the probabilities [N, K] of its labels.
        columns: of each teacher, which of the L labels its K ones are. One knows all.
    """
    pairs = list(zip(answers, columns, strict=True))
    size = max(map(len, columns))
    whole = _mean_of_log_odds([answer for answer, known in pairs if len(known) == size])
    filled = []
    for answer, known in pairs:
        probabilities = whole.copy()
        probabilities[:, known] = whole[:, known].sum(axis=1, keepdims=True) * answer
        filled.append(probabilities)
    return _mean_of_log_odds(filled)


def _mean_of_log_odds(answers: Sequence[Floats]) -> Floats:
    return softmax(np.mean([np.log(np.maximum(answer, 1e-12)) for answer in answers], axis=0))


@dataclass(frozen=True)
class _Panel:
    """The teachers, and those labels of the student that they can tell apart."""

    teachers: tuple[Bundle, ...]
    student: tuple[str, ...]
    on_event: OnEvent

    @property
    def labels(self) -> list[str]:
        """The student's labels that a teacher has, in order."""
        known = {label for teacher in self.teachers for label in teacher.config.labels}
        return [label for label in self.student if label in known]

    def check(self) -> None:
        """Raise ConfigError if the teachers' labels do not fit the student's, or one another."""
        for teacher in self.teachers:
            labels = set(teacher.config.labels)
            if not (labels <= set(self.student) or labels >= set(self.student)):
                raise ConfigError(
                    "teacher",
                    f"{teacher.name} has the labels {', '.join(teacher.config.labels)}, "
                    f"the data {', '.join(self.student)}",
                    "use a teacher with all labels of the data, or with some of them and no other",
                )
        if not any(set(self.labels) <= set(teacher.config.labels) for teacher in self.teachers):
            raise ConfigError(
                "teacher",
                f"none of these knows all of {', '.join(self.labels)}",
                "add a teacher that has these labels",
            )

    def answer(self, source: Source) -> Floats:
        """Return the probability [N, L] of each of :attr:`labels` for the N texts of a source."""
        answers, columns = [], []
        for teacher in self.teachers:
            theirs = teacher.config.labels
            shared = [label for label in self.labels if label in theirs]
            answer = self._cached(teacher, source)[:, [theirs.index(label) for label in shared]]
            answers.append(answer / answer.sum(axis=1, keepdims=True))
            columns.append([self.labels.index(label) for label in shared])
        return pooled(answers, columns)

    def _cached(self, teacher: Bundle, source: Source) -> Floats:
        """Return a teacher's answers [N, labels] for a source: kept, or found and kept now."""
        key = hashlib.sha256(f"{identity(teacher)} {source.digest}".encode()).hexdigest()[:16]
        path = paths.cache_dir() / f"answers-{key}.npy"
        total = len(source.examples)
        with suppress(OSError, ValueError, EOFError):
            kept: Floats = np.load(path, allow_pickle=False)
            if kept.shape == (total, len(teacher.config.labels)) and np.isfinite(kept).all():
                return kept
        step = f"labelling {source.name} with {teacher.name}"
        rows: list[Floats] = []
        for row in Model(teacher).stream_proba(example.text for example in source.examples):
            if len(rows) % REPORTED == 0:
                self.on_event(Progress(step, len(rows), total, "texts"))
            rows.append(row)
        answers = np.stack(rows)
        with suppress(OSError):  # the cache only saves time
            with replace_file(path) as file:
                np.save(file, answers, allow_pickle=False)
            keep_newest(path.parent.glob("answers-*.npy"), KEPT)
        return answers


def _labelled(part: Part, panel: _Panel, weight: float) -> Part:
    """Return the part with the labels of its texts mixed with the teachers' answer.

    A source that lacks some labels still says nothing about them, see :func:`mixture_of`.
    """
    source = part.source
    own = labels_of(source.examples)
    labels = own if len(own) > 1 else panel.student
    truth = truth_of(source.examples, labels)
    truth = np.eye(len(labels))[truth] if truth.ndim == 1 else truth
    shared = [label for label in panel.labels if label in labels]
    answer = panel.answer(source)[:, [panel.labels.index(label) for label in shared]]
    answer /= answer.sum(axis=1, keepdims=True)
    known = [labels.index(label) for label in shared]
    # Of labels that no teacher knows, what the data say stands.
    mixed = truth.copy()
    mixed[:, known] = truth[:, known].sum(axis=1, keepdims=True) * answer
    return _soft(part, labels, (1 - weight) * truth + weight * mixed)


def _unlabelled(part: Part, panel: _Panel) -> Part:
    return _soft(part, panel.labels, panel.answer(part.source))


def _soft(part: Part, labels: Sequence[str], scores: Floats) -> Part:
    """Return the part with these soft labels for the texts of its source."""
    examples = [
        replace(
            Example.soft(example.text, dict(zip(labels, row, strict=True))), group=example.group
        )
        for example, row in zip(part.source.examples, scores.tolist(), strict=True)
    ]
    return replace(part, source=replace(part.source, examples=examples))
