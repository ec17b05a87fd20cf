"""Answers added to records, in any format; the records themselves as they came in.

Where the format stays the same, a record passes through byte for byte and the answer is appended.
A row that does not fit its table is made to fit, and loses nothing: surplus fields, but for empty
ones, go into the last column together, missing ones are empty.
"""

import csv
import io
import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, count, islice, zip_longest
from typing import Any, BinaryIO

from senticli.errors import UsageError
from senticli.io.formats import DELIMITERS, JSONL, import_pyarrow
from senticli.io.layout import Dialect
from senticli.io.lines import without_bom
from senticli.io.readers import (
    Record,
    Records,
    Rows,
    encode,
    without_nul,
    without_surrogates,
)

Answer = Mapping[str, Any]


class Writer(ABC):
    """Gives the bytes to write.

    ``renamed`` and ``left_out`` count the fields that could not stay as they were, by name;
    ``flattened`` counts cells in which a tab or an end of line became a blank.
    """

    def __init__(self) -> None:
        self.renamed: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.flattened = 0

    dialect: Dialect | None = None
    """How the rows of a table are written; None for one record a line."""
    rows_before = 0
    """Rows of a table before its first record."""

    def header(self) -> bytes:
        """Return what comes before the first record: nothing, but for a table."""
        return b""

    @abstractmethod
    def record(self, record: Record, answer: Answer) -> bytes:
        """Return a record with its answer, which has a value for each added column."""


class LinesWriter(Writer):
    """The answer alone: its values, parted by tabs; its last, an error, where there is one."""

    def record(self, record: Record, answer: Answer) -> bytes:
        """Return a line."""
        cells = [  # never -0.0000
            f"{round(value, 4) + 0.0:.4f}" if isinstance(value, float) else _in_one_line(value)
            for value in answer.values()
        ]
        return _encode("\t".join(cells if cells[-1] else cells[:-1]) + "\n")


class TableWriter(Writer):
    """CSV or TSV: the columns of the input, then the added ones.

    Fields for which there is no column are left out. TSV cannot hold a tab or an end of line
    within a cell: a blank takes its place.
    """

    dialect: Dialect

    def __init__(
        self,
        format: str,
        source: Records,
        columns: Sequence[str],
        added: Sequence[str],
        dialect: Dialect,
        *,
        header: bool = True,
    ) -> None:
        super().__init__()
        self.dialect = dialect
        self._columns, self._added = columns, added
        self._source, self._has_header = source, header
        self._as_it_is = source.format == format and source.dialect == dialect
        self.rows_before = header + bool(self._as_it_is and source.preamble)
        first = source.header or source.preamble
        self._end = b"\r\n" if first.endswith(b"\r\n") else b"\n"
        self._encode = encode if source.format in DELIMITERS else _encode

    def header(self) -> bytes:
        """Return the names of the columns, and what stood before them."""
        preamble = self._source.preamble if self._as_it_is else b""
        if not self._has_header:
            return preamble
        if self._as_it_is and self._source.header:
            return preamble + self._append(self._source.header, self._added)
        return preamble + self._row([*self._columns, *self._added])

    def record(self, record: Record, answer: Answer) -> bytes:
        """Return the row and its answer."""
        cells = [_cell(answer[name]) for name in self._added]
        fits = not record.error and len(record.fields) == len(self._columns)
        if self._as_it_is and fits:
            return self._append(record.raw, cells)
        return self._row([*self._fields(record), *cells])

    def _fields(self, record: Record) -> list[str]:
        """Return one cell a column."""
        fields, width = record.fields, len(self._columns)
        if isinstance(fields, Mapping):
            self.left_out.update(name for name in fields if name not in self._columns)
            return [_cell(fields.get(name)) for name in self._columns]
        cells = [_cell(value) for value in fields]
        cells = cells or [_line(record, errors="surrogateescape")]
        if any(cells[width:]):
            cells[width - 1 :] = [self.dialect.delimiter.join(cells[width - 1 :])]
        return cells[:width] + [""] * (width - len(cells))

    def _append(self, raw: bytes, cells: Sequence[str]) -> bytes:
        """Return a row as it is, then more cells."""
        body = raw.rstrip(b"\r\n")
        end = raw[len(body) :]
        if not end.endswith(b"\n"):  # the last row has none, or half of one
            end = self._end
        added = self._row(cells).removesuffix(self._end)
        return body + self.dialect.delimiter.encode() + added + end

    def _row(self, cells: Sequence[str]) -> bytes:
        if self.dialect.quoting == "none":
            return self._encode(self.dialect.delimiter.join(map(self._flat, cells))) + self._end
        buffer = io.StringIO()
        # Python before 3.13 quotes only those ends of line that the writer itself uses.
        writer = csv.writer(buffer, lineterminator="\r\n", **self.dialect.options)
        writer.writerow(map(without_nul, cells))
        return self._encode(buffer.getvalue().removesuffix("\r\n")) + self._end

    def _flat(self, cell: str) -> str:
        flat = " ".join(re.split(r"[\r\n]|" + re.escape(self.dialect.delimiter), cell))
        self.flattened += flat != cell
        return flat


