"""Behavioural checks: the suites that are read, when a check fails, and what is counted."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from senticli import Model, SenticliError, check, load, paths
from senticli.evaluation.checks import Answer, Capability, Check, judge, read_checks
from senticli.events import Message, Progress
from senticli.measures import Figure, wilson

MFT = {"capability": "negation", "type": "mft", "text": "not good", "label": "negative"}
INV = {"capability": "names", "type": "inv", "text": "Ann called.", "variants": ["Li called."]}
DIR = {
    "capability": "intensity",
    "type": "dir",
    "text": "good",
    "variants": ["great"],
    "rises": "positive",
}


@pytest.fixture(scope="module")
def model() -> Model:
    return load("bundled", threads=1)


def written(path: Path, *rows: object) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


# --- reading


def test_each_line_is_a_check(tmp_path: Path) -> None:
    path = written(tmp_path / "suite.jsonl", MFT, "", {**INV, "tolerance": 0.1}, DIR)
    assert read_checks(path) == (
        Check("negation", "mft", "not good", "negative"),
        Check("names", "inv", "Ann called.", variants=["Li called."], tolerance=0.1),
        Check("intensity", "dir", "good", variants=["great"], rises="positive"),
    )


def without(row: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != field}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('{"capability": ', "not JSON"),
        ("[1]", "not a JSON object"),
        (without(MFT, "label"), "it has no label"),
        (without(without(MFT, "text"), "capability"), "it has no capability and no text"),
        (without(INV, "variants"), "it has no variants"),
        (without(DIR, "rises"), "it has no rises"),
        ({**MFT, "type": "mtf", "lable": 1}, "type is 'mtf', and must be mft, inv or dir"),
        ({**MFT, "type": ["mft"]}, "type is ['mft'], and must be mft, inv or dir"),
        ({**MFT, "capability": "not good"}, "capability is 'not good', and must be a name of"),
        ({**MFT, "capability": ""}, "capability is '', and must be a name of"),
        ({**MFT, "text": None}, "text is None, and must be a string"),
        ({**MFT, "label": 1}, "label is 1, and must be a label or null"),
        ({**MFT, "label": ""}, "label is '', and must be a label or null"),
        ({**MFT, "lable": "negative"}, "'lable' is not a field of type mft"),
        ({**MFT, "tolerance": 0.1}, "'tolerance' is not a field of type mft"),
        ({**MFT, "repeat": 0}, "repeat is 0, and must be a whole number from 1 to 100,000"),
        ({**MFT, "repeat": True}, "repeat is True, and must be a whole number"),
        ({**INV, "variants": []}, "variants is [], and must be a list of strings"),
        ({**INV, "variants": "Li called."}, "variants is 'Li called.', and must be a list"),
        ({**INV, "tolerance": 2}, "tolerance is 2, and must be a number from 0 to 1"),
        ('{"tolerance": NaN, ' + json.dumps(INV)[1:], "tolerance is nan, and must be a number"),
        ({**DIR, "rises": None}, "rises is None, and must be a label"),
        ({**DIR, "label": "positive"}, "'label' is not a field of type dir"),
        ({**MFT, "text": ["x" * 1000]}, "text is ['xxxxxxxxxxxx...xxxxxxxxxxxxx'], and must be"),
    ],
)
def test_a_bad_line_is_named_with_its_number_and_field(
    tmp_path: Path, row: object, problem: str
) -> None:
    path = written(tmp_path / "suite.jsonl", MFT, "", row)
    with pytest.raises(SenticliError) as caught:
        read_checks(path)
    assert caught.value.message.startswith(f"{path}, line 3: {problem}")
    assert "one check a line" in caught.value.hint


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "suite.jsonl"
    path.write_bytes(json.dumps(MFT).encode().replace(b"good", b"g\xfcd"))
    with pytest.raises(SenticliError, match="line 1: it is not UTF-8"):
        read_checks(path)


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_suite_without_checks_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "suite.jsonl"
    path.write_text(content)
    with pytest.raises(SenticliError, match="there are no checks"):
        check("bundled", path)


def test_a_missing_suite_is_named() -> None:
    with pytest.raises(SenticliError, match="cannot read nosuch"):
        read_checks("nosuch")


def test_a_check_made_in_python_is_held_to_the_same_rules() -> None:
    with pytest.raises(ValueError, match="variants is"):
        Check("names", "inv", "Ann called.")


# --- judging


def answer(positive: float) -> Answer:
    label = "positive" if positive > 0.5 else "negative"
    return Answer(label, {"negative": 1 - positive, "positive": positive})


NONE = Answer(None, {})


@pytest.mark.parametrize(
    ("one", "answers", "failed"),
    [
        (Check("c", "mft", "a", "positive"), [answer(0.9)], None),
        (Check("c", "mft", "a", "negative"), [answer(0.9)], 0),
        (Check("c", "mft", ""), [NONE], None),
        (Check("c", "mft", ""), [answer(0.9)], 0),
        (Check("c", "mft", "a", "positive"), [NONE], 0),
        (
            Check("c", "inv", "a", variants=["b", "c"]),
            [answer(0.9), answer(0.6), answer(0.7)],
            None,
        ),
        (Check("c", "inv", "a", variants=["b", "c"]), [answer(0.9), answer(0.6), answer(0.4)], 2),
        (Check("c", "inv", "a", variants=["b"], tolerance=0.1), [answer(0.9), answer(0.6)], 1),
        (Check("c", "inv", "a", variants=["b"]), [answer(0.9), NONE], 1),
        (Check("c", "inv", "a", variants=["b"]), [NONE, NONE], None),
        (
            Check("c", "dir", "a", variants=["b"], rises="negative"),
            [answer(0.9), answer(0.8)],
            None,
        ),
        (Check("c", "dir", "a", variants=["b"], rises="negative"), [answer(0.9), answer(0.9)], 1),
        (Check("c", "dir", "a", variants=["b"], rises="positive"), [answer(0.9), NONE], 1),
    ],
)
def test_a_check_fails_where_the_answers_are_not_what_it_asks(
    one: Check, answers: list[Answer], failed: int | None
) -> None:
    [outcome] = judge([one], answers)
    assert outcome.failed == failed


def test_a_score_close_to_one_need_not_rise() -> None:
    one = Check("c", "dir", "a", variants=["b", "c"], rises="positive")
    [outcome] = judge([one], [answer(0.99), answer(0.97), answer(0.9)])
    assert outcome.failed == 2


def test_rates_have_wilson_intervals() -> None:
    checks = [Check("c", "mft", "a", "positive"), Check("c", "inv", "a", variants=["b"])]
    outcomes = tuple(judge(checks, [answer(0.1), answer(0.9), answer(0.8)]))
    part = Capability("c", outcomes)
    assert part.types == ("mft", "inv")
    assert part.failures == outcomes[:1]
    assert part.failure_rate == part.pass_rate == Figure(0.5, wilson(1, 2))


# --- a model


def test_capabilities_come_with_figures_by_dotted_names(model: Model, tmp_path: Path) -> None:
    path = written(
        tmp_path / "suite.jsonl",
        {**MFT, "text": "great film", "label": "positive"},
        {**MFT, "capability": "neutral", "text": "terrible film", "label": "neutral"},
        {**MFT, "text": "terrible film", "label": "negative"},
    )
    report = check(model, path)
    assert (report.model, report.suite, report.left_out) == ("bundled", str(path), 0)
    assert [(part.name, len(part.outcomes)) for part in report.capabilities] == [
        ("negation", 2),
        ("neutral", 1),
    ]
    assert report.figures == {
        "checks": Figure(2 / 3, wilson(2, 3)),
        "checks.negation": Figure(1.0, wilson(2, 2)),
        "checks.neutral": Figure(0.0, wilson(0, 1)),
    }


def test_answers_are_those_of_predict(model: Model) -> None:
    report = check(model, [Check("c", "inv", "great film", variants=["", "what a mess"])])
    [outcome] = report.all.outcomes
    expected = model.predict(["great film", "", "what a mess"])
    assert [one.label for one in outcome.answers] == [one.label or None for one in expected]
    assert tuple(outcome.answers[0].scores.values()) == expected[0].scores
    assert outcome.answers[1].scores == {}


def test_a_text_is_repeated_with_its_variants(model: Model) -> None:
    one = Check("c", "inv", "good", variants=["great", ""], repeat=3)
    assert one.texts == ("good good good", "great great great", "  ")


def test_checks_of_labels_that_the_model_lacks_are_left_out(model: Model, tmp_path: Path) -> None:
    path = written(
        tmp_path / "suite.jsonl",
        {**MFT, "label": "angry"},
        {**DIR, "rises": "happy"},
        {**INV, "label": "calm"},
        INV,
        {**MFT, "text": "", "label": None},
    )
    events: list[object] = []
    report = check(model, path, on_event=events.append)
    assert (report.left_out, len(report.all.outcomes)) == (3, 2)
    text = (
        f"{path}: 3 of 5 checks are left out, which are of labels that the model lacks: "
        "angry, calm, happy"
    )
    assert report.messages == (Message("note", text),)
    assert events == [*report.messages, Progress(f"checking {path}", 3, 3, "texts")]


def test_a_suite_of_other_labels_is_an_error(model: Model, tmp_path: Path) -> None:
    path = written(tmp_path / "suite.jsonl", {**MFT, "label": "angry"})
    with pytest.raises(SenticliError, match="labels that the model lacks: angry") as caught:
        check(model, path)
    assert "negative, neutral, positive" in caught.value.hint


def test_a_model_is_loaded_by_its_name() -> None:
    assert check("bundled", [Check("c", "mft", "")]).figures["checks"].value == 1


# --- the bundled suite


def test_bundled_checks_have_the_labels_of_the_bundled_model(model: Model) -> None:
    assert {label for one in read_checks("bundled") for label in one.labels} == {*model.labels}


def test_bundled_suite_covers_what_is_asked_of_a_model() -> None:
    counts = Counter(one.capability for one in read_checks("bundled"))
    asked = {
        *("negation", "negated_negative", "contrast", "change_over_time", "neutral_fact"),
        *("question", "reported_opinion", "intensity", "emoji", "capitals", "elongation"),
        *("typo", "names", "empty_input", "long_input"),
    }
    assert asked <= counts.keys()
    assert min(counts.values()) >= 10


def test_no_check_is_there_twice() -> None:
    checks = [one for one in read_checks("bundled") if one.label]
    same = Counter(" ".join(one.text.casefold().split()) for one in checks)
    assert [text for text, times in same.items() if times > 1] == []


def test_bundled_texts_are_tidy() -> None:
    for one in read_checks("bundled"):
        assert one.capability == "empty_input" or one.text == one.text.strip() != "", one
        assert one.text not in one.variants, one
        assert all(text == text.strip() != "" for text in one.variants), one


def test_checks_of_a_capability_are_of_one_type_and_stand_together() -> None:
    kinds = [(one.capability, one.type) for one in read_checks("bundled")]
    runs = [kind for kind, before in zip(kinds, [None, *kinds], strict=False) if kind != before]
    assert len(runs) == len({capability for capability, _ in runs})


def test_invisible_characters_of_the_bundled_checks_are_escaped() -> None:
    text = paths.BUNDLED_CHECKS.read_text(encoding="utf-8")
    joiners = {"\u200d", "\ufe0f"}  # within an emoji
    assert {c for c in text if not c.isprintable()} <= {"\n", *joiners}


def test_bundled_model_has_no_answer_for_empty_input(model: Model) -> None:
    empty = [one for one in read_checks("bundled") if one.capability == "empty_input"]
    assert check(model, empty).figures["checks.empty_input"].value == 1
