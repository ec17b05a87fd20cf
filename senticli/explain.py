"""Which tokens decided: occlusion.

Each token in turn is replaced by ``<unk>``, and its weight is how much the log-odds of the answer,
against all other labels together, fall. Training replaces tokens by ``<unk>`` too (word dropout),
so the network knows such texts, and ONNX Runtime alone can do it; integrated gradients would need
a graph of gradients, which it does not have. See Zeiler and Fergus 2014; Li, Monroe and Jurafsky
2016.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senticli.text.encoder import TokenIds
from senticli.text.vocab import UNK_INDEX

MOST_OCCLUSIONS = 1000  # a longer text is occluded by runs of tokens, which share a weight

Floats = NDArray[np.float64]


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


def strongest(weights: Sequence[TokenWeight], count: int) -> list[TokenWeight]:
    """Return the tokens that weigh most, for or against, the heaviest first."""
    return sorted(weights, key=lambda token: -abs(token.weight))[:count]
