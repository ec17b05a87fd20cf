"""A run over many files for people: progress, what was left out, and a line at the end."""

from collections.abc import Iterator
from contextlib import contextmanager

from senticli.cli.console import one_line, say
from senticli.cli.views.events import show_events
from senticli.cluster.manifest import FolderSummary
from senticli.events import OnEvent


@contextmanager
def show_files(*, quiet: bool) -> Iterator[OnEvent]:
    """Yield a function that shows the events of a run on stderr."""
    with show_events(quiet=quiet) as show_event:

        def show(event: object) -> None:
            if not isinstance(event, FolderSummary):
                show_event(event)
            elif event.was_complete:
                say(f"{one_line(event.output)} is complete: there is nothing to do")
            elif not quiet:
                _show_summary(event)

        yield show


def _show_summary(run: FolderSummary) -> None:
    labels = ", ".join(f"{count:,} {label}" for label, count in run.labels.items())
    done = len(run.files) - len(run.failed)
    say(
        f"{one_line(run.output)}: {done:,} file{'s' * (done != 1)}"
        + (f" ({run.before:,} from before)" if run.before else "")
        + f", {run.rows_out:,} text{'s' * (run.rows_out != 1)} in {run.seconds:.1f} s"
        + (f": {one_line(labels)}" if labels else "")
    )
    for file in run.failed if len(run.failed) > 1 else ():  # a lone one is in the error
        say(f"failed: {one_line(file.name)}: {one_line(file.failure)}")
