"""The evaluation of a model on data."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from senticli import Model, SenticliError, evaluate, load, paths
from senticli.bundle import Bundle
from senticli.download import installed
from senticli.errors import UsageError
from senticli.evaluation.examples import _compare_with_training
from senticli.events import Finding, Message, Progress


def recorded(data: dict[str, str]) -> Bundle:
    """The bundled model, as if it had been trained on ``data``."""
    bundle = Bundle.open(paths.BUNDLED_MODEL)
    origin = {**bundle.config.provenance, "sha256": {"data": data}}
    return replace(bundle, config=replace(bundle.config, provenance=origin))


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        ({"imdb/train": "1"}, []),
        (
            {"imdb/train": "other"},
            [Message("warning", "imdb has changed since the model was trained on it")],
        ),
        (
            {"imdb/train.jsonl": "1"},
            [Message("note", "the model does not record what imdb was when it was trained on it")],
        ),
    ],
)
def test_data_set_that_changed_since_training_is_reported(
    monkeypatch: pytest.MonkeyPatch, data: dict[str, str], messages: list[Message]
) -> None:
    now = {"train": "1", "test": "2"}
    monkeypatch.setattr(installed, "provenance", lambda _: {"hashes": now})
    found = _compare_with_training(recorded(data), ["imdb"], {"imdb/test": "2"})
    assert list(found) == messages


def test_file_that_changed_since_training_is_reported() -> None:
    bundle = recorded({"mine.csv": "1"})
    [message] = _compare_with_training(bundle, ["mine.csv"], {"mine.csv": "2"})
    assert message.text.startswith("mine.csv has changed")


@pytest.fixture(scope="module")
def model() -> Model:
    return load("bundled", threads=1)


def test_file_is_taken_whole(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("review,stars\ngreat film,positive\nterrible film,negative\n")
    report = evaluate(model, path, label_column="stars")
    assert (report.model, report.data) == ("bundled", str(path))
    assert (report.evaluation.examples, report.evaluation.accuracy) == (2, 1)


def test_values_are_mapped_to_the_labels_of_the_model(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("review,stars\ngreat film,5\nterrible film,1\nfilm,3\n")
    names = ("negative=1,2", "positive=4,5")
    report = evaluate(model, path, label_column="stars", label_map=names)
    assert (report.evaluation.examples, report.evaluation.accuracy) == (2, 1)
    assert report.findings == (
        Finding("rows left out: a label that is not mapped", 1, f"{path}, line 4: '3'"),
    )


@pytest.mark.parametrize(("split", "count"), [("train", 480), ("valid", 120), (None, 120)])
def test_split_of_a_data_set(tiny_model: Path, split: str | None, count: int) -> None:
    report = evaluate(tiny_model, "sample", split=split)
    assert report.evaluation.examples == count
    assert report.data == f"sample {split or 'test'}"


def test_data_of_the_model_itself_by_default(tiny_model: Path) -> None:
    assert evaluate(tiny_model).data == "sample test"


def test_settings_of_files_are_not_for_the_unlabelled_texts_of_the_training() -> None:
    bundle = Bundle.open(paths.BUNDLED_MODEL)
    train = {**bundle.config.provenance["train"], "vectors": "own", "unlabelled": ["more.csv"]}
    origin = {**bundle.config.provenance, "train": train}
    taught = Model(replace(bundle, config=replace(bundle.config, provenance=origin)))
    with pytest.raises(UsageError, match="`text_column` is for files"):
        evaluate(taught, "sample", text_column="body")


def test_texts_with_labels(model: Model) -> None:
    report = evaluate(model, ["great film", "bad"], ["positive", "positive"])
    assert report.evaluation.confusion == ((0, 0, 0), (0, 0, 0), (1, 0, 1))


def test_texts_with_soft_labels(model: Model) -> None:
    sure, soft = (
        {"positive": score, "neutral": 0.0, "negative": 1 - score} for score in (1.0, 0.75)
    )
    losses = [model.evaluate(["great film"], [label]).loss for label in ("positive", sure, soft)]
    assert losses[0] == losses[1] < losses[2]
    assert model.evaluate(["great film"], [{"positive": 1.0}]).loss == losses[0]


def test_hint_for_values_of_the_training_is_its_mapping(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = replace(model.bundle.training, label_map=("negative=1,2", "positive=4,5"))
    monkeypatch.setattr(type(model.bundle), "training", trained)
    with pytest.raises(SenticliError, match="'4' is not among the model's") as caught:
        model.evaluate(["great film"], ["4"])
    assert caught.value.hint == ("map it: `label_map=negative=1,2` `label_map=positive=4,5`")


def test_model_evaluates_itself(model: Model) -> None:
    texts = ["great film", "bad"], ["positive", "positive"]
    assert model.evaluate(*texts) == evaluate(model, *texts).evaluation


@pytest.mark.parametrize(
    ("texts", "labels", "settings", "error"),
    [
        (["great film"], ["positive", "negative"], {}, ValueError),
        ([], [], {}, ValueError),
        (["great film"], [1], {}, TypeError),
        (["great film"], [""], {}, ValueError),
        (["great film"], [{"positive": 0.5}], {}, ValueError),
        (["great film"], [{"positive": math.nan}], {}, ValueError),
        (["great film"], [{"5 stars": 1.0}], {}, SenticliError),
        ([None], ["positive"], {}, TypeError),
        ("great film", ["positive"], {}, TypeError),
        (None, ["positive"], {}, TypeError),
        (["great film"], ["positive"], {"split": "test"}, TypeError),
        (["great film"], ["positive"], {"label_column": "stars"}, TypeError),
        (["great film"], ["positive"], {"slice_column": "shop"}, TypeError),
        (["great film"], None, {}, SenticliError),
        ([], None, {}, SenticliError),
        ("sample", None, {"split": "tset"}, ValueError),
        ("sample", None, {"nosuch": 1}, TypeError),
        (["great film"], ["5 stars"], {}, SenticliError),
    ],
)
def test_wrong_arguments_are_refused(
    model: Model, texts: Any, labels: Any, settings: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        evaluate(model, texts, labels, **settings)


def test_findings_are_in_the_report_and_reported(model: Model, tmp_path: Path) -> None:
    path, events = tmp_path / "mine.csv", list[object]()
    path.write_text("text,label\ngreat film,positive\nterrible film,\n")
    report = evaluate(model, path, on_event=events.append)
    finding = Finding("rows left out: no label", 1, f"{path}, line 3")
    assert report.findings == (finding,)
    assert events[0] == finding


def test_findings_that_explain_an_error_are_reported(model: Model, tmp_path: Path) -> None:
    path, events = tmp_path / "mine.csv", list[object]()
    path.write_text("text,label\nterrible film,\n")
    with pytest.raises(SenticliError, match="no examples"):
        evaluate(model, path, on_event=events.append)
    assert events == [Finding("rows left out: no label", 1, f"{path}, line 2")]


def test_progress_ends_with_all_examples(tiny_model: Path) -> None:
    events: list[object] = []
    evaluate(tiny_model, "sample", split="train", on_event=events.append)
    assert [(e.done, e.total) for e in events if isinstance(e, Progress)] == [
        (256, 480),
        (480, 480),
    ]


def test_scores_of_a_label_that_the_model_lacks_are_refused(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "soft.jsonl"
    path.write_text('{"text": "a film", "scores": {"positive": 0.75, "mixed": 0.25}}\n')
    with pytest.raises(SenticliError, match="the label 'mixed' is not among the model's"):
        evaluate(model, path)


def test_answers_are_among_the_labels_of_each_source(tiny_model: Path, tmp_path: Path) -> None:
    two, three = tmp_path / "two.csv", tmp_path / "three.csv"
    two.write_text("text,label\nopens at nine,positive\nat noon,negative\n")
    three.write_text("text,label\ngood,positive\nbad,negative\nopens at nine,neutral\n")
    model, events = load(tiny_model, threads=1), list[object]()
    report = evaluate(model, [two, three], on_event=events.append)
    assert report.restricted == {str(two): ("negative", "positive")}
    note = Message(
        "note", f"no example of {two} is neutral: the answers are among negative, positive"
    )
    assert note in events
    assert note in report.messages
    rows = model.predict_proba(["opens at nine", "at noon", "good", "bad", "opens at nine"])
    rows[:2, 1] = 0
    truth = np.array([2, 0, 2, 0, 1])
    assert report.evaluation.accuracy == (rows.argmax(axis=1) == truth).mean()
    of_truth = rows[range(5), truth] / rows.sum(axis=1)
    assert report.evaluation.loss == pytest.approx(-np.log(of_truth).mean())
    alone = evaluate(model, two).evaluation
    assert [score.label for score in alone.labels] == ["negative", "positive"]
    assert len(alone.confusion) == 2


def test_source_with_one_label_is_asked_for_those_of_all_sources(tiny_model: Path) -> None:
    report = evaluate(tiny_model, ["good", "great"], ["positive", "positive"])
    assert report.restricted == {}
    assert len(report.evaluation.labels) == 3
    assert report.messages == (Message("warning", "every example of texts is positive"),)


@pytest.mark.parametrize(
    ("labels", "named", "hint"),
    [
        (
            ["mixed", "odd", "positive"],
            "the labels 'mixed', 'odd' are not among the model's: negative,",
            "leave them out: `label_map=positive=positive`; or use a model trained on such data",
        ),
        (
            ["Positive", "NEGATIVE", "neutral"],
            "the labels 'NEGATIVE', 'Positive' are not among",
            "map them: `label_map=negative=NEGATIVE` `label_map=positive=Positive` "
            "`label_map=neutral=neutral`",
        ),
        (list("1234567"), "the labels '1', '2', '3', '4', '5' and 2 more are not", "map them: "),
    ],
)
def test_labels_that_the_model_lacks_are_named(
    model: Model, labels: list[str], named: str, hint: str
) -> None:
    with pytest.raises(SenticliError) as caught:
        model.evaluate(["a film"] * len(labels), labels)
    assert named in caught.value.message
    assert caught.value.hint.startswith(hint)


def test_labels_of_a_data_set_are_not_to_be_mapped(tiny_model: Path) -> None:
    bundle = Bundle.open(tiny_model)
    other = Model(replace(bundle, config=replace(bundle.config, labels=("bad", "good", "so-so"))))
    with pytest.raises(SenticliError, match="'negative', 'neutral', 'positive' are not") as caught:
        other.evaluate("sample")
    assert caught.value.hint == "use a model trained on such data"
