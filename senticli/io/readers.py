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
from senticli.io.formats import (
    CSV,
    DAMAGED,
    DELIMITERS,
    JSONL,
    LINES,
    PARQUET,
    STANDARD_INPUT,
    damaged,
    import_pyarrow,
)
from senticli.io.layout import Dialect, Layout
from senticli.io.lines import BOM, LONGEST_FIELD, read_lines
from senticli.io.objects import BLANK, decode, read_objects
from senticli.io.sniff import SEPARATORS, find_delimiter, in_shell, looks_like_data
from senticli.log import log

TEXT_COLUMNS = (
    *("text", "sentence", "review", "content", "body", "tweet", "comment", "message"),
    *("review_text", "reviewtext", "review_body", "comment_text", "tweet_text", "full_text"),
    *("feedback", "document"),
)
LABEL_COLUMNS = (
    *("label", "sentiment", "class", "category", "polarity", "rating", "stars", "target"),
)
"""Usual names, the likeliest first. Capitals and surrounding blanks do not matter."""
NO_HEADER = "if the first row is data: `header=False` `text_column=NUMBER`"
QUOTED = "looks quoted as in CSV: `quoting=csv`"
SWALLOWED = "may hold the lines after it: is a quote not closed?"
RECENT = 50  # rows whose values tell what a row of the same table looks like
# A first line that Excel understands.
_SEP = re.compile(rb'"?sep=([^"\\\r\n\x80-\xff])"?\r?\n?', re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?")
_IN_QUOTES = re.compile(r'"(?=.*"").*"', re.DOTALL)  # with quotes doubled in it, as CSV does
_MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(slots=True)
class Record:
    """One record of an input.

    ``number`` is that of its (first) line, or of its row, from 1. ``text`` is empty where
    ``error`` says why there is none. ``raw`` is what it was read from, its end of line included;
    ``fields`` its values in the order of the columns, or by name, none where it could not be taken
    apart. ``replaced`` is True if bytes that are not UTF-8 were replaced in the text. ``doubt``
    says why it may not be what was meant.
    """

    number: int
    text: str
    error: str | None = None
    raw: bytes = b""
    fields: Sequence[Any] | Mapping[str, Any] = ()
    replaced: bool = False
    doubt: str = ""


@dataclass
class Records:
    """The records of an input, to be read once.

    ``columns`` are the names of the fields, None where each record names its own (JSON Lines);
    ``text_column`` is that of the text, None where the first record tells it. ``preamble`` and
    ``header`` are what stands before the first record of a table, as it was.
    ``notes`` say what was found out about the input that its reader may not expect.
    """

    format: str
    records: Iterator[Record]
    columns: tuple[str, ...] | None
    text_column: str | None = None
    header: bytes = b""
    name: str = STANDARD_INPUT
    stream: BinaryIO | None = None  # of Parquet, to read it again
    preamble: bytes = b""
    header_replaced: bool = False  # bytes that are not UTF-8
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
        return _parquet(stream, name, layout)
    lines = read_lines(stream, name, layout.encoding)
    if format == LINES:
        return _plain(lines, name)
    if format == JSONL:
        return Records(JSONL, _json(lines, name, layout), None, layout.text_column, name=name)
    return _table(lines, format, name, layout)


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
    if line in ("{", "[") or re.match(r'\[?\s*\{\s*"', line):
        return "JSON: `format=jsonl`"
    usual = {*TEXT_COLUMNS, *LABEL_COLUMNS}
    for delimiter in SEPARATORS:
        fields = [_plain_name(part.strip().strip('"')) for part in line.split(delimiter)]
        if len(fields) > 1 and not looks_like_data(fields) and usual & set(fields):
            return "TSV: `format=tsv`" if delimiter == "\t" else "CSV: `format=csv`"
    return "TSV: `format=tsv` `header=False` `text_column=1`" if "\t" in line else None


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
            what = str(problem).partition(" - ")[0]
            row, error = None, f"the quotes are wrong: {what}"
            if what.startswith("new-line character"):
                error = "a carriage return within a field that is not quoted"
            first, *others = self._taken
            self._again.extendleft(reversed(others))
            self._taken, self._read = [first], number
            if self._dialect.quoting == "csv" and b'\\"' in first:
                error += " (quotes after a backslash: `quoting=backslash`)"
        return number, row, b"".join(self._taken), error

    def _cut(self) -> list[str]:
        if self._dialect.quoting != "none":
            return next(self._rows)
        line = next(self).rstrip("\r\n")
        return line.split(self._dialect.delimiter) if line else []

    def leaves_open(self, fields: Sequence[str]) -> bool:
        """Return True if, were quotes those of CSV, one would be open after the row."""
        return self._dialect.quoting == "none" and any(
            field.startswith('"') and field.count('"') % 2 for field in fields
        )

    def doubt(self, fields: Sequence[str], recent: Sequence[Sequence[str]]) -> str:
        """Return why the row read last, after ``recent`` ones, may not be one row, if so."""
        if self._dialect.quoting == "none":
            return QUOTED if any(map(_IN_QUOTES.fullmatch, fields)) else ""
        if len(self._taken) > 1 and len(fields) > 1 and self._has_swallowed(fields, recent):
            return SWALLOWED
        return ""

    def _has_swallowed(self, fields: Sequence[str], recent: Sequence[Sequence[str]]) -> bool:
        """Return True if lines of the row read last look like rows, its quote closed by chance.

        That is so where at least half of the lines between its first and last are cut into as
        many fields as it has; or where one line is, with values as in the same columns of other
        rows, those aside in which the quote may lie.
        """
        spans = [i for i, field in enumerate(fields) if "\n" in field or "\r" in field]
        if not spans:
            return False
        width, delimiter = len(fields), self._dialect.delimiter
        lines = [line.decode(errors="replace").split(delimiter) for line in self._taken]
        rows = sum(len(parts) == width for parts in lines[1:-1])
        blank = sum(parts in (["\n"], ["\r\n"]) for parts in lines[1:-1])
        if rows >= 2 and 2 * rows >= len(lines) - 2 - blank:
            return True
        columns: list[Sequence[int]] = [range(spans[0] + 1, width)]
        columns += [[i for i in range(width) if i not in spans]] * (len(lines) - 2)
        columns += [range(spans[-1])]
        return any(
            len(parts) == width and bool(at) and all(_is_alike(parts[i], i, recent) for i in at)
            for parts, at in zip(lines, columns, strict=True)
        )


def _is_alike(value: str, column: int, rows: Sequence[Sequence[str]]) -> bool:
    """Return True if a column of ``rows`` has the value, or is of numbers as it is one."""
    values = [row[column].strip() for row in rows]
    value = value.strip().strip('"')
    return value in values or all(map(_NUMBER.fullmatch, [*values, value]))


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
    begun: list[Row] = []
    while (found := rows.next()) is not None:
        begun.append(found)
        if layout.header or found[1]:
            break
    if not begun:
        return Records(format, iter(()), (), name=name, preamble=preamble, dialect=dialect)
    _, fields, raw, error = begun[-1]
    if not fields and layout.header:
        raise SenticliError(
            f"{name} has no header: {error or 'its first line is blank'}",
            "add one; if the first row is data: `header=False`",
        )
    header = fields or [""]
    columns = tuple(decode(column.encode(errors="surrogateescape"))[0] for column in header)
    is_data = looks_like_data(columns)
    # R and pandas quote the names too.
    quoted = dialect.quoting == "none" and all(re.fullmatch('".*"', name) for name in columns)
    if not layout.header:
        columns = tuple(map(str, range(1, len(header) + 1)))
    try:
        column = find_column(columns, layout.text_column, name, likely=layout.likely)
    except SenticliError as problem:
        if quoted and layout.header:
            problem.hint = "if the names are in quotes as in CSV: `quoting=csv`"
        elif layout.header and is_data:
            problem.hint = NO_HEADER
        elif layout.header:
            problem.hint += f"; {NO_HEADER}"
        else:
            problem.hint = "name the column by its number, such as `text_column=1`"
        raise
    if layout.header and is_data:
        shown = raw.decode(errors="replace").strip()[:60]
        notes.append(
            f"the first row of {name} is taken as its header; if it is data "
            f"({shown!r}): `header=False`"
        )
    if quoted and layout.quoting is None:
        notes.append(f"the header of {name} {QUOTED}")
    header_replaced = layout.header and decode(raw)[1]
    if header_replaced:
        notes.append(f"the header of {name} has bytes that are not UTF-8, which were replaced")
    log("%s: %s fields, text in %r, %s", name, len(columns), column, dialect)
    following = chain([] if layout.header else begun, iter(rows.next, None))
    records = _table_records(
        cast(Iterator[Row], following), rows, columns, columns.index(column), skipped
    )
    return Records(
        format,
        records,
        columns,
        column,
        header=raw if layout.header else b"",
        header_replaced=header_replaced,
        name=name,
        preamble=preamble,
        dialect=dialect,
        notes=notes,
    )


Row = tuple[int, list[str] | None, bytes, str | None]


def _table_records(
    found: Iterator[Row], rows: Rows, columns: tuple[str, ...], position: int, skipped: int
) -> Iterator[Record]:
    """Yield a record for each row that is ``found`` in ``rows``."""
    width = len(columns)
    recent: deque[list[str]] = deque(maxlen=RECENT)
    is_open = False
    for number, fields, raw, error in found:
        number += skipped
        if fields is None:
            yield Record(number, "", error, raw)
        elif not fields:
            yield Record(number, "", BLANK, raw, fields)
        elif len(fields) == width:
            text, replaced = mended(fields[position])
            recent.append(fields)
            yield Record(number, text, None, raw, fields, replaced, rows.doubt(fields, recent))
        else:
            error = f"{len(fields)} field{'s' * (len(fields) != 1)} in place of {width}"
            if is_open:
                error += " (cells of several lines: `quoting=csv`)"
            yield Record(number, "", error, raw, fields)
        is_open = rows.leaves_open(fields or ())


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


def find_column(
    columns: Sequence[str],
    asked: str | None,
    name: str,
    what: str = "text",
    likely: str | None = None,
) -> str:
    """Return the column of the text or label: the one asked for, or the likely or a usual one.

    Capitals and surrounding blanks make no difference where that leaves one column. A number, if
    no column is called so, counts the columns from 1. The only column of a table is that of the
    text, whatever its name.

    Raises:
        SenticliError: there is no such column.
    """
    usual = TEXT_COLUMNS if what == "text" else LABEL_COLUMNS
    wanted: tuple[str, ...] = (asked,) if asked else (likely, *usual) if likely else usual
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


def _json(lines: Iterator[bytes], name: str, layout: Layout) -> Iterator[Record]:
    path: str | None = None
    for number, raw, value, error, replaced in read_objects(lines, name):
        if value is None:
            yield Record(number, "", error, raw, (), replaced)
            continue
        if path is None:
            path = _field_of_text(value, name, layout)
        text, error = text_at(value, path) if path else ("", "no field for the text")
        yield Record(number, text, error, raw, value, replaced)


def _field_of_text(value: Mapping[str, Any], name: str, layout: Layout) -> str | None:
    """Return the path of the text in objects like ``value``; None of an empty object.

    Raises:
        SenticliError: none was asked for, and no field has a usual name or is the only one.
    """
    asked, likely = layout.text_column, layout.likely
    if asked:
        alike = [other for other in value if _plain_name(other) == _plain_name(asked)]
        found = value_at(value, asked) is not MISSING
        return asked if found or len(alike) != 1 else alike[0]
    if not value:
        return None
    if likely and value_at(value, likely) is not MISSING:
        return likely
    try:
        field = find_column(list(value), None, name, likely=likely)
        if _plain_name(field) in TEXT_COLUMNS or isinstance(value[field], str):
            return field
        raise _no_column(list(value), TEXT_COLUMNS, name, "text")  # a lone number is no text
    except SenticliError as error:
        for key, inner in value.items():
            if isinstance(inner, list) and inner and isinstance(inner[0], dict):
                error.message = f"{name} is an object with a list in its field {key!r}"
                command = f"jq -c {shlex.quote(f'.[{json.dumps(key)}][]')}"
                error.hint = f"take the list out{in_shell(command, name, 'records')}"
        raise


def value_at(value: Any, path: str) -> Any:
    """The value at ``path`` (``a``, ``a.b``, ``a.0.b``), or :data:`MISSING`."""
    found = value.get(path, MISSING)
    if found is MISSING:
        found = value
        for key in path.split("."):
            if isinstance(found, Mapping):
                found = found.get(key, MISSING)
            elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                found = MISSING
    return found


def text_at(value: Any, path: str) -> tuple[str, str | None]:
    """The text at ``path``, or "" and why there is none."""
    found = value_at(value, path)
    if found is MISSING:
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


MISSING = object()


# --- Parquet


def _parquet(stream: BinaryIO, name: str, layout: Layout) -> Records:
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
    path = layout.text_column or layout.likely or ""
    if not layout.text_column and path.partition(".")[0] not in columns:
        path = find_column(columns, None, name, likely=layout.likely)
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

    return Records(PARQUET, records(), columns, path, name=name, stream=stream)


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
