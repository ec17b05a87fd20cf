"""Reports of long steps while they run: progress and messages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Progress:
    """How far a step is. ``done`` and ``total`` count bytes; an unknown total is None."""

    phase: Literal["downloading", "checking", "unpacking"]
    name: str
    done: int
    total: int | None


@dataclass(frozen=True)
class Notice:
    """A message worth a line: what a step does, a retry, a wait."""

    message: str


OnProgress = Callable[[Progress | Notice], None]


def ignore(_: Progress | Notice) -> None:
    """Do nothing with a report."""
