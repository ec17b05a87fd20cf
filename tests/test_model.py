"""Prediction: N texts in, N answers out, in order, whatever they are batched with."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senticli import paths
from senticli.bundle import Bundle
from senticli.model import (
    BATCH_TEXTS,
    BATCH_TOKENS,
    FIRST_WINDOW,
    MAX_CHARACTERS,
    UNSURE,
    WINDOW,
    Predictor,
    _batches,
)


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
    assert taken <= FIRST_WINDOW


@pytest.mark.parametrize("window", [1, 7])
def test_a_smaller_window_reads_no_further(tiny_model: Path, window: int) -> None:
    taken = []

    def texts():  # type: ignore[no-untyped-def]
        for number in range(20):
            taken.append(number)
            yield f"good {number}"

    stream = Predictor(Bundle.open(tiny_model), threads=1).stream(texts(), window=window)
    next(stream)
    assert len(taken) == window
    assert len(list(stream)) == 19


def test_scores_depend_on_nothing_but_the_text(predictor: Predictor) -> None:
    assert predictor.bundle.config.onnx == "int8"
    texts = [" ".join(["good", "bad", "film"][i % 3] for i in range(n)) for n in range(1, 200)]
    together = [result.scores for result in predictor.stream(texts)]
    for row in (0, 50, 198):
        (alone,) = predictor.stream([texts[row]])
        assert alone.scores == pytest.approx(together[row], abs=1e-6)


@pytest.mark.parametrize("skip", [0, 1, 31, 32, 33, 100, 299, 300])
def test_what_is_skipped_changes_nothing_else(tiny_model: Path, skip: int) -> None:
    texts = [f"good film {'bad ' * (n % 7)}" for n in range(300)]
    predictor = Predictor(Bundle.open(tiny_model))
    assert list(predictor.stream(texts, skip=skip)) == list(predictor.stream(texts))[skip:]


def test_the_number_of_threads_changes_nothing(tiny_model: Path) -> None:
    texts = [f"good film {'bad ' * (n % 50)}" for n in range(500)]
    results = [
        list(Predictor(Bundle.open(tiny_model), threads=threads).stream(texts))
        for threads in (1, 2, 5)
    ]
    assert results[0] == results[1] == results[2]


def test_below_the_threshold_it_is_unsure(predictor: Predictor) -> None:
    sure, unsure = predictor.predict(["great film", "table"], threshold=0.95)
    assert sure.label == "positive"
    assert unsure.label == UNSURE
    assert unsure.score == max(unsure.scores) < 0.95


def test_predict_wants_a_list(predictor: Predictor) -> None:
    with pytest.raises(TypeError, match="list"):
        predictor.predict("great film")


def test_what_is_no_list_of_texts_is_told(predictor: Predictor) -> None:
    with pytest.raises(TypeError, match="list"):
        next(predictor.stream("great"))
    with pytest.raises(TypeError, match="not bytes"):
        predictor.predict([b"great"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="threads"):
        Predictor(predictor.bundle, threads=0)


def test_unknown_words_are_counted(predictor: Predictor) -> None:
    (result,) = predictor.predict(["great xqzzt film qqqyx"])
    assert (result.words, result.unknown) == (4, 2)


def test_a_line_of_ten_megabytes_is_read_by_its_ends(predictor: Predictor) -> None:
    dull = "the film " * 1_100_000
    texts = [f"great {dull} wonderful film", "=" * 10_000_000, "good,bad-" * 1_100_000]
    results = predictor.predict(texts)
    assert all(result.truncated and result.error is None for result in results)
    assert all(0 < result.words <= MAX_CHARACTERS for result in results)


@given(st.lists(st.integers(1, 20_000), max_size=100))
def test_batches_hold_every_text_once_within_the_limits(lengths: list[int]) -> None:
    batches = list(_batches(lengths))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= BATCH_TEXTS
        padded = len(batch) * max(lengths[row] for row in batch)
        assert padded <= BATCH_TOKENS or len(batch) == 1


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_any_text_gets_an_answer(predictor: Predictor, texts: list[str]) -> None:
    results = list(predictor.stream(texts))
    assert [result.text for result in results] == texts
    for result in results:
        assert result.error or sum(result.scores) == pytest.approx(1)


@pytest.mark.parametrize("threshold", [2, -0.1, float("nan")])
def test_threshold_is_a_probability(predictor: Predictor, threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        predictor.predict(["good"], threshold=threshold)


@pytest.mark.parametrize("options", [{"window": 0}, {"skip": -1}])
def test_stream_is_refused_before_it_is_read(predictor: Predictor, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        predictor.stream(["good"], **options)


def test_short_last_window_is_not_skipped_with_the_one_before(tiny_model: Path) -> None:
    texts = [f"good film {'bad ' * (number % 7)}" for number in range(32 + 64 + 128 + 5)]
    predictor = Predictor(Bundle.open(tiny_model), threads=2)
    whole = predictor.predict(texts)
    for skip in (100, 200, 223, 224, 226):
        assert list(predictor.stream(texts, skip=skip)) == whole[skip:]
