"""Options and arguments that commands share, and the wording of defaults."""

import inspect
import shlex
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import typer

from senticli.cli.errors import CONFIGS, SETTINGS, flag_of, in_options
from senticli.config import (
    EvalConfig,
    ModelConfig,
    OutputConfig,
    Recipe,
    TrainConfig,
    settings_of,
    types_of,
)

LAYOUT = ("text_column", "delimiter", "quoting", "header", "encoding")
"""Settings of how a file of texts is written."""
TRAINING_SETTINGS = (*settings_of(TrainConfig), *settings_of(ModelConfig))
"""Settings of a training."""
OUTPUT_SETTINGS = tuple(settings_of(OutputConfig))
"""Settings of the output of predictions."""
EVAL_SETTINGS = tuple(settings_of(EvalConfig))
"""Settings of what is asked of an evaluation."""
READING = ("format", "label_column", "label_map", "score_columns", *LAYOUT)
"""Settings of how a file of labelled texts is read."""


def with_default(help: str, default: str) -> str:
    """Return a help text that ends in the default, for options whose None means "not given"."""
    if not default:
        return help
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
    """Return the docstring of ``function``, a line a paragraph."""
    # Typer keeps the line breaks of a docstring, which no terminal is as wide as.
    text = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text)


def show_examples(*examples: str) -> str:
    """Return the end of a help text."""
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
Offline = Annotated[
    bool,
    typer.Option(
        "--offline",
        envvar="SENTICLI_OFFLINE",
        help="Never use the network; fail if something is missing.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, metavar="N", help=with_default("CPU threads.", "all cores")),
]
InputFile = Annotated[
    list[str] | None,  # a URL is no path
    typer.Option(
        "--input",
        "-i",
        metavar="FILE|DIR|URL",
        help="Read the texts from FILE, packed (.gz, .zst) or not; with --engine ray, from the "
        "files of a folder, a pattern in quotes, or a URL.",
    ),
]


Settings = dict[str, Any]
"""Settings by name; None where an option was not given."""


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a function an option for each setting of the core, in place of ``settings``.

    The function gets those of its options that are settings as one dict in ``settings``.
    """

    def add(function: Callable[..., None]) -> Callable[..., None]:
        def command(**options: Any) -> None:
            settings = {name: options.pop(name) for name in names}
            function(**options, settings=settings)

        parameters: list[inspect.Parameter] = []
        for own in inspect.signature(function, eval_str=True).parameters.values():
            if own.name == "settings":
                parameters += map(_parameter, names)
            else:
                parameters.append(own.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        command.__doc__, command.__name__ = function.__doc__, function.__name__
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return command

    return add


@cache
def _parameter(name: str) -> inspect.Parameter:
    """Return an option that overrides a setting, and shows its default.

    The option itself defaults to None, "not given", so that a preset can fill it in.
    """
    config = next(one for one in CONFIGS if name in settings_of(one))
    about, kind = SETTINGS[name], types_of(config)[name]
    default = getattr(config, name)
    flags = [flag_of(name)]
    if kind is bool and len(about.switch or ()) == 1:
        default = ""
    elif kind is bool:
        flags = [f"{flag_of(name)}/{flag_of(name, on=False)}"]
        default = flag_of(name, on=default).removeprefix("--")
    elif isinstance(default, tuple):
        kind, default = list[str], " ".join(default)
    if about.short:
        flags.append(f"-{about.short}")
    shown = str(default) if about.shown is None else about.shown
    option = typer.Option(
        *flags,
        help=with_default(in_options(about.help), in_options(shown)),
        metavar=about.metavar,
        rich_help_panel=about.group,
    )
    kind = Annotated[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def options_of(recipe: Recipe) -> list[str]:
    """Return the options of ``train`` that make a recipe of the default one."""
    words: list[str] = []
    is_about_other_texts = bool(recipe.train.unlabelled) or recipe.train.data != TrainConfig().data
    for part, usual in ((recipe.model, ModelConfig()), (recipe.train, TrainConfig())):
        for name in settings_of(type(part)):
            value = getattr(part, name)
            # What is left out is, with --init, that model's, and depends on the texts.
            depends = recipe.train.init is not None and name.endswith("dropout")
            depends |= name == "vectors" and is_about_other_texts
            if value == getattr(usual, name) and not depends:
                continue
            if name == "embedding_dim" and recipe.train.published_vectors:
                continue  # the vectors say it
            if name == "vector_window" and not recipe.train.has_own_vectors:
                continue  # of a preset
            if isinstance(value, bool):
                words.append(flag_of(name, on=value))
                continue
            for one in value if isinstance(value, tuple) else (value,):
                words += [flag_of(name), str(one)]
    return words


def command_line(*words: str, processes: int = 1) -> str:
    """Return the line that runs senticli; by torchrun, where several processes train."""
    start = ["torchrun", "--nproc-per-node", str(processes), "-m"] if processes > 1 else []
    return shlex.join([*start, "senticli", *words])


def command_of(recipe: Recipe, name: str, processes: int = 1) -> str:
    """Return the command line that trains a recipe, under a name, in so many processes."""
    return command_line("train", *options_of(recipe), "--name", name, processes=processes)
