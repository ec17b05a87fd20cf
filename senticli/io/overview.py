"""An overview of answers: how often each is given, where, and which texts show it best.

It is gathered while records are answered, in memory that does not grow with their number.
"""

import heapq
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from senticli.dates import DateForm, find_form, period_for
from senticli.errors import SenticliError, UsageError
from senticli.io.fields import MISSING, find_field, value_at
from senticli.io.formats import JSONL, LINES
from senticli.io.inputs import Input
from senticli.io.readers import Record, without_surrogates
from senticli.io.writers import to_json
from senticli.measures import Figure, Z, wilson
from senticli.model import NEGATIVE, POSITIVE, UNSURE, Prediction, poles_of

SHOWN = 8  # texts of each kind
MOST_ENDS = 4  # labels of a model without poles whose texts and tokens are shown
SAMPLED = 1000  # texts
LONGEST_SAMPLED = 500  # tokens: those of longer texts take too long to weigh
LARGEST_SAMPLED = 10_000  # characters: 500 tokens may be of any length
SMALL = 30  # texts: the shares of a smaller group are uncertain
PER_PERIOD = 10  # texts on average, or dates are grouped by a longer period
MOST_GROUPS = 10_000  # values of a column; texts with others are counted together
LONGEST_NAME = 100  # characters of a value
DECIDED_AFTER = 1000  # texts, whose values tell if a column holds dates
MOST_REASONS = 50
NO_VALUE, NO_DATE, OTHERS = "(no value)", "(no date)", "(others)"


@dataclass(slots=True, eq=False)
class Group:
    """The answers to some texts.

    Args:
        name: what the texts have in common.
        labels: how often each label was the answer.
        failed: texts that could not be classified.
    """

    name: str
    labels: dict[str, int]
    failed: int = 0
    _total: float = 0.0
    _squares: float = 0.0

    def add(self, prediction: Prediction) -> None:
        """Count an answer."""
        if prediction.error:
            self.failed += 1
            return
        self.labels[prediction.label] += 1
        if prediction.polarity is not None:
            self._total += prediction.polarity
            self._squares += prediction.polarity**2

    def merge(self, other: "Group") -> None:
        """Count the answers of another group, too."""
        for label, count in other.labels.items():
            self.labels[label] += count
        self.failed += other.failed
        self._total += other._total
        self._squares += other._squares

    @property
    def texts(self) -> int:
        """How many were classified."""
        return sum(self.labels.values())

    @property
    def records(self) -> int:
        """How many there are, classified or not."""
        return self.texts + self.failed

    @property
    def is_small(self) -> bool:
        """True if there are too few texts for shares that mean much."""
        return self.texts < SMALL

    @property
    def shares(self) -> dict[str, Figure]:
        """The share of each label, with its 95 % Wilson interval; none without texts."""
        texts = self.texts
        if not texts:
            return {}
        return {
            label: Figure(count / texts, wilson(count, texts))
            for label, count in self.labels.items()
        }

    @property
    def polarity(self) -> Figure | None:
        """The mean polarity, with its 95 % interval; None without texts."""
        texts = self.texts
        if not texts:
            return None
        mean = self._total / texts
        if texts == 1:
            return Figure(mean)
        variance = max(0.0, self._squares - texts * mean**2) / (texts - 1)
        spread = Z * math.sqrt(variance / texts)
        return Figure(mean, (max(-1.0, mean - spread), min(1.0, mean + spread)))


@dataclass(frozen=True)
class Grouping:
    """The answers by the values of one column.

    Args:
        column: its name.
        groups: the largest first; where the values are dates, in the order of time. Last come
            those of no value that is a date, and those whose values came after the first
            :data:`MOST_GROUPS`, together.
        period: the name of what dates are grouped by; None for other values.
        note: how dates are read, where that is not certain.
    """

    column: str
    groups: tuple[Group, ...]
    period: str | None = None
    note: str = ""

    @property
    def by_time(self) -> tuple[Group, ...]:
        """The periods, where the values are dates."""
        if not self.period:
            return ()
        return tuple(one for one in self.groups if one.name not in (NO_DATE, OTHERS))

    def top(self, count: int) -> list[Group]:
        """Return at most so many groups, and what is left as one more."""
        if len(self.groups) <= count:
            return list(self.groups)
        others = Group(OTHERS, dict.fromkeys(self.groups[0].labels, 0))
        for group in self.groups[count:]:
            others.merge(group)
        return [*self.groups[:count], others]


@dataclass(frozen=True)
class AnsweredText:
    """A text, the likeliest label and its probability, and where it is in the input."""

    text: str
    label: str
    score: float
    place: str
    tokens: int


