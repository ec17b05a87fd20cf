"""What ``senticli predict`` says of a run, beside its answers."""

import time
from collections import Counter
from pathlib import Path

from senticli.bundle import Usual
from senticli.cli.console import say
from senticli.errors import SenticliError
from senticli.predictor import Prediction
from senticli.shift import Monitor
from senticli.text.records import Record

SHIFT_AFTER = 1000  # texts; an endless stream is judged by these


class Report:
    """Counts what is worth a word, and says it on stderr.

    Args:
        usual: what the model's texts are like, if it knows.
        place: what the number of a record counts, such as ``line``.
        output: the file that is written, if one is.
        before: records that are in it from an earlier run.
        strict: raise for a text that cannot be classified.
        quiet: say nothing.
    """

    def __init__(
        self,
        usual: Usual | None,
        *,
        place: str,
        output: Path | None,
        before: int,
        strict: bool,
        quiet: bool,
    ) -> None:
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
                "mend it; without --strict, it gets an error in place of a label",
            )
        self._records += 1
        self._labels[prediction.label] += 1
        if prediction.error:
            self._count("could not be classified", record, f": {prediction.error}")
        if prediction.truncated:
            self._count("were too long and read by their head and tail alone", record)
        if record.replaced:
            self._count("had bytes that are not UTF-8, which were replaced", record)
        if self._monitor:
            self._monitor.add(record.text, prediction.words, prediction.unknown)
            if self._records == SHIFT_AFTER:
                self._warn_of_shift()

    def end(self) -> None:
        """Say what there is to say."""
        if self._quiet:
            return
        for what, (count, record, detail) in self._odd.items():
            say(
                f"warning: {count:,} of {self._records:,} texts {what}, "
                f"first {self._place(record)}{detail}"
            )
        self._warn_of_shift()
        if self._output:
            seconds = time.perf_counter() - self._started
            labels = ", ".join(f"{n:,} {label}" for label, n in self._labels.most_common() if label)
            say(
                f"{self._output}: {self._records:,} text{'s' * (self._records != 1)}"
                + (f" after {self._before:,} from before" if self._before else "")
                + f" in {seconds:.1f} s"
                + (f": {labels}" if labels else "")
            )

    def _count(self, what: str, record: Record, detail: str = "") -> None:
        count, first, detail = self._odd.get(what, (0, record, detail))
        self._odd[what] = (count + 1, first, detail)

    def _warn_of_shift(self) -> None:
        """Once."""
        if self._monitor and (message := self._monitor.message()):
            say(f"warning: {message}")
            self._monitor = None

    def _place(self, record: Record) -> str:
        return f"{self._what} {record.number:,}"
