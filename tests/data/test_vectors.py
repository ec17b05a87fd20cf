import gzip
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from senticli.data import vectors
from senticli.data.catalogue import ASSETS, Notice, OnProgress, Progress
from senticli.data.vectors import Matrix, cached_vectors, open_text, read_blocks
from senticli.errors import SenticliError


def file(tmp_path: Path, content: bytes, name: str = "vectors.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def read_glove(
    path: Path, member: str | None = None, on_progress: OnProgress | None = None
) -> tuple[list[str], Matrix]:
    digest = hashlib.sha256()
    with path.open("rb") as packed, open_text(packed, str(path), member) as (text, total):
        blocks = list(
            read_blocks(text, str(path), total, digest, on_progress=on_progress, name=path.name)
        )
    return [word for words, _ in blocks for word in words], np.concatenate([m for _, m in blocks])


def test_plain_text(tmp_path: Path) -> None:
    words, matrix = read_glove(file(tmp_path, b"the 0.5 -1\nfilm 1e-3 2\n"))
    assert words == ["the", "film"]
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, np.float32([[0.5, -1], [1e-3, 2]]))


@pytest.mark.parametrize(
    "content",
    [
        b"the 1 2\nfilm 3 4",  # no newline at the end
        b"the 1 2\r\nfilm 3 4\r\n",
        b"the 1 2 \nfilm 3 4 \n",  # as word2vec writes it
        b"the\t1\t2\nfilm\t3\t4\n",
        b"2 2\nthe 1 2\nfilm 3 4\n",  # with a header
        b"\xef\xbb\xbfthe 1 2\nfilm 3 4\n\n",
        b"the 1 2\nfilm 3 4\nthe 5 6\n",  # the first of duplicates wins
        b"the 1 2\nfilm 3 4\n 5 6\n",  # an empty word
    ],
)
def test_variants(tmp_path: Path, content: bytes) -> None:
    words, matrix = read_glove(file(tmp_path, content))
    assert words == ["the", "film"]
    assert matrix.tolist() == [[1, 2], [3, 4]]


def test_odd_words(tmp_path: Path) -> None:
    odd = ["at name@domain.com", ". . .", "1 2", "a\u0085b", "\u2028", "\u00a0", "caf\u00e9"]
    lines = [b"the 0 0"] + [f"{word} 1 2".encode() for word in odd] + [b"caf\xe9 1 2"]
    path = file(tmp_path, b"\n".join(lines))
    words, matrix = read_glove(path)
    assert words == ["the", *odd, "caf\ufffd"]
    assert matrix.shape == (len(words), 2)
    assert cached_vectors(str(path)).words == words


def test_many_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_BLOCK", 100)
    lines = [f"w{number % 90} {number} {number / 2}" for number in range(100)]
    path = file(tmp_path, "\n".join(lines).encode())
    steps: list[Progress] = []
    words, matrix = read_glove(path, on_progress=steps.append)
    assert words == [f"w{number}" for number in range(90)]
    assert matrix[:, 0].tolist() == list(range(90))
    assert len(steps) > 2
    assert all(step.total == path.stat().st_size for step in steps)
    cached = cached_vectors(str(path))
    assert cached.words == words
    np.testing.assert_array_equal(cached.matrix, matrix)


def test_gzip_and_zip(tmp_path: Path, archives) -> None:
    text = archives.glove(5, 3)
    expected = read_glove(file(tmp_path, text.encode()))
    packed = [
        file(tmp_path, gzip.compress(text.encode()), "a.txt.gz"),
        file(tmp_path, archives.zip_of({"inner.txt": text, "__MACOSX/._inner.txt": b"x"}), "a.zip"),
    ]
    for path in packed:
        words, matrix = read_glove(path)
        assert words == expected[0]
        np.testing.assert_array_equal(matrix, expected[1])


def test_zip_members(tmp_path: Path, archives) -> None:
    path = file(
        tmp_path, archives.zip_of({"a.txt": archives.glove(2, 3), "b.txt": "x 1 2\n"}), "v.zip"
    )
    assert read_glove(path, "b.txt")[0] == ["x"]
    with pytest.raises(SenticliError, match=r"2 files .*: a\.txt, b\.txt"):
        read_glove(path)
    with pytest.raises(SenticliError, match=r"no c\.txt; it holds a\.txt, b\.txt"):
        read_glove(path, "c.txt")


def test_a_zip_with_harmful_members_is_refused(tmp_path: Path, archives) -> None:
    for name in ("../evil.txt", "/evil.txt", "a\\..\\b.txt", "C:/evil.txt"):
        path = file(tmp_path, archives.zip_of({name: "x 1 2\n", "v.txt": "x 1 2\n"}), "v.zip")
        with pytest.raises(SenticliError, match=r"is refused: its member .* is a"):
            read_glove(path, "v.txt")
    path = file(tmp_path, archives.zip_of({"v.txt": b"0" * 3_000_000}), "v.zip")
    with pytest.raises(SenticliError, match="unpacks to more than 200 times its size"):
        read_glove(path)


