"""Texts without labels, from files and folders."""

from pathlib import Path

import pytest

from senticli.data.unlabelled import read_unlabelled
from senticli.errors import SenticliError
from senticli.io.layout import Layout


def test_only_the_text_of_a_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "good", "label": 1}\n{"label": 0}\n{"text": "bad"}\n')
    assert read_unlabelled(path, Layout()).texts == ["good", "bad"]


def test_layout_of_the_labelled_files_applies_where_it_can(tmp_path: Path) -> None:
    layout = Layout(text_column="body", delimiter=";", encoding="cp1252")
    table, lines = tmp_path / "t.csv", tmp_path / "l.txt"
    table.write_bytes("id;body\n1;caf\xe9\n".encode("cp1252"))
    lines.write_bytes("caf\xe9; too\n".encode("cp1252"))
    assert read_unlabelled(table, layout).texts == ["café"]
    assert read_unlabelled(lines, layout).texts == ["café; too"]


@pytest.mark.parametrize("asked", ["body", "4"])
@pytest.mark.parametrize(
    ("name", "content"),
    [("t.csv", "id,text\n1,good\n2,bad\n"), ("t.jsonl", '{"id": 1, "text": "good"}\n' * 2)],
)
def test_column_of_other_files_gives_way_to_a_usual_name(
    tmp_path: Path, asked: str, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    found = read_unlabelled(path, Layout(text_column=asked))
    assert (found.texts[0], len(found.texts)) == ("good", 2)
    assert found.notes == [f"{path} has no column {asked}: its texts are those of text"]
    assert not read_unlabelled(path, Layout(text_column="text")).notes


@pytest.mark.parametrize("asked", ["body", "4"])
@pytest.mark.parametrize(
    ("name", "content"), [("t.csv", "note\ngood\n"), ("t.jsonl", '{"note": "good"}\n')]
)
def test_only_column_is_no_substitute_for_the_one_asked_for(
    tmp_path: Path, asked: str, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert read_unlabelled(path, Layout()).texts == ["good"]
    with pytest.raises(SenticliError, match=rf"no column {asked} \(it has: note\)") as caught:
        read_unlabelled(path, Layout(text_column=asked))
    assert "call the column of its texts text" in caught.value.hint


def test_column_asked_for_may_be_a_number(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,other\nno,yes\n")
    assert read_unlabelled(path, Layout(text_column="2")).texts == ["yes"]


def test_a_folder_gives_a_text_a_file_without_those_held_out(tmp_path: Path) -> None:
    for name in ("a/1.txt", "2.txt", "train/3.txt", "test/4.txt", "Dev/neg/5.txt", "6.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"text\nof {name}\n")
    assert sorted(read_unlabelled(tmp_path, Layout()).texts) == [
        "text\nof 2.txt",
        "text\nof a/1.txt",
        "text\nof train/3.txt",
    ]


def test_the_hash_is_that_of_the_texts(tmp_path: Path) -> None:
    lines, table = tmp_path / "l.txt", tmp_path / "t.csv"
    lines.write_text("one\ntwo\n")
    table.write_text("text\none\ntwo\n")
    assert read_unlabelled(lines, Layout()) == read_unlabelled(table, Layout())


@pytest.mark.parametrize("name", ["l.txt", "folder"])
def test_other_encodings_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    file = path if path.suffix else path / "1.txt"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"caf\xe9\n")
    with pytest.raises(SenticliError, match="not UTF-8") as caught:
        read_unlabelled(path, Layout())
    assert "encoding=cp1252" in caught.value.hint


def test_no_texts_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SenticliError, match="has no texts"):
        read_unlabelled(tmp_path, Layout())
