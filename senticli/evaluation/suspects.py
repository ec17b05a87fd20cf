"""Examples whose label is likely wrong, by confident learning (Northcutt, Jiang, Chuang 2021)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from senticli import registry
from senticli.errors import ConfigError
from senticli.evaluation.examples import Examples
from senticli.evaluation.rows import Row, check_target, format_of_source, write_rows
from senticli.events import Message, OnEvent, ignore
from senticli.io.formats import PARQUET
from senticli.measures import Floats, Ints, likeliest

if TYPE_CHECKING:
    from senticli.bundle import Bundle
    from senticli.data.splits import Part, Source
    from senticli.evaluation.run import EvaluationReport

FOLDS = 5  # of cross-fitting, as most use
COLUMNS = ("rank", "likely_label", "score")
"""The columns that a file of suspects adds to those of the input."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """An example whose label is likely wrong.

    ``rank`` counts from 1, the likeliest wrong. ``score`` is the probability that ``label`` is not
    the right one, ``likely`` the one that is more likely. ``where`` says where the example stands,
    ``row`` is its place among the examples of the evaluation, from 0.
    """

    rank: int
    row: int
    where: str
    text: str
    label: str
    likely: str
    score: float


def find_suspects(
    report: "EvaluationReport", *, folds: int = FOLDS, on_event: OnEvent = ignore
) -> list[Suspect]:
    """Return the examples of an evaluation whose label is likely wrong, the likeliest first.

    The model's own answers say nothing about what it was trained on, which it knows by heart. The
    answers about that come from models that are trained for it, with the same recipe, each on all
    folds but one, about which it is asked. None of them is kept.

    Args:
        report: the evaluation.
        folds: the number of those models.
        on_event: gets each ``Message`` and ``Progress`` of :mod:`senticli.events`.

    Raises:
        ConfigError: ``folds`` is less than 2.
        SenticliError: there is too little data for the folds, or training cannot be done.
    """
    if folds < 2:
        raise ConfigError("folds", f"is {folds}, and must be at least 2", "use `folds=5`")
    labels, given = report.answers.labels, likeliest(report.answers.truth)
    probabilities = _unseen(report, folds, on_event)
    rows, likely = confident_errors(probabilities, given)
    places = list(_places(report.examples))
    examples = report.examples.all
    return [
        Suspect(
            rank=rank,
            row=row,
            where=places[row],
            text=examples[row].text,
            label=labels[given[row]],
            likely=labels[other],
            score=float(1 - probabilities[row, given[row]]),
        )
        for rank, (row, other) in enumerate(zip(rows.tolist(), likely.tolist(), strict=True), 1)
    ]


def write_suspects(
    path: str | Path, suspects: list[Suspect], report: "EvaluationReport", *, force: bool = False
) -> None:
    """Write the rows of suspects as the input has them, with :data:`COLUMNS` added.

    The format is that of the file's name, else of the input. Of data sets, folders, pipes and
    fastText's lines, a table has where each example stands, its text and its label. Where there are
    several sources, a column ``source`` comes first. A new column whose name is taken is called
    ``suspect_NAME``.

    Args:
        path: the file to write, in one step.
        suspects: what :func:`find_suspects` returned for the report.
        report: the evaluation.
        force: replace a file that exists.

    Raises:
        SenticliError: the file cannot be written, or an input cannot be read again.
    """
    parts = report.examples.parts
    check_target(Path(path), force=force, inputs=[part.source.name for part in parts])
    rows = [
        Row(
            one.row,
            one.where,
            {"rank": one.rank, "likely_label": one.likely, "score": round(one.score, 6)},
        )
        for one in suspects
    ]
    write_rows(Path(path), rows, COLUMNS, report.examples)


def confident_errors(probabilities: Floats, given: Ints) -> tuple[Ints, Ints]:
    """Return the rows whose label is likely wrong, and the likely labels, most suspicious first.

    A label is likely where its probability is at least the mean of those of the examples that have
    it; of several such labels, the likeliest is. A row is suspicious where that is not the given
    one, nor is the given one the model's answer. Rows are ranked by the probability of their label:
    on validation texts with 2 % of wrong labels, that found more of them than the margin between
    the two labels, or either less the mean.

    Args:
        probabilities: out of sample, [N, L].
        given: the numbers of the labels, [N].
    """
    n, size = probabilities.shape
    own = probabilities[np.arange(n), given]
    counts = np.bincount(given, minlength=size)
    thresholds = np.full(size, np.inf)  # a label that no example has is never likely
    np.divide(np.bincount(given, own, size), counts, out=thresholds, where=counts > 0)
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    likely = confident.argmax(axis=1)
    is_suspect = (confident.max(axis=1) >= 0) & (likely != given)
    is_suspect &= probabilities.argmax(axis=1) != given
    rows = np.flatnonzero(is_suspect)
    rows = rows[np.argsort(own[rows], kind="stable")]
    return rows, likely[rows]


def _unseen(report: "EvaluationReport", folds: int, on_event: OnEvent) -> Floats:
    """Return the probabilities [N, L] by models that have not learned from the examples."""
    answers, parts = report.answers, report.examples.parts
    if not parts:
        return answers.probabilities
    bundle = registry.find(report.model)
    is_learned = [_is_learned(part, bundle) for part in parts]
    if not any(is_learned):
        return answers.probabilities
    from senticli.data.splits import Split
    from senticli.training.packages import imported

    names = [name for name, _ in report.examples.sources]
    learned = [number for number, learns in enumerate(is_learned) if learns]
    split = Split([parts[number] for number in learned], [names[number] for number in learned])
    on_event(
        Message(
            "note",
            f"{report.model} was trained on {', '.join(split.hashes)}: {folds} other models are "
            "trained to find the suspects, each without the part that it judges",
        )
    )
    with imported():
        from senticli.training.cross_fit import cross_fit
    labels, fitted = cross_fit(split, bundle.recipe, folds, on_event)
    rows = np.flatnonzero(np.repeat(is_learned, [len(part.rows) for part in parts]))
    columns = [answers.labels.index(label) for label in labels]
    probabilities = answers.probabilities.copy()
    probabilities[rows] = 0
    probabilities[rows[:, None], columns] = fitted
    return probabilities


def _is_learned(part: "Part", bundle: "Bundle") -> bool:
    """Return True if a model was trained on some of the examples."""
    from senticli.data.splits import hold_out, learned_hashes

    config = bundle.training
    hashes = bundle.config.provenance["sha256"]["data"]
    if part.source.sha256 not in learned_hashes(config, hashes):
        return False
    if config.valid:
        return True
    _, held_out = hold_out(part.source.examples, config.valid_fraction, config.seed)
    return not set(part.rows) <= set(held_out)


def _places(examples: Examples) -> Iterator[str]:
    """Yield where each example stands."""
    parts: list[tuple[Source | None, Sequence[int]]]
    parts = [(part.source, part.rows) for part in examples.parts]
    given = [(None, range(len(source))) for _, source in examples.sources]
    for (name, each), (source, rows) in zip(examples.sources, parts or given, strict=True):
        unit = "row" if format_of_source(source) == PARQUET else "line"
        for example, row in zip(each, rows, strict=True):
            if isinstance(example.place, str):
                yield example.place
            elif example.place is None:
                yield f"{source.name if source else name}, example {row + 1}"
            else:
                yield f"{name}, {unit} {example.place}"
