"""Lines and tables, tidy and untidy."""

import csv
import io
import json
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senticli.errors import SenticliError
from senticli.io.layout import Layout
from senticli.io.readers import Record, read_records, without_nul


def texts(content: bytes, format: str, text_column: str | None = None) -> list[str]:
    return [record.text for record in read(content, format, text_column)]


def doubts(content: bytes, format: str = "csv") -> list[str]:
    return [record.doubt for record in read(content, format)]


def read(content: bytes, format: str, text_column: str | None = None) -> list[Record]:
    return list(read_records(io.BytesIO(content), format, "input", Layout(text_column=text_column)))


def test_lines_keep_every_text_in_order() -> None:
    raw = [b"one\n", b"\n", b"two\r\n", "a\u2028b\x85\x0c\n".encode(), b"nul\0\n", b"end"]
    records = read(b"".join(raw), "lines")
    assert [r.text for r in records] == ["one", "", "two", "a\u2028b\x85\x0c", "nul\0", "end"]
    assert [r.raw for r in records] == raw
    assert [r.number for r in records] == [1, 2, 3, 4, 5, 6]
    assert not any(r.replaced or r.error for r in records)


def test_bytes_that_are_not_utf8_are_replaced_and_reported() -> None:
    records = read(b"fine\ncaf\xe9\n\xff\xfe\n", "lines")
    assert [r.text for r in records] == ["fine", "caf\ufffd", "\ufffd\ufffd"]
    assert [r.replaced for r in records] == [False, True, True]


def test_rows_of_a_table_that_are_no_rows() -> None:
    rows = [
        b'1,"two\nlines, one row",x\r\n',
        b"2\n",
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
        *(None, "1 field in place of 3", "5 fields in place of 3", "a blank line")
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
        read(b'{"id": 1}\n{"id": 2}\n', "jsonl")
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
def test_input_without_the_column_is_refused(
    content: bytes, format: str, column: str | None, message: str
) -> None:
    if column is None and b"x" in content:
        content += b'{"y": 1, "z": 2}\n'
        content = content.replace(b'{"x": "a"}', b'{"x": "a", "w": 1}')
    with pytest.raises(SenticliError, match=message) as caught:
        read(content, format, column)
    assert caught.value.hint


# --- byte order marks

MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("format", "content"),
    [
        ("lines", MARK + b"one\n" + MARK + b"two\n" + MARK * 2 + b"three\n"),
        ("csv", MARK * 2 + b"text,n\none,1\n" + MARK + b'"two",2\n' + MARK * 2 + b"three,3\n"),
        ("tsv", MARK * 2 + b"text\tn\none\t1\n" + MARK + b"two\t2\n" + MARK * 2 + b"three\t3\n"),
        (
            "jsonl",
            b'{"text":"one"}\n' + MARK + b'{"text":"two"}\n' + MARK * 2 + b'{"text":"three"}',
        ),
        ("jsonl", MARK + b'[\n{"text":"one"}\n]\n' + MARK + b'[{"text":"two"},\n{"text":"three"}]'),
    ],
)
def test_byte_order_marks_of_joined_files_are_no_text(format: str, content: bytes) -> None:
    records = read(content, format)
    assert [record.text for record in records] == ["one", "two", "three"]
    if format != "jsonl":
        assert content.endswith(b"".join(record.raw for record in records))


def test_byte_order_mark_within_a_line_stays() -> None:
    assert texts(b"one " + MARK + b"two\n", "lines") == ["one \ufefftwo"]
    assert texts(b'text\n"a\n' + MARK + b'b"\n', "csv") == ["a\n\ufeffb"]


def test_byte_order_mark_before_a_sep_line_is_read_over() -> None:
    assert texts(MARK * 2 + b"sep=;\nid;text\n1;good\n", "csv") == ["good"]


# --- characters that end no line


def test_strings_of_an_array_keep_every_character() -> None:
    text = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg"
    content = json.dumps([{"text": text}, {"text": text}], ensure_ascii=False, indent=1)
    assert texts(content.encode(), "jsonl") == [text, text]
    raw = "[\r\n{'text':\r'a\u2028\x85'}]".replace("'", '"').encode()
    (record,) = read(raw, "jsonl")
    assert record.raw == '{"text": "a\u2028\x85"}\n'.encode()