class JsonWriter(Writer):
    """JSON Lines: an object a record, its own fields first.

    Answers keep their ``names`` throughout: an object's own field of such a name is called
    ``input_NAME``.
    """

    def __init__(self, source: Records, names: Container[str]) -> None:
        super().__init__()
        self._source, self._names = source, names

    def record(self, record: Record, answer: Answer) -> bytes:
        """Return the object and its answer; an object stays as it was, byte for byte."""
        fields = fields_of(record, self._source.columns)
        clash = [name for name in fields if name in self._names]
        if clash:
            self.renamed.update(clash)
            fields = {_free(name, fields, self._names): value for name, value in fields.items()}
        elif self._source.format == JSONL and isinstance(record.fields, Mapping):
            raw = record.raw.rstrip(b" \t\r\n")
            end = record.raw[len(raw) :]
            comma = b", " if record.fields else b""
            added = _encode(to_json(answer)[1:-1])
            return raw[:-1] + comma + added + b"}" + (end if end.endswith(b"\n") else b"\n")
        return _encode(to_json({**fields, **answer}) + "\n")


def fields_of(record: Record, columns: Sequence[str] | None) -> Mapping[str, Any]:
    """Return the values of a record by name; of a table's row, by its ``columns``."""
    if isinstance(record.fields, Mapping):
        return record.fields
    if record.error or not record.fields:
        return {"line": _line(record, errors="replace")}
    cells = (without_surrogates(cell)[0] for cell in record.fields[: len(columns or ())])
    return dict(zip_longest(columns or (), cells, fillvalue=""))


def _free(name: str, fields: Container[str], taken: Container[str]) -> str:
    """Return ``name``, or, where it is taken, one that is in neither ``fields`` nor ``taken``."""
    if name not in taken:
        return name
    name = f"input_{name}"
    while name in fields or name in taken:
        name = f"input_{name}"
    return name


def reject_clash(names: Container[str], added: Iterable[str], prefix: str, where: str) -> None:
    """Raise UsageError where a column to be added, with ``prefix``, is there already."""
    added = list(added)
    clash = next((name for name in added if name in names), None)
    if clash is None:
        return
    plain = [name.removeprefix(prefix) for name in added]
    free = (f"senti{number}_" for number in count(2))
    other = next(
        other
        for other in chain(["senti_"], free)
        if not any(f"{other}{name}" in names for name in plain)
    )
    raise UsageError(
        f"{where} has a column {clash!r} already", f"name the new ones apart: `prefix={other}`"
    )


def _line(record: Record, errors: str) -> str:
    """Return what could not be taken apart, as it was."""
    return record.raw.decode(errors=errors).rstrip("\r\n")


class AnswerWriter(Writer):
    """The answers alone as JSON Lines."""

    def record(self, record: Record, answer: Answer) -> bytes:
        """Return a line."""
        return _encode(to_json(answer) + "\n")


def to_json(value: Any) -> str:
    """One line of JSON; dates, decimals and the like as text, numbers that JSON has not as null."""
    options: dict[str, Any] = {"ensure_ascii": False, "default": _as_text}
    try:
        return json.dumps(value, allow_nan=False, **options)
    except ValueError:
        finite = json.loads(json.dumps(value, **options), parse_constant=lambda _: None)
        return json.dumps(finite, **options)


def _as_text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _encode(text: str) -> bytes:
    """UTF-8, lone surrogates replaced."""
    return text.encode(errors="replace")


