"""Measures against values worked out by hand, and against each other."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from senticli import measures
from senticli.data.labelled import Example


def test_evaluation_of_three_labels() -> None:
    truth = np.array([0, 0, 0, 1, 1, 2])
    chosen = np.array([0, 0, 1, 1, 0, 1])
    probabilities = np.full((6, 3), 0.1)
    probabilities[np.arange(6), chosen] = 0.8
    result = measures.measure(probabilities, truth, ("a", "b", "c"))
    assert result.examples == 6
    assert result.accuracy == 0.5
    assert result.confusion == ((2, 1, 0), (1, 1, 0), (0, 1, 0))
    first, second, third = result.labels
    assert (first.precision, first.recall, first.support) == (2 / 3, 2 / 3, 3)
    assert first.f1 == pytest.approx(2 / 3)
    assert (second.precision, second.recall) == (1 / 3, 1 / 2)
    assert (third.precision, third.recall, third.f1, third.support) == (None, 0, 0, 1)
    assert result.loss == pytest.approx(-(3 * math.log(0.8) + 3 * math.log(0.1)) / 6)


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    # R: prop.test(correct, total, correct = FALSE)
    [(81, 100, 0.7222, 0.8749), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)],
)
def test_wilson_interval(correct: int, total: int, low: float, high: float) -> None:
    assert measures.wilson(correct, total) == pytest.approx((low, high), abs=5e-4)


def test_the_interval_at_ninety_percent_of_the_imdb_test_split() -> None:
    low, high = measures.wilson(22_500, 25_000)
    assert (high - low) / 2 == pytest.approx(0.0037, abs=1e-4)


@given(st.lists(st.floats(-80, 80), min_size=1, max_size=20), st.floats(0.1, 10))
def test_one_logit_is_two_labels(logits: list[float], temperature: float) -> None:
    column = np.array(logits, dtype=np.float32)[:, None]
    one = measures.softmax(column, temperature)
    two = measures.softmax(np.concatenate([np.zeros_like(column), column], axis=1), temperature)
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(one.sum(axis=1), 1, rtol=1e-5)


def test_softmax_of_huge_logits_is_finite() -> None:
    assert np.isfinite(measures.softmax(np.array([[1e4, -1e4]]))).all()
    assert np.isfinite(measures.softmax(np.array([[1e4]], dtype=np.float32))).all()


def test_the_temperature_of_overconfident_logits_is_found() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, size=(20_000, 1))
    truth = (generator.random(20_000) < 1 / (1 + np.exp(-logits[:, 0]))).astype(int)
    assert measures.fit_temperature(logits, truth) == pytest.approx(1, abs=0.05)
    assert measures.fit_temperature(logits * 3, truth) == pytest.approx(3, abs=0.15)


def test_cross_entropy_of_a_certain_mistake_is_finite() -> None:
    assert math.isfinite(measures.cross_entropy(np.array([[1.0, 0.0]]), np.array([1])))


def test_truth_of_labels_is_their_numbers() -> None:
    truth = measures.truth_of([Example("a", "pos"), Example("b", "neg")], ("neg", "pos"))
    assert truth.tolist() == [1, 0]


def test_truth_with_a_soft_label_is_distributions() -> None:
    examples = [Example("a", "pos"), Example.soft("b", {"pos": 0.25, "neg": 0.75})]
    truth = measures.truth_of(examples, ("neg", "neutral", "pos"))
    assert truth.tolist() == [[0, 0, 1], [0.75, 0, 0.25]]


def test_soft_labels_count_for_their_likeliest_one_in_all_but_the_loss() -> None:
    probabilities = np.array([[0.5, 0.5], [0.2, 0.8]])
    found = measures.measure(probabilities, np.array([[0.75, 0.25], [0.5, 0.5]]), ("neg", "pos"))
    assert found.confusion == ((1, 1), (0, 0))
    assert found.loss == pytest.approx((-np.log(0.5) - np.log(0.2 * 0.8) / 2) / 2)


# --- against scikit-learn


def some_answers(n_labels: int, seed: int) -> tuple[measures.Floats, measures.Ints]:
    """Probabilities [N, L] and true labels [N], with ties and a rare label."""
    random = np.random.default_rng(seed)
    truth = random.choice(
        n_labels, size=400, p=np.arange(1, n_labels + 1) / sum(range(n_labels + 1))
    )
    logits = random.normal(size=(400, n_labels)) + np.eye(n_labels)[truth]
    rounded = np.round(measures.softmax(logits), 2)
    return rounded / rounded.sum(axis=1, keepdims=True), truth


@pytest.mark.parametrize("n_labels", [2, 3, 5])
def test_figures_equal_those_of_scikit_learn(n_labels: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    probabilities, truth = some_answers(n_labels, seed=n_labels)
    labels = tuple("abcde"[:n_labels])
    found = measures.measure(probabilities, truth, labels)
    predicted, both = probabilities.argmax(axis=1), n_labels == 2
    of_auc = probabilities[:, 1] if both else probabilities
    one_hot = np.eye(n_labels)[truth]
    precision, recall, f1, support = metrics.precision_recall_fscore_support(truth, predicted)
    expected = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
        "macro_precision": precision.mean(),
        "macro_f1": f1.mean(),
        "roc_auc": metrics.roc_auc_score(truth, of_auc, multi_class="ovr"),
        "average_precision": metrics.average_precision_score(one_hot, probabilities),
        "loss": metrics.log_loss(truth, probabilities),
        "brier": metrics.brier_score_loss(truth, of_auc),
    }
    for number, label in enumerate(labels):
        expected |= {
            f"precision.{label}": precision[number],
            f"recall.{label}": recall[number],
            f"f1.{label}": f1[number],
            f"roc_auc.{label}": metrics.roc_auc_score(truth == number, probabilities[:, number]),
            f"average_precision.{label}": metrics.average_precision_score(
                truth == number, probabilities[:, number]
            ),
        }
    values = {name: figure.value for name, figure in found.figures.items()}
    assert values.pop("calibration_error") > 0
    assert values == pytest.approx(expected)
    assert [score.support for score in found.labels] == support.tolist()
    assert (np.array(found.confusion) == metrics.confusion_matrix(truth, predicted)).all()


@pytest.mark.parametrize("seed", range(3))
def test_calibration_equals_that_of_scikit_learn(seed: int) -> None:
    calibration = pytest.importorskip("sklearn.calibration")
    probabilities, truth = some_answers(3, seed)
    found = measures.measure(probabilities, truth, ("a", "b", "c"))
    right = probabilities.argmax(axis=1) == truth
    shares, scores = calibration.calibration_curve(
        right, probabilities.max(axis=1), n_bins=measures.BINS
    )
    assert [one.accuracy for one in found.calibration] == pytest.approx(shares)
    assert [one.score for one in found.calibration] == pytest.approx(scores)
    sizes = np.array([one.examples for one in found.calibration])
    error = (sizes * abs(shares - scores)).sum() / sizes.sum()
    assert found.figures["calibration_error"].value == pytest.approx(error)


# --- intervals


def test_intervals_hold_the_true_value_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(0)

    def drawn(n: int) -> measures.Evaluation:
        truth = random.choice(3, size=n, p=(0.5, 0.3, 0.2))
        logits = random.normal(size=(n, 3)) + np.eye(3)[truth]
        return measures.measure(measures.softmax(logits), truth, ("a", "b", "c"))

    true, samples = drawn(100_000), [drawn(150) for _ in range(100)]
    with_interval = {name for name, figure in true.figures.items() if figure.interval}
    assert {"accuracy", "balanced_accuracy", "macro_f1", "loss", "roc_auc.b"} <= with_interval
    for name in sorted(with_interval):
        intervals = [sample.figures[name].interval or (1, 0) for sample in samples]
        held = sum(low <= true.figures[name].value <= high for low, high in intervals)
        assert 88 <= held <= 100, name


def test_undefined_measures_of_a_label_are_none() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    found = measures.measure(probabilities, np.array([0, 0]), ("a", "b", "c"))
    first, second, third = found.labels
    assert (first.precision, first.recall, first.roc_auc) == (1, 0.5, None)
    assert (second.precision, second.recall, second.f1) == (0, None, 0)
    assert (third.precision, third.recall, third.f1, third.support) == (None, None, None, 0)
    assert {"recall.a", "precision.b"} <= set(found.figures)
    assert not {"recall.b", "f1.c", "roc_auc", "roc_auc.a"} & set(found.figures)
    assert found.figures["balanced_accuracy"].value == 0.5


def test_coverage_keeps_answers_of_one_score_together() -> None:
    scores = np.array([0.9, 0.8, 0.8, 0.8, 0.6])
    right = np.array([True, True, False, True, False])
    points = list(measures.coverage_of(scores, right))
    assert [(p.threshold, p.coverage) for p in points] == [(0.9, 0.2), (0.8, 0.8), (0.6, 1.0)]
    assert [p.accuracy for p in points] == pytest.approx([1, 3 / 4, 3 / 5])
