"""The lines of a text, whatever its encoding and its line ends."""

import codecs
import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from senticli.errors import SenticliError, UsageError
from senticli.io.formats import DAMAGED, damaged, unreadable
from senticli.io.sniff import LOOKED_AT, reject_binary

MARK = "\ufeff"
BOM = MARK.encode()
FIRST_LINE = 1 << 20  # bytes; a file without an end of line so far may have old Mac ones
LONGEST_FIELD = 16 * 2**20  # characters; what is never closed must not swallow a file
_LONE_CR = re.compile(rb"\r(?!\n)")
_ANY_END = re.compile(rb"\r\n?|\n")


def read_lines(stream: BinaryIO, name: str, encoding: str | None = None) -> Iterator[bytes]:
    """Yield the lines with their ends, in UTF-8; errors of reading name the input.

    A line ends with LF or CR LF. Where the first line holds a CR alone, and in what is there to
    be seen such CRs outnumber the LFs, each of the three ends a line, and LF takes its place.

    Raises:
        SenticliError: it cannot be read, or is not text.
    """
    if encoding:
        stream = io.BufferedReader(_Transcoder(stream, encoding, name), 1 << 17)
    try:
        before, first = b"", stream.readline(FIRST_LINE)
        while first in (b"\n", b"\r\n"):  # each of which is answered before the next is read
            yield first
            before, first = first, stream.readline(FIRST_LINE)
        more = first
        while more and b"\0" in first and len(first) < LOOKED_AT and not first.strip(b"\0\r\n"):
            more = stream.readline(FIRST_LINE)  # UTF-16 may begin with blank lines, too
            first += more
        if not encoding:
            reject_binary(before + first, name)
        if _LONE_CR.search(first):
            # Only here, for it may have to wait for a pipe.
            first += stream.read1(FIRST_LINE)  # type: ignore[attr-defined]  # all ours have it
            if len(_LONE_CR.findall(first)) > first.count(b"\n"):
                yield from _lines_of_any_end(first, stream)
                return
        *whole, last = first.split(b"\n")
        yield from (line + b"\n" for line in whole)
        last += stream.readline()
        if without_bom(last) or (last and whole):
            yield last
        yield from stream
    except UnicodeError as error:  # of which a missing mark of UTF-16 is another kind
        raise SenticliError(
            f"{name} is not {encoding} text: {getattr(error, 'reason', error)}",
            "name its encoding, such as utf-16-le or cp1252: `encoding=NAME`",
        ) from error
    except DAMAGED as error:
        raise damaged(name, error) from error
    except OSError as error:
        raise unreadable(name, error) from error


def without_bom(line: bytes) -> bytes:
    """Return a line without the byte order marks at its start.

    Files that are joined have them in the middle, and some programs add one each time.
    """
    while line.startswith(BOM):
        line = line.removeprefix(BOM)
    return line


def _lines_of_any_end(start: bytes, stream: BinaryIO) -> Iterator[bytes]:
    """Yield lines that end with CR, LF or both, with LF in their place."""
    rest = start
    while chunk := stream.read1(FIRST_LINE):  # type: ignore[attr-defined]
        # The last character waits: after a CR there may come an LF.
        *lines, rest = _ANY_END.split(rest + chunk[:-1])
        yield from (line + b"\n" for line in lines)
        rest += chunk[-1:]
    *lines, rest = _ANY_END.split(rest)
    yield from (line + b"\n" for line in lines)
    if rest:
        yield rest


class _Transcoder(io.RawIOBase):
    """Reads text of any encoding as UTF-8. Raises UnicodeDecodeError for what is not in it."""

    def __init__(self, file: BinaryIO, encoding: str, name: str) -> None:
        self._file, self._encoding, self._name = file, encoding, name
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready = b""
        self._begun = self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._ended:
            chunk = self._file.read1(1 << 16)  # type: ignore[attr-defined]  # all ours have it
            if not self._begun:
                reject_binary(chunk, self._name, self._encoding)
            self._begun, self._ended = True, not chunk
            self._ready = self._decoder.decode(chunk, self._ended).encode(errors="replace")
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


def check_encoding(encoding: str) -> str:
    """Return ``encoding`` if Python can read text in it. Raises UsageError."""
    try:
        if codecs.lookup(encoding)._is_text_encoding:
            return encoding
    except (LookupError, ValueError):
        pass
    raise UsageError(
        f"{encoding!r} is not a text encoding", "use one such as cp1252, latin-1, utf-16 or gbk"
    )
