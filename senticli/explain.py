"""Which words decided: occlusion.

Each word in turn is replaced by ``<unk>``, and its weight is how much the log-odds of the answer
fall. Training replaces words by ``<unk>`` too (word dropout), so the network knows such texts, and
ONNX Runtime alone can do it; integrated gradients would need a graph of gradients, which it does
not have. See Zeiler and Fergus 2014; Li, Monroe and Jurafsky 2016.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senticli.model import Predictor
from senticli.text.vocab import UNK_INDEX

MOST_OCCLUSIONS = 1000  # a longer text is occluded by runs of words, which share a weight


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text and what it weighs.

    ``start`` and ``end`` are its characters in the text, ``weight`` how much it adds to the
    log-odds of the label: above zero it speaks for the label, below against it.
    """

    token: str
    start: int
    end: int
    weight: float


def explain(predictor: Predictor, text: str, label: str | None = None) -> list[Word]:
    """The weight of each word of ``text`` for ``label``, by default the likeliest one.

    A text without a word has no explanation; of one that is too long to be read whole, the words
    that are not read are left out.

    Raises:
        ValueError: the model has no such label.
    """
    if label is not None and label not in predictor.labels:
        raise ValueError(f"the model has no label {label!r}, but {', '.join(predictor.labels)}")
    words, spans = predictor.words(text)
    if not len(words):
        return []
    runs = np.array_split(np.arange(len(words)), min(len(words), MOST_OCCLUSIONS))
    # <unk> in place of <unk> changes nothing: no need to run it.
    known = [run for run in runs if (words[run] != UNK_INDEX).any()]
    scores = predictor.scores([words, *(_occluded(words, run) for run in known)])
    column = int(scores[0].argmax()) if label is None else predictor.labels.index(label)
    odds = _log_odds(scores[:, column])
    weights = np.zeros(len(words))
    for run, drop in zip(known, odds[0] - odds[1:], strict=True):
        weights[run] = drop / len(run)
    return [
        Word(text[start:end], start, end, round(float(weight), 4))
        for (start, end), weight in zip(spans, weights, strict=True)
    ]


def _occluded(words: NDArray[np.int32], run: NDArray[np.intp]) -> NDArray[np.int32]:
    copy = words.copy()
    copy[run] = UNK_INDEX
    return copy


def _log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    scores = np.clip(scores, 1e-12, 1 - 1e-12)
    odds: NDArray[np.float64] = np.log(scores) - np.log1p(-scores)
    return odds


def strongest(words: Sequence[Word], count: int) -> list[Word]:
    """The words that weigh most, for or against, the heaviest first."""
    return sorted(words, key=lambda word: -abs(word.weight))[:count]
