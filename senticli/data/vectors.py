"""Word vectors: any GloVe-format text file, parsed once and kept as a memory-mapped matrix.

A cache folder holds ``words.txt`` (one word a line), ``vectors.npy`` (float32, words × dim) and
``source.json`` (where they came from). No pickle is written or read.
"""

import gzip
import hashlib
import io
import json
import os
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Protocol, cast

import numpy as np
import numpy.typing as npt

from senticli.data.catalogue import ASSETS, Asset
from senticli.download.archives import archive_errors, files_of, open_member, open_zip, some
from senticli.download.installed import is_installed, not_downloaded
from senticli.download.urls import is_page
from senticli.errors import SenticliError
from senticli.io import jsonfile
from senticli.io.atomic import remove, replace_dir
from senticli.io.formats import unreadable
from senticli.paths import vectors_dir
from senticli.progress import OnProgress, Progress

Matrix = npt.NDArray[np.float32]

_BLOCK = 1 << 23  # bytes of text parsed at once: large enough for numpy to set the pace
_FORMAT = "a GloVe file has a word and its numbers on each line, separated by spaces"


@dataclass(frozen=True)
class VectorCache:
    """Word vectors on disk: ``matrix[i]`` is the vector of ``words[i]``."""

    words: list[str]
    matrix: Matrix
    """float32, (words, dim), memory-mapped; what is written to it stays in memory."""
    name: str
    sha256: str
    """Of the text that the vectors were read from, unpacked."""


class Digest(Protocol):
    """One of hashlib's."""

    def update(self, data: bytes, /) -> None: ...  # noqa: D102


