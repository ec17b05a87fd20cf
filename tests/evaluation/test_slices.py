"""Slices of an evaluation: by length, unknown tokens, and the values of a column."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from senticli.data.labelled import Example
from senticli.evaluation.run import Answers
from senticli.evaluation.slices import NAMED, Slice, by_column, by_length, by_unknown
from senticli.measures import wilson


def answers(n_tokens: list[int], n_unknown: list[int], right: list[bool]) -> Answers:
    probabilities = np.array([[0.9, 0.1]] * len(right))
    truth = np.where(right, 0, 1)
    return Answers(("a", "b"), probabilities, truth, np.array(n_tokens), np.array(n_unknown))


def report(values: list[str], right: list[bool] | None = None) -> Any:
    """What by_column needs of a report, of examples with a column ``shop``."""
    right = right or [True] * len(values)
    examples = [Example("text", "a", slices={"shop": value}) for value in values]
    size = [1] * len(values)
    return SimpleNamespace(
        answers=answers(size, size, right), examples=SimpleNamespace(all=examples)
    )


def names(slices: list[Slice]) -> list[str]:
    return [one.name for one in slices]


def test_lengths_are_divided_into_parts_of_like_size() -> None:
    found = by_length(answers(list(range(1, 101)), [0] * 100, [True] * 50 + [False] * 50))
    assert names(found) == ["1 – 20", "21 – 40", "41 – 60", "61 – 80", "81 – 100"]
    assert [one.accuracy for one in found] == [1, 1, 0.5, 0, 0]
    assert found[2] == Slice("41 – 60", 20, 0.5, wilson(10, 20))


def test_texts_of_one_length_are_one_slice() -> None:
    assert names(by_length(answers([7] * 9, [0] * 9, [True] * 9))) == ["7"]


def test_shares_of_unknown_tokens() -> None:
    found = by_unknown(answers([100, 100, 100, 0], [0, 1, 100, 0], [True] * 4))
    assert [(one.name, one.examples) for one in found] == [
        ("none", 2),
        ("0% – 1%", 1),
        ("10% – 100%", 1),
    ]


def test_values_of_a_column_the_commonest_first() -> None:
    found = by_column(report(["b", "a", "a", ""], [True, True, False, True]), "shop")
    assert [(one.name, one.examples, one.accuracy) for one in found] == [
        ("a", 2, 0.5),
        ("b", 1, 1),
        ("(none)", 1, 1),
    ]


def test_rare_values_are_one_slice() -> None:
    values = [f"shop {number}" for number in range(NAMED + 5)] * 2
    found = by_column(report([*values, "rare"]), "shop")
    assert len(found) == NAMED + 1
    assert found[-1] == Slice("(6 others)", 11, 1, wilson(11, 11))


def test_few_numbers_are_in_order() -> None:
    assert names(by_column(report(["10", "9", "10", ""]), "shop")) == ["9", "10", "(none)"]


def test_many_numbers_are_ranges() -> None:
    values = [str(number / 2) for number in range(100)]
    found = by_column(report([*values, ""]), "shop")
    assert names(found)[0] == "0 – 9.5"
    assert names(found)[-1] == "(none)"
    assert sum(one.examples for one in found) == 101


def test_column_without_values_is_refused() -> None:
    without = report(["a"])
    without.examples.all = [replace(example, slices=None) for example in without.examples.all]
    with pytest.raises(ValueError, match="no values of a column 'shop'"):
        by_column(without, "shop")
