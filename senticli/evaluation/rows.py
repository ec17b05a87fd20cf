"""Rows of labelled examples, written as their input has them, with columns added."""

import io
import shutil
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from senticli.errors import SenticliError, UsageError
from senticli.evaluation.examples import Examples
from senticli.io import atomic
from senticli.io.formats import (
    CSV,
    DELIMITERS,
    JSONL,
    LINES,
    PARQUET,
    compress,
    compression_of,
    format_of,
    import_pyarrow,
    open_bytes,
)
from senticli.io.layout import Dialect
from senticli.io.readers import Record, Records, read_records, without_surrogates
from senticli.io.sinks import check_place, is_special
from senticli.io.writers import JsonWriter, TableWriter, Writer, fields_of, parquet_from_json

if TYPE_CHECKING:
    from senticli.data.labelled import Example
    from senticli.data.splits import Source

TABLES = (*DELIMITERS, JSONL, PARQUET)


def check_target(path: Path, *, force: bool, inputs: Iterable[str | Path] = ()) -> None:
    """Raise UsageError if a file cannot be written, or must not be.

    Args:
        path: the file.
        force: replace it.
        inputs: files that must not be overwritten.
    """
    if is_special(path):
        return
    check_place(path, "suspects")
    if path.exists() and any(Path(name).exists() and path.samefile(name) for name in inputs):
        raise UsageError(f"{path} is what is evaluated", "name another file: `suspects=FILE`")
    if path.exists() and not force:
        raise UsageError(f"{path} exists already", "replace it: `force=True`")
    if str(path) == "-" or (path.suffix and format_of(path) not in TABLES):
        raise UsageError(
            f"`suspects` {str(path)!r} is not a table",
            "use a name in .csv, .tsv, .jsonl or .parquet",
        )
    if format_of(path) == PARQUET:
        import_pyarrow()
        if compression_of(path):
            raise UsageError("Parquet is written unpacked", "use `suspects=FILE.parquet`")


@dataclass(frozen=True)
class Row:
    """An example to write: its place among all, where it stands, and the values to add."""

    number: int
    where: str
    added: Mapping[str, Any]


def write_rows(path: Path, rows: Sequence[Row], columns: Sequence[str], examples: Examples) -> None:
    """Write the rows of some examples to a file, in this order.

    Args:
        path: the file. Its format is that of its name, else of the input.
        rows: what to write.
        columns: those that are added; one whose name is taken is called ``suspect_NAME``.
        examples: all examples.

    Raises:
        SenticliError: the file cannot be written, or an input cannot be read again.
    """
    table = _table_of(rows, examples)
    format = next(one for one in (format_of(path), table.format, CSV) if one in TABLES)
    names = table.source.columns or tuple({n: None for r in table.records for n in r.fields})
    renamed = {name: _free(name, names) for name in columns}
    answers = [{renamed[name]: value for name, value in row.added.items()} for row in rows]
    body, convert = io.BytesIO(), shutil.copyfileobj
    if format == table.source.format == PARQUET:
        _write_parquet(body, table, list(renamed.values()), answers)
    else:
        writer = _writer(format, table.source, names, list(renamed.values()))
        body.write(writer.header())
        body.writelines(map(writer.record, table.records, answers))
        if format == PARQUET:
            convert = partial(parquet_from_json, added={})
        elif compression := compression_of(path):
            convert = partial(compress, compression=compression)
    body.seek(0)
    try:
        with _opened(path) as file:
            convert(body, file)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SenticliError(
            f"cannot write {path}: {(error.strerror or str(error)).lower()}",
            "make room there, or name another file: `suspects=FILE`",
        ) from error


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    return path.open("wb") if is_special(path) else atomic.replace_file(path.resolve())


def _writer(format: str, source: Records, names: Sequence[str], added: Sequence[str]) -> Writer:
    if format not in DELIMITERS:
        return JsonWriter(source, added)
    dialect = (source.format == format and source.dialect) or Dialect.of(format)
    header = source.format not in DELIMITERS or bool(source.header)
    return TableWriter(format, source, names, added, dialect, header=header)


def _write_parquet(
    body: BinaryIO, table: "_Table", added: Sequence[str], answers: Sequence[Mapping[str, Any]]
) -> None:
    """Write rows of a Parquet file with the types that they have there."""
    pyarrow = import_pyarrow()
    with open_bytes(Path(table.source.name)) as (stream, _):
        whole = pyarrow.parquet.read_table(pyarrow.BufferReader(stream.read()))
    chosen = whole.take(pyarrow.array([r.number - 1 for r in table.records], pyarrow.int64()))
    for name in added:
        chosen = chosen.append_column(name, pyarrow.array([answer[name] for answer in answers]))
    pyarrow.parquet.write_table(chosen, body)


# --- the rows as they were


@dataclass(frozen=True)
class _Table:
    """Rows as their input has them, the format of that, and how it is written.

    Those of several sources, and of what is no table, are mappings, and ``source`` says nothing.
    """

    records: Sequence[Record]
    format: str
    source: Records


PLAIN = Records(LINES, iter(()), None)


def _table_of(rows: Sequence[Row], examples: Examples) -> _Table:
    """Return the rows of examples as their sources have them."""
    ends = list(accumulate(len(source) for _, source in examples.sources))
    everything = examples.all
    names = [name for name, _ in examples.sources]
    by_source: list[list[Row]] = [[] for _ in names]
    for row in rows:
        by_source[bisect_right(ends, row.number)].append(row)
    sources: list[Source | None] = [part.source for part in examples.parts]
    tables = [
        _read_again(source, mine, everything)
        for source, mine in zip(sources or [None], by_source, strict=True)
    ]
    if len(tables) == 1:
        return tables[0]
    found: dict[int, Record] = {}
    for name, table, mine in zip(names, tables, by_source, strict=True):
        for record, row in zip(table.records, mine, strict=True):
            fields = fields_of(record, table.source.columns)
            found[row.number] = replace(record, fields={_free("source", fields): name, **fields})
    formats = {table.format for table in tables}
    format = formats.pop() if len(formats) == 1 else CSV
    return _Table([found[row.number] for row in rows], format, PLAIN)


def _read_again(source: "Source | None", rows: Sequence[Row], examples: "list[Example]") -> _Table:
    """Return rows of a source: as they are in its file, or where each stands, text and label."""
    path, format = Path(source.name if source else ""), format_of_source(source)
    if not (source and source.reading and format in TABLES and path.is_file()):
        plain = (
            {"where": row.where, "text": example.text, "label": example.label}
            for row in rows
            for example in [examples[row.number]]
        )
        return _Table([Record(0, fields["text"], fields=fields) for fields in plain], CSV, PLAIN)
    wanted = {examples[row.number].record for row in rows}
    with open_bytes(path) as (stream, _):
        records = read_records(stream, format, str(path), source.reading.layout)
        found = {number: record for number, record in enumerate(records) if number in wanted}
    ordered = []
    for row in rows:
        example = examples[row.number]
        record = found.get(example.record if example.record is not None else -1)
        if record is None or without_surrogates(record.text)[0] != example.text:
            raise SenticliError(f"{path} has changed since it was evaluated", "evaluate it again")
        ordered.append(record)
    return _Table(ordered, format, records)


def format_of_source(source: "Source | None") -> str | None:
    """Return the format of a file that was read; None of anything else."""
    if not (source and source.reading):
        return None
    return source.reading.format or format_of(Path(source.name))


def _free(name: str, names: Iterable[str]) -> str:
    """Return the name of a column to add, which is none of those that there are."""
    taken = set(names)
    while name in taken:
        name = f"suspect_{name}"
    return name
