"""Text from outside, as a page shows it."""

import pytest

from senticli.explain import TokenWeight
from senticli.report.text import GAP, LONGEST_TOKEN, Piece, excerpt, shorten, visible


def weights(text: str, heavy: dict[str, float]) -> list[TokenWeight]:
    """The words of a text as tokens, some of which weigh something."""
    tokens, start = [], 0
    for word in text.split():
        start = text.index(word, start)
        end = start + len(word)
        tokens.append(TokenWeight(word, start, end, heavy.get(word, 0.0), None))
        start = end
    return tokens


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a[U+202E]b"),
        ("a\x00\x1b[31m", "a[U+0000][U+001B][31m"),
        ("a\u200bb\ufeff", "a[U+200B]b[U+FEFF]"),
        ("\ud800", "[U+D800]"),
        ("two\n\tlines\u2028more", "two lines more"),
        ("👩\u200d🚀 می\u200cخواهم", "👩\u200d🚀 می\u200cخواهم"),
        ("<b>", "<b>"),
    ],
)
def test_invisible_characters_are_shown_by_number(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_long_text_is_cut() -> None:
    assert shorten("great<br />film  " * 10, 13) == f"great film g{GAP}"


def test_heavy_tokens_are_marked_for_and_against() -> None:
    text = "a great film, not bad"
    pieces = excerpt(text, weights(text, {"great": 1.0, "film,": 0.5, "bad": -0.3}))
    marked = [(piece.text, piece.mark) for piece in pieces if piece.mark]
    assert marked == [("great", "f3"), ("film,", "f2"), ("bad", "a1")]
    assert "".join(piece.text for piece in pieces) == text


def test_neighbours_of_one_weight_are_one_piece() -> None:
    text = "a great film"
    pieces = excerpt(text, weights(text, {"great": 1.0, "film": 0.9}))
    assert pieces[-1] == Piece("great film", "f3")


def test_long_text_is_shown_around_its_heaviest_tokens() -> None:
    text = " ".join(["dull"] * 500 + ["great"] + ["dull"] * 500 + ["awful"] + ["dull"] * 500)
    pieces = excerpt(text, weights(text, {"great": 1.0, "awful": -0.8}), length=150)
    assert [piece.text for piece in pieces if piece.mark] == ["great", "awful"]
    shown = "".join(piece.text for piece in pieces)
    assert len(shown) < 200
    assert shown.count(GAP) == 3


def test_what_is_outside_of_tokens_is_shown_and_line_breaks_are_not() -> None:
    text = "<b>great<br /><br />film</b>"
    tokens = [
        TokenWeight("great", 3, 8, 1.0, None),
        TokenWeight("film", 20, 24, 0.0, None),
    ]
    pieces = excerpt(text, tokens)
    assert "".join(piece.text for piece in pieces).split() == ["<b>great", "film</b>"]


def test_long_token_is_cut() -> None:
    text = "x" * 10_000
    [piece] = excerpt(text, weights(text, {text: 1.0}))
    assert len(piece.text) == LONGEST_TOKEN


def test_text_without_weights_is_cut() -> None:
    assert excerpt("no " * 500, [], length=9) == [Piece(f"no no no{GAP}")]
