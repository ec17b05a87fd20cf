"""Archives, read in place and never unpacked to disk.

One with a member that could do harm where it is unpacked is refused: nobody should trust the rest.
"""

import gzip
import io
import lzma
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from senticli.data.columns import DAMAGED as ARRAYS_DAMAGED
from senticli.errors import SenticliError
from senticli.io.formats import read_bytes

MOST_UNPACKED = 200
"""Bytes that one byte of an archive may unpack to; reviews and vectors take about 3."""
_SMALL = 1 << 20  # bytes that anything may unpack to

DAMAGED = (*ARRAYS_DAMAGED, OSError, IndexError, tarfile.TarError, lzma.LZMAError)
"""Errors that Python's archive modules raise over damaged files."""


@dataclass(frozen=True)
class Archive:
    """An archive at hand, the folder that it was unpacked to, or the files of a data set."""

    label: str
    """Names it in messages."""
    provenance: dict[str, Any]
    """Its fields of ``source.json``: url or from, bytes, fetched, sha256, verified."""
    accept: str
    """The hint: how to install it though it is not the official one."""
    file: BinaryIO | None = None
    folder: Path | None = None
    contents: Mapping[str, bytes] | None = None
    """Files by their paths."""
    problem: str | None = None
    """Why it is not known to be the official one."""


@contextmanager
def archive_errors(label: str, hint: str = "download the file again") -> Iterator[None]:
    """Turn what the archive modules raise over damaged files into a SenticliError with a hint."""
    try:
        yield
    except DAMAGED as error:
        raise SenticliError(
            f"{label} is damaged or not an archive: {error or type(error).__name__}", hint
        ) from error


def files_in(archive: Archive) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the name of each file, and how to read it before the next: of a zip, tar.gz or folder.

    Raises:
        SenticliError, and those of :data:`DAMAGED`.
    """
    if archive.contents is not None:
        for name, content in archive.contents.items():
            yield name, partial(bytes, content)
        return
    if archive.folder:
        for folder, _, names in os.walk(archive.folder):
            inside = Path(folder).relative_to(archive.folder.parent).as_posix()
            for name in names:
                yield f"{inside}/{name}", partial(read_bytes, Path(folder) / name)
        return
    assert archive.file is not None
    if zipfile.is_zipfile(archive.file):
        with open_zip(archive.file, archive.label) as zip_:
            for name in file_names(zip_):
                yield name, partial(_read_member, zip_, archive.label, name)
        return
    archive.file.seek(0)
    with gzip.open(archive.file) as unzipped:
        limit = _SMALL + MOST_UNPACKED * archive.provenance["bytes"]
        limited = _Limited(unzipped, limit, archive.label)
        tar = tarfile.open(fileobj=cast(BinaryIO, limited), mode="r|")  # noqa: SIM115 - in memory
        for member in tar:
            _check_member(archive.label, member.name, member.isreg() or member.isdir())
            if member.isreg():
                yield member.name, cast(BinaryIO, tar.extractfile(member)).read
        # To the end, where gzip's own checksum is: tarfile's "r|gz" would not look at it.
        while limited.read(1 << 20):
            pass


# --- zips


def open_zip(file: BinaryIO, label: str) -> zipfile.ZipFile:
    """Open a zip whose every member is harmless."""
    with archive_errors(label):
        archive = zipfile.ZipFile(file)
        for info in archive.infolist():
            kind = info.external_attr >> 28  # of a Unix file: 4 folder, 8 file, 0 not given
            _check_member(label, info.filename, kind in (0, 4, 8))
            if info.file_size > _SMALL + MOST_UNPACKED * info.compress_size:
                raise _bomb(label)
    return archive


def open_member(archive: zipfile.ZipFile, label: str, member: str) -> BinaryIO:
    """Open one member of a zip by its exact name."""
    info = _info(archive, label, member)
    with archive_errors(label):
        try:
            file = archive.open(info)
        except RuntimeError as error:  # encrypted
            hint = "unpack it and name the file inside"
            raise SenticliError(f"{label}: {error}", hint) from error
    return io.BufferedReader(file, 1 << 20)  # type: ignore[type-var]


def file_names(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of a zip's files."""
    # macOS adds a shadow of every file to the zips it makes.
    return [
        info.filename
        for info in archive.infolist()
        if not info.is_dir() and not info.filename.startswith("__MACOSX/")
    ]


def some(names: Sequence[str]) -> str:
    """Return the first of many names, in one line."""
    return ", ".join([*names[:10], *(["…"] if len(names) > 10 else [])])


def extent(archive: zipfile.ZipFile, label: str, member: str) -> tuple[int, int]:
    """Return the offsets in a zip between which ``member`` is."""
    start = _info(archive, label, member).header_offset
    after = [info.header_offset for info in archive.infolist() if info.header_offset > start]
    return start, min(after, default=archive.start_dir)


def _read_member(archive: zipfile.ZipFile, label: str, member: str) -> bytes:
    with open_member(archive, label, member) as file:
        return file.read()


def _info(archive: zipfile.ZipFile, label: str, member: str) -> zipfile.ZipInfo:
    try:
        return archive.getinfo(member)
    except KeyError:
        held = some(file_names(archive)) or "nothing"
        raise SenticliError(
            f"{label} has no {member}; it holds {held}", "name the archive that holds it"
        ) from None


# --- safety


class _Limited:
    """A stream that gives up after ``limit`` bytes, be they of files or of an endless header."""

    def __init__(self, file: gzip.GzipFile, limit: int, label: str) -> None:
        self._file, self._left, self._label = file, limit, label

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise _bomb(self._label)
        return data


def _check_member(label: str, name: str, plain: bool) -> None:
    """Raise SenticliError unless a member is ``plain`` and its path stays inside the archive."""
    parts = re.split(r"[/\\]", name)
    if not plain:
        problem = "a link or a device"
    elif not parts[0] or parts[0].endswith(":"):
        problem = "an absolute path"
    elif ".." in parts:
        problem = "a path that leads out of it"
    else:
        return
    raise _refusal(label, f"its member {name!r} is {problem}")


def _bomb(label: str) -> SenticliError:
    return _refusal(label, f"it unpacks to more than {MOST_UNPACKED} times its size")


def _refusal(label: str, reason: str) -> SenticliError:
    return SenticliError(
        f"{label} is refused: {reason}",
        "no sound archive is like that; download it from its publisher",
    )
