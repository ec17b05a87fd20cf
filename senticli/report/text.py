"""Text from outside, as a page may show it."""

import re

_JOINERS = "\u200c\u200d"  # of scripts and emoji: they change no order, and hide nothing
_SPACES = re.compile(r"\s+")


def visible(text: str) -> str:
    """Return a text on one line, whose control characters are shown by their numbers.

    So are invisible characters, and those that change the direction of writing.
    """
    text = _SPACES.sub(" ", text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS else f"[U+{ord(c):04X}]" for c in text)
