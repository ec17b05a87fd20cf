"""``senticli predict`` on files as people have them: separators, quotes, encodings, JSON."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from senticli.cli.app import run
from tests.conftest import LABELS


class Done(NamedTuple):
    code: int
    out: str
    err: str


Predict = Callable[..., Done]


@pytest.fixture
def predict(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> Predict:
    """``senticli predict`` in this process, on standard input or the options given."""

    def call(*args: str | Path, input: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(input)))
        code = run(["predict", "-m", str(tiny_model), *map(str, args)])
        out, err = capsysbinary.readouterr()
        return Done(code, out.decode(errors="replace"), err.decode())

    return call


def rows(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


# --- separators


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical")])
def test_delimiter_of_csv_is_found_and_reported(predict: Predict, mark: str, name: str) -> None:
    table = f'id{mark}review\n1{mark}good, really\n2{mark}"bad{mark} awful"\n'
    done = predict("-f", "csv", input=table.encode())
    assert done.code == 0
    assert f"separated by {name}" in done.err
    found = rows(done.out, mark)
    assert [row["review"] for row in found] == ["good, really", f"bad{mark} awful"]
    assert all(row["label"] for row in found)
    assert done.out.splitlines()[1].startswith(f"1{mark}good, really{mark}")


def test_commas_stay_the_delimiter_of_texts_with_semicolons(predict: Predict) -> None:
    done = predict("-f", "csv", input=b"text;more,n\ngood; fine; well,1\nbad,2\n")
    assert done.code == 1  # the column "text;more" has no usual name
    done = predict("-f", "csv", input=b"text,n; m\ngood; fine; well,1\nbad,2\n")
    assert [row["text"] for row in rows(done.out)] == ["good; fine; well", "bad"]
    assert "note:" not in done.err


def test_sep_line_of_excel_names_the_delimiter_and_stays(predict: Predict) -> None:
    done = predict("-f", "csv", input=b"sep=;\r\ntext;n\r\ngood;1\r\n;2\r\n")
    lines = done.out.splitlines()
    assert lines[:2] == ["sep=;", "text;n;label;score;error"]
    assert lines[2].startswith("good;1;p")
    assert "first line 4: no text" in done.err


def test_delimiter_can_be_named(predict: Predict) -> None:
    done = predict("-f", "csv", "--delimiter", "^", input=b"a^text\n1^good\n")
    assert done.out.startswith("a^text^label^score^error\n1^good^p")
    done = predict("-f", "csv", "--delimiter", "tab", input=b"a\ttext\n1\tgood\n")
    assert done.out.startswith("a\ttext\tlabel")
    assert "note" not in done.err


@pytest.mark.parametrize("wrong", ["", ";;", "\n", '"'])
def test_delimiter_is_one_character(predict: Predict, wrong: str) -> None:
    done = predict("-f", "csv", "--delimiter", wrong, input=b"text\ngood\n")
    assert done.code == 2
    assert "--delimiter" in done.err


@pytest.mark.parametrize(
    ("option", "format"),
    [
        (["--delimiter", ";"], "lines"),
        (["--quoting", "csv"], "jsonl"),
        (["--no-header"], "jsonl"),
        (["--encoding", "cp1252"], "parquet"),
        (["--prefix", "x_"], "lines"),
    ],
)
def test_options_without_meaning_are_refused(
    predict: Predict, option: list[str], format: str
) -> None:
    done = predict("-f", format, *option, input=b'{"text": "good"}\n')
    assert (done.code, done.out) == (2, "")
    assert f"{option[0]} has no meaning" in done.err


# --- quotes


def test_quotes_of_tsv_are_characters(predict: Predict) -> None:
    lines = ["1\tgood", '2\t"Unclosed start', "3\tbad", '4\tended here"', '5\t"all" of "it"']
    done = predict("-f", "tsv", input=("id\ttext\n" + "\n".join(lines)).encode())
    found = done.out.splitlines()[1:]
    assert [line.rsplit("\t", 3)[0] for line in found] == lines
    assert all(line.split("\t")[2] in LABELS for line in found)


def test_quotes_of_tsv_can_be_those_of_csv(predict: Predict) -> None:
    table = b'id\ttext\n1\t"good\nfilm"\n2\t"a ""bad"" one"\n'
    done = predict("-f", "tsv", "--quoting", "csv", "--json", input=table)
    texts = [json.loads(line)["text"] for line in done.out.splitlines()]
    assert texts == ["good\nfilm", 'a "bad" one']


def test_tsv_that_is_written_has_one_line_a_record(predict: Predict) -> None:
    done = predict(
        *("-f", "jsonl", "--output-format", "tsv"),
        input=b'{"text": "good\\tfilm\\nend"}\n{"text": "\\"bad\\""}\n',
    )
    assert [line.split("\t")[0] for line in done.out.splitlines()] == [
        *("text", "good film end", '"bad"')
    ]
    assert "1 value with a tab or line end" in done.err


def test_backslashes_before_quotes_are_named_and_can_be_read(predict: Predict) -> None:
    table = b'text,n\n"He said \\"good\\", and left",1\n"bad",2\n'
    done = predict("-f", "csv", input=table)
    assert "--quoting backslash" in done.err
    done = predict("-f", "csv", "--quoting", "backslash", input=table)
    lines = done.out.splitlines()
    assert lines[1].startswith('"He said \\"good\\", and left",1,p')
    assert "warning: 1 of" not in done.err


def test_row_that_swallows_others_is_reported(predict: Predict) -> None:
    table = b'id,text\n1,good\n2,"never closed\n3,bad\n4,awful\n5,ended here"\n6,nice\n'
    done = predict("-f", "csv", input=table)
    assert "1 of 3 texts may hold the lines after it" in done.err
    assert "first line 3" in done.err


def test_paragraphs_within_quotes_are_not_reported(predict: Predict) -> None:
    table = b'id,text\n1,"good\n\nIt went on, and on,\nand on.\n\nThe end."\n2,bad\n'
    assert "may hold" not in predict("-f", "csv", input=table).err


# --- headers


def test_table_without_header(predict: Predict) -> None:
    table = b"A lovely little lamp with warm light,pos\nawful,neg\n"
    done = predict("-f", "csv", input=table)
    assert done.code == 1
    assert "--no-header --text-column" in done.err
    done = predict("-f", "csv", "--no-header", "--text-column", "1", input=table)
    assert done.code == 0
    assert len(done.out.splitlines()) == 2
    assert done.out.startswith("A lovely little lamp with warm light,pos,p")


def test_table_without_header_names_its_columns_by_number(predict: Predict) -> None:
    done = predict("-f", "csv", "--no-header", input=b"good,1\nbad,2\n")
    assert done.code == 1
    assert "--text-column 1" in done.err
    done = predict(
        "-f", "csv", "--no-header", "--text-column", "2", "--json", input=b"1,good\n2,bad\n"
    )
    assert [json.loads(line)["2"] for line in done.out.splitlines()] == ["good", "bad"]


def test_first_row_that_looks_like_data_is_noted(predict: Predict) -> None:
    done = predict("-f", "csv", input=b"I liked this film a lot\nbad\n")
    assert len(done.out.splitlines()) == 2
    assert "--no-header" in done.err
    done = predict("-f", "csv", "--no-header", input=b"I liked this film a lot\nbad\n")
    assert [bool(line) for line in done.out.splitlines()] == [True, True]
    assert "--no-header" not in done.err


@pytest.mark.parametrize("header", ["id, Text ", "n,TWEET", "x,Comment", "a,review_text"])
def test_usual_names_are_found_in_any_case(predict: Predict, header: str) -> None:
    done = predict("-f", "csv", input=f"{header}\n1,good\n".encode())
    assert done.code == 0, done.err
    assert done.out.startswith(header + ",label")


def test_column_is_found_by_case_and_by_number(predict: Predict) -> None:
    table = b"Title,Body Text\nx,good\n"
    assert predict("-f", "csv", "--text-column", "body text", input=table).code == 0
    assert predict("-f", "csv", "--text-column", "2", input=table).code == 0
    done = predict("-f", "csv", "--text-column", "3", input=table)
    assert done.code == 1
    assert "it has: Title, Body Text" in done.err
    done = predict("-f", "jsonl", "--text-column", "body", input=b'{"Body": "good", "x": 1}\n')
    assert done.code == 0


def test_names_that_differ_only_in_case_are_not_guessed(predict: Predict) -> None:
    done = predict("-f", "csv", input=b"Text,TEXT\na,b\n")
    assert done.code == 1


# --- encodings and kinds of files


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "gbk"])
def test_encoding_can_be_named(predict: Predict, encoding: str) -> None:
    text = "good café" if encoding != "gbk" else "good 电影"
    done = predict(*("-f", "csv", "--encoding", encoding), input=f"text\n{text}\n".encode(encoding))
    assert done.code == 0
    assert done.out.splitlines()[1].startswith(f"{text},")


def test_text_in_another_encoding_than_named_is_refused(predict: Predict) -> None:
    done = predict("--encoding", "utf-16", input=b"\xff\xfea\x00b\xd8\x00")
    assert done.code == 1
    assert "is not utf-16 text" in done.err
    assert predict("--encoding", "nosuch", input=b"good\n").code == 2
    assert predict("--encoding", "base64", input=b"good\n").code == 2


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-16"])
def test_utf16_is_refused_with_the_option_that_reads_it(predict: Predict, encoding: str) -> None:
    content = "Great coffee\r\nAwful\r\n".encode(encoding)
    done = predict(input=content)
    assert (done.code, done.out) == (1, "")
    assert f"--encoding {encoding}" in done.err
    assert "iconv -f UTF-" in done.err
    done = predict("--encoding", encoding, input=content)
    assert (done.code, len(done.out.splitlines())) == (0, 2)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "an Office document"),
        (b"PK\x03\x04\x14\0\0\0\0\0reviews.csv", "a zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 50, "an old Office document"),
        (gzip.compress(b"good\n"), "compressed with gzip"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"%PDF-1.4\n", "a PDF document"),
        (bytes(range(32)) * 9, "not text"),
    ],
)
@pytest.mark.parametrize("format", ["lines", "csv", "jsonl"])
def test_binary_input_is_refused(predict: Predict, content: bytes, kind: str, format: str) -> None:
    done = predict("-f", format, input=content)
    assert (done.code, done.out) == (1, "")
    assert f"standard input is {kind}" in done.err
    assert len(done.err.splitlines()) == 2


@pytest.mark.parametrize("format", ["lines", "csv"])
def test_old_mac_line_ends(predict: Predict, format: str) -> None:
    done = predict("-f", format, input=b"text\rgood\rbad\r")
    assert done.code == 0
    assert len(done.out.splitlines()) == 3
    assert "could not" not in done.err


# --- JSON


def test_json_array_and_objects_over_several_lines(predict: Predict) -> None:
    values = [{"text": "good", "n": {"a": [1]}}, {"text": "bad é"}, {"text": "end"}]
    pretty = json.dumps(values, indent=2)
    sequence = "\n".join(json.dumps(value, indent=4) for value in values)
    for content in (pretty, json.dumps(values), sequence, "\n\n" + pretty):
        done = predict("-f", "jsonl", input=content.encode())
        found = [json.loads(line) for line in done.out.splitlines() if '"a blank' not in line]
        assert [{k: v for k, v in row.items() if k in ("text", "n")} for row in found] == values
        assert all(row["label"] for row in found)


def test_json_object_that_holds_the_records_is_one_error(predict: Predict) -> None:
    for indent in (None, 2):
        content = json.dumps({"reviews": [{"text": "good"}]}, indent=indent).encode()
        done = predict("-f", "jsonl", input=content)
        assert (done.code, done.out) == (1, "")
        assert len(done.err.splitlines()) == 2
        assert "jq -c '.[\"reviews\"][]'" in done.err


def test_json_array_that_is_cut_off_is_an_error_after_its_answers(predict: Predict) -> None:
    for rest in (b'{"text": "to', b""):
        done = predict("-f", "jsonl", input=b'[\n{"text": "good"},\n' + rest)
        assert done.code == 1
        assert len(done.out.splitlines()) == 1


def test_torn_first_lines_spoil_no_other(predict: Predict) -> None:
    done = predict("-f", "jsonl", input=b'{"text": "tor\n\n{"text": "too\n{"text": "good"}\n')
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [bool(row["label"]) for row in found] == [False, False, False, True]


def test_field_named_like_an_answer_stops_no_run(predict: Predict) -> None:
    lines = [
        b'{"text": "good"}',
        b'{"text": "bad", "label": 1, "input_label": 2}',
        b'{"text": "bad", "error": "x"}',
    ]
    done = predict("-f", "jsonl", input=b"\n".join(lines))
    assert done.code == 0
    found = [json.loads(line) for line in done.out.splitlines()]
    assert (found[1]["input_input_label"], found[1]["input_label"]) == (1, 2)
    assert found[2]["input_error"] == "x"
    assert all(row["label"] in LABELS for row in found)
    assert "--prefix" in done.err
    done = predict("-f", "jsonl", "--prefix", "s_", input=b"\n".join(lines))
    assert json.loads(done.out.splitlines()[1])["label"] == 1


def test_table_from_a_file_of_objects_has_every_field(predict: Predict, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "good"}\n' * 1200 + '{"text": "bad", "late": 7}\n')
    done = predict("-i", path, "--output-format", "csv")
    assert done.code == 0
    assert rows(done.out)[-1]["late"] == "7"


def test_table_from_a_pipe_of_objects_leaves_out_late_fields(predict: Predict) -> None:
    done = predict(
        *("-f", "jsonl", "--output-format", "csv"),
        input=b'{"text": "good"}\n' * 40 + b'{"text": "bad", "late": 7}\n',
    )
    assert (done.code, len(done.out.splitlines())) == (0, 42)
    assert "left out: late" in done.err


def test_table_from_a_live_pipe_of_objects_answers_early(tiny_model: Path) -> None:
    import subprocess

    command = [sys.executable, "-m", "senticli", "predict", "-f", "jsonl", "-m", str(tiny_model)]
    with subprocess.Popen(
        [*command, "--output-format", "csv", "--unbuffered"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b'{"text": "good"}\n')
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"text,label")
        assert process.stdout.readline().startswith(b"good,positive")
        process.stdin.close()


# --- what a run says and how it ends


@pytest.mark.parametrize("input", [b"\n\n", b" \n"])
def test_run_that_answers_nothing_fails(predict: Predict, input: bytes) -> None:
    done = predict(input=input)
    assert done.code == 1
    assert done.out.count("\n") == input.count(b"\n")
    assert "no text could be classified" in done.err


def test_empty_input_is_no_failure(predict: Predict) -> None:
    assert predict(input=b"") == (0, "", "")


def test_structured_input_read_as_lines_is_noted(predict: Predict) -> None:
    assert "--format jsonl" in predict(input=b'{"text": "good"}\n').err
    assert "--format csv" in predict(input=b"id,text\n1,good\n").err
    assert "--format tsv" in predict(input=b"good film\t1\n").err
    assert "note" not in predict(input=b"I like text, and reviews\n").err
    assert "note" not in predict("--quiet", input=b'{"text": "good"}\n').err


def test_argument_that_is_a_file_is_noted(predict: Predict, tmp_path: Path) -> None:
    path = tmp_path / "good.csv"
    path.write_text("text\ngood\n")
    done = predict(path)
    assert (done.code, "--input" in done.err) == (0, True)
    assert "--input" not in predict("good\0film").err
    assert os.fspath(path) in done.err


@pytest.mark.parametrize("header", ["id;text;x", "id;text;", "id|Review|x", "id\ttweet\tx"])
def test_ragged_table_of_another_delimiter_is_not_one_column(predict: Predict, header: str) -> None:
    mark = header[2]
    body = "1;good;1\n2;bad\n3;fine;2;3\n4;good;3\n".replace(";", mark)
    done = predict("-f", "csv", input=f"{header}\n{body}".encode())
    found = done.out.splitlines()
    assert found[1].startswith(f"1{mark}good{mark}1{mark}positive")
    assert "1 of 4 texts could not be classified, first line 4" in done.err
    assert "separated by" in done.err


def test_utf16_without_the_mark_that_was_promised_is_one_error(predict: Predict) -> None:
    done = predict(
        "-f", "csv", "--encoding", "utf-16", input="id,text\n1,good\n".encode("utf-16-le")
    )
    assert (done.code, done.out) == (1, "")
    assert "is UTF-16LE without a byte order mark, not utf-16" in done.err
    assert "--encoding utf-16-le" in done.err


@pytest.mark.parametrize("line", [b"sep=\xa7\n", b"sep=\r\n", b'sep="\n'])
def test_sep_line_of_no_delimiter_is_no_traceback(predict: Predict, line: bytes) -> None:
    assert "unexpected" not in predict("-f", "csv", input=line + b"id,text\n1,good\n").err


@pytest.mark.parametrize(
    "first",
    [b'{"text":"good\nfilm"}', b'[1,2],"text":"x"}', b"[INFO] start", b'{"text":"go'],
)
def test_invalid_first_line_of_objects_spoils_no_other(predict: Predict, first: bytes) -> None:
    lines = first.count(b"\n") + 1
    done = predict("-f", "jsonl", input=first + b'\n{"text":"bad"}\n{"text":"good"}\n')
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [bool(row["label"]) for row in found] == [False] * lines + [True, True], done.err


def test_arrays_within_an_array_are_records_without_an_answer(predict: Predict) -> None:
    done = predict("-f", "jsonl", input=b'[{"text":"good"},[],[{"text":"x"}],\n{"text":"bad"}]')
    labels = [json.loads(line)["label"] for line in done.out.splitlines()]
    assert [bool(label) for label in labels] == [True, False, False, True]
    done = predict("-f", "jsonl", input=b'[{"text":"good"},[],\n{"text":"bad"}')
    assert (done.code, len(done.out.splitlines())) == (1, 3)
    assert "its array has no end" in done.err


def test_object_of_two_lines_is_one(predict: Predict) -> None:
    done = predict(
        "-f", "jsonl", "--text-column", "data.text", input=b'{"data":\n{"text":"good"}}\n'
    )
    assert (done.code, len(done.out.splitlines())) == (0, 1)


def test_lone_surrogates_of_an_array_come_back(predict: Predict) -> None:
    done = predict("-f", "jsonl", input=b'[{"text":"good \\ud83d"}]')
    assert json.loads(done.out)["text"] == "good \ud83d"


# --- hints that can be followed


def test_hints_for_a_pipe_are_filters(predict: Predict) -> None:
    done = predict(input=gzip.compress(b"good\n"))
    assert "… | gzip -dc | …" in done.err
    done = predict(input="good film\n".encode("utf-16"))
    assert "… | iconv -f UTF-16 -t UTF-8 | …" in done.err
    done = predict("-f", "jsonl", input=b'{"reviews": [{"text": "good"}]}')
    assert "| jq -c '.[\"reviews\"][]' | …" in done.err


def test_hints_for_a_file_can_be_pasted(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-my reviews.csv").write_bytes(gzip.compress(b"text\ngood\n"))
    done = predict("--input=-my reviews.csv")
    command = done.err.splitlines()[1].split(": ")[-1]
    assert command == "gzip -dc './-my reviews.csv' > 'my reviews.decompressed.csv'"
    subprocess.run(command, shell=True, check=True)
    assert predict("--input", "my reviews.decompressed.csv").code == 0
    Path("reviews.csv.gz").write_bytes(gzip.compress("text\n".encode("utf-16")))
    done = predict("--input", "reviews.csv.gz")  # one command could not convert it
    assert done.err.splitlines()[1] == "hint: use --encoding utf-16, or convert it"


@pytest.mark.parametrize(
    "first", [b'{"text": "good"}', b"{", b"[", b'[{"text": "good"},', b'{"text": "good",']
)
def test_json_read_as_lines_is_noted(predict: Predict, first: bytes) -> None:
    assert "--format jsonl" in predict(input=first + b"\n").err


# --- TSV that is quoted as CSV is


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (b'"id"\t"text"\n"1"\t"good"\n', 1),  # R
        (b'"text"\n"good"\n', 0),
        (b'id\ttext\n1\t"He said ""good"""\n', 0),  # pandas
        (b'id\ttext\n1\t"good\nfilm"\n2\tbad\n', 0),
    ],
)
def test_quoted_tsv_is_pointed_to_the_option(predict: Predict, table: bytes, code: int) -> None:
    done = predict("-f", "tsv", input=table)
    assert (done.code, "--quoting csv" in done.err) == (code, True)
    done = predict("-f", "tsv", "--quoting", "csv", input=table)
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("text", ['"all of it"', '"all" of it "good"', '"open', 'a "" b'])
def test_quotes_of_tsv_are_no_reason_for_a_hint(predict: Predict, text: str) -> None:
    done = predict("-f", "tsv", input=f"id\ttext\n1\t{text}\n2\tbad\n".encode())
    assert (done.code, done.err) == (0, "")


