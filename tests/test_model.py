"""Prediction: N texts in, N answers out, in order, whatever they are batched with."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senticli import paths
from senticli.bundle import Bundle
from senticli.errors import SenticliError
from senticli.model import FIRST_WINDOW, MAX_CHARACTERS, UNSURE, WINDOW, Model, load
from tests.conftest import LABELS


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(Bundle.open(paths.BUNDLED_MODEL), threads=1)


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
def test_the_bundled_model_knows_its_trade(model: Model, text: str, label: str) -> None:
    (prediction,) = model.stream([text])
    assert prediction.label == label
    assert prediction.score == max(prediction.scores) > 0.5


def test_the_order_is_kept_across_windows(tiny_model: Path) -> None:
    model = Model(Bundle.open(tiny_model), threads=1)
    generator = np.random.default_rng(0)
    texts = [
        " ".join(["good", "bad", "film"][i] for i in generator.integers(0, 3, size=size))
        for size in generator.integers(1, 40, size=WINDOW + 100)
    ]
    results = list(model.stream(texts))
    assert [result.text for result in results] == texts
    for row in (0, 7, WINDOW - 1, WINDOW, WINDOW + 99):
        (alone,) = model.stream([texts[row]])
        assert alone.scores == pytest.approx(results[row].scores, abs=1e-5)


def test_a_stream_reads_no_further_than_its_window(tiny_model: Path) -> None:
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield "good"

    next(Model(Bundle.open(tiny_model), threads=1).stream(endless()))
    assert taken <= FIRST_WINDOW


@pytest.mark.parametrize("window", [1, 7])
def test_a_smaller_window_reads_no_further(tiny_model: Path, window: int) -> None:
    taken = []

    def texts():
        for number in range(20):
            taken.append(number)
            yield f"good {number}"

    stream = Model(Bundle.open(tiny_model), threads=1).stream(texts(), window=window)
    next(stream)
    assert len(taken) == window
    assert len(list(stream)) == 19


def test_scores_depend_on_nothing_but_the_text(model: Model) -> None:
    assert model.bundle.config.onnx == "int8"
    texts = [" ".join(["good", "bad", "film"][i % 3] for i in range(n)) for n in range(1, 200)]
    together = [result.scores for result in model.stream(texts)]
    for row in (0, 50, 198):
        (alone,) = model.stream([texts[row]])
        assert alone.scores == pytest.approx(together[row], abs=1e-6)


@pytest.mark.parametrize("skip", [0, 1, 31, 32, 33, 100, 299, 300])
def test_skipped_texts_change_no_prediction(tiny_model: Path, skip: int) -> None:
    texts = [f"good film {'bad ' * (n % 7)}" for n in range(300)]
    model = Model(Bundle.open(tiny_model))
    assert list(model.stream(texts, skip=skip)) == list(model.stream(texts))[skip:]


def test_the_number_of_threads_changes_nothing(tiny_model: Path) -> None:
    texts = [f"good film {'bad ' * (n % 50)}" for n in range(500)]
    results = [
        list(Model(Bundle.open(tiny_model), threads=threads).stream(texts)) for threads in (1, 2, 5)
    ]
    assert results[0] == results[1] == results[2]


def test_below_the_threshold_it_is_unsure(model: Model) -> None:
    sure, unsure = model.predict(["great film", "table"], threshold=0.95)
    assert sure.label == "positive"
    assert unsure.label == UNSURE
    assert unsure.score == max(unsure.scores) < 0.95


def test_one_text_gets_one_prediction(model: Model) -> None:
    assert [model.predict("great film")] == model.predict(["great film"])


@pytest.mark.parametrize("call", ["predict_proba", "stream", "stream_proba"])
def test_string_in_place_of_texts_is_refused(model: Model, call: str) -> None:
    with pytest.raises(TypeError, match="list"):
        getattr(model, call)("great film")


@pytest.mark.parametrize("call", ["predict", "predict_proba"])
def test_texts_that_are_no_strings_are_refused(model: Model, call: str) -> None:
    with pytest.raises(TypeError, match="not bytes"):
        getattr(model, call)([b"great"])


def test_threads_are_at_least_one(model: Model) -> None:
    with pytest.raises(ValueError, match="threads"):
        Model(model.bundle, threads=0)


def test_probabilities_are_the_scores_of_predictions(model: Model) -> None:
    texts = ["great film", "terrible film", "table"]
    probabilities = model.predict_proba(texts)
    assert probabilities.shape == (3, 3)
    assert [tuple(row) for row in probabilities] == [one.scores for one in model.predict(texts)]


def test_probabilities_of_no_texts_have_a_column_for_each_label(model: Model) -> None:
    assert model.predict_proba([]).shape == (0, 3)


def test_text_without_tokens_has_probabilities(model: Model) -> None:
    [row] = model.predict_proba([""])
    assert row.sum() == pytest.approx(1)


def test_loaded_by_path_or_name_it_is_the_same(tiny_model: Path) -> None:
    assert load(tiny_model).labels == load(str(tiny_model)).labels == LABELS
    assert load(tiny_model).name == str(tiny_model)
    assert load("bundled").name == load().name == "bundled"


def test_metadata_is_a_copy_of_config_json(model: Model) -> None:
    metadata = model.metadata
    assert metadata["labels"] == model.labels
    assert metadata["model"]["rnn"] == model.bundle.config.model.rnn
    metadata["provenance"].clear()
    assert model.metadata["provenance"]["valid"]["accuracy"] > 0.7


def test_saved_model_predicts_the_same(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "copy")
    copy = load(tmp_path / "copy")
    assert copy.predict("great film") == model.predict("great film")


def test_model_is_saved_over_another_only_by_force(tiny_model: Path, tmp_path: Path) -> None:
    model = load(tiny_model)
    model.save(tmp_path / "copy")
    with pytest.raises(SenticliError, match="there is a model"):
        model.save(tmp_path / "copy")
    model.save(tmp_path / "copy", force=True)


def test_model_is_not_saved_onto_itself(tiny_model: Path) -> None:
    with pytest.raises(SenticliError, match="onto itself"):
        load(tiny_model).save(tiny_model, force=True)


def test_pickled_model_is_loaded_from_its_folder(tiny_model: Path) -> None:
    model = load(tiny_model, threads=1)
    content = pickle.dumps(model)
    assert len(content) < 500
    assert pickle.loads(content).predict(["good film"]) == model.predict(["good film"])


def test_model_explains_the_likeliest_label(model: Model) -> None:
    assert model.explain("awful film") == model.explain("awful film", "negative")


def test_label_that_the_model_lacks_is_not_explained(model: Model) -> None:
    with pytest.raises(ValueError, match=", ".join(model.labels)):
        model.explain("awful film", "mixed")


def test_only_a_string_is_explained(model: Model) -> None:
    with pytest.raises(TypeError, match="not list"):
        model.explain(["awful film"])  # type: ignore[arg-type]


def test_unknown_tokens_are_counted(model: Model) -> None:
    (result,) = model.predict(["great xqzzt film qqqyx"])
    assert (result.n_tokens, result.n_unknown) == (4, 2)


def test_a_line_of_ten_megabytes_is_read_by_its_ends(model: Model) -> None:
    dull = "the film " * 1_100_000
    texts = [f"great {dull} wonderful film", "=" * 10_000_000, "good,bad-" * 1_100_000]
    results = model.predict(texts)
    assert all(result.truncated and result.error is None for result in results)
    assert all(0 < result.n_tokens <= MAX_CHARACTERS for result in results)


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_any_text_gets_an_answer(model: Model, texts: list[str]) -> None:
    results = list(model.stream(texts))
    assert [result.text for result in results] == texts
    for result in results:
        assert result.error or sum(result.scores) == pytest.approx(1)


@pytest.mark.parametrize("threshold", [2, -0.1, float("nan")])
def test_threshold_is_a_probability(model: Model, threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        model.predict(["good"], threshold=threshold)


@pytest.mark.parametrize("options", [{"window": 0}, {"skip": -1}])
def test_stream_is_refused_before_it_is_read(model: Model, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        model.stream(["good"], **options)


def test_short_last_window_is_not_skipped_with_the_one_before(tiny_model: Path) -> None:
    texts = [f"good film {'bad ' * (number % 7)}" for number in range(32 + 64 + 128 + 5)]
    model = Model(Bundle.open(tiny_model), threads=2)
    whole = model.predict(texts)
    for skip in (100, 200, 223, 224, 226):
        assert list(model.stream(texts, skip=skip)) == whole[skip:]


def test_polarity_is_the_difference_of_two_probabilities(tiny_model: Path) -> None:
    model = load(tiny_model, threads=1)
    good, blank = model.predict(["good film", ""])
    assert good.polarity == pytest.approx(good.scores[2] - good.scores[0])
    assert blank.polarity is None


def test_model_of_other_labels_has_no_polarity(tiny_model: Path) -> None:
    bundle = Bundle.open(tiny_model)
    renamed = replace(bundle, config=replace(bundle.config, labels=("bad", "good", "so-so")))
    assert Model(renamed, threads=1).predict("good film").polarity is None