@dataclass(frozen=True)
class Reason:
    """Why texts could not be classified: how many, and where the first one is."""

    what: str
    count: int
    first: str


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What the answers to the records of an input come to.

    Args:
        source: what the input is called.
        whole: all of them.
        has_polarity: True if the model has both poles.
        groupings: the same by column.
        reasons: why texts could not be classified, the commonest first.
        certain: for each label that has some, the texts with its highest probabilities.
        uncertain: the texts whose likeliest label has the lowest probability.
        sample: texts that were drawn at random, of those that are not too long.
        tokens: of all texts.
        unknown: those outside the model's vocabulary.
    """

    source: str
    whole: Group
    has_polarity: bool
    groupings: tuple[Grouping, ...] = ()
    reasons: tuple[Reason, ...] = ()
    certain: Mapping[str, tuple[AnsweredText, ...]]
    uncertain: tuple[AnsweredText, ...]
    sample: tuple[str, ...] = field(repr=False)
    tokens: int
    unknown: int

    @property
    def ends(self) -> tuple[str, ...]:
        """The labels whose texts and tokens are of interest: both poles, or the commonest ones."""
        if self.has_polarity:
            return NEGATIVE, POSITIVE
        counts = self.whole.labels
        return tuple(sorted(self.certain, key=lambda label: -counts[label])[:MOST_ENDS])


class Gathering:
    """Counts the answers to records, one at a time.

    Args:
        labels: the model's.
        columns: to group by; see :func:`find_columns`.
        source: the input.
        has_unsure: count ``unsure`` among the labels.
    """

    def __init__(
        self,
        labels: Sequence[str],
        columns: "Sequence[Column]",
        source: Input,
        *,
        has_unsure: bool,
    ) -> None:
        self._labels, self._source, self._unit = labels, source.records.name, source.place
        self._zeros = dict.fromkeys([*labels, *([UNSURE] if has_unsure else [])], 0)
        self._whole = Group("", self._zeros.copy())
        self._columns = [_Grouper(column, self._zeros) for column in columns]
        self._reasons: dict[str, tuple[int, str]] = {}
        self._certain = {label: _Best() for label in labels}
        self._uncertain = _Best()
        self._sample: list[str] = []
        self._sampled_from = 0
        self._random = random.Random(0)
        self._tokens = self._unknown = 0

    def add(self, record: Record, prediction: Prediction) -> None:
        """Count one record."""
        self._whole.add(prediction)
        for column in self._columns:
            column.add(record, prediction)
        if prediction.error:
            self._count(prediction.error, record)
            return
        self._tokens += prediction.n_tokens
        self._unknown += prediction.n_unknown
        score = max(prediction.scores)
        label = self._labels[prediction.scores.index(score)]
        for best, value in ((self._certain[label], score), (self._uncertain, -score)):
            if best.takes(value):
                best.add(
                    value,
                    AnsweredText(
                        record.text, label, score, self._place(record), prediction.n_tokens
                    ),
                )
        if prediction.n_tokens <= LONGEST_SAMPLED and len(record.text) <= LARGEST_SAMPLED:
            self._sampled_from += 1
            if len(self._sample) < SAMPLED:
                self._sample.append(record.text)
            elif (drawn := int(self._random.random() * self._sampled_from)) < SAMPLED:
                self._sample[drawn] = record.text

    def end(self) -> Overview:
        """Return what was counted."""
        reasons = (Reason(what, *found) for what, found in self._reasons.items())
        return Overview(
            source=self._source,
            whole=self._whole,
            has_polarity=poles_of(self._labels) is not None,
            groupings=tuple(column.end() for column in self._columns),
            reasons=tuple(sorted(reasons, key=lambda reason: -reason.count)),
            certain={label: best.texts for label, best in self._certain.items() if best.texts},
            uncertain=self._uncertain.texts,
            sample=tuple(self._random.sample(self._sample, len(self._sample))),
            tokens=self._tokens,
            unknown=self._unknown,
        )

    def _count(self, error: str, record: Record) -> None:
        error = error.partition(": ")[0]  # what follows differs from text to text
        if error not in self._reasons and len(self._reasons) >= MOST_REASONS:
            error = "other reasons"
        count, first = self._reasons.get(error, (0, ""))
        self._reasons[error] = (count + 1, first or self._place(record))

    def _place(self, record: Record) -> str:
        return f"{self._unit} {record.number:,}"


class _Best:
    """The texts with the highest values, each text once."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, AnsweredText]] = []
        self._added = 0

    def takes(self, value: float) -> bool:
        return len(self._heap) < SHOWN or value > self._heap[0][0]

    def add(self, value: float, text: AnsweredText) -> None:
        if any(text.text == other.text for _, _, other in self._heap):
            return
        self._added += 1
        item = (value, -self._added, text)  # of equal values, the first one stays
        if len(self._heap) < SHOWN:
            heapq.heappush(self._heap, item)
        else:
            heapq.heapreplace(self._heap, item)

    @property
    def texts(self) -> tuple[AnsweredText, ...]:
        return tuple(text for *_, text in sorted(self._heap, reverse=True))


