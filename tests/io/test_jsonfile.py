"""JSON that others may have written."""

from collections.abc import Mapping
from typing import Literal

import pytest

from senticli.config import ModelConfig
from senticli.io.jsonfile import DEEPEST, INVALID, has_type, parse


def nested(depth: int) -> str:
    return '{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


def test_parse_gives_the_object() -> None:
    assert parse(b'{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}
    assert parse(nested(DEEPEST))


@pytest.mark.parametrize("content", ["", "{", "[]", "1", b"\xff", '{"a": 1} 2'])
def test_parse_refuses_what_is_no_object(content: str) -> None:
    with pytest.raises(INVALID):
        parse(content)


@pytest.mark.parametrize("depth", [DEEPEST + 1, 900, 100_000])
def test_parse_refuses_deep_nesting(depth: int) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse(nested(depth))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, int),
        (1, float),
        (None, str | None),
        ("a", Literal["a", "b"]),
        (("a", "b"), tuple[str, ...]),
        ([1.5, 2], list[float]),
        ({"a": "b"}, Mapping[str, str]),
        (ModelConfig(), ModelConfig | None),
    ],
)
def test_values_of_a_type(value: object, kind: object) -> None:
    assert has_type(value, kind)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, int),
        (True, float),
        (1.0, int),
        (float("nan"), float),
        (10**400, float),
        ("c", Literal["a", "b"]),
        (["a", 1], list[str]),
        ({"a": 1}, Mapping[str, str]),
        ({}, ModelConfig | None),
    ],
)
def test_values_of_another_type(value: object, kind: object) -> None:
    assert not has_type(value, kind)
