"""Inputs of records: a file, a stream, texts."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

from senticli.errors import SenticliError
from senticli.events import OnEvent, Progress
from senticli.io.formats import JSONL, LINES, PARQUET, format_of, open_bytes
from senticli.io.layout import Layout
from senticli.io.readers import Record, Records, look_ahead, read_records

T = TypeVar("T")

REPORTED = 256  # records between two reports of progress


@dataclass(frozen=True, kw_only=True)
class Input:
    """Records to answer, and what is known of where they come from.

    ``path`` is that of a file, ``position`` gives how many of its bytes have been read. ``place``
    is what the numbers of the records count.
    """

    records: Records
    layout: Layout = field(default_factory=Layout)
    path: Path | None = None
    position: Callable[[], int] = lambda: 0
    place: Literal["text", "line", "row"] = "line"

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> "Input":
        """Return texts as plain lines."""
        records = (
            Record(number, text, None, os.fsencode(text) + b"\n", (text,))
            for number, text in enumerate(texts, start=1)
        )
        return cls(records=Records(LINES, records, ("text",), name="text"), place="text")

    @classmethod
    def of_stream(cls, stream: BinaryIO, name: str, format: str, layout: Layout) -> "Input":
        """Return the records of a stream. Raises SenticliError, now or while they are read."""
        records = read_records(stream, format, name, layout)
        return cls(records=records, layout=layout, place="row" if format == PARQUET else "line")

    def tracked(self, items: Iterable[T], report: OnEvent, step: str = "") -> Iterator[T]:
        """Yield what is made of the records, and report how much of the file has been read."""
        size = self.path.stat().st_size if self.path and self.path.is_file() else 0
        for number, item in enumerate(items, start=1):
            yield item
            if size and number % REPORTED == 0:
                report(Progress(step or self.records.name, self.position(), size, "bytes"))

    def all_fields(self, report: OnEvent) -> tuple[str, ...]:
        """Return the names of the fields of all objects of a file, which is read for it."""
        assert self.path
        names: dict[str, None] = {}
        with (
            suppress(SenticliError),  # which comes again when the records are answered
            open_input(self.path, JSONL, self.layout) as again,
        ):
            step = "reading the names of the fields"
            for record in again.tracked(again.records, report, step):
                names |= dict.fromkeys(_names(record))
        return tuple(names)

    def first_fields(self, count: int) -> "tuple[tuple[str, ...], Input]":
        """Return the names of the fields of the first objects, and the input with all records."""
        first, every, failure = look_ahead(self.records.records, count)
        names: dict[str, None] = {}
        for record in first:
            names |= dict.fromkeys(_names(record))
        if failure and not names:
            raise failure
        records = dataclasses.replace(self.records, records=every)
        return tuple(names), dataclasses.replace(self, records=records)


def _names(record: Record) -> Iterable[str]:
    return record.fields if isinstance(record.fields, Mapping) else ()


@contextmanager
def open_input(path: Path, format: str | None, layout: Layout) -> Iterator[Input]:
    """Open a file, packed or not, of a format that is given or that its name tells.

    Raises:
        SenticliError: it cannot be read.
    """
    with open_bytes(path) as (stream, position):
        format = format or format_of(path) or LINES
        source = Input.of_stream(stream, str(path), format, layout)
        yield dataclasses.replace(source, path=path, position=position)
