"""Labelled texts of one's own, tidy and untidy."""

import hashlib
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from senticli.data.labelled import (
    Example,
    Problem,
    Reading,
    plain_label,
    read_labelled,
    splits_in,
)
from senticli.errors import SenticliError, UsageError
from senticli.io.layout import Layout


def read(path: Path, *columns: str) -> list[tuple[str, str]]:
    found = read_labelled(path, *columns)
    assert not found.problems
    assert len(found.sha256) == 64
    return [(example.text, example.label) for example in found.examples]


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
    assert read(tmp_path / name) == [
        ("great, really", "pos"),
        ("bad", "neg"),
    ]


def test_parquet_and_numeric_labels(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"text": ["good", "bad"], "label": [1, 0]})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet") == [("good", "1"), ("bad", "0")]


def test_untidy_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"text": "a \\ud800", "label": " pos "}\n\n{"text": "b", "label": 5.0}\n'
    )
    assert read(path) == [("a ?", "pos"), ("b", "5")]


def test_named_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,body,stars\nno,yes,5\n")
    reading = Reading(layout=Layout(text_column="body"), label_column="stars")
    assert read(tmp_path / "t.csv", reading) == [("yes", "5")]


def test_numbers_and_booleans_have_one_form_each() -> None:
    forms = {
        "4": ["4", "4.0", "4.00", " 4 ", "+4.0"],
        "-1": ["-1", "-1.0"],
        "0": ["0", "0.0", "-0.0"],
        "0.5": ["0.5", "0.50"],
        "true": ["true", "True", "TRUE"],
        "false": ["False", "false"],
        "1.2.3": ["1.2.3"],
        "4,0": ["4,0"],
        "5.0 stars": ["5.0 stars"],
    }
    for plain, written in forms.items():
        assert {plain_label(label) for label in written} == {plain}


def test_booleans_and_floats_of_json_are_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "label": true}\n{"text": "b", "label": -1.0}\n')
    assert read(path) == [("a", "true"), ("b", "-1")]


def test_label_that_is_a_list_names_the_option_that_reaches_into_it(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "label": ["pos"]}\n')
    with pytest.raises(SenticliError, match="the label is a list") as caught:
        read_labelled(path)
    assert "label_column=label.0" in caught.value.hint
    assert read(path, Reading(label_column="label.0")) == [("a", "pos")]


def test_label_that_runs_into_the_text(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("__label__pos,Great value\n__label__neg fine\n")
    found = read_labelled(path)
    assert found.problems == [Problem(f"{path}, line 1", "the label runs into the text")]


@pytest.mark.parametrize("column", ["reviews.ratng", "rating", "a.b"])
def test_label_column_that_does_not_exist_names_those_that_do(tmp_path: Path, column: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,text,reviews.rating\n1,good,5\n")
    with pytest.raises(SenticliError, match=r"it has: id, text, reviews\.rating"):
        read_labelled(path, Reading(label_column=column))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.csv", "text,label\ncaf\xe9,pos\n"),
        ("label.csv", "text,label\ngood,tr\xe8s bon\n"),
        ("header.csv", "text,label,caf\xe9\ngood,pos,x\n"),
        ("fast text.txt", "__label__tr\xe8s good\n"),
    ],
)
def test_other_encodings_are_refused_with_a_command_that_works(
    tmp_path: Path, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode("cp1252"))
    with pytest.raises(SenticliError, match="not UTF-8") as caught:
        read_labelled(path)
    command = caught.value.hint.partition("convert it: ")[2]
    assert "iconv -f CP1252 -t UTF-8" in command
    if shutil.which("iconv"):
        subprocess.run(["sh", "-c", command], check=True, cwd=tmp_path)
        (converted,) = tmp_path.glob("*.utf-8.*")
        assert read_labelled(converted).examples
    assert read_labelled(path, Reading(layout=Layout(encoding="cp1252"))).examples


@pytest.mark.parametrize(
    "reading",
    [Reading(label_column="x"), Reading(layout=Layout(text_column="x", delimiter=";"))],
)
def test_columns_of_what_has_none_are_refused(tmp_path: Path, reading: Reading) -> None:
    (tmp_path / "t.txt").write_text("__label__a b\n")
    (tmp_path / "folder" / "a").mkdir(parents=True)
    for path in (tmp_path / "t.txt", tmp_path / "folder"):
        with pytest.raises(UsageError, match="has no meaning"):
            read_labelled(path, reading)


@pytest.mark.parametrize(
    "content",
    [
        b"text,label\ngood,pos\nbad,neg\n",
        b'{"text": "good", "label": "pos"}\n{"text": "bad", "label": "neg"}\n',
        b"__label__pos good\n__label__neg bad\n",
        b"text;label\ngood;pos\nbad;neg\n",
    ],
)
def test_pipe_is_read_once_and_known_by_its_content(tmp_path: Path, content: bytes) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(content))
    writer.start()
    found = read_labelled(fifo)
    writer.join()
    assert [(e.text, e.label) for e in found.examples] == [("good", "pos"), ("bad", "neg")]
    assert found.sha256 == hashlib.sha256(content).hexdigest()


