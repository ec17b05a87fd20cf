"""Behavioural checks as a table for people, and as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from senticli.cli.console import markup, one_line, print_table, stdout_console, table_of

if TYPE_CHECKING:
    from senticli.evaluation.checks import Answer, Capability, CheckReport, Outcome
    from senticli.measures import Figure

EXAMPLES = 3  # of failures, for each capability
LONGEST = 160  # characters that are shown of a text


def with_checks(fields: Mapping[str, Any], report: "CheckReport") -> dict[str, Any]:
    """Return the fields of ``eval --json``, which may be none so far, with those of the checks."""
    figures = {name: asdict(figure) for name, figure in report.figures.items()}
    return {
        "model": report.model,
        **fields,
        "figures": {**fields.get("figures", {}), **figures},
        "checks": _json_of(report),
    }


def _json_of(report: "CheckReport") -> dict[str, Any]:
    return {
        "suite": report.suite,
        **_counts(report.all),
        "left_out": report.left_out,
        "capabilities": [
            {
                "capability": part.name,
                "types": part.types,
                **_counts(part),
                "failed": [_failure(outcome) for outcome in part.failures],
            }
            for part in report.capabilities
        ],
    }


def _counts(part: "Capability") -> dict[str, Any]:
    rate = part.failure_rate
    return {
        "checks": len(part.outcomes),
        "failures": len(part.failures),
        "failure_rate": rate.value,
        "interval": rate.interval,
    }


def _failure(outcome: "Outcome") -> dict[str, Any]:
    """Return a check that fails, with the answers for its text and the first bad variant."""
    check, number = outcome.check, outcome.failed
    return {
        "type": check.type,
        "text": check.text,
        "repeat": check.repeat,
        "label": check.label,
        "rises": check.rises,
        "answer": asdict(outcome.answers[0]),
        "variant": check.variants[number - 1] if number else None,
        "variant_answer": asdict(outcome.answers[number]) if number else None,
    }


def print_checks(report: "CheckReport") -> None:
    """Print the rates as a table on stdout, and some failures."""
    console = stdout_console()
    share, interval = _in_percent(report.all.pass_rate, 2)
    title = f"model {report.model}, checks {report.suite}"
    console.print(f"[bold]{markup(title)}[/]", soft_wrap=True)
    console.print(
        f"[bold]{share}[/] hold  (95 % interval {interval}),  "
        f"{len(report.all.failures):,} of {len(report.all.outcomes):,} fail",
        soft_wrap=True,
    )
    console.print()
    columns = ("capability", "type", "checks", "failures", "failure rate", "95 % interval")
    print_table(table_of(columns, map(_row, report.capabilities), names=2))
    for part in report.capabilities:
        if part.failures:
            console.print(f"\n[bold]{markup(part.name)}[/]")
        for outcome in part.failures[:EXAMPLES]:
            line = f"  {_shown(outcome)}"
            console.print(line, soft_wrap=True, markup=False, emoji=False)  # as it was written


def _row(part: "Capability") -> tuple[str, ...]:
    counts = (f"{len(part.outcomes):,}", f"{len(part.failures):,}")
    return markup(part.name), ", ".join(part.types), *counts, *_in_percent(part.failure_rate, 1)


def _in_percent(figure: "Figure", digits: int) -> tuple[str, str]:
    """Return a share and its interval as people read them."""
    assert figure.interval
    low, high = figure.interval
    return f"{figure.value:.{digits}%}", f"{low:.{digits}%} to {high:.{digits}%}"


def _shown(outcome: "Outcome") -> str:
    """Return a check that fails as a line."""
    check, number = outcome.check, outcome.failed
    times = f" {check.repeat:,} times" if check.repeat > 1 else ""
    first = f"{_quoted(check.text)}{times}: {_answer(outcome.answers[0], check.rises)}"
    if not number:
        return f"{first}, not {one_line(check.label or 'no answer')}"
    other = (
        f"{_quoted(check.variants[number - 1])}: {_answer(outcome.answers[number], check.rises)}"
    )
    return f"{first}; {other}{', not higher' if check.rises else ''}"


def _quoted(text: str) -> str:
    """Return a text in quotes, cut where it is long; as JSON where there is nothing to see."""
    line = one_line(text)
    cut = line if len(line) <= LONGEST else f"{line[:LONGEST]} …"
    return f"“{cut}”" if line else json.dumps(text)


def _answer(answer: "Answer", rises: str | None) -> str:
    """Return an answer with its probability, or that of the label that should rise."""
    label = rises or answer.label or ""
    return f"{one_line(label)} {answer.scores[label]:.2f}" if answer.scores else "no answer"
