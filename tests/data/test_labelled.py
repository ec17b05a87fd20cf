"""Labelled texts of one's own, tidy and untidy."""

import hashlib
import json
import os
import shutil
import subprocess
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from senticli.data.labelled import (
    Example,
    Problem,
    Reading,
    read_labelled,
    splits_in,
)
from senticli.errors import SenticliError, UsageError
from senticli.io.layout import Layout


def read(path: Path, *reading: Reading) -> list[tuple[str, str]]:
    found = read_labelled(path, *reading)
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


@pytest.mark.parametrize(
    ("label", "hint"),
    [
        ('[[0, 5, "pos"]]', "give each row one label"),
        ("[]", "give each row one label"),
        ('{"name": "pos", "score": 1}', "`label_column=label.name`"),
    ],
)
def test_hint_reaches_into_a_list_or_object_only_for_a_plain_value(
    tmp_path: Path, label: str, hint: str
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(f'{{"text": "a", "label": {label}}}\n')
    with pytest.raises(SenticliError, match="the label is a") as caught:
        read_labelled(path)
    assert hint in caught.value.hint


def test_items_of_a_list_that_are_not_taken_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(
        '{"text": "a", "labels": [{"name": "pos"}, {"name": "joy"}]}\n'
        '{"text": "b", "labels": [{"name": "neg"}]}\n'
    )
    found = read_labelled(path, Reading(label_column="labels.0.name"))
    assert [example.label for example in found.examples] == ["pos", "neg"]
    what = "have more than one label, of which labels.0.name is taken"
    assert found.problems == [Problem(f"{path}, line 1", what, kept=True)]


def test_several_of_fasttexts_labels_in_a_cell_are_no_label(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\ngood,__label__pos\nodd,__label__pos __label__joy\n")
    found = read_labelled(path)
    assert found.examples == [Example("good", "pos")]
    assert found.problems == [Problem(f"{path}, line 3", "more than one label")]


def test_header_within_a_table_is_no_example(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "Review Text,spam\ngood,ham\nReview Text,spam\nbuy,spam\n\ufeffreview text,SPAM\n"
    )
    found = read_labelled(path, Reading(layout=Layout(text_column="Review Text"), label_column="2"))
    assert found.examples == [Example("good", "ham"), Example("buy", "spam")]
    assert found.problems == [Problem(f"{path}, line {n}", "the header, once more") for n in (3, 5)]


def test_label_in_quotes_names_the_option_that_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text('text\tlabel\ngood\t"pos"\nfine\tpos\n')
    (problem,) = read_labelled(path).problems
    assert problem.kept
    assert "quoting=csv" in problem.what
    found = read_labelled(path, Reading(layout=Layout(quoting="csv")))
    assert [example.label for example in found.examples] == ["pos", "pos"]
    assert not found.problems


def test_decimal_commas_become_points_where_all_labels_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text;label\na;1,0\nb;1\nc;2,5\n")
    assert read(path) == [("a", "1"), ("b", "1"), ("c", "2.5")]
    path.write_text("text;label\na;1,0\nb;1\nc;pos\n")
    assert read(path) == [("a", "1,0"), ("b", "1"), ("c", "pos")]


LABELS = ["\ufeffpos ", "ne\u0301", "4.0", "nan", "TRUE", " \u200b", "pos\u200b", "NULL"]
KEPT = ["pos", "n\xe9", "4", "true", "pos"]


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet", "txt", "folder"])
def test_labels_are_the_same_in_every_format(tmp_path: Path, kind: str) -> None:
    path = tmp_path / (kind if kind == "folder" else f"t.{kind}")
    if kind in ("csv", "tsv"):
        mark = "," if kind == "csv" else "\t"
        lines = [f"text{mark}label", *(f"good{mark}{label}" for label in LABELS)]
        path.write_text("\n".join(lines), encoding="utf-8")
    elif kind == "jsonl":
        rows = [json.dumps({"text": "good", "label": label}) for label in LABELS]
        path.write_text("\n".join(rows))
    elif kind == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.table({"text": ["good"] * len(LABELS), "label": LABELS}), path)
    elif kind == "txt":
        rows = [f"__label__{label.rstrip(' ')} good" for label in LABELS]
        path.write_text("\n".join(rows), encoding="utf-8")
    else:
        for label in LABELS:
            (path / label).mkdir(parents=True)
            (path / label / "1.txt").write_text("good")
    found = read_labelled(path)
    assert sorted(example.label for example in found.examples) == sorted(KEPT)
    assert [problem.what for problem in found.problems] == ["no label"] * 3


def test_not_a_number_is_no_label(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "label": NaN}\n{"text": "b", "label": 1.0}\n')
    found = read_labelled(path)
    assert found.examples == [Example("b", "1")]
    assert found.problems == [Problem(f"{path}, line 1", "no label")]
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"text": ["a", "b"], "label": [float("nan"), 1.0]})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert read_labelled(tmp_path / "t.parquet").examples == [Example("b", "1")]


