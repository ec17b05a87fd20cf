"""An evaluation as tables for people, and as JSON."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from senticli.cli.console import (
    markup,
    one_line,
    print_table,
    say,
    stdout_console,
    styled,
    table_of,
)
from senticli.cli.views.checks import print_checks, with_checks
from senticli.evaluation.names import UNBOUNDED, title_of

if TYPE_CHECKING:
    from rich.table import Table

    from senticli.evaluation.assessment import Assessment
    from senticli.evaluation.calibration import Recalibration
    from senticli.evaluation.comparison import Comparison
    from senticli.evaluation.run import EvaluationReport
    from senticli.evaluation.suspects import Suspect
    from senticli.evaluation.thresholds import Threshold
    from senticli.measures import Evaluation

WIDE = 80  # characters of a terminal that has room for all measures of labels
AVERAGES = (
    *("balanced_accuracy", "macro_f1", "roc_auc", "average_precision", "brier"),
    "calibration_error",
)
"""Measures of the whole that are shown beside accuracy and loss."""
SHOWN, SHOWN_TEXT = 5, 60  # suspects, and characters of the text of each


def json_of(found: "Assessment") -> dict[str, Any]:
    """Return the fields of ``eval --json``."""
    fields = measures_of(found.report) if found.report else {}
    if found.checks:
        fields = with_checks(fields, found.checks)
    if found.verdicts:
        fields["conditions"] = [asdict(verdict) for verdict in found.verdicts]
    if compared := found.comparison:
        fields["against"] = {**asdict(compared), "is_worse": compared.is_worse}
    if own := found.at_own_threshold:
        fields["at_own_threshold"] = {"coverage": own.coverage, "accuracy": own.accuracy}
    if found.threshold:
        fields["threshold"] = asdict(found.threshold)
    if found.suspects is not None:
        fields["suspects"] = {"count": len(found.suspects), "file": found.suspects_file}
    if fitted := found.recalibration:
        names = ("loss", "calibration_error")
        fields["recalibrated"] = {
            "temperature": fitted.temperature,
            **{name: [one.value for one in fitted.figures(name)] for name in names},
        }
    return fields


def measures_of(report: "EvaluationReport") -> dict[str, Any]:
    """Return the fields of the measures."""
    evaluation = report.evaluation
    return {
        "model": report.model,
        "data": report.data,
        "restricted": report.restricted,
        "examples": evaluation.examples,
        "loss": evaluation.loss,
        "accuracy": evaluation.accuracy,
        "interval": evaluation.interval,
        "findings": [asdict(finding) for finding in report.findings],
        "figures": {name: asdict(figure) for name, figure in evaluation.figures.items()},
        "labels": [asdict(score) for score in evaluation.labels],
        "confusion": evaluation.confusion,
        "coverage": [asdict(point) for point in evaluation.coverage],
        "calibration": [asdict(one) for one in evaluation.calibration],
        "examples_sha256": report.examples.sha256,
        "right": report.answers.right_in_hex,
    }


def print_assessment(found: "Assessment") -> None:
    """Print what was found on stdout."""
    if found.report:
        print_evaluation(found.report)
        if own := found.at_own_threshold:
            stdout_console().print(
                f"\nat the model's own threshold: {own.coverage:.2%} of the texts get an answer, "
                f"{own.accuracy:.2%} of these are right",
                soft_wrap=True,
            )
        if found.comparison:
            print_comparison(found.comparison)
    if found.recalibration:
        print_recalibration(found.recalibration, saved=found.saved)
    if found.threshold:
        print_threshold(found.threshold, saved=found.saved)
    if found.suspects is not None:
        print_suspects(found.suspects, str(found.suspects_file))
    if found.report and found.checks:
        print()
    if found.checks:
        print_checks(found.checks)


def print_verdicts(found: "Assessment") -> None:
    """Print a line on stderr for each condition that fails, or one if all hold."""
    verdicts, compared = found.verdicts, found.comparison
    failed = styled("failed:", "1;31", sys.stderr)
    lines = []
    for verdict in verdicts:
        if not verdict.holds:
            side = "above" if verdict.judged > verdict.bar else "below"
            judged, bar = (shown_value(verdict.metric, n) for n in (verdict.judged, verdict.bar))
            margin = shown_value(verdict.metric, abs(verdict.margin)).replace("%", " points")
            end = "" if verdict.judged == verdict.value else ", the end of its interval,"
            lines.append(f"{one_line(verdict.metric)} {judged}{end} is {side} {bar}, by {margin}")
    if compared and compared.is_worse:
        lines.append(
            f"accuracy is {-100 * compared.difference:.2f} points below that of "
            f"{one_line(compared.other)} (p = {_p_value(compared)})"
        )
    for line in lines:
        say(f"{failed} {line}")
    if not lines and (verdicts or compared):
        count = len(verdicts)
        held = f"{count} condition{'s' * (count != 1)} hold{'s' * (count == 1)}" if count else ""
        worse = f"not significantly worse than {one_line(compared.other)}" if compared else ""
        say(f"{styled('passed:', '1;32', sys.stderr)} {'; '.join(filter(None, (held, worse)))}")


def print_comparison(compared: "Comparison") -> None:
    """Print how a model compares with another on stdout."""
    low, high = compared.interval
    console = stdout_console()
    console.print(
        f"\nagainst [bold]{markup(compared.other)}[/], {compared.accuracy:.2%}: "
        f"difference [bold]{100 * compared.difference:+.2f} points[/]  "
        f"(95 % interval {100 * low:+.2f} to {100 * high:+.2f}, paired bootstrap)",
        soft_wrap=True,
    )
    console.print(
        f"only this model is right {compared.only_this_right:,} times, only the other "
        f"{compared.only_other_right:,} times  "
        f"(McNemar's test, p = {_p_value(compared)})",
        soft_wrap=True,
    )


def _p_value(compared: "Comparison") -> str:
    return f"{compared.p_value:.4f}" if compared.p_value >= 1e-4 else f"{compared.p_value:.1e}"


def print_threshold(found: "Threshold", *, saved: bool) -> None:
    """Print a threshold, what it gives and what it costs, on stdout."""
    of = f" of {markup(found.label)}" if found.label else ""
    figures = ",  ".join(
        f"{name} {figure.value:.2%}  (95 % interval {low:.2%} to {high:.2%})"
        for name, figure in (("precision", found.precision), ("coverage", found.coverage))
        for low, high in (figure.interval or (0.0, 1.0),)
    )
    end = "saved as the model's own" if saved else f"use it with --threshold {found.threshold:g}"
    console = stdout_console()
    console.print(f"\nthreshold{of} [bold]{found.threshold:g}[/]: {figures}", soft_wrap=True)
    if saved or not found.label:
        console.print(end, soft_wrap=True)


def print_suspects(suspects: "Sequence[Suspect]", file: str) -> None:
    """Print how many labels are likely wrong, and the first of them, a line each, on stdout."""
    count = f"{len(suspects):,} suspect{'s' * (len(suspects) != 1)}"
    console = stdout_console()
    console.print(f"\n[bold]{count}[/] in {markup(file)}", soft_wrap=True)
    for one in suspects[:SHOWN]:
        text = one_line(one.text)
        text = f"{text[: SHOWN_TEXT - 1]}…" if len(text) > SHOWN_TEXT else text
        likely = f"{markup(one.label)} → [bold]{markup(one.likely)}[/]"
        console.print(f"  {one.score:.1%}  {likely}  {markup(text)}", soft_wrap=True)


def print_recalibration(fitted: "Recalibration", *, saved: bool) -> None:
    """Print a temperature and what it changes on stdout."""
    changes = ",  ".join(
        f"{title_of(name)} {shown_value(name, before.value)} → {shown_value(name, after.value)}"
        for name in ("calibration_error", "loss")
        for before, after in (fitted.figures(name),)
    )
    before, after = fitted.temperature
    stdout_console().print(
        f"\ntemperature {before:.3f} → [bold]{after:.3f}[/]{', saved' * saved}: {changes}",
        soft_wrap=True,
    )


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
            f"{title_of(name)} {shown_value(name, evaluation.figures[name].value)}"
            for name in AVERAGES
            if name in evaluation.figures
        ),
        soft_wrap=True,
    )
    console.print()
    print_table(_labels(evaluation))
    console.print()
    print_table(_confusion(evaluation))


def shown_value(name: str, value: float) -> str:
    """Return the value of a measure as people read it: a percentage, but for a loss."""
    return f"{value:.4f}" if name in UNBOUNDED else f"{value:.2%}"


def _labels(evaluation: "Evaluation") -> "Table":
    columns: Sequence[str] = ("precision", "recall", "F1", "ROC-AUC", "avg. precision")
    if stdout_console().width < WIDE:
        columns = columns[:3]
    rows = []
    for score in evaluation.labels:
        values = (
            *(score.precision, score.recall, score.f1),
            *(score.roc_auc, score.average_precision),
        )
        shown = values[: len(columns)]
        shares = ["–" if value is None else f"{value:.2%}" for value in shown]
        rows.append([markup(score.label), *shares, f"{score.support:,}"])
    return table_of(("label", *columns, "examples"), rows)


def _confusion(evaluation: "Evaluation") -> "Table":
    names = [markup(score.label) for score in evaluation.labels]
    rows = []
    for row, (name, counts) in enumerate(zip(names, evaluation.confusion, strict=True)):
        cells = [
            f"[bold green]{count:,}[/]" if row == column else f"{count:,}"
            for column, count in enumerate(counts)
        ]
        rows.append([name, *cells])
    return table_of(("true \\ predicted", *names), rows)
