"""Find the known token that an unknown one is probably a misspelling of."""

from collections.abc import Iterator, Mapping
from itertools import groupby

SHORTEST = 5
"""Letters of a token whose neighbours are looked for: most of a shorter one's are other words."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def correct(token: str, ids: Mapping[str, int]) -> int | None:
    """Return the id of a known token that is spelt nearly like an unknown one, or None.

    A letter doubled at the end or drawn out comes first; then one letter more, less, other, or
    swapped with the next, after the first one (Norvig 2007). Of several such tokens, the one with
    the lowest id, which is the most frequent.
    """
    if not (token.isascii() and token.isalpha()):
        return None
    for candidate in _without_repeats(token):
        if candidate in ids:
            return ids[candidate]
    if len(token) < SHORTEST:
        return None
    return min((ids[near] for near in _neighbours(token) if near in ids), default=None)


def _without_repeats(token: str) -> Iterator[str]:
    if token[-1:] == token[-2:-1]:
        yield token[:-1]
    yield "".join(letter for letter, _ in groupby(token))


def _neighbours(token: str) -> Iterator[str]:
    for place in range(1, len(token) + 1):
        before, after = token[:place], token[place:]
        for letter in _LETTERS:
            yield before + letter + after
            if after:
                yield before + letter + after[1:]
        if after:
            yield before + after[1:]
            if len(after) > 1:
                yield before + after[1] + after[0] + after[2:]
