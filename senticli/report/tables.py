"""Tables of a report, and how its numbers are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "count", "share", "percent", "number", "signed", "interval"]
"""What a value is: a percent is a share that is less exact; an interval is one of shares."""
NONE = "–"


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, and the kind of its values."""

    name: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """Rows of values, the first of which names the row. A value that is undefined is None."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]


def shown(value: Any, kind: Kind) -> str:
    """Return a value as people read it."""
    if value is None:
        return NONE
    if kind == "share":
        return f"{value:.2%}"
    if kind == "percent":
        return f"{value:.1%}"
    if kind == "signed":
        return f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")  # never -0.00
    if kind == "interval":
        return shown_interval(value, "share")
    if kind == "count":
        return f"{value:,}"
    return f"{value:.4f}" if kind == "number" else str(value)


def shown_interval(interval: tuple[float, float], kind: Kind) -> str:
    """Return an interval as people read it."""
    low, high = interval
    dash = " to " if kind == "signed" else "–"
    return f"{shown(low, kind)}{dash}{shown(high, kind)}"
