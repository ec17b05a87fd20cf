"""The report of an evaluation: what is on the page, and that it equals what was measured."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from senticli import Model, assess, check, load
from senticli.evaluation.checks import Check
from senticli.evaluation.comparison import Comparison
from senticli.evaluation.gate import Verdict
from senticli.evaluation.suspects import Suspect
from senticli.events import Progress
from senticli.report import evaluation
from senticli.report.evaluation import write_evaluation_report
from senticli.runtime import Network

EVIL = (
    "<script>alert(1)</script> a great film",
    "<img src=x onerror=alert(1)> terrible",
    "\" onmouseover='alert(1)' bad",
    "\u202egreat film, \u2066twice\u2069 \x00\x1b[31m",
    "</style></title><svg onload=alert(1)> great",
    f"great {'x' * 3000}",
)
GIVEN: dict[str, Any] = {
    "command": "senticli eval --data '<b>.csv'",
}
JUDGED: dict[str, Any] = {
    "suspects": [
        Suspect(1, row=0, where="1", text=EVIL[0], label="negative", likely="positive", score=0.9)
    ],
    "verdicts": [
        Verdict("accuracy", bar=0.9, value=0.7, judged=0.6, margin=-0.3, holds=False),
        Verdict("recall.negative", bar=0.5, value=0.7, judged=0.7, margin=0.2, holds=True),
    ],
    "comparison": Comparison(
        other="<i>other</i>",
        accuracy=0.71,
        difference=-0.01,
        interval=(-0.03, 0.01),
        only_this_right=3,
        only_other_right=5,
        p_value=0.4,
    ),
}


@pytest.fixture(scope="module")
def model() -> Model:
    return load("bundled", threads=1)


@pytest.fixture(scope="module")
def hostile(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with everything on it, of texts that want to be more than texts."""
    texts = [*EVIL, *EVIL[:2], "great film", "bad film", "It opens at nine."]
    labels = ["negative", "positive", "positive", "negative", "negative", "negative"]
    labels += ["positive", "positive", "positive", "negative", "neutral"]
    path = tmp_path_factory.mktemp("report") / "hostile.html"
    found = assess(model, texts, labels=labels, find_threshold="coverage=0.5")
    checked = check(model, [Check("negation", "mft", EVIL[0], "negative")])
    return write_evaluation_report(replace(found, checks=checked, **JUDGED), path, **GIVEN)


def figures_on(content: str) -> dict[str, float]:
    pairs = re.findall(r'<data value="([^"]+)" data-figure="([^"]+)">', content)
    return {name: float(value) for value, name in pairs}


def test_figures_equal_those_of_the_evaluation(model: Model, tmp_path: Path) -> None:
    found = assess(model, "sample")
    content = write_evaluation_report(found, tmp_path / "a.html").read_text()
    assert found.report
    figures = found.report.evaluation.figures
    assert figures_on(content) == {name: figure.value for name, figure in figures.items()}
    assert f"<b>{figures['accuracy'].value:.2%}</b> accuracy" in content


def test_what_was_not_given_has_no_section(model: Model, tmp_path: Path) -> None:
    found = assess(model, ["great film"], labels=["positive"])
    content = write_evaluation_report(found, tmp_path / "a.html").read_text()
    sections = re.findall('<section id="(.*?)">', content)
    names = ["figures", "training", "confusion", "scores", "slices", "errors", "provenance"]
    assert sections == names
    assert re.findall('href="#(.*?)"', content) == names
    assert "Every answer is right." in content
    assert "verdict" not in re.sub("<style>.*?</style>", "", content, flags=re.DOTALL)


def test_sections_in_order_with_the_verdict_first(hostile: Path) -> None:
    content = hostile.read_text()
    assert re.findall('<section id="(.*?)">', content) == [
        *("figures", "comparison", "training", "confusion", "scores", "slices", "errors"),
        *("suspects", "checks", "provenance"),
    ]
    assert content.index("Failed 1 of 2 conditions") < content.index("<section")
    assert "not significantly worse than &lt;i&gt;other&lt;/i&gt;" in content


