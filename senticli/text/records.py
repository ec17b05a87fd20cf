"""Records of any format, one at a time: the text of each, and all else, so that none is lost.

A record that has no usable text says why in ``error`` and is yielded all the same: N records in
the input are N records here, in order. What an input cannot give at all (it is missing, damaged,
has no such column) is a :class:`~senticli.errors.SenticliError`.
"""

import csv
import json
import re
import shlex
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from typing import Any, BinaryIO, cast

from senticli.errors import SenticliError
from senticli.text.files import (
    CSV,
    DAMAGED,
    DELIMITERS,
    JSONL,
    LINES,
    PARQUET,
    damaged,
    import_pyarrow,
    transcoded,
    unreadable,
)
from senticli.text.layout import Dialect, Layout
from senticli.text.objects import BLANK, BOM, decode, parse_object, read_objects
from senticli.text.sniff import SEPARATORS, find_delimiter, looks_like_data, reject_binary

TEXT_COLUMNS = (
    *("text", "sentence", "review", "content", "body", "tweet", "comment", "message"),
    *("review_text", "reviewtext", "review_body", "comment_text", "tweet_text", "full_text"),
    *("feedback", "document"),
)
LABEL_COLUMNS = (
    *("label", "sentiment", "class", "category", "polarity", "rating", "stars", "target"),
)
"""Usual names, the likeliest first. Capitals and surrounding blanks do not matter."""
LONGEST_FIELD = 16 * 2**20  # characters; a quote that is never closed must not swallow a file
FIRST_LINE = 1 << 20  # bytes; a file without an end of line so far may have old Mac ones
# A first line that Excel understands.
_SEP = re.compile(rb'"?sep=([^"\\\r\n\x80-\xff])"?\r?\n?', re.IGNORECASE)
_MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(slots=True)
class Record:
    """One record of an input.

    ``number`` is that of its (first) line, or of its row, from 1. ``text`` is empty where
    ``error`` says why there is none. ``raw`` is what it was read from, its end of line included;
    ``fields`` its values in the order of the columns, or by name, none where it could not be taken
    apart. ``replaced`` is True if bytes that are not UTF-8 were replaced in the text;
    ``swallowed`` if it spans lines that look like rows of their own.
    """

    number: int
    text: str
    error: str | None = None
    raw: bytes = b""
    fields: Sequence[Any] | Mapping[str, Any] = ()
    replaced: bool = False
    swallowed: bool = False


@dataclass
class Records:
    """The records of an input, to be read once.

    ``columns`` are the names of the fields, None where each record names its own (JSON Lines).
    ``preamble`` and ``header`` are what stands before the first record of a table, as it was.
    ``notes`` say what was found out about the input that its reader may not expect.
    """

    format: str
    records: Iterator[Record]
    columns: tuple[str, ...] | None
    header: bytes = b""
    name: str = "standard input"
    stream: BinaryIO | None = None  # of Parquet, to read it again
    preamble: bytes = b""
    dialect: Dialect | None = None  # of a table
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Record]:
        return self.records


def read_records(stream: BinaryIO, format: str, name: str, layout: Layout | None = None) -> Records:
    """Read the records of ``stream``, whose format is one of :data:`FORMATS`.

    Raises:
        SenticliError: now or while reading; see the module.
    """
    layout = layout or Layout()
    layout.check(format, name)
    if format == PARQUET:
        return _parquet(stream, name, layout.text_column)
    lines = _lines(stream, name, layout.encoding)
    if format == LINES:
        return _plain(lines, name)
    if format == JSONL:
        return Records(JSONL, _json(lines, name, layout.text_column), None, name=name)
    return _table(lines, format, name, layout)