def test_decimal_of_parquet_is_a_label(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"text": ["a"], "label": [Decimal("1.50")]})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet") == [("a", "1.5")]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_text_and_label_of_one_column_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("text,label\na,pos\n" if name == "t.csv" else '{"text": "a", "label": "b"}\n')
    reading = Reading(layout=Layout(text_column="label"), label_column="label")
    with pytest.raises(SenticliError, match="the text and the label are one column, 'label'"):
        read_labelled(path, reading)


def test_likely_columns_come_before_the_usual(tmp_path: Path) -> None:
    reading = Reading(layout=Layout(likely="my text"), likely_label="grade.value")
    (tmp_path / "t.csv").write_text("text,My Text,grade.value,label\nno,yes,a,b\n")
    assert read(tmp_path / "t.csv", reading) == [("yes", "a")]
    (tmp_path / "t.jsonl").write_text('{"text": "no", "my text": "yes", "grade": {"value": "a"}}\n')
    assert read(tmp_path / "t.jsonl", reading) == [("yes", "a")]
    (tmp_path / "t.csv").write_text("text,label\nyes,a\n")
    assert read(tmp_path / "t.csv", reading) == [("yes", "a")]


def test_likely_column_is_a_name_never_a_number(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("label,text\na,yes\n")
    assert read(path, Reading(layout=Layout(likely="1"), likely_label="2")) == [("yes", "a")]


def test_likely_column_of_parquet_may_be_inside_another(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"text": ["no"], "data": [{"body": "yes", "label": "a"}]})
    parquet.write_table(table, tmp_path / "t.parquet")
    reading = Reading(layout=Layout(likely="data.body"), likely_label="data.label")
    assert read(tmp_path / "t.parquet", reading) == [("yes", "a")]
    reading = Reading(layout=Layout(likely="x.body"), label_column="data.label")
    assert read(tmp_path / "t.parquet", reading) == [("no", "a")]


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


@pytest.mark.parametrize("from_pipe", [False, True])
def test_one_bad_byte_in_utf8_is_not_taken_for_another_encoding(
    tmp_path: Path, from_pipe: bool
) -> None:
    path = tmp_path / "my films.csv"
    content = b"text,label\ncaf\xc3\xa9,pos\nplain,neg\nbro\xffken,pos\nna\xc3\xafve,neg\n"
    path.write_bytes(content)
    source = path
    if from_pipe:
        source = tmp_path / "fifo"
        os.mkfifo(source)
        threading.Thread(target=lambda: source.write_bytes(content)).start()
    with pytest.raises(SenticliError, match=r"line 4: not UTF-8 text \(") as caught:
        read_labelled(source)
    assert "the rest is UTF-8" in caught.value.hint
    assert "cp1252" not in caught.value.hint
    command = caught.value.hint.partition("drop the bytes: ")[2]
    if shutil.which("iconv") and not from_pipe:
        subprocess.run(["sh", "-c", command], check=False, cwd=tmp_path)
        assert len(read_labelled(tmp_path / "my films.utf-8.csv").examples) == 4


