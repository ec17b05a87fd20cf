"""URLs, and the web pages that are sent in place of a file."""

import re
from urllib.parse import urlsplit

from senticli.errors import UsageError

PAGE = 1024
"""Bytes that are enough to recognize a web page."""


def is_url(source: str) -> bool:
    """Return True for a URL, False for a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", source) is not None


def check_url(url: str, what: str) -> None:
    """Raise UsageError unless ``url`` is http or https and names a host; ``what`` names the URL."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError
        host = parts.hostname or ""
        host.encode("idna")  # raises UnicodeError, which is one
        if parts.scheme not in ("http", "https"):
            problem = "only http and https are supported"
        elif not host:
            problem = "it names no host"
        else:
            return
    except ValueError:  # which may quote a part of a password
        problem = "its host or port is invalid; in a password, write / as %2F, ? as %3F, # as %23"
    raise UsageError(
        f"{what} {without_password(url)} is not a URL: {problem}", "use one like https://host/path"
    )


def without_password(url: str) -> str:
    """Return a URL as it may be shown and stored: without user, password and query.

    A password may hold any character, so all before the last @ counts as one, unless the @ is
    certainly in the path, or most likely in the query.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        scheme, rest = "", url
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if re.fullmatch(r"[^@:]*:\d+", host) or re.search(r"@[^@/?#]*[&=][^@]*$", rest):
        rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    if "@" in host or ":" in host or not mark:
        rest = rest.rpartition("@")[2]
    return scheme + mark + re.split(r"[?#]", rest, maxsplit=1)[0]


def proxy_without_password(proxy: str) -> str:
    """Return the URL of a proxy as it may be shown; it has no path that could hold an @."""
    scheme, mark, rest = proxy.partition("://") if "://" in proxy else ("", "", proxy)
    return scheme + mark + rest.rpartition("@")[2]


def is_page(start: bytes) -> bool:
    """Return True if a file that begins so is a web page, or an error in XML as S3 sends."""
    start = re.sub(rb"^(?:\xef\xbb\xbf|\s|<!--.*?-->)+", b"", start[:PAGE], flags=re.DOTALL)
    tags = (b"<!doctype html", b"<!--", b"<html", b"<head", b"<body", b"<?xml", b"<error>")
    return start.lower().startswith(tags)
