"""What a report shows beside the measures, as far as it needs to be known here."""

from typing import Protocol


class Condition(Protocol):
    """A condition on a measure of an evaluation."""

    @property
    def metric(self) -> str:
        """The name of the measure."""

    @property
    def bar(self) -> float:
        """What it had to reach."""

    @property
    def value(self) -> float:
        """What was measured, or the lower end of its interval."""

    @property
    def margin(self) -> float:
        """What is left to the bar; below zero, what is lacking."""

    @property
    def holds(self) -> bool:
        """True if the bar is reached."""


class Comparison(Protocol):
    """A comparison with another model on the same examples."""

    @property
    def other(self) -> str:
        """The name of the other model."""

    @property
    def difference(self) -> float:
        """How much higher the accuracy of this model is."""

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference."""

    @property
    def p_value(self) -> float:
        """That of McNemar's test."""

    @property
    def only_this_right(self) -> int:
        """Examples that this model alone answers right."""

    @property
    def only_other_right(self) -> int:
        """Examples that the other model alone answers right."""


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