def _lines(stream: BinaryIO, name: str, encoding: str | None) -> Iterator[bytes]:
    """Yield the lines with their ends, in UTF-8; errors of reading name the input.

    Raises:
        SenticliError: it cannot be read, or is not text.
    """
    if encoding:
        stream = transcoded(stream, encoding)
    try:
        first = stream.readline(FIRST_LINE)
        if not encoding:
            reject_binary(first, name)
        if first.endswith(b"\n") or b"\r" not in first[:-1]:
            if not first.endswith(b"\n"):
                first += stream.readline()
            if first:
                yield first
            yield from stream
        else:
            yield from _old_mac_lines(first, stream)
    except UnicodeError as error:  # of which a missing mark of UTF-16 is another kind
        raise SenticliError(
            f"{name} is not {encoding} text: {getattr(error, 'reason', error)}",
            "name its encoding, such as utf-16-le or cp1252: --encoding NAME",
        ) from error
    except DAMAGED as error:
        raise damaged(name, error) from error
    except OSError as error:
        raise unreadable(name, error) from error


def _old_mac_lines(start: bytes, stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file that ends them with CR alone, each with LF in its place."""
    rest = start
    while True:
        *lines, rest = rest.split(b"\r")
        yield from (line + b"\n" for line in lines)
        chunk = stream.read(FIRST_LINE)
        if not chunk:
            break
        rest += chunk
    if rest:
        yield rest


# --- plain lines


def _plain(lines: Iterator[bytes], name: str) -> Records:
    records = Records(LINES, iter(()), ("text",), name=name)

    def read() -> Iterator[Record]:
        for number, raw in enumerate(lines, start=1):
            content = raw.removeprefix(BOM) if number == 1 else raw
            text, replaced = decode(_without_end(content))
            if number == 1 and (shown := format_of_line(text)):
                records.notes.append(f"{name} is read as plain lines, and looks like {shown}")
            yield Record(number, text, None, raw, (text,), replaced)

    records.records = read()
    return records


def format_of_line(line: str) -> str | None:
    """Return the format that the first of some plain lines shows, and its options; or None."""
    line = line.strip()
    if line.startswith("{") and parse_object(line)[0]:
        return "JSON Lines: --format jsonl"
    usual = {*TEXT_COLUMNS, *LABEL_COLUMNS}
    for delimiter in SEPARATORS:
        fields = [_plain_name(part.strip().strip('"')) for part in line.split(delimiter)]
        if len(fields) > 1 and not looks_like_data(fields) and usual & set(fields):
            return "TSV: --format tsv" if delimiter == "\t" else "CSV: --format csv"
    return "TSV: --format tsv --no-header --text-column 1" if "\t" in line else None


def _without_end(raw: bytes) -> bytes:
    if raw.endswith(b"\n"):
        return raw[:-2] if raw.endswith(b"\r\n") else raw[:-1]
    return raw


# --- CSV and TSV


class Rows:
    """The rows of a table, and the bytes of the one read last.

    Bytes that are not UTF-8 pass through as lone surrogates, which become the same bytes again. A
    quote that is wrong or never closed spoils the line where its row begins, and no other: what
    was read after that line is read again.
    """

    def __init__(self, lines: Iterable[bytes], dialect: Dialect) -> None:
        self._lines = iter(lines)
        self._again: deque[bytes] = deque()
        self._taken: list[bytes] = []
        self._read = 0
        self._dialect = dialect
        csv.field_size_limit(LONGEST_FIELD)
        self._rows = csv.reader(self, strict=True, **dialect.options)

    def __iter__(self) -> "Rows":
        return self

    def __next__(self) -> str:
        """Return the next line, as text."""
        line = self._again.popleft() if self._again else next(self._lines)
        self._taken.append(line)
        self._read += 1
        if self._read == 1:
            line = line.removeprefix(BOM)
        return without_nul(line.decode(errors="surrogateescape"))

    def next(self) -> tuple[int, list[str] | None, bytes, str | None] | None:
        """Return the first line's number, the fields, the bytes and an error; None at the end."""
        number = self._read + 1
        self._taken = []
        try:
            row, error = self._cut(), None
        except StopIteration:
            return None
        except csv.Error as problem:
            # What follows the dash is Python's advice to its own programmers.
            row, error = None, f"the quotes are wrong: {str(problem).partition(' - ')[0]}"
            first, *others = self._taken
            self._again.extendleft(reversed(others))
            self._taken, self._read = [first], number
            if self._dialect.quoting == "csv" and b'\\"' in first:
                error += " (quotes after a backslash: --quoting backslash)"
        return number, row, b"".join(self._taken), error

    def _cut(self) -> list[str]:
        if self._dialect.quoting != "none":
            return next(self._rows)
        line = next(self).rstrip("\r\n")
        return line.split(self._dialect.delimiter) if line else []

    def has_swallowed(self, width: int) -> bool:
        """Return True if the row read last may hold others, its quote being closed by chance.

        That is so where at least half of the lines within it are cut into ``width`` fields.
        """
        within = self._taken[1:-1]
        delimiter = self._dialect.delimiter.encode()
        rows = sum(line.count(delimiter) == width - 1 for line in within if line.strip())
        return rows >= 2 and 2 * rows >= len(within)


def _table(lines: Iterator[bytes], format: str, name: str, layout: Layout) -> Records:
    ahead = list(islice(lines, 1))
    preamble, delimiter = b"", layout.delimiter
    if ahead and (stated := _SEP.fullmatch(ahead[0].removeprefix(BOM))):
        preamble, delimiter = ahead[0], delimiter or stated[1].decode()
        ahead = list(islice(lines, 1))
    if format == CSV and delimiter is None and ahead:
        if any(mark.encode() in ahead[0] for mark in SEPARATORS[1:]):
            ahead += islice(lines, layout.sample)  # more than a header of commas needs
        text = [line.removeprefix(BOM).decode(errors="replace") for line in ahead]
        delimiter = find_delimiter(text, {*TEXT_COLUMNS, *LABEL_COLUMNS})
    dialect = Dialect.of(format, delimiter, layout.quoting)
    notes = []
    if dialect.delimiter != DELIMITERS[format] and not (layout.delimiter or preamble):
        notes.append(f"{name}: the fields are separated by {_MARKS[dialect.delimiter]}")
    rows = Rows(chain(ahead, lines), dialect)
    skipped = preamble.count(b"\n")
    first = rows.next()
    if first is None:
        return Records(format, iter(()), (), name=name, preamble=preamble, dialect=dialect)
    _, header, raw, error = first
    if not header:
        raise SenticliError(
            f"{name} has no header: {error or 'its first line is blank'}",
            "add one; if the first row is data: --no-header",
        )
    columns = tuple(decode(column.encode(errors="surrogateescape"))[0] for column in header)
    is_data = looks_like_data(columns)
    if not layout.header:
        columns = tuple(map(str, range(1, len(header) + 1)))
    try:
        column = find_column(columns, layout.text_column, name)
    except SenticliError as problem:
        if layout.header and is_data:
            problem.hint = "if the first row is data: --no-header --text-column NUMBER"
        elif not layout.header:
            problem.hint = "name the column by its number, such as --text-column 1"
        raise
    if layout.header and is_data:
        shown = raw.decode(errors="replace").strip()[:60]
        notes.append(
            f"the first row of {name} is taken as its header; if it is data "
            f"({shown!r}): --no-header"
        )
    if layout.header and any(b"\xef\xbf\xbd" in name.encode() for name in columns):
        notes.append(f"the header of {name} has bytes that are not UTF-8, which were replaced")
    records = _table_records(
        rows, columns, columns.index(column), skipped, None if layout.header else first
    )
    return Records(
        format,
        records,
        columns,
        header=raw if layout.header else b"",
        name=name,
        preamble=preamble,
        dialect=dialect,
        notes=notes,
    )


Row = tuple[int, list[str] | None, bytes, str | None]


def _table_records(
    rows: Rows, columns: tuple[str, ...], position: int, skipped: int, first: Row | None
) -> Iterator[Record]:
    """Yield the records of ``rows``, of which ``first`` was read already, if it is one."""
    width = len(columns)
    found = first or rows.next()
    while found is not None:
        number, fields, raw, error = found
        number += skipped
        if fields is None:
            yield Record(number, "", error, raw)
        elif len(fields) == width:
            text, replaced = mended(fields[position])
            swallowed = raw.count(b"\n") > 3 and rows.has_swallowed(width)
            yield Record(number, text, None, raw, fields, replaced, swallowed)
        elif not fields:
            yield Record(number, "", BLANK, raw, fields)
        else:
            error = f"{len(fields)} field{'s' * (len(fields) != 1)} in place of {width}"
            yield Record(number, "", error, raw, fields)
        found = rows.next()


def mended(field: str) -> tuple[str, bool]:
    """A field without the lone surrogates that stand for bytes which are not UTF-8."""
    try:
        field.encode()
        return field, False
    except UnicodeEncodeError:
        return encode(field).decode(errors="replace"), True


def without_nul(text: str) -> str:
    """What the csv module of this Python can take: before 3.11, no NUL."""
    return text if sys.version_info >= (3, 11) else text.replace("\0", "\ufffd")


def encode(text: str) -> bytes:
    """UTF-8 of a table's text: bytes that were none come back, other lone surrogates do not."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="replace")


def find_column(columns: Sequence[str], asked: str | None, name: str, what: str = "text") -> str:
    """Return the column of the text or label: the one asked for, or one of the usual.

    Capitals and surrounding blanks make no difference where that leaves one column. A number, if
    no column is called so, counts the columns from 1. The only column of a table is that of the
    text, whatever its name.

    Raises:
        SenticliError: there is no such column.
    """
    usual = TEXT_COLUMNS if what == "text" else LABEL_COLUMNS
    wanted = (asked,) if asked else usual
    for column in wanted:
        if column in columns:
            return column
        alike = [other for other in columns if _plain_name(other) == _plain_name(column)]
        if len(alike) == 1:
            return alike[0]
    if asked and asked.isdecimal() and 0 < int(asked) <= len(columns):
        return columns[int(asked) - 1]
    if what == "text" and not asked and len(columns) == 1:
        return columns[0]
    raise _no_column(columns, wanted, name, what)


def _plain_name(column: str) -> str:
    return column.strip().casefold()


def _no_column(
    columns: Iterable[str], wanted: Sequence[str], name: str, what: str
) -> SenticliError:
    looked_for = f"column {wanted[0]}" if len(wanted) == 1 else f"{what} column of a usual name"
    names = ", ".join(repr(c) if c != c.strip() or not c else c for c in columns)
    return SenticliError(
        f"{name} has no {looked_for} (it has: {names})",
        f"name the column: --{what}-column NAME",
    )


# --- JSON Lines


def _json(lines: Iterator[bytes], name: str, text_column: str | None) -> Iterator[Record]:
    path: str | None = None
    for number, raw, value, error, replaced in read_objects(lines, name):
        if value is None:
            yield Record(number, "", error, raw, (), replaced)
            continue
        if path is None:
            path = _field_of_text(value, name, text_column)
        text, error = text_at(value, path) if path else ("", "no field for the text")
        yield Record(number, text, error, raw, value, replaced)


def _field_of_text(value: Mapping[str, Any], name: str, asked: str | None) -> str | None:
    """Return the path of the text in objects like ``value``; None of an empty object.

    Raises:
        SenticliError: none was asked for, and no field has a usual name or is the only one.
    """
    if asked:
        alike = [other for other in value if _plain_name(other) == _plain_name(asked)]
        found = text_at(value, asked)[1] != f"no field {asked}"
        return asked if found or len(alike) != 1 else alike[0]
    if not value:
        return None
    try:
        field = find_column(list(value), None, name)
        if _plain_name(field) in TEXT_COLUMNS or isinstance(value[field], str):
            return field
        raise _no_column(list(value), TEXT_COLUMNS, name, "text")  # a lone number is no text
    except SenticliError as error:
        for key, inner in value.items():
            if isinstance(inner, list) and inner and isinstance(inner[0], dict):
                error.message = f"{name} is an object with a list in its field {key!r}"
                error.hint = (
                    f"take the list out: jq -c {shlex.quote(f'.[{json.dumps(key)}][]')} "
                    f"{shlex.quote(name)} > records.jsonl"
                )
        raise


def text_at(value: Any, path: str) -> tuple[str, str | None]:
    """The text at ``path`` (``a``, ``a.b``, ``a.0.b``), or "" and why there is none."""
    found = value.get(path, _MISSING)
    if found is _MISSING:
        found = value
        for key in path.split("."):
            if isinstance(found, dict):
                found = found.get(key, _MISSING)
            elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                found = _MISSING
    if found is _MISSING:
        return "", f"no field {path}"
    if found is None:
        return "", f"{path} is null"
    if isinstance(found, str):
        return found, None
    if isinstance(found, bool | int | float):
        return str(found), None
    if isinstance(found, bytes):  # a binary column of Parquet
        return found.decode(errors="replace"), None
    return "", f"{path} is not a text"


_MISSING = object()


# --- Parquet


def _parquet(stream: BinaryIO, name: str, text_column: str | None) -> Records:
    pyarrow = import_pyarrow()
    broken = (pyarrow.ArrowException, OSError, *DAMAGED)
    try:
        if not stream.seekable():  # a Parquet file is read from its end
            spooled = tempfile.TemporaryFile()  # noqa: SIM115
            shutil.copyfileobj(stream, spooled, 1 << 20)
            stream = cast(BinaryIO, spooled)
        file = pyarrow.parquet.ParquetFile(stream)
    except DAMAGED as error:
        raise damaged(name, error) from error
    except broken as error:
        raise SenticliError(
            f"{name} is not a Parquet file, or damaged", "check the file"
        ) from error
    columns = tuple(file.schema_arrow.names)
    path = text_column or find_column(columns, None, name)
    root = path if path in columns else path.partition(".")[0]
    find_column(columns, root, name)

    def records() -> Iterator[Record]:
        number = 0
        try:
            for batch in file.iter_batches(batch_size=1024):
                rows = _Batch(batch)
                for index, value in enumerate(_values(batch.column(root))):
                    number += 1
                    text, error = text_at({root: value}, path)
                    yield Record(number, text, error, b"", _Row(rows, index))
        except broken as error:
            raise damaged(name, error) from error

    return Records(PARQUET, records(), columns, name=name, stream=stream)


class _Batch:
    """Some rows of a Parquet file, made into Python values when these are wanted."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch
        self.names = list(batch.schema.names)

    @cached_property
    def columns(self) -> dict[str, list[Any]]:
        """The values of each column."""
        return {name: _values(self._batch.column(name)) for name in self.names}


class _Row(Mapping[str, Any]):
    """One row of a batch."""

    def __init__(self, batch: _Batch, index: int) -> None:
        self._batch, self._index = batch, index

    def __getitem__(self, name: str) -> Any:
        return self._batch.columns[name][self._index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._batch.names)

    def __len__(self) -> int:
        return len(self._batch.names)


def _values(column: Any) -> list[Any]:
    """A column as Python values; as text where Python has no such time or the bytes no meaning."""
    pyarrow = import_pyarrow()
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        values = column.cast(pyarrow.binary()).to_pylist()
        return [value and value.decode(errors="replace") for value in values]
    except (ValueError, OverflowError):
        return list(column.cast(pyarrow.string()).to_pylist())
