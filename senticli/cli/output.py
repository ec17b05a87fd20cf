"""Where answers go: standard output, or a file that is whole or not there.

A file is written as ``NAME.partial``, always as text, and becomes ``NAME`` at the end. A killed run
leaves the partial file and beside it, in ``NAME.partial.json``, what it was made from, so that
``--resume`` goes on only with the same.
"""

import errno
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from senticli import atomic
from senticli.errors import SenticliError, UsageError
from senticli.text.writers import complete


class Sink(Protocol):
    """Takes the bytes of the answers."""

    records: int
    """Complete records that are there already."""
    is_new: bool
    """Whether nothing is there, not even a header."""

    def write(self, data: bytes) -> None:
        """Write some more."""

    def finish(self) -> None:
        """All is written."""

    def stop(self, records: int) -> str | None:
        """There will be no more after so many; returns how to go on, where that is possible."""


class Stream:
    """A pipe, a device, a terminal; ``unbuffered`` passes on every answer at once."""

    def __init__(self, file: BinaryIO, name: str, unbuffered: bool) -> None:
        self.records, self.is_new = 0, True
        self._file, self._name, self._unbuffered = file, name, unbuffered

    def write(self, data: bytes) -> None:
        """Write some more."""
        self._try(lambda: self._file.write(data))
        if self._unbuffered:
            self.finish()

    def finish(self) -> None:
        """Pass on what is held back."""
        self._try(self._file.flush)

    def stop(self, records: int) -> str | None:
        """Pass on what is held back."""
        self.finish()
        return None

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._name) from error


class OutputFile:
    """A file in the making; see :meth:`open`."""

    def __init__(self, path: Path, convert: Callable[[BinaryIO, BinaryIO], None] | None) -> None:
        self.path, self._convert = path, convert
        self._partial = path.with_name(f"{path.name}{atomic.PARTIAL}")
        self._source_file = path.with_name(f"{self._partial.name}.json")
        self.records, self.is_new = 0, True
        self._file: BinaryIO

    @classmethod
    def open(
        cls,
        path: Path,
        format: str,
        source: Mapping[str, Any],
        source_file: Path | None,
        *,
        convert: Callable[[BinaryIO, BinaryIO], None] | None,
        resume: bool,
        force: bool,
    ) -> "OutputFile | None":
        """Begin a file, or go on with it; None where there is nothing to go on with, as it is done.

        Args:
            path: where it will be.
            format: that of the partial file, one of text.
            source: what the output depends on, which must be the same to resume, by what it is
                called if it is another.
            source_file: the input, if it is a file.
            convert: writes the file from the partial one, where they differ.
            resume: go on from a partial file, if there is one.
            force: replace a file that is there.

        Raises:
            SenticliError: there is a file, or a partial one, and no word on what to do with it; or
                the partial one was made from something else.
        """
        path = path.resolve()  # a link stays one
        if path.is_dir() or not path.parent.is_dir():
            what = "a folder" if path.is_dir() else "in a folder that is not there"
            raise UsageError(f"cannot write {path}: it is {what}", "name a file: --output FILE")
        file = cls(path, convert)
        if source_file and source_file.exists() and file._is_mine(source_file):
            raise UsageError(
                f"{source_file} would be overwritten while it is read", "choose another --output"
            )
        there = file._partial.exists()
        if resume and not there and path.exists() and not force:
            return None
        other = file._other(source) if there and resume else None
        if other and not force:
            raise UsageError(
                f"{file._partial} was made with {other}, and cannot be gone on with",
                "start again: --force",
            )
        go_on = there and resume and not other
        if path.exists() and not force and not go_on:
            raise UsageError(f"{path} is there already", "replace it: --force")
        if there and not go_on and not force:
            raise UsageError(
                f"{file._partial} is there from a run that did not end",
                "go on with --resume, or start again with --force",
            )
        try:
            if go_on:
                file._go_on(format)
            else:
                atomic.write_text(file._source_file, json.dumps(source))
                file._file = file._partial.open("w+b")
        except OSError as error:
            raise file._unwritable(error) from error
        return file

    def _is_mine(self, file: Path) -> bool:
        return any(
            mine.exists() and mine.samefile(file) for mine in (self._partial, self._source_file)
        )

    def _go_on(self, format: str) -> None:
        self._file = self._partial.open("r+b")
        self.records, size = complete(self._file, format)
        self._file.seek(size)
        self._file.truncate()
        self.is_new = size == 0

    def _other(self, source: Mapping[str, Any]) -> str | None:
        """What differs from what the partial file was made with."""
        try:
            before = json.loads(self._source_file.read_bytes())
        except (OSError, ValueError):
            before = {}
        now = json.loads(json.dumps(source))
        return next((name for name, value in now.items() if before.get(name) != value), None)

    def write(self, data: bytes) -> None:
        """Write some more."""
        try:
            self._file.write(data)
        except OSError as error:
            raise self._unwritable(error) from error

    def finish(self) -> None:
        """Put the file in its place."""
        made = self._partial
        try:
            self._file.flush()
            if self._convert:
                made = self.path.with_name(f".{self.path.name}{atomic.PARTIAL}")
                self._file.seek(0)
                with made.open("wb") as file:
                    self._convert(self._file, file)
                    file.flush()
                    os.fsync(file.fileno())
            else:
                os.fsync(self._file.fileno())
            self._file.close()
            made.replace(self.path)
            if self._convert:
                self._partial.unlink()
            self._source_file.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            if made != self._partial:
                made.unlink(missing_ok=True)

    def stop(self, records: int) -> str | None:
        """Keep what there is; nothing, where there is no record."""
        try:
            self._file.close()
            if not self.records + records:
                self._partial.unlink()
                self._source_file.unlink(missing_ok=True)
                return None
        except OSError as error:
            raise self._unwritable(error) from error
        return f"what is done is in {self._partial}; go on with --resume"

    def _unwritable(self, error: OSError) -> SenticliError:
        what = (error.strerror or str(error)).lower()
        hint = "check the folder's name and permissions"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "make room, then go on with --resume: what was written is kept"
        return SenticliError(f"cannot write {self._partial}: {what}", hint)


def is_special(path: Path) -> bool:
    """Whether it is a pipe, a device or an open stream, which takes answers as they come."""
    if str(path).startswith(("/dev/std", "/dev/fd/", "/proc/")):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()
