"""Text from outside, as a page may show it: what is invisible made visible, and long texts cut."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from senticli.explain import TokenWeight, strongest

LONGEST = 500  # characters of a text, about
LONGEST_TOKEN = 60
AROUND = 6  # tokens shown on each side of a heavy one
LEVELS = (0.2, 0.45, 0.7)
"""Shares of the heaviest token's weight from which a token is marked, ever more strongly."""
FOR, AGAINST = "f", "a"
GAP = "…"

_JOINERS = "\u200c\u200d"  # of scripts and emoji: they change no order, and hide nothing
_SPACES = re.compile(r"\s+")
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)  # which no token has, as IMDB's reviews


def visible(text: str) -> str:
    """Return a text on one line, whose control characters are shown by their numbers.

    So are invisible characters, and those that change the direction of writing.
    """
    text = _SPACES.sub(" ", text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS else f"[U+{ord(c):04X}]" for c in text)


def shorten(text: str, length: int = LONGEST) -> str:
    """Return the beginning of a text."""
    text = _SPACES.sub(" ", _LINE_BREAK.sub(" ", text[: 2 * length])).strip()
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}{GAP}"


@dataclass(frozen=True)
class Piece:
    """A part of a text; ``mark`` is the class of tokens that weigh about the same, or empty."""

    text: str
    mark: str = ""


def excerpt(text: str, weights: Sequence[TokenWeight], length: int = LONGEST) -> list[Piece]:
    """Return the parts of a text around its heaviest tokens, in order, these marked.

    Args:
        text: the text.
        weights: its tokens.
        length: about how many characters are shown; a text that is little longer is shown whole.
    """
    if not weights:
        return [Piece(shorten(text, length))]
    heaviest = max(abs(token.weight) for token in weights)
    pieces: list[Piece] = []
    last, end = -1, 0
    for place in _shown_tokens(weights, length):
        token, mark = weights[place], _mark_of(weights[place].weight, heaviest)
        follows = place == last + 1
        before = _outside(text[end : token.start]) if follows else f" {GAP} "
        shown = shorten(text[token.start : token.end], LONGEST_TOKEN)
        if pieces and pieces[-1].mark == mark and follows:
            pieces[-1] = Piece(pieces[-1].text + before + shown, mark)
        else:
            pieces += [Piece(before), Piece(shown, mark)]
        last, end = place, token.end
    pieces.append(Piece(_outside(text[end:]) if last == len(weights) - 1 else f" {GAP}"))
    return [piece for piece in pieces if piece.text]


def _outside(text: str) -> str:
    """Return what stands between tokens: white space, or a little of what is no token."""
    rest = _LINE_BREAK.sub(" ", text)
    if not rest.strip():
        return rest[:1]
    blank_before, blank_after = (" " * edge.isspace() for edge in (rest[0], rest[-1]))
    return f"{blank_before}{shorten(rest, LONGEST_TOKEN)}{blank_after}"


def _mark_of(weight: float, heaviest: float) -> str:
    level = sum(abs(weight) >= share * heaviest > 0 for share in LEVELS)
    return f"{FOR if weight > 0 else AGAINST}{level}" if level else ""


def _shown_tokens(weights: Sequence[TokenWeight], length: int) -> Iterator[int]:
    """Yield the places of the tokens that are shown."""
    sizes = [min(token.end - token.start, LONGEST_TOKEN) + 1 for token in weights]
    if sum(sizes) <= 1.25 * length:
        yield from range(len(weights))
        return
    places = {token.start: place for place, token in enumerate(weights)}
    chosen: set[int] = set()
    left = length
    for token in strongest(weights, len(weights)):
        middle = places[token.start]
        window = set(range(max(0, middle - AROUND), min(len(weights), middle + AROUND + 1)))
        left -= sum(sizes[place] for place in window - chosen)
        if left < 0 and chosen:
            break
        chosen |= window
    yield from sorted(chosen)