# --- tables without a header, or with nothing


@pytest.mark.parametrize("blank", [b"\n", b"\r\n\r\n", b"\xef\xbb\xbf\n"])
def test_table_without_header_may_begin_with_blank_lines(predict: Predict, blank: bytes) -> None:
    done = predict(
        *("-f", "csv", "--no-header", "--text-column", "2", "--json"),
        input=blank + b"1,good\n2,bad\n",
    )
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [bool(row["label"]) for row in found] == [False] * blank.count(b"\n") + [True, True]


@pytest.mark.parametrize("format", ["lines", "csv", "tsv", "jsonl"])
def test_byte_order_mark_alone_is_an_empty_input(predict: Predict, format: str) -> None:
    mark = predict("-f", format, input=b"\xef\xbb\xbf")
    assert mark == predict("-f", format, input=b"")
    assert (mark.code, mark.err) == (0, "")
    assert predict("-f", "csv", "--no-header", input=b"\n").code == 1


# --- line ends


@pytest.mark.parametrize(
    "content",
    [
        b"text,n\rgood,1\rbad,2\rfine,3\n",  # one LF, by an editor
        b'text,n\r"good\nfilm",1\rbad,2\rfine,3\r',  # a cell of two lines
        b"text,n\rgood " + b"film " * 300_000 + b",1\rbad,2\rfine,3\r",
        b"text,n\r" + b"x" * (2**20 - 8) + b",1\r\nbad,2\rfine,3\r",
    ],
)
def test_old_mac_line_ends_among_others(predict: Predict, content: bytes) -> None:
    done = predict("-f", "csv", input=content)
    assert [row["n"] for row in rows(done.out)] == ["1", "2", "3"], done.err


