"""Dates as the values of a column write them, and the periods that they are grouped by."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

MOST_PERIODS = 60  # in a time series
USUAL = 0.9  # share of values that are dates in a column of dates
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_TIME = r"(?:[T ,].*\d:\d\d.*)?"  # whatever follows, if it has a time of day
_EARLIEST, _LATEST = 631_152_000, 2_208_988_800  # 1990 to 2039, in seconds since 1970


@dataclass(frozen=True)
class DateForm:
    """A way to write dates.

    ``find`` returns the part of a value that says the day, in one spelling, or None. ``formats``
    are those of ``strptime`` that the part may have: several where day and month may change places.
    """

    find: Callable[[str], str | None]
    formats: tuple[str, ...]

    def days(self, counts: Mapping[str, int]) -> tuple[dict[str, date], str]:
        """Return the day of each part, of which there are so many, and the format they are read by.

        It is the format that fits most of them, the first one if several do; parts that it does
        not fit have no day.
        """
        read = {one: _parsed(counts, one) for one in self.formats}
        best = max(self.formats, key=lambda one: sum(counts[part] for part in read[one]))
        return read[best], best

    def is_ambiguous(self, days: Mapping[str, date]) -> bool:
        """Return True if another format, too, fits all that has a day."""
        return sum(len(_parsed(days, one)) == len(days) for one in self.formats) > 1


def _parsed(parts: Mapping[str, object], format: str) -> dict[str, date]:
    days = {}
    for part in parts:
        try:
            days[part] = datetime.strptime(part, format).date()
        except ValueError:
            continue
    return days


def _pattern(pattern: str, joined: str = "{}") -> Callable[[str], str | None]:
    matches = re.compile(pattern + _TIME, re.IGNORECASE).fullmatch

    def find(value: str) -> str | None:
        found = matches(value)
        return found and joined.format(*found.groups())

    return find


def _with_month(pattern: str, joined: str) -> Callable[[str], str | None]:
    """Return a ``find`` for months by name, which only the first three letters tell."""
    return _pattern(pattern.replace("MONTH", rf"({_MONTHS})[a-z]*\.?"), joined)


def _seconds(value: str) -> str | None:
    """Return the day of seconds or milliseconds since 1970, in UTC."""
    if not (value.isdecimal() and len(value) in (10, 13)):
        return None
    seconds = int(value[:10])
    if not _EARLIEST <= seconds < _LATEST:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).date().isoformat()


FORMS = (
    DateForm(_pattern(r"(\d{4}-\d\d?-\d\d?)"), ("%Y-%m-%d",)),
    DateForm(_pattern(r"(\d{4}/\d\d?/\d\d?)"), ("%Y/%m/%d",)),
    DateForm(_pattern(r"((?:19|20)\d{6})"), ("%Y%m%d",)),
    DateForm(_pattern(r"(\d\d?/\d\d?/\d{4})"), ("%m/%d/%Y", "%d/%m/%Y")),
    DateForm(_pattern(r"(\d\d?/\d\d?/\d\d)"), ("%m/%d/%y", "%d/%m/%y")),
    DateForm(_pattern(r"(\d\d?\.\d\d?\.\d{4})"), ("%d.%m.%Y",)),
    DateForm(_pattern(r"(\d\d?-\d\d?-\d{4})"), ("%d-%m-%Y", "%m-%d-%Y")),
    DateForm(_pattern(r"(\d\d? \d\d?, \d{4})"), ("%m %d, %Y",)),  # of Amazon's reviews
    DateForm(_with_month(r"(\d\d?)[ -]MONTH,?[ -](\d{4})", "{} {} {}"), ("%d %b %Y",)),
    DateForm(_with_month(r"MONTH (\d\d?)(?:st|nd|rd|th)?,? (\d{4})", "{} {} {}"), ("%b %d %Y",)),
    DateForm(  # of Twitter: Mon Apr 06 22:19:45 PDT 2009
        _with_month(r"[a-z]{3} MONTH (\d\d) \d\d:\d\d:\d\d [a-z0-9+-]+ (\d{4})", "{} {} {}"),
        ("%b %d %Y",),
    ),
    DateForm(_pattern(r"(\d{4}-\d\d)"), ("%Y-%m",)),
    DateForm(_with_month(r"MONTH (\d{4})", "{} {}"), ("%b %Y",)),
    DateForm(_pattern(r"((?:19|20)\d\d)"), ("%Y",)),
    DateForm(_seconds, ("%Y-%m-%d",)),
)


def find_form(counts: Mapping[str, int]) -> DateForm | None:
    """Return the form of dates that the values of a column have, of which there are so many.

    None if they are no dates; a few may be something else.
    """
    total = sum(counts.values())
    for form in FORMS:
        parts: dict[str, int] = {}
        for value, count in counts.items():
            if part := form.find(value):
                parts[part] = parts.get(part, 0) + count
        days, _ = form.days(parts)
        if total and sum(parts[part] for part in days) >= USUAL * total:
            return form
    return None


@dataclass(frozen=True)
class Period:
    """A length of time. ``start`` returns the first day of the one that a day is in."""

    name: str
    start: Callable[[date], date]
    format: str

    def label(self, day: date) -> str:
        """Return what the period of a day is called."""
        quarter = (day.month + 2) // 3
        return self.start(day).strftime(self.format).replace("QUARTER", f"Q{quarter}")


PERIODS = (
    Period("day", lambda day: day, "%Y-%m-%d"),
    Period("week", lambda day: day - timedelta(day.weekday()), "%Y-%m-%d"),
    Period("month", lambda day: day.replace(day=1), "%Y-%m"),
    Period(
        "quarter",
        lambda day: day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1),
        "%Y QUARTER",
    ),
    Period("year", lambda day: day.replace(month=1, day=1), "%Y"),
)


def period_for(days: Mapping[date, int], format: str, least: int) -> Period:
    """Return the shortest period that makes a readable series of days with so many texts each.

    Args:
        days: how many texts each day has.
        format: how the days were written, which may name months or years alone.
        least: texts that a period should have on average.
    """
    finest = 0 if "%d" in format else 2 if "%m" in format or "%b" in format else 4
    candidates: Sequence[Period] = PERIODS[finest:]
    total = sum(days.values())
    for period in candidates:
        starts = {period.start(day) for day in days}
        if len(starts) <= MOST_PERIODS and total >= least * len(starts):
            return period
    return next(
        (one for one in candidates if len({one.start(day) for day in days}) <= MOST_PERIODS),
        candidates[-1],
    )
