"""Options and arguments that commands share, and the wording of defaults."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from senticli.config import ModelConfig, TrainConfig

MODEL_PANEL, TRAINING_PANEL, DATA_PANEL, OUTPUT_PANEL = "Model", "Training", "Data", "Output"


def with_default(help: str, default: str) -> str:
    """A help text that ends in the default, for options whose None means "not given"."""
    return rf"{help} [dim]\[default: {default}][/]"


def command(
    app: typer.Typer, name: str, *examples: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a command of ``app``: its docstring is the help, and ``examples`` follow."""

    def add(function: Callable[..., None]) -> Callable[..., None]:
        return app.command(name, help=paragraphs(function), epilog=show_examples(*examples))(
            function
        )

    return add


def paragraphs(function: Callable[..., None]) -> str:
    """The docstring of ``function``, a line a paragraph."""
    # Typer keeps the line breaks of a docstring, which no terminal is as wide as.
    text = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text)


def show_examples(*examples: str) -> str:
    """The end of a help text."""
    return "\n\n".join(["[bold]Examples[/]", *(f"  {example}" for example in examples)])


Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|DIR",
        envvar="SENTICLI_MODEL",
        help=with_default(
            "Model to use: a name, a folder, or `bundled`.", "the one trained last, else bundled"
        ),
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, metavar="N", help=with_default("CPU threads.", "all cores")),
]
Input = Annotated[
    Path | None,
    typer.Option(
        "--input", "-i", metavar="FILE", help="Read the texts from FILE, packed (.gz, .zst) or not."
    ),
]
TextColumn = Annotated[
    str | None,
    typer.Option(
        "--text-column",
        metavar="NAME|N",
        help=with_default("Column of the text: name or number.", "text, sentence, …"),
        rich_help_panel=DATA_PANEL,
    ),
]
Format = Annotated[
    Literal["lines", "csv", "tsv", "jsonl", "parquet"] | None,
    typer.Option(
        "--format",
        "-f",
        help=with_default("Format of the input.", "by its name, else lines"),
        rich_help_panel=DATA_PANEL,
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        "--delimiter",
        metavar="CHAR",
        help=with_default("Separator of the fields of CSV and TSV.", "found in the first rows"),
        parser=lambda text: {"tab": "\t", "\\t": "\t"}.get(text, text),
        rich_help_panel=DATA_PANEL,
    ),
]
Quoting = Annotated[
    Literal["csv", "backslash", "none"] | None,
    typer.Option(
        "--quoting",
        help=with_default(
            'Quotes in CSV and TSV: doubled (""), after a backslash, or plain characters.',
            "csv, for TSV none",
        ),
        rich_help_panel=DATA_PANEL,
    ),
]
Header = Annotated[
    bool,
    typer.Option(
        "--no-header",
        help="The first row of CSV or TSV is data; columns are named by number, from 1.",
        rich_help_panel=DATA_PANEL,
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help=with_default("Encoding of the input, such as cp1252 or utf-16.", "utf-8"),
        rich_help_panel=DATA_PANEL,
    ),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        "--label-column",
        metavar="NAME|N",
        help=with_default("Column of the label: name or number.", "label, sentiment, …"),
        rich_help_panel=DATA_PANEL,
    ),
]


def setting(
    name: str,
    *flags: str,
    help: str,
    panel: str,
    metavar: str | None = None,
    shown: str | None = None,
) -> Any:
    """An option that overrides one field of ModelConfig or TrainConfig, and shows its default.

    The option itself defaults to None, "not given", so that a preset can fill it in.
    """
    default = getattr(ModelConfig, name, getattr(TrainConfig, name, None))
    if isinstance(default, bool):
        default = flags[0].split("/")[0 if default else 1].removeprefix("--")
    elif isinstance(default, tuple):
        default = " ".join(default)
    return typer.Option(
        *(flags or (f"--{name.replace('_', '-')}",)),
        help=with_default(help, shown or str(default)),
        metavar=metavar,
        rich_help_panel=panel,
    )
