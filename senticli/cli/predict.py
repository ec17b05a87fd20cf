"""``senticli predict``: texts in, labels out."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from senticli.cli.console import one_line, say
from senticli.cli.errors import flag_of
from senticli.cli.options import (
    LAYOUT,
    OUTPUT_PANEL,
    Input,
    Json,
    Model,
    Settings,
    Threads,
    with_default,
    with_settings,
)
from senticli.errors import UsageError

EXAMPLES = (
    'echo "great film" | senticli predict',
    'senticli predict "what a mess" "not bad at all" --json',
    "senticli predict --input reviews.csv --text-column review --output scored.csv",
    "cat dump.jsonl | senticli predict --format jsonl --text-column body.text | jq .",
    "tail -f app.log | senticli predict --unbuffered",
    'senticli predict "great film, weak ending" --explain',
)

ANSWER_PANEL = "Answer"


@with_settings("format", *LAYOUT)
def predict(
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Texts to classify; `-` reads standard input."),
    ] = None,
    input: Input = None,
    *,
    settings: Settings,
    target: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to FILE, which is complete or not there.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    output_format: Annotated[
        Literal["lines", "csv", "tsv", "jsonl", "parquet"] | None,
        typer.Option(
            "--output-format",
            help=with_default("Format of the output.", "by its name, else the input's"),
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    as_json: Json = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where a run to the same FILE was cut off.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace FILE if it is there.", rich_help_panel=OUTPUT_PANEL),
    ] = False,
    prefix: Annotated[
        str,
        typer.Option(
            "--prefix",
            metavar="TEXT",
            help="Put before the names of the added columns.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = "",
    unbuffered: Annotated[
        bool,
        typer.Option(
            "--unbuffered",
            "-u",
            help="Answer each text before the next is read.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores", help="Add the score of every label.", rich_help_panel=ANSWER_PANEL
        ),
    ] = False,
    top_k: Annotated[
        int,
        typer.Option(
            "--top-k",
            min=1,
            metavar="K",
            help="Give the K likeliest labels.",
            rich_help_panel=ANSWER_PANEL,
        ),
    ] = 1,
    threshold: Annotated[
        float,
        typer.Option(
            "--threshold",
            min=0,
            max=1,
            metavar="P",
            help="Answer `unsure` where the score is below P.",
            rich_help_panel=ANSWER_PANEL,
        ),
    ] = 0.0,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Show what each word weighs for the label.",
            rich_help_panel=ANSWER_PANEL,
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first text that cannot be classified.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No warnings.")] = False,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Classify texts: arguments, standard input, or a file: lines, CSV, TSV, JSON Lines, Parquet.

    Plain lines are answered by `label<TAB>probability`, one line a text, in order. Other formats
    come back as they are, with the columns `label`, `score` and `error` added. A text that cannot
    be classified gets an empty label and an error.
    """
    if as_json and output_format not in (None, "jsonl"):
        raise UsageError(f"--json and --output-format {output_format} differ", "use one of the two")
    if threshold != threshold:  # NaN, which is in no range and out of none
        raise UsageError("--threshold nan is no probability", "use a value from 0 to 1")
    if (resume or force) and not target:
        raise UsageError("--resume and --force are for --output", "name a file: --output FILE")
    if input and len(input) > 1:
        raise UsageError(
            f"--input is given {len(input)} times, and takes one file",
            "run senticli predict once for each",
        )
    path = input[0] if input else None
    if texts and path:
        raise UsageError("texts are given both as arguments and by --input", "use one of the two")
    arguments = None if not texts or texts == ["-"] else texts
    if path and str(path) == "-":
        path = None
    elif not texts and not path and sys.stdin.isatty():
        raise UsageError("there is no text to classify", 'echo "great film" | senticli predict')
    if arguments and any(value is not None for value in settings.values()):
        *flags, last = map(flag_of, settings)
        raise UsageError(
            f"{', '.join(flags)} and {last} are for files and pipes",
            "leave them out, or name a file: --input FILE",
        )

    # Heavy imports stay inside: --help and completion do without numpy and onnxruntime.
    from senticli import registry
    from senticli.io.layout import SAMPLE, Layout
    from senticli.io.scoring import Request, run

    if not quiet:
        for text in arguments or ():
            if os.path.isfile(text):  # noqa: PTH113  # false, not an error, for what is no path
                say(f"note: {one_line(text)} is classified as a text; to read the file: --input")
    request = Request(
        texts=arguments,
        input=path,
        format=settings["format"],
        layout=Layout(
            **{name: settings[name] for name in LAYOUT if settings[name] is not None},
            sample=0 if unbuffered else SAMPLE,
        ),
        output=target,
        output_format="jsonl" if as_json else output_format,
        resume=resume,
        force=force,
        prefix=prefix,
        unbuffered=unbuffered,
        scores=scores,
        top_k=top_k,
        threshold=threshold,
        explain=explain,
        strict=strict,
        quiet=quiet,
    )
    run(request, registry.find(model), threads)
