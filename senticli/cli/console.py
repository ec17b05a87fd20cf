"""Printing: results on stdout, messages on stderr.

Text that comes from outside (files, models, servers, the environment) passes through
:func:`printable`, :func:`one_line` or :func:`markup` before it reaches a terminal.

rich is imported only where something is drawn, so that a plain answer does not wait for it.
"""

import dataclasses
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from senticli.cli.errors import in_options
from senticli.errors import SenticliError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table


def say(message: str) -> None:
    """Print a message on stderr. A closed stderr is no reason to stop."""
    _to_stderr(printable(in_options(message)))


def _to_stderr(message: str) -> None:
    with suppress(OSError):
        print(message, file=sys.stderr, flush=True)


def print_error(error: SenticliError) -> None:
    """Print what is wrong and what to do, a line each, on stderr."""
    _to_stderr(f"{styled('error:', '1;31', sys.stderr)} {one_line(in_options(error.message))}")
    _to_stderr(f"{styled('hint:', '1;36', sys.stderr)} {one_line(in_options(error.hint))}")


def print_answer(text: str) -> None:
    """Print a line of the answer on stdout: as it is, or on a terminal as it may be shown."""
    print(printable(text) if sys.stdout.isatty() else text)


def print_json(value: Any) -> None:
    """Print one JSON object, on one line, on stdout."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    text = json.dumps(value, ensure_ascii=False)
    if sys.stdout.isatty() and not text.isprintable():
        text = json.dumps(value)
    print(text)


@contextmanager
def until_closed() -> Iterator[None]:
    """Print in this block what the reader of stdout may close before its end."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
    except SystemExit as end:
        if not isinstance(end.__context__, BrokenPipeError):  # rich's way to say so
            raise
        discard(sys.stdout)


def discard(stream: TextIO) -> None:
    """Drop what is not written yet: Python would try again at exit, and complain."""
    with suppress(OSError):  # it is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def stderr_is_terminal() -> bool:
    """Return True if progress can be drawn on stderr."""
    return sys.stderr.isatty() and not _is_dumb()


def _is_dumb() -> bool:
    """Return True if the terminal understands no escape sequences."""
    return os.environ.get("TERM", "") in ("dumb", "unknown")


def stderr_console() -> "Console":
    """rich's console on stderr. It obeys NO_COLOR and draws nothing live off a terminal."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def stdout_console() -> "Console":
    """rich's console on stdout. Off a terminal nothing is cut or folded to fit one."""
    return _console(sys.stdout)


def table_of(columns: Sequence[str], rows: Iterable[Sequence[str]], *, names: int = 1) -> "Table":
    """Return a table whose first columns, one or more, hold names, and the others numbers."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < names else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def print_table(table: "Table", *, stderr: bool = False) -> None:
    """Print a table on stdout, or stderr; off a terminal without the blanks that fill its lines."""
    stream = sys.stderr if stderr else sys.stdout
    console = _console(stream)
    if stream.isatty():
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table)
    print(*(line.rstrip() for line in capture.get().splitlines()), sep="\n", file=stream)


def stderr_width() -> int:
    """Return how many characters wide a table on stderr may be."""
    return _console(sys.stderr).width


def _console(stream: TextIO) -> "Console":
    """rich's console on a stream. Off a terminal nothing is cut or folded to fit one."""
    from rich.console import Console

    return Console(file=stream, highlight=False, width=None if stream.isatty() else 1000)


def print_facts(facts: "Iterable[tuple[str, str]]") -> None:
    """Print names and values on stdout, a line each, or more where a value is long."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(markup(name), markup(value))
    print_table(table)


def progress(*columns: Any) -> "Progress":
    """Return a transient progress display on stderr, with ``columns`` before the time left."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        TimeRemainingColumn(),
        console=stderr_console(),
        transient=True,
        redirect_stdout=False,  # the answer is not talk
        disable=not stderr_is_terminal(),
    )


@contextmanager
def status(message: str) -> Iterator[None]:
    """Show a spinner beside ``message`` while the block runs; off a terminal, nothing."""
    if not stderr_is_terminal():
        yield
        return
    with stderr_console().status(message):
        yield


def sparkline(values: Sequence[float]) -> str:
    """Return a curve in one line, from the lowest of ``values`` to the highest."""
    low, high = min(values), max(values)
    steps = "▁▂▃▄▅▆▇█"
    scale = (len(steps) - 1) / (high - low) if high > low else 0.0
    return "".join(steps[round((value - low) * scale)] for value in values)


def styled(text: str, code: str, stream: TextIO) -> str:
    """``text`` in an ANSI style where ``stream`` is a terminal and colour is welcome."""
    if not stream.isatty() or os.environ.get("NO_COLOR") or _is_dumb():
        return text
    return f"\033[{code}m{text}\033[0m"


def one_line(text: str) -> str:
    """Return ``text`` as one line that does nothing to a terminal, whatever it holds."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def counted(names: Iterable[str]) -> str:
    """Return names in a line, one that occurs several times with how often: ``one × 2, two``."""
    counts = Counter(map(one_line, names))
    return ", ".join(name if n == 1 else f"{name} × {n}" for name, n in counts.items())


def printable(text: str) -> str:
    """Return ``text`` with a blank for whatever does something to a terminal.

    That includes invisible characters, and those that change the direction of writing; tabs and
    line ends stay.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)


def markup(text: str) -> str:
    """Return ``text`` as rich shows it literally, on one line."""
    from rich.markup import escape

    return escape(one_line(text))