def test_row_that_swallows_others_is_suspicious(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('text,label\n"open,a\nb,b\nc,c\nd,d\nclosed",e\n')
    (problem,) = read_labelled(path).problems
    assert problem.kept
    assert "is a quote not closed?" in problem.what


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"a,b\n1,2\n", "no text column"),
        ("t.csv", b"text,x\n1,2\n", "no label column"),
        ("t.csv", b"text,label\ngood\n", "line 2: no label"),
        ("t.csv", b"text,label\ngood,\n", "line 2: no label"),
        ("t.csv", b"text,label\ngood, ,x\n", "line 2: 3 fields in place of 2"),
        ("t.csv", b"text,label\ngood, really,pos\n", "line 2: 3 fields in place of 2"),
        ("t.tsv", b'text\tlabel\n"oops\t\n', "line 2: no label"),
        ("t.jsonl", b'{"text": ["a"], "label": "b"}\n', "line 1: text is not a text"),
        ("t.jsonl", b'{"text": "a", "label": null}\n', "line 1: no label"),
        ("t.csv", b"text,label\n\xff,1\n", "not UTF-8"),
        ("t.jsonl", b'{"text": "a", "label": null}\nnot json\n', "line 1: no label"),
        ("t.jsonl", b"[1]\n", "not a JSON object"),
        ("t.parquet", b"no parquet", "not a Parquet file"),
        ("t.xlsx", b"PK\3\4\xff", "is a zip archive"),
    ],
)
def test_what_cannot_be_read_says_why(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SenticliError, match=message) as caught:
        read_labelled(tmp_path / name)
    assert str(tmp_path / name) in caught.value.message
    assert caught.value.hint


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SenticliError, match="no such file"):
        read_labelled(tmp_path / "t.csv")


def test_rows_that_are_no_examples_are_told(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\ngood,pos\n\n,pos\nbad, \nbad,neg,more\nbad,neg\n")
    found = read_labelled(path)
    assert found.examples == [Example("good", "pos"), Example("bad", "neg")]
    assert found.problems == [
        Problem(f"{path}, line 4", "no text"),
        Problem(f"{path}, line 5", "no label"),
        Problem(f"{path}, line 6", "3 fields in place of 2"),
    ]


# --- fastText's lines


def test_fasttext(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text(
        "\ufeff__label__pos A fine film.\n\n__label__very-bad\tA   mess __label__x\r\n"
        "__label__a __label__b two\n__label__pos\nnone\n",
        encoding="utf-8",
    )
    found = read_labelled(path)
    assert found.examples == [
        Example("A fine film.", "pos"),
        Example("A   mess __label__x", "very-bad"),
    ]
    assert found.problems == [
        Problem(f"{path}, line 4", "more than one label"),
        Problem(f"{path}, line 5", "no text"),
        Problem(f"{path}, line 6", "no label"),
    ]


def test_lines_that_are_not_fasttexts(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary\n")
    with pytest.raises(SenticliError, match="does not begin with __label__") as caught:
        read_labelled(path)
    assert ".csv" in caught.value.hint
    path.write_bytes(b"__label__a caf\xe9\n")
    with pytest.raises(SenticliError, match="not UTF-8"):
        read_labelled(path)
    path.write_text("")
    with pytest.raises(SenticliError, match="has no examples"):
        read_labelled(path)


# --- folders


def folder(path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, encoding="utf-8")
    return path


def test_a_folder_with_a_folder_for_each_label(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "mine",
        {
            "neg/b.txt": "bad\n",
            "neg/a.txt": "worse",
            "pos/1.txt": " good ",
            "pos/.x": "",
            "README": "",
        },
    )
    (path / "pos" / "empty.txt").touch()
    found = read_labelled(path)
    assert found.examples == [
        Example("worse", "neg"),
        Example("bad", "neg"),
        Example("good", "pos"),
    ]
    assert found.problems == [Problem(str(path / "pos" / "empty.txt"), "no text")]
    before = found.sha256
    (path / "neg").rename(path / "negative")
    assert read_labelled(path).sha256 != before
    assert splits_in(path) == {"train": path}


def test_a_folder_of_splits(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "mine",
        {f"{s}/{label}/1.txt": s for s in ("train", "dev", "test") for label in "ab"},
    )
    assert splits_in(path) == {
        "train": path / "train",
        "valid": path / "dev",
        "test": path / "test",
    }
    assert read(path / "dev") == [("dev", "a"), ("dev", "b")]


def test_a_folder_without_labels(tmp_path: Path) -> None:
    with pytest.raises(SenticliError, match="has no examples") as caught:
        read_labelled(folder(tmp_path / "mine", {"a.txt": "text"}))
    assert "one folder for each label" in caught.value.hint


def test_labels_of_the_same_column_name_are_told_apart_by_number(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label,label\ngood,a,x\nbad,b,y\n")
    with pytest.raises(SenticliError, match="more than one column 'label': 2 and 3") as caught:
        read(path)
    assert "`label_column=2`" in caught.value.hint
    for number, labels in (("2", ["a", "b"]), ("3", ["x", "y"])):
        examples = read_labelled(path, Reading(label_column=number)).examples
        assert [example.label for example in examples] == labels


def test_repeated_header_is_no_example(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\ngood,a\ntext,label\nbad,b\n")
    found = read_labelled(path)
    assert [example.label for example in found.examples] == ["a", "b"]
    assert [problem.where for problem in found.problems] == [f"{path}, line 3"]


def test_byte_order_marks_of_joined_files_are_no_text(tmp_path: Path) -> None:
    mark = "\ufeff"
    (tmp_path / "t.txt").write_text(f"{mark}{mark}__label__a good\n{mark}__label__b bad\n")
    assert read(tmp_path / "t.txt") == [("good", "a"), ("bad", "b")]
    for label in "ab":
        (tmp_path / "folder" / label).mkdir(parents=True)
        (tmp_path / "folder" / label / "1.txt").write_text(f"{mark}{mark}good\n")
    assert read(tmp_path / "folder") == [("good", "a"), ("good", "b")]
