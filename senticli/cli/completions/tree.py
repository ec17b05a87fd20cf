"""Typer's command tree, as far as completion needs it.

Commands, options, their help and their choices come from Typer; :data:`VALUES` says what the other
values are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import typer
from rich.markup import render
from typer.core import TyperArgument, TyperGroup, TyperOption

from senticli.bundle import BUNDLED
from senticli.config import MIXES, POOLINGS, PRESETS
from senticli.data.catalogue import ASSETS, DATASETS, GROUPS
from senticli.io.formats import TABLE_SUFFIXES


@dataclass(frozen=True)
class Values:
    """What may stand for a value. Nothing at all: free text, for which nothing is offered."""

    words: tuple[str, ...] = ()
    stored: str | None = None
    """The folder of the data dir whose folders' names are offered."""
    files: tuple[str, ...] | None = None
    """Offer files with these endings ("" is any) and folders; ``()`` is folders alone."""


FREE_TEXT, FILE, FOLDER = Values(), Values(files=("",)), Values(files=())

# What the value of a parameter is, by the parameter's name, where its type does not say.
VALUES = {
    "checks": Values((BUNDLED,), files=(".jsonl",)),
    "data": Values(DATASETS, stored="datasets", files=(*TABLE_SUFFIXES, ".txt")),
    "init": Values((BUNDLED,), stored="models", files=()),
    "input": FILE,
    "label_column": FREE_TEXT,
    "label_map": FREE_TEXT,
    "mix": Values(MIXES),
    "model": Values((BUNDLED,), stored="models", files=()),
    "models": Values((BUNDLED,), stored="models", files=()),
    "name": FREE_TEXT,
    "names": Values((*ASSETS, *GROUPS)),
    "output": FOLDER,
    "plot": Values(files=(".png", ".svg")),
    "pooling": Values((*POOLINGS, *("+".join(pair) for pair in combinations(POOLINGS, 2)))),
    "prefix": FREE_TEXT,
    "preset": Values(tuple(PRESETS)),
    "score_columns": FREE_TEXT,
    "report": Values(files=(".html",)),
    "slice_column": FREE_TEXT,
    "source": FILE,
    "stored": Values(stored="models"),
    "suspects": FILE,
    "target": FILE,
    "test": Values(files=("",)),
    "teacher": Values((BUNDLED,), stored="models", files=("",)),
    "text_column": FREE_TEXT,
    "texts": FREE_TEXT,
    "tune": FREE_TEXT,
    "unlabelled": Values(DATASETS, stored="datasets", files=("",)),
    "valid": Values(files=("",)),
    "vectors": Values(
        ("own", "none", *(name for name, asset in ASSETS.items() if asset.kind == "vectors")),
        files=("",),
    ),
}


@dataclass(frozen=True)
class Option:
    """An option, or an argument: one without flags."""

    name: str
    """Of the parameter, as in :data:`VALUES`."""
    flags: tuple[str, ...]
    values: Values | None
    """None where the option takes no value."""
    value_name: str
    help: str
    many: bool
    """May be given more than once."""
    excludes: tuple[str, ...]
    """What cannot be given beside it; itself is meant as well."""


@dataclass(frozen=True)
class Command:
    """A command, or the program itself, with what can follow it."""

    path: tuple[str, ...]
    """Its name, after those of the commands that it is a command of; of the program, nothing."""
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Option, ...]
    commands: tuple["Command", ...] = ()

    @property
    def name(self) -> str:
        """The word that calls it."""
        return self.path[-1]

    def walk(self) -> Iterator["Command"]:
        """Yield this command and all below it."""
        yield self
        for command in self.commands:
            yield from command.walk()

    def flags(self) -> list[str]:
        """Return the names of all options."""
        return [flag for option in self.options for flag in option.flags]

    def groups(self) -> list[str]:
        """Return the commands below that have commands of their own."""
        return [" ".join(below.path) for below in self.walk() if below.path and below.commands]


def command_tree(application: typer.Typer) -> Command:
    """Return the program with its commands.

    Raises:
        NotImplementedError: the tree has what the scripts do not handle: an option with a value
            before a command.
    """
    group = typer.main.get_command(application)
    if not isinstance(group, TyperGroup):
        raise NotImplementedError("an application of one command")
    return _command((), group, None)


def _command(path: tuple[str, ...], command: Any, parent: typer.Context | None) -> Command:
    name = path[-1] if path else "senticli"
    context = typer.Context(command, info_name=name, parent=parent, **command.context_settings)
    commands = tuple(
        _command((*path, name), below, context)
        for name, below in (command.commands.items() if isinstance(command, TyperGroup) else ())
        if not below.hidden
    )
    options: list[Option] = []
    arguments: list[Option] = []
    for parameter in command.get_params(context):
        if isinstance(parameter, TyperArgument):
            arguments += _options(parameter)
        elif not parameter.hidden:
            options += _options(parameter)
    if commands and any(option.values for option in options):
        raise NotImplementedError(f"an option with a value between {name} and a command")
    return Command(path, first_sentence(command.help), tuple(options), tuple(arguments), commands)


def _options(parameter: TyperOption | TyperArgument) -> Iterator[Option]:
    """Yield a parameter; one with two sides (``--verify/--no-verify``) as two options."""
    sides: list[tuple[str, ...]] = [()]
    values: Values | None = _values(parameter)
    if isinstance(parameter, TyperOption):
        sides = [tuple(sorted(parameter.opts, key=lambda flag: (-len(flag), flag)))]
        if parameter.secondary_opts:
            sides.append(tuple(parameter.secondary_opts))
        if parameter.is_flag or parameter.count:
            values = None
    name = parameter.name or ""
    summary = first_sentence(parameter.help)
    for flags in sides:
        yield Option(
            name=name,
            flags=flags,
            values=values,
            value_name=re.sub(r"^\[(.*)\]\.\.\.$", r"\1", parameter.metavar or name),
            help=summary if flags is sides[0] else f"The opposite of {sides[0][0]}",
            many=parameter.multiple or parameter.nargs == -1,
            excludes=("-", "*") if parameter.is_eager else tuple(chain(*sides)),
        )


def _values(parameter: TyperOption | TyperArgument) -> Values:
    choices = getattr(parameter.type, "choices", None)
    if choices is not None:
        return Values(tuple(str(getattr(choice, "value", choice)) for choice in choices))
    return VALUES.get(parameter.name or "", FREE_TEXT)


def first_sentence(text: str | None) -> str:
    """Return the first sentence of a help text in rich's markup, plain and without full stop."""
    paragraph = render((text or "").strip().split("\n\n")[0]).plain
    plain = " ".join(paragraph.replace("`", "").split())
    return re.split(r"(?<=\.)\s+(?=[A-Z])", plain)[0].removesuffix(".")
