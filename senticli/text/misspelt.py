"""Find the known token that an unknown one is probably a misspelling of."""

from collections.abc import Iterator, Mapping
from itertools import groupby

SHORTEST = 5
"""Letters of a token whose neighbours are looked for: most of a shorter one's are other words."""
FEW = 300
"""Tokens that are looked up before an index is worth building, which takes a tenth of a second."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Corrector:
    """Unknown token → the id of a known one that is spelt nearly like it, or None.

    A letter doubled at the end or drawn out comes first; then one letter more, less, other, or
    swapped with the next, after the first one (Norvig 2007). Of several such tokens, it is the one
    with the lowest id, which is the most frequent.

    Args:
        ids: the ids of the known tokens.
    """

    def __init__(self, ids: Mapping[str, int]) -> None:
        self._ids = ids
        self._calls = 0
        self._variants: dict[str, str] = {}
        self._more: dict[str, list[str]] = {}

    def __call__(self, token: str) -> int | None:
        """Return the id of the token that ``token`` stands for."""
        if not (token.isascii() and token.isalpha()):
            return None
        ids = self._ids
        for candidate in _without_repeats(token):
            if candidate in ids:
                return ids[candidate]
        if len(token) < SHORTEST:
            return None
        self._calls += 1
        if self._calls <= FEW:
            return min((ids[near] for near in _neighbours(token) if near in ids), default=None)
        if not self._variants:
            self._build_index()
        return min(self._indexed(token), default=None)

    def _build_index(self) -> None:
        """Index each word under itself and under what remains without one of its letters.

        As in SymSpell (Garbe 2012): two words of which one is an edit from the other share such a
        variant.
        """
        for word in self._ids:
            if word.isascii() and word.isalpha():
                for variant in {word, *_without_letter(word)}:
                    if self._variants.setdefault(variant, word) is not word:
                        self._more.setdefault(variant, []).append(word)

    def _indexed(self, token: str) -> Iterator[int]:
        """Yield the ids of those of :func:`_neighbours` that are known."""
        for variant in filter(self._variants.__contains__, (token, *_without_letter(token))):
            for word in (self._variants[variant], *self._more.get(variant, ())):
                if _is_near(token, word):
                    yield self._ids[word]


def _without_letter(word: str) -> list[str]:
    return [word[:place] + word[place + 1 :] for place in range(1, len(word))]


def _is_near(token: str, word: str) -> bool:
    """Return True if ``word`` is one of :func:`_neighbours`, knowing that they share a variant."""
    if len(token) != len(word):
        return True
    differing = [place for place in range(len(word)) if token[place] != word[place]]
    if len(differing) == 1:
        return True
    first, second = differing[0], differing[-1]
    swapped = token[first : second + 1] == word[first : second + 1][::-1]
    return second == first + 1 and swapped


def _without_repeats(token: str) -> Iterator[str]:
    if token[-1:] == token[-2:-1]:
        yield token[:-1]
    yield "".join(letter for letter, _ in groupby(token))


def _neighbours(token: str) -> Iterator[str]:
    for place in range(1, len(token) + 1):
        before, letter, after = token[:place], token[place : place + 1], token[place + 1 :]
        for other in _LETTERS:
            yield before + other + letter + after
            yield before + other + after
        yield before + after
        yield before + after[:1] + letter + after[1:]
