"""HTTP as downloads need it: a client, which errors are worth a retry, and their wording."""

import email.utils
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx

from senticli import __version__
from senticli.download.responses import parse_count
from senticli.download.urls import without_password
from senticli.errors import SenticliError
from senticli.log import log

CONNECT_TIMEOUT = 15.0
"""Seconds until a server that does not answer is given up."""
READ_TIMEOUT = 30.0
"""Seconds without a byte until a stalled connection is given up."""
RETRY_WAITS = (1.0, 2.0, 5.0, 10.0, 20.0)
"""Seconds before each retry."""
LONGEST_WAIT = 120.0
"""Seconds that a server may ask to wait before it is given up."""
PROGRESS = 1 << 20
"""Bytes after which all retries are available again."""
LEAST_RATE, RATE_WINDOW = 1_000, 60.0
"""A connection that gives fewer bytes a second than this, over so many seconds, has stalled."""

ERRORS = (httpx.HTTPError, httpx.InvalidURL, UnicodeError)
"""Errors that a request may raise."""

_RETRY_STATUSES = {408, 425, 429, 500, 502, 503, 504}
_INVALID = (httpx.InvalidURL, UnicodeError)


class WholeFile(httpx.RemoteProtocolError):
    """A server has sent the whole file in place of a part, as some caches do once."""


def open_client(url: str) -> httpx.Client:
    """Return a client for ``url`` that obeys the environment's proxies and certificates.

    Raises:
        SenticliError: the environment names what cannot be used.
    """

    def check(request: httpx.Request) -> None:
        # Called for each redirect, too. Who names an http:// URL wants it.
        place = without_password(str(request.url))
        if request.url.scheme != "https" and url.startswith("https:"):
            raise SenticliError(
                f"refused a redirect from HTTPS to plain HTTP: {place}",
                "name a URL that you trust",
            )

        log("fetching %s, %s", place, request.headers.get("range", "all of it"))

    try:
        return httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT),
            # The archive itself is wanted, not a server's compression of it.
            headers={"User-Agent": f"senticli/{__version__}", "Accept-Encoding": "identity"},
            event_hooks={"request": [check]},
        )
    except ImportError as error:
        raise SenticliError(
            f"the proxy that the environment names needs a package: {error}",
            'pip install "httpx[socks]", or unset ALL_PROXY',
        ) from error
    except (OSError, ValueError, httpx.InvalidURL) as error:
        # But for the system's, these errors may quote a part of a proxy's password.
        why = error if isinstance(error, OSError) else "a variable that names proxies is invalid"
        raise SenticliError(
            f"the network cannot be set up: {why}",
            "check the variables SSL_CERT_FILE, SSL_CERT_DIR, HTTP(S)_PROXY, ALL_PROXY, NO_PROXY",
        ) from error


def not_too_slow(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks of a body; raise httpx.ReadTimeout if they come below LEAST_RATE."""
    since, size = time.monotonic(), 0
    for chunk in chunks:
        yield chunk
        size += len(chunk)
        now = time.monotonic()
        if now - since > RATE_WINDOW:
            if size < LEAST_RATE * (now - since):
                raise httpx.ReadTimeout("")
            since, size = now, 0


class Retries:
    """The retries of one transfer: all of RETRY_WAITS again after each PROGRESS bytes."""

    def __init__(self) -> None:
        self.received = 0
        """Bytes so far, which the transfer counts."""
        self._waits, self._renewed_at = iter(RETRY_WAITS), 0

    def wait_after(self, error: Exception) -> float | None:
        """Return the seconds to wait before a retry; None if there should be none."""
        if self.received - self._renewed_at >= PROGRESS:
            self._waits, self._renewed_at = iter(RETRY_WAITS), self.received
        if not _is_transient(error, connected=self.received > 0):
            return None
        wait, asked = next(self._waits, None), _retry_after(error)
        return None if wait is None or asked > LONGEST_WAIT else max(wait, asked)


def _is_transient(error: Exception, *, connected: bool) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _RETRY_STATUSES
    cause = root_cause(error)
    if isinstance(cause, socket.gaierror):
        return connected  # a host that was known until now, which others will not be soon
    return (
        isinstance(error, httpx.TransportError)
        and not isinstance(error, httpx.UnsupportedProtocol | httpx.ProxyError)
        and not isinstance(cause, ssl.SSLCertVerificationError)
    )


def _retry_after(error: Exception) -> float:
    """Return the seconds that a server asks to wait: ``Retry-After``, a number or a date."""
    if not isinstance(error, httpx.HTTPStatusError):
        return 0.0
    asked = error.response.headers.get("Retry-After", "")
    if (seconds := parse_count(asked)) is not None:
        return float(seconds)
    with suppress(TypeError, ValueError, OverflowError):
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    return 0.0


def describe(error: Exception, url: str, label: str) -> str:
    """Return what went wrong in fetching ``label`` from ``url``, without any password."""
    if isinstance(error, _INVALID) or isinstance(error.__context__, _INVALID):
        # The error itself may quote a part of a password.
        return f"{url} is an invalid URL, or redirects to one"
    # A redirect may have led to another host than was asked.
    request: httpx.Request | None = getattr(error, "_request", None)
    asked = request.url if request else httpx.URL(url)
    host, place = asked.host, without_password(str(asked))
    cause = root_cause(error)
    if isinstance(error, httpx.HTTPStatusError):
        response, wait = error.response, _retry_after(error)
        more = f", and asks to wait {wait:,.0f} s" if wait > LONGEST_WAIT else ""
        place = without_password(str(response.url))
        return f"{place} answers {response.status_code} {response.reason_phrase}{more}"
    if isinstance(error, httpx.TooManyRedirects):
        return f"{url} redirects too many times"
    if isinstance(cause, socket.gaierror):
        return f"no network, or {host} is unknown: {cause.strerror}"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate of {host} is not trusted: {cause.verify_message}"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy does not let {place} through: {error}"
    if isinstance(error, httpx.TimeoutException):
        return f"{host} did not answer in time"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return f"{host} cut off {label}: {error or type(error).__name__}"
    return f"cannot reach {place}: {error or type(error).__name__}"


def hint_for(error: Exception, otherwise: str) -> str:
    """Return what to do about an error, which for most is ``otherwise``."""
    cause = root_cause(error)
    if isinstance(cause, socket.gaierror):
        return f"check the connection; {otherwise}"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "behind a proxy that inspects traffic, set SSL_CERT_FILE to its certificate"
    return otherwise


def root_cause(error: BaseException) -> BaseException:
    """Return the first error of a chain: httpx and httpcore wrap the socket's own."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error