def test_stray_carriage_return_ends_no_line(predict: Predict) -> None:
    done = predict(input=b"good\rfilm\nbad\nfine\n")
    assert len(done.out.splitlines()) == 3
    long = b"good " * 250_000 + b"\rfilm\nbad\n"
    assert len(predict(input=long).out.splitlines()) == 2
    done = predict("-f", "csv", input=b"text,n\ngood\rfilm,1\nbad,2\n")
    found = rows(done.out)
    assert [bool(row["label"]) for row in found] == [False, True]
    assert "a carriage return within a field" in found[0]["error"]


def test_any_line_ends_come_back(predict: Predict) -> None:
    done = predict("-f", "csv", input=b"text\r\ngood\r\n")
    assert done.out.count("\r\n") == 2
    done = predict("-f", "tsv", input=b"id\ttext\n1\tgood\r\r\n")
    assert done.out.endswith("\r\r\n")


# --- rows that may be several


@pytest.mark.parametrize(
    "table",
    [
        b'id,text\n1,good\n2,"never closed\n3,ended here"\n4,bad\n',
        b'kind,text\npos,good\nneg,bad\npos,"never closed\nneg,ended here"\npos,fine\n',
        b'text,stars\n"good",1\n"never closed,2\nended here",3\nbad,4\n',
        b'text,kind\ngood,pos\n"never closed,pos\nended here",pos\nbad,neg\n',
    ],
)
def test_row_that_swallows_one_other_is_reported(predict: Predict, table: bytes) -> None:
    assert "1 of" in (err := predict("-f", "csv", input=table).err)
    assert "may hold the lines after it" in err


