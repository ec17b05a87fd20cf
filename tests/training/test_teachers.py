"""Soft labels from teachers."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from senticli.bundle import Bundle
from senticli.config import TrainConfig
from senticli.data.labelled import Example
from senticli.data.splits import Part, Source, Split, TrainingData, load_training_data
from senticli.errors import ConfigError, SenticliError
from senticli.events import Finding, Message, Progress, ignore
from senticli.model import Model
from senticli.training import teachers
from senticli.training.events import Taught
from senticli.training.teachers import ModelAsTeacher, pooled, teach, teachers_of
from tests.conftest import LABELS, Run

TEXTS = ("a great film", "what a mess")


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    path = tmp_path / "more.txt"
    path.write_text("".join(f"{text}\n" for text in TEXTS))
    return path


def taught(
    model: Path, unlabelled: Path, weight: float = 0.5
) -> tuple[TrainingData, TrainingData, list[Any]]:
    """Return the sample before and after a teacher was asked, and the events."""
    events: list[Any] = []
    config = TrainConfig(data=("sample",), unlabelled=(str(unlabelled),), vectors="own")
    before = load_training_data(config)
    return (
        before,
        teach(before, [ModelAsTeacher(Bundle.open(model))], weight, events.append),
        events,
    )


def test_mean_of_log_odds() -> None:
    odds = np.array([[3.0], [1 / 7]]), np.array([[5.0], [2.0]])
    answers = [np.hstack([1 / (1 + o), o / (1 + o)]) for o in odds]
    mean = np.sqrt(odds[0] * odds[1])
    expected = np.hstack([1 / (1 + mean), mean / (1 + mean)])
    np.testing.assert_allclose(pooled(answers, [[0, 1], [0, 1]]), expected)


def test_teacher_says_nothing_of_a_label_it_lacks() -> None:
    whole, part = np.array([[0.2, 0.5, 0.3]]), np.array([[0.9, 0.1]])
    filled = np.array([[0.9 * 0.5, 0.5, 0.1 * 0.5]])
    mean = np.sqrt(whole * filled)
    np.testing.assert_allclose(pooled([part, whole], [[0, 2], [0, 1, 2]]), mean / mean.sum())


def test_unlabelled_texts_get_the_answer_alone(tiny_model: Path, unlabelled: Path) -> None:
    _, data, events = taught(tiny_model, unlabelled)
    found = [example for example in data.train.examples if example.text in TEXTS]
    expected = Model(Bundle.open(tiny_model)).predict_proba(TEXTS)
    for example, row in zip(found, expected, strict=True):
        assert example.scores == pytest.approx(dict(zip(LABELS, row, strict=True)), rel=1e-6)
    assert not data.unlabelled.parts
    [event] = [event for event in events if isinstance(event, Taught)]
    assert event.texts == len(data.train.examples)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_labelled_texts_get_a_mixture(tiny_model: Path, unlabelled: Path, weight: float) -> None:
    before, after, _ = taught(tiny_model, unlabelled, weight)
    texts = [example.text for example in before.train.examples]
    answers = Model(Bundle.open(tiny_model)).predict_proba(texts)
    for old, new, answer in zip(before.train.examples, after.train.examples, answers, strict=False):
        hard = np.array([old.label == label for label in LABELS])
        assert new.scores is not None
        np.testing.assert_allclose(
            list(new.scores.values()), (1 - weight) * hard + weight * answer, rtol=1e-6
        )


def test_licences_of_what_teachers_learned_from_are_passed_on(
    tiny_model: Path, unlabelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bundle, "licences", {"imdb": "none stated"})
    assert taught(tiny_model, unlabelled)[1].licences == {"imdb": "none stated"}


def test_validation_keeps_its_labels(tiny_model: Path, unlabelled: Path) -> None:
    before, after, _ = taught(tiny_model, unlabelled)
    assert after.valid.examples == before.valid.examples
    assert all(example.scores is None for example in after.valid.examples)


def test_answers_are_kept(
    tiny_model: Path, unlabelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first, events = taught(tiny_model, unlabelled)
    assert any(isinstance(event, Progress) for event in events)
    monkeypatch.setattr(teachers, "Model", None)
    _, second, events = taught(tiny_model, unlabelled, weight=0.5)
    assert second.train.examples == first.train.examples
    assert not any(isinstance(event, Progress) for event in events)


def test_few_answers_are_kept(
    tiny_model: Path, unlabelled: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teachers, "KEPT", 1)
    taught(tiny_model, unlabelled)
    assert len(list((home / "cache").glob("answers-*"))) == 1


Answers = Mapping[tuple[str, ...], Sequence[float]]


def asked(answers: Answers, labels: str, occurring: str = "") -> list[Example]:
    """Return a labelled text for each label, and one without, after teachers answered so.

    Only some of the student's ``labels`` may be ``occurring`` in these data.
    """

    def teacher(labels: tuple[str, ...]) -> Any:
        def answer(source: Source, on_event: Any) -> Any:
            return np.array([answers[labels]] * len(source.examples))

        return SimpleNamespace(name="", labels=labels, identity="", licences={}, answer=answer)

    def split(*examples: Example) -> Split:
        source = Source(str(len(examples)), list(examples), "")
        return Split([Part(source, range(len(examples)))], ["a"])

    texts = (Example(f"of {label}", label) for label in occurring or labels)
    train, none = split(*texts), split()
    data = TrainingData(train, none, tuple(labels), unlabelled=split(Example("without", "")))
    return teach(data, [*map(teacher, answers)], 0.5, lambda event: None).train.examples


def test_labels_that_the_student_lacks_are_left_out() -> None:
    *_, found = asked({("a", "b", "c"): (0.2, 0.2, 0.6)}, "ab")
    assert found.scores == pytest.approx({"a": 0.5, "b": 0.5})


def test_labels_that_no_teacher_knows_keep_to_the_data() -> None:
    a, _, c, found = asked({("a", "b"): (0.9, 0.1)}, "abc")
    assert a.scores == pytest.approx({"a": 0.95, "b": 0.05, "c": 0.0})
    assert c.scores == pytest.approx({"a": 0.0, "b": 0.0, "c": 1.0})
    assert found.scores == pytest.approx({"a": 0.9, "b": 0.1})


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({("a", "b"): (0.9, 0.1)}, {"a": 0.95, "b": 0.05}),
        ({("a", "b", "c"): (0.3, 0.1, 0.6)}, {"a": 0.875, "b": 0.125}),
    ],
)
def test_source_that_lacks_labels_still_says_nothing_about_them(
    answers: Answers, expected: dict[str, float]
) -> None:
    a, *_ = asked(answers, "abc", occurring="ab")
    assert a.scores == pytest.approx(expected)


@pytest.mark.parametrize("labels", [[("a", "d")], [("a", "b"), ("b", "c")], [("d", "e")]])
def test_labels_that_do_not_fit(labels: list[tuple[str, ...]]) -> None:
    with pytest.raises(ConfigError, match=r"teacher"):
        asked(dict.fromkeys(labels, (0.5, 0.5)), "abc")


def test_teacher_without_an_answer_agrees_with_the_others() -> None:
    first, second = np.array([[0.2, 0.8], [np.nan, np.nan]]), np.full((2, 2), np.nan)
    third = np.array([[0.5, 0.5], [np.nan, np.nan]])
    found = pooled([first, second, third], [[0, 1]] * 3)
    np.testing.assert_allclose(found, [[1 / 3, 2 / 3], [np.nan, np.nan]])


def test_bare_label_does_not_overrule_the_others() -> None:
    found = pooled([np.array([[1.0, 0.0]]), np.array([[0.0001, 0.9999]])], [[0, 1]] * 2)
    np.testing.assert_allclose(found, [[0.5, 0.5]], atol=1e-4)


def with_answers(path: Path, *rows: Mapping[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def taught_by_file(answers: Path, unlabelled: Path) -> tuple[TrainingData, list[Any]]:
    """Return the sample after a file was the teacher, and the events."""
    events: list[Any] = []
    config = TrainConfig(
        data=("sample",), unlabelled=(str(unlabelled),), vectors="own", teacher=(str(answers),)
    )
    data = teach(load_training_data(config), teachers_of(config), 0.5, events.append)
    return data, events


def test_table_of_answers_may_have_a_prefix(tmp_path: Path, unlabelled: Path) -> None:
    answers = tmp_path / "answers.csv"
    names = "label", "score", "score_negative", "score_positive"
    header = ",".join(["text", *(f"my_{name}" for name in names)])
    answers.write_text(f"{header}\n{TEXTS[0]},positive,0.8,0.2,0.8\n")
    data, _ = taught_by_file(answers, unlabelled)
    found = {example.text: example for example in data.train.examples}
    assert found[TEXTS[0]].scores == pytest.approx({"negative": 0.2, "positive": 0.8})


def test_file_of_answers_is_a_teacher(tmp_path: Path, unlabelled: Path) -> None:
    known, other = load_training_data(TrainConfig(data=("sample",))).train.examples[:2]
    answers = with_answers(
        tmp_path / "answers.jsonl",
        {"text": TEXTS[0], "scores": {"negative": 0.1, "positive": 0.9}},
        {"text": TEXTS[0], "scores": {"negative": 0.3, "positive": 0.7}},
        {"text": known.text, "label": "positive"},
        {"text": "broken", "scores": {"negative": 0.1, "positive": 0.1}},
    )
    data, events = taught_by_file(answers, unlabelled)
    found = {example.text: example for example in data.train.examples}
    assert found[TEXTS[0]].scores == pytest.approx({"negative": 0.2, "positive": 0.8})
    assert TEXTS[1] not in found
    assert [example.text for example in data.unlabelled.examples] == [TEXTS[1]]
    assert found[known.text].scores == pytest.approx(
        {
            label: 0.5 * answer + 0.5 * (known.label == label)
            for label, answer in zip(LABELS, (0.001, 0, 0.999), strict=True)
        },
        abs=1e-5,
    )
    assert found[other.text].scores == {label: float(label == other.label) for label in LABELS}
    [note] = (event.text for event in events if isinstance(event, Message))
    assert note == f"{answers} has answers for 2 of {len(found) + 1} texts"


def test_suspicious_answers_in_a_file_are_found(tmp_path: Path) -> None:
    answers = with_answers(
        tmp_path / "answers.jsonl",
        {"text": "torn", "scores": {"negative": 0.1, "positive": 0.9}},
        {"text": "torn ", "label": "negative"},
        {"text": "sure", "scores": {"negative": 0.1, "positive": 0.9}},
        {"text": "sure", "label": "positive"},
        {"text": "broken", "scores": {"negative": 0.1, "positive": 0.1}},
    )
    [teacher] = teachers_of(TrainConfig(teacher=(str(answers),)))
    assert teacher.findings == [
        Finding("answers left out: scores that do not add up to 1", 1, f"{answers}, line 5: '0.2'"),
        Finding("texts with two labels in answers.jsonl", 1, "'torn'"),
    ]


@pytest.mark.parametrize("option", [(), ("--dry-run",)])
def test_suspicious_answers_are_reported_once_and_fail_if_strict(
    senticli: Run, tmp_path: Path, option: tuple[str, ...]
) -> None:
    known = load_training_data(TrainConfig(data=("sample",))).train.examples[0]
    answers = with_answers(
        tmp_path / "answers.jsonl",
        {"text": known.text, "label": "positive"},
        {"text": "other", "label": "negative"},
        {"text": "broken"},
    )
    base = ("train", "--data", "sample", "--vectors", "none", "--hidden", "4", "--epochs", "1")
    done = senticli(*base, "--teacher", answers, "--strict", *option)
    assert (done.returncode, done.stderr.count("warning: answers left out: no label: 1")) == (1, 1)
    assert "error: --strict: " in done.stderr
    assert "loading torch" not in done.stderr


def test_shares_of_an_epoch_are_those_of_the_texts_with_an_answer(
    senticli: Run, tmp_path: Path, unlabelled: Path
) -> None:
    answers = with_answers(
        tmp_path / "answers.jsonl",
        {"text": TEXTS[0], "label": "positive"},
        *({"text": f"a {label} text", "label": label} for label in LABELS),
    )
    base = ("train", "--data", "sample", "--vectors", "none", "--hidden", "4", "--epochs", "1")
    done = senticli(*base, "--teacher", answers, "--unlabelled", unlabelled)
    assert done.returncode == 0, done.stderr
    assert "source      more.txt (unlabelled): 1 examples, 0.2% of an epoch\n" in done.stderr


def test_source_without_any_answer_stays_unlabelled(tmp_path: Path, unlabelled: Path) -> None:
    known = load_training_data(TrainConfig(data=("sample",))).train.examples[0]
    answers = with_answers(
        tmp_path / "answers.jsonl",
        {"text": known.text, "scores": {"negative": 0.1, "positive": 0.9}},
    )
    data, _ = taught_by_file(answers, unlabelled)
    assert data.train.names == ["sample"]
    assert [example.text for example in data.unlabelled.examples] == list(TEXTS)


def test_file_without_an_answer(tmp_path: Path, unlabelled: Path) -> None:
    answers = with_answers(
        tmp_path / "answers.jsonl",
        {"text": "other", "label": "negative"},
        {"text": "others", "label": "positive"},
    )
    with pytest.raises(ConfigError, match=r"has an answer for none of the 482 texts"):
        taught_by_file(answers, unlabelled)


def test_hint_for_a_file_without_labels_names_its_columns(tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    answers.write_text("text,answer\na great film,positive\n")
    with pytest.raises(SenticliError, match="no label column") as caught:
        teachers_of(TrainConfig(teacher=(str(answers),)))
    assert "label_column" not in caught.value.hint  # that of the data
    assert "score_LABEL" in caught.value.hint


def test_student_of_the_command_line(
    senticli: Run, home: Path, tiny_model: Path, unlabelled: Path
) -> None:
    base = ("train", "--data", "sample", "--vectors", "none", "--hidden", "4", "--epochs", "1")
    options = ("--teacher", tiny_model, "--unlabelled", unlabelled, "--name", "student")
    done = senticli(*base, *options)
    assert done.returncode == 0, done.stderr
    texts = 480 + 2
    assert re.search(rf"^teachers +{re.escape(str(tiny_model))}: {texts} texts", done.stderr, re.M)
    assert "source      more.txt (unlabelled): 2 examples, 0.4% of an epoch\n" in done.stderr
    counted = senticli(*base, *options, "--force", "--json").stdout.splitlines()
    event = next(row for row in map(json.loads, counted) if row["event"] == "teachers")
    assert (event["teachers"], event["texts"]) == ([str(tiny_model)], texts)
    origin = json.loads((home / "models" / "student" / "config.json").read_text())["provenance"]
    assert origin["train"]["teacher"] == [str(tiny_model)]
    [digest] = origin["sha256"]["teachers"]
    shown = senticli("models", "show", "student").stdout
    assert digest in shown
    assert f"teachers    {tiny_model}, weight 0.5\n" in shown
    again = senticli("models", "reproduce", "student").stdout
    assert f"--teacher {tiny_model}" in again
    same = senticli(*base, "--teacher", "student", "--name", "student", "--force")
    assert same.returncode == 2
    assert "student is a model that this one is to learn from" in same.stderr


def test_student_of_a_file(
    senticli: Run, home: Path, tmp_path: Path, unlabelled: Path, tiny_model: Path
) -> None:
    """What `predict --json` writes is a teacher, beside a model."""
    answers = tmp_path / "answers.jsonl"
    done = senticli("predict", "--model", tiny_model, "-i", unlabelled, "--json", "--scores")
    assert done.returncode == 0, done.stderr
    answers.write_text(done.stdout)
    base = ("train", "--data", "sample", "--vectors", "none", "--hidden", "4", "--epochs", "1")
    twice = ("--teacher", tiny_model) * 2
    options = ("--teacher", answers, *twice, "--unlabelled", unlabelled)
    done = senticli(*base, *options, "--name", "student")
    assert done.returncode == 0, done.stderr
    assert f"note: {answers} has answers for 2 of 482 texts" in done.stderr
    assert re.search(
        rf"^teachers +{re.escape(f'{answers}, {tiny_model} × 2')}: ", done.stderr, re.M
    )
    missing = senticli(*base, "--teacher", tmp_path / "none.jsonl")
    assert missing.returncode == 1
    assert "none.jsonl" in missing.stderr
    assert len(missing.stderr.splitlines()) <= 2


@pytest.mark.parametrize("format", ["csv", "tsv", "parquet"])
@pytest.mark.parametrize("more", [(), ("--top-k", "2")])
def test_scores_in_a_table_of_answers_are_found(
    senticli: Run, tmp_path: Path, tiny_model: Path, format: str, more: tuple[str, ...]
) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow")
    texts, answers = tmp_path / "texts.csv", tmp_path / f"answers.{format}"
    texts.write_text("id,body\n" + "".join(f"{n},{text}\n" for n, text in enumerate(TEXTS)))
    options = ("-m", tiny_model, "-i", texts, "--text-column", "body", "-o", answers, "--scores")
    done = senticli("predict", *options, *more)
    assert done.returncode == 0, done.stderr
    for column in ("body", "2"):
        [teacher] = teachers_of(TrainConfig(teacher=(str(answers),), text_column=column))
        assert teacher.labels == LABELS
        found = teacher.answer(Source("", [Example(text, "") for text in TEXTS], ""), ignore)
        expected = Model(Bundle.open(tiny_model)).predict_proba(TEXTS)
        np.testing.assert_allclose(found, expected, atol=2e-6)


def test_teacher_weight_needs_a_teacher(senticli: Run, home: Path) -> None:
    done = senticli("train", "--data", "sample", "--teacher-weight", "0.3")
    assert done.returncode == 2
    assert "--teacher NAME" in done.stderr
