import gzip
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from senticli.data import vectors
from senticli.data.vectors import cached_vectors
from senticli.errors import SenticliError
from senticli.events import Message, Progress


def file(tmp_path: Path, content: bytes, name: str = "vectors.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_hash_is_that_of_the_unpacked_text(tmp_path: Path, archives) -> None:
    text = archives.glove(5, 3).encode()
    paths = [
        file(tmp_path, text, "a.txt"),
        file(tmp_path, gzip.compress(text), "b.txt.gz"),
        file(tmp_path, archives.zip_of({"inner.txt": text}), "c.zip"),
    ]
    found = {cached_vectors(str(path)).sha256 for path in paths}
    assert found == {hashlib.sha256(text).hexdigest()}


def test_file_is_parsed_once(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(tmp_path, b"the 1 2\nfilm 3 4\n", "my.vectors.txt")
    first = cached_vectors(str(path))
    assert first.name == "my.vectors"
    assert isinstance(first.matrix, np.memmap)
    (folder,) = (home / "vectors").iterdir()
    assert sorted(leaf.name for leaf in folder.iterdir()) == [
        "source.json",
        "vectors.npy",
        "words.txt",
    ]
    source = json.loads((folder / "source.json").read_text())
    assert source["words"] == source["dim"] == 2
    assert source["sha256"] == first.sha256
    assert source["from"] == str(path)

    with monkeypatch.context() as patch:
        patch.setattr(vectors, "read_blocks", None)  # the second time nothing is parsed
        monkeypatch.chdir(tmp_path)
        assert cached_vectors(path.name).tokens == ["the", "film"]

    path.write_bytes(b"other 1 2\n")
    os.utime(path, (1, 1))
    assert cached_vectors(str(path)).tokens == ["other"]
    assert len(list((home / "vectors").iterdir())) == 1  # the cache of the old file is gone


def test_interrupted_parse_leaves_nothing(tmp_path: Path, home: Path) -> None:
    path = file(tmp_path, b"the 1 2\n")

    def interrupt(_: Progress | Message) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_vectors(str(path), on_progress=interrupt)
    assert list((home / "vectors").iterdir()) == []


def test_unknown_vectors_are_errors(home: Path, tmp_path: Path) -> None:
    with pytest.raises(SenticliError) as caught:
        cached_vectors("glove.6B.100d")
    assert caught.value.message == "not downloaded: glove.6B.100d"
    assert caught.value.hint == "`install(glove.6B.100d)`"
    for name in ("glove.6B.10d", "imdb", str(tmp_path)):
        with pytest.raises(SenticliError) as caught:
            cached_vectors(name)
        assert name in caught.value.message
        assert "glove.twitter.27B.25d" in caught.value.hint
        assert "imdb," not in caught.value.hint
    assert not home.exists()


def test_damaged_cache_is_an_error(tmp_path: Path, home: Path) -> None:
    path = file(tmp_path, b"the 1 2\nfilm 3 4\n")
    cached_vectors(str(path))
    (folder,) = (home / "vectors").iterdir()
    (folder / "words.txt").write_text("the\n")
    with pytest.raises(SenticliError, match="damaged: 1 words and a matrix"):
        cached_vectors(str(path))
    (folder / "vectors.npy").write_bytes(b"")
    with pytest.raises(SenticliError, match="damaged"):
        cached_vectors(str(path))


@pytest.mark.parametrize("content", ["[" * 100_000, "[]"])
def test_damaged_source_json_is_an_error(tmp_path: Path, home: Path, content: str) -> None:
    path = file(tmp_path, b"the 1 2\nfilm 3 4\n")
    cached_vectors(str(path))
    (folder,) = (home / "vectors").iterdir()
    (folder / "source.json").write_text(content)
    with pytest.raises(SenticliError, match="damaged"):
        cached_vectors(str(path))
