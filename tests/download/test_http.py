"""Which errors are retried, and when."""

import socket

import httpx
import pytest

from senticli.download import http
from senticli.download.http import RETRY_WAITS, Retries, describe

REQUEST = httpx.Request("GET", "https://me:secret@host/a.zip")


def status(code: int, **headers: str) -> httpx.HTTPStatusError:
    response = httpx.Response(code, headers=headers, request=REQUEST)
    return httpx.HTTPStatusError("", request=REQUEST, response=response)


def unknown_host() -> httpx.ConnectError:
    error = httpx.ConnectError("", request=REQUEST)
    error.__cause__ = socket.gaierror(socket.EAI_NONAME, "unknown")
    return error


def waits(error: Exception, received: int = 0) -> list[float]:
    """The waits until there is none any more."""
    retries = Retries()
    retries.received = received
    return list(iter(lambda: retries.wait_after(error), None))


@pytest.mark.parametrize(
    "error",
    [status(503), status(429), httpx.ReadTimeout(""), httpx.ReadError(""), http.WholeFile()],
)
def test_transient_errors_are_retried(error: Exception) -> None:
    assert waits(error) == list(RETRY_WAITS)


@pytest.mark.parametrize(
    "error",
    [
        status(404),
        httpx.InvalidURL(""),
        httpx.TooManyRedirects(""),
        httpx.ProxyError(""),
        httpx.UnsupportedProtocol(""),
        unknown_host(),
    ],
)
def test_permanent_errors_are_not_retried(error: Exception) -> None:
    assert waits(error) == []


def test_unknown_host_is_retried_once_it_was_known() -> None:
    assert waits(unknown_host(), received=1) == list(RETRY_WAITS)


def test_progress_renews_the_waits() -> None:
    retries = Retries()
    error = httpx.ReadError("")
    assert [retries.wait_after(error) for _ in RETRY_WAITS] == list(RETRY_WAITS)
    retries.received += http.PROGRESS
    assert retries.wait_after(error) == RETRY_WAITS[0]


def test_server_may_ask_to_wait_longer() -> None:
    assert Retries().wait_after(status(503, **{"Retry-After": "60"})) == 60
    assert Retries().wait_after(status(503, **{"Retry-After": "0"})) == RETRY_WAITS[0]


def test_server_may_not_ask_to_wait_too_long() -> None:
    error = status(503, **{"Retry-After": "9999"})
    assert Retries().wait_after(error) is None
    assert "and asks to wait 9,999 s" in describe(error, "https://host/a.zip", "a.zip")


@pytest.mark.parametrize("error", [status(500), httpx.ConnectError("no", request=REQUEST)])
def test_descriptions_quote_no_password(error: Exception) -> None:
    text = describe(error, "https://host/a.zip", "a.zip")
    assert "https://host/a.zip" in text
    assert "secret" not in text
