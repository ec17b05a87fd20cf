"""A file on a web server, read as if it were on disk.

What is read is fetched once and kept in a folder, so that a process that was killed, or cut off
for good, is gone on with by the next::

    remote.json    address, size and validator (ETag or Last-Modified) of the file
    0  861000000   pieces of it, each named by where in the file it begins

A piece only grows at its end, so whatever a killed process leaves of it is good. ``If-Range``
keeps pieces of two versions of a file apart.
"""

import email.utils
import errno
import io
import json
import re
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from senticli import __version__
from senticli.download.urls import PAGE, is_page, without_password
from senticli.errors import Interrupted, SenticliError
from senticli.io import atomic, jsonfile
from senticli.io.disk import writing
from senticli.progress import Notice, OnProgress, Progress

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT = 15.0
"""Seconds until a server that does not answer is given up."""
READ_TIMEOUT = 30.0
"""Seconds without a byte until a stalled connection is given up."""
RETRY_WAITS = (1.0, 2.0, 5.0, 10.0, 20.0)
"""Seconds before each new try; their number is the number of retries."""
LONGEST_WAIT = 120.0
"""Seconds that a server may ask to be left alone before it is given up."""
GOOD_START = 1 << 20
"""Bytes after which a connection has done well, and all retries are available again."""
TAIL = 1 << 16
"""Bytes fetched first where ranges are wanted: at a zip's end is its directory."""
LEAST_RATE, RATE_WINDOW = 1_000, 60.0
"""A connection that gives fewer bytes a second than this, over so many seconds, has stalled."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)

_RETRY_STATUSES = {408, 425, 429, 500, 502, 503, 504}
_STATE = "remote.json"


class StartAgain(Exception):
    """The file has changed on the server, or cannot be gone on with. Nothing of it is kept."""


class NoRanges(Exception):
    """The server does not give parts of a file."""


class RemoteFile(io.RawIOBase):
    """A file at ``url`` as a seekable binary file, which fetches what is read and not here yet.

    With ``ranges``, only what is read is fetched, and a server that gives no parts of a file
    raises NoRanges. Without, :meth:`fetch_all` fetches the file from its start.

    Args:
        url: http or https.
        folder: where the pieces are kept; one process at a time uses it.
        label: how to call the file in progress and errors.
        hint: what to do when it cannot be had.
        report: told about progress, and about retries.
        ranges: fetch parts alone.

    Raises:
        Interrupted: when reading, if the network or the disk fails; the pieces stay.
        StartAgain, NoRanges: when reading, see there.
        SenticliError: the address is answered by something else than the file.
    """

    def __init__(
        self, url: str, folder: Path, *, label: str, hint: str, report: OnProgress, ranges: bool
    ) -> None:
        super().__init__()
        self.url = url
        self.name = without_password(url)
        """The address as it may be shown."""
        self.size: int | None = None
        """Bytes of the whole file, once known."""
        self._folder, self._label, self._hint, self._report = folder, label, hint, report
        self._ranges = ranges
        self._validator: str | None = None
        self._known = False  # whether size and validator are those of the server's answer
        self._pieces: list[_Piece] = []
        self._window: tuple[int, int] | None = None
        self._position = 0
        self._wholes = 0  # answers with the whole file to a question for a part
        self._check: Callable[[], None] | None = None
        self._transfer: Iterator[int] | None = None
        self._at = -1  # where the running transfer goes on
        self._client = _client(url)
        self._load()
        self.resumed = sum(piece.stop - piece.start for piece in self._pieces)
        """Bytes that were here from an earlier process."""

    # --- fetching

    def fetch_all(self, check: Callable[[], None]) -> None:
        """Fetch what is missing of the whole file.

        ``check`` is called when its size is known, and before anything of it is kept.
        """
        self._check = check
        if self._known:
            self._begin()
        at = self._pieces[0].stop if self._pieces else 0
        if self.size is None or at < self.size:
            for _ in self._fetch(at, None):
                pass

    def find_size(self) -> int:
        """The size of the file, asked of the server unless it is known, with the file's tail."""
        if self.size is None:
            for _ in self._fetch(None, None):
                pass
        assert self.size is not None  # an answer with a range tells it
        return self.size

    def will_read(self, start: int, stop: int) -> None:
        """Fetch no further than ``stop`` for reads from ``start`` on, and report on that part."""
        self._window = (start, stop)

    def held(self) -> int:
        """Bytes that are here, of the part that :meth:`will_read` has named or of the file."""
        start, stop = self._window or (0, self.size or 1 << 62)
        return sum(max(0, min(p.stop, stop) - max(p.start, start)) for p in self._pieces)

    def discard(self) -> None:
        """Remove what was fetched."""
        self._end_transfer()
        self._forget()

    def _forget(self) -> None:
        for piece in self._pieces:
            piece.close()
        self._pieces.clear()
        self._known, self._validator, self.size = False, None, None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _fetch(self, start: int | None, stop: int | None) -> Iterator[int]:
        """Fetch from ``start`` (None: the tail alone) to ``stop`` (None: the end).

        Yields the number of bytes of each chunk when it is on disk.
        """
        import httpx

        waits, done_well = list(RETRY_WAITS), 0
        received = False
        at = start
        while True:
            before = done_well
            try:
                with self._ask(at, stop) as response:
                    chunks = _not_too_slow(response.iter_raw())
                    position, first = self._judge(response, chunks, at)
                    if position is None:  # the tail was misunderstood, but now its place is known
                        at = max(0, (self.size or 0) - TAIL)
                        continue
                    for chunk in chain([first], chunks):
                        received = True
                        fresh = chunk[max(0, (at or 0) - position) :]  # what is here is skipped
                        position += len(chunk)
                        if fresh:
                            at = position
                            self._append(position - len(fresh), fresh)
                            done_well += len(fresh)
                            yield len(fresh)
                if self.size is None:
                    self.size = position  # it had not said, and the answer ended as it should
                if position >= (self.size if stop is None else stop):
                    return
                if done_well == before:
                    raise httpx.RemoteProtocolError("it sends less than it says")
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
                if done_well >= GOOD_START:
                    waits, done_well = list(RETRY_WAITS), 0
                if not waits or not _worth_retrying(error, received):
                    raise self._given_up(error) from error
                wait = max(waits.pop(0), _retry_after(error))
                if wait > LONGEST_WAIT:
                    more = f", and asks to come back in {wait:,.0f} s"
                    raise self._given_up(error, more) from error
                seconds = f" in {wait:.0f} s" if wait >= 1 else ""
                self._report(Notice(f"{self._describe(error)}; trying again{seconds}"))
                time.sleep(wait)

    def _ask(self, start: int | None, stop: int | None) -> "AbstractContextManager[httpx.Response]":
        headers = {}
        if self._ranges or start:
            last = "" if stop is None else stop - 1
            headers["Range"] = f"bytes=-{TAIL}" if start is None else f"bytes={start}-{last}"
            if self._validator:
                headers["If-Range"] = self._validator
        return self._client.stream("GET", self.url, headers=headers)

    def _judge(
        self, response: "httpx.Response", chunks: Iterator[bytes], start: int | None
    ) -> tuple[int | None, bytes]:
        """Where in the file the body of an answer begins, None if elsewhere; and its first bytes.

        What was fetched before is given up only for another version of the file that has begun to
        arrive: not for an error or a web page in its place.
        """
        import httpx

        if response.status_code == 416 and "Range" in response.request.headers:
            if self._known:  # the file ends before: it is another one
                raise self._start_again()
            raise NoRanges
        response.raise_for_status()
        first = b""
        while len(first) < PAGE and (chunk := next(chunks, b"")):
            first += chunk
        whole = response.status_code != 206
        if whole and (is_page(first) or "text/html" in response.headers.get("Content-Type", "")):
            address = without_password(str(response.url))
            raise Interrupted(
                f"{address} is an HTML page where {self._label} should be", self._hint
            )

        validator = _validator(response)
        if whole:
            position, end, size = 0, None, _number(response.headers.get("Content-Length", ""))
            same = validator is not None and validator == self._validator
        else:
            told = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
            if not told or "Range" not in response.request.headers:
                raise self._no_ranges()
            position, end, size = int(told[1]), int(told[2]), int(told[3])
            same = validator in (None, self._validator)  # it need not repeat it
        if not self._known or (whole and not self._pieces):
            if whole and self._ranges:
                raise NoRanges
            self._remember(size, validator)
        elif not same or (None not in (size, self.size) and size != self.size):
            raise self._start_again()
        elif whole and self._ranges:
            self._wholes += 1
            if self._wholes > 2:
                raise NoRanges
            raise httpx.RemoteProtocolError("it sends the whole file in place of a part")
        elif self.size is None:
            self.size = size
        if start is None and not whole and end != (size or 0) - 1:
            return None, b""
        if not whole and start not in (None, position):
            raise self._no_ranges()
        self._begin()
        return position, first

    def _no_ranges(self) -> Exception:
        """What follows from a server that cannot be asked for a part."""
        return NoRanges() if self._ranges else self._start_again()

    def _begin(self) -> None:
        check, self._check = self._check, None
        if check:
            check()

    def _remember(self, size: int | None, validator: str | None) -> None:
        self.size, self._validator, self._known = size, validator, True
        state = {"url": self.name, "size": size, "validator": validator}
        with writing(self._folder):
            atomic.write_text(self._folder / _STATE, json.dumps(state) + "\n")

    def _load(self) -> None:
        """Take up what an earlier process has left, if it can be gone on with."""
        try:
            state = _read_state(self._folder)
            if state["url"] == self.name:
                self.size, self._validator, self._known = state["size"], state["validator"], True
                for path in self._folder.iterdir():
                    if path.name.isdigit():
                        self._pieces.append(_Piece(path))
                return
        except (OSError, *jsonfile.INVALID):
            pass
        self.discard()

    def _start_again(self) -> StartAgain:
        self._forget()
        return StartAgain()

    def _append(self, at: int, chunk: bytes) -> None:
        piece = next((piece for piece in self._pieces if piece.stop == at), None)
        with writing(self._folder):
            if not piece:
                self._folder.mkdir(parents=True, exist_ok=True)
                piece = _Piece(self._folder / str(at))
                self._pieces.append(piece)
            piece.append(chunk)
        if self._window or not self._ranges:
            total = self._window[1] - self._window[0] if self._window else self.size
            self._report(Progress("downloading", self._label, self.held(), total))

    # --- io.RawIOBase

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position in the file."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position; nothing is fetched but the size, where that is needed."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}
        position = offset + (start[whence] if whence in start else self.find_size())
        if position < 0:
            raise OSError(errno.EINVAL, "a place before the file's start")
        self._position = position
        return position

    def readinto(self, buffer: Any) -> int:
        """Read some bytes at the position, fetched if they are not here."""
        size = self.find_size()
        if self._position >= size or not len(buffer):
            return 0
        while True:
            for piece in self._pieces:
                if piece.start <= self._position < piece.stop:
                    with writing(self._folder):
                        count = piece.read_into(buffer, self._position)
                    self._position += count
                    return count
            if self._transfer is None or self._at != self._position:
                self._end_transfer()
                self._at, stop = self._position, size
                if self._window and self._window[0] <= self._at < self._window[1]:
                    stop = self._window[1]
                stop = min([stop, *(p.start for p in self._pieces if p.start > self._at)])
                self._transfer = self._fetch(self._at, stop)
            transfer, self._transfer = self._transfer, None
            fetched = next(transfer, None)
            if fetched is not None:
                self._transfer = transfer
                self._at += fetched

    def close(self) -> None:
        """Close the connection and the pieces, which stay if they can be gone on with."""
        if not self.closed:
            self._end_transfer()
            for piece in self._pieces:
                piece.close()
            if not self._validator:
                self._forget()
            self._client.close()
        super().close()

    def _end_transfer(self) -> None:
        transfer, self._transfer = self._transfer, None
        if transfer is not None:
            transfer.close()  # type: ignore[attr-defined]

    # --- errors

    def _given_up(self, error: Exception, more: str = "") -> Interrupted:
        hint = self._hint
        cause = _cause(error)
        if isinstance(cause, socket.gaierror):
            hint = f"check the connection; {hint}"
        elif isinstance(cause, ssl.SSLCertVerificationError):
            hint = "behind a proxy that inspects traffic, set SSL_CERT_FILE to its certificate"
        elif self._pieces and self._validator:
            hint = f"the same command goes on where it stopped; or {hint}"
        return Interrupted(self._describe(error) + more, hint)

    def _describe(self, error: Exception) -> str:
        import httpx

        invalid = (httpx.InvalidURL, UnicodeError)
        if isinstance(error, invalid) or isinstance(error.__context__, invalid):
            # Their words may quote a part of a password.
            return f"{self.name} is or leads to an invalid address"
        # A redirect may have led to another host than was asked.
        request = getattr(error, "_request", None)
        asked = request.url if request is not None else httpx.URL(self.url)
        host, place = asked.host, without_password(str(asked))
        cause = _cause(error)
        if isinstance(error, httpx.HTTPStatusError):
            response = error.response
            address = without_password(str(response.url))
            return f"{address} answers {response.status_code} {response.reason_phrase}"
        if isinstance(error, httpx.TooManyRedirects):
            return f"{self.name} is redirected without end"
        if isinstance(cause, socket.gaierror):
            return f"no network, or {host} is unknown: {cause.strerror}"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {host} is not trusted: {cause.verify_message}"
        if isinstance(error, httpx.ProxyError):
            return f"the proxy does not let {place} through: {error}"
        if isinstance(error, httpx.TimeoutException):
            return f"{host} did not answer in time"
        if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
            return f"{host} cut off {self._label}: {error or type(error).__name__}"
        return f"cannot reach {place}: {error or type(error).__name__}"


