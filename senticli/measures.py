"""Measures of predictions: probabilities [N, L] of N texts against their true labels, by numpy."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from senticli.data.labelled import Example

Floats = NDArray[np.float64]
Logits = NDArray[np.float32] | Floats
Ints = NDArray[np.integer]
Truth = NDArray[Any]
"""The true labels of N examples: their numbers [N], or distributions [N, L]."""
IMPOSSIBLE = -1e9
"""The logit of a label that does not count: its probability is 0, and nothing becomes NaN."""
Z = 1.959964  # of a 95 % interval
BINS = 15  # of scores, for the calibration error
RESAMPLES = 1000  # of a bootstrap


@dataclass(frozen=True)
class Figure:
    """A measure, and its 95 % interval where there is one for it."""

    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class LabelScore:
    """The measures of one label against the others, and how many examples truly have it.

    One that is undefined is None: the precision of a label that is never the answer, the recall of
    one that no example has, F1 without both, and the last two where all examples have the label, or
    none.
    """

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    roc_auc: float | None = None
    average_precision: float | None = None


@dataclass(frozen=True)
class Coverage:
    """The answers whose score is at least ``threshold``: their share, and how many are right."""

    threshold: float
    coverage: float
    accuracy: float


@dataclass(frozen=True)
class Bin:
    """Answers of like scores: how many, their mean score, and how many of them are right."""

    examples: int
    score: float
    accuracy: float


@dataclass(frozen=True)
class Evaluation:
    """The measures of a model on labelled examples.

    ``figures`` has each measure by its name, such as ``accuracy`` or ``recall.negative``; those of
    a label that are undefined are left out. ``confusion`` has a row for each true label and a
    column for each predicted one. ``coverage`` says what a threshold costs, ``calibration`` how
    often answers of like scores are right.
    """

    examples: int
    figures: Mapping[str, Figure]
    labels: tuple[LabelScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    coverage: tuple[Coverage, ...]
    calibration: tuple[Bin, ...]

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return self.figures["accuracy"].value

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson score interval of the accuracy."""
        interval = self.figures["accuracy"].interval
        assert interval
        return interval

    @property
    def loss(self) -> float:
        """The mean cross-entropy."""
        return self.figures["loss"].value


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


def cross_entropies(probabilities: Floats, truth: Truth) -> Floats:
    """Return -log(probability of the true label) [N]; finite even where that is zero.

    Of distributions [N, L] it is the mean over their labels, by their probability.
    """
    if truth.ndim == 2:
        logs = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
        means: Floats = -(truth * logs).sum(axis=1)
        return means
    chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    losses: Floats = -np.log(np.maximum(chosen, 1e-12))
    return losses


def cross_entropy(probabilities: Floats, truth: Truth) -> float:
    """Return the mean of :func:`cross_entropies`."""
    return float(cross_entropies(probabilities, truth).mean())


def measure(probabilities: Floats, truth: Truth, labels: tuple[str, ...]) -> Evaluation:
    """Return every measure of ``probabilities`` [N, L] against the true labels.

    Of distributions, the likeliest label counts as the true one in all but the loss. Averages over
    labels are plain means: of recall over the labels that examples have, of precision and F1 over
    those that are an answer, too. The Brier score is half the sum over labels where there are two.
    """
    losses = cross_entropies(probabilities, truth)
    truth = likeliest(truth)
    size, total = len(labels), len(truth)
    predicted, score = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == truth
    confusion = np.bincount(truth * size + predicted, minlength=size * size).reshape(size, size)
    bins = _bins(score, right)
    squares = ((probabilities - np.eye(size)[truth]) ** 2).sum(axis=1) / (2 if size == 2 else 1)
    aucs = [_auc(probabilities[:, number], truth == number) for number in range(size)]
    scores = tuple(
        _label_score(label, number, confusion, aucs[number], probabilities[:, number], truth)
        for number, label in enumerate(labels)
    )
    figures = {
        "accuracy": Figure(float(right.mean()), wilson(int(right.sum()), total)),
        **_averages(confusion),
        "roc_auc": _mean_of(score.roc_auc for score in scores),
        "average_precision": _mean_of(score.average_precision for score in scores),
        "loss": _mean_with_interval(losses),
        "brier": _mean_with_interval(squares),
        "calibration_error": Figure(
            sum(one.examples * abs(one.score - one.accuracy) for one in bins) / total
        ),
    }
    for number, one in enumerate(scores):
        hits = int(confusion[number, number])
        figures |= {
            f"precision.{one.label}": _share(hits, int(confusion[:, number].sum())),
            f"recall.{one.label}": _share(hits, one.support),
            f"f1.{one.label}": _figure(one.f1),
            f"roc_auc.{one.label}": aucs[number],
            f"average_precision.{one.label}": _figure(one.average_precision),
        }
    return Evaluation(
        examples=total,
        figures={name: figure for name, figure in figures.items() if figure is not None},
        labels=scores,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        coverage=tuple(coverage_of(score, right)),
        calibration=bins,
    )


def wilson(correct: int, total: int, z: float = Z) -> tuple[float, float]:
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


