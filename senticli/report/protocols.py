"""What a report shows beside the measures, as far as it needs to be known here."""

from typing import Protocol


class Capability(Protocol):
    """The behavioural checks of one capability."""

    @property
    def capability(self) -> str:
        """Its name."""

    @property
    def n(self) -> int:
        """The number of checks."""

    @property
    def failures(self) -> int:
        """How many of them failed."""

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share that failed."""
