"""What is counted over a run, and what is worth a warning."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from senticli.bundle import Usual
from senticli.drift import Monitor
from senticli.errors import SenticliError
from senticli.events import Message, OnEvent
from senticli.io.inputs import Input
from senticli.io.objects import BLANK
from senticli.io.readers import Record
from senticli.io.writers import Writer
from senticli.model import Prediction

if TYPE_CHECKING:
    from senticli.io.overview import Gathering, Overview

FAILED = "could not be classified"
DRIFT_AFTER = 1000  # texts; an endless stream is judged by these


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run has done.

    Args:
        output: the file that was written; None for a stream.
        records: answered by this run, with an error or without.
        labels: how often each label was the answer, the commonest first.
        errors: records that could not be classified.
        before: records that an earlier run had answered.
        seconds: the run took, without loading the model.
        notes: what was found out about the input.
        warnings: where the answers may not be what is wanted.
        was_complete: True if there was nothing to resume.
        overview: what the answers come to, where that was asked for.
    """

    output: Path | None
    records: int = 0
    labels: Mapping[str, int]
    errors: int = 0
    before: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    was_complete: bool = False
    overview: "Overview | None" = None


class Tally:
    """Counts what is answered, and reports what is worth a line.

    Args:
        source: the input, whose notes are passed on.
        writer: counts what could not be written as it was.
        usual: what the model's texts are like, if it knows.
        before: records that an earlier run had answered.
        report: gets each :class:`~senticli.events.Message`.
        gathering: gets each answer, for the overview.
    """

    def __init__(
        self,
        source: Input,
        writer: Writer,
        usual: Usual | None,
        before: int,
        report: OnEvent,
        gathering: "Gathering | None" = None,
    ) -> None:
        self._source, self._writer, self._report = source, writer, report
        self._records, self._before = 0, before
        self._labels: Counter[str] = Counter()
        self._problems: dict[str, tuple[int, str]] = {FAILED: (0, "")}
        self._monitor = Monitor(usual) if usual else None
        self._gathering = gathering
        self._messages: list[Message] = []
        self._started = time.perf_counter()

    def add(self, record: Record, prediction: Prediction) -> None:
        """Count one record."""
        if self._source.records.notes:
            self._pass_on_notes()
        self._records += 1
        self._labels[prediction.label] += 1
        if prediction.error:
            self._count(FAILED, record, f": {prediction.error}")
        if prediction.truncated:
            self._count("{were} too long and read by head and tail alone", record)
        if record.replaced:
            self._count("had bytes that are not UTF-8, which were replaced", record)
        if record.doubt:
            self._count(record.doubt, record)
        if self._monitor:
            self._monitor.add(record.text, prediction.n_tokens, prediction.n_unknown)
            if self._records == DRIFT_AFTER:
                self._warn_of_drift()
        if self._gathering:
            self._gathering.add(record, prediction)

    def place(self, record: Record) -> str:
        """Return where a record stands in the input."""
        return f"{self._source.place} {record.number:,}"

    @property
    def failure(self) -> SenticliError | None:
        """The error of a run that could classify nothing."""
        count, first = self._problems[FAILED]
        if not count or count < self._records or self._before:
            return None
        return SenticliError(
            f"no text could be classified; {first}",
            "check the input, and the format and column that it is read with",
        )

    def end(self, output: Path | None, *, was_complete: bool = False) -> Summary:
        """Report what is left to report, and return what was counted."""
        self._pass_on_notes()
        for what, (count, first) in self._problems.items():
            if count and not (what == FAILED and self.failure):
                texts = "text" if self._records == 1 else "texts"
                what = what.format(were="was" if count == 1 else "were")
                self._warn(f"{count:,} of {self._records:,} {texts} {what}, first {first}")
        for name, count in self._writer.renamed.items():
            self._warn(
                f"{count:,} record{'s' * (count != 1)} had a field {name} of their own, now "
                f"input_{name} (`prefix` keeps the names apart)"
            )
        if left_out := list(self._writer.left_out):
            names = ", ".join(left_out[:5]) + ", …" * (len(left_out) > 5)
            self._warn(
                f"fields that the first records lack were left out: {names} "
                "(`output_format=jsonl` keeps them)"
            )
        if count := self._writer.flattened:
            self._warn(
                f"{count:,} value{'s' * (count != 1)} with a tab or line end, which TSV cannot "
                "hold: written as a blank"
            )
        self._warn_of_drift()
        return Summary(
            output=output,
            records=self._records,
            labels={label: count for label, count in self._labels.most_common() if label},
            errors=self._problems[FAILED][0],
            before=self._before,
            seconds=time.perf_counter() - self._started,
            notes=tuple(one.text for one in self._messages if one.level == "note"),
            warnings=tuple(one.text for one in self._messages if one.level == "warning"),
            was_complete=was_complete,
            overview=self._gathering.end() if self._gathering else None,
        )

    def _count(self, what: str, record: Record, detail: str = "") -> None:
        count, first = self._problems.get(what, (0, ""))
        if not first or first.endswith(BLANK):  # which says less than any other error
            first = self.place(record) + detail
        self._problems[what] = (count + 1, first)

    def _pass_on_notes(self) -> None:
        notes = self._source.records.notes
        while notes:
            self._send(Message("note", notes.pop(0)))

    def _warn_of_drift(self) -> None:
        """Warn once."""
        if self._monitor and (text := self._monitor.message()):
            self._warn(text)
            self._monitor = None

    def _warn(self, text: str) -> None:
        self._send(Message("warning", text))

    def _send(self, message: Message) -> None:
        self._messages.append(message)
        self._report(message)
