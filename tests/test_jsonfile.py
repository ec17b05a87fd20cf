"""JSON that others may have written."""

import pytest

from senticli.jsonfile import DEEPEST, parse


def nested(depth: int) -> str:
    return '{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


def test_parse_gives_the_object() -> None:
    assert parse(b'{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}
    assert parse(nested(DEEPEST))


@pytest.mark.parametrize("content", ["", "{", "[]", "1", b"\xff", '{"a": 1} 2'])
def test_parse_refuses_what_is_no_object(content: str) -> None:
    with pytest.raises(ValueError):
        parse(content)


@pytest.mark.parametrize("depth", [DEEPEST + 1, 900, 100_000])
def test_parse_refuses_deep_nesting(depth: int) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse(nested(depth))