# --- columns with the same name


def test_number_of_a_column_is_its_position() -> None:
    assert texts(b"text,text\na,b\n", "csv", "2") == ["b"]
    assert texts(b'{"x": "a", "y": "b"}\n{"y": "d", "x": "c"}\n', "jsonl", "2") == ["b", "d"]


@pytest.mark.parametrize("header", [b"text,n,text", b"Text,n,TEXT"])
@pytest.mark.parametrize("asked", [None, "text"])
def test_name_of_several_columns_asks_for_a_number(header: bytes, asked: str | None) -> None:
    with pytest.raises(SenticliError, match="more than one column") as caught:
        read(header + b"\na,b,c\n", "csv", asked)
    assert "1 and 3" in caught.value.message
    assert "`text_column=1`" in caught.value.hint


def test_parquet_columns_are_found_as_those_of_a_table() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    inner = [{"Body": "inner"}]
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table({"id": ["1"], "TEXT ": ["good"], "s": inner}), buffer)
    found = {
        asked: texts(buffer.getvalue(), "parquet", asked) for asked in (None, "text", "2", "S.Body")
    }
    assert list(found.values()) == [["good"], ["good"], ["good"], ["inner"]]
    twice = pyarrow.Table.from_arrays([pyarrow.array(["a"]), pyarrow.array(["b"])], ["x", "x"])
    buffer = io.BytesIO()
    parquet.write_table(twice, buffer)
    assert texts(buffer.getvalue(), "parquet", "2") == ["b"]


# --- rows unlike the header


def test_rows_without_their_last_cells_and_with_empty_ones_too_many_are_read() -> None:
    content = b"id,text,n,m\n1,one\n2,two,x\n3,three,x,y,,\n4,four,x,y\n"
    assert texts(content, "csv") == ["one", "two", "three", "four"]
    assert ["lack cells" in doubt for doubt in doubts(content)] == [True, True, False, False]


def test_rows_without_the_text_and_with_values_too_many_are_errors() -> None:
    records = read(b"id,n,text\n1,x\n2,x,good,,y\n3,x,good\n", "csv")
    assert [bool(record.error) for record in records] == [True, True, False]


def test_row_that_ends_within_a_quote_of_tsv_is_not_a_short_one() -> None:
    records = read(b'id\ttext\tn\n1\t"go\nod"\t2\n3\tbad\t4\n', "tsv")
    assert [bool(record.error) for record in records] == [True, True, False]
    assert "`quoting=csv`" in (records[1].error or "")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b'"text","n"\n"1","good",5\n', "R's write.table"),
        (b"Reviews of 2024\n\nid,text\n1,good\n", "is the first line a title"),
        (b"text\ngood, really\n", "another `delimiter`"),
    ],
)
def test_rows_longer_than_the_header_name_the_likely_cause(content: bytes, error: str) -> None:
    assert error in (read(content, "csv")[-1].error or "")


def test_cause_of_longer_rows_is_not_guessed_once_rows_fit() -> None:
    assert read(b"id,text\n1,good\n2,bad,x\n", "csv")[-1].error == "3 fields in place of 2"


def test_title_above_a_header_is_named() -> None:
    with pytest.raises(SenticliError, match="no text column") as caught:
        read(b"Reviews of 2024,,\n,,\nid,text,n\n1,good,5\n", "csv")
    assert "title" in caught.value.hint


# --- texts that are suspicious


def test_header_that_is_repeated_is_reported() -> None:
    found = doubts(b"text,n\na,1\ntext,n\ntext,2\n" + MARK + b'"text",n\n')
    assert ["header" in doubt for doubt in found] == [False, True, False, True]


@pytest.mark.parametrize("text", [r"\N", "NULL", "nan", "None"])
def test_cell_that_is_a_missing_value_is_reported(text: str) -> None:
    assert "missing" in doubts(f"text,n\n{text},1\n".encode())[0]
    assert doubts(f"text,n\n{text} or so,1\n".encode()) == [""]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_number_that_is_not_finite_is_no_text(value: str) -> None:
    record, other = read(f'{{"text": {value}}}\n{{"text": 1.5}}\n'.encode(), "jsonl")
    assert (record.text, record.error) == ("", "text is not a text")
    assert (other.text, other.error) == ("1.5", None)


