"""Lines and tables, tidy and untidy."""

from pathlib import Path

import pytest

from senticli.errors import SenticliError
from senticli.text.readers import Lines, read_table


def test_lines_keep_every_text_in_order() -> None:
    lines = Lines(
        [b"one\n", b"\n", b"two\r\n", b"a\x85b\xe2\x80\xa8c\n".replace(b"\x85", b""), b"end"]
    )
    assert list(lines) == ["one", "", "two", "ab\u2028c", "end"]
    assert lines.replaced == 0


def test_bytes_that_are_not_utf8_are_replaced_and_counted() -> None:
    lines = Lines([b"fine\n", b"caf\xe9\n", b"\xff\xfe\n"])
    assert list(lines) == ["fine", "caf\ufffd", "\ufffd\ufffd"]
    assert (lines.replaced, lines.first_replaced) == (2, 2)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", 'text,label\n"great, really",pos\nbad,neg\n'),
        ("t.tsv", "id\tsentence\tlabel\n1\tgreat, really\tpos\n2\tbad\tneg\n"),
        (
            "t.jsonl",
            '{"review": "great, really", "sentiment": "pos"}\n'
            '{"review": "bad", "sentiment": "neg"}\n',
        ),
        ("t.CSV", '\ufefftext,label\r\n"great, really",pos\r\nbad,neg\r\n'),
    ],
)
def test_tables(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(content.encode())
    assert list(read_table(tmp_path / name, None, None)) == [
        ("great, really", "pos"),
        ("bad", "neg"),
    ]


def test_parquet_and_numeric_labels(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"text": ["good", "bad"], "label": [1, 0]})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert list(read_table(tmp_path / "t.parquet", None, None)) == [("good", "1"), ("bad", "0")]


def test_untidy_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"text": "a \\ud800", "label": " pos "}\n\n{"text": "b", "label": 5.0}\n'
    )
    assert list(read_table(path, None, None)) == [("a ?", "pos"), ("b", "5")]


def test_named_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,body,stars\nno,yes,5\n")
    assert list(read_table(tmp_path / "t.csv", "body", "stars")) == [("yes", "5")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"a,b\n1,2\n", "no column text or sentence"),
        ("t.csv", b"text,x\n1,2\n", "no column label"),
        ("t.csv", b"text,label\ngood\n", "row 1 has no label"),
        ("t.csv", b"text,label\ngood,\n", "row 1 has no label"),
        ("t.csv", b"text,label\ngood, ,\n", "row 1 has more fields"),
        ("t.csv", b"text,label\ngood, really,pos\n", "row 1 has more fields"),
        ("t.tsv", b'text\tlabel\n"oops\tpos\nfine\tneg\n', "mend the quotes|unexpected end"),
        ("t.jsonl", b'{"text": ["a"], "label": "b"}\n', "row 1 has no text"),
        ("t.jsonl", b'{"text": "a", "label": null}\n', "row 1 has no label"),
        ("t.csv", b"text,label\n\xff,1\n", "not UTF-8"),
        ("t.jsonl", b'{"text": "a", "label": "b"}\nnot json\n', "line 2 is not a JSON object"),
        ("t.jsonl", b"[1]\n", "line 1 is not a JSON object"),
        ("t.parquet", b"no parquet", "not a Parquet file"),
        ("t.xlsx", b"", "not known from its name"),
    ],
)
def test_what_cannot_be_read_says_why(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SenticliError, match=message) as caught:
        list(read_table(tmp_path / name, None, None))
    assert str(tmp_path / name) in caught.value.message
    assert caught.value.hint


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SenticliError, match="no such file"):
        list(read_table(tmp_path / "t.csv", None, None))