def test_one_bad_file_of_many_is_not_taken_for_another_encoding(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "mine", {"neg/1.txt": "plain", "pos/1.txt": "na\xefve", "pos/3.txt": "x"}
    )
    (path / "neg" / "2.txt").write_bytes(b"bro\xffken")
    with pytest.raises(SenticliError, match=r"neg/2\.txt: not UTF-8 text \(") as caught:
        read_labelled(path)
    assert caught.value.hint == "the rest is UTF-8: correct it there"
    (path / "pos" / "1.txt").write_bytes(b"na\xefve")
    with pytest.raises(SenticliError, match=r"neg/2\.txt is not UTF-8 text") as caught:
        read_labelled(path)
    assert "cp1252" in caught.value.hint


def test_label_that_lost_characters_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\ngood,tr\ufffds bon\n", encoding="utf-8")
    with pytest.raises(SenticliError, match=r"line 2: the label has characters that were lost"):
        read_labelled(path)


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


@pytest.mark.parametrize("columns", [(), ("great film 1", None)])
def test_hint_for_a_table_without_a_header(tmp_path: Path, columns: tuple[str, ...]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("great film 1,pos\nbad film 2,neg\n")
    reading = Reading(layout=Layout(text_column=columns[0] if columns else None))
    with pytest.raises(SenticliError, match="column of a usual name") as caught:
        read_labelled(path, reading)
    assert "`header=False` `text_column=NUMBER`" in caught.value.hint
    layout = Layout(header=False, text_column="1")
    with pytest.raises(SenticliError, match="no label column") as caught:
        read_labelled(path, Reading(layout=layout))
    assert "`label_column=2`" in caught.value.hint
    assert len(read(path, Reading(layout=layout, label_column="2"))) == 2


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        (
            "t.jsonl",
            '{"text": "a", "scores": {"neg": -1, "pos": 2}}\n',
            "a probability, such as 0.9",
        ),
        ("t.jsonl", '{"text": "a", "scores": {"neg": "x", "pos": 2}}\n', "a probability, such as"),
        (
            "t.jsonl",
            '{"text": "a", "label": null}\n',
            'give each line a text and a label: {"text": ',
        ),
        ("t.jsonl", "", 'give each line a text and a label: {"text": '),
        ("t.csv", "text,label\ngood,\n", "give each row a text and a label"),
        ("t.csv", "text,label\n", "use a file with a header and rows"),
    ],
)
def test_hint_fits_the_format_and_the_first_problem(
    tmp_path: Path, name: str, content: str, hint: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SenticliError, match="has no examples") as caught:
        read_labelled(tmp_path / name)
    assert hint in caught.value.hint


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SenticliError, match="no such file"):
        read_labelled(tmp_path / "t.csv")


def test_rows_without_examples_are_reported(tmp_path: Path) -> None:
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


def test_folder_of_unlabelled_texts_is_left_out(tmp_path: Path) -> None:
    path = folder(tmp_path / "train", {"neg/1.txt": "bad", "pos/1.txt": "good", "unsup/1.txt": "?"})
    found = read_labelled(path)
    assert [example.label for example in found.examples] == ["neg", "pos"]
    what = "in a folder of texts without a label"
    assert found.problems == [Problem(str(path / "unsup" / "1.txt"), what)]


def test_files_that_are_no_texts_are_left_out_of_a_folder(tmp_path: Path) -> None:
    path = folder(tmp_path / "mine", {"neg/1.txt": "bad", "pos/1.txt": "good", "pos/.DS_Store": ""})
    before = read_labelled(path).sha256
    folder(path, {"pos/desktop.ini": "[.ShellClassInfo]", "__MACOSX/pos/._1.txt": "\0"})
    (path / "pos" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99)
    (path / "pos" / "2.pdf").write_bytes(b"%PDF-1.4\n\xff")
    (path / "pos" / "3.pkl").write_bytes(b"\x80\x04some pickled words\0\xff")
    found = read_labelled(path)
    assert [example.label for example in found.examples] == ["neg", "pos"]
    assert {(Path(p.where).name, p.what) for p in found.problems} == {
        ("pos", "a file of the system, not a text"),
        ("Thumbs.db", "a file of the system, not a text"),
        ("desktop.ini", "a file of the system, not a text"),
        ("2.pdf", "a PDF document, not text"),
        ("3.pkl", "not text"),
    }
    assert found.sha256 == before