def roc_auc(scores: Floats, positive: NDArray[np.bool_]) -> Figure:
    """Return the area under the ROC curve of ``scores`` [N] for the ``positive`` ones [N].

    The interval is DeLong's, by ranks. There must be both positive and other examples.

    Source: Sun and Xu 2014.
    """
    ups, downs = scores[positive], scores[~positive]
    m, n = len(ups), len(downs)
    ranks = _midranks(np.concatenate([ups, downs]))
    area = float((ranks[:m].sum() / m - (m + 1) / 2) / n)
    above = (ranks[:m] - _midranks(ups)) / n  # of each positive: the share of others below it
    below = 1 - (ranks[m:] - _midranks(downs)) / m
    variance = sum(
        part.var(ddof=1) / len(part) if len(part) > 1 else 0.0 for part in (above, below)
    )
    spread = Z * math.sqrt(variance)
    return Figure(area, (max(0.0, area - spread), min(1.0, area + spread)))


def average_precision(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the mean precision over the recall of the ``positive`` ones, one at least."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    last = np.append(np.diff(scores[order]) != 0, True)  # equal scores have one threshold
    recall = hits[last] / hits[-1]
    precision = hits[last] / (np.flatnonzero(last) + 1)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def coverage_of(scores: Floats, right: NDArray[np.bool_], steps: int = 20) -> Iterator[Coverage]:
    """Yield what is left of answers, and right of these, at thresholds that keep 5 %, 10 % …."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(right[order])
    kept = 0
    for step in range(1, steps + 1):
        threshold = ranked[max(1, round(len(ranked) * step / steps)) - 1]
        # Answers of one score are all kept, or none.
        now = int(np.searchsorted(-ranked, -threshold, side="right"))
        if now > kept:
            kept = now
            yield Coverage(float(threshold), kept / len(ranked), float(hits[kept - 1] / kept))


def _midranks(values: Floats) -> Floats:
    """Return the rank of each value, from 1; of equal ones, their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def _auc(scores: Floats, positive: NDArray[np.bool_]) -> Figure | None:
    return roc_auc(scores, positive) if 0 < positive.sum() < len(positive) else None


def _label_score(
    label: str, number: int, confusion: Ints, auc: Figure | None, scores: Floats, truth: Ints
) -> LabelScore:
    hits, support = int(confusion[number, number]), int(confusion[number].sum())
    answers = int(confusion[:, number].sum())
    return LabelScore(
        label,
        precision=hits / answers if answers else None,
        recall=hits / support if support else None,
        f1=2 * hits / (answers + support) if answers + support else None,
        support=support,
        roc_auc=auc.value if auc else None,
        average_precision=average_precision(scores, truth == number) if auc else None,
    )


def _averages(confusion: Ints) -> dict[str, Figure]:
    """Return the averages over labels, with intervals of a bootstrap of the examples."""
    total = int(confusion.sum())
    random = np.random.default_rng(0)
    drawn = random.multinomial(total, confusion.ravel() / total, size=RESAMPLES)
    found = _averages_of(confusion[None])
    samples = _averages_of(drawn.reshape(-1, *confusion.shape))
    return {name: Figure(float(found[name][0]), _quantiles(samples[name])) for name in found}


def _averages_of(confusions: Ints) -> dict[str, Floats]:
    """Return the averages of each of S confusion matrices [S, L, L]."""
    hits = np.einsum("sll->sl", confusions)
    support, answers = confusions.sum(axis=2), confusions.sum(axis=1)
    seen = support + answers > 0
    labels = seen.sum(axis=1)
    return {
        "balanced_accuracy": _ratio(hits, support).sum(axis=1) / (support > 0).sum(axis=1),
        "macro_precision": _ratio(hits, answers).sum(axis=1) / labels,
        "macro_f1": _ratio(2 * hits, support + answers).sum(axis=1) / labels,
    }


def _quantiles(samples: Floats) -> tuple[float, float]:
    low, high = np.quantile(samples, (0.025, 0.975))
    return float(low), float(high)


def _mean_with_interval(values: Floats) -> Figure:
    mean = float(values.mean())
    spread = Z * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Figure(mean, (max(0.0, mean - spread), mean + spread))


def _bins(scores: Floats, right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Return the answers by score, in bins of one width; empty ones are left out."""
    places = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], scores)
    return tuple(
        Bin(int(mask.sum()), float(scores[mask].mean()), float(right[mask].mean()))
        for mask in (places == place for place in np.unique(places))
    )


def _share(part: int, whole: int) -> Figure | None:
    return Figure(part / whole, wilson(part, whole)) if whole else None


def _figure(value: float | None) -> Figure | None:
    return None if value is None else Figure(value)


def _mean_of(values: Iterable[float | None]) -> Figure | None:
    """Return the mean of those that are defined."""
    defined = [value for value in values if value is not None]
    return Figure(sum(defined) / len(defined)) if defined else None


def _ratio(part: Ints, whole: Ints) -> Floats:
    """Return part / whole, and 0 where whole is 0."""
    parts = np.asarray(part, dtype=np.float64)
    return np.divide(parts, whole, out=np.zeros_like(parts), where=np.asarray(whole) > 0)
