"""Lines and tables, tidy and untidy."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senticli.errors import SenticliError
from senticli.io.layout import Layout
from senticli.io.readers import Record, read_records, without_nul


def read(content: bytes, format: str, text_column: str | None = None) -> list[Record]:
    return list(read_records(io.BytesIO(content), format, "input", Layout(text_column=text_column)))


def test_lines_keep_every_text_in_order() -> None:
    raw = [b"one\n", b"\n", b"two\r\n", "a\u2028b\x85\x0c\n".encode(), b"nul\0\n", b"end"]
    records = read(b"".join(raw), "lines")
    assert [r.text for r in records] == ["one", "", "two", "a\u2028b\x85\x0c", "nul\0", "end"]
    assert [r.raw for r in records] == raw
    assert [r.number for r in records] == [1, 2, 3, 4, 5, 6]
    assert not any(r.replaced or r.error for r in records)


def test_bytes_that_are_not_utf8_are_replaced_and_told() -> None:
    records = read(b"fine\ncaf\xe9\n\xff\xfe\n", "lines")
    assert [r.text for r in records] == ["fine", "caf\ufffd", "\ufffd\ufffd"]
    assert [r.replaced for r in records] == [False, True, True]


def test_rows_of_a_table_that_are_no_rows() -> None:
    rows = [
        b'1,"two\nlines, one row",x\r\n',
        b"2,short\n",
        b"3,too,long,by,two\n",
        b"\n",
        b'4,"bad"quote,x\n',
        b"5,\xff\0,x\n",
        b"6,,x\n",
        b'7,"never closed\n',
    ]
    records = read(b"\xef\xbb\xbfid,text,c\n" + b"".join(rows), "csv")
    assert [r.raw for r in records] == rows
    assert [r.number for r in records] == [2, 4, 5, 6, 7, 8, 9, 10]
    assert [r.text for r in records] == [
        *("two\nlines, one row", "", "", "", "", without_nul("\ufffd\0"), "", "")
    ]
    assert [r.error for r in records[:4]] == [
        *(None, "2 fields in place of 3", "5 fields in place of 3", "a blank line")
    ]
    assert "quotes are wrong" in (records[4].error or "")
    assert records[5].replaced
    assert records[6].error is None
    assert "quotes are wrong" in (records[7].error or "")


def test_a_quote_that_is_never_closed_spoils_one_row() -> None:
    rows = [b"1,good\n", b'2,"never closed\n', b"3,bad\n", b'4,"two\nlines"\n', b"5,end\n"]
    records = read(b"id,text\n" + b"".join(rows), "csv")
    assert b"".join(r.raw for r in records) == b"".join(rows)
    assert [r.number for r in records][:3] == [2, 3, 4]
    assert [r.text for r in records if not r.error] == ["good", "bad", "two\nlines", "end"]


def test_the_field_of_the_text_is_not_guessed_from_a_number() -> None:
    with pytest.raises(SenticliError, match="no text column"):
        read(b'{"id": 1}\n{"id": 2, "text": "great"}\n', "jsonl")
    empty, great = read(b'{}\n{"id": 2, "text": "great"}\n', "jsonl")
    assert (empty.error, great.text) == ("no field for the text", "great")
    (only,) = read(b'{"anything": "great"}', "jsonl")
    assert only.text == "great"


def test_a_byte_order_mark_is_no_text() -> None:
    assert [r.text for r in read(b"\xef\xbb\xbfone\ntwo", "lines")] == ["one", "two"]
    with pytest.raises(SenticliError, match="UTF-16"):
        read("one\ntwo".encode("utf-16"), "lines")


def test_objects_that_are_no_objects() -> None:
    lines = [
        b'{"a": {"b": ["x", "deep"]}, "text": "t"}\n',
        b"\n",
        b"{torn\n",
        b"3\n",
        b'{"a": {"b": null}}\n',
        b'{"a": {"b": ["x", null]}}\n',
        b'{"a": {"b": ["x", ["y"]]}}\n',
        b'{"a": {"b": ["x", "\\ud83d"]}}\n',
        b"[" * 100_000 + b"\n",
        b'{"a": {"b": ["x", 5]}}',
    ]
    records = read(b"".join(lines), "jsonl", "a.b.1")
    assert [r.raw for r in records] == lines
    assert [r.text for r in records] == ["deep", "", "", "", "", "", "", "\ud83d", "", "5"]
    errors = [r.error or "" for r in records]
    assert errors[0] == errors[7] == errors[9] == ""
    for error, part in zip(
        [*errors[1:7], errors[8]],
        ["blank", "not JSON", "not a JSON object", "no field", "is null", "not a text", "not JSON"],
        strict=True,
    ):
        assert part in error


def test_a_field_whose_name_has_a_dot_comes_before_a_field_in_a_field() -> None:
    (record,) = read(b'{"a.b": "this", "a": {"b": "that"}}', "jsonl", "a.b")
    assert record.text == "this"


@pytest.mark.parametrize(
    ("content", "format", "column", "message"),
    [
        (b"a,b\n1,2\n", "csv", None, "no text column"),
        (b"a,b\n1,2\n", "csv", "c", "no column c"),
        (b"\n1,2\n", "csv", None, "no header"),
        ("text\nä\n".encode("utf-16"), "csv", None, "UTF-16"),
        (b'[{"body": "a"', "jsonl", None, "not JSON"),
        (b'{"x": "a"}\n', "jsonl", None, "no text column"),
        (b"text\n", "lines", "text", "plain lines"),
    ],
)
def test_an_input_that_is_none(
    content: bytes, format: str, column: str | None, message: str
) -> None:
    if column is None and b"x" in content:
        content += b'{"y": 1, "z": 2}\n'
        content = content.replace(b'{"x": "a"}', b'{"x": "a", "w": 1}')
    with pytest.raises(SenticliError, match=message) as caught:
        read(content, format, column)
    assert caught.value.hint


CELLS = st.text(st.characters(exclude_characters="\0"), max_size=6)  # csv of 3.10 writes no NUL


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=20))
def test_any_table_is_read_as_it_was_written(rows: list[list[str]]) -> None:
    rows = [[cell.replace("\r", "") for cell in row] for row in rows]
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([["id", "text"], *rows])
    content = buffer.getvalue().encode(errors="replace")
    records = read(content, "csv")
    assert [r.text for r in records] == [row[1].encode(errors="replace").decode() for row in rows]
    assert b"id,text\n" + b"".join(r.raw for r in records) == content
