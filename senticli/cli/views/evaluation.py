"""An evaluation as tables for people, and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from senticli.cli.console import markup, print_table, stdout_console

if TYPE_CHECKING:
    from rich.table import Table

    from senticli.evaluation.run import EvaluationReport
    from senticli.measures import Evaluation, Figure

AVERAGES = {
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}
"""Measures of the whole, beside accuracy and loss, and what people call them."""
AS_NUMBERS = ("loss", "brier")


def json_of(report: "EvaluationReport") -> dict[str, Any]:
    """Return the fields of ``eval --json``."""
    evaluation = report.evaluation
    return {
        "model": report.model,
        "data": report.data,
        "restricted": report.restricted,
        "examples": evaluation.examples,
        "loss": evaluation.loss,
        "accuracy": evaluation.accuracy,
        "interval": evaluation.interval,
        "figures": {name: asdict(figure) for name, figure in evaluation.figures.items()},
        "labels": [asdict(score) for score in evaluation.labels],
        "confusion": evaluation.confusion,
        "coverage": [asdict(point) for point in evaluation.coverage],
        "calibration": [asdict(one) for one in evaluation.calibration],
    }


def print_evaluation(report: "EvaluationReport") -> None:
    """Print the measures as tables on stdout."""
    evaluation = report.evaluation
    console = stdout_console()
    low, high = evaluation.interval
    console.print(f"[bold]{markup(f'{report.model} on {report.data}')}[/]", soft_wrap=True)
    console.print(
        f"accuracy [bold]{evaluation.accuracy:.2%}[/]  (95 % interval {low:.2%} to {high:.2%}),  "
        f"loss {evaluation.loss:.4f},  {evaluation.examples:,} examples",
        soft_wrap=True,
    )
    console.print(
        ",  ".join(
            f"{shown} {shown_figure(name, evaluation.figures[name])}"
            for name, shown in AVERAGES.items()
            if name in evaluation.figures
        ),
        soft_wrap=True,
    )
    console.print()
    print_table(_labels(evaluation))
    console.print()
    print_table(_confusion(evaluation))


def shown_figure(name: str, figure: "Figure") -> str:
    """Return a measure as people read it: a percentage, but for a loss."""
    return shown_value(name, figure.value)


def shown_value(name: str, value: float) -> str:
    """Return the value of a measure as people read it."""
    return f"{value:.4f}" if name in AS_NUMBERS else f"{value:.2%}"


def _labels(evaluation: "Evaluation") -> "Table":
    columns = ("precision", "recall", "F1", "ROC-AUC", "avg. precision")
    rows = []
    for score in evaluation.labels:
        values = (
            *(score.precision, score.recall, score.f1),
            *(score.roc_auc, score.average_precision),
        )
        shares = ["–" if value is None else f"{value:.2%}" for value in values]
        rows.append([markup(score.label), *shares, f"{score.support:,}"])
    return _table(("label", *columns, "examples"), rows)


def _confusion(evaluation: "Evaluation") -> "Table":
    names = [markup(score.label) for score in evaluation.labels]
    rows = []
    for row, (name, counts) in enumerate(zip(names, evaluation.confusion, strict=True)):
        cells = [
            f"[bold green]{count:,}[/]" if row == column else f"{count:,}"
            for column, count in enumerate(counts)
        ]
        rows.append([name, *cells])
    return _table(("true \\ predicted", *names), rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """Return a table whose first column holds names, and the others numbers."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    return table