@pytest.mark.parametrize("format", ["lines", "csv", "tsv", "jsonl"])
def test_utf16_after_other_lines_is_reported(format: str) -> None:
    first = b'{"text": "good"}\n' if format == "jsonl" else b"text\ngood\n"
    found = doubts(first + "bad film\r\n".encode("utf-16-le"), format)
    assert "UTF-16" not in found[0]
    assert "UTF-16" in found[-1]


@pytest.mark.parametrize("format", ["lines", "csv", "jsonl"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("blank", [1, 3])
def test_utf16_that_begins_with_blank_lines_is_refused(
    format: str, encoding: str, end: str, blank: int
) -> None:
    content = (end * blank + f"text{end}good film{end}").encode(encoding)
    with pytest.raises(SenticliError, match="UTF-16") as caught:
        read(content, format)
    assert f"`encoding={encoding}`" in caught.value.hint


def test_blank_lines_are_answered_before_more_is_read() -> None:
    class Pipe(io.BytesIO):
        lines_read = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            self.lines_read += 1
            return super().readline(size)

    pipe = Pipe(b"\n\ngood\n")
    records = read_records(pipe, "lines", "input")
    for count in (1, 2, 3):
        next(records.records)
        assert pipe.lines_read == count


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'}\n", "a NumPy array"),
        (b"ARROW1\0\0\n", "an Arrow"),
        (b"FEA1\0\0\0\0\n", "a Feather file"),
    ],
)
def test_binary_files_of_tables_are_refused_by_kind(start: bytes, kind: str) -> None:
    with pytest.raises(SenticliError, match=kind) as caught:
        read(start, "lines")
    assert "CSV" in caught.value.hint


# --- tables of one column


def plain_notes(content: bytes) -> list[str]:
    records = read_records(io.BytesIO(content), "lines", "input")
    list(records)
    return records.notes


def notes(content: bytes, format: str = "csv", **layout: Any) -> list[str]:
    return read_records(io.BytesIO(content), format, "input", Layout(**layout)).notes


@pytest.mark.parametrize(
    ("header", "format", "hint"),
    [
        (b"text,stars", "tsv", "`delimiter=,`"),
        (b"text;stars", "tsv", "`delimiter=';'`"),
        (b"text^stars", "csv", "`delimiter='^'`"),
        (b"id~review", "csv", "`delimiter='~'`"),
        (b'"text,stars"', "csv", "sed "),
    ],
)
def test_header_of_several_names_in_one_column_is_noted(
    header: bytes, format: str, hint: str
) -> None:
    (note,) = notes(header + b"\n" + header.replace(b"text", b"good") + b"\n", format)
    assert hint in note


@pytest.mark.parametrize(
    "header",
    [
        *(b"text", b"review-text", b"Comment / note", b"reviews.text", b"my text", b"user's text"),
        *(b'"Feedback, suggestions"', b"Review: text", b'"Comments (if any)"'),
    ],
)
def test_header_of_one_name_is_not_noted(header: bytes) -> None:
    found = notes(header + b"\ngood\n")
    assert not [note for note in found if "delimiter" in note or "quotes" in note]


def test_column_asked_for_in_one_that_holds_it_names_the_delimiter() -> None:
    with pytest.raises(SenticliError, match="no column text") as caught:
        notes(b"text^stars\ngood^5\n", text_column="text")
    assert "`delimiter='^'`" in caught.value.hint


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        (b"How satisfied are you with our service?,n", "how satisfied are you with our service?"),
        (b"0,n", "0"),
        (b"2019,text", None),
        (b"2019,text", "2"),
    ],
)
def test_header_whose_column_is_named_is_not_taken_for_data(
    header: bytes, asked: str | None
) -> None:
    assert notes(header + b"\ngood,5\n", text_column=asked) == []


# --- rows that may be several


