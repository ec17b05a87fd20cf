"""Inputs that each reader has a story about, and what they come to in a local run."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from senticli import score_file


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder of CSV, JSON Lines and Parquet, packed and not, with what goes wrong in them."""
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "odd.csv").write_bytes(
        b'\xef\xbb\xbfid,review,note\r\n1,"great film, really",x\r\n2,"a ""terrible""\nmess",\r\n'
        b'3,,"y"\r\n4\r\n5,bad,z,extra\r\n6,caf\xe9 bad,z\r\n7,the end,z'
    )
    (folder / "sub" / "odd.jsonl").write_text(
        '{"review": "great film", "n": {"a": 1.50}}\nbroken\n{"n": 2}\n{"review": null}\n'
        '{"review": "an awful mess", "id": 12345678901234567890}\n'
    )
    (folder / "packed.csv.gz").write_bytes(gzip.compress(b"id;review\n1;good\n2;bad\n"))
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"id": [1, 2, 3], "review": ["great film", None, "an awful mess"]})
    pytest.importorskip("pyarrow.parquet").write_table(table, folder / "rows.parquet")
    (folder / "_old.csv").write_text("no input\n")
    (folder / "notes.md").write_text("no input\n")
    return folder


@pytest.fixture
def local(tiny_model: Path, tmp_path: Path) -> Callable[[Path], dict[str, bytes]]:
    """The results of a local run over each file of a folder, by name."""

    def run(folder: Path) -> dict[str, bytes]:
        found = {}
        for number, path in enumerate(sorted(folder.rglob("*"))):
            if path.is_file() and path.suffix != ".md" and not path.name.startswith("_"):
                target = tmp_path / f"{number}" / path.name
                target.parent.mkdir()
                score_file(path, target, model=tiny_model, text_column="review")
                found[str(path.relative_to(folder))] = target.read_bytes()
        return found

    return run


def results(folder: Path) -> dict[str, bytes]:
    """What is in a folder of results, by name, but for what is about the run."""
    assert (folder / "_SUCCESS").exists()
    about = {"_SUCCESS", "_manifest.jsonl"}
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in about
    }