@pytest.mark.parametrize(
    "table",
    [
        b'text\n"one\ntwo\nthree\nfour\nfive"\nbad\n',
        b'id,text\n1,"Good film,\nreally, watch it"\n2,bad\n',
        b'id,text\n1,"Good film,\nwatch it"\n2,"Nice,\nand short."\n',
        b'kind,text\npos,"Good,\nfunny, and short.\n"\nneg,bad\n',
        b'text,kind\n"Good,\nfunny.",pos\n"Slow, dull\nand loud",neg\n',
    ],
)
def test_texts_of_several_lines_are_not_reported(predict: Predict, table: bytes) -> None:
    assert predict("-f", "csv", input=table).err == ""


# --- elements of arrays


@pytest.mark.parametrize(
    "bad", [b"[" * 100_000 + b"]" * 100_000, b'{"text": ' + b"9" * 5000 + b"}", b'{"text": bad}']
)
def test_bad_element_of_an_array_spoils_no_other(predict: Predict, bad: bytes) -> None:
    done = predict("-f", "jsonl", input=b'[{"text":"good"},\n' + bad + b',\n{"text":"fine"}]')
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [bool(row["label"]) for row in found] == [True, False, True]


def test_elements_of_an_array_come_back_as_they_were(predict: Predict) -> None:
    done = predict("-f", "jsonl", input=b'[{"text":"good",\n "n":1.10, "n": 1e2}\n, 5\n]')
    first, second = done.out.splitlines()
    assert first.startswith('{"text":"good",  "n":1.10, "n": 1e2, "label": "p')
    assert json.loads(second)["line"] == "5"