def test_folder_of_nothing_but_documents_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "mine" / "pos").mkdir(parents=True)
    (tmp_path / "mine" / "pos" / "1.pdf").write_bytes(b"%PDF-1.4\n\xff")
    with pytest.raises(SenticliError, match="a PDF document") as caught:
        read_labelled(tmp_path / "mine")
    assert "pdftotext" in caught.value.hint


def test_folders_in_the_folder_of_a_label_are_refused(tmp_path: Path) -> None:
    path = folder(tmp_path / "mine", {"train/neg/1.txt": "bad", "extra/pos/1.txt": "good"})
    assert splits_in(path) == {"train": path}
    with pytest.raises(SenticliError, match="holds the folder pos") as caught:
        read_labelled(path)
    assert "the folders train, valid and test" in caught.value.hint


@pytest.mark.parametrize("name", ["valid", "val", "validation", "dev", "Val"])
def test_names_of_the_validation_folder(tmp_path: Path, name: str) -> None:
    path = folder(tmp_path / "mine", {"train/a/1.txt": "x", f"{name}/a/1.txt": "x"})
    folder(path, {"unsup/1.txt": "x", "__MACOSX/x": "x"})
    assert splits_in(path) == {"train": path / "train", "valid": path / name}


def test_two_folders_of_one_split_are_refused(tmp_path: Path) -> None:
    path = folder(tmp_path / "mine", {f"{s}/a/1.txt": "x" for s in ("train", "val", "dev")})
    with pytest.raises(SenticliError, match="two folders for one split: dev, train, val"):
        splits_in(path)


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


