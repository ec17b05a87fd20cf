"""What long steps report: messages as lines on stderr, progress as a bar on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from senticli.cli.console import markup, one_line, progress, say, stderr_is_terminal
from senticli.events import Finding, Message, OnEvent, Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


@contextmanager
def show_events(*, quiet: bool = False, with_bar: bool = True) -> Iterator[OnEvent]:
    """Yield a function that shows events on stderr; if ``quiet``, none of them."""
    bar: Bar | None = None
    unit = ""

    def show(event: object) -> None:
        nonlocal bar, unit
        if isinstance(event, Progress) and with_bar and stderr_is_terminal():
            if bar and unit != event.unit:
                bar.stop()
                bar = None
            unit = event.unit
            bar = bar or _start_bar(event)
            [task] = bar.task_ids
            bar.update(task, completed=event.done, total=event.total, description=_title(event))
        elif isinstance(event, Message):
            say(f"{event.level}: {one_line(event.text)}")
        elif isinstance(event, Finding):
            example = one_line(event.example)
            say(f"warning: {one_line(event.what)}: {event.count:,}; the first: {example}")

    try:
        yield (lambda event: None) if quiet else show
    finally:
        if bar:
            bar.stop()


def _start_bar(event: Progress) -> "Bar":
    from rich.progress import DownloadColumn, MofNCompleteColumn

    bar = progress(DownloadColumn() if event.unit == "bytes" else MofNCompleteColumn())
    bar.add_task(_title(event), total=event.total)
    bar.start()
    return bar


def _title(event: Progress) -> str:
    return markup(event.step)
