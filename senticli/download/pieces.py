"""The pieces of a remote file that are on disk, from which a download is resumed.

A folder holds pieces of one version of a file::

    remote.json    URL, size and validator of the file
    0  861000000   the pieces, each named by its offset in the file

A piece only grows at its end, so whatever a killed process leaves of it is good.
"""

import json
import shutil
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from senticli.io import atomic, jsonfile
from senticli.io.disk import writing

_STATE = "remote.json"


@dataclass(frozen=True)
class Version:
    """One version of a remote file, as far as its server tells them apart."""

    size: int | None
    validator: str | None
    """A strong ETag, or else the date of Last-Modified."""


class Pieces:
    """The pieces in ``folder``, if a download can be resumed from them.

    Reading and writing raise Interrupted if the disk fails.
    """

    def __init__(self, folder: Path) -> None:
        self.url: str | None = None
        """The URL that they came from; None where there are none."""
        self.version: Version | None = None
        """The version of the file that they are of; None where there are none."""
        self._folder = folder
        self._ends: dict[int, int] = {}  # by offset
        with suppress(OSError, *jsonfile.INVALID):
            state = jsonfile.parse((folder / _STATE).read_bytes())
            # Without a validator nobody knows whether the file is still the one they are of.
            if state["validator"] and isinstance(state["size"], int | None):
                files = [path for path in folder.iterdir() if path.name.isdigit()]
                self._ends = {int(f.name): int(f.name) + f.stat().st_size for f in files}
                self.url, self.version = state["url"], Version(state["size"], state["validator"])

    def begin(self, url: str, version: Version) -> None:
        """Remove the pieces, and note what others are about to be added of."""
        self.clear()
        with writing(self._folder):
            state = {"url": url, **asdict(version)}
            atomic.write_text(self._folder / _STATE, json.dumps(state) + "\n")
        self.url, self.version = url, version

    def append(self, offset: int, chunk: bytes) -> None:
        """Add a chunk to the piece that ends at its offset, or to a new one."""
        start = next((start for start, end in self._ends.items() if end == offset), offset)
        with writing(self._folder):
            _append(self._folder / str(start), chunk)
        self._ends[start] = offset + len(chunk)

    def read_into(self, buffer: Any, offset: int) -> int:
        """Read bytes at ``offset``; return how many, 0 if none are on disk."""
        for start, end in self._ends.items():
            if start <= offset < end:
                with writing(self._folder), (self._folder / str(start)).open("rb") as file:
                    file.seek(offset - start)
                    return file.readinto(memoryview(buffer)[: end - offset])
        return 0

    def end_of(self, start: int) -> int:
        """Return where the piece that begins at ``start`` ends."""
        return self._ends.get(start, start)

    def gap(self, offset: int, stop: int) -> int:
        """Return where the bytes end that are not on disk from ``offset`` on, at most ``stop``."""
        return min([stop, *(start for start in self._ends if start > offset)])

    def count_bytes(self, start: int = 0, stop: int = sys.maxsize) -> int:
        """Return the number of bytes on disk, between two offsets or at all."""
        spans = ((max(first, start), min(end, stop)) for first, end in self._ends.items())
        return sum(max(0, end - first) for first, end in spans)

    def clear(self) -> None:
        """Remove the pieces."""
        self._ends, self.url, self.version = {}, None, None
        shutil.rmtree(self._folder, ignore_errors=True)


def _append(path: Path, chunk: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(chunk)