def test_array_may_be_read_in_any_pieces(predict: Predict) -> None:
    values = [{"text": f'good "film" \\ {n} [{{', "n": n} for n in range(60)]
    for indent in (None, 1):
        for ends in ("\n", "\r\n"):
            content = json.dumps(values, indent=indent).replace("\n", ends)
            done = predict("-f", "jsonl", input=content.encode())
            found = [json.loads(line) for line in done.out.splitlines()]
            assert [{"text": row["text"], "n": row["n"]} for row in found] == values
            assert "\r" not in done.out


def test_objects_on_one_line_are_records(predict: Predict) -> None:
    done = predict("-f", "jsonl", input=b'{"text":"a"}\n{"text":"good"} {"text":"bad"}\n{"a":1}x\n')
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [bool(row["label"]) for row in found] == [True, True, True, False]


@pytest.mark.parametrize("content", [b'[\n{"text":"a"}}', b'[\n{"text":"a"}, {"text": "b}, "x": ['])
def test_what_is_no_array_is_one_error_after_its_answers(predict: Predict, content: bytes) -> None:
    done = predict("-f", "jsonl", input=content + b"\n" * 3)
    assert (done.code, len(done.out.splitlines())) == (1, 1)
    assert "is not JSON: from line 2" in done.err


# --- encodings that are named and wrong


