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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from typing import Any, BinaryIO, TypeVar, cast

from senticli.config import check_choice
from senticli.errors import SenticliError
from senticli.io.fields import (
    LABEL_COLUMNS,
    MISSING,
    TEXT_COLUMNS,
    NoColumnError,
    find_column,
    find_field,
    is_usual,
    no_column,
    plain_name,
    text_at,
    value_at,
)
from senticli.io.formats import (
    CSV,
    DAMAGED,
    DELIMITERS,
    FORMATS,
    JSONL,
    LINES,
    PARQUET,
    STANDARD_INPUT,
    damaged,
    import_pyarrow,
)
from senticli.io.layout import Dialect, Layout
from senticli.io.lines import LONGEST_FIELD, read_lines, without_bom
from senticli.io.objects import BLANK, Value, decode, read_objects, reject_table
from senticli.io.sniff import SEPARATORS, find_delimiter, in_shell, looks_like_data, separator_in
from senticli.log import log

NO_HEADER = "if the first row is data: `header=False` `text_column=NUMBER`"
QUOTED = "looks quoted as in CSV: `quoting=csv`"
SWALLOWED = "may hold the lines after it: is a quote not closed?"
REPEATED = "may repeat the header (of files put together)"
SHORT = "may lack cells: those at the end of the row are taken as empty"
HAS_NUL = "may be in another encoding, such as UTF-16: NUL characters in the line"
IS_NULL = "may be missing values, such as NULL or nan"
_NULLS = frozenset({"\\N", "NULL", "null", "NaN", "nan", "None", "<NA>", "#N/A"})
RECENT = 50  # rows whose values tell what a row of the same table looks like
# A first line that Excel understands.
_SEP = re.compile(r'"?sep=([\t !#-\[\]-~])"?\r?\n?', re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?")
_WORD = re.compile(r"\S+")
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
    ``text_column`` is that of the text: its position in a table, else its path; None where the
    first records tell it. ``preamble`` and
    ``header`` are what stands before the first record of a table, as it was.
    ``notes`` say what was found out about the input that its reader may not expect.
    """

    format: str
    records: Iterator[Record]
    columns: tuple[str, ...] | None
    text_column: int | str | None = None
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
    check_choice("format", format, FORMATS)
    layout.check(format, name)
    if format == PARQUET:
        return _parquet(stream, name, layout)
    lines = read_lines(stream, name, layout.encoding)
    if format == LINES:
        return _plain(lines, name)
    if format == JSONL:
        notes: list[str] = []
        records = _json(lines, name, layout, notes)
        return Records(JSONL, records, None, layout.text_column, name=name, notes=notes)
    return _table(lines, format, name, layout)


Found = TypeVar("Found")


def _text_column(
    find: Callable[..., Found],
    columns: Sequence[str],
    layout: Layout,
    name: str,
    notes: list[str],
) -> Found:
    """Return what ``find``, one of :mod:`senticli.io.fields`, gives for the text's column."""
    try:
        return find(columns, layout.text_column, name, likely=layout.likely)
    except NoColumnError:
        if not layout.or_usual or not any(map(is_usual, columns)):
            raise
    usual = columns[find_column(columns, None, name)]
    notes.append(f"{name} has no column {layout.text_column}: its texts are those of {usual}")
    return find(columns, usual, name)


# --- plain lines


def _plain(lines: Iterator[bytes], name: str) -> Records:
    records = Records(LINES, iter(()), ("text",), name=name)

    def read() -> Iterator[Record]:
        for number, raw in enumerate(lines, start=1):
            text, replaced = decode(_without_end(raw))
            if number == 1 and (shown := format_of_line(text)):
                records.notes.append(f"{name} is read as plain lines, and looks like {shown}")
            doubt = HAS_NUL if "\0" in text else ""
            yield Record(number, text, None, raw, (text,), replaced, doubt)

    records.records = read()
    return records


def format_of_line(line: str) -> str | None:
    """Return the format that the first of some plain lines shows, and its options; or None."""
    line = line.strip()
    if line in ("{", "[") or re.match(r'\[?\s*\{\s*"|[\w.]+ = [\[{]$', line):
        return "JSON: `format=jsonl`"
    usual = {*TEXT_COLUMNS, *LABEL_COLUMNS}
    for delimiter in SEPARATORS:
        fields = [plain_name(part.strip().strip('"')) for part in line.split(delimiter)]
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
        if line[0] == 0xEF and len(self._taken) == 1:  # as a byte order mark begins
            line = without_bom(line)
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

        A line looks like a row if it is cut into as many fields, and those in which the quote
        does not lie are like the same columns of other rows: one line with the same values or
        numbers is enough; of those that are alike only in being single words, there must be at
        least half of the lines between the first and the last.
        """
        spans = [i for i, field in enumerate(fields) if "\n" in field or "\r" in field]
        if not spans:
            return False
        width, delimiter = len(fields), self._dialect.delimiter
        lines = [line.decode(errors="replace").split(delimiter) for line in self._taken]

        def is_row(parts: list[str], columns: Sequence[int], is_alike: Alike) -> bool:
            if len(parts) != width or not columns:
                return False
            return all(is_alike(parts[i], [row[i] for row in recent]) for i in columns)

        outside = [i for i in range(width) if i not in spans]
        between = [parts for parts in lines[1:-1] if parts not in (["\n"], ["\r\n"])]
        rows = sum(is_row(parts, outside, _are_words) for parts in between)
        return (
            (rows >= 2 and 2 * rows >= len(between))
            or any(is_row(parts, outside, _is_same) for parts in between)
            or is_row(lines[0], range(spans[0] + 1, width), _is_same)
            or is_row(lines[-1], range(spans[-1]), _is_same)
        )


Alike = Callable[[str, list[str]], bool]


def _is_same(value: str, others: list[str]) -> bool:
    """Return True if a value is one of ``others``, or all are numbers."""
    others = [other.strip() for other in others]
    value = value.strip().strip('"')
    return value in others or all(map(_NUMBER.fullmatch, [*others, value]))


def _are_words(value: str, others: list[str]) -> bool:
    """Return True if a value and all ``others`` are numbers, or all are other single words."""
    value = value.rstrip("\r\n").strip('"')
    kinds = {_kind(other) for other in others if other}
    return kinds == {_kind(value)} and "text" not in kinds


def _kind(value: str) -> str:
    if _NUMBER.fullmatch(value):
        return "number"
    return "word" if _WORD.fullmatch(value) else "text"


def _table(lines: Iterator[bytes], format: str, name: str, layout: Layout) -> Records:
    ahead = list(islice(lines, 1))
    preamble, delimiter = b"", layout.delimiter
    if ahead and (stated := _SEP.fullmatch(decode(ahead[0])[0])):
        preamble, delimiter = ahead[0], delimiter or stated[1]
        ahead = list(islice(lines, 1))
    if format == CSV and delimiter is None and ahead:
        if any(mark.encode() in ahead[0] for mark in SEPARATORS[1:]):
            ahead += islice(lines, layout.sample)  # more than a header of commas needs
        text = [decode(line)[0] for line in ahead]
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
        if not error:
            next(lines, None)  # which fails if it is UTF-16
        raise SenticliError(
            f"{name} has no header: {error or 'its first line is blank'}",
            "add one; if the first row is data: `header=False`",
        )
    header = fields or [""]
    columns = tuple(decode(column.encode(errors="surrogateescape"))[0] for column in header)
    if layout.header:
        hint = _other_meaning(columns, dialect, layout, name)
    else:
        columns = tuple(map(str, range(1, len(header) + 1)))
        hint = "name the column by its number, such as `text_column=1`"
    try:
        position = _text_column(find_column, columns, layout, name, notes)
    except SenticliError as problem:
        problem.hint = hint or f"{problem.hint}; {NO_HEADER}"
        raise
    is_named = plain_name(columns[position]) == plain_name(layout.text_column or "")
    if layout.header and hint and not is_named and not is_usual(columns[position]):
        shown = raw.decode(errors="replace").strip()[:60]
        notes.append(f"the first row of {name} is taken as its header ({shown!r}); {hint}")
    header_replaced = layout.header and decode(raw)[1]
    if header_replaced:
        notes.append(f"the header of {name} has bytes that are not UTF-8, which were replaced")
    log("%s: %s fields, text in %r, %s", name, len(columns), columns[position], dialect)
    following = chain([] if layout.header else begun, iter(rows.next, None))
    records = _table_records(
        cast(Iterator[Row], following),
        rows,
        header if layout.header else [],
        len(columns),
        position,
        skipped,
    )
    return Records(
        format,
        records,
        columns,
        position,
        header=raw if layout.header else b"",
        header_replaced=header_replaced,
        name=name,
        preamble=preamble,
        dialect=dialect,
        notes=notes,
    )


def _other_meaning(columns: Sequence[str], dialect: Dialect, layout: Layout, name: str) -> str:
    """Return what a header may be in truth, and what to do then; or nothing."""
    mark = separator_in(columns[0], {*TEXT_COLUMNS, *LABEL_COLUMNS}) if len(columns) == 1 else None
    if mark == dialect.delimiter:
        command = in_shell("""sed 's/^"//; s/"[[:cntrl:]]*$//; s/""/"/g'""", name, "rows")
        return f"if its rows are in quotes as a whole, remove these{command}"
    if mark:
        given = "tab" if mark == "\t" else shlex.quote(mark)
        return f"if its fields are separated by {_MARKS.get(mark, mark)}: `delimiter={given}`"
    is_quoted = all(re.fullmatch('".*"', column) for column in columns)  # as R and pandas do
    if is_quoted and dialect.quoting == "none" and not layout.quoting:
        return "if its fields are quoted as in CSV: `quoting=csv`"
    if len(columns) > 1 and sum(map(bool, columns)) == 1:
        return "if it is a title, remove what is above the header"
    if looks_like_data(columns):
        number = " `text_column=NUMBER`" * (len(columns) > 1)
        return f"if it is data: `header=False`{number}"
    return ""


Row = tuple[int, list[str] | None, bytes, str | None]


def _table_records(
    found: Iterator[Row], rows: Rows, header: Sequence[str], width: int, position: int, skipped: int
) -> Iterator[Record]:
    """Yield a record for each row that is ``found`` in ``rows``.

    A row that has the text, and lacks cells at its end or has empty ones too many, is read.
    """
    recent: deque[list[str]] = deque(maxlen=RECENT)
    before: Sequence[str] = ()
    names = list(map(plain_name, header))
    for number, fields, raw, error in found:
        number += skipped
        fields = fields or []
        if len(fields) == width:
            text, replaced = without_surrogates(fields[position])
            recent.append(fields)
            is_header = plain_name(text) in names and [*map(plain_name, fields)] == names
            doubt = REPEATED if is_header else rows.doubt(fields, recent) or doubt_of(text)
            yield Record(number, text, None, raw, fields, replaced, doubt)
        elif (
            position < len(fields)
            and not any(fields[width:])
            and not (rows.leaves_open(before) or rows.leaves_open(fields))
        ):
            text, replaced = without_surrogates(fields[position])
            doubt = doubt_of(text) or (SHORT if len(fields) < width else "")
            yield Record(number, text, None, raw, fields, replaced, doubt)
        else:
            if fields:
                error = f"{len(fields)} field{'s' * (len(fields) != 1)} in place of {width}"
                if rows.leaves_open(before):
                    error += " (cells of several lines: `quoting=csv`)"
                elif not recent:
                    error += _why_longer(len(fields), width, header)
            doubt = HAS_NUL if b"\0" in raw else ""
            yield Record(number, "", error or BLANK, raw, fields, doubt=doubt)
        before = fields


def _why_longer(count: int, width: int, header: Sequence[str]) -> str:
    """Return why the first rows may be longer than the header, if that is known."""
    if width == 1 < count:
        if header and is_usual(header[0]):
            return " (texts that hold the separator: name another `delimiter`)"
        return " (is the first line a title? remove it)"
    if count == width + 1:
        return " (R's write.table names no column of row names: use col.names=NA)"
    return ""


def doubt_of(text: str) -> str:
    """Return why a text may not be what was meant, if so."""
    if len(text) <= 4 and text in _NULLS:
        return IS_NULL
    return HAS_NUL if "\0" in text else ""


def without_surrogates(field: str) -> tuple[str, bool]:
    """Return a field without the lone surrogates that stand for bytes which are not UTF-8."""
    try:
        field.encode()
        return field, False
    except UnicodeEncodeError:
        return encode(field).decode(errors="replace"), True


def without_nul(text: str) -> str:
    """Return what the csv module of this Python can take: before 3.11, no NUL."""
    return text if sys.version_info >= (3, 11) else text.replace("\0", "\ufffd")


def encode(text: str) -> bytes:
    """UTF-8 of a table's text: bytes that were none come back, other lone surrogates do not."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="replace")


# --- JSON Lines


def _json(lines: Iterator[bytes], name: str, layout: Layout, notes: list[str]) -> Iterator[Record]:
    objects = read_objects(lines, name)
    path: str | None = None
    while path is None and (found := next(objects, None)):
        if value := found[2]:
            path = _path_in(value, name, layout, notes)
            if path is None or text_at(value, path)[1]:
                reject_table(value, name)
            if path is None:
                following, objects, _ = look_ahead(objects, layout.sample)
                others = (_path_in(other[2] or {}, name, layout, notes) for other in following)
                path = next(filter(None, others), None) or _only_path(value, name, layout)
        yield _json_record(found, path)
    for found in objects:
        yield _json_record(found, path)


def _json_record(found: Value, path: str | None) -> Record:
    number, raw, value, error, replaced = found
    if value is None:
        return Record(number, "", error, raw, (), replaced, HAS_NUL if b"\0" in raw else "")
    text, error = text_at(value, path) if path else ("", "no field for the text")
    return Record(number, text, error, raw, value, replaced, doubt_of(text))


def _path_in(value: Mapping[str, Any], name: str, layout: Layout, notes: list[str]) -> str | None:
    """Return the path of the text that was asked for, or is likely or usual, if it is there."""
    asked, likely = layout.text_column, layout.likely
    try:
        _, path = _text_column(find_field, list(value), layout, name, notes)
    except SenticliError:
        return None
    if asked or (likely and value_at(value, likely) is not MISSING):
        return path
    return path if is_usual(path) and not isinstance(value[path], dict) else None


def _only_path(value: Mapping[str, Any], name: str, layout: Layout) -> str:
    """Return the path of the text in objects that have none of a usual name.

    Raises:
        SenticliError: none was asked for, and ``value`` has several fields, or no text; or there
            is neither the one asked for nor one of a usual name, which would do.
    """
    if layout.text_column and layout.or_usual:
        raise no_column(list(value), layout.text_column, name, "text")
    if layout.text_column:
        return layout.text_column  # which a later object may have
    try:
        _, path = find_field(list(value), None, name)
        if not isinstance(value[path], str):  # a lone number is no text
            raise no_column(list(value), None, name, "text")
    except SenticliError as error:
        for key, inner in value.items():
            if isinstance(inner, dict) and (usual := next(filter(is_usual, inner), None)):
                error.hint = f"name the field in it: `text_column={shlex.quote(f'{key}.{usual}')}`"
            if isinstance(inner, list) and inner and isinstance(inner[0], dict):
                error.message = f"{name} is an object with a list in its field {key!r}"
                command = f"jq -c {shlex.quote(f'.[{json.dumps(key)}][]')}"
                error.hint = f"take the list out{in_shell(command, name, 'records')}"
        raise
    return path


Item = TypeVar("Item")


def look_ahead(
    items: Iterator[Item], count: int
) -> tuple[list[Item], Iterator[Item], SenticliError | None]:
    """Return the next few items, all of them, and what failed among the few, if anything did.

    Who reads all of them gets that error after the items before it.
    """
    ahead: list[Item] = []
    failure: SenticliError | None = None
    try:
        ahead.extend(islice(items, count))
    except SenticliError as error:
        failure = error

    def all_items() -> Iterator[Item]:
        yield from ahead
        if failure:
            raise failure
        yield from items

    return ahead, all_items(), failure


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
    notes: list[str] = []
    position, path = _text_column(find_field, columns, layout, name, notes)
    root = columns[position]

    def records() -> Iterator[Record]:
        number = 0
        try:
            for batch in file.iter_batches(batch_size=1024):
                rows = _Batch(batch)
                for index, value in enumerate(_values(batch.column(position))):
                    number += 1
                    text, error = text_at({root: value}, path)
                    fields = _Row(rows, index)
                    yield Record(number, text, error, b"", fields, doubt=doubt_of(text))
        except broken as error:
            raise damaged(name, error) from error

    return Records(PARQUET, records(), columns, path, name=name, stream=stream, notes=notes)


class _Batch:
    """Some rows of a Parquet file, made into Python values when these are wanted."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch
        self.names = list(batch.schema.names)

    @cached_property
    def columns(self) -> dict[str, list[Any]]:
        """The values of each column."""
        columns = map(_values, self._batch.columns)
        return dict(zip(self.names, columns, strict=True))


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
    """Return a column as Python values; as text if it holds what Python cannot express."""
    pyarrow = import_pyarrow()
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        values = column.cast(pyarrow.binary()).to_pylist()
        return [value and value.decode(errors="replace") for value in values]
    except (ValueError, OverflowError):
        return list(column.cast(pyarrow.string()).to_pylist())
