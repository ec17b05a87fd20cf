"""The JSON files of senticli, each an object (one a line in JSON Lines), which others may edit."""

import json
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

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


def has_type(value: Any, kind: Any) -> bool:
    """Return True if a value made from JSON is of a type, and so are its parts.

    ``kind`` is a dataclass, a type of JSON's, or made of such. A float may be an int, and is
    finite; a bool is neither.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        return isinstance(value, kind) and all(
            has_type(getattr(value, part.name), part.type) for part in fields(kind)
        )
    if origin is Literal:
        return value in parts
    if origin in (Union, UnionType):
        return any(has_type(value, part) for part in parts)
    if origin in (tuple, list):
        return isinstance(value, origin) and all(has_type(item, parts[0]) for item in value)
    if origin is Mapping:
        return isinstance(value, dict) and all(has_type(v, parts[1]) for v in value.values())
    if kind is float:
        return type(value) in (int, float) and abs(value) <= sys.float_info.max
    return kind is Any or type(value) is kind
