"""Sinks of answers: standard output, or a file that is complete or does not exist.

A file is written as ``NAME.partial``, always as text, and becomes ``NAME`` at the end. A killed run
leaves the partial file and beside it what it was made from: ``NAME.partial.json`` (the model and
the options) and ``NAME.partial.inputs`` (a digest of each record that was answered). Resuming
compares them, so that it continues only with the same. After success a hidden ``.NAME.done`` says
what the file was made from. None of these holds a text.
"""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from senticli.errors import SenticliError, UsageError
from senticli.io import atomic, jsonfile
from senticli.io.readers import Record
from senticli.io.writers import Writer, complete
from senticli.log import log

DIGEST = 8  # bytes


class Sink(Protocol):
    """Takes the bytes of the answers."""

    records: int
    """Records that were answered before, by another run."""
    is_new: bool
    """True if nothing was written before, not even a header."""
    is_complete: bool
    """True if another run has answered all records."""

    def check(self, position: int, record: Record) -> None:
        """Raise UsageError unless ``record`` is what was answered at ``position``, from 0."""

    def write(self, data: bytes, record: Record | None = None) -> None:
        """Write what belongs to ``record``, or to none."""

    def finish(self) -> None:
        """Complete the output."""

    def stop(self, records: int) -> Path | None:
        """Write no more after so many; return the partial file that a run can resume."""


