"""``senticli predict``: texts in, labels out."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from senticli.cli.console import one_line, printable, say
from senticli.cli.errors import flag_of, in_options
from senticli.cli.options import (
    LAYOUT,
    OUTPUT_SETTINGS,
    InputFile,
    Json,
    Model,
    Settings,
    Threads,
    command_line,
    with_default,
    with_settings,
)
from senticli.config import OUTPUT, OutputConfig
from senticli.errors import UsageError

REPORT, CLUSTER = "Report", "Many files"

if TYPE_CHECKING:
    from senticli.io.inputs import Input
    from senticli.io.layout import Layout

EXAMPLES = (
    'echo "great film" | senticli predict',
    'senticli predict "what a mess" "not bad at all" --json',
    "senticli predict --input reviews.csv --text-column review --output scored.csv",
    "cat dump.jsonl | senticli predict --format jsonl --text-column body.text | jq .",
    "tail -f app.log | senticli predict --unbuffered",
    'senticli predict "great film, weak ending" --explain',
    "senticli predict --input reviews.csv --output scored.csv --summary --group-by product",
    "senticli predict --input reviews.csv --output scored.csv --report report.html",
    "senticli predict --engine ray --input reviews/ --output scored/ --text-column body",
)


@with_settings("format", *LAYOUT, *OUTPUT_SETTINGS)
def predict(
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Texts to classify; `-` reads standard input."),
    ] = None,
    input: InputFile = None,
    *,
    settings: Settings,
    target: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR|URL",
            help="Write to FILE, which is complete or not there; with --engine ray, to a folder.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    as_json: Json = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Resume a run to the same FILE that was cut off.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace the output if it is there.", rich_help_panel=OUTPUT),
    ] = False,
    unbuffered: Annotated[
        bool,
        typer.Option(
            "--unbuffered",
            "-u",
            help="Answer each text before the next is read.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first text that cannot be classified.")
    ] = False,
    summary: Annotated[
        bool,
        typer.Option(
            "--summary",
            help="Print how often each label is the answer, at the end on stderr.",
            rich_help_panel=REPORT,
        ),
    ] = False,
    group_by: Annotated[
        list[str] | None,
        typer.Option(
            "--group-by",
            metavar="NAME|N",
            help="In summary and report, group by the values of this column: a product, a shop; "
            "of dates, by day, week, month or longer. Repeatable.",
            rich_help_panel=REPORT,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write a report to FILE (.html): shares, groups, texts and tokens that stand out.",
            rich_help_panel=REPORT,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No warnings.")] = False,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            "--engine",
            help="ray scores many files by several processes, on this machine or a cluster.",
            rich_help_panel=CLUSTER,
        ),
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            metavar="N",
            help=with_default("Processes, of one CPU each.", "the CPUs of the cluster"),
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            min=1,
            metavar="N",
            help=with_default("Texts that a process reads ahead.", "2048"),
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="auto|local|HOST:PORT",
            help=with_default(
                "Ray cluster to use; local starts Ray on this machine, for this run.",
                "that of RAY_ADDRESS, else local",
            ),
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Classify texts: arguments, standard input, or a file: lines, CSV, TSV, JSON Lines, Parquet.

    Plain lines are answered by `label<TAB>probability`, one line a text, in order. Other formats
    come back as they are, with the columns `label`, `score` and `error` added. A text that cannot
    be classified gets an empty label and an error.
    """
    asked = {name: settings.pop(name) for name in OUTPUT_SETTINGS}
    output_format = asked["output_format"]
    if as_json and output_format not in (None, "jsonl"):
        raise UsageError(f"--json and --output-format {output_format} differ", "use one of the two")
    options = OutputConfig(
        **{name: value for name, value in asked.items() if value is not None}
        | ({"output_format": "jsonl"} if as_json else {})
    )
    cluster = {"workers": workers, "batch_size": batch_size, "address": address}
    if engine == "ray":
        from senticli.cli.cluster import predict_files, reject

        reject(texts=texts, resume=resume, unbuffered=unbuffered, strict=strict, threads=threads)
        reject(summary=summary, group_by=group_by, report=report)
        settings |= cluster
        predict_files(input, target, settings, options, model=model, force=force, quiet=quiet)
        return
    _reject_cluster(cluster)
    if group_by and not (summary or report):
        raise UsageError("--group-by is for --summary and --report", "add one: --summary")
    if (resume or force) and not target:
        raise UsageError("--resume and --force are for --output", "name a file: --output FILE")
    arguments, path = _texts_or_file(texts, input, settings)

    # Heavy imports stay inside: --help and completion do without numpy and onnxruntime.
    from senticli.cli.views.predict import TerminalWriter, show_run
    from senticli.io.layout import SAMPLE, Layout
    from senticli.io.scoring import score
    from senticli.io.sinks import Stream
    from senticli.model import WINDOW, load

    if report:
        from senticli.report.predictions import check_report, write_predictions_report

        report = check_report(report, path, target and Path(target))
    if not quiet:
        for text in arguments or ():
            if os.path.isfile(text):  # noqa: PTH113  # false, not an error, for what is no path
                say(f"note: {one_line(text)} is classified as a text; to read the file: --input")
    layout = Layout(
        **{name: settings[name] for name in LAYOUT if settings[name] is not None},
        sample=0 if unbuffered else SAMPLE,
    )
    loaded = load(model, threads=threads)
    # A batch that is done waits for the interpreter's lock: usually 5 ms, as long as it took.
    sys.setswitchinterval(0.0005)
    on_terminal = not target and sys.stdout.isatty()
    for_people = on_terminal and not options.output_format
    if options.scores and for_people:
        options = replace(options, top_k=len(loaded.labels))
    stdout = Stream(
        sys.stdout.buffer,
        "standard output",
        unbuffered=unbuffered or on_terminal,
        clean=printable if on_terminal and not for_people else None,
    )
    typed = not arguments and not path and sys.stdin.isatty()
    with (
        _opened(arguments, path, settings["format"], layout) as source,
        show_run(quiet=quiet, with_bar=not on_terminal) as on_event,
    ):
        done = score(
            loaded,
            source,
            Path(target) if target else stdout,
            options,
            writer=TerminalWriter(loaded.labels, options.prefix) if for_people else None,
            resume=resume,
            force=force,
            strict=strict,
            overview=summary or report is not None,
            group_by=group_by or (),
            window=1 if unbuffered or typed else WINDOW,
            on_event=on_event,
        )
        if report:
            command = command_line(*sys.argv[1:])
            shown = replace(done, warnings=tuple(map(in_options, done.warnings)))
            write_predictions_report(shown, loaded, report, command=command, on_event=on_event)
            say(f"report: {report}")
    if summary and done.overview:
        from senticli.cli.views.overview import print_overview

        print_overview(done.overview)