def test_model_without_history_has_no_learning_curves(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(model.bundle), "history", lambda _: [])
    found = assess(model, ["great film"], labels=["negative"])
    content = write_evaluation_report(found, tmp_path / "a.html").read_text()
    assert 'id="training"' not in content


def test_texts_with_several_labels_and_texts_that_occur_again(model: Model, tmp_path: Path) -> None:
    texts = ["great film", "great film ", "bad", "bad", "once"]
    found = assess(
        model, texts, labels=["positive", "negative", "negative", "negative", "positive"]
    )
    content = write_evaluation_report(found, tmp_path / "a.html").read_text()
    assert "Texts with several labels: 1" in content
    assert "1 × positive, 1 × negative" in content
    assert "Texts that occur again: 1" in content
    assert "2 × negative" in content


def test_slices_of_columns(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,label,shop\ngreat film,positive,<b>\nbad,negative,\n")
    page = tmp_path / "a.html"
    assess(model, path, slice_column="shop", report=page)
    content = page.read_text()
    assert "By shop" in content
    assert '<th scope="row">&lt;b&gt;</th>' in content
    assert '<th scope="row">(none)</th>' in content


def test_explaining_errors_is_bounded(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["a great film " * size for size in (1, 100, 400)]
    found = assess(model, texts, labels=["negative"] * 3)
    monkeypatch.setattr(evaluation, "OCCLUDED", 9_000)
    tokens, logits, events = [], Network.logits, list[object]()

    def counted(network: Network, token_ids: Any) -> Any:
        tokens.append(sum(map(len, token_ids)))
        return logits(network, token_ids)

    monkeypatch.setattr(Network, "logits", counted)
    write_evaluation_report(found, tmp_path / "a.html", on_event=events.append)
    assert 3 <= sum(tokens) <= 9_000 + 3 * (1 + 100 + 400)  # and each text as it is
    assert [event.done for event in events if isinstance(event, Progress)] == [1, 2, 3]


def test_errors_are_the_wrong_answers_of_the_highest_scores(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "ERRORS", 2)
    texts = ["bad", "great film", "a great film, truly wonderful", "not bad at all"]
    found = assess(model, texts, labels=["positive", "negative", "negative", "negative"])
    content = write_evaluation_report(found, tmp_path / "a.html").read_text()
    assert found.report
    answers = found.report.answers
    worst = np.argsort(-answers.scores[~answers.right])[:2]
    shown = re.findall(r"example ([\d,]+)", content)
    assert shown == [str(np.flatnonzero(~answers.right)[row] + 1) for row in worst]


def test_hostile_texts_are_text(hostile: Path) -> None:
    content = hostile.read_text()
    assert not re.search("<(script|img|svg onload|i|b>.csv)", content)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", content)
    assert "[U+202E]" in content


def test_page_in_a_browser(hostile: Path, check_page: Callable[[Path], Any]) -> None:
    page = check_page(hostile)
    assert page.evaluate("document.querySelectorAll('script, img, [onmouseover]').length") == 0
    assert page.locator("figure svg[role=img]").count() == 4


def test_figures_in_a_browser_equal_those_of_json(
    senticli: Any, tmp_path: Path, check_page: Callable[[Path], Any]
) -> None:
    path = tmp_path / "a.html"
    done = senticli("eval", "-m", "bundled", "-d", "sample", "--json", "--report", path)
    assert done.stderr.splitlines()[-1] == f"report: {path}"
    figures = json.loads(done.stdout)["figures"]
    page = check_page(path)
    found = page.evaluate(
        "[...document.querySelectorAll('[data-figure]')]"
        ".map(one => [one.dataset.figure, one.value, one.innerText])"
    )
    assert {name: float(value) for name, value, _ in found} == {
        name: figure["value"] for name, figure in figures.items()
    }
    for name, value, text in found:
        digits = f"{float(value):.4f}" if name in ("loss", "brier") else f"{float(value):.2%}"
        assert text == digits