def cached_vectors(name_or_path: str, on_progress: OnProgress | None = None) -> VectorCache:
    """Load downloaded vectors by catalogue name, or any GloVe-format file.

    A file is parsed the first time and cached; it is parsed again when it has changed.

    Raises:
        SenticliError: the vectors are not downloaded, or there is neither such a name nor such
            a file, or the file is not in GloVe format.
    """
    asset = ASSETS.get(name_or_path)
    if asset and asset.kind == "vectors":
        if not is_installed(asset):
            raise not_downloaded([asset.name])
        return _load(vectors_dir(asset.name), asset.name, f"`download({asset.name}, force=True)`")

    path = Path(os.path.expanduser(name_or_path))  # noqa: PTH111
    if not path.is_file():
        names = ", ".join(name for name, asset in ASSETS.items() if asset.kind == "vectors")
        raise SenticliError(
            f"no word vectors {name_or_path!r}: neither a file nor a known name",
            f"give a GloVe-format file or one of {names}",
        )
    path = path.resolve()
    stat = path.stat()
    # Of the file as it is now; caches of what it was are removed when this one is written.
    place = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    version = hashlib.sha256(f"{stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:12]
    folder = vectors_dir(f"{path.stem}-{place}-{version}")
    if not (folder / "source.json").is_file():
        digest = hashlib.sha256()

        def source() -> dict[str, Any]:
            return {"name": path.stem, "from": str(path), "sha256": digest.hexdigest()}

        try:
            file = path.open("rb")
        except OSError as error:
            raise unreadable(path, error) from error
        with file, open_text(file, str(path)) as (text, total):
            blocks = read_blocks(
                text, str(path), total, digest, on_progress=on_progress, name=path.name
            )
            install_vectors(folder, blocks, source)
        for other in folder.parent.glob(f"*-{place}-*"):
            if other != folder:
                remove(other)
    return _load(folder, path.stem, f"remove the folder {folder} and run the command again")


def install_vectors(
    folder: Path,
    blocks: Iterable[tuple[list[str], Matrix]],
    source: Callable[[], dict[str, Any]],
    asset: Asset | None = None,
) -> None:
    """Write a cache ``folder`` in one step from blocks of words and vectors.

    The blocks go to disk as they come: the largest GloVe files are bigger than many memories.
    What ``source`` gives when all of them are there becomes ``source.json``, with ``words``,
    ``dim`` and ``installed`` added; when it raises, nothing is installed.

    Raises:
        SenticliError: ``asset`` is given and the vectors are too few or of another size.
    """
    with replace_dir(folder) as partial:
        count, dim = _write(partial, blocks)
        if asset and (dim != asset.dim or count < asset.expect["words"]):
            raise SenticliError(
                f"these are not {asset.name}: {count:,} words of {dim} numbers, where at least "
                f"{asset.expect['words']:,} words of {asset.dim} are expected",
                f"get the official archive: {asset.url}",
            )
        write_source(partial, {**source(), "words": count, "dim": dim})


def write_source(folder: Path, source: dict[str, Any]) -> None:
    """Write ``source.json``, with the time of installation (ISO 8601, UTC) added."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    text = json.dumps({**source, "installed": now}, indent=2)
    (folder / "source.json").write_text(text + "\n", encoding="utf-8")


def read_blocks(
    text: BinaryIO,
    label: str,
    total: int | None,
    digest: Digest,
    *,
    on_progress: OnProgress | None = None,
    name: str,
) -> Iterator[tuple[list[str], Matrix]]:
    """Yield the words and vectors, float32 (words, dim), of a GloVe file block by block.

    A word2vec header line (``N DIM``) is understood. Words may contain spaces. The first of
    duplicate words wins, and bytes that are not UTF-8 are replaced.

    Args:
        text: the file, unpacked.
        label: names it in errors.
        total: its bytes, where known.
        digest: is given all of them.
        on_progress: called after every few megabytes.
        name: names it in progress.

    Raises:
        SenticliError: it is not in GloVe format; names file and line.
    """
    done = 0
    blocks = _parse(text, label, digest)
    while True:
        with archive_errors(label):  # around the reading alone, not what is done with a block
            block = next(blocks, None)
        if block is None:
            return
        words, vectors, size = block
        done += size
        if on_progress:
            on_progress(Progress("unpacking", name, done, total))
        yield words, vectors


@contextmanager
def open_text(
    file: BinaryIO, label: str, member: str | None = None
) -> Iterator[tuple[BinaryIO, int | None]]:
    """Yield the text inside a file, gzip or zip, and its size in bytes where that is known.

    ``member`` names the file inside a zip that holds several.
    """
    with ExitStack() as stack:
        with archive_errors(label):
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            magic = file.read(4)
            is_zip = magic in (b"PK\3\4", b"PK\5\6") or zipfile.is_zipfile(file)
            file.seek(0)
            text, total = file, size if magic[:2] != b"\x1f\x8b" else None
            if is_zip:
                archive = stack.enter_context(open_zip(file, label))
                member = member or _only_file(archive, label)
                text = stack.enter_context(open_member(archive, label, member))
                total = archive.getinfo(member).file_size
            elif total is None:
                text = cast(BinaryIO, stack.enter_context(gzip.open(file)))
        yield text, total


def _only_file(archive: zipfile.ZipFile, label: str) -> str:
    files = files_of(archive)
    if len(files) != 1:
        raise SenticliError(
            f"{label} holds {len(files)} files where one is expected: {some(files)}",
            "unpack it and give one of its files",
        )
    return files[0]


def _parse(text: BinaryIO, label: str, digest: Digest) -> Iterator[tuple[list[str], Matrix, int]]:
    """Yield words, vectors and the bytes of text they took, block by block."""
    seen = {""}  # no token is empty, so an empty word is dropped like a duplicate
    dim = promised = rows = number = 0
    while lines := text.readlines(_BLOCK):
        size = sum(map(len, lines))
        digest.update(b"".join(lines))
        if number == 0:
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
            header = lines[0].split()
            if len(header) == 2 and all(field.isdigit() for field in header):
                promised, dim = int(header[0]), int(header[1])
                lines[0] = b""
            else:
                dim = len(header) - 1
            if dim < 1 or is_page(lines[0]):
                _bad_line(label, 1, lines[0], dim)

        words: list[str] = []
        texts: list[bytes] = []
        numbers: list[int] = []
        for line in map(bytes.rstrip, lines):
            number += 1
            if line.count(b" ") == dim:
                word, _, rest = line.partition(b" ")
            elif not line:
                continue
            else:  # a word with spaces in it, or fields apart by something else than one space
                word, *fields = line.rsplit(None, dim)
                if len(fields) != dim:
                    _bad_line(label, number, line, dim)
                rest = b" ".join(fields)
            words.append(word.decode("utf-8", "replace"))
            texts.append(rest)
            numbers.append(number)
        if not words:
            continue
        matrix = _numbers(b" ".join(texts), len(texts) * dim)
        if matrix is None:
            bad = next(i for i, text in enumerate(texts) if _numbers(text, dim) is None)
            _bad_line(label, numbers[bad], words[bad].encode() + b" " + texts[bad], dim)
        matrix = matrix.reshape(-1, dim)
        rows += len(words)

        keep = []
        for row, word_ in enumerate(words):
            if word_ not in seen:
                seen.add(word_)
                keep.append(row)
        if len(keep) < len(words):
            words, matrix = [words[row] for row in keep], matrix[keep]
        if words:
            yield words, matrix, size
    if len(seen) == 1:
        raise SenticliError(f"{label}, line 1: no word vectors, the file is empty", _FORMAT)
    if promised and rows != promised:
        raise SenticliError(
            f"{label}, line 1: {promised:,} words promised, {rows:,} found", "get the file again"
        )


def _numbers(text: bytes, count: int) -> Matrix | None:
    """``count`` finite numbers, or None where the text is anything else."""
    try:
        with warnings.catch_warnings():
            # Older numpy only warns of what is no number, and returns what stands before it.
            warnings.simplefilter("error", DeprecationWarning)
            numbers = np.fromstring(text, dtype=np.float32, sep=" ")
    except (ValueError, DeprecationWarning):
        return None
    return numbers if len(numbers) == count and np.isfinite(numbers).all() else None


def _bad_line(label: str, number: int, line: bytes, dim: int) -> NoReturn:
    if is_page(line):
        what = "an HTML page, not word vectors"
    else:
        found = line.strip()[:60].decode("utf-8", "replace")
        what = f"expected a word and {max(dim, 1)} finite numbers, found {found!r}"
    raise SenticliError(f"{label}, line {number}: {what}", _FORMAT)


def _write(folder: Path, blocks: Iterable[tuple[list[str], Matrix]]) -> tuple[int, int]:
    """Write words.txt and vectors.npy; return the number of words and their dim."""
    count = dim = 0
    with (
        (folder / "words.txt").open("w", encoding="utf-8", newline="\n") as word_file,
        (folder / "vectors.npy").open("wb") as file,
    ):
        for words, matrix in blocks:
            if not count:
                dim = matrix.shape[1]
                file.write(_npy_header(0, dim))
            count += len(words)
            word_file.writelines(f"{word}\n" for word in words)
            file.write(np.ascontiguousarray(matrix, dtype="<f4").data)
        header = _npy_header(count, dim)
        if len(header) != len(_npy_header(0, dim)):
            raise RuntimeError("numpy changed the size of a .npy header")
        file.seek(0)
        file.write(header)
    return count, dim


def _npy_header(count: int, dim: int) -> bytes:
    # numpy leaves room in it for the first dimension to grow, so the rows can be streamed to
    # the file and counted at the end.
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f4", "fortran_order": False, "shape": (count, dim)}
    )
    return buffer.getvalue()


def _load(folder: Path, name: str, hint: str) -> VectorCache:
    try:
        source = jsonfile.parse((folder / "source.json").read_bytes())
        # Only \n ends a line: words may hold other characters that str.splitlines() breaks at.
        words = (folder / "words.txt").read_bytes().decode("utf-8").split("\n")[:-1]
        # Copy-on-write rather than read-only: torch warns about arrays that cannot be written.
        matrix: Matrix = np.load(folder / "vectors.npy", mmap_mode="c", allow_pickle=False)
        if matrix.shape != (len(words), source["dim"]) or matrix.dtype != np.float32:
            raise ValueError(f"{len(words):,} words and a matrix of {matrix.shape}")
        return VectorCache(words, matrix, name, source["sha256"])
    except (OSError, EOFError, *jsonfile.INVALID) as error:
        raise SenticliError(f"the vectors in {folder} are damaged: {error}", hint) from error