def _reject_cluster(settings: Settings) -> None:
    """Raise UsageError for a setting of a cluster that was given."""
    for name, value in settings.items():
        if value is not None:
            raise UsageError(f"{flag_of(name)} is for --engine ray", "leave it out, or add it")


def _texts_or_file(
    texts: list[str] | None, files: list[str] | None, settings: Settings
) -> tuple[list[str] | None, Path | None]:
    """Return the texts or the file to classify; neither for standard input."""
    if files and len(files) > 1:
        raise UsageError(
            f"--input is given {len(files)} times, and takes one file",
            "run senticli predict once for each",
        )
    path = files[0] if files else None
    if texts and path:
        raise UsageError("texts are given both as arguments and by --input", "use one of the two")
    if not texts and not path and sys.stdin.isatty():
        raise UsageError("there is no text to classify", 'echo "great film" | senticli predict')
    arguments = None if texts == ["-"] else texts or None
    if arguments and any(value is not None for value in settings.values()):
        *flags, last = map(flag_of, settings)
        raise UsageError(
            f"{', '.join(flags)} and {last} are for files and pipes",
            "leave them out, or name a file: --input FILE",
        )
    return arguments, Path(path) if path and path != "-" else None


def _opened(
    texts: list[str] | None, file: Path | None, format: str | None, layout: "Layout"
) -> "AbstractContextManager[Input]":
    """Open what is to be classified."""
    from senticli.io.formats import LINES, STANDARD_INPUT
    from senticli.io.inputs import Input, open_input

    if file:
        return open_input(file, format, layout)
    if texts:
        return nullcontext(Input.of_texts(texts))
    return nullcontext(Input.of_stream(sys.stdin.buffer, STANDARD_INPUT, format or LINES, layout))
