"""Text files in GloVe's format, or word2vec's: a word and its vector on each line.

Packed with gzip, in a zip, or neither.
"""

import gzip
import hashlib
import io
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NoReturn, cast

import numpy as np
import numpy.typing as npt

from senticli.download.archives import archive_errors, file_names, open_member, open_zip, some
from senticli.download.urls import is_page
from senticli.errors import SenticliError
from senticli.events import OnEvent, Progress, ignore

Matrix = npt.NDArray[np.float32]

_BLOCK = 1 << 23  # bytes of text parsed at once: large enough for numpy to set the pace
_FORMAT = "a GloVe file has a word and its vector on each line, separated by spaces"


@contextmanager
def open_text(
    file: BinaryIO, label: str, member: str | None = None
) -> Iterator[tuple[BinaryIO, int | None]]:
    """Yield the text inside a file, gzip or zip, and its size in bytes where that is known.

    ``member`` names the file inside a zip that holds several.
    """
    size: int | None = file.seek(0, io.SEEK_END)
    file.seek(0)
    magic = file.read(4)
    is_zip = magic in (b"PK\3\4", b"PK\5\6") or zipfile.is_zipfile(file)
    file.seek(0)
    if is_zip:
        with open_zip(file, label) as archive:
            member = member or _only_file(archive, label)
            with open_member(archive, label, member) as text:
                yield text, archive.getinfo(member).file_size
    elif magic[:2] == b"\x1f\x8b":
        with gzip.open(file) as text:
            yield cast(BinaryIO, text), None
    else:
        yield file, size


def _only_file(archive: zipfile.ZipFile, label: str) -> str:
    files = file_names(archive)
    if len(files) != 1:
        raise SenticliError(
            f"{label} holds {len(files)} files where one is expected: {some(files)}",
            "unpack it and name one of its files",
        )
    return files[0]


def read_blocks(
    text: BinaryIO,
    label: str,
    total: int | None,
    digest: "hashlib._Hash",
    *,
    name: str,
    on_progress: OnEvent = ignore,
) -> Iterator[tuple[list[str], Matrix]]:
    """Yield tokens and their vectors, float32 (tokens, dim), block by block.

    A word2vec header (``N DIM``) is understood. Tokens may contain spaces. The first of duplicate
    tokens wins, and bytes that are not UTF-8 are replaced.

    Args:
        text: the file, unpacked.
        label: names it in errors.
        total: its size in bytes, where known.
        digest: updated with all of its bytes.
        name: names it in progress.
        on_progress: called after each block.

    Raises:
        SenticliError: it is not in GloVe format; names file and line.
    """
    seen = {""}  # no token of a text is empty, so an empty one is dropped like a duplicate
    dim = announced = n_rows = n_lines = n_bytes = 0
    while lines := _read_lines(text, label):
        block = b"".join(lines)
        digest.update(block)
        n_bytes += len(block)
        if not n_lines:
            dim, announced = _read_header(lines, label)
        rows = []
        for number, line in enumerate(map(bytes.rstrip, lines), n_lines + 1):
            if line:
                token, values = _split(line, dim) or _reject(label, number, line, dim)
                rows.append((number, token, values))
        n_lines += len(lines)
        n_rows += len(rows)
        if not rows:
            continue
        tokens, matrix = _without_duplicates(
            [token.decode("utf-8", "replace") for _, token, _ in rows],
            _to_matrix(rows, dim, label),
            seen,
        )
        if tokens:
            on_progress(Progress(f"unpacking {name}", n_bytes, total))
            yield tokens, matrix
    if len(seen) == 1:
        raise SenticliError(f"{label}, line 1: no word vectors, the file is empty", _FORMAT)
    if announced and n_rows != announced:
        raise SenticliError(
            f"{label}, line 1: {announced:,} words announced, {n_rows:,} found",
            "download the file again",
        )


def _read_lines(text: BinaryIO, label: str) -> list[bytes]:
    """Return the lines of a block; none at the end."""
    with archive_errors(label):
        return text.readlines(_BLOCK)


def _read_header(lines: list[bytes], label: str) -> tuple[int, int]:
    """Return the dimensions, and how many tokens a header announces, which is blanked; or 0."""
    first = lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
    fields = first.split()
    dim, announced = len(fields) - 1, 0
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        announced, dim = map(int, fields)
        lines[0] = b""
    if dim < 1 or is_page(first):
        _reject(label, 1, first, dim)
    return dim, announced


def _split(line: bytes, dim: int) -> tuple[bytes, bytes] | None:
    """Return the token and the values of a line; None if there are too few values."""
    if line.count(b" ") == dim:
        token, _, values = line.partition(b" ")
        return token, values
    # The token has spaces in it, or the fields are apart by something else than one space.
    token, *fields = line.rsplit(None, dim)
    return (token, b" ".join(fields)) if len(fields) == dim else None


def _to_matrix(rows: list[tuple[int, bytes, bytes]], dim: int, label: str) -> Matrix:
    """Return the vectors of rows: line number, token, values."""
    matrix = _numbers(b" ".join(values for _, _, values in rows), len(rows) * dim)
    if matrix is None:
        bad = next(row for row in rows if _numbers(row[2], dim) is None)
        _reject(label, bad[0], b" ".join(bad[1:]), dim)
    return matrix.reshape(-1, dim)


def _numbers(text: bytes, count: int) -> Matrix | None:
    """Return ``count`` finite numbers; None if the text is anything else."""
    try:
        with warnings.catch_warnings():
            # Older numpy only warns about what is not a number, and returns what precedes it.
            warnings.simplefilter("error", DeprecationWarning)
            numbers = np.fromstring(text, dtype=np.float32, sep=" ")
    except (ValueError, DeprecationWarning):
        return None
    return numbers if len(numbers) == count and np.isfinite(numbers).all() else None


def _without_duplicates(
    tokens: list[str], matrix: Matrix, seen: set[str]
) -> tuple[list[str], Matrix]:
    """Return the tokens that are not among ``seen``, each once, with their vectors."""
    rows: dict[str, int] = {}
    for row, token in enumerate(tokens):
        if token not in seen:
            rows.setdefault(token, row)
    seen.update(rows)
    if len(rows) == len(tokens):
        return tokens, matrix
    return list(rows), matrix[list(rows.values())]


def _reject(label: str, number: int, line: bytes, dim: int) -> NoReturn:
    found = line.strip()[:60].decode("utf-8", "replace")
    problem = f"expected a word and {max(dim, 1)} finite numbers, found {found!r}"
    if is_page(line):
        problem = "an HTML page, not word vectors"
    raise SenticliError(f"{label}, line {number}: {problem}", _FORMAT)
