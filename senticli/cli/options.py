"""Options and arguments that commands share, and the wording of defaults."""

from pathlib import Path
from typing import Annotated, Any

import typer

from senticli.config import ModelConfig, TrainConfig

MODEL_PANEL, TRAINING_PANEL, DATA_PANEL = "Model", "Training", "Data"

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|DIR",
        envvar="SENTICLI_MODEL",
        help="Model to use: a name, a folder, or `bundled`.",
        show_default="the one trained last, else bundled",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, metavar="N", help="CPU threads.", show_default="all cores"),
]
Input = Annotated[
    Path | None,
    typer.Option("--input", "-i", metavar="FILE", help="Read the texts from FILE, one a line."),
]
TextColumn = Annotated[
    str | None,
    typer.Option(
        "--text-column",
        metavar="NAME",
        help="Column of the text in a FILE.",
        show_default="text, sentence…",
        rich_help_panel=DATA_PANEL,
    ),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        "--label-column",
        metavar="NAME",
        help="Column of the label in a FILE.",
        rich_help_panel=DATA_PANEL,
        show_default="label, sentiment…",
    ),
]


def setting(name: str, *flags: str, help: str, panel: str, metavar: str | None = None) -> Any:
    """An option that overrides one field of ModelConfig or TrainConfig, and shows its default.

    The option itself defaults to None, "not given", so that a preset can fill it in.
    """
    default = getattr(ModelConfig, name, getattr(TrainConfig, name, None))
    if isinstance(default, bool):
        shown = flags[0].split("/")[0 if default else 1].strip().removeprefix("--")
    else:
        shown = " ".join(default) if isinstance(default, tuple) else f"{default}"
    return typer.Option(
        *(flags or (f"--{name.replace('_', '-')}",)),
        help=help,
        metavar=metavar,
        show_default=shown,
        rich_help_panel=panel,
    )
