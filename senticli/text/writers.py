"""Answers added to records, in any format; the records themselves as they came in.

Where the format stays the same, a record passes through byte for byte and the answer is appended.
A row that does not fit its table is made to fit, and loses nothing: surplus fields go into the
last column together, missing ones are empty.
"""

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO

from senticli.errors import SenticliError, UsageError
from senticli.text.files import DELIMITERS, JSONL, import_pyarrow
from senticli.text.records import BOM, Record, Records, Rows, encode, mended, without_nul

Answer = Mapping[str, Any]


class Writer(ABC):
    """Gives the bytes to write."""

    def header(self) -> bytes:
        """What comes before the first record: nothing, but for a table."""
        return b""

    @abstractmethod
    def record(self, record: Record, answer: Answer) -> bytes:
        """A record with its answer, which has a value for each added column."""


class LinesWriter(Writer):
    """The answer alone: its values, parted by tabs; its last, an error, where there is one."""

    def record(self, record: Record, answer: Answer) -> bytes:
        """A line."""
        cells = [
            f"{value:.4f}" if isinstance(value, float) else " ".join(_cell(value).splitlines())
            for value in answer.values()
        ]
        cells = [cell.replace("\t", " ") for cell in (cells if cells[-1] else cells[:-1])]
        return _encode("\t".join(cells) + "\n")


class TableWriter(Writer):
    """CSV or TSV: the columns of the input, then the added ones."""

    def __init__(
        self, format: str, source: Records, columns: Sequence[str], added: Sequence[str]
    ) -> None:
        self._delimiter = DELIMITERS[format]
        self._columns, self._added = columns, added
        self._source = source
        self._as_it_is = source.format == format
        self._end = b"\r\n" if source.header.endswith(b"\r\n") else b"\n"
        self._encode = encode if source.format in DELIMITERS else _encode

    def header(self) -> bytes:
        """The names of the columns."""
        if self._as_it_is and self._source.header:
            return self._append(self._source.header, self._added)
        return self._row([*self._columns, *self._added])

    def record(self, record: Record, answer: Answer) -> bytes:
        """The row and its answer."""
        cells = [_cell(answer[name]) for name in self._added]
        if self._as_it_is and not record.error:
            return self._append(record.raw, cells)
        return self._row([*self._fields(record), *cells])

    def _fields(self, record: Record) -> list[str]:
        """One cell a column."""
        fields, width = record.fields, len(self._columns)
        if isinstance(fields, Mapping):
            strange = next((name for name in fields if name not in self._columns), None)
            if strange is not None:
                raise SenticliError(
                    f"line {record.number} has the field {strange!r}, which the first have not, "
                    "and a table has the same columns throughout",
                    "keep every field: --output-format jsonl",
                )
            return [_cell(fields.get(name)) for name in self._columns]
        cells = [_cell(value) for value in fields]
        cells = cells or [_line(record, errors="surrogateescape")]
        if len(cells) > width:
            cells[width - 1 :] = [self._delimiter.join(cells[width - 1 :])]
        return cells + [""] * (width - len(cells))

    def _append(self, raw: bytes, cells: Sequence[str]) -> bytes:
        """A row as it is, then more cells."""
        body = raw.rstrip(b"\r\n")
        end = raw[len(body) :]
        if end not in (b"\n", b"\r\n"):  # the last row has none, or half of one
            end = self._end
        return body + self._delimiter.encode() + self._row(cells).removesuffix(self._end) + end

    def _row(self, cells: Sequence[str]) -> bytes:
        buffer = io.StringIO()
        # Python before 3.13 quotes only those ends of line that the writer itself uses.
        writer = csv.writer(buffer, delimiter=self._delimiter, lineterminator="\r\n")
        writer.writerow(map(without_nul, cells))
        return self._encode(buffer.getvalue().removesuffix("\r\n")) + self._end


class JsonWriter(Writer):
    """JSON Lines: an object a record, its own fields first.

    Raises SenticliError where an object has a field of the answer's already.
    """

    def __init__(self, source: Records) -> None:
        self._source = source

    def record(self, record: Record, answer: Answer) -> bytes:
        """The object and its answer; an object that came in stays as it was, byte for byte."""
        if self._source.format != JSONL or not isinstance(record.fields, Mapping):
            return _encode(to_json({**self._fields(record), **answer}) + "\n")
        reject_clash(record.fields, answer, f"line {record.number}")
        raw = record.raw.rstrip(b" \t\r\n")
        end = record.raw[len(raw) :]
        comma = b", " if record.fields else b""
        added = _encode(to_json(answer)[1:-1])
        return raw[:-1] + comma + added + b"}" + (end if end.endswith(b"\n") else b"\n")

    def _fields(self, record: Record) -> Mapping[str, Any]:
        """The values by name."""
        fields, columns = record.fields, self._source.columns or ()
        if isinstance(fields, Mapping):
            return fields
        if fields and len(fields) == len(columns):
            values = [mended(value)[0] for value in fields]
            return dict(zip(columns, values, strict=True))
        return {"line": _line(record, errors="replace")}


def reject_clash(names: Container[str], added: Iterable[str], where: str) -> None:
    """Raise UsageError where a column to be added is there already."""
    clash = next((name for name in added if name in names), None)
    if clash is not None:
        raise UsageError(
            f"{where} has a column {clash!r} already", "name the new ones apart: --prefix senti_"
        )


def _line(record: Record, errors: str) -> str:
    """What could not be taken apart, as it was."""
    return record.raw.decode(errors=errors).rstrip("\r\n")


class AnswerWriter(Writer):
    """The answers alone as JSON Lines."""

    def record(self, record: Record, answer: Answer) -> bytes:
        """A line."""
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


def _cell(value: Any) -> str:
    """A value as a table shows it."""
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
        yield json.loads(line.removeprefix(BOM).decode(errors="replace"))


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
    """The kind that holds the values of both."""
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


def complete(stream: BinaryIO, format: str) -> tuple[int, int]:
    """How many records of a cut-off output are complete, and its bytes up to their end.

    The header of a table is among the bytes and not among the records.
    """
    records = size = 0
    if format in DELIMITERS:
        rows = Rows(stream, DELIMITERS[format])
        while (found := rows.next()) is not None:
            _, _, raw, error = found
            if error or not raw.endswith(b"\n"):
                break
            records, size = records + 1, size + len(raw)
        return max(records - 1, 0), size
    for raw in stream:
        if raw.endswith(b"\n"):
            records, size = records + 1, size + len(raw)
    return records, size
