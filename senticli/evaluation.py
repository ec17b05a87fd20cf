"""How good predictions are: pure functions over numpy arrays."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Logits = NDArray[np.float32] | Floats
Ints = NDArray[np.integer]


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
    """What a model does on labelled examples.

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
    """Probabilities [N, L] from logits [N, L], or [N, 1] where there are two labels."""
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


def cross_entropy(probabilities: Floats, truth: Ints) -> float:
    """Mean of -log(probability of the true label); finite even where that is zero."""
    chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def evaluate(probabilities: Floats, truth: Ints, labels: tuple[str, ...]) -> Evaluation:
    """Every measure of ``probabilities`` [N, L] against true label numbers ``truth`` [N]."""
    size = len(labels)
    predicted = probabilities.argmax(axis=1)
    confusion = np.bincount(truth * size + predicted, minlength=size * size).reshape(size, size)
    hits = np.diag(confusion)
    precision = _ratio(hits, confusion.sum(axis=0))
    recall = _ratio(hits, confusion.sum(axis=1))
    f1 = _ratio(2 * precision * recall, precision + recall)
    correct, total = int(hits.sum()), len(truth)
    return Evaluation(
        examples=total,
        loss=cross_entropy(probabilities, truth),
        accuracy=correct / total,
        interval=wilson(correct, total),
        labels=tuple(
            LabelScore(label, float(precision[i]), float(recall[i]), float(f1[i]), int(support))
            for i, (label, support) in enumerate(zip(labels, confusion.sum(axis=1), strict=True))
        ),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def wilson(correct: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927): sound for small samples and near 0 or 1."""
    share = correct / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def fit_temperature(logits: Logits, truth: Ints) -> float:
    """The temperature that makes probabilities match outcomes best (Guo et al. 2017).

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


def _loss_at(logits: Logits, truth: Ints, log_temperature: float) -> float:
    return cross_entropy(softmax(logits, math.exp(log_temperature)), truth)


def _ratio(part: Floats | Ints, whole: Floats | Ints) -> NDArray[np.float64]:
    """part / whole, and 0 where whole is 0."""
    part = np.asarray(part, dtype=np.float64)
    return np.divide(part, whole, out=np.zeros_like(part), where=np.asarray(whole) > 0)
