"""The application: its commands, and the one place where errors become exit codes."""

import errno
import io
import os
import re
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn, TextIO, cast

import typer

from senticli import __version__
from senticli.cli import download, eval, info, models, predict, train
from senticli.cli.console import discard, print_error, say
from senticli.cli.errors import exit_code_of
from senticli.cli.options import command, paragraphs, show_examples
from senticli.errors import SenticliError

app = typer.Typer(
    name="senticli",
    add_completion=False,  # completions/ holds static scripts; Typer's start Python at every TAB
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
)


command(app, "train", *train.EXAMPLES)(train.train)
command(app, "eval", *eval.EXAMPLES)(eval.evaluate)
command(app, "predict", *predict.EXAMPLES)(predict.predict)
command(app, "download", *download.EXAMPLES)(download.download)
app.add_typer(
    models.app,
    name="models",
    help=paragraphs(models.models),
    epilog=show_examples(*models.EXAMPLES),
)
command(app, "info", *info.EXAMPLES)(info.info)


def _version(asked: bool) -> None:
    if asked:
        print(f"senticli {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Log what is read, written, fetched and chosen, on stderr."
        ),
    ] = False,
) -> None:
    """Train a sentiment classifier on a laptop, then classify text in a shell pipe."""
    if verbose:
        _log_to_stderr(context)


def _log_to_stderr(context: typer.Context) -> None:
    """Show what senticli logs, and nothing of other packages, until the context is closed."""
    import logging

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(f"{record.name}: {record.getMessage()}")

    logger = logging.getLogger("senticli")
    logger.setLevel(logging.INFO)
    handler = Handler()
    logger.addHandler(handler)
    context.call_on_close(lambda: logger.removeHandler(handler))


HINTS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room, then run the command again"),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS),
        "fix the permissions, then run the command again",
    ),
}
"""What to do about an error of the system, by its number."""


def run(args: list[str]) -> int:
    """Run the command line ``args`` and return its exit code."""
    try:
        code = 0
        group = typer.main.get_command(app)
        try:
            with group.make_context("senticli", args) as context:
                group.invoke(context)
        except typer.Exit as end:  # after --help and --version, too
            code = end.exit_code
        sys.stdout.flush()
        return code
    except typer.TyperException as error:
        if error.format_message():  # without: the help that a bare command shows
            print_error(_wrong_usage(error, args))
        return error.exit_code
    except SenticliError as error:
        _show_causes(error)
        print_error(error)
        return exit_code_of(error)
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted")
        return 130
    except BrokenPipeError:  # the reader has what it wanted
        discard(sys.stdout)
        return 0
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # rich's way to say so
            discard(sys.stdout)
            return 0
        raise
    except OSError as error:
        _show_causes(error)
        discard(sys.stdout)
        what = (error.strerror or str(error)).lower()
        where = f"{error.filename}: " if error.filename else ""
        hint = HINTS.get(error.errno or 0, "check the paths and files that it was given")
        print_error(SenticliError(where + what, hint))
        return 1
    except Exception as error:
        _show_causes(error)
        discard(sys.stdout)
        print_error(
            SenticliError(
                f"unexpected {type(error).__name__}: {error}",
                "this is a fault of senticli: report it, with what SENTICLI_DEBUG=1 adds",
            )
        )
        return 1


def _show_causes(error: BaseException) -> None:
    """With ``SENTICLI_DEBUG=1``, print where an error comes from, and what caused it."""
    if os.environ.get("SENTICLI_DEBUG"):
        say("".join(traceback.format_exception(error)).rstrip())


def main() -> NoReturn:
    """Run the console script."""
    # A stream that the caller closed is None; to everything here it is empty, or heard by nobody.
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout = sys.stdout or _nowhere("w")
    sys.stderr = sys.stderr or _nowhere("w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # it was reported where possible
            discard(stream)
    sys.exit(code)


def _nowhere(mode: str) -> TextIO:
    return cast(TextIO, Path(os.devnull).open(mode, encoding="utf-8"))


def _wrong_usage(error: typer.TyperException, args: Sequence[str]) -> SenticliError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "senticli"
    message = error.format_message().replace("Value error, ", "")  # Typer's validator says so
    option = getattr(error, "option_name", None)
    if option in ("-v", "--verbose"):
        return SenticliError(message, "put it before the command: senticli -v COMMAND")
    if option and path.endswith("predict"):
        text = next((arg for arg in args if arg.startswith(option)), option)
        if re.search(r"[\s\d]", text):
            hint = f"put -- before a text that begins with -: {path} -- {shlex.quote(text)}"
            return SenticliError(message, hint)
    return SenticliError(message, f"{path} --help")
