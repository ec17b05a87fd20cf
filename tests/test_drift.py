"""Texts unlike those a model was trained on are noticed, and usual ones are not."""

import numpy as np
import pytest

from senticli import load, paths
from senticli.bundle import Usual
from senticli.data.labelled import read_labelled
from senticli.drift import Monitor, fit, script_of
from senticli.model import Model

USUAL = Usual(unknown=0.02, threshold=0.08, script="LATIN")


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Great film", "LATIN"),
        ("naïve 1999", "LATIN"),
        ("отличный фильм (film)", "CYRILLIC"),
        ("很好的电影", "CJK"),
        ("فيلم رائع", "ARABIC"),
        ("12 :-) 🙂", ""),
        ("", ""),
    ],
)
def test_scripts(text: str, script: str) -> None:
    assert script_of(text) == script


def test_usual_texts_pass_and_others_are_reported() -> None:
    monitor = Monitor(USUAL)
    assert monitor.message() is None
    monitor.add("a fine film", 300, 10)
    assert monitor.message() is None
    monitor.add("der Film", 300, 200)
    assert "35% of the tokens are unknown" in (monitor.message() or "")


def test_few_unknown_tokens_are_no_drift() -> None:
    monitor = Monitor(USUAL)
    monitor.add("xqzzt film", 2, 1)
    assert monitor.message() is None


def test_another_script_is_reported_whatever_the_tokens() -> None:
    monitor = Monitor(USUAL)
    for _ in range(3):
        monitor.add("фильм", 1, 0)
    monitor.add("film", 1, 0)
    assert "Cyrillic" in (monitor.message() or "")
    monitor = Monitor(USUAL)
    monitor.add("фильм", 1, 0)
    for _ in range(3):
        monitor.add("film", 1, 0)
    assert monitor.message() is None


def test_statistics_are_measured() -> None:
    numbers = [np.array([0] + [5] * 24, dtype=np.int32)] * 99 + [np.zeros(25, dtype=np.int32)]
    usual = fit(["a text"] * 60 + ["текст"] * 40, numbers)
    assert usual == Usual(unknown=0.0496, threshold=0.0496, script="LATIN")


def sample_message(model: Model, texts: list[str]) -> str | None:
    assert model.bundle.config.usual
    monitor = Monitor(model.bundle.config.usual)
    for result in model.stream(texts):
        monitor.add(result.text, result.n_tokens, result.n_unknown)
    return monitor.message()


def test_the_bundled_model_knows_english_reviews_and_no_german() -> None:
    model = load("bundled", threads=1)
    texts = [row.text for row in read_labelled(paths.SAMPLE_DATASET / "test.jsonl").examples]
    assert sample_message(model, texts) is None
    german = "Der Film war wirklich grossartig und ich habe gelacht, nur das Ende war langweilig"
    assert "unknown" in (sample_message(model, [german]) or "")


def test_digits_are_of_no_script() -> None:
    monitor = Monitor(Usual(unknown=0.02, threshold=1.0, script="CYRILLIC"))
    for _ in range(50):
        monitor.add("123 456", 2, 0)
    assert monitor.message() is None


def test_model_of_no_script_says_nothing_of_scripts() -> None:
    monitor = Monitor(Usual(unknown=0.02, threshold=1.0, script=""))
    monitor.add("great film", 2, 0)
    assert monitor.message() is None
