"""Conditions on figures."""

import pytest

from senticli.errors import SenticliError, UsageError
from senticli.evaluation.gate import Condition, judge, parse_conditions
from senticli.measures import Figure

FIGURES = {
    "accuracy": Figure(0.9, (0.85, 0.95)),
    "loss": Figure(0.5, (0.4, 0.6)),
    "calibration_error": Figure(0.02),
    "recall.my=label": Figure(0.8, (0.6, 0.9)),
}


@pytest.mark.parametrize(
    ("entry", "holds", "margin"),
    [
        ("accuracy=0.9", True, 0),
        ("accuracy=0.88", True, 0.02),
        ("accuracy=0.91", False, -0.01),
        ("recall.my=label=0.7", True, 0.1),
    ],
)
def test_figure_must_reach_the_bar(entry: str, holds: bool, margin: float) -> None:
    [verdict] = judge(FIGURES, parse_conditions([entry]))
    assert verdict.holds is holds
    assert verdict.margin == pytest.approx(margin)


@pytest.mark.parametrize(("bar", "holds"), [(0.5, True), (0.6, True), (0.49, False)])
def test_loss_must_not_exceed_the_bar(bar: float, holds: bool) -> None:
    [verdict] = judge(FIGURES, parse_conditions([f"loss={bar}"], "fail_over"))
    assert verdict.holds is holds
    assert verdict.margin == pytest.approx(bar - 0.5)


def test_confident_judges_the_worse_end_of_the_interval() -> None:
    conditions = [Condition("accuracy", 0.88), Condition("loss", 0.55)]
    verdicts = judge(FIGURES, conditions, confident=True)
    assert [(v.value, v.judged, v.holds) for v in verdicts] == [
        (0.9, 0.85, False),
        (0.5, 0.6, False),
    ]
    assert all(verdict.holds for verdict in judge(FIGURES, conditions))


def test_figure_without_an_interval_cannot_be_judged_confidently() -> None:
    with pytest.raises(UsageError, match="calibration_error has no interval") as caught:
        judge(FIGURES, [Condition("calibration_error", 0.1)], confident=True)
    assert "accuracy, loss, recall" in caught.value.hint


@pytest.mark.parametrize(
    ("entry", "setting", "error"),
    [
        ("accuracy", "fail_under", "is not a figure and a number"),
        ("=0.9", "fail_under", "is not a figure and a number"),
        ("accuracy=high", "fail_under", "is not a figure and a number"),
        ("accuracy=nan", "fail_under", "is not a figure and a number"),
        ("accuracy=90", "fail_under", "is not a share from 0 to 1"),
        ("loss=nan", "fail_over", "is not a figure and a number"),
        ("loss=0.5", "fail_under", "loss is better low"),
        ("accuracy=0.5", "fail_over", "accuracy is better high"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(entry: str, setting: str, error: str) -> None:
    with pytest.raises(UsageError, match=error):
        parse_conditions([entry], setting)


def test_unknown_figure_is_refused_with_those_of_like_names() -> None:
    with pytest.raises(UsageError, match="there is no figure 'acuracy'") as caught:
        judge(FIGURES, [Condition("acuracy", 0.9)])
    assert caught.value.hint == "use one such as: accuracy"


def test_undefined_figure_is_an_error_and_never_a_pass() -> None:
    with pytest.raises(SenticliError, match="neutral is undefined") as caught:
        judge(FIGURES, [Condition("recall.neutral", 0.0)], labels=("negative", "neutral"))
    assert not isinstance(caught.value, UsageError)
