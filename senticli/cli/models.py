"""``senticli models``: list, look at, check, copy, install and remove trained models."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from senticli.cli.console import print_answer, print_json, say
from senticli.cli.options import Json, Offline, command, command_line, command_of, with_default
from senticli.errors import SenticliError, UsageError

EXAMPLES = (
    "senticli models",
    "senticli models show",
    "senticli models export lstm-2 --output lstm-2.tar.gz",
    "senticli models pull lstm-2.tar.gz",
)

Model = Annotated[
    str, typer.Argument(metavar="NAME|DIR", show_default=False, help="A model's name or folder.")
]

app = typer.Typer(
    invoke_without_command=True, context_settings={"help_option_names": ["--help", "-h"]}
)


@app.callback()
def models(context: typer.Context, as_json: Json = False) -> None:
    """List the trained models, or look at, check, copy, install and remove them.

    JSON fields of the list: name, path, default, accuracy (on validation), rnn, layers, hidden,
    labels, bytes, created, and error for a model that is broken.
    """
    if context.invoked_subcommand is None:
        from senticli.cli.views import models as views

        views.show_list(as_json=as_json)
    elif as_json:
        raise UsageError(
            "--json has no meaning before the subcommand",
            f"senticli models {context.invoked_subcommand} … --json",
        )


@command(app, "show", "senticli models show", "senticli models show bundled --json")
def show(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|DIR",
            show_default=False,
            help=with_default("A model's name or folder.", "the one trained last, else bundled"),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a model's architecture, where it comes from, and how well it does.

    JSON: all of config.json, with name, path, bytes, default, licences (of data sets and vectors
    from the catalogue, by name) and history (its epochs).
    """
    from senticli import registry
    from senticli.cli.views import models as views

    views.show_one(registry.find(model), as_json=as_json)


@command(app, "verify", "senticli models verify", "senticli models verify bundled")
def verify(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME|DIR",
            show_default=False,
            help=with_default("Models to check.", "all"),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Hash the files of models again, and report those that are damaged.

    JSON fields: name, path, ok, damaged (what is wrong, by file). The exit code is 1 if one is
    damaged.
    """
    from senticli import registry
    from senticli.bundle import BUNDLED
    from senticli.cli.views import models as views

    broken = [
        name
        for name in models or [BUNDLED, *registry.trained()]
        if not views.show_verified(name, as_json=as_json)
    ]
    if broken:
        raise SenticliError(
            f"missing or damaged: {', '.join(broken)}",
            "train it again, or copy it again from its source; senticli models lists them",
        )


@command(
    app, "reproduce", "senticli models reproduce first", 'eval "$(senticli models reproduce first)"'
)
def reproduce(
    model: Model,
    as_json: Json = False,
) -> None:
    """Print the command that trains the same model again.

    On the same machine, with the same versions and data, its weights are the same; versions that
    differ are reported. JSON fields: name, command, differs (by package: then and now).
    """
    from senticli import registry
    from senticli.cli.views import models as views

    opened = registry.find(model)
    processes = opened.config.provenance.get("processes", 1)
    line = command_of(opened.recipe, f"{opened.path.name}-again", processes)
    views.show_command(opened, line, as_json=as_json)


@command(
    app,
    "export",
    "senticli models export bundled --output ./sentiment",
    "senticli models export first --output first.tar.gz",
)
def export(
    model: Model,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR|FILE.tar.gz",
            show_default=False,
            help="The folder to write, or the archive.",
        ),
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
    as_json: Json = False,
) -> None:
    """Copy a model to a folder of its own, or to an archive, every file verified.

    The folder is all that `predict --model DIR` needs, on any machine; `models pull` installs an
    archive there. The path is printed; of an archive, its SHA-256 comes before it. JSON fields:
    name, path, and sha256 of an archive.
    """
    from senticli import registry
    from senticli.io.atomic import sha256_of

    opened = registry.find(model)
    target = registry.export(opened, output, force=force)
    fields = {"name": opened.name, "path": str(target)}
    if target.is_file():
        fields["sha256"] = sha256_of(target)
        pull = command_line("models", "pull", target.name, "--sha256", fields["sha256"])
        say(f"install it elsewhere: {pull}")
    else:
        say(f"use it: {command_line('predict', '--model', str(output))}")
    if as_json:
        print_json(fields)
    else:
        # As sha256sum prints it, and can check it.
        print_answer("  ".join([*filter(None, [fields.get("sha256")]), str(target)]))


@command(
    app,
    "pull",
    "senticli models pull first.tar.gz",
    "senticli models pull https://host.example/first.tar.gz --sha256 2c26b46b…",
    "senticli models pull https://host.example/models/first/ --sha256 fcde2b2e… --name reviews",
)
def pull(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|DIR|URL",
            show_default=False,
            help="An archive (tar.gz, zip) or a folder of a model. The URL of a folder ends in /.",
        ),
    ],
    sha256: Annotated[
        str | None,
        typer.Option(
            "--sha256",
            metavar="HEX",
            show_default=False,
            help="SHA-256 of the archive, or of the folder's config.json.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help=with_default("Name of the model in the data dir.", "that of the source"),
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify",
            help="Refuse a URL without --sha256. With --no-verify only the hashes in config.json "
            "are compared.",
        ),
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Replace the model of that name.")] = False,
    offline: Offline = False,
    as_json: Json = False,
) -> None:
    """Install a model from an archive or a folder, on the disk or on a server.

    It is put in the data dir once it is verified and has classified a text; the default model
    stays what it was. An interrupted download is resumed. The folder of the model is printed. JSON
    fields: name, path, sha256, verified (sha256 or null).
    """
    from senticli.cli.views.download import progress
    from senticli.download import pull as core

    with progress() as report:
        pulled = core.pull(
            source,
            sha256=sha256,
            name=name,
            verify=verify,
            force=force,
            offline=offline,
            on_event=report,
        )
    if not pulled.verified:
        say(f"{pulled.name}: not verified: no SHA-256 was given; it is {pulled.sha256}")
    say(f"use it: {command_line('predict', '--model', pulled.name)}")
    if as_json:
        print_json({**asdict(pulled), "path": str(pulled.path)})
    else:
        print_answer(str(pulled.path))


@command(app, "remove", "senticli models remove first", "senticli models remove old-1 old-2 --yes")
def remove(
    stored: Annotated[
        list[str],
        typer.Argument(metavar="NAME", show_default=False, help="Models of the data dir."),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove models from the data dir, after asking.

    JSON fields: name, removed.
    """
    from senticli import registry
    from senticli.bundle import BUNDLED
    from senticli.io.disk import size_of, size_text
    from senticli.paths import models_dir

    stored = list(dict.fromkeys(stored))
    trained = registry.trained()
    for name in stored:
        if name == BUNDLED:
            raise UsageError("the bundled model is part of senticli", "name another model")
        if name not in trained:
            raise SenticliError(f"there is no model {name!r} in {models_dir()}", "senticli models")
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "cannot ask: standard input is not a terminal",
                f"senticli models remove {stored[0]} --yes",
            )
        for name in stored:
            path = models_dir() / name
            say(f"{path}  {size_text(size_of(path))}")
        if not typer.confirm("Remove for good?", err=True):
            raise typer.Exit(1)
    for name in stored:
        registry.remove(name)
        say(f"removed {name}")
        if as_json:
            print_json({"name": name, "removed": True})