@pytest.mark.parametrize(
    ("encoding", "content", "message"),
    [
        ("utf-16-be", "good film\n".encode("utf-16-le"), "--encoding utf-16-le"),
        ("utf-16-be", "good film\n".encode("utf-16"), "--encoding utf-16"),
        ("cp1252", "good film\n".encode("utf-16-le"), "--encoding utf-16-le"),
        ("utf-16-le", b"good film, and short\n", "looks like UTF-8"),
        ("latin-1", gzip.compress(b"good\n"), "compressed with gzip"),
        ("latin-1", b"PAR1\x15\x04", "a Parquet file"),
    ],
)
def test_wrong_encoding_is_refused(
    predict: Predict, encoding: str, content: bytes, message: str
) -> None:
    done = predict("--encoding", encoding, input=content)
    assert (done.code, done.out, message in done.err) == (1, "", True)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-be"])
def test_encoding_with_its_own_mark_is_read(predict: Predict, encoding: str) -> None:
    content = "\ufefftext\ngood\n".encode(encoding)
    done = predict("-f", "csv", "--encoding", encoding, input=content)
    assert (done.code, done.out.splitlines()[1][:5]) == (0, "good,")


# --- names


def test_prefix_of_the_hint_is_free(predict: Predict) -> None:
    table, prefix = b"text,label,senti_score\ngood,1,2\n", "senti_"
    done = predict("-f", "csv", input=table)
    assert "--prefix senti2_" in done.err
    done = predict("-f", "csv", "--prefix", prefix, input=table)
    assert "--prefix senti2_" in done.err
    assert predict("-f", "csv", "--prefix", "senti2_", input=table).code == 0


