"""Thresholds that give a precision or a coverage."""

import numpy as np
import pytest

from senticli.errors import SenticliError, UsageError
from senticli.evaluation.run import Answers
from senticli.evaluation.thresholds import find_threshold

SCORES = np.array([0.95, 0.9, 0.9, 0.8, 0.7, 0.6])
PREDICTED = np.array([0, 1, 1, 0, 1, 0])
RIGHT = np.array([True, True, False, True, True, False])


@pytest.fixture
def answers() -> Answers:
    probabilities = np.stack([1 - SCORES, SCORES], axis=1)
    probabilities[PREDICTED == 0] = probabilities[PREDICTED == 0][:, ::-1]
    truth = np.where(RIGHT, PREDICTED, 1 - PREDICTED)
    none = np.zeros(len(truth), dtype=int)
    return Answers(("no", "yes"), probabilities, truth, none, none)


@pytest.mark.parametrize(
    ("target", "threshold", "precision", "coverage"),
    [
        ("precision=0.8", 0.7, 4 / 5, 5 / 6),
        ("precision=1", 0.95, 1, 1 / 6),
        ("precision=0.1", 0.6, 4 / 6, 1),
        ("coverage=0.5", 0.9, 2 / 3, 3 / 6),
        ("coverage=0.2", 0.9, 2 / 3, 3 / 6),  # two answers of one score
        ("coverage=1", 0.6, 4 / 6, 1),
        ("precision.no=1", 0.8, 1, 2 / 3),
        ("coverage.yes=1", 0.7, 2 / 3, 1),
    ],
)
def test_threshold_keeps_most_answers_of_a_precision_or_the_best_of_a_coverage(
    answers: Answers, target: str, threshold: float, precision: float, coverage: float
) -> None:
    found = find_threshold(answers, target)
    assert found.threshold == pytest.approx(threshold, abs=1e-6)
    assert found.threshold <= threshold
    assert (found.precision.value, found.coverage.value) == pytest.approx((precision, coverage))
    low, high = found.precision.interval or (1, 0)
    assert low < precision <= high


def test_precision_out_of_reach_names_the_highest(answers: Answers) -> None:
    with pytest.raises(SenticliError, match="no threshold gives a precision of 1: the highest"):
        find_threshold(answers, "precision.yes=1")


@pytest.mark.parametrize(
    "target", ["precision", "precision=0", "precision=95", "recall=0.9", "coverage=x", "=1"]
)
def test_other_targets_are_refused(answers: Answers, target: str) -> None:
    with pytest.raises(UsageError, match="is not a precision or coverage"):
        find_threshold(answers, target)


def test_label_that_is_missing_is_refused(answers: Answers) -> None:
    with pytest.raises(UsageError, match="there is no label 'maybe'"):
        find_threshold(answers, "precision.maybe=0.9")


def test_thresholds_are_those_of_the_labels_they_are_for(answers: Answers) -> None:
    all_labels, one = (find_threshold(answers, f"{name}=1") for name in ("coverage", "coverage.no"))
    assert set(all_labels.by_label(answers.labels)) == {"no", "yes"}
    assert set(one.by_label(answers.labels)) == {"no"}
