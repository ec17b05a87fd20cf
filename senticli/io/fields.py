"""The field of a text or a label: found by its name or number, and what it holds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from senticli.errors import SenticliError

TEXT_COLUMNS = (
    *("text", "sentence", "review", "content", "body", "tweet", "comment", "message"),
    *("review_text", "reviewtext", "review_body", "comment_text", "tweet_text", "full_text"),
    *("feedback", "document"),
)
LABEL_COLUMNS = (
    *("label", "sentiment", "class", "category", "polarity", "rating", "stars", "target"),
)
"""Usual names, the likeliest first. Capitals and surrounding blanks do not matter."""


MISSING = object()
"""Where there is no value."""


class NoColumnError(SenticliError):
    """There is no column of the name or number asked for, or of a usual name."""


def find_column(
    columns: Sequence[str],
    asked: str | None,
    name: str,
    what: str = "text",
    likely: str | None = None,
) -> int:
    """Return the position of the text's or label's column.

    It is the one asked for; else the ``likely`` one, or one of a usual name.

    Capitals and surrounding blanks make no difference where no column has just the name. A
    number, if no column is called so, counts the columns from 1. The only column of a table is
    that of the text, whatever its name.

    Raises:
        NoColumnError: there is no such column.
        SenticliError: there is more than one.
    """
    usual = TEXT_COLUMNS if what == "text" else LABEL_COLUMNS
    wanted = (asked,) if asked else (likely, *usual) if likely else usual
    for column in wanted:
        found = _positions(columns, column)
        if len(found) > 1:
            numbers = " and ".join(str(position + 1) for position in found)
            raise SenticliError(
                f"{name} has more than one column {columns[found[0]]!r}: {numbers}",
                f"name the column by its number: `{what}_column={found[0] + 1}`",
            )
        if found:
            return found[0]
    if asked and asked.isdecimal() and 0 < int(asked) <= len(columns):
        return int(asked) - 1
    if what == "text" and not asked and len(columns) == 1:
        return 0
    raise no_column(columns, asked, name, what)


def find_field(
    names: Sequence[str],
    asked: str | None,
    name: str,
    what: str = "text",
    likely: str | None = None,
) -> tuple[int, str]:
    """Return which of the fields of an object holds the text or label, and the path to it.

    It is found as the column of a table is, or is inside a field ``a``, as ``a.b``.

    Raises:
        NoColumnError: there is no such field.
        SenticliError: there is more than one.
    """
    path = asked or likely
    if path and not _positions(names, path):
        root, dot, rest = path.partition(".")
        roots = _positions(names, root)
        if dot and len(roots) == 1:
            return roots[0], f"{names[roots[0]]}.{rest}"
    position = find_column(names, asked, name, what, likely)
    return position, names[position]


def is_usual(column: str) -> bool:
    """Return True for a usual name of a column of texts."""
    return plain_name(column) in TEXT_COLUMNS


def plain_name(column: str) -> str:
    """Return a column's name as it is compared."""
    return column.strip().casefold()


def _positions(columns: Sequence[str], name: str) -> list[int]:
    exact = [position for position, column in enumerate(columns) if column == name]
    plain = plain_name(name)
    return exact or [i for i, column in enumerate(columns) if plain_name(column) == plain]


def no_column(columns: Sequence[str], asked: str | None, name: str, what: str) -> NoColumnError:
    """Return the error for a column that is not among those that there are."""
    looked_for = f"column {asked}" if asked else f"{what} column of a usual name"
    names = ", ".join(repr(c) if c != c.strip() or not c else c for c in columns)
    return NoColumnError(
        f"{name} has no {looked_for} (it has: {names})", f"name the column: `{what}_column=NAME`"
    )


def value_at(value: Any, path: str) -> Any:
    """Return the value at ``path`` (``a``, ``a.b``, ``a.0.b``), or :data:`MISSING`."""
    found = value.get(path, MISSING)
    if found is MISSING:
        found = value
        for key in path.split("."):
            if isinstance(found, Mapping):
                found = found.get(key, MISSING)
            elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                found = MISSING
    return found


def text_at(value: Any, path: str) -> tuple[str, str | None]:
    """Return the text at ``path``, or "" and why there is none."""
    found = value_at(value, path)
    if found is MISSING:
        return "", f"no field {path}"
    if found is None:
        return "", f"{path} is null"
    if isinstance(found, str):
        return found, None
    # NaN, which is how pandas writes what is missing, is no text.
    if isinstance(found, int) or (isinstance(found, float) and math.isfinite(found)):
        return str(found), None
    if isinstance(found, bytes):  # a binary column of Parquet
        return found.decode(errors="replace"), None
    return "", f"{path} is not a text"