# --- rows and columns that differ from the header


def test_rows_that_lack_cells_or_have_empty_ones_get_answers_in_the_right_columns(
    predict: Predict,
) -> None:
    table = b"id,text,n\r\n1,good\r\n2,caf\xe9,x,,\r\n3,bad,x\r\n"
    done = predict("-f", "csv", input=table)
    assert done.code == 0
    lines = done.out.splitlines()
    assert [line.split(",")[:3] for line in lines[1:]] == [
        *(["1", "good", ""], ["2", "caf\ufffd", "x"], ["3", "bad", "x"])
    ]
    assert all(line.split(",")[3] in LABELS for line in lines[1:])
    assert "1 of 3 texts may lack cells" in done.err
    done = predict("-f", "csv", "--json", input=table)
    assert [json.loads(line)["n"] for line in done.out.splitlines()] == ["", "x", "x"]


def test_first_failure_that_says_more_than_a_blank_line_is_shown(predict: Predict) -> None:
    done = predict("-f", "csv", input=b"Reviews of 2024\n\nid,text\n1,good\n")
    assert done.code == 1
    assert "line 3: 2 fields in place of 1 (is the first line a title? remove it)" in done.err


def test_columns_of_the_same_name_are_told_apart_by_number(predict: Predict) -> None:
    table = b"text,text\nbad,good film\n"
    done = predict("-f", "csv", input=table)
    assert (done.code, "--text-column 1" in done.err) == (1, True)
    first, second = (
        predict("-f", "csv", "--text-column", number, input=table).out for number in "12"
    )
    assert first.splitlines()[1].startswith("bad,good film,")
    assert first != second


