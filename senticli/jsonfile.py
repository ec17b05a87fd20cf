"""The JSON files of senticli, each an object (one a line in JSON Lines), which others may edit."""

import json
from typing import Any

DEEPEST = 100
"""Levels of nesting; what senticli writes has fewer than ten."""
INVALID = (ValueError, LookupError, TypeError, AttributeError)
"""What :func:`parse` raises, and what using an object raises that holds other things."""


def parse(content: bytes | str) -> dict[str, Any]:
    """Return the object that a JSON text holds.

    Raises:
        ValueError: it is no object, or is nested so deeply that functions which call themselves
            may fail.
    """
    try:
        value = json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    raise ValueError("nested too deeply")


def _inside(value: Any) -> list[Any]:
    """Return the lists and objects directly inside a list or an object."""
    values = value.values() if isinstance(value, dict) else value
    return [inner for inner in values if isinstance(inner, dict | list)]
