"""A file on a web server, read as if it were on disk: what is read is fetched once and kept."""

import errno
import io
import logging
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import httpx

from senticli.download import http
from senticli.download.pieces import Pieces
from senticli.download.responses import Verdict, judge
from senticli.download.urls import PAGE, without_password
from senticli.errors import Interrupted
from senticli.events import Message, OnEvent, Progress

log = logging.getLogger(__name__)

TAIL = 1 << 16
"""Bytes fetched at once from the end of a zip, where its directory is."""


class CannotResume(Exception):
    """The file has changed on the server, or cannot be resumed. Nothing of it is kept."""


class NoRanges(Exception):
    """The server does not support ranges."""


class RemoteFile(io.RawIOBase):
    """A file at ``url`` as a seekable binary file, which fetches what is read and not on disk.

    :meth:`connect` comes before reading, and without ``only_parts`` :meth:`fetch_all`, too.

    Args:
        client: makes the requests.
        url: http or https.
        folder: where the pieces are kept; one process at a time uses it. Its name is that of the
            file in messages.
        only_parts: fetch only what is read.
        hint: what to do when it cannot be fetched.
        report: called with progress and retries.

    Raises:
        Interrupted: from every method, if the network or the disk fails; the pieces stay.
        CannotResume, NoRanges: from every method, see there.
    """

    def __init__(
        self,
        client: httpx.Client,
        url: str,
        folder: Path,
        *,
        only_parts: bool,
        hint: str,
        report: OnEvent,
    ) -> None:
        super().__init__()
        self.url = without_password(url)
        """The URL as it may be shown."""
        self.name = folder.name
        self._client, self._secret_url, self._only_parts = client, url, only_parts
        self._hint, self._report = hint, report
        self._pieces = Pieces(folder)
        if self._pieces.url != self.url:
            self._pieces.clear()
        version = self._pieces.version
        self.resumed = version is not None
        """True if a part of the file was on disk already."""
        self.size = version.size if version else None
        """Bytes of the whole file; None where the server has not said it."""
        self._window: tuple[int, int] | None = None
        self._position = 0
        self._transfer: Iterator[int] | None = None
        self._transfer_at = 0

    # --- fetching

    def connect(self) -> None:
        """Ask the server for the file, so that its size is known if the server says it."""
        if self._only_parts and self.size is None:
            sum(self._fetch(0, 1))
            sum(self._fetch(max(1, (self.size or 0) - TAIL)))
        elif not self._pieces.version:
            self._fetch_more(0)

    def expect(self, start: int, stop: int | None) -> int:
        """Report progress on a part of the file, and fetch no further for reads inside it.

        Returns the number of its bytes that are on disk.
        """
        self._window = start, sys.maxsize if stop is None else stop
        return self._pieces.count_bytes(*self._window)

    def fetch_all(self) -> None:
        """Fetch the whole file."""
        self._report_progress()
        at = self._pieces.count_bytes()  # of one piece, from the start
        while self.size is None or at < self.size:
            at += self._fetch_more(at)

    def discard(self) -> None:
        """Remove what was fetched."""
        self._end_transfer()
        self._pieces.clear()

    def _fetch_more(self, position: int, stop: int | None = None) -> int:
        """Fetch a chunk at ``position`` of what goes up to ``stop``; return its size."""
        if self._transfer is None or self._transfer_at != position:
            self._end_transfer()
            self._transfer, self._transfer_at = self._fetch(position, stop), position
        count = next(self._transfer, 0)
        self._transfer_at += count
        if not count:
            self._end_transfer()
        return count

    def _end_transfer(self) -> None:
        if self._transfer is not None:
            self._transfer.close()  # type: ignore[attr-defined]
            self._transfer = None

    def _fetch(self, at: int, stop: int | None = None) -> Iterator[int]:
        """Fetch from one offset to another (None: the end), and retry after transient errors.

        Yields the size of each chunk when it is on disk.
        """
        retries = http.Retries()
        while self.size is None or at < (stop or self.size):
            try:
                before = at
                for chunk in self._request(at, stop):
                    self._pieces.append(at, chunk)
                    at += len(chunk)
                    retries.received += len(chunk)
                    self._report_progress()
                    yield len(chunk)
                if self.size is None:
                    self.size = at  # the server has not said it, but its answer is over
                if before == at < (stop or self.size):
                    raise httpx.RemoteProtocolError("fewer bytes than announced")
            except http.ERRORS as error:
                self._wait_to_retry(retries.wait_after(error), error)

    def _wait_to_retry(self, seconds: float | None, error: Exception) -> None:
        """Wait, or end the transfer if ``seconds`` is None."""
        problem = http.describe(error, self.url, self.name)
        if seconds is not None:
            delay = f" in {seconds:.0f} s" if seconds >= 1 else ""
            self._report(Message("info", f"{problem}; trying again{delay}"))
            time.sleep(seconds)
        elif isinstance(error, http.WholeFile):
            raise NoRanges from error
        else:
            hint = f"run it again to resume; or {self._hint}" if self._resumable() else self._hint
            raise Interrupted(problem, http.hint_for(error, hint)) from error

    def _request(self, start: int, stop: int | None) -> Iterator[bytes]:
        """Ask once for a part of the file; yield what arrives of it."""
        asked = start if self._only_parts or start else None
        kept = self._pieces.version
        headers = {}
        if asked is not None:
            headers["Range"] = f"bytes={start}-{stop - 1 if stop else ''}"
            if kept and kept.validator:
                headers["If-Range"] = kept.validator
        with self._client.stream("GET", self._secret_url, headers=headers) as response:
            body = http.not_too_slow(response.iter_raw())
            first = _first_bytes(body) if response.is_success else b""
            status = response.status_code
            answer = judge(status, response.headers, first, asked, kept, self._only_parts)
            log.debug("%s: %s answered with %d, %s", self.url, headers, status, answer)
            self._raise_for(answer.verdict, response)
            if not kept:
                self._pieces.begin(self.url, answer.version)
            if self.size is None:
                self.size = answer.version.size
            on_disk = start - answer.start  # more than 0 if the whole file came, not the rest
            for chunk in chain([first], body):
                if fresh := chunk[on_disk:]:
                    yield fresh
                on_disk = max(0, on_disk - len(chunk))

    def _raise_for(self, verdict: Verdict, response: httpx.Response) -> None:
        """Raise what follows from an answer that is not to be read."""
        match verdict:
            case Verdict.ERROR:
                response.raise_for_status()
            case Verdict.PAGE:
                url = without_password(str(response.url))
                raise Interrupted(f"{url} is an HTML page, not {self.name}", self._hint)
            case Verdict.CHANGED:
                self._pieces.clear()
                raise CannotResume
            case Verdict.NO_RANGES:
                raise NoRanges
            case Verdict.WHOLE:
                raise http.WholeFile("the whole file in place of a part")

    def _report_progress(self) -> None:
        if self._window:
            start, stop = self._window
            total = self.size if stop == sys.maxsize else stop - start
            done = self._pieces.count_bytes(start, stop)
            self._report(Progress(f"downloading {self.name}", done, total))

    def _resumable(self) -> bool:
        return bool(self._pieces.version and self._pieces.version.validator)

    # --- io.RawIOBase

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position; nothing is fetched."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size or 0}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "a position before the start of the file")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read some bytes at the position, and fetch them first if they are not on disk."""
        size = self.size or 0
        if not len(buffer) or self._position >= size:
            return 0
        while not (count := self._pieces.read_into(buffer, self._position)):
            start, stop = self._window or (0, size)
            end = stop if start <= self._position < stop else size
            self._fetch_more(self._position, self._pieces.gap(self._position, end))
        self._position += count
        return count

    def close(self) -> None:
        """End the transfer, and keep the pieces if they can be resumed from."""
        if not self.closed:
            self._end_transfer()
            if not self._resumable():
                self._pieces.clear()
        super().close()


def _first_bytes(body: Iterator[bytes]) -> bytes:
    """Return enough of a body to recognize a web page."""
    first = b""
    while len(first) < PAGE and (chunk := next(body, b"")):
        first += chunk
    return first
