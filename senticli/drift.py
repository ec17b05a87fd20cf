"""Drift: texts unlike those a model was trained on, by unknown tokens and script."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from senticli.bundle import Usual
from senticli.measures import wilson
from senticli.text.vocab import UNK_INDEX

LONG_ENOUGH = 20  # words, for a text's share of unknown words to mean something
LEAST_THRESHOLD = 0.02
_LATIN = re.compile("[A-Za-z]")
_LETTERS = 24  # looked at in a text to find its script


def fit(texts: Iterable[str], numbers: Sequence[NDArray[np.int32]]) -> Usual:
    """Return the statistics of validation texts, given as texts and as token ids."""
    long = [words for words in numbers if len(words) >= LONG_ENOUGH] or numbers
    shares = [float(np.mean(words == UNK_INDEX)) for words in long]
    scripts = Counter(script_of(text) for text in texts)
    del scripts[""]
    return Usual(
        unknown=round(float(np.mean(np.concatenate(numbers) == UNK_INDEX)), 4),
        threshold=round(max(float(np.quantile(shares, 0.99)), LEAST_THRESHOLD), 4),
        script=scripts.most_common(1)[0][0] if scripts else "",
    )


class Monitor:
    """Counts over the texts of one run, and tells when they are unusual."""

    def __init__(self, usual: Usual) -> None:
        self._usual = usual
        self._n_tokens = self._n_unknown = 0
        self._scripts: Counter[str] = Counter()

    def add(self, text: str, n_tokens: int, n_unknown: int) -> None:
        """Count a text of so many tokens, of which so many are unknown to the model."""
        self._n_tokens += n_tokens
        self._n_unknown += n_unknown
        is_latin = text.isascii() and _LATIN.search(text)  # the quick way for most texts
        self._scripts["LATIN" if is_latin else script_of(text)] += 1

    def message(self) -> str | None:
        """Return what is unusual so far, in one line; None if nothing is, or it is too early."""
        del self._scripts[""]
        texts = self._scripts.total()
        script, count = self._scripts.most_common(1)[0] if texts else ("", 0)
        if self._usual.script and script != self._usual.script and 2 * count > texts:
            return (
                f"most texts are in {script.capitalize()} script, and this model was trained on "
                f"{self._usual.script.capitalize()}: do not trust its answers"
            )
        # The lower end of the 99 % interval: one unknown word of a short text proves nothing.
        if (
            self._n_tokens
            and wilson(self._n_unknown, self._n_tokens, 2.576)[0] > self._usual.threshold
        ):
            return (
                f"{self._n_unknown / self._n_tokens:.0%} of the tokens are unknown to this model, "
                f"{self._usual.unknown:.1%} in its validation texts: it may not fit these texts"
            )
        return None


def script_of(text: str) -> str:
    """Return the commonest script of the first letters of a text; "" without letters."""
    scripts: Counter[str] = Counter()
    for character in text:
        if character.isalpha():
            name = "LATIN" if character.isascii() else unicodedata.name(character, "")
            scripts[name.partition(" ")[0]] += 1
            if scripts.total() == _LETTERS:
                break
    return scripts.most_common(1)[0][0] if scripts else ""
