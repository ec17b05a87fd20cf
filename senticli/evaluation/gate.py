"""A gate: conditions on the figures of an evaluation, each of which holds or fails."""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from senticli.errors import SenticliError, UsageError
from senticli.measures import Figure

LOWER_IS_BETTER = ("loss", "brier", "calibration_error")
UNBOUNDED = ("loss", "brier")
EXAMPLES = {"fail_under": "accuracy=0.9", "fail_over": "loss=0.5"}


@dataclass(frozen=True)
class Condition:
    """A bar that a figure must reach; of one that is better low, must not exceed."""

    metric: str
    bar: float

    @property
    def is_upper(self) -> bool:
        """True if the figure must not exceed the bar."""
        return self.metric in LOWER_IS_BETTER


@dataclass(frozen=True)
class Verdict:
    """What became of a condition.

    ``value`` is what was measured. ``judged`` is what was compared with the bar: the value, or the
    worse end of its interval. ``margin`` is how far it is on the good side, below 0 where it fails.
    """

    metric: str
    bar: float
    value: float
    judged: float
    margin: float
    holds: bool


def parse_conditions(entries: Sequence[str], setting: str = "fail_under") -> list[Condition]:
    """Return conditions from entries such as ``recall.negative=0.8``.

    Args:
        entries: names of figures and their bars.
        setting: ``fail_under``, for figures that are better high; ``fail_over``, for the others.

    Raises:
        UsageError: an entry has another form, or is for the other setting.
    """
    conditions = []
    for entry in entries:
        metric, _, bar = entry.rpartition("=")
        try:
            condition = Condition(metric, float(bar))
        except ValueError:
            condition = Condition(metric, math.nan)
        if not metric or not math.isfinite(condition.bar):
            raise UsageError(
                f"`{setting}` {entry!r} is not a figure and a number",
                f"use one such as `{setting}={EXAMPLES[setting]}`",
            )
        if condition.is_upper != (setting == "fail_over"):
            better, other = ("low", "fail_over") if condition.is_upper else ("high", "fail_under")
            raise UsageError(f"{metric} is better {better}", f"use `{other}={entry}`")
        if not 0 <= condition.bar <= 1 and metric not in UNBOUNDED:
            raise UsageError(
                f"`{setting}` {entry!r} is not a share from 0 to 1", f"write 90 % as {metric}=0.9"
            )
        conditions.append(condition)
    return conditions


def judge(
    figures: Mapping[str, Figure],
    conditions: Sequence[Condition],
    *,
    labels: Sequence[str] = (),
    confident: bool = False,
) -> list[Verdict]:
    """Compare figures with the bars of conditions.

    Args:
        figures: by name.
        conditions: each about one of these.
        labels: those of the model, of which one may have no figures.
        confident: judge the worse end of the 95 % interval.

    Raises:
        UsageError: there is no such figure; or with ``confident``, it has no interval.
        SenticliError: the figure is undefined on these examples.
    """
    return [_judge(figures, one, labels, confident=confident) for one in conditions]


def _judge(
    figures: Mapping[str, Figure], condition: Condition, labels: Sequence[str], *, confident: bool
) -> Verdict:
    figure = figures.get(condition.metric)
    if figure is None:
        raise _no_figure(figures, condition.metric, labels)
    judged = figure.value
    if confident:
        if figure.interval is None:
            named = ", ".join(name for name, one in figures.items() if one.interval)
            raise UsageError(
                f"{condition.metric} has no interval",
                f"leave out `confident`, or use one of: {named}",
            )
        judged = figure.interval[condition.is_upper]
    margin = condition.bar - judged if condition.is_upper else judged - condition.bar
    return Verdict(condition.metric, condition.bar, figure.value, judged, margin, holds=margin >= 0)


def _no_figure(figures: Mapping[str, Figure], metric: str, labels: Sequence[str]) -> SenticliError:
    kind, _, label = metric.partition(".")
    kinds = {name.partition(".")[0] for name in figures if "." in name}
    if label in labels and kind in kinds:
        return SenticliError(
            f"{metric} is undefined: no example, no answer or every example is {label}",
            "use data that have it, or judge another figure",
        )
    if metric in ("roc_auc", "average_precision"):
        return SenticliError(
            f"{metric} is undefined: every example has the same label",
            "use data that have others, or judge another figure",
        )
    whole = [name for name in figures if "." not in name]
    close = difflib.get_close_matches(metric, figures, n=3) or whole
    return UsageError(f"there is no figure {metric!r}", f"use one such as: {', '.join(close)}")
