"""``senticli eval``: how good a model is on labelled examples, and whether that is enough."""

import sys
from typing import Annotated, Literal

import typer

from senticli.cli.console import print_json, say, until_closed
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
from senticli.config import LABELS
from senticli.errors import UsageError

EXAMPLES = (
    "senticli eval --split test",
    "senticli eval --model bundled --data sample",
    "senticli eval --data reviews.csv --label-column stars --json",
    "senticli eval --data reviews.csv --fail-under accuracy=0.9 --fail-under recall.negative=0.8",
    "senticli eval --data reviews.csv --against bundled",
    "senticli eval --checks bundled --fail-under checks.negation=0.9",
    "senticli eval --data reviews.csv --find-threshold precision=0.95 --save",
    "senticli eval --data reviews.csv --suspects suspects.csv",
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
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace FILE if it is there.", rich_help_panel=LABELS),
    ] = False,
    as_json: Json = False,
    threads: Threads = None,
) -> None:
    """Measure a model on labelled examples or by behavioural checks, and judge it."""
    # Heavy imports stay inside: --help and completion do without numpy and onnxruntime.
    from senticli.evaluation.assess import assess

    if force and not settings["suspects"]:
        raise UsageError("--force is for --suspects", "name a file: --suspects FILE")
    with show_events() as on_event:
        found = assess(
            model,
            data or None,
            split=split,
            force=force,
            command=command_line(*sys.argv[1:]),
            threads=threads,
            on_event=on_event,
            **settings,
        )
    if settings["report"]:
        say(f"report: {settings['report']}")
    with until_closed():  # which does not change how the model is judged
        if as_json:
            print_json(json_of(found))
        else:
            print_assessment(found)
    print_verdicts(found)
    if not found.holds:
        raise typer.Exit(1)
