"""Judge the answer to a request for a file, or for a part of it. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from senticli.download.pieces import Version
from senticli.download.urls import is_page

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)


class Verdict(Enum):
    """The kind of an answer, and what to do about it."""

    BODY = "the file, or the part that was asked for: read it"
    ERROR = "a status that stands for an error: raise that"
    PAGE = "a web page in place of the file: give up, and keep what was fetched"
    CHANGED = "not the file that parts were fetched of, or not to be resumed: start again"
    WHOLE = "the whole file from a server that gave parts before: ask again"
    NO_RANGES = "from a server that gives no parts: fetch the whole file"


NO_VERSION = Version(None, None)


@dataclass(frozen=True)
class Answer:
    """An answer: where in the file its body begins, and the version that it is of."""

    verdict: Verdict
    start: int = 0
    version: Version = NO_VERSION


def judge(
    status: int,
    headers: Mapping[str, str],
    body_start: bytes,
    asked: int | None,
    kept: Version | None,
    only_parts: bool,
) -> Answer:
    """Tell what the answer to a request is.

    Args:
        status: of HTTP.
        headers: looked up in their usual case.
        body_start: enough of the body to recognize a web page.
        asked: the offset from which the file was asked for; None: the whole file was.
        kept: the version of the file that parts are on disk of.
        only_parts: the whole file is of no use.
    """
    without_ranges = Verdict.NO_RANGES if only_parts else Verdict.CHANGED
    if status == 416 and asked is not None:
        return Answer(Verdict.CHANGED if kept else without_ranges)
    if not 200 <= status < 300:
        return Answer(Verdict.ERROR)
    if status == 206:
        found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
        start, size = (int(found[1]), int(found[3])) if found else (-1, None)
    else:
        if is_page(body_start) or "text/html" in headers.get("Content-Type", ""):
            return Answer(Verdict.PAGE)
        start, size = 0, parse_count(headers.get("Content-Length", ""))

    version = Version(size, _validator(headers))
    verdict = Verdict.BODY
    if status == 206 and start != asked:
        verdict = without_ranges
    elif kept and not _same(kept, version, part=status == 206):
        verdict = Verdict.CHANGED
    elif status != 206 and only_parts:
        verdict = Verdict.WHOLE if kept else Verdict.NO_RANGES
    return Answer(verdict, start, version)


def _same(kept: Version, new: Version, *, part: bool) -> bool:
    if None not in (kept.size, new.size) and kept.size != new.size:
        return False
    # With If-Range, a part is of the version that was asked for, and need not say so.
    return new.validator == kept.validator if new.validator else part


def _validator(headers: Mapping[str, str]) -> str | None:
    tag, date = headers.get("ETag", ""), headers.get("Last-Modified", "")
    if tag and tag.isascii() and not tag.startswith("W/"):
        return tag
    return date if date and date.isascii() else None


def parse_count(text: str) -> int | None:
    """Return the value of a header that counts bytes or seconds; None if it is anything else."""
    return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None
