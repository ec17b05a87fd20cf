"""Records of any format, one at a time: the text of each, and all else, so that none is lost.

A record that has no usable text says why in ``error`` and is yielded all the same: N records in
the input are N records here, in order. What an input cannot give at all (it is missing, damaged,
has no such column) is a :class:`~senticli.errors.SenticliError`.
"""

import csv
import json
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, cast

from senticli.errors import SenticliError, UsageError
from senticli.text.files import (
    DAMAGED,
    DELIMITERS,
    JSONL,
    LINES,
    PARQUET,
    damaged,
    import_pyarrow,
    unreadable,
)

TEXT_COLUMNS = ("text", "sentence", "review", "content", "body")
LABEL_COLUMNS = ("label", "sentiment", "class", "category")
LONGEST_FIELD = 16 * 2**20  # characters; a quote that is never closed must not swallow a file
BLANK = "a blank line"
BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Record:
    """One record of an input.

    ``number`` is that of its (first) line, or of its row, from 1. ``text`` is empty where
    ``error`` says why there is none. ``raw`` is what it was read from, its end of line included;
    ``fields`` its values in the order of the columns, or by name, none where it could not be taken
    apart. ``replaced`` tells that bytes which are not UTF-8 were replaced in the text.
    """

    number: int
    text: str
    error: str | None = None
    raw: bytes = b""
    fields: Sequence[Any] | Mapping[str, Any] = ()
    replaced: bool = False


@dataclass
class Records:
    """The records of an input, to be read once.

    ``columns`` are the names of the fields, None where each record names its own (JSON Lines).
    """

    format: str
    records: Iterator[Record]
    columns: tuple[str, ...] | None
    header: bytes = b""
    name: str = "standard input"
    stream: BinaryIO | None = None  # of Parquet, to read it again

    def __iter__(self) -> Iterator[Record]:
        return self.records


def read_records(
    stream: BinaryIO, format: str, name: str, text_column: str | None = None
) -> Records:
    """The records of ``stream``, whose format is one of :data:`FORMATS`.

    ``text_column`` names the text's column or field, ``a.b`` a field inside another; without it,
    it is the only column, or found among the usual names.

    Raises:
        SenticliError: now or while reading; see the module.
    """
    if text_column and format == LINES:
        raise UsageError(
            "--text-column is for tables, and the input is plain lines",
            "name the format: --format csv, tsv, jsonl or parquet",
        )
    lines = _lines(stream, name)
    if format == LINES:
        return Records(LINES, _plain(lines), ("text",), name=name)
    if format == JSONL:
        return Records(JSONL, _json(lines, name, text_column), None, name=name)
    if format == PARQUET:
        return _parquet(stream, name, text_column)
    return _table(lines, format, name, text_column)


