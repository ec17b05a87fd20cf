"""A model against another on the same examples."""

import json
from pathlib import Path

import numpy as np
import pytest

from senticli import SenticliError, evaluate
from senticli.evaluation.comparison import _mcnemar, compare, compare_answers

TEXTS = ["great film", "bad", "a table", "awful"]
LABELS = ["positive", "negative", "positive", "negative"]


def some_right(seed: int, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.random(n) < 0.85, random.random(n) < 0.9


@pytest.mark.parametrize(("first", "second"), [(0, 0), (3, 9), (40, 60), (1000, 1100), (0, 2000)])
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert _mcnemar(first, second) == pytest.approx(expected, rel=1e-6, abs=1e-300)


def test_interval_is_that_of_a_bootstrap_of_the_examples() -> None:
    mine, theirs = some_right(0)
    found = compare_answers(mine, theirs)
    random = np.random.default_rng(1)
    rows = random.integers(len(mine), size=(4000, len(mine)))
    differences = mine[rows].mean(axis=1) - theirs[rows].mean(axis=1)
    assert found.difference == pytest.approx(mine.mean() - theirs.mean())
    assert found.interval == pytest.approx(np.quantile(differences, (0.025, 0.975)), abs=0.004)


def test_worse_is_significantly_worse() -> None:
    all_right = np.ones(100, dtype=bool)
    slightly, clearly = all_right.copy(), all_right.copy()
    slightly[:3], clearly[:10] = False, False
    assert not compare_answers(slightly, all_right).is_worse
    assert compare_answers(clearly, all_right).is_worse
    assert not compare_answers(all_right, clearly).is_worse


def test_models_are_compared_on_the_same_examples(tiny_model: Path) -> None:
    report = evaluate("bundled", TEXTS, LABELS)
    found = compare(report, tiny_model)
    assert found.accuracy == evaluate(tiny_model, TEXTS, LABELS).evaluation.accuracy
    assert found.difference == pytest.approx(report.evaluation.accuracy - found.accuracy)


def recorded(path: Path, **changes: object) -> Path:
    report = evaluate("bundled", TEXTS, LABELS)
    content = {
        "model": report.model,
        "examples": 4,
        "accuracy": report.evaluation.accuracy,
        "examples_sha256": report.examples.sha256,
        "right": report.answers.right_in_hex,
    }
    path.write_text(json.dumps({**content, **changes}))
    return path


def test_earlier_evaluation_stands_for_its_model(tiny_model: Path, tmp_path: Path) -> None:
    path = recorded(tmp_path / "report.json")
    report = evaluate(tiny_model, TEXTS, LABELS)
    assert compare(report, path) == compare(report, "bundled")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"examples_sha256": "0"}, "was measured on other examples than texts"),
        ({"examples": 9}, "is not the JSON of an evaluation"),
        ({"right": "xy"}, "is not the JSON of an evaluation"),
        ({"right": ""}, "is not the JSON of an evaluation"),
        ({"accuracy": 0.1}, "is not the JSON of an evaluation"),
        ({"right": None}, "is not the JSON of an evaluation"),
        ({"model": 1}, "is not the JSON of an evaluation"),
        ({"examples": "4"}, "is not the JSON of an evaluation"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, changes: dict[str, object], error: str) -> None:
    path = recorded(tmp_path / "report.json", **changes)
    with pytest.raises(SenticliError, match=error):
        compare(evaluate("bundled", TEXTS, LABELS), path)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SenticliError, match="cannot read"):
        compare(evaluate("bundled", TEXTS, LABELS), tmp_path / "report.json")
