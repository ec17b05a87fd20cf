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
        self._without_letter: dict[str, int] = {}

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
        if not self._without_letter:
            self._build_index()
        return min(self._indexed(token), default=None)

    def _build_index(self) -> None:
        # As in SymSpell, but with the place of the letter, so that nothing else is found.
        index = self._without_letter
        for word, number in sorted(self._ids.items(), key=lambda pair: pair[1]):
            if word.isascii() and word.isalpha():
                for place in range(1, len(word)):
                    index.setdefault(f"{place}{word[:place]}{word[place + 1 :]}", number)

    def _indexed(self, token: str) -> Iterator[int]:
        """Yield the ids of those of :func:`_neighbours` that are known."""
        ids, index = self._ids, self._without_letter
        for place in range(1, len(token) + 1):
            before, after = token[:place], token[place + 1 :]
            for key in (f"{place}{token}", f"{place}{before}{after}"):  # one missing, another
                if key in index:
                    yield index[key]
            for near in (before + after, before + after[:1] + token[place : place + 1] + after[1:]):
                if near in ids:
                    yield ids[near]


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
