"""What long steps report while they run, one event at a time, to a function ``on_event``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Finding:
    """Something suspicious about data: how often it occurs, and an example."""

    what: str
    count: int
    example: str


@dataclass(frozen=True)
class SoftLabels:
    """The examples with a soft label, and the mean probability of their likeliest label."""

    examples: int
    confidence: float


@dataclass(frozen=True)
class Message:
    """Something worth a line: a ``warning`` where the result may not be what is wanted."""

    level: Literal["info", "note", "warning"]
    text: str


@dataclass(frozen=True)
class Progress:
    """How much of a step is done, and of how much; an unknown total is None."""

    step: str
    done: int
    total: int | None
    unit: Literal["bytes", "texts", "batches"] = "bytes"


OnEvent = Callable[[Any], object]
"""Takes each event, a frozen dataclass, as it comes."""


def ignore(event: object) -> None:
    """Do nothing: the ``on_event`` of a caller who wants none."""
