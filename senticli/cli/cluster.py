"""``senticli predict --engine ray``: the files of a folder in, a folder of files out."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from senticli.cli.errors import flag_of
from senticli.cli.options import Settings
from senticli.config import OutputConfig
from senticli.errors import UsageError


def reject(**given: object) -> None:
    """Raise UsageError for the first option, or the texts, that were given."""
    for name, value in given.items():
        if value:
            what = "a text as an argument" if name == "texts" else flag_of(name)
            raise UsageError(
                f"{what} has no meaning with --engine ray, which scores whole files",
                "leave it out; a pattern with * needs quotes"
                if name == "texts"
                else "leave it out, or score one file: --engine local",
            )


def predict_files(
    inputs: list[str] | None,
    output: str | None,
    settings: Settings,
    options: OutputConfig,
    *,
    model: str | None,
    force: bool,
    quiet: bool,
) -> None:
    """Score files by workers of Ray."""
    if not inputs or len(inputs) > 1 or inputs == ["-"]:
        raise UsageError(
            "--engine ray takes one --input", "name a folder, or a pattern in quotes: --input DIR"
        )
    if not output:
        raise UsageError("--engine ray writes to a folder", "name one: --output DIR")

    from senticli.cli.views.cluster import show_files
    from senticli.cluster.engine import score_files

    given = {name: value for name, value in settings.items() if value is not None}
    with silenced(), show_files(quiet=quiet) as on_event:
        try:
            score_files(
                inputs[0],
                output,
                model=model,
                force=force,
                on_event=on_event,
                **asdict(options),
                **given,
            )
        except SystemExit as end:
            # Ray's answer to SIGTERM; a shell adds 128 where a signal ends a process.
            raise SystemExit(128 + signal.SIGTERM) from end


@contextmanager
def silenced() -> Iterator[None]:
    """Keep off stderr and stdout what Ray and its libraries write there; its logs have it, too.

    On stderr, they write past Python; on stdout, Ray's driver prints what nodes report.
    """
    with ExitStack() as stack:
        stdout = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        stack.enter_context(redirect_stdout(stdout))
        with suppress(OSError):  # nothing is to be kept from a stderr that is closed
            kept = os.dup(2)
            stack.callback(os.close, kept)
            if _is_stderr(sys.stderr):
                own = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
                stack.enter_context(redirect_stderr(stack.enter_context(own)))
            nowhere = stack.enter_context(Path(os.devnull).open("wb"))
            stack.callback(os.dup2, kept, 2)
            os.dup2(nowhere.fileno(), 2)
        yield


def _is_stderr(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 2
    except OSError:  # of a stream in memory
        return False