def _lines(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines with their ends; what goes wrong while reading names the input."""
    try:
        for first in stream:
            if first.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise SenticliError(
                    f"{name} is UTF-16, not UTF-8", "convert it: iconv -f UTF-16 -t UTF-8 FILE"
                )
            yield first
            break
        yield from stream
    except DAMAGED as error:
        raise damaged(name, error) from error
    except OSError as error:
        raise unreadable(name, error) from error


# --- plain lines


def _plain(lines: Iterable[bytes]) -> Iterator[Record]:
    for number, raw in enumerate(lines, start=1):
        content = raw.removeprefix(BOM) if number == 1 else raw
        text, replaced = _decode(_without_end(content))
        yield Record(number, text, None, raw, (text,), replaced)


def _without_end(raw: bytes) -> bytes:
    if raw.endswith(b"\n"):
        return raw[:-2] if raw.endswith(b"\r\n") else raw[:-1]
    return raw


def _decode(raw: bytes) -> tuple[str, bool]:
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        return raw.decode(errors="replace"), True


# --- CSV and TSV


class Rows:
    """The rows of a table, and the bytes of the one read last.

    Bytes that are not UTF-8 pass through as lone surrogates, which become the same bytes again. A
    quote that is wrong or never closed spoils the line where its row begins, and no other: what
    was read after that line is read again.
    """

    def __init__(self, lines: Iterable[bytes], delimiter: str) -> None:
        self._lines = iter(lines)
        self._again: deque[bytes] = deque()
        self._taken: list[bytes] = []
        self._read = 0
        csv.field_size_limit(LONGEST_FIELD)
        self._rows = csv.reader(self, delimiter=delimiter, strict=True)

    def __iter__(self) -> "Rows":
        return self

    def __next__(self) -> str:
        """The next line, as text."""
        line = self._again.popleft() if self._again else next(self._lines)
        self._taken.append(line)
        self._read += 1
        if self._read == 1:
            line = line.removeprefix(BOM)
        return without_nul(line.decode(errors="surrogateescape"))

    def next(self) -> tuple[int, list[str] | None, bytes, str | None] | None:
        """The first line's number, the fields, the bytes and what is wrong; None at the end."""
        number = self._read + 1
        self._taken = []
        try:
            row, error = next(self._rows), None
        except StopIteration:
            return None
        except csv.Error as problem:
            # What follows the dash is Python's advice to its own programmers.
            row, error = None, f"the quotes are wrong: {str(problem).partition(' - ')[0]}"
            first, *others = self._taken
            self._again.extendleft(reversed(others))
            self._taken, self._read = [first], number
        return number, row, b"".join(self._taken), error


def _table(lines: Iterable[bytes], format: str, name: str, text_column: str | None) -> Records:
    rows = Rows(lines, DELIMITERS[format])
    first = rows.next()
    if first is None:
        return Records(format, iter(()), (), name=name)
    _, header, raw, error = first
    if not header:
        raise SenticliError(
            f"{name} has no header: {error or 'its first line is blank'}", "add one"
        )
    columns = tuple(_decode(column.encode(errors="surrogateescape"))[0] for column in header)
    position = columns.index(find_column(columns, text_column, name))
    return Records(format, _table_records(rows, columns, position), columns, raw, name)


def _table_records(rows: Rows, columns: tuple[str, ...], position: int) -> Iterator[Record]:
    width = len(columns)
    while (found := rows.next()) is not None:
        number, fields, raw, error = found
        if fields is None:
            yield Record(number, "", error, raw)
        elif len(fields) == width:
            text, replaced = mended(fields[position])
            yield Record(number, text, None, raw, fields, replaced)
        elif not fields:
            yield Record(number, "", BLANK, raw, fields)
        else:
            error = f"{len(fields)} field{'s' * (len(fields) != 1)} in place of {width}"
            yield Record(number, "", error, raw, fields)


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
    """The column of the text or label: the one asked for, or one of the usual.

    The only column of a table is that of the text, whatever its name.
    """
    usual = TEXT_COLUMNS if what == "text" else LABEL_COLUMNS
    wanted = (asked,) if asked else usual
    for column in wanted:
        if column in columns:
            return column
    if what == "text" and not asked and len(columns) == 1:
        return columns[0]
    raise _no_column(columns, wanted, name, what)


def _no_column(
    columns: Iterable[str], wanted: Iterable[str], name: str, what: str
) -> SenticliError:
    return SenticliError(
        f"{name} has no column {' or '.join(wanted)} (it has: {', '.join(columns)})",
        f"name the column: --{what}-column NAME",
    )


# --- JSON Lines


def _json(lines: Iterable[bytes], name: str, text_column: str | None) -> Iterator[Record]:
    path = text_column
    for number, raw in enumerate(lines, start=1):
        content = raw.removeprefix(BOM) if number == 1 else raw
        line, replaced = _decode(content)
        if number == 1 and line.lstrip().startswith("["):
            raise SenticliError(
                f"{name} is one JSON array, not an object a line",
                "take it apart first: jq -c '.[]' FILE | senticli predict --format jsonl",
            )
        value, error = _object(line)
        if value is None:
            yield Record(number, "", error, raw, (), replaced)
            continue
        if path is None:
            path = _usual_field(value, name)
        text, error = _text_at(value, path) if path else ("", "no field for the text")
        yield Record(number, text, error, raw, value, replaced)


def _object(line: str) -> tuple[dict[str, Any] | None, str | None]:
    """The object that a line is, or what is wrong with it."""
    if not line.strip():
        return None, BLANK
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as problem:
        return None, f"not JSON: {problem}"
    return (value, None) if isinstance(value, dict) else (None, "not a JSON object")


def _usual_field(value: Mapping[str, Any], name: str) -> str | None:
    """The field of the text: one with a usual name, or the only one; None of an empty object."""
    if not value:
        return None
    field = find_column(list(value), None, name)
    if field not in TEXT_COLUMNS and not isinstance(value[field], str):
        raise _no_column(value, TEXT_COLUMNS, name, "text")  # a lone number is no text
    return field


def _text_at(value: Any, path: str) -> tuple[str, str | None]:
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
                    text, error = _text_at({root: value}, path)
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


# --- labelled tables, to learn from


def label_reader(label_column: str | None, name: str) -> Callable[[Mapping[str, Any]], str]:
    """A function that gives the label of a row, or "" where it has none.

    Raises:
        SenticliError: the function, if the first row has no such column.
    """
    column: str | None = label_column if label_column and "." in label_column else None

    def read(fields: Mapping[str, Any]) -> str:
        nonlocal column
        if column is None:
            column = find_column(list(fields), label_column, name, "label")
        value, error = _text_at(fields, column)
        return "" if error else _whole(value).strip()

    return read


def _whole(number: str) -> str:
    """A label without the ``.0`` that a column of numbers may give it."""
    return number.removesuffix(".0") if number.removesuffix(".0").isdecimal() else number
