"""``senticli eval``: how good a model is on labelled examples, and whether that is enough."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from senticli.cli.console import print_json, say
from senticli.cli.options import (
    EVAL_SETTINGS,
    READING,
    Json,
    Model,
    Settings,
    Threads,
    command_line,
    with_default,
    with_settings,
)
from senticli.cli.views.evaluation import json_of, print_assessment, print_verdicts
from senticli.cli.views.events import show_events
from senticli.errors import UsageError

REPORT = "Report"
EXAMPLES = (
    "senticli eval --split test",
    "senticli eval --model bundled --data sample",
    "senticli eval --data reviews.csv --label-column stars --json",
    "senticli eval --data reviews.csv --fail-under accuracy=0.9 --fail-under recall.negative=0.8",
    "senticli eval --data reviews.csv --against bundled",
    "senticli eval --data reviews.csv --find-threshold precision=0.95 --save",
    "senticli eval --data reviews.csv --slice product --report report.html",
)


@with_settings(*READING, *EVAL_SETTINGS)
def evaluate(
    model: Model = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            "-d",
            metavar="NAME|FILE|DIR",
            help=with_default(
                "Data set, file, folder or `-`, as for train; one without splits is taken whole. "
                "Repeatable.",
                "what the model was trained on",
            ),
        ),
    ] = None,
    split: Annotated[
        Literal["train", "valid", "test"] | None,
        typer.Option("--split", help=with_default("Split of the data set.", "test")),
    ] = None,
    *,
    settings: Settings,
    page: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write a report to FILE (.html): verdict, measures, charts, slices, worst errors.",
            rich_help_panel=REPORT,
        ),
    ] = None,
    slice_column: Annotated[
        list[str] | None,
        typer.Option(
            "--slice",
            metavar="NAME|N",
            help="Column by whose values the report divides the examples. Repeatable.",
            rich_help_panel=REPORT,
        ),
    ] = None,
    as_json: Json = False,
    threads: Threads = None,
) -> None:
    """Measure a model on labelled examples, and judge it."""
    if slice_column and not page:
        raise UsageError("--slice is for --report", "name a file: --report report.html")
    # Heavy imports stay inside: --help and completion do without numpy and onnxruntime.
    from senticli.evaluation.assess import assess

    if page:
        from senticli.report.evaluation import write_evaluation_report
        from senticli.report.page import check_page

        page = check_page(page)
    with show_events() as on_event:
        found = assess(
            model,
            data or None,
            split=split,
            slice_column=slice_column or (),
            threads=threads,
            on_event=on_event,
            **settings,
        )
        if page:
            command = command_line(*sys.argv[1:])
            write_evaluation_report(found, page, command=command, on_event=on_event)
    if page:
        say(f"report: {page}")
    if as_json:
        print_json(json_of(found))
    else:
        print_assessment(found, saved=bool(settings["save"]))
    print_verdicts(found)
    if not found.holds:
        raise typer.Exit(1)
