"""The one form of a label, and labels to be suspicious of."""

import pytest

from senticli.data.labels import (
    decimal_points,
    is_measurement,
    lists_among,
    loose,
    may_be_missing,
    parse_label_map,
    plain_label,
)


@pytest.mark.parametrize(
    ("plain", "written"),
    [
        ("4", ["4", "4.0", "4.00", "4.", " 4 ", "+4", "+4.0"]),
        ("-1", ["-1", "-1.0", "-1."]),
        ("0", ["0", "0.0", "-0.0", "+0", ".0"]),
        ("0.5", ["0.5", "0.50", ".5", "+.50"]),
        ("10", ["10", "10.0"]),
        ("01", ["01"]),
        ("true", ["true", "True", "TRUE"]),
        ("false", ["False", "false"]),
        ("1.2.3", ["1.2.3"]),
        ("4,0", ["4,0"]),
        ("5.0 stars", ["5.0 stars"]),
        ("+", ["+"]),
        (".", ["."]),
    ],
)
def test_numbers_and_booleans_have_one_form_each(plain: str, written: list[str]) -> None:
    assert {plain_label(label) for label in written} == {plain}


def test_label_has_nothing_invisible_around_it() -> None:
    around = ["\ufeff", "\u200b", "\u200e", "\u2060", "\xa0", "\0", "\x1a", "\r", " \ufeff\t"]
    for mark in around:
        assert plain_label(f"{mark}very good{mark}") == "very good"
        assert plain_label(mark) == ""


def test_flags_and_emoji_stay_whole() -> None:
    scotland = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
    for emoji in (scotland, "\u2764\ufe0f", "\U0001f468\u200d\U0001f469\u200d\U0001f467"):
        assert plain_label(f" {emoji}") == emoji


def test_decomposed_label_is_composed() -> None:
    assert plain_label("ne\u0301") == "n\xe9"


@pytest.mark.parametrize("value", [r"\N", "NULL", "null", "NaN", "nan", "<NA>", "#N/A", " nan "])
def test_missing_value_is_no_label(value: str) -> None:
    assert plain_label(value) == ""


def test_words_that_may_be_labels_are_no_missing_values() -> None:
    for label in ("None", "none", "NA", "N/A", "Null", "?", "0"):
        assert plain_label(label) == label
    assert [x for x in ("None", "none", "NA", "pos") if may_be_missing(x)] == ["None", "NA"]


def test_mark_of_fasttext_is_no_part_of_a_label() -> None:
    assert plain_label(" __label__pos ") == plain_label("__label__ pos") == "pos"
    assert plain_label("__label__nan") == plain_label("__label__") == ""
    assert plain_label("__label__a __label__b") == "a __label__b"


@pytest.mark.parametrize(
    ("labels", "points"),
    [
        ({"1,0", "1", "2,0"}, {"1,0": "1", "2,0": "2"}),
        ({"0,5", "1,50", "-1,00"}, {"0,5": "0.5", "1,50": "1.5", "-1,00": "-1"}),
        ({"1", "2"}, {}),
        ({"1,0", "1.5"}, {}),
        ({"1,0", "pos"}, {}),
        ({"3,10", "3,1", "27"}, {}),  # numbers of several labels
        ({"1,0", "0,1"}, {}),
        ({"1,000", "2,000", "1"}, {}),
    ],
)
def test_decimal_commas(labels: set[str], points: dict[str, str]) -> None:
    assert decimal_points(labels) == points


def test_measurements() -> None:
    for label in ("5", "0.25", "-1e-05", "0,11", "5%", "5 %", "$1,200.50", "12.50 €", "7/10"):
        assert is_measurement(label), label
    for label in ("", "5 stars", "pos", "1-2", "%", "v1.2", "user5"):
        assert not is_measurement(label), label


def test_spellings_of_one_label_are_alike() -> None:
    spellings = (
        "Very Good",
        "very  good",
        "verygood",
        '"very good"',
        "„very good“",
        "ve\u200bry good",
    )
    assert {loose(label) for label in spellings} == {"verygood"}


@pytest.mark.parametrize(
    ("labels", "lists"),
    [
        ({'["neg", "sad"]', "pos"}, ['["neg", "sad"]']),
        ({"pos,joy", "neg,sad"}, ["neg,sad", "pos,joy"]),
        ({"pos", "joy", "pos; joy"}, ["pos; joy"]),
        ({"27", "3", "10", "3,10"}, ["3,10"]),
        ({"Books, Music & Film", "Food"}, []),
        ({"pos", "neg"}, []),
        ({"a|b"}, []),
    ],
)
def test_labels_that_look_like_several(labels: set[str], lists: list[str]) -> None:
    assert lists_among(labels) == lists


def test_label_map_has_each_value_in_its_one_form() -> None:
    assert parse_label_map(["bad=1.0, 2", "good=TRUE", "bad=+3"]) == {
        "1": "bad",
        "2": "bad",
        "true": "good",
        "3": "bad",
    }
