"""Addresses on the web, and the web pages that answer there in place of a file."""

import re
from urllib.parse import urlsplit

from senticli.errors import UsageError

PAGE = 1024
"""Bytes that tell whether something is a web page."""


def is_url(source: str) -> bool:
    """Whether it is an address rather than a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", source) is not None


def check_url(url: str, what: str) -> None:
    """Raise UsageError, in which ``what`` names it, unless ``url`` can be asked for a file."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError
        host = parts.hostname or ""
        host.encode("idna")  # raises UnicodeError, which is one
        if parts.scheme not in ("http", "https"):
            wrong = "only http and https are known"
        elif not host:
            wrong = "it names no host"
        else:
            return
    except ValueError as error:
        wrong = str(error)
    raise UsageError(
        f"{what} {without_password(url)} is no address: {wrong}", "use one like https://host/path"
    )


def without_password(url: str) -> str:
    """An address as it may be shown and stored: without user and password."""
    return re.sub(r"(?<=//)[^/]*@|^[^/]*@", "", url)


def is_page(start: bytes) -> bool:
    """Whether a file that begins so is a web page: what a server says in place of a file."""
    start = re.sub(rb"^(?:\xef\xbb\xbf|\s|<!--.*?-->)+", b"", start[:PAGE], flags=re.DOTALL)
    tags = (b"<!doctype html", b"<!--", b"<html", b"<head", b"<body", b"<?xml", b"<error>")
    return start.lower().startswith(tags)
