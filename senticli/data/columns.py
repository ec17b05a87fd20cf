"""A data set as one columnar file: texts, labels and groups of each split, read column by column.

``examples.npz`` is numpy's zip of arrays. A column of strings is two: ``SPLIT.COLUMN`` has their
UTF-8 bytes one after another, and ``SPLIT.COLUMN.ends`` where each ends. No pickle is in it.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, list[str]]
"""Strings by column: text, and where there are such label, group, id."""

DAMAGED = (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged file may raise, besides OSError."""


def write_columns(
    file: BinaryIO, splits: Mapping[str, Mapping[str, Sequence[str]]]
) -> dict[str, str]:
    """Write the columns of every split; return the SHA-256 of the content of each."""
    arrays = {}
    hashes = {}
    for split, columns in splits.items():
        digest = hashlib.sha256()
        for name, strings in columns.items():
            content = [string.encode() for string in strings]
            joined = b"".join(content)
            ends = np.cumsum([len(part) for part in content], dtype="<i8")
            arrays[f"{split}.{name}"] = np.frombuffer(joined, dtype=np.uint8)
            arrays[f"{split}.{name}.ends"] = ends
            for part in (name.encode(), ends.tobytes(), joined):
                digest.update(part)
        hashes[split] = digest.hexdigest()
    np.savez(file, **arrays)  # type: ignore[arg-type]  # none is called allow_pickle
    return hashes


def read_columns(path: Path, split: str, wanted: Sequence[str]) -> Columns:
    """Those columns of ``split`` that are ``wanted`` and there, each as long as the others.

    Raises:
        OSError: there is no such file.
        KeyError: it has no such split.
        ValueError, EOFError, zipfile.BadZipFile, zlib.error: it is damaged.
    """
    with np.load(path, allow_pickle=False) as arrays:
        held = set(arrays)
        columns = {
            name: _strings(arrays[f"{split}.{name}"], arrays[f"{split}.{name}.ends"])
            for name in wanted
            if f"{split}.{name}" in held
        }
    if not columns:
        raise KeyError(split)
    if len({len(strings) for strings in columns.values()}) != 1:
        raise ValueError("columns of unequal length")
    return columns


def _strings(content: NDArray[np.uint8], ends: NDArray[np.int64]) -> list[str]:
    joined = content.tobytes()
    strings = []
    start = 0
    for end in ends.tolist():
        strings.append(joined[start:end].decode())
        start = end
    if start != len(joined):
        raise ValueError("a column of another length than its ends say")
    return strings