class _Piece:
    """Bytes ``start`` to ``stop`` of the file, in a file named by ``start``."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b")
        self.start = int(path.name)
        self.stop = self.start + self._file.seek(0, io.SEEK_END)

    def append(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._file.flush()  # so that a kill loses nothing
        self.stop += len(chunk)

    def read_into(self, buffer: Any, position: int) -> int:
        self._file.seek(position - self.start)
        return self._file.readinto(memoryview(buffer)[: self.stop - position])

    def close(self) -> None:
        with suppress(OSError):  # a full disk was told of when it was written
            self._file.close()


def _not_too_slow(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks of a body, as long as they come at LEAST_RATE or more."""
    import httpx

    since, size = time.monotonic(), 0
    for chunk in chunks:
        yield chunk
        size += len(chunk)
        now = time.monotonic()
        if now - since > RATE_WINDOW:
            if size < LEAST_RATE * (now - since):
                raise httpx.ReadTimeout("")
            since, size = now, 0


def bytes_kept(folder: Path) -> int:
    """Bytes of a download in ``folder`` that a next process can go on with."""
    try:
        _read_state(folder)
        return sum(path.stat().st_size for path in folder.iterdir() if path.name.isdigit())
    except (OSError, *jsonfile.INVALID):
        return 0


def _read_state(folder: Path) -> dict[str, Any]:
    """Return what is known of the pieces in ``folder``.

    Raises:
        OSError, and those of jsonfile.INVALID: they cannot be gone on with.
    """
    state = jsonfile.parse((folder / _STATE).read_bytes())
    # Without a validator nobody knows whether the pieces are of the file as it is now.
    if not state["validator"] or not isinstance(state["size"], int | None):
        raise ValueError("size, validator")
    return state


