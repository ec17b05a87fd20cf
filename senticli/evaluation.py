"""Measures of predictions, over numpy arrays, and the evaluation of a model on labelled data."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senticli.config import TrainConfig
from senticli.data.catalogue import ASSETS, DATASETS
from senticli.errors import SenticliError, UsageError
from senticli.events import Finding, Message, OnEvent, Progress, ignore

if TYPE_CHECKING:
    from senticli.bundle import Bundle
    from senticli.data.labelled import Example
    from senticli.model import Model

Floats = NDArray[np.float64]
Logits = NDArray[np.float32] | Floats
Ints = NDArray[np.integer]
Truth = NDArray[Any]
"""The true labels of N examples: their numbers [N], or distributions [N, L]."""
Labels = Sequence[str | Mapping[str, float]]
"""The labels of texts; a soft one gives the probability of each label."""
IMPOSSIBLE = -1e9
"""The logit of a label that does not count: its probability is 0, and nothing becomes NaN."""


@dataclass(frozen=True)
class LabelScore:
    """Precision, recall and F1 of one label, and how many examples truly have it."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Evaluation:
    """The measures of a model on labelled examples.

    ``interval`` is the 95 % Wilson score interval of the accuracy; ``confusion`` has a row for
    each true label and a column for each predicted one; ``loss`` is the mean cross-entropy.
    """

    examples: int
    loss: float
    accuracy: float
    interval: tuple[float, float]
    labels: tuple[LabelScore, ...]
    confusion: tuple[tuple[int, ...], ...]


def softmax(logits: Logits, temperature: float = 1.0) -> Floats:
    """Return probabilities [N, L] from logits [N, L], or [N, 1] where there are two labels."""
    logits = np.asarray(logits, dtype=np.float64) / temperature
    if logits.shape[1] == 1:
        # Both tails are computed rather than 1 - p, which would round small ones to zero.
        negative: Floats = np.logaddexp(0.0, logits)  # -log of the probability of label 0
        positive = np.logaddexp(0.0, -logits)
        both: Floats = np.exp(-np.concatenate([negative, positive], axis=1))
        return both
    shifted: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted


