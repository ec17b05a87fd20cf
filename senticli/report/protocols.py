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


class Suspect(Protocol):
    """An example whose label is likely wrong."""

    @property
    def rank(self) -> int:
        """Its place among them, from 1, the likeliest first."""

    @property
    def text(self) -> str:
        """Its text."""

    @property
    def label(self) -> str:
        """The label that it has."""

    @property
    def likely(self) -> str:
        """The label that it is likelier to have."""