class Stream:
    """A pipe, a device, a terminal.

    Args:
        file: what to write to.
        name: what it is called in errors.
        unbuffered: pass on every answer at once.
        clean: applied to the text, for a terminal that would obey some of it.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        *,
        unbuffered: bool = False,
        clean: Callable[[str], str] | None = None,
    ) -> None:
        self.records, self.is_new, self.is_complete = 0, True, False
        self._file, self._name, self._unbuffered, self._clean = file, name, unbuffered, clean

    def check(self, position: int, record: Record) -> None:
        """Do nothing: no record was answered before."""

    def write(self, data: bytes, record: Record | None = None) -> None:
        """Write some more."""
        if self._clean:
            data = self._clean(data.decode(errors="replace")).encode()
        self._try(lambda: self._file.write(data))
        if self._unbuffered:
            self.finish()

    def finish(self) -> None:
        """Pass on what is held back."""
        self._try(self._file.flush)

    def stop(self, records: int) -> Path | None:
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
    """A file in the making, or one that is complete; see :meth:`open`."""

    def __init__(self, path: Path, convert: Callable[[BinaryIO, BinaryIO], None] | None) -> None:
        self.path, self._convert = path, convert
        self._partial = path.with_name(f"{path.name}{atomic.PARTIAL}")
        self._source_file = path.with_name(f"{self._partial.name}.json")
        self._inputs_file = path.with_name(f"{self._partial.name}.inputs")
        self._marker = path.with_name(f".{path.name}.done")
        self.records, self.is_new, self.is_complete = 0, True, False
        self._source: dict[str, Any] = {}
        self._checked = hashlib.sha256()  # of the records of a file that is complete
        self._answered: list[bytes] = []  # the digest of each input that was answered before
        self._file: BinaryIO
        self._inputs: BinaryIO

    @classmethod
    def open(
        cls,
        path: Path,
        writer: Writer,
        source: Mapping[str, Any],
        input_file: Path | None,
        stack: ExitStack,
        *,
        convert: Callable[[BinaryIO, BinaryIO], None] | None,
        resume: bool,
        force: bool,
    ) -> "OutputFile":
        """Begin a file, resume one, or find it complete.

        Args:
            path: where it will be.
            writer: what makes the partial file.
            source: what the output depends on besides its input, by what it is called if it
                differs; it must be the same to resume.
            input_file: the input, if it is a file.
            stack: until it ends, no other process writes the same file.
            convert: writes the file from the partial one, where they differ.
            resume: continue a partial file, if there is one.
            force: replace a file that exists.

        Raises:
            SenticliError: another process writes it; there is a file, or a partial one, and no
                word on what to do with it; or it was made from something else.
        """
        path = path.resolve()  # a link stays one
        check_place(path, "output")
        file = cls(path, convert)
        if input_file and input_file.exists() and file._is_mine(input_file):
            raise UsageError(
                f"{input_file} would be overwritten while it is read", "choose another `output`"
            )
        file._source = json.loads(json.dumps(source))
        try:
            stack.enter_context(atomic.exclusive(atomic.lock_of(path), file._refuse))
            match file._existing():
                case Existing.PARTIAL if resume and (file._same(file._source_file, force)):
                    file._resume(writer)
                case Existing.PARTIAL if not force:
                    raise UsageError(
                        f"{file._partial} is left from a run that did not end",
                        "resume it with `resume=True`, or start again with `force=True`",
                    )
                case Existing.COMPLETE if resume and not force:
                    file._check_marker()
                    file.is_new, file.is_complete = False, True
                case Existing.COMPLETE if not force:
                    raise UsageError(f"{path} exists already", "replace it: `force=True`")
                case _:
                    file._begin()
        except OSError as error:
            raise file._unwritable(error) from error
        return file

    def _refuse(self) -> None:
        raise SenticliError(
            f"{self.path} is being written by another process", "wait for it, or name another file"
        )

    def _is_mine(self, file: Path) -> bool:
        mine = (self._partial, self._source_file, self._inputs_file)
        return any(other.exists() and other.samefile(file) for other in mine)

    def _existing(self) -> "Existing":
        if self._partial.exists():
            return Existing.PARTIAL
        return Existing.COMPLETE if self.path.exists() else Existing.NOTHING

    def _begin(self) -> None:
        # First, so that a kill in between leaves no old answers beside new options.
        for old in (self._marker, self._partial, self._inputs_file):
            old.unlink(missing_ok=True)
        atomic.write_text(self._source_file, json.dumps({"source": self._source}))
        # Unbuffered: an answer in the partial file counts only if its input is known.
        self._inputs = self._inputs_file.open("wb", buffering=0)
        self._file = self._partial.open("w+b")

    def _resume(self, writer: Writer) -> None:
        """Continue after the last record that is whole and whose input is known."""
        self._inputs = self._inputs_file.open("a+b", buffering=0)
        self._inputs.seek(0)
        known = self._inputs.read()
        self._file = self._partial.open("r+b")
        self.records, size = complete(
            self._file, writer.dialect, writer.rows_before, len(known) // DIGEST
        )
        self._file.seek(size)
        self._file.truncate()
        self._inputs.truncate(self.records * DIGEST)
        self._answered = [known[n * DIGEST : (n + 1) * DIGEST] for n in range(self.records)]
        self.is_new = size == 0

    def _same(self, file: Path, force: bool) -> bool:
        """Return True if the output depends on what ``file`` says; if not and not ``force``, raise.

        Raises:
            UsageError: it was made with something else.
        """
        if file == self._marker and not file.exists():
            raise UsageError(
                f"{self.path} cannot be resumed: nothing beside it says that senticli wrote it",
                "name another file, or replace this one: `force=True`",
            )
        try:
            before = jsonfile.parse(file.read_bytes())["source"]
            other = next(
                (name for name, value in self._source.items() if before.get(name) != value), None
            )
        except (OSError, *jsonfile.INVALID):
            other = "something unknown"
        if other and not force:
            raise UsageError(
                f"{self.path} was made with {other}, and cannot be resumed",
                "start again: `force=True`",
            )
        return not other

    def _check_marker(self) -> None:
        """Raise UsageError unless the file is what a run like this one has completed."""
        self._same(self._marker, force=False)
        status = self.path.stat()
        try:
            marker = jsonfile.parse(self._marker.read_bytes())
            unchanged = marker["file"] == [status.st_size, status.st_mtime_ns]
            self.records = marker["records"]
            self._answered = [bytes.fromhex(marker["inputs"])]
        except jsonfile.INVALID:
            unchanged = False
        if not unchanged:
            raise UsageError(
                f"{self.path} was changed after it was completed", "start again: `force=True`"
            )

    def check(self, position: int, record: Record) -> None:
        """Raise UsageError unless ``record`` is what was answered at ``position``, from 0.

        Of a file that is complete, only :meth:`finish` knows.
        """
        if self.is_complete:
            self._checked.update(_digest(record))
        elif self._answered[position] != _digest(record):
            raise self._another_input(f"; record {position + 1:,} differs")

    def _another_input(self, more: str = "") -> UsageError:
        return UsageError(
            f"{self.path} was made from another input{more}",
            "give the same input, or start again: `force=True`",
        )

    def write(self, data: bytes, record: Record | None = None) -> None:
        """Write what belongs to ``record``, or to none."""
        if self.is_complete:
            raise self._another_input()
        try:
            self._file.write(data)
            if record:
                self._inputs.write(_digest(record))
        except OSError as error:
            raise self._unwritable(error) from error

    def finish(self) -> None:
        """Put the file in its place, and beside it a marker of what it was made from.

        Raises:
            UsageError: it is there already, and was made from other records.
        """
        if self.is_complete:
            if self._checked.digest() != self._answered[0]:
                raise self._another_input()
            return
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
            self._inputs.close()
            status = made.stat()
            marker = {
                "source": self._source,
                "file": [status.st_size, status.st_mtime_ns],
                "records": self._inputs_file.stat().st_size // DIGEST,
                "inputs": atomic.sha256_of(self._inputs_file),
            }
            atomic.write_text(self._marker, json.dumps(marker))
            made.replace(self.path)
            log("wrote %s", self.path)
            self._remove_partial()
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            if made != self._partial:
                made.unlink(missing_ok=True)

    def _remove_partial(self) -> None:
        for file in (self._partial, self._source_file, self._inputs_file):
            file.unlink(missing_ok=True)

    def stop(self, records: int) -> Path | None:
        """Keep what there is; nothing, where there is no record."""
        if self.is_complete:
            return None
        try:
            self._file.close()
            self._inputs.close()
            if not self.records + records:
                self._remove_partial()
                return None
        except OSError as error:
            raise self._unwritable(error) from error
        return self._partial

    def _unwritable(self, error: OSError) -> SenticliError:
        what = (error.strerror or str(error)).lower()
        hint = "check the folder's name and permissions"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            hint = "make room, then continue with `resume=True`: what was written is kept"
        return SenticliError(f"cannot write {self._partial}: {what}", hint)


class Existing(Enum):
    """The state of an output before a run."""

    NOTHING = 0
    PARTIAL = 1
    COMPLETE = 2


def _digest(record: Record) -> bytes:
    """Return a few bytes that tell the input of one record from another.

    A row of Parquet has no bytes of its own: its values stand for them.
    """
    content = record.raw or repr(dict(record.fields)).encode(errors="surrogatepass")
    return hashlib.blake2b(content, digest_size=DIGEST).digest()


def check_place(path: Path, setting: str) -> None:
    """Raise UsageError if there can be no file at ``path``, which ``setting`` names."""
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder", f"name a file: `{setting}=FILE`")
    if not path.parent.is_dir():
        raise UsageError(
            f"cannot write {path}: there is no folder {path.parent}", "create the folder first"
        )


def is_special(path: Path) -> bool:
    """Return True for a pipe, a device or an open stream, which takes answers as they come."""
    if str(path).startswith(("/dev/std", "/dev/fd/", "/proc/")):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()
