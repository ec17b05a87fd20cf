"""The objects of JSON Lines, and of JSON that is written in another way."""

import json
import re
from collections import deque
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from senticli.errors import SenticliError
from senticli.io.formats import damaged
from senticli.io.lines import LONGEST_FIELD, MARK
from senticli.io.sniff import in_shell

BLANK = "a blank line"
NO_OBJECT = "not a JSON object"
SAMPLE = 20  # lines that are read at once of an object that spans several
_BETWEEN = re.compile(r"[\s,\ufeff]*")
_ASSIGNMENT = re.compile(r"\s*((var|let|const)\s+)?[\w.$]+\s*=\s*[\[{]")
_TOKENS = re.compile(
    r"""
    "[^"\\]*(?:\\.[^"\\]*)*"                # a string
    | (?P<open>"[^"\\]*(?:\\.[^"\\]*)*\\?\Z)  # one that is cut off
    | [{}\[\]]
    | [^\s,:"{}\[\]]+                        # a number, true, false, null
    """,
    re.VERBOSE | re.DOTALL,
)

Value = tuple[int, bytes, dict[str, Any] | None, str | None, bool]
"""A line's number, its bytes, the object in it or an error, and whether bytes were replaced."""


def read_objects(lines: Iterator[bytes], name: str) -> Iterator[Value]:
    """Yield what each line holds; of JSON that is not one object a line, what each object is.

    A string is taken as an object with the string as its text.
    """
    ahead: deque[bytes] = deque()
    number, started = 0, False
    while raw := ahead.popleft() if ahead else next(lines, b""):
        number += 1
        line, replaced = decode(raw)
        value, error = parse_object(line)
        start = line.lstrip()[:1]
        if not started and value is None and _ASSIGNMENT.match(line):
            command = "sed '1s/^[^[{]*//; $s/;[[:space:]]*$//'"
            raise SenticliError(
                f"{name} is a script that assigns JSON to a variable",
                f"remove the assignment{in_shell(command, name, 'records')}",
            )
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
        if start == '"' and error == NO_OBJECT:
            line = _object_of(line)
            raw, value, error = line.encode() + b"\n", *parse_object(line)
        several = _objects_of(line) if value is None and start == "{" else []
        for part in several:
            yield number, part.encode() + b"\n", parse_object(part)[0], None, replaced
        if not several:
            yield number, raw, value, error, replaced


def _document(start: str, lines: Iterator[bytes], number: int, name: str) -> Iterator[Value]:
    """Yield the elements of an array, or of a sequence of values, that span lines as they like.

    Each comes on one line, as it was written but for the ends of its lines, with the number of
    the line that it began on.

    Raises:
        SenticliError: what is between the elements, or what is missing, leaves no doubt that it
            is not JSON.
    """
    text, position, in_array = start, 0, False
    replaced = False
    while True:
        gap = _BETWEEN.match(text, position)
        assert gap  # it matches the empty text
        number += gap[0].count("\n")
        position = gap.end()
        begins = text[position : position + 1]
        if begins == "[" and not in_array:
            in_array, position = True, position + 1
        elif begins == "]" and in_array:
            in_array, position = False, position + 1
        elif begins in ("]", "}", ":"):
            raise _not_json(name, number, f"unexpected {begins!r}")
        elif begins and (end := _end_of(text, position)):
            raw, position = text[position:end], end
            line = raw.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
            if begins == '"':
                line = _object_of(line)
            value, error = parse_object(line)
            yield (
                number,
                line.encode(errors="replace") + b"\n",
                value,
                error,
                (replaced and "\ufffd" in line),
            )
            number += raw.count("\n")
        else:  # twice as much of what is cut off, so that a long element does not take forever
            more = b"".join(islice(lines, max(SAMPLE, text.count("\n", position))))
            if not more and not text.endswith("\n"):
                more = b"\n"  # after which a number is whole
            if not more:
                break
            if len(text) - position > LONGEST_FIELD:
                raise _not_json(name, number, "an element without an end")
            decoded, bad = decode(more)
            text, position, replaced = text[position:] + decoded, 0, replaced or bad
    if begins:
        raise _not_json(name, number, "an element without an end")
    if in_array:
        raise damaged(name, ValueError("its array has no end"))


def _end_of(text: str, position: int) -> int | None:
    """Return where the value that begins at ``position`` ends; None if that is not in ``text``."""
    depth = 0
    for token in _TOKENS.finditer(text, position):
        mark = token[0][0]
        if token["open"]:
            return None
        depth += (mark in "{[") - (mark in "}]")
        if depth <= 0:
            is_cut = token.end() == len(text) and mark not in '"}]'
            return None if is_cut else token.end()
    return None


def _objects_of(line: str) -> list[str]:
    """Return the objects of a line that holds several, and nothing else; or nothing."""
    found, rest = [], line.strip()
    while rest.startswith("{") and (end := _end_of(rest, 0)):
        found.append(rest[:end])
        rest = rest[end:].lstrip()
    return [] if rest or not all(parse_object(part)[0] for part in found) else found


def _object_of(string: str) -> str:
    """Return an object whose text is a string, both as JSON."""
    return f'{{"text": {string.strip()}}}'


def _not_json(name: str, number: int, what: str) -> SenticliError:
    return SenticliError(
        f"{name} is not JSON: from line {number}: {what}", "use JSON, or one object a line"
    )


def _goes_on(line: str, following: str) -> bool:
    """Return True if JSON that begins with ``line`` goes on after it, and the line is not torn."""
    content = line.strip()
    if parse_object(following)[0] and content != "[":
        return bool(re.fullmatch(r"\[\s*\{.*,", content, re.DOTALL))
    try:
        json.loads(content)
    except json.JSONDecodeError as error:
        return error.pos >= len(content) - 1
    except (ValueError, RecursionError):
        return content.startswith("[")
    return content.startswith("[")  # an array on one line


def parse_object(line: str) -> tuple[dict[str, Any] | None, str | None]:
    """Return the object that a line is, or what is wrong with it."""
    if not line.strip():
        return None, BLANK
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as problem:
        return None, f"not JSON: {problem}"
    return (value, None) if isinstance(value, dict) else (None, NO_OBJECT)


def reject_table(value: dict[str, Any], name: str) -> None:
    """Raise SenticliError if an object is a whole table, as pandas' ``to_json`` makes it."""
    rows, columns = value.get("data"), value.get("columns")
    inner = [part for part in value.values() if part and isinstance(part, dict)]
    if isinstance(rows, list) and isinstance(columns, list):
        program = (
            ".columns as $c | .data[] | [$c, .] | transpose | map({(.[0] | tostring): .[1]}) | add"
        )
    elif not inner or len(inner) < len(value) or any(p.keys() != inner[0].keys() for p in inner):
        return
    elif all(map(str.isdecimal, inner[0])):
        program = "(first(.[]) | keys_unsorted[]) as $row | map_values(.[$row])"
    elif all(map(str.isdecimal, value)):
        program = ".[]"
    else:
        return
    raise SenticliError(
        f"{name} is a table in one object, not an object for each row",
        "write it with df.to_json(path, orient='records', lines=True), or convert it"
        + in_shell(f"jq -c '{program}'", name, "records"),
    )


def decode(raw: bytes) -> tuple[str, bool]:
    """Return UTF-8 as text, and whether bytes that are none were replaced.

    A byte order mark at its start is left out: files that are joined have some in the middle.
    """
    try:
        return raw.decode().lstrip(MARK), False
    except UnicodeDecodeError:
        return raw.decode(errors="replace").lstrip(MARK), True
