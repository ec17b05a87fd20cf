"""Word vectors: parsed once from a text file, then kept as a memory-mapped matrix.

A folder holds ``words.txt`` (one token a line), ``vectors.npy`` (float32, tokens × dim) and
``source.json`` (where they came from). No pickle is written or read.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from senticli.data.catalogue import ASSETS, Asset
from senticli.data.glove import Matrix, open_text, read_blocks
from senticli.download.installed import is_installed, not_downloaded, write_provenance
from senticli.errors import SenticliError
from senticli.events import OnEvent, ignore
from senticli.io import jsonfile
from senticli.io.atomic import remove, replace_dir
from senticli.io.formats import unreadable
from senticli.paths import vectors_dir


@dataclass(frozen=True)
class VectorCache:
    """Word vectors on disk: ``matrix[i]`` is the vector of ``tokens[i]``."""

    tokens: list[str]
    matrix: Matrix
    """float32, (tokens, dim), memory-mapped; what is written to it stays in memory."""
    name: str
    sha256: str
    """Of the text that the vectors were read from, unpacked."""


def cached_vectors(name_or_path: str, on_progress: OnEvent = ignore) -> VectorCache:
    """Load downloaded vectors by their name in the catalogue, or any GloVe-format file.

    A file is parsed the first time and cached; it is parsed again when it has changed.

    Raises:
        SenticliError: the vectors are not downloaded, or there is neither such a name nor such
            a file, or the file is not in GloVe format.
    """
    asset = ASSETS.get(name_or_path)
    if asset and asset.kind == "vectors":
        if not is_installed(asset):
            raise not_downloaded([asset.name])
        return load_vectors(
            vectors_dir(asset.name), asset.name, f"`install({asset.name}, force=True)`"
        )
    path = Path(os.path.expanduser(name_or_path))  # noqa: PTH111
    if not path.is_file():
        names = ", ".join(name for name, asset in ASSETS.items() if asset.kind == "vectors")
        raise SenticliError(
            f"no word vectors {name_or_path!r}: neither a file nor a known name",
            f"name a GloVe-format file or one of {names}",
        )
    folder = _cache_file(path.resolve(), on_progress)
    return load_vectors(folder, path.stem, f"remove the folder {folder} and try again")


def _cache_file(path: Path, on_progress: OnEvent) -> Path:
    """Return the folder with the vectors of a file, which is parsed if it is new or has changed."""
    stat = path.stat()
    place = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    version = hashlib.sha256(f"{stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:12]
    folder = vectors_dir(f"{path.stem}-{place}-{version}")
    if (folder / "source.json").is_file():
        return folder
    digest = hashlib.sha256()
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    with file, open_text(file, str(path)) as (text, total):
        blocks = read_blocks(
            text, str(path), total, digest, name=path.name, on_progress=on_progress
        )
        install_vectors(
            folder,
            blocks,
            lambda: {"name": path.stem, "from": str(path), "sha256": digest.hexdigest()},
        )
    for other in folder.parent.glob(f"*-{place}-*"):  # of what the file was before
        if other != folder:
            remove(other)
    return folder


def install_vectors(
    folder: Path,
    blocks: Iterable[tuple[list[str], Matrix]],
    provenance: Callable[[], dict[str, Any]],
    asset: Asset | None = None,
) -> None:
    """Write a folder of vectors in one step from blocks of tokens and vectors.

    The blocks go to disk as they come: the largest GloVe files are bigger than many memories.
    After the last one, ``provenance`` gives the fields of ``source.json``, to which ``words``,
    ``dim`` and ``installed`` are added; if it raises, nothing is installed.

    Raises:
        SenticliError: ``asset`` is given and the vectors are too few or of another size.
    """
    with replace_dir(folder) as partial:
        count, dim = _write(partial, blocks)
        if asset and (dim != asset.dim or count < asset.expect["words"]):
            raise SenticliError(
                f"these are not {asset.name}: {count:,} words, {dim}-dimensional, where at least "
                f"{asset.expect['words']:,} words, {asset.dim}-dimensional, are expected",
                f"download the official archive: {asset.url}",
            )
        write_provenance(partial, {**provenance(), "words": count, "dim": dim})


def _write(folder: Path, blocks: Iterable[tuple[list[str], Matrix]]) -> tuple[int, int]:
    """Write words.txt and vectors.npy; return the number of tokens and their dimensions."""
    count = dim = 0
    with (
        (folder / "words.txt").open("w", encoding="utf-8", newline="\n") as token_file,
        (folder / "vectors.npy").open("wb") as file,
    ):
        for tokens, matrix in blocks:
            if not count:
                dim = matrix.shape[1]
                file.write(_npy_header(0, dim))
            count += len(tokens)
            token_file.writelines(f"{token}\n" for token in tokens)
            file.write(np.ascontiguousarray(matrix, dtype="<f4").data)
        header = _npy_header(count, dim)
        if len(header) != len(_npy_header(0, dim)):
            raise RuntimeError("numpy changed the size of a .npy header")
        file.seek(0)
        file.write(header)
    return count, dim


def _npy_header(count: int, dim: int) -> bytes:
    # numpy leaves room in it for the first dimension to grow, so rows can be written before they
    # are counted.
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f4", "fortran_order": False, "shape": (count, dim)}
    )
    return buffer.getvalue()


def load_vectors(folder: Path, name: str, hint: str) -> VectorCache:
    """Load a folder of vectors.

    Raises:
        SenticliError: it is missing or damaged; ``hint`` says what to do.
    """
    try:
        source = jsonfile.parse((folder / "source.json").read_bytes())
        # Only \n ends a line: tokens may hold other characters that str.splitlines() breaks at.
        tokens = (folder / "words.txt").read_bytes().decode("utf-8").split("\n")[:-1]
        # Copy-on-write rather than read-only: torch warns about arrays that cannot be written.
        matrix: Matrix = np.load(folder / "vectors.npy", mmap_mode="c", allow_pickle=False)
        if matrix.shape != (len(tokens), source["dim"]) or matrix.dtype != np.float32:
            raise ValueError(f"{len(tokens):,} words and a matrix of {matrix.shape}")
        return VectorCache(tokens, matrix, name, source["sha256"])
    except (OSError, EOFError, *jsonfile.INVALID) as error:
        raise SenticliError(f"the vectors in {folder} are damaged: {error}", hint) from error
