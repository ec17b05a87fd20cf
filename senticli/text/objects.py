"""The objects of JSON Lines, and of JSON that is written in another way."""

import json
from collections import deque
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from senticli.errors import SenticliError
from senticli.text.files import damaged

BLANK = "a blank line"
BOM = b"\xef\xbb\xbf"
SAMPLE = 20  # lines that are read at once of an object that spans several

Value = tuple[int, bytes, dict[str, Any] | None, str | None, bool]
"""A line's number, its bytes, the object in it or an error, and whether bytes were replaced."""


def read_objects(lines: Iterator[bytes], name: str) -> Iterator[Value]:
    """Yield what each line holds; of JSON that is not one object a line, what each object is."""
    ahead: deque[bytes] = deque()
    number, started = 0, False
    while raw := ahead.popleft() if ahead else next(lines, b""):
        number += 1
        line, replaced = decode(raw.removeprefix(BOM) if number == 1 else raw)
        value, error = parse_object(line)
        start = line.lstrip()[:1]
        if not started and value is None and start in ("{", "["):
            for other in lines:
                ahead.append(other)
                if other.strip():
                    break
            following = decode(ahead[-1])[0] if ahead else ""
            if _goes_on(line, following):
                yield from _document(line, chain(ahead, lines), number, name)
                return
        started = started or bool(start)
        yield number, raw, value, error, replaced


def _document(start: str, lines: Iterator[bytes], number: int, name: str) -> Iterator[Value]:
    """Yield the objects of an array, or of a sequence of objects, that span lines as they like.

    Each comes on one line, with the number of the line that it began on.
    """
    decoder = json.JSONDecoder()
    text, position = start.lstrip(), 0
    in_array = text.startswith("[")
    position += in_array
    while True:
        while position < len(text) and (text[position].isspace() or text[position] == ","):
            number += text[position] == "\n"
            position += 1
        if position == len(text):
            text, position = b"".join(islice(lines, SAMPLE)).decode(errors="replace"), 0
            if not text:
                break
            continue
        if in_array and text[position] == "]":
            in_array, position = False, position + 1
            continue
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            # What is cut off: twice as much, so that a long object does not take forever.
            more = b"".join(islice(lines, max(SAMPLE, text.count("\n")))).decode(errors="replace")
            if more and isinstance(error, ValueError):
                text, position = text[position:] + more, 0
                continue
            what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise SenticliError(
                f"{name} is not JSON: from line {number}: {what}", "use JSON, or one object a line"
            ) from error
        if isinstance(value, dict):
            replaced = "\ufffd" in text[position:end]
            yield number, json.dumps(value).encode() + b"\n", value, None, replaced
        else:
            raw = " ".join(text[position:end].splitlines()).encode(errors="replace") + b"\n"
            yield number, raw, None, "not a JSON object", False
        number += text.count("\n", position, end)
        position = end
    if in_array:
        raise damaged(name, ValueError("its array has no end"))


def _goes_on(line: str, following: str) -> bool:
    """Return True if JSON that begins with ``line`` goes on after it, and the line is not torn."""
    content = line.strip()
    if parse_object(following)[0] and content != "[":
        return content.startswith("[{") and content.endswith(",")
    try:
        json.loads(content)
    except json.JSONDecodeError as error:
        return error.pos >= len(content) - 1
    except (ValueError, RecursionError):
        return False
    return content.startswith("[")  # an array on one line


def parse_object(line: str) -> tuple[dict[str, Any] | None, str | None]:
    """Return the object that a line is, or what is wrong with it."""
    if not line.strip():
        return None, BLANK
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as problem:
        return None, f"not JSON: {problem}"
    return (value, None) if isinstance(value, dict) else (None, "not a JSON object")


def decode(raw: bytes) -> tuple[str, bool]:
    """Return UTF-8 as text, and whether bytes that are none were replaced."""
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        return raw.decode(errors="replace"), True
