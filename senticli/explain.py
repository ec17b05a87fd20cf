"""Which tokens decided: occlusion.

Each token in turn is replaced by ``<unk>``, and its weight is how much the log-odds of the answer,
against all other labels together, fall. Training replaces tokens by ``<unk>`` too (word dropout),
so the network knows such texts, and ONNX Runtime alone can do it; integrated gradients would need
a graph of gradients, which it does not have. See Zeiler and Fergus 2014; Li, Monroe and Jurafsky
2016.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senticli.text.encoder import TokenIds
from senticli.text.vocab import UNK_INDEX

MOST_OCCLUSIONS = 1000  # a longer text is occluded by runs of tokens, which share a weight

OFTEN_ENOUGH = 30  # times that a token is weighed
MOST_READ = 2_000_000  # tokens, for the weights of tokens over many texts
TOGETHER = 16  # texts
LEAST = 3  # times that a token must have been weighed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TokenWeight:
    """A token of a text and its weight.

    ``start`` and ``end`` are its characters in the text, ``weight`` how much it adds to the
    log-odds of the label: above zero it speaks for the label, below against it. ``raises`` is the
    label whose log-odds the token raises most, in either case; None where it weighs nothing.
    """

    token: str
    start: int
    end: int
    weight: float
    raises: str | None


def occlude(
    token_ids: TokenIds,
    classify: Callable[[list[TokenIds]], Floats],
    most: int = MOST_OCCLUSIONS,
) -> tuple[Floats, Floats]:
    """Return the probabilities [L] of a text, and the weight [T, L] of each token for each label.

    Args:
        token_ids: the text, at least one token.
        classify: gives the probabilities [N, L] of N texts.
        most: occlusions at most; a text of more tokens is occluded by runs of them.
    """
    runs = np.array_split(np.arange(len(token_ids)), min(len(token_ids), most))
    # <unk> in place of <unk> changes nothing: no need to run it.
    known = [run for run in runs if (token_ids[run] != UNK_INDEX).any()]
    probabilities = classify([token_ids, *(_without(token_ids, run) for run in known)])
    odds = _log_odds(probabilities)
    weights = np.zeros((len(token_ids), probabilities.shape[1]))
    for run, drop in zip(known, odds[0] - odds[1:], strict=True):
        weights[run] = drop / len(run)
    return probabilities[0], weights


def _without(token_ids: TokenIds, run: NDArray[np.intp]) -> TokenIds:
    copy = token_ids.copy()
    copy[run] = UNK_INDEX
    return copy


def _log_odds(probabilities: Floats) -> Floats:
    probabilities = np.clip(probabilities, 1e-12, 1 - 1e-12)
    odds: Floats = np.log(probabilities) - np.log1p(-probabilities)
    return odds


@dataclass(frozen=True, slots=True)
class Influence:
    """A token, what it adds to the log-odds of a label on average, and how many texts have it."""

    token: str
    weight: float
    texts: int


@dataclass(frozen=True)
class Influences:
    """The tokens that speak most for each label, over a number of texts.

    They are ordered by their weight times the square root of the texts that have them: a heavy
    token that is rare and a lighter one that is common may matter as much. ``weighed`` is how many
    of the ``texts`` their weights come from.
    """

    texts: int
    weighed: int
    of: Mapping[str, tuple[Influence, ...]]


def mean_weights(
    texts: Sequence[TokenIds],
    classify: Callable[[list[TokenIds]], Floats],
    wanted: NDArray[np.bool_],
) -> tuple[Floats, Ints, int]:
    """Return the mean weight [V, L] of each token, how often it was weighed [V], and in how many.

    A token that has been weighed :data:`OFTEN_ENOUGH` is left alone from then on, so that most of
    the work goes into rarer ones. The texts after :data:`MOST_READ` tokens are not reached.

    Args:
        texts: token ids of texts, each with a token at least, in random order.
        classify: gives the probabilities [N, L] of N texts.
        wanted: the tokens to weigh [V].
    """
    weighed = np.zeros(len(wanted), dtype=np.int64)
    sums: Floats = np.zeros((len(wanted), 1))
    read = done = 0
    while done < len(texts) and read < MOST_READ:
        together = texts[done : done + TOGETHER]
        done += len(together)
        inputs: list[TokenIds] = []
        occluded: list[tuple[int, int, int]] = []  # a text, itself without a token, and the token
        for text in together:
            whole = len(inputs)
            inputs.append(text)
            for place, token in enumerate(text):
                if wanted[token] and weighed[token] < OFTEN_ENOUGH:
                    weighed[token] += 1
                    occluded.append((whole, len(inputs), token))
                    inputs.append(_without(text, np.array([place])))
        read += sum(map(len, inputs))
        odds = _log_odds(classify(inputs))
        wholes, others, ids = np.array(occluded, dtype=np.int64).reshape(-1, 3).T
        if sums.shape[1] != odds.shape[1]:
            sums = np.zeros((len(wanted), odds.shape[1]))
        np.add.at(sums, ids, odds[wholes] - odds[others])
    return sums / np.maximum(weighed, 1)[:, None], weighed, done


def strongest(weights: Sequence[TokenWeight], count: int) -> list[TokenWeight]:
    """Return the tokens that weigh most, for or against, the heaviest first."""
    return sorted(weights, key=lambda token: -abs(token.weight))[:count]