def _client(url: str) -> "httpx.Client":
    import httpx

    def refuse_downgrade(request: httpx.Request) -> None:
        # Called for each redirect, too. Who names an http:// address wants it.
        if request.url.scheme != "https" and url.startswith("https:"):
            place = without_password(str(request.url))
            raise SenticliError(
                f"refused to be sent from HTTPS to plain HTTP: {place}",
                "senticli leaves HTTPS only for an address that you name: `source=URL`",
            )

    try:
        return httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT),
            # The archive itself is wanted, not a server's compression of it.
            headers={"User-Agent": f"senticli/{__version__}", "Accept-Encoding": "identity"},
            event_hooks={"request": [refuse_downgrade]},
        )
    except ImportError as error:
        raise SenticliError(
            f"the proxy that the environment names needs a package: {error}",
            'pip install "httpx[socks]", or unset ALL_PROXY',
        ) from error
    except (OSError, ValueError, httpx.InvalidURL) as error:
        # But for those of the system, their words may quote a part of a proxy's password.
        why = error if isinstance(error, OSError) else "a variable that names proxies is invalid"
        raise SenticliError(
            f"the network cannot be set up: {why}",
            "check the variables SSL_CERT_FILE, SSL_CERT_DIR, HTTP(S)_PROXY, ALL_PROXY, NO_PROXY",
        ) from error


