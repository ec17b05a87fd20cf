"""Tables of a report, and how its numbers are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["name", "text", "count", "share", "percent", "number", "signed", "interval"]
"""What a value is: a name is short, a text is not; a percent is a share with fewer digits, a signed
number is from -1 to 1 or so; an interval is one of shares."""
NONE = "–"


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, and the kind of its values."""

    name: str
    kind: Kind = "name"


@dataclass(frozen=True)
class Table:
    """Rows of values, the first of which names the row. A value that is undefined is None."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]


def shown(value: Any, kind: Kind, digits: int = 2) -> str:
    """Return a value as people read it, a share with so many digits."""
    if value is None:
        return NONE
    if kind == "share":
        return f"{value:.{digits}%}".replace("-", "−")
    if kind == "percent":
        return shown(value, "share", 1)
    if kind == "signed":
        return f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")  # never -0.00
    if kind == "interval":
        return shown_interval(value, "share")
    if kind == "count":
        return f"{value:,}"
    return f"{value:.4f}".replace("-", "−") if kind == "number" else str(value)


def shown_interval(interval: tuple[float, float], kind: Kind, digits: int = 2) -> str:
    """Return an interval as people read it."""
    low, high = (shown(limit, kind, digits) for limit in interval)
    return (
        f"{low} to {high}"
        if interval[0] < 0 or kind == "signed"
        else f"{low.removesuffix('%')}–{high}"
    )