# --- groups


@dataclass(frozen=True)
class Column:
    """A column to group by; ``value`` returns what a record has in it."""

    name: str
    value: Callable[[Record], Any]


def find_columns(
    source: Input, names: Iterable[str], ahead: int
) -> "tuple[tuple[Column, ...], Input]":
    """Return the columns to group by, and the input with all records.

    Args:
        source: the input.
        names: of the columns; or their numbers; or, in JSON Lines and Parquet, paths.
        ahead: objects of JSON Lines that may be read to know their fields.

    Raises:
        SenticliError: there is no such column.
    """
    names = list(dict.fromkeys(names))
    if not names:
        return (), source
    records = source.records
    if records.format == LINES:
        raise UsageError(
            f"`group_by` has no meaning for plain lines, which {records.name} is read as",
            "name a format that has columns: `format=csv`, tsv, jsonl or parquet; or leave it out",
        )
    fields = records.columns
    if records.format == JSONL:
        fields, source = source.first_fields(ahead)
    return tuple(_column(fields or (), name, records.name) for name in names), source


def _column(fields: Sequence[str], asked: str, name: str) -> Column:
    if not asked:
        raise UsageError("`group_by` names no column", "name a column: `group_by=NAME`")
    try:
        position, path = find_field(fields, asked, name)
    except SenticliError as error:
        error.hint = "name one of its columns, or give its number: `group_by=NAME`"
        raise
    width = len(fields)

    def value(record: Record) -> Any:
        values = record.fields
        if isinstance(values, Mapping):
            found = value_at(values, path)
            return None if found is MISSING else found
        # The cells of a row that does not fit its table may be those of other columns.
        fits = position < len(values) and not (record.error and len(values) != width)
        return values[position] if fits else None

    return Column(path, value)


class _Grouper:
    """Counts the answers by the value of a column."""

    def __init__(self, column: Column, zeros: Mapping[str, int]) -> None:
        self._column, self._zeros = column, zeros
        self._groups: dict[str, Group] = {}
        self._others: Group | None = None
        self._form: DateForm | None = None
        self._until_decided = DECIDED_AFTER

    def add(self, record: Record, prediction: Prediction) -> None:
        value = _name_of(self._column.value(record))
        self._group(self._form.find(value) or NO_DATE if self._form else value).add(prediction)
        if self._until_decided:
            self._until_decided -= 1
            if not self._until_decided:
                self._decide()

    def _decide(self) -> None:
        """Find out if the values are dates; a value that has a time of day counts for its day."""
        self._form = find_form(
            {name: group.records for name, group in self._groups.items() if name != NO_VALUE}
        )
        if self._form:
            groups, self._groups = self._groups, {}
            for name, group in groups.items():
                self._group(self._form.find(name) or NO_DATE).merge(group)

    def _group(self, name: str) -> Group:
        if found := self._groups.get(name):
            return found
        if len(self._groups) >= MOST_GROUPS:
            self._others = self._others or Group(OTHERS, dict(self._zeros))
            return self._others
        group = self._groups[name] = Group(name, dict(self._zeros))
        return group

    def end(self) -> Grouping:
        if self._until_decided:
            self._decide()
        others = (self._others,) if self._others else ()
        if self._form:
            grouping = self._by_time(self._form)
            return replace(grouping, groups=(*grouping.groups, *others))
        groups = sorted(self._groups.values(), key=lambda one: -one.records)
        return Grouping(self._column.name, (*groups, *others))

    def _by_time(self, form: DateForm) -> Grouping:
        counts = {part: group.records for part, group in self._groups.items()}
        days, format = form.days(counts)
        by_day: dict[date, int] = {}
        for part, day in days.items():
            by_day[day] = by_day.get(day, 0) + counts[part]
        period = period_for(by_day, format, PER_PERIOD)
        found: dict[date, Group] = {}
        for part, group in self._groups.items():
            day = period.start(days[part]) if part in days else date.max
            name = period.label(day) if part in days else NO_DATE
            found.setdefault(day, Group(name, dict(self._zeros))).merge(group)
        note = ""
        if form.is_ambiguous(days):
            example, order = next(iter(days)), "month, day" if format[:2] == "%m" else "day, month"
            note = f"dates such as {example} are read as {order}, year"
        return Grouping(
            self._column.name,
            tuple(found[day] for day in sorted(found)),
            period.name,
            note,
        )


def _name_of(value: Any) -> str:
    """Return a value of a column as the name of its group, on one line."""
    if isinstance(value, dict | list):
        value = to_json(value)
    text, _ = without_surrogates(str("" if value is None else value)[: 2 * LONGEST_NAME])
    return " ".join(text.split())[:LONGEST_NAME] or NO_VALUE
