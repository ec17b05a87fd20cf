"""Prediction: N texts in, N answers out, in order, whatever they are batched with."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senticli import paths
from senticli.bundle import Bundle
from senticli.predictor import BATCH_TEXTS, MAX_TOKENS, WINDOW, Predictor, _batches


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(Bundle.open(paths.BUNDLED_MODEL), threads=1)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("great film", "positive"),
        ("terrible film", "negative"),
        ("this is not good", "negative"),
        ("I loved every minute of it.", "positive"),
        ("What a waste of time and money!", "negative"),
    ],
)
def test_the_bundled_model_knows_its_trade(predictor: Predictor, text: str, label: str) -> None:
    (prediction,) = predictor.stream([text])
    assert prediction.label == label
    assert prediction.score == max(prediction.scores) > 0.5


def test_the_order_is_kept_across_windows(tiny_model: Path) -> None:
    predictor = Predictor(Bundle.open(tiny_model), threads=1)
    generator = np.random.default_rng(0)
    texts = [
        " ".join(["good", "bad", "film"][i] for i in generator.integers(0, 3, size=size))
        for size in generator.integers(1, 40, size=WINDOW + 100)
    ]
    results = list(predictor.stream(texts))
    assert [result.text for result in results] == texts
    for row in (0, 7, WINDOW - 1, WINDOW, WINDOW + 99):
        (alone,) = predictor.stream([texts[row]])
        assert alone.scores == pytest.approx(results[row].scores, abs=1e-5)


def test_a_stream_reads_no_further_than_its_window(tiny_model: Path) -> None:
    taken = 0

    def endless():  # type: ignore[no-untyped-def]
        nonlocal taken
        while True:
            taken += 1
            yield "good"

    next(Predictor(Bundle.open(tiny_model), threads=1).stream(endless()))
    assert taken == WINDOW


def test_texts_without_words_are_answered_too(predictor: Predictor) -> None:
    results = list(predictor.stream(["", "good", " \t ", "<br />"]))
    assert [result.label for result in results] == ["", "positive", "", ""]
    assert results[0].score is None
    assert results[0].error == "no text"
    assert results[1].error is None


def test_a_very_long_text_is_cut_and_says_so(tiny_model: Path) -> None:
    predictor = Predictor(Bundle.open(tiny_model), threads=1)
    short, long = predictor.stream(["good " * MAX_TOKENS, "good " * (MAX_TOKENS + 1)])
    assert not short.truncated
    assert long.truncated


@given(st.lists(st.integers(1, 20_000), max_size=100))
def test_batches_hold_every_text_once_within_the_limits(lengths: list[int]) -> None:
    batches = list(_batches(lengths))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(len(batch) <= BATCH_TEXTS for batch in batches)


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_any_text_gets_an_answer(predictor: Predictor, texts: list[str]) -> None:
    results = list(predictor.stream(texts))
    assert [result.text for result in results] == texts
    for result in results:
        assert result.error or sum(result.scores) == pytest.approx(1)