def among(logits: NDArray[np.float32], known: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Return ``logits`` [N, L] with labels that are not ``known`` [N, L] made impossible."""
    return logits if known is None else np.where(known, logits, np.float32(IMPOSSIBLE))


def truth_of(examples: "Sequence[Example]", labels: Sequence[str]) -> Truth:
    """Return the number of each example's label [N]; if any is soft, distributions [N, L]."""
    numbers = {label: number for number, label in enumerate(labels)}
    if all(example.scores is None for example in examples):
        return np.array([numbers[example.label] for example in examples], dtype=np.int64)
    truth = np.zeros((len(examples), len(labels)))
    for row, example in zip(truth, examples, strict=True):
        for label, score in (example.scores or {example.label: 1.0}).items():
            row[numbers[label]] = score
    return truth


def distributions_of(examples: "Sequence[Example]", labels: Sequence[str]) -> Floats:
    """Return the probability of each label [N, L] for each example."""
    truth = truth_of(examples, labels)
    return np.eye(len(labels))[truth] if truth.ndim == 1 else truth


def likeliest(truth: Truth) -> Ints:
    """Return the likeliest labels [N] of distributions [N, L]; of labels [N], themselves."""
    numbers: Ints = truth if truth.ndim == 1 else truth.argmax(axis=1)
    return numbers


def cross_entropy(probabilities: Floats, truth: Truth) -> float:
    """Return the mean of -log(probability of the true label); finite even where that is zero.

    Of distributions [N, L] it is the mean over their labels, by their probability.
    """
    if truth.ndim == 2:
        logs = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
        return float(-(truth * logs).sum(axis=1).mean())
    chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def measure(probabilities: Floats, truth: Truth, labels: tuple[str, ...]) -> Evaluation:
    """Return every measure of ``probabilities`` [N, L] against the true labels.

    Of distributions, the likeliest label counts as the true one in all but the loss.
    """
    size, loss = len(labels), cross_entropy(probabilities, truth)
    truth = likeliest(truth)
    predicted = probabilities.argmax(axis=1)
    confusion = np.bincount(truth * size + predicted, minlength=size * size).reshape(size, size)
    hits = np.diag(confusion)
    precision = _ratio(hits, confusion.sum(axis=0))
    recall = _ratio(hits, confusion.sum(axis=1))
    f1 = _ratio(2 * precision * recall, precision + recall)
    correct, total = int(hits.sum()), len(truth)
    return Evaluation(
        examples=total,
        loss=loss,
        accuracy=correct / total,
        interval=wilson(correct, total),
        labels=tuple(
            LabelScore(label, float(precision[i]), float(recall[i]), float(f1[i]), int(support))
            for i, (label, support) in enumerate(zip(labels, confusion.sum(axis=1), strict=True))
        ),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def wilson(correct: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the 95 % score interval of a share, also of small samples and near 0 or 1.

    Source: Wilson 1927.
    """
    share = correct / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def fit_temperature(logits: Logits, truth: Truth) -> float:
    """Return the temperature that makes probabilities match outcomes best (Guo et al. 2017).

    Found by golden-section search for the lowest cross-entropy over 1/4 to 4, on a log scale: a
    few examples that are all right, or all wrong, must not make scores absurd.
    """
    ratio = (math.sqrt(5) - 1) / 2
    low, high = math.log(1 / 4), math.log(4)
    while high - low > 1e-4:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if _loss_at(logits, truth, left) < _loss_at(logits, truth, right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def _loss_at(logits: Logits, truth: Truth, log_temperature: float) -> float:
    return cross_entropy(softmax(logits, math.exp(log_temperature)), truth)


def _ratio(part: Floats | Ints, whole: Floats | Ints) -> NDArray[np.float64]:
    """part / whole, and 0 where whole is 0."""
    part = np.asarray(part, dtype=np.float64)
    return np.divide(part, whole, out=np.zeros_like(part), where=np.asarray(whole) > 0)


# --- of a model on data

REPORTED = 256  # examples between two reports of progress
NAMED = 5  # labels at most that an error names


@dataclass(frozen=True)
class EvaluationReport:
    """An evaluation, and what was measured on what.

    ``findings`` are rows of the data that are left out or suspicious; ``messages`` say if the data
    has changed since the model was trained on it, and how many labels are soft. ``restricted`` has,
    for each source that lacks some of the model's labels, those that its answers are among.
    """

    model: str
    data: str
    evaluation: Evaluation
    restricted: Mapping[str, tuple[str, ...]]
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
    if labels is None:
        names = [data] if isinstance(data, str | Path) else data
        examples = _examples(model.bundle, names, split, reading, on_event)
    elif split is None and not any(value is not None for value in reading.values()):
        examples = _Examples([("texts", _pairs(data, labels))], "texts")
    else:
        raise TypeError("split and the settings of files are not for texts with labels")
    return _evaluate(model, examples, on_event)


@dataclass(frozen=True)
class _Examples:
    """The examples to measure on by source, what they are called, and what is known of them."""

    sources: "Sequence[tuple[str, Sequence[Example]]]"
    data: str
    findings: tuple[Finding, ...] = ()
    messages: tuple[Message, ...] = ()


def _evaluate(model: "Model", data: _Examples, report: OnEvent) -> EvaluationReport:
    examples = [example for _, source in data.sources for example in source]
    asked = _labels_asked_for(model, data.sources)
    restricted, messages = {}, list(data.messages)
    for (name, _), labels in zip(data.sources, asked, strict=True):
        if lacked := [label for label in model.labels if label not in labels]:
            restricted[name] = labels
            what = f"{name} has no {' or '.join(lacked)}: "
            messages.append(Message("note", f"{what}the answers are among {', '.join(labels)}"))
            report(messages[-1])
    rows, total = [], len(examples)
    for row in model.stream_proba(example.text for example in examples):
        rows.append(row)
        if len(rows) % REPORTED == 0 or len(rows) == total:
            report(Progress(f"evaluating on {data.data}", len(rows), total, "texts"))
    known = np.array([[label in labels for label in model.labels] for labels in asked])
    columns = np.flatnonzero(known.any(axis=0))
    used = tuple(model.labels[column] for column in columns)
    known = known.repeat([len(source) for _, source in data.sources], axis=0)
    probabilities = _among(np.stack(rows), known)[:, columns]
    evaluation = measure(probabilities, truth_of(examples, used), used)
    return EvaluationReport(
        model.name, data.data, evaluation, restricted, data.findings, tuple(messages)
    )


def _labels_asked_for(
    model: "Model", sources: "Sequence[tuple[str, Sequence[Example]]]"
) -> list[tuple[str, ...]]:
    """Return the labels that the answers for each source are among, as in training.

    They are those that the source has, if at least two; else those of all the sources, if at least
    two; else all. Raises SenticliError if the model lacks one.
    """
    from senticli.data.labelled import labels_of

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
    from senticli.data.labels import parse_label_map

    several = len(unknown) > 1
    them = "them" if several else "it"
    mapped = model.bundle.training.label_map
    other = "use a model trained on such data"
    if not mappable:
        hint = other
    elif unknown[0] in parse_label_map(mapped):  # as when it was trained
        hint = f"map {them}: {_mapping(mapped)}"
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


def _mapping(entries: Iterable[str]) -> str:
    return " ".join(f"`label_map={entry}`" for entry in entries)


def _among(probabilities: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return ``probabilities`` [N, L] given that the label is one of the ``known`` ones [N, L]."""
    if known.all():
        return probabilities
    chosen = np.where(known, probabilities, 0.0)
    given: Floats = chosen / np.maximum(chosen.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    return given


def _pairs(texts: object, labels: Labels) -> "list[Example]":
    """Return the examples that texts and labels make."""
    # Here, as below, only where it is needed: prediction does without.
    from senticli.data.labelled import Example
    from senticli.data.labels import NotLabelError, label_of, scores_of

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
    return examples


def _examples(
    opened: "Bundle",
    data: Sequence[str | Path] | None,
    split: str | None,
    reading: Mapping[str, Any],
    report: OnEvent,
) -> _Examples:
    """Read the examples of data sets and files, by default those that a model was trained on.

    Rows that are not examples are reported, also where an error follows that they may explain.
    """
    from senticli.data.checks import rows_of, soft_labels
    from senticli.data.labelled import PIPE, is_pipe
    from senticli.data.splits import Sources, check_reading, load_split, splits_of
    from senticli.download import installed
    from senticli.io.formats import STANDARD_INPUT

    given = {name: value for name, value in reading.items() if value is not None}
    trained, part, what = opened.training, split or "test", ""
    sources = Sources()
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
        sources = Sources(trained.text_column, trained.label_column)
    check_reading(config)
    installed.require(config.data)
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
    return _Examples(parts, what, findings, tuple(messages))


def _compare_with_training(
    opened: "Bundle", names: Sequence[str], hashes: dict[str, str]
) -> Iterator[Message]:
    """Say if data that the model was trained on has changed, or that this cannot be known."""
    from senticli.download import installed

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
