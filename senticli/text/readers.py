"""Reading text from files and streams: plain lines, and tables with a label a row."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from senticli.errors import SenticliError

TEXT_COLUMNS = ("text", "sentence", "review", "content", "body")
LABEL_COLUMNS = ("label", "sentiment", "class", "category")
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


@dataclass
class Lines:
    """The texts of a byte stream, one a line, in order; a blank line is a text too.

    Bytes that are not UTF-8 are replaced; ``replaced`` counts the lines that had some and
    ``first_replaced`` is the number of the first.
    """

    stream: Iterable[bytes]
    replaced: int = field(default=0, init=False)
    first_replaced: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self.stream, start=1):
            if line.endswith(b"\n"):
                line = line[:-2] if line.endswith(b"\r\n") else line[:-1]
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError:
                self.replaced += 1
                self.first_replaced = self.first_replaced or number
                yield line.decode("utf-8", errors="replace")


def read_table(
    path: Path, text_column: str | None, label_column: str | None
) -> Iterator[tuple[str, str]]:
    """Yield (text, label) of each row of a CSV, TSV, JSONL or Parquet file.

    Without names, the columns are found among the usual ones (``text``, ``sentence``, … and
    ``label``, ``sentiment``, …).

    Raises:
        SenticliError: the file cannot be read, has no such columns, or a row lacks one of them.
    """
    names: tuple[str, str] | None = None
    try:
        for number, row in enumerate(_rows(path), start=1):
            if names is None:
                names = (
                    _column(path, row, text_column, TEXT_COLUMNS, "text"),
                    _column(path, row, label_column, LABEL_COLUMNS, "label"),
                )
            if None in row:
                raise SenticliError(
                    f"{path}: row {number} has more fields than the header",
                    "put quotes around a text that holds a separator",
                )
            text, label = (_cell(row.get(name)) for name in names)
            if text is None or not label:
                raise SenticliError(
                    f"{path}: row {number} has no {names[0] if text is None else names[1]}",
                    "mend or remove that row",
                )
            yield text, label.strip()
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise SenticliError(
            f"{path} is not UTF-8 text", f"iconv -t UTF-8 {path} > converted{path.suffix}"
        ) from error
    except csv.Error as error:
        raise SenticliError(
            f"{path}: {error}", "mend the quotes, which are doubled inside a quoted field"
        ) from error


def unreadable(path: Path, error: OSError) -> SenticliError:
    """The error for a file that cannot be opened or read."""
    return SenticliError(
        f"cannot read {path}: {(error.strerror or str(error)).lower()}",
        "check the file's name and permissions",
    )


def _cell(value: Any) -> str | None:
    """A text or label as a string, lone surrogates replaced; None where there is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool | int | str):
        return str(value).encode("utf-8", "replace").decode()
    return None


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        yield from _jsonl(path)
    elif suffix in (".csv", ".tsv"):
        csv.field_size_limit(2**31 - 1)  # a C long, which is short on Windows
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = "," if suffix == ".csv" else "\t"
            yield from csv.DictReader(file, delimiter=delimiter, strict=True)
    elif suffix == ".parquet":
        yield from _parquet(path)
    else:
        raise SenticliError(
            f"{path}: the kind of table is not known from its name",
            f"use a file that ends in {', '.join(TABLE_SUFFIXES)}",
        )


def _jsonl(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise SenticliError(f"{path}: line {number} is not a JSON object", "mend that line")
            yield row


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise SenticliError(
            "reading Parquet needs pyarrow", 'pip install "senticli[parquet]"'
        ) from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise SenticliError(f"{path} is not a Parquet file", "check the file") from error


def _column(
    path: Path, row: Mapping[str, Any], asked: str | None, usual: tuple[str, ...], what: str
) -> str:
    """The name of the text or label column in ``row``, or an error that lists what there is."""
    candidates = (asked,) if asked else usual
    for name in candidates:
        if name in row:
            return name
    columns = ", ".join(str(name) for name in row)
    raise SenticliError(
        f"{path} has no column {' or '.join(candidates)} (it has: {columns})",
        f"name the column: --{what}-column NAME",
    )
