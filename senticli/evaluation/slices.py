"""How good a model is on parts of the examples: by their length, unknown tokens, or a column."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from senticli.evaluation.run import Answers, EvaluationReport
from senticli.measures import Floats, Ints, wilson

PARTS = 5  # of a range of numbers
NAMED = 20  # values of a column at most; the rarer ones are one slice
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 1.0)  # of unknown tokens
NO_VALUE = "(none)"


@dataclass(frozen=True)
class Slice:
    """Some of the examples, and how many of their answers are right, with a 95 % interval."""

    name: str
    examples: int
    accuracy: float
    interval: tuple[float, float]


def by_length(answers: Answers) -> list[Slice]:
    """Return slices of about the same size, by the number of tokens of a text."""
    return _by_range(answers, answers.n_tokens.astype(float), lambda n: f"{n:,.0f}")


def by_unknown(answers: Answers) -> list[Slice]:
    """Return slices by the share of tokens that are not in the vocabulary."""
    shares = answers.n_unknown / np.maximum(answers.n_tokens, 1)
    names = ["none", *(f"{low:.0%} – {high:.0%}" for low, high in pairwise(SHARES))]
    return _slices(answers, np.searchsorted(SHARES, shares), names)


def by_column(report: EvaluationReport, column: str) -> list[Slice]:
    """Return slices by the values of a column that the examples keep.

    Numbers of more values than there can be slices are divided into ranges. Of other values, the
    rarest are one slice.

    Raises:
        ValueError: the examples keep no such column.
    """
    values = [(example.slices or {}).get(column) for example in report.examples.all]
    if all(value is None for value in values):
        raise ValueError(f"the examples have no values of a column {column!r}")
    counts = Counter(value or NO_VALUE for value in values)
    numbers = _numbers([value or "" for value in values])
    if numbers is not None and len(counts) > NAMED:
        return _by_range(report.answers, numbers, lambda number: f"{number:,.6g}")
    names = [name for name, _ in counts.most_common(NAMED)]
    if numbers is not None:
        names.sort(key=lambda name: math.inf if name == NO_VALUE else float(name))
    places = {name: place for place, name in enumerate(names)}
    if rest := len(counts) - len(names):
        names.append(f"({rest:,} others)")
    return _slices(
        report.answers,
        np.array([places.get(value or NO_VALUE, len(places)) for value in values]),
        names,
    )


def _numbers(values: Sequence[str]) -> Floats | None:
    """Return values as numbers, NaN where there is none; None if one is something else."""
    with suppress(ValueError):
        numbers = np.array([float(value) if value.strip() else math.nan for value in values])
        return None if np.isinf(numbers).any() else numbers
    return None


def _by_range(answers: Answers, values: Floats, show: Callable[[float], str]) -> list[Slice]:
    """Return slices by ranges that hold about the same number of values; NaN is one of its own."""
    known = values[~np.isnan(values)]
    if not len(known):
        return _slices(answers, np.zeros(len(values), dtype=int), [NO_VALUE])
    edges = np.unique(np.quantile(known, np.linspace(0, 1, PARTS + 1)[1:], method="lower"))
    places = np.where(np.isnan(values), len(edges), np.searchsorted(edges, values))
    return _slices(answers, places, [*_range_names(known, edges, show), NO_VALUE])


def _range_names(values: Floats, edges: Floats, show: Callable[[float], str]) -> Iterator[str]:
    places = np.searchsorted(edges, values)
    for place in range(len(edges)):
        inside = values[places == place]
        low, high = show(inside.min()), show(inside.max())
        yield low if low == high else f"{low} – {high}"


def _slices(answers: Answers, places: Ints, names: list[str]) -> list[Slice]:
    """Return a slice for each name that has examples, from the place [N] of its name."""
    examples = np.bincount(places, minlength=len(names))
    right = np.bincount(places, answers.right, minlength=len(names)).astype(int)
    return [
        Slice(name, int(n), int(k) / int(n), wilson(int(k), int(n)))
        for name, n, k in zip(names, examples, right, strict=True)
        if n
    ]