def test_option_that_separates_one_column_is_named(predict: Predict) -> None:
    done = predict("-f", "tsv", input=b"text,stars\ngood film,5\n")
    assert "--delimiter ," in done.err
    assert predict("-f", "tsv", "--delimiter", ",", input=b"text,stars\ngood,5\n").err == ""


def test_byte_order_marks_come_back(predict: Predict) -> None:
    mark = "\ufeff"
    table = f"text,n\ngood,1\n{mark}text,n\n{mark}good,2\n"
    done = predict("-f", "csv", input=table.encode())
    lines = [line.split(",") for line in done.out.splitlines()]
    assert [line[0] for line in lines[2:]] == [f"{mark}text", f"{mark}good"]
    assert lines[1][2:] == lines[3][2:]
    assert "1 of 3 texts may repeat the header" in done.err


def test_lines_of_utf16_are_one_warning(predict: Predict) -> None:
    done = predict(input=b"good\n" + "bad film\nawful\n".encode("utf-16-le"))
    assert done.err.count("UTF-16") == 1
    assert "first line 2" in done.err


# --- packed files


def test_zstd_with_the_largest_window_is_read(predict: Predict, tmp_path: Path) -> None:
    pytest.importorskip("zstandard")
    data = b"good\nbad\n"
    header = b"\x28\xb5\x2f\xfd\x00" + bytes([(31 - 10) << 3])  # a window of 2**31 bytes
    path = tmp_path / "dump.txt.zst"
    path.write_bytes(header + (1 | len(data) << 3).to_bytes(3, "little") + data)
    done = predict("-i", path)
    assert (done.code, len(done.out.splitlines())) == (0, 2)


@pytest.mark.parametrize(
    ("name", "content", "made"),
    [
        ("r.csv.bz2", bz2.compress(b"text\ngood\n"), "r.decompressed.csv"),
        ("r.jsonl.xz", lzma.compress(b'{"text": "good"}\n'), "r.decompressed.jsonl"),
    ],
)
def test_hint_for_a_packed_file_makes_one_of_its_format(
    predict: Predict,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: bytes,
    made: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    assert f"-dc {name} > {made}" in predict("-i", name).err
