"""Thresholds: from which score on answers are right often enough, and what that costs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from senticli.errors import SenticliError, UsageError
from senticli.evaluation.run import Answers
from senticli.measures import Figure, wilson

PRECISION, COVERAGE = "precision", "coverage"


@dataclass(frozen=True)
class Threshold:
    """A threshold of the score: answers below it are ``unsure``.

    ``label`` is that of the answers that it is for; None: all. ``precision`` is the share of right
    ones among those that stay, ``coverage`` the share that stays.
    """

    target: str
    label: str | None
    threshold: float
    precision: Figure
    coverage: Figure

    def by_label(self, labels: tuple[str, ...]) -> Mapping[str, float]:
        """Return the threshold of each label that it is for."""
        chosen = labels if self.label is None else (self.label,)
        return dict.fromkeys(chosen, self.threshold)


def find_threshold(answers: Answers, target: str) -> Threshold:
    """Return the lowest threshold that gives a precision, or the highest that leaves a coverage.

    Args:
        answers: those to find it on.
        target: such as ``precision=0.95`` or ``coverage=0.8``, or of the answers of one label,
            ``precision.negative=0.95``.

    Raises:
        UsageError: ``target`` has another form.
        SenticliError: no threshold reaches it; or the label is never an answer.
    """
    measure, label, goal = _parse(target, answers.labels)
    scores, right = answers.scores, answers.right
    if label is not None:
        mask = answers.predicted == answers.labels.index(label)
        scores, right = scores[mask], right[mask]
    if not len(scores):
        raise SenticliError(f"no answer is {label}", "find the threshold on other data")
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(right[order])
    kept = np.arange(1, len(ranked) + 1)
    ends = np.append(np.diff(ranked) != 0, True)  # answers of one score are all kept, or none
    reached = ends & ((hits >= goal * kept) if measure == PRECISION else (kept >= goal * len(kept)))
    places = np.flatnonzero(reached)
    if not len(places):
        best = int(np.argmax(np.where(ends, hits / kept, 0)))
        raise SenticliError(
            f"no threshold gives a precision of {goal:g}: the highest is "
            f"{hits[best] / kept[best]:.4f}, of {kept[best]:,} of {len(kept):,} answers",
            "ask for less, or for a coverage: `find_threshold=coverage=0.8`",
        )
    place = places[-1] if measure == PRECISION else places[0]
    stay, correct, total = int(kept[place]), int(hits[place]), len(kept)
    return Threshold(
        target,
        label,
        # Scores are written with six digits: one of that many keeps the same answers.
        threshold=float(np.floor(ranked[place] * 1e6) / 1e6),
        precision=Figure(correct / stay, wilson(correct, stay)),
        coverage=Figure(stay / total, wilson(stay, total)),
    )


def _parse(target: str, labels: tuple[str, ...]) -> tuple[str, str | None, float]:
    """Return the measure, the label or None, and the value of a target. Raises UsageError."""
    name, _, value = target.rpartition("=")
    measure, dot, label = name.partition(".")
    try:
        goal = float(value)
    except ValueError:
        goal = -1.0
    if measure not in (PRECISION, COVERAGE) or not 0 < goal <= 1:
        raise UsageError(
            f"`find_threshold` {target!r} is not a precision or coverage",
            "use one such as `find_threshold=precision=0.95`, or `find_threshold=coverage=0.8`",
        )
    if dot and label not in labels:
        raise UsageError(
            f"`find_threshold` {target!r}: there is no label {label!r}",
            f"use one of: {', '.join(labels)}",
        )
    return measure, label if dot else None, goal
