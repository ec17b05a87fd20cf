"""The report of an evaluation: how good a model is, on what, and where it errs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from senticli.data.checks import labels_by_text
from senticli.evaluation.assessment import Assessment
from senticli.evaluation.checks import Capability
from senticli.evaluation.names import UNBOUNDED, title_of
from senticli.evaluation.run import EvaluationReport
from senticli.evaluation.slices import Slice, by_column, by_length, by_unknown
from senticli.evaluation.thresholds import Threshold
from senticli.events import OnEvent, Progress, ignore
from senticli.machine import code_version, versions
from senticli.measures import Figure, wilson
from senticli.model import Model
from senticli.report.charts import Axis, Chart, Dot, Series, line_chart, reliability_chart
from senticli.report.page import check_page, write_page
from senticli.report.tables import Column, Kind, Table
from senticli.report.text import Piece, excerpt, shorten

ERRORS = 20  # shown
OCCLUDED = 2_500_000  # tokens that the network reads for the weights in them, over all errors
DUPLICATES = 10  # shown of each kind
SUSPECTS = 20  # shown
SHORT = 160  # characters of a text in a table
SHADES = 5


@dataclass(frozen=True)
class Mistake:
    """A wrong answer: the number of the example, from 1, its labels, and its decisive tokens."""

    number: int
    label: str
    answer: str
    score: float
    pieces: Sequence[Piece]


def write_evaluation_report(
    found: Assessment,
    path: str | Path,
    *,
    command: str = "",
    on_event: OnEvent = ignore,
) -> Path:
    """Write what was found of a model as one HTML file, and return its full path.

    Slices are shown for each column that the examples keep. A file that is there is replaced.

    Args:
        found: the evaluation, and what was asked besides.
        path: the file, in .html.
        command: the command line that made it.
        on_event: gets each :class:`~senticli.events.Progress` as it comes.

    Raises:
        ValueError: the model was not evaluated on examples.
        UsageError: the file is not called .html.
        SenticliError: jinja2 is not installed, or there is no such folder.
    """
    path = check_page(path)
    report, model = found.report, found.model
    if report is None:
        raise ValueError("there are no measures to report, only checks")
    write_page(
        path,
        "evaluation.html",
        report=report,
        evaluation=report.evaluation,
        wrong=int((~report.answers.right).sum()),
        verdicts=found.verdicts,
        comparison=found.comparison,
        threshold=found.threshold,
        checks=_checks_table(
            [*found.checks.capabilities, found.checks.all] if found.checks else []
        ),
        suspects=Table(
            (
                *(Column("rank", "count"), Column("text", "text"), Column("label")),
                *(Column("likely"), Column("score", "share")),
            ),
            [
                (one.rank, shorten(one.text, SHORT), one.label, one.likely, one.score)
                for one in (found.suspects or ())[:SUSPECTS]
            ],
        ),
        figures=[
            (name, title_of(name), kind_of(name), figure)
            for name, figure in report.evaluation.figures.items()
            if "." not in name
        ],
        by_label=list(_by_label(report)),
        curves=list(_learning_curves(model.bundle.history())),
        confusion=_confusion(report.evaluation.confusion),
        coverage=_coverage_chart(report, found.threshold),
        calibration=_calibration_chart(report),
        slices=list(_slice_tables(report)),
        mistakes=list(_mistakes(report, model, on_event)),
        duplicates=_duplicates(report),
        provenance=_provenance(report, model),
        command=command,
        title_of=title_of,
        kind_of=kind_of,
    )
    return path


def kind_of(name: str) -> Kind:
    """Return how a measure is written."""
    return "number" if name in UNBOUNDED else "share"


def _by_label(report: EvaluationReport) -> Iterator[tuple[str, list[tuple[str, Figure | None]]]]:
    """Yield each measure of labels, and its name and figure for each label."""
    figures = report.evaluation.figures
    for measure in dict.fromkeys(name.partition(".")[0] for name in figures if "." in name):
        names = [f"{measure}.{score.label}" for score in report.evaluation.labels]
        yield title_of(measure), [(name, figures.get(name)) for name in names]


def _learning_curves(history: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    best = next((epoch["epoch"] for epoch in reversed(history) if epoch["best"]), None)
    for name, kind in (("loss", "number"), ("accuracy", "share")):
        series = [
            Series(title, points)
            for split, title in (("train", "training"), ("valid", "validation"))
            if (
                points := [(e["epoch"], e[key]) for e in history if (key := f"{split}_{name}") in e]
            )
        ]
        if series:
            y = Axis(name, "share" if kind == "share" else "number")
            yield line_chart(name.capitalize(), series, Axis("epoch", "count"), y, mark=best)


def _confusion(confusion: Sequence[Sequence[int]]) -> list[list[tuple[int, float | None, str]]]:
    """Return for each cell its count, its share of the row, and the class of its shade."""
    return [
        [
            (
                count,
                count / sum(counts) if sum(counts) else None,
                f"{'r' if row == column else 'w'}{round(SHADES * count / max(1, sum(counts)))}",
            )
            for column, count in enumerate(counts)
        ]
        for row, counts in enumerate(confusion)
    ]


def _coverage_chart(report: EvaluationReport, threshold: Threshold | None) -> Chart:
    points = report.evaluation.coverage
    line = Series("accuracy", [(point.coverage, point.accuracy) for point in points])
    x, y = Axis("coverage", "share", 0.0, 1.0), Axis("accuracy", "share")
    columns = (
        Column("threshold", "number"),
        Column("coverage", "share"),
        Column("accuracy", "share"),
    )
    rows = [(point.threshold, point.coverage, point.accuracy) for point in points]
    mark = threshold.coverage.value if threshold and not threshold.label else None
    chart = line_chart("Coverage against accuracy", [line], x, y, mark=mark)
    return replace(chart, table=Table(columns, rows))


def _calibration_chart(report: EvaluationReport) -> Chart:
    return reliability_chart(
        "Reliability diagram",
        [
            Dot(
                one.score,
                one.accuracy,
                one.examples,
                wilson(round(one.accuracy * one.examples), one.examples),
            )
            for one in report.evaluation.calibration
        ],
    )


def _slice_tables(report: EvaluationReport) -> Iterator[tuple[str, list[Slice]]]:
    yield "length in tokens", by_length(report.answers)
    yield "share of unknown tokens", by_unknown(report.answers)
    columns = (name for example in report.examples.all for name in example.slices or ())
    for column in dict.fromkeys(columns):
        yield column, by_column(report, column)


def _mistakes(report: EvaluationReport, model: Model, on_event: OnEvent) -> Iterator[Mistake]:
    """Yield the wrong answers of the highest scores."""
    answers, examples = report.answers, report.examples.all
    wrong = np.flatnonzero(~answers.right)
    worst = wrong[np.argsort(-answers.scores[wrong], kind="stable")][:ERRORS]
    found, left = {}, OCCLUDED
    # What short texts do not need is left for long ones.
    for done, row in enumerate(sorted(worst, key=lambda row: answers.n_tokens[row])):
        example, answer = examples[row], answers.labels[answers.predicted[row]]
        length = max(1, int(answers.n_tokens[row]))
        most = max(1, left // (len(worst) - done) // length)
        left -= min(most, length) * length
        weights = model.explain(example.text, answer, most=most)
        found[row] = Mistake(
            number=int(row) + 1,
            label=example.label,
            answer=answer,
            score=float(answers.scores[row]),
            pieces=excerpt(example.text, weights),
        )
        on_event(Progress("explaining errors", done + 1, len(worst), "texts"))
    yield from (found[row] for row in worst)


def _duplicates(report: EvaluationReport) -> dict[str, Any]:
    """Return the texts that occur more than once: those of several labels, and the others."""
    found = labels_by_text(report.examples.all)
    torn = [(text, labels) for text, labels in found.items() if len(labels) > 1]
    same = [(t, labels) for t, labels in found.items() if len(labels) == 1 < labels.total()]
    columns = (Column("text", "text"), Column("labels"))
    tables = []
    for texts in (torn, same):
        rows = [
            (shorten(t, SHORT), ", ".join(f"{n:,} × {label}" for label, n in labels.most_common()))
            for t, labels in texts[:DUPLICATES]
        ]
        tables.append((len(texts), Table(columns, rows)))
    return {"contradictory": tables[0], "repeated": tables[1]}


def _checks_table(checks: Sequence[Capability]) -> Table:
    columns = (
        Column("capability"),
        Column("checks", "count"),
        Column("failures", "count"),
        Column("failure rate", "share"),
        Column("95 % interval", "interval"),
    )
    rows = [
        (one.name, len(one.outcomes), len(one.failures), rate.value, rate.interval)
        for one in checks
        for rate in (one.failure_rate,)
    ]
    return Table(columns, rows)


def _provenance(report: EvaluationReport, model: Model) -> dict[str, Any]:
    config = model.bundle.config
    origin, network = config.provenance, config.model
    size = "bidirectional" if network.bidirectional else "unidirectional"
    return {
        "model": {
            "name": report.model,
            "labels": ", ".join(config.labels),
            "network": f"{size} {network.rnn.upper()}, {network.layers} × {network.hidden}, "
            f"{origin['parameters']:,} parameters, {config.onnx}",
            "temperature": f"{config.temperature:.4f}",
            "trained": f"{config.created}, senticli {origin['versions'].get('senticli', '')}",
            "validation": f"{origin['valid']['accuracy']:.2%} of "
            f"{origin['valid']['examples']:,} examples",
            "SHA-256 of model.onnx": config.files["model.onnx"],
        },
        "data": {"data": report.data, "examples": f"{report.evaluation.examples:,}"}
        | {f"SHA-256 of {name}": digest for name, digest in report.examples.hashes.items()},
        "software": {
            "senticli": code_version(),
            **{k: v or "" for k, v in versions(("numpy", "onnxruntime")).items()},
        },
        "training": origin.get("command", ""),
        "created": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }
