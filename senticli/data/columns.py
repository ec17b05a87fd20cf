"""A data set as one columnar file: texts, labels and groups of each split, read column by column.

``examples.npz`` is numpy's zip of arrays. A column of strings is two: ``SPLIT.COLUMN`` has their
UTF-8 bytes one after another, and ``SPLIT.COLUMN.ends`` where each ends. No pickle is in it.
"""

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, list[str]]
"""Strings by column: text, and where there are such label, group, id."""

DAMAGED = (
    *(ValueError, TypeError, KeyError, EOFError, OverflowError, RuntimeError, struct.error),
    *(zipfile.BadZipFile, zlib.error),
)
"""What reading numpy's zip of arrays may raise where it is damaged, besides OSError."""

Array = NDArray[Any]


def write_columns(
    file: BinaryIO, splits: Mapping[str, Mapping[str, Sequence[str]]]
) -> dict[str, str]:
    """Write the columns of every split; return the SHA-256 of the content of each."""
    arrays: dict[str, Array] = {}
    hashes = {}
    for split, columns in splits.items():
        mine = {}
        for name, strings in columns.items():
            content = [string.encode() for string in strings]
            mine[name] = np.frombuffer(b"".join(content), dtype=np.uint8)
            mine[f"{name}.ends"] = np.cumsum([len(part) for part in content], dtype="<i8")
        hashes[split] = _hash(mine)
        arrays |= {f"{split}.{name}": array for name, array in mine.items()}
    np.savez(file, **arrays)  # type: ignore[arg-type]  # none is called allow_pickle
    return hashes


def read_columns(path: Path, split: str, sha256: str) -> Columns:
    """Return the columns of ``split``, whose content has the hash ``sha256``.

    Raises:
        OSError: there is no such file.
        ValueError and the others of :data:`DAMAGED`: it is not what was written.
    """
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        prefix = f"{split}."
        mine = {
            name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)
        }
    if _hash(mine) != sha256:
        raise ValueError("not what was written")
    return {
        name: _strings(array, mine[f"{name}.ends"])
        for name, array in mine.items()
        if not name.endswith(".ends")
    }


def _hash(columns: Mapping[str, Array]) -> str:
    digest = hashlib.sha256()
    for name, array in columns.items():
        digest.update(f"{name} {array.size}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _strings(content: Array, ends: Array) -> list[str]:
    joined = content.tobytes()
    strings = []
    start = 0
    for end in ends.tolist():
        strings.append(joined[start:end].decode())
        start = end
    return strings