def test_the_hash_is_that_of_the_text_however_it_is_packed(tmp_path: Path, archives) -> None:
    text = archives.glove(5, 3).encode()
    paths = [
        file(tmp_path, text, "a.txt"),
        file(tmp_path, gzip.compress(text), "b.txt.gz"),
        file(tmp_path, archives.zip_of({"inner.txt": text}), "c.zip"),
    ]
    found = {cached_vectors(str(path)).sha256 for path in paths}
    assert found == {hashlib.sha256(text).hexdigest()}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: no word vectors, the file is empty"),
        (b"2 3\n", "line 1: no word vectors"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>\n", "line 1: an HTML page"),
        (b"a fine film\nindeed it is\n", "line 1: expected a word and 2 finite numbers"),
        (b"the 1 2\nfilm 3\n", "line 2: expected a word and 2 finite numbers, found 'film 3'"),
        (b"the 1 2\n\nfilm 3 x\n", "line 3: .* 'film 3 x'"),
        (b"the 1 2\nfilm 3 nan\n", "line 2"),
        (b"the 1 2\nfilm 3 4\nend 1 2 3,5\n", "line 3"),
        (b"5 2\nthe 1 2\n", "line 1: 5 words promised, 1 found"),
        (b"\x80\x04\x95 binary\x00\xff", "line 1"),
    ],
)
def test_wrong_files(tmp_path: Path, home: Path, content: bytes, said: str) -> None:
    path = file(tmp_path, content)
    with pytest.raises(SenticliError, match=said) as caught:
        read_glove(path)
    assert str(path) in caught.value.message
    with pytest.raises(SenticliError, match=said):
        cached_vectors(str(path))
    assert not [leaf for leaf in home.rglob("*") if leaf.is_file()]


def test_damaged_archives(tmp_path: Path, archives) -> None:
    whole = archives.zip_of({"a.txt": archives.glove(500, 9)})
    packed = gzip.compress(archives.glove(500, 9).encode())
    flipped = bytearray(whole)
    flipped[200] ^= 255
    for content in (whole[:300], bytes(flipped), packed[:300], packed[:100] + b"\0" * 300):
        with pytest.raises(SenticliError, match="damaged"):
            read_glove(file(tmp_path, content, "v"))


def test_file_is_cached(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        patch.setattr(vectors, "_parse", None)  # the second time nothing is parsed
        monkeypatch.chdir(tmp_path)
        assert cached_vectors(path.name).words == ["the", "film"]

    path.write_bytes(b"other 1 2\n")
    os.utime(path, (1, 1))
    assert cached_vectors(str(path)).words == ["other"]
    assert len(list((home / "vectors").iterdir())) == 1  # the cache of the old file is gone


def test_interrupted_parse_leaves_nothing(tmp_path: Path, home: Path) -> None:
    path = file(tmp_path, b"the 1 2\n")

    def interrupt(_: Progress | Notice) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_vectors(str(path), on_progress=interrupt)
    assert list((home / "vectors").iterdir()) == []


def test_names(home: Path, tmp_path: Path) -> None:
    with pytest.raises(SenticliError) as caught:
        cached_vectors("glove.6B.100d")
    assert caught.value.message == "not downloaded: glove.6B.100d"
    assert caught.value.hint == "`download(glove.6B.100d)`"
    for name in ("glove.6B.10d", "imdb", str(tmp_path)):
        with pytest.raises(SenticliError) as caught:
            cached_vectors(name)
        assert name in caught.value.message
        assert "glove.twitter.27B.25d" in caught.value.hint
        assert "imdb," not in caught.value.hint
    assert not home.exists()


def test_damaged_cache(tmp_path: Path, home: Path) -> None:
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
def test_source_json_of_vectors_that_holds_other_things(
    tmp_path: Path, home: Path, content: str
) -> None:
    path = file(tmp_path, b"the 1 2\nfilm 3 4\n")
    cached_vectors(str(path))
    (folder,) = (home / "vectors").iterdir()
    (folder / "source.json").write_text(content)
    with pytest.raises(SenticliError, match="damaged"):
        cached_vectors(str(path))


def test_catalogue() -> None:
    assert list(ASSETS) == [
        "imdb",
        "sst2",
        *(f"glove.6B.{dim}d" for dim in (50, 100, 200, 300)),
        "glove.840B.300d",
        *(f"glove.twitter.27B.{dim}d" for dim in (25, 50, 100, 200)),
    ]
    for name, asset in ASSETS.items():
        assert asset.url.startswith("https://")
        assert len(asset.sha256 or "") == 64 or len(asset.md5 or "") == 32
        assert (asset.kind == "vectors") == name.startswith("glove") == bool(asset.member)
    assert ASSETS["glove.840B.300d"].archive == "glove.840B.300d.zip"
    assert ASSETS["glove.twitter.27B.25d"].archive == "glove.twitter.27B.zip"
    assert ASSETS["glove.6B.50d"].archive == "glove.6B.zip"


def test_real_file(test_data: Path) -> None:
    words, matrix = read_glove(test_data / "glove.imdb.100d.zip")
    assert (len(words), matrix.shape) == (48_564, (48_564, 100))
    cached = cached_vectors(str(test_data / "glove.imdb.100d.zip"))
    assert cached.words == words
    np.testing.assert_array_equal(cached.matrix, matrix)
