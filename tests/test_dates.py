"""Columns of dates are recognised, and grouped by periods that make a readable series."""

from collections import Counter
from datetime import date, timedelta

import pytest

from senticli.dates import MOST_PERIODS, find_form, period_for


@pytest.mark.parametrize(
    ("values", "days"),
    [
        (["2024-03-04", "2024-03-05T10:20:30Z", "2024-3-6 10:20"], [4, 5, 6]),
        (["2024/03/04", "2024/3/5"], [4, 5]),
        (["20240304"], [4]),
        (["03/13/2024 12:00", "03/04/2024"], [13, 4]),
        (["13/03/2024", "04/03/2024"], [13, 4]),
        (["3/13/24"], [13]),
        (["04.03.2024"], [4]),
        (["13-03-2024"], [13]),
        (["03 4, 2024"], [4]),
        (["4 Mar 2024", "05 March 2024", "6-mar-2024"], [4, 5, 6]),
        (["March 4, 2024", "Mar. 5 2024", "Mar 6th, 2024"], [4, 5, 6]),
        (["Mon Mar 04 22:19:45 PDT 2024", "Tue Mar 05 13:08:45 +0000 2024"], [4, 5]),
        (["1709553600", "1709640000000"], [4, 5]),
    ],
)
def test_days_in_common_forms(values: list[str], days: list[int]) -> None:
    form = find_form(Counter(values))
    assert form
    parts = [form.find(value) or "" for value in values]
    found, _ = form.days(Counter(parts))
    assert [found[part] for part in parts] == [date(2024, 3, day) for day in days]


@pytest.mark.parametrize(
    "values",
    [
        ["kettle", "lamp"],
        ["2024-13-45"],
        ["1", "5"],
        ["0446310786", "1400032713"],  # ISBNs, one of which could be seconds
        ["2024-03-04", "lamp", "kettle"],
        [],
    ],
)
def test_other_values_are_no_dates(values: list[str]) -> None:
    assert find_form(Counter(values)) is None


def test_a_few_other_values_leave_a_column_of_dates() -> None:
    assert find_form({"2024-03-04": 95, "unknown": 5})


def test_month_and_day_that_could_change_places_are_ambiguous() -> None:
    counts = {"03/04/2024": 3, "05/06/2024": 1}
    form = find_form(counts)
    assert form
    days, format = form.days(counts)
    assert (days["03/04/2024"], format) == (date(2024, 3, 4), "%m/%d/%Y")
    assert form.is_ambiguous(days)
    days, format = form.days({**counts, "13/04/2024": 1})
    assert format == "%d/%m/%Y"
    assert not form.is_ambiguous(days)


def days_of(count: int, texts: int) -> dict[date, int]:
    return {date(2020, 1, 1) + timedelta(day): texts for day in range(count)}


@pytest.mark.parametrize(
    ("days", "format", "name"),
    [
        (days_of(MOST_PERIODS, 50), "%Y-%m-%d", "day"),
        (days_of(MOST_PERIODS + 1, 50), "%Y-%m-%d", "week"),
        (days_of(40, 5), "%Y-%m-%d", "week"),  # of a day there would be too few
        (days_of(800, 50), "%Y-%m-%d", "month"),
        (days_of(3000, 50), "%Y-%m-%d", "quarter"),
        (days_of(9000, 50), "%Y-%m-%d", "year"),
        (days_of(40, 50), "%Y-%m", "month"),
        (days_of(40, 50), "%Y", "year"),
        ({date(2024, 1, 1): 3}, "%Y-%m-%d", "day"),
    ],
)
def test_period_is_the_shortest_that_is_readable(
    days: dict[date, int], format: str, name: str
) -> None:
    assert period_for(days, format, least=30).name == name


def test_periods_are_called_by_their_start() -> None:
    day = {date(2024, 5, 15): 99}
    labels = [period_for(day, "%Y-%m-%d", 1).label(date(2024, 5, 15))]
    many = {"week": 100, "month": 800, "quarter": 3000, "year": 9000}
    labels += [
        period_for(days_of(count, 50), "%Y-%m-%d", 30).label(date(2024, 5, 15))
        for count in many.values()
    ]
    assert labels == ["2024-05-15", "2024-05-13", "2024-05", "2024 Q2", "2024"]
