"""What ``senticli predict`` says of a run, beside its answers."""

import time
from collections import Counter
from pathlib import Path

from senticli.bundle import Usual
from senticli.cli.console import one_line, say
from senticli.drift import Monitor
from senticli.errors import SenticliError
from senticli.io.objects import BLANK
from senticli.io.readers import Record, Records
from senticli.io.writers import Writer
from senticli.model import Prediction

FAILED = "could not be classified"
SHIFT_AFTER = 1000  # texts; an endless stream is judged by these


class Report:
    """Counts what is worth a word, and says it on stderr.

    Args:
        usual: what the model's texts are like, if it knows.
        records: the input, whose notes are passed on.
        writer: counts what could not be written as it was.
        place: what the number of a record counts, such as ``line``.
        output: the file that is written, if one is.
        before: records that are in it from an earlier run.
        strict: raise for a text that cannot be classified.
        quiet: say nothing.
    """

    def __init__(
        self,
        usual: Usual | None,
        records: Records,
        writer: Writer,
        *,
        place: str,
        output: Path | None,
        before: int,
        strict: bool,
        quiet: bool,
    ) -> None:
        self._input, self._writer = records, writer
        self._what, self._output, self._before = place, output, before
        self._strict, self._quiet = strict, quiet
        self._records = 0
        self._labels: Counter[str] = Counter()
        self._odd: dict[str, tuple[int, Record, str]] = {}
        self._monitor = Monitor(usual) if usual and not quiet else None
        self._started = time.perf_counter()

    def add(self, record: Record, prediction: Prediction) -> None:
        """Count one record. With ``strict``, raises SenticliError for one without an answer."""
        if prediction.error and self._strict:
            raise SenticliError(
                f"{self._place(record)}: {prediction.error}",
                "fix it, or drop --strict to record the error in place of a label",
            )
        if self._input.notes:
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
            self._monitor.add(record.text, prediction.words, prediction.unknown)
            if self._records == SHIFT_AFTER:
                self._warn_of_shift()

    def end(self) -> None:
        """Say what there is to say.

        Raises:
            SenticliError: no text could be classified.
        """
        failed, first, detail = self._odd.pop(FAILED, (0, None, ""))
        all_failed = first is not None and failed == self._records and not self._before
        if not self._quiet:
            self._pass_on_notes()
            if first and not all_failed:
                self._warn(failed, FAILED, f"{self._place(first)}{detail}")
            for what, (count, record, detail) in self._odd.items():
                self._warn(count, what, f"{self._place(record)}{detail}")
            for name, count in self._writer.renamed.items():
                say(
                    f"warning: {count:,} record{'s' * (count != 1)} had a field {one_line(name)} "
                    f"of their own, now input_{one_line(name)} (--prefix keeps the names apart)"
                )
            if left_out := self._writer.left_out:
                names = ", ".join(map(one_line, list(left_out)[:5]))
                say(
                    "warning: fields that the first records lack were left out: "
                    f"{names}{', …' * (len(left_out) > 5)} (--output-format jsonl keeps them)"
                )
            if count := self._writer.flattened:
                say(
                    f"warning: {count:,} value{'s' * (count != 1)} with a tab or line end, which "
                    "TSV cannot hold: written as a blank"
                )
            self._warn_of_shift()
            if self._output:
                self._sum_up()
        if all_failed and first:
            raise SenticliError(
                f"no text could be classified; {self._place(first)}{detail}",
                "check the input, and the format and column that it is read with",
            )

    def _sum_up(self) -> None:
        seconds = time.perf_counter() - self._started
        labels = ", ".join(f"{n:,} {label}" for label, n in self._labels.most_common() if label)
        say(
            f"{self._output}: {self._records:,} text{'s' * (self._records != 1)}"
            + (f" after {self._before:,} from before" if self._before else "")
            + f" in {seconds:.1f} s"
            + (f": {one_line(labels)}" if labels else "")
        )

    def _pass_on_notes(self) -> None:
        while self._input.notes:
            note = self._input.notes.pop(0)
            if not self._quiet:
                say(f"note: {one_line(note)}")

    def _warn(self, count: int, what: str, first: str) -> None:
        texts = "text" if self._records == 1 else "texts"
        what = what.format(were="was" if count == 1 else "were")
        say(f"warning: {count:,} of {self._records:,} {texts} {what}, first {first}")

    def _count(self, what: str, record: Record, detail: str = "") -> None:
        count, first, known = self._odd.get(what, (0, record, detail))
        if known.endswith(BLANK):  # which says less than any other error
            first, known = record, detail
        self._odd[what] = (count + 1, first, known)

    def _warn_of_shift(self) -> None:
        """Once."""
        if self._monitor and (message := self._monitor.message()):
            say(f"warning: {message}")
            self._monitor = None

    def _place(self, record: Record) -> str:
        return f"{self._what} {record.number:,}"