STARS = {"1": "negative", "2": "negative", "3": "neutral", "5": "positive"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "text,label\nbad,1.0\npoor,2\nso so,+3\n"),
        ("t.csv", 'text,label\nbad,"1,0"\npoor,"2,0"\nso so,"3,0"\n'),
        ("t.txt", "__label__1 bad\n__label__2 poor\n__label__3 so so\n"),
    ],
)
def test_values_are_mapped_to_labels(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert read(tmp_path / name, Reading(label_map=STARS)) == [
        ("bad", "negative"),
        ("poor", "negative"),
        ("so so", "neutral"),
    ]


def test_folders_are_mapped_to_labels(tmp_path: Path) -> None:
    for folder in ("1", "5"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text("a text")
    labels = [label for _, label in read(tmp_path, Reading(label_map=STARS))]
    assert labels == ["negative", "positive"]


def test_value_that_is_not_mapped_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\nbad,1\nwell,4\ngood,5\n")
    found = read_labelled(path, Reading(label_map=STARS))
    assert [example.label for example in found.examples] == ["negative", "positive"]
    [problem] = found.problems
    assert (problem.where, problem.what) == (f"{path}, line 3: '4'", "a label that is not mapped")


def test_value_that_is_mapped_in_another_case_is_reported_as_such(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\nbad,neg\nworse,Neg\ngood,pos\n")
    found = read_labelled(path, Reading(label_map={"neg": "negative", "pos": "positive"}))
    [problem] = found.problems
    assert problem.where == f"{path}, line 3: 'Neg'"
    assert "in another case" in problem.what


def test_file_of_which_nothing_is_mapped_suggests_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\nbad,0\n")
    with pytest.raises(SenticliError) as caught:
        read_labelled(path, Reading(label_map=STARS))
    assert "`label_map=LABEL=0`" in caught.value.hint


Scores = dict[str, float]


def read_scores(path: Path, *reading: Reading) -> list[tuple[str, Scores | None]]:
    found = read_labelled(path, *reading)
    assert not found.problems
    return [(each.label, dict(each.scores) if each.scores else None) for each in found.examples]


def test_objects_carry_labels_or_scores(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(
        '{"text": "so so", "scores": {"neg": 0.25, "pos": 0.75}}\n'
        '{"text": "bad", "label": "neg"}\n'
        '{"text": "both", "label": "unsure", "scores": {"neg": 0.5, "pos": 0.5}}\n'
    )
    assert read_scores(path) == [
        ("pos", {"neg": 0.25, "pos": 0.75}),
        ("neg", None),
        ("neg", {"neg": 0.5, "pos": 0.5}),
    ]


def test_label_column_comes_before_scores(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "label": "neg", "scores": {"food": 4, "service": 5}}\n')
    assert read_scores(path, Reading(label_column="label")) == [("neg", None)]


def test_field_called_scores_that_is_no_object_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "label": "neg", "scores": [0.1, 0.9]}\n')
    assert read_scores(path) == [("neg", None)]


def test_scores_in_another_field(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "llm": {"p": {"neg": 0, "pos": 1}}}\n')
    reading = Reading(score_columns="llm.p")
    assert read_scores(path, reading) == [("pos", {"neg": 0, "pos": 1})]


def test_columns_of_scores(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,score_neg,score_pos,label\nso so,0.25,0.75,\nbad,,,neg\n")
    reading = Reading(score_columns="score_neg, score_pos")
    assert read_scores(path, reading) == [("pos", {"neg": 0.25, "pos": 0.75}), ("neg", None)]


def test_columns_of_scores_without_one_of_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,neg,pos\nnothing,,\nso so,0.25,0.75\n")
    found = read_labelled(path, Reading(score_columns="neg,pos"))
    assert [example.label for example in found.examples] == ["pos"]
    assert found.problems == [Problem(f"{path}, line 2", "no label")]


@pytest.mark.parametrize(
    ("names", "error"),
    [("neg,neutral,pos", "has no column neutral"), ("negative,positive", "no label column")],
)
def test_columns_of_scores_that_are_missing_are_errors(
    tmp_path: Path, names: str, error: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,neg,pos\nso so,0.25,0.75\n")
    with pytest.raises(SenticliError, match=error) as caught:
        read_labelled(path, Reading(score_columns=names))
    assert "`score_columns=NAME,NAME`" in caught.value.hint


def test_object_without_a_field_of_scores_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "neg": 0.5, "pos": 0.5}\n{"text": "b", "neg": 0.5}\n')
    [problem] = read_labelled(path, Reading(score_columns="neg,pos")).problems
    assert (problem.where, problem.what) == (f"{path}, line 2", "no field pos")


def test_file_without_the_columns_of_scores_has_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\nbad,neg\n")
    assert read_scores(path, Reading(score_columns="neg,pos")) == [("neg", None)]


def test_rounded_scores_are_divided_by_their_sum(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "scores": {"neg": 0.24, "pos": 0.72}}\n')
    [(_, scores)] = read_scores(path)
    assert scores == pytest.approx({"neg": 0.25, "pos": 0.75})


def test_scores_of_values_with_one_label_are_added_up(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "scores": {"1": 0.25, "2": 0.25, "5": 0.5}}\n')
    reading = Reading(label_map=STARS)
    assert read_scores(path, reading) == [("negative", {"negative": 0.5, "positive": 0.5})]


def test_empty_score_in_a_table_is_none(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,neg,neutral,pos\na,,0.25,0.75\nb,1,,\n")
    assert read_scores(path, Reading(score_columns="neg,neutral,pos")) == [
        ("pos", {"neutral": 0.25, "pos": 0.75}),
        ("neg", {"neg": 1.0}),
    ]


@pytest.mark.parametrize(
    ("scores", "value", "what"),
    [
        ('{"neg": -0.5, "pos": 1.5}', "-0.5", "a negative score"),
        ('{"neg": 0.5, "pos": 0.9}', "'1.4'", "scores that do not add up to 1"),
        ('{"neg": 20, "pos": 80}', "'100'", "scores that do not add up to 1"),
        ('{"neg": null, "pos": 0.5}', "'0.5'", "scores that do not add up to 1"),
        ('{"neg": NaN, "pos": 1}', "nan", "a score that is not a number"),
        ('{"neg": true, "pos": 0}', "True", "a score that is not a number"),
        ('{"neg": "low", "pos": 1}', "'low'", "a score that is not a number"),
    ],
)
def test_bad_scores_are_left_out(tmp_path: Path, scores: str, value: str, what: str) -> None:
    path = tmp_path / "t.jsonl"
    good = '{"text": "a", "scores": {"neg": 0, "pos": 1}}'
    path.write_text(f'{good}\n{{"text": "b", "scores": {scores}}}\n')
    found = read_labelled(path)
    assert [example.text for example in found.examples] == ["a"]
    [problem] = found.problems
    assert (problem.where, problem.what) == (f"{path}, line 2: {value}", what)


def test_scores_of_a_label_that_is_not_mapped_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    good = '{"text": "a", "scores": {"1": 1, "5": 0}}'
    path.write_text(f'{good}\n{{"text": "b", "scores": {{"1": 0.5, "4": 0.5}}}}\n')
    [problem] = read_labelled(path, Reading(label_map=STARS)).problems
    assert (problem.where, problem.what) == (f"{path}, line 2: '4'", "a label that is not mapped")


def test_scores_in_a_parquet_file(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    scores = [{"neg": 0.25, "pos": 0.75}, None]
    table = pyarrow.table({"text": ["a", "b"], "label": [None, "neg"], "scores": scores})
    parquet.write_table(table, tmp_path / "t.parquet")
    reading = Reading(score_columns="scores")
    assert read_scores(tmp_path / "t.parquet", reading) == [
        ("pos", {"neg": 0.25, "pos": 0.75}),
        ("neg", None),
    ]


def test_labels_that_a_row_has_no_score_of_are_left_out(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    scores = [{"neg": 1.0}, {"neutral": 0.25, "pos": 0.75}]  # with nulls for the others
    table = pyarrow.table({"text": ["a", "b"], "scores": scores})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert read_scores(tmp_path / "t.parquet", Reading(score_columns="scores")) == [
        ("neg", {"neg": 1.0}),
        ("pos", {"neutral": 0.25, "pos": 0.75}),
    ]


@pytest.mark.parametrize("names", ["neg", "neg,neg"])
def test_one_column_for_the_scores_of_all_labels_is_refused(tmp_path: Path, names: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,neg,pos\nso so,0.25,0.75\n")
    with pytest.raises(SenticliError, match="one column, neg, cannot hold"):
        read_labelled(path, Reading(score_columns=names))


def test_row_whose_scores_are_all_null_has_a_label(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "label": "neg", "scores": {"neg": null, "pos": null}}\n')
    assert read_scores(path) == [("neg", None)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "text,label,Shop,stars\ngood,1,Bonn,5\nbad,0,,1\n"),
        ("t.jsonl", '{"text": "good", "label": 1, "shop": "Bonn"}\n{"text": "bad", "label": 0}\n'),
    ],
)
def test_examples_keep_the_values_of_slice_columns(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    found = read_labelled(tmp_path / name, Reading(slice_columns=("shop",)))
    assert [example.slices for example in found.examples] == [{"shop": "Bonn"}, {"shop": ""}]


def test_examples_with_scores_keep_them_too(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(
        '{"text": "good", "scores": {"a": 0.5, "b": 0.5}, "shop": {"town": "Bonn"}}\n'
    )
    [example] = read_labelled(tmp_path / "t.jsonl", Reading(slice_columns=("shop.town",))).examples
    assert example.slices == {"shop.town": "Bonn"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "text,label,stars\ngood,1,5\n"),
        ("t.jsonl", '{"text": "good", "label": 1, "stars": 5}\n'),
    ],
)
def test_slice_column_that_is_not_there_is_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SenticliError, match=r"no column shop \(it has: text, label, stars\)") as e:
        read_labelled(tmp_path / name, Reading(slice_columns=("shop",)))
    assert e.value.hint == "name the column: `slice_column=NAME`"


def test_slice_columns_of_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"text": ["good"], "label": [1], "stars": [5]})
    parquet.write_table(table, tmp_path / "t.parquet")
    [example] = read_labelled(tmp_path / "t.parquet", Reading(slice_columns=("stars",))).examples
    assert example.slices == {"stars": "5"}
    with pytest.raises(SenticliError, match="no column shop"):
        read_labelled(tmp_path / "t.parquet", Reading(slice_columns=("shop",)))


def test_slice_columns_are_not_for_folders(tmp_path: Path) -> None:
    (tmp_path / "pos").mkdir()
    with pytest.raises(UsageError, match="`slice_column` has no meaning"):
        read_labelled(tmp_path, Reading(slice_columns=("shop",)))
