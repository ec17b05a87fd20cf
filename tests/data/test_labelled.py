"""Labelled texts of one's own, tidy and untidy."""

from pathlib import Path

import pytest

from senticli.data.labelled import Example, Problem, read_labelled, splits_in
from senticli.errors import SenticliError


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
    assert read(tmp_path / "t.csv", "body", "stars") == [("yes", "5")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"a,b\n1,2\n", "no column text or sentence"),
        ("t.csv", b"text,x\n1,2\n", "no column label"),
        ("t.csv", b"text,label\ngood\n", "line 2: 1 field in place of 2"),
        ("t.csv", b"text,label\ngood,\n", "line 2: no label"),
        ("t.csv", b"text,label\ngood, ,\n", "line 2: 3 fields in place of 2"),
        ("t.csv", b"text,label\ngood, really,pos\n", "line 2: 3 fields in place of 2"),
        ("t.tsv", b'text\tlabel\n"oops\tpos\n', "line 2: the quotes are wrong"),
        ("t.jsonl", b'{"text": ["a"], "label": "b"}\n', "line 1: text is not a text"),
        ("t.jsonl", b'{"text": "a", "label": null}\n', "line 1: no label"),
        ("t.csv", b"text,label\n\xff,1\n", "not UTF-8"),
        ("t.jsonl", b'{"text": "a", "label": null}\nnot json\n', "line 1: no label"),
        ("t.jsonl", b"[1]\n", "JSON array"),
        ("t.parquet", b"no parquet", "not a Parquet file"),
        ("t.xlsx", b"PK\3\4\xff", "not known from its name"),
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
