import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from senticli.data import glove
from senticli.data.glove import Matrix, open_text, read_blocks
from senticli.data.vectors import cached_vectors
from senticli.errors import SenticliError
from senticli.events import OnEvent, Progress, ignore


def file(tmp_path: Path, content: bytes, name: str = "vectors.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def read_glove(
    path: Path, member: str | None = None, on_progress: OnEvent = ignore
) -> tuple[list[str], Matrix]:
    digest = hashlib.sha256()
    with path.open("rb") as packed, open_text(packed, str(path), member) as (text, total):
        blocks = list(
            read_blocks(text, str(path), total, digest, on_progress=on_progress, name=path.name)
        )
    return [word for words, _ in blocks for word in words], np.concatenate([m for _, m in blocks])


def test_plain_text_is_parsed(tmp_path: Path) -> None:
    words, matrix = read_glove(file(tmp_path, b"the 0.5 -1\nfilm 1e-3 2\n"))
    assert words == ["the", "film"]
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, np.array([[0.5, -1], [1e-3, 2]], dtype=np.float32))


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
def test_variants_of_the_format_are_parsed(tmp_path: Path, content: bytes) -> None:
    words, matrix = read_glove(file(tmp_path, content))
    assert words == ["the", "film"]
    assert matrix.tolist() == [[1, 2], [3, 4]]


def test_unusual_tokens_are_kept(tmp_path: Path) -> None:
    unusual = ["at name@domain.com", ". . .", "1 2", "a\u0085b", "\u2028", "\u00a0", "caf\u00e9"]
    lines = [b"the 0 0"] + [f"{word} 1 2".encode() for word in unusual] + [b"caf\xe9 1 2"]
    path = file(tmp_path, b"\n".join(lines))
    words, matrix = read_glove(path)
    assert words == ["the", *unusual, "caf\ufffd"]
    assert matrix.shape == (len(words), 2)
    assert cached_vectors(str(path)).tokens == words


def test_blocks_are_parsed_as_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glove, "_BLOCK", 100)
    lines = [f"w{number % 90} {number} {number / 2}" for number in range(100)]
    path = file(tmp_path, "\n".join(lines).encode())
    steps: list[Progress] = []
    words, matrix = read_glove(path, on_progress=steps.append)
    assert words == [f"w{number}" for number in range(90)]
    assert matrix[:, 0].tolist() == list(range(90))
    assert len(steps) > 2
    assert all(step.total == path.stat().st_size for step in steps)
    cached = cached_vectors(str(path))
    assert cached.tokens == words
    np.testing.assert_array_equal(cached.matrix, matrix)


def test_gzip_and_zip_are_unpacked(tmp_path: Path, archives) -> None:
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


def test_member_of_a_zip_is_chosen_by_name(tmp_path: Path, archives) -> None:
    path = file(
        tmp_path, archives.zip_of({"a.txt": archives.glove(2, 3), "b.txt": "x 1 2\n"}), "v.zip"
    )
    assert read_glove(path, "b.txt")[0] == ["x"]
    with pytest.raises(SenticliError, match=r"2 files .*: a\.txt, b\.txt"):
        read_glove(path)
    with pytest.raises(SenticliError, match=r"no c\.txt; it holds a\.txt, b\.txt"):
        read_glove(path, "c.txt")


def test_zip_with_harmful_members_is_refused(tmp_path: Path, archives) -> None:
    for name in ("../evil.txt", "/evil.txt", "a\\..\\b.txt", "C:/evil.txt"):
        path = file(tmp_path, archives.zip_of({name: "x 1 2\n", "v.txt": "x 1 2\n"}), "v.zip")
        with pytest.raises(SenticliError, match=r"is refused: its member .* is a"):
            read_glove(path, "v.txt")
    path = file(tmp_path, archives.zip_of({"v.txt": b"0" * 3_000_000}), "v.zip")
    with pytest.raises(SenticliError, match="unpacks to more than 200 times its size"):
        read_glove(path)


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
        (b"5 2\nthe 1 2\n", "line 1: 5 words announced, 1 found"),
        (b"\x80\x04\x95 binary\x00\xff", "line 1"),
    ],
)
def test_other_formats_are_errors(tmp_path: Path, home: Path, content: bytes, said: str) -> None:
    path = file(tmp_path, content)
    with pytest.raises(SenticliError, match=said) as caught:
        read_glove(path)
    assert str(path) in caught.value.message
    with pytest.raises(SenticliError, match=said):
        cached_vectors(str(path))
    assert not [leaf for leaf in home.rglob("*") if leaf.is_file()]


def test_damaged_archives_are_errors(tmp_path: Path, archives) -> None:
    whole = archives.zip_of({"a.txt": archives.glove(500, 9)})
    packed = gzip.compress(archives.glove(500, 9).encode())
    flipped = bytearray(whole)
    flipped[200] ^= 255
    for content in (whole[:300], bytes(flipped), packed[:300], packed[:100] + b"\0" * 300):
        with pytest.raises(SenticliError, match="damaged"):
            read_glove(file(tmp_path, content, "v"))


def test_real_file_is_parsed(test_data: Path) -> None:
    words, matrix = read_glove(test_data / "glove.6B.50d.top50k-q8.zip")
    assert (len(words), matrix.shape) == (50_000, (50_000, 50))
    cached = cached_vectors(str(test_data / "glove.6B.50d.top50k-q8.zip"))
    assert cached.tokens == words
    np.testing.assert_array_equal(cached.matrix, matrix)