@lru_cache(maxsize=1024)  # labels and errors, of which there are few
def _in_one_line(value: Any) -> str:
    return " ".join(_cell(value).splitlines()).replace("\t", " ")


def _cell(value: Any) -> str:
    """Return a value as a table shows it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | dict | list):
        return to_json(value)
    return _as_text(value)


# --- Parquet, which is written as a whole from what was gathered as text


def parquet_from_json(source: BinaryIO, target: BinaryIO, added: Mapping[str, str]) -> None:
    """Write JSON Lines as Parquet.

    A column is boolean, integer or float where all its values are; else text, and what is no text,
    such as an object, is its JSON.
    """
    pyarrow = import_pyarrow()
    kinds: dict[str, str] = {}
    for row in _objects(source):
        for name, value in row.items():
            kinds[name] = _joined(kinds.get(name), _kind(value))
    kinds |= {name: "float" if kind == "number" else "text" for name, kind in added.items()}
    types = {"bool": pyarrow.bool_(), "int": pyarrow.int64(), "float": pyarrow.float64()}
    schema = pyarrow.schema([(n, types.get(kind, pyarrow.string())) for n, kind in kinds.items()])
    source.seek(0)
    rows = _objects(source)
    with pyarrow.parquet.ParquetWriter(target, schema) as writer:
        while batch := list(islice(rows, 8192)):
            arrays = [
                pyarrow.array(
                    [_fitted(row.get(name), kind) for row in batch], schema.field(name).type
                )
                for name, kind in kinds.items()
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def _objects(lines: BinaryIO) -> Iterator[dict[str, Any]]:
    for line in lines:
        yield json.loads(without_bom(line).decode(errors="replace"))


def _kind(value: Any) -> str:
    """``none``, ``bool``, ``int`` (of 64 bits), ``float`` or ``text``."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -(2**63) <= value < 2**63 else "text"
    return "float" if isinstance(value, float) else "text"


def _joined(kind: str | None, other: str) -> str:
    """Return the kind that holds the values of both."""
    if kind in (None, "none", other):
        return other
    if other == "none":
        return kind or other
    return "float" if {kind, other} == {"int", "float"} else "text"


def _fitted(value: Any, kind: str) -> Any:
    if value is None or kind in ("bool", "int"):
        return value
    if kind == "float":
        return float(value)
    text = value if isinstance(value, str) else to_json(value)
    return _encode(text).decode()


def parquet_from_parquet(
    source: BinaryIO, answers: BinaryIO, target: BinaryIO, added: Mapping[str, str]
) -> None:
    """Write the rows of a Parquet file as they are, each with its answer, a line of JSON."""
    pyarrow = import_pyarrow()
    file = pyarrow.parquet.ParquetFile(source)
    columns = pyarrow.schema([(name, _type(pyarrow, kind)) for name, kind in added.items()])
    schema = file.schema_arrow
    for column in columns:
        schema = schema.append(column)
    rows = (json.loads(line) for line in answers)
    with pyarrow.parquet.ParquetWriter(target, schema) as writer:
        for batch in file.iter_batches():
            more = pyarrow.Table.from_pylist(list(islice(rows, batch.num_rows)), schema=columns)
            table = pyarrow.Table.from_batches([batch])
            for name in columns.names:
                table = table.append_column(columns.field(name), more[name])
            writer.write_table(table.cast(schema))


def _type(pyarrow: Any, kind: str) -> Any:
    return pyarrow.float64() if kind == "number" else pyarrow.string()


def complete(stream: BinaryIO, dialect: Dialect | None, before: int, most: int) -> tuple[int, int]:
    """Return how many records of a cut-off output are whole, and its bytes up to their end.

    Args:
        stream: the output.
        dialect: of a table; None for one record a line.
        before: rows of a table before its first record: the header and what precedes it. They
            are among the bytes and not among the records.
        most: records that count at most.
    """
    rows = Rows(stream, dialect) if dialect else None
    records, size = -before, 0
    while records < most:
        found = rows.next() if rows else (0, None, next(stream, b""), None)
        if found is None or found[3] or not found[2].endswith(b"\n"):
            break
        records, size = records + 1, size + len(found[2])
    return max(records, 0), size if records >= 0 else 0