def test_lists_within_reviews_are_no_rows() -> None:
    rows = [
        b'"Pros: cheap\nCons: slow, loud\nOverall: ok, I guess\nthanks",5\n',
        b'"Good\nnot long, sadly\nbut fine, mostly\nbye",4\n',
    ]
    assert doubts(b"text,stars\n" + b"".join(rows)) == ["", ""]
    titled = b'title,text\nGreat lamp,"Pros: cheap\nCons: slow, loud\nAll in all, fine\nthanks"\n'
    assert doubts(titled) == [""]


def test_rows_of_any_identifiers_within_a_row_are_reported() -> None:
    table = b'id,text\na1,good\nb2,"never closed\nc3,bad\nd4,awful\ne5,end"\nf6,nice\n'
    assert [bool(doubt) for doubt in doubts(table)] == [False, True, False]


# --- objects that differ


@pytest.mark.parametrize(
    "first", [b'{"delete": {"id": 1}}', b'{"limit": "x"}', b'{"a": 1, "b": 2}']
)
def test_field_of_the_text_is_found_in_later_objects(first: bytes) -> None:
    records = read(first + b"\n{}\nbad\n" + b'{"id": 5, "text": "good"}\n', "jsonl")
    assert [record.text for record in records] == ["", "", "", "good"]
    assert [record.number for record in records] == [1, 2, 3, 4]
    assert records[0].error == "no field text"


def test_only_field_is_the_text_where_no_other_object_has_one() -> None:
    assert texts(b'{"said": "a"}\n{"said": "b"}\n', "jsonl") == ["a", "b"]


def test_objects_are_not_read_ahead_where_the_first_has_the_text() -> None:
    lines = iter([b'{"text": "a"}\n'])

    class Pipe(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            return next(lines)

    assert next(read_records(Pipe(), "jsonl", "input").records).text == "a"


def test_strings_are_texts() -> None:
    for content in (b'["a", "b \\u00e9"]', b'[\n"a",\n"b \\u00e9"\n]', b'"a"\n"b \\u00e9"\n'):
        records = read(content, "jsonl")
        assert [record.text for record in records] == ["a", "b \xe9"]
        assert records[1].raw == b'{"text": "b \\u00e9"}\n'


TABLES = {
    "columns": {"text": {"0": "good", "1": "bad"}, "n": {"0": 5, "1": 1}},
    "split": {"columns": ["text", "n"], "index": [0, 1], "data": [["good", 5], ["bad", 1]]},
    "index": {"0": {"text": "good", "n": 5}, "1": {"text": "bad", "n": 1}},
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("indent", [None, 1])
def test_table_in_one_object_is_refused_with_what_converts_it(
    table: str, indent: int | None
) -> None:
    with pytest.raises(SenticliError, match="a table in one object") as caught:
        read(json.dumps(TABLES[table], indent=indent).encode(), "jsonl")
    assert "orient='records', lines=True" in caught.value.hint
    if not (jq := shutil.which("jq")):
        pytest.skip("jq is not installed")
    program = caught.value.hint.split("'")[-2]
    made = subprocess.run(
        [jq, "-c", program], input=json.dumps(TABLES[table]).encode(), stdout=subprocess.PIPE
    )
    assert [json.loads(line) for line in made.stdout.splitlines()] == [
        {"text": "good", "n": 5},
        {"text": "bad", "n": 1},
    ]


@pytest.mark.parametrize("start", ["window.YTD.tweets.part0 = ", "var data = "])
def test_script_that_assigns_json_is_refused_with_what_removes_it(start: str) -> None:
    content = f'{start}[ {{"text": "good"}},\n{{"text": "bad"}}\n];\n'.encode()
    with pytest.raises(SenticliError, match="assigns JSON") as caught:
        read(content, "jsonl")
    program = caught.value.hint.split("'")[1]
    made = subprocess.run(["sed", program], input=content, stdout=subprocess.PIPE)
    assert texts(made.stdout, "jsonl") == ["good", "bad"]
    (note,) = plain_notes(b"window.YTD.tweets.part0 = [\n")
    assert "`format=jsonl`" in note


def test_field_in_an_object_is_named() -> None:
    with pytest.raises(SenticliError, match="no text column") as caught:
        read(b'{"tweet": {"id": 1, "full_text": "good"}}\n', "jsonl")
    assert "`text_column=tweet.full_text`" in caught.value.hint


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