def _validator(response: "httpx.Response") -> str | None:
    """What tells this version of a file from others: a strong ETag, or its date."""
    tag: str | None = response.headers.get("ETag")
    if tag and tag.isascii() and not tag.startswith("W/"):
        return tag
    date: str | None = response.headers.get("Last-Modified")
    return date if date and date.isascii() else None


def _number(text: str) -> int | None:
    """A header's number of bytes, if it is one."""
    return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None


def _worth_retrying(error: Exception, received: bool) -> bool:
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _RETRY_STATUSES
    if not isinstance(error, httpx.TransportError):
        return False
    cause = _cause(error)
    # An unknown host will be so a second later, unless it was known until now.
    if isinstance(cause, socket.gaierror):
        return received
    return not isinstance(error, httpx.UnsupportedProtocol | httpx.ProxyError) and not isinstance(
        cause, ssl.SSLCertVerificationError
    )


def _retry_after(error: Exception) -> float:
    """Seconds that the server asks to wait: ``Retry-After``, a number or a date."""
    response = getattr(error, "response", None)
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    if (seconds := _number(asked)) is not None:
        return float(seconds)
    with suppress(TypeError, ValueError, OverflowError):
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    return 0.0


def _cause(error: BaseException) -> BaseException:
    """The first error of a chain: httpx and httpcore wrap the socket's own."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error
