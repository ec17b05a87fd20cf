"""The evaluation of a model on labelled data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from senticli.data.catalogue import DATASETS
from senticli.data.labelled import Example, labels_of
from senticli.data.labels import loose, parse_label_map
from senticli.errors import SenticliError
from senticli.evaluation.examples import Examples, Labels, examples_of, read_examples
from senticli.events import Finding, Message, OnEvent, Progress, ignore
from senticli.measures import Evaluation, Floats, Ints, Truth, likeliest, measure, truth_of

if TYPE_CHECKING:
    from senticli.model import Model

REPORTED = 256  # examples between two reports of progress
NAMED = 5  # labels at most that an error names


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model answered about N examples.

    ``probabilities`` [N, L] are those of ``labels``; ``truth`` has the true ones. ``n_tokens`` and
    ``n_unknown`` [N] count the tokens of each text, and those outside the vocabulary.
    """

    labels: tuple[str, ...]
    probabilities: Floats
    truth: Truth
    n_tokens: Ints
    n_unknown: Ints

    @cached_property
    def predicted(self) -> Ints:
        """The number of the likeliest label [N]."""
        numbers: Ints = self.probabilities.argmax(axis=1)
        return numbers

    @cached_property
    def scores(self) -> Floats:
        """The probability of the likeliest label [N]."""
        scores: Floats = self.probabilities.max(axis=1)
        return scores

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Which answers are right [N]."""
        right: NDArray[np.bool_] = self.predicted == likeliest(self.truth)
        return right

    @property
    def right_in_hex(self) -> str:
        """:attr:`right` as bits, the first one highest, in hexadecimal digits."""
        return np.packbits(self.right).tobytes().hex()


@dataclass(frozen=True, eq=False)
class EvaluationReport:
    """An evaluation, and what was measured on what.

    ``findings`` are rows of the data that are left out or suspicious; ``messages`` say if the data
    has changed since the model was trained on it, and how many labels are soft. ``restricted`` has,
    for each source that lacks some of the model's labels, those that its answers are among.
    ``examples`` and ``answers`` are what all of it was found from.
    """

    model: str
    data: str
    evaluation: Evaluation
    restricted: Mapping[str, tuple[str, ...]]
    examples: Examples
    answers: Answers
    findings: tuple[Finding, ...] = ()
    messages: tuple[Message, ...] = ()


def evaluate(
    model: "Model | str | Path | None" = None,
    data: str | Path | Sequence[str | Path] | None = None,
    labels: Labels | None = None,
    *,
    split: str | None = None,
    format: str | None = None,
    text_column: str | int | None = None,
    label_column: str | int | None = None,
    label_map: str | Sequence[str] | None = None,
    score_columns: str | None = None,
    delimiter: str | None = None,
    quoting: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    slice_column: str | Sequence[str] = (),
    threads: int | None = None,
    on_event: OnEvent = ignore,
) -> EvaluationReport:
    """Measure a model on labelled examples.

    A source that lacks some of the model's labels, and has at least two, is asked for those alone:
    the model's answer is the likeliest of them.

    Args:
        model: the model, or what :func:`senticli.load` finds it by.
        data: a data set's name, a file, a folder or ``-``, or several; one without splits is taken
            whole. With ``labels``, the texts themselves. None: what the model was trained on.
        labels: those of the texts; a soft one is a mapping from labels to probabilities.
        split: ``train``, ``valid`` or ``test``; None: test.
        format: this and what follows says how a file is read, see
            :class:`~senticli.config.TrainConfig`; None: as for training, or found out.
        slice_column: a column of files, or several, whose values the examples keep, so that a
            report can divide them by these.
        threads: CPU threads of a model that is loaded.
        on_event: gets each :class:`~senticli.events.Finding`, ``Message`` and ``Progress`` as it
            comes, also where an error follows that they may explain.

    Raises:
        SenticliError: the data cannot be read, or has a label that the model lacks.
        ValueError: there are no texts, or not as many labels; one is none; there is no such split.
        TypeError: ``labels`` come with what is only for files, or hold something else than strings
            and mappings.
    """
    from senticli.model import as_model

    if split not in (None, "train", "valid", "test"):
        raise ValueError(f"split is {split!r}, and must be train, valid or test")
    model = as_model(model, threads)
    reading = {
        "format": format,
        "text_column": None if text_column is None else str(text_column),
        "label_column": None if label_column is None else str(label_column),
        "label_map": (label_map,) if isinstance(label_map, str) else label_map and tuple(label_map),
        "score_columns": score_columns,
        "delimiter": delimiter,
        "quoting": quoting,
        "header": header,
        "encoding": encoding,
    }
    columns = (slice_column,) if isinstance(slice_column, str) else tuple(slice_column)
    if labels is None:
        names = [data] if isinstance(data, str | Path) else data
        examples = read_examples(model.bundle, names, split, reading, on_event, columns)
    elif split is None and not columns and not any(v is not None for v in reading.values()):
        examples = examples_of(data, labels)
    else:
        raise TypeError("split and the settings of files are not for texts with labels")
    return evaluate_on(examples, model, on_event)


def evaluate_on(examples: Examples, model: "Model", on_event: OnEvent = ignore) -> EvaluationReport:
    """Measure a model on examples that were read before; see :func:`evaluate`."""
    asked = _labels_asked_for(model, examples.sources)
    restricted, messages = {}, list(examples.messages)
    for (name, _), labels in zip(examples.sources, asked, strict=True):
        if lacked := [label for label in model.labels if label not in labels]:
            restricted[name] = labels
            what = f"no example of {name} is {' or '.join(lacked)}: "
            messages.append(Message("note", f"{what}the answers are among {', '.join(labels)}"))
            on_event(messages[-1])
    if len(present := labels_of(examples.all)) == 1:
        messages.append(Message("warning", f"every example of {examples.name} is {present[0]}"))
        on_event(messages[-1])
    known = np.array([[label in labels for label in model.labels] for labels in asked])
    columns = np.flatnonzero(known.any(axis=0))
    used = tuple(model.labels[column] for column in columns)
    known = known.repeat([len(source) for _, source in examples.sources], axis=0)
    rows, counts = _answers(model, examples, on_event)
    probabilities = _among(rows, known)[:, columns]
    truth = truth_of(examples.all, used)
    return EvaluationReport(
        model=model.name,
        data=examples.name,
        evaluation=measure(probabilities, truth, used),
        restricted=restricted,
        examples=examples,
        answers=Answers(used, probabilities, truth, *counts.T),
        findings=examples.findings,
        messages=tuple(messages),
    )


def _answers(model: "Model", examples: Examples, on_event: OnEvent) -> tuple[Floats, Ints]:
    """Return the probabilities [N, L], and the number of tokens and of unknown ones [N, 2]."""
    texts = [example.text for example in examples.all]
    rows, counts, total = [], [], len(texts)
    for prediction in model.stream(texts):
        # A text without a token has the probabilities of an unknown one.
        rows.append(prediction.scores or tuple(model.predict_proba([prediction.text])[0]))
        counts.append((prediction.n_tokens, prediction.n_unknown))
        if len(rows) % REPORTED == 0 or len(rows) == total:
            on_event(Progress(f"evaluating on {examples.name}", len(rows), total, "texts"))
    return np.array(rows), np.array(counts)


def _labels_asked_for(
    model: "Model", sources: "Sequence[tuple[str, Sequence[Example]]]"
) -> list[tuple[str, ...]]:
    """Return the labels that the answers for each source are among, as in training.

    They are those that the source has, if at least two; else those of all the sources, if at least
    two; else all. Raises SenticliError if the model lacks one.
    """
    found = [labels_of(examples) for _, examples in sources]
    whole = tuple(sorted({label for labels in found for label in labels}))
    if unknown := [label for label in whole if label not in model.labels]:
        named = any(name in DATASETS for name, _ in sources)
        raise _unknown_labels(model, unknown, whole, mappable=not named)
    several = next(labels for labels in (whole, model.labels) if len(labels) > 1)
    return [labels if len(labels) > 1 else several for labels in found]


def _unknown_labels(
    model: "Model", unknown: Sequence[str], labels: Sequence[str], *, mappable: bool
) -> SenticliError:
    """Return the error for ``unknown`` ones among the labels of data, which may be ``mappable``."""
    several = len(unknown) > 1
    them = "them" if several else "it"
    mapped = model.bundle.training.label_map
    other = "use a model trained on such data"
    if not mappable:
        hint = other
    elif unknown[0] in parse_label_map(mapped):  # as when it was trained
        hint = f"map {them}: {_mapping(mapped)}"
    elif same := _spelt_otherwise(labels, model.labels):
        hint = f"map {them}: {_mapping(same)}"
    elif shared := [f"{label}={label}" for label in labels if label in model.labels]:
        hint = f"leave {them} out: {_mapping(shared)}; or {other}"
    else:
        hint = f"map {them}: {_mapping([f'{model.labels[0]}=VALUE'])}; or {other}"
    named = ", ".join(map(repr, unknown[:NAMED]))
    more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
    return SenticliError(
        f"the label{'s' * several} {named}{more} {'are' if several else 'is'} not among the "
        f"model's: {', '.join(model.labels)}",
        hint,
    )


def _spelt_otherwise(labels: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return how labels are mapped to those that they are but for case, blanks or quotes.

    There is nothing unless each of them is one.
    """
    names = {loose(label): label for label in known}
    if not all(loose(label) in names for label in labels):
        return []
    return [f"{names[loose(label)]}={label}" for label in labels]


def _mapping(entries: Iterable[str]) -> str:
    return " ".join(f"`label_map={entry}`" for entry in entries)


def _among(probabilities: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return ``probabilities`` [N, L] given that the label is one of the ``known`` ones [N, L]."""
    if known.all():
        return probabilities
    chosen = np.where(known, probabilities, 0.0)
    given: Floats = chosen / np.maximum(chosen.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    return given
