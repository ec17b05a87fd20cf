"""Predictions for people: a coloured line a text, what its tokens weigh, and a line on the run."""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from senticli.cli.console import one_line, printable, say, styled
from senticli.cli.views.events import show_events
from senticli.events import OnEvent
from senticli.explain import TokenWeight, strongest
from senticli.io.readers import Record
from senticli.io.scoring import Stopped
from senticli.io.tally import Summary
from senticli.io.writers import Writer

COLOURS = {"positive": "32", "negative": "31", "neutral": "94", "unsure": "33"}  # others: cyan


class TerminalWriter(Writer):
    """Label, probability, and as much of the text as fits on one line of the terminal.

    With an explanation, the whole text follows, each token in the colour of the label it raises
    most, the bolder the more it weighs, and then the heaviest tokens with their weights.
    """

    def __init__(self, labels: Sequence[str], prefix: str) -> None:
        super().__init__()
        self._prefix = prefix
        self._width = max(len(one_line(label)) for label in labels)

    def record(self, record: Record, answer: Mapping[str, Any]) -> bytes:
        """Return the lines of one record."""
        answer = {name.removeprefix(self._prefix): value for name, value in answer.items()}
        name, score = answer["label"], answer["score"]
        label = styled(one_line(name or "-").ljust(self._width), f"1;{_colour(name)}", sys.stdout)
        share = "     -" if score is None else f"{score:6.1%}"
        if (polarity := answer.get("polarity")) is not None:
            share += f"  {polarity:+.2f}"
        if more := [
            f"{one_line(pair['label'])} {pair['score']:.1%}" for pair in answer.get("top", [])[1:]
        ]:
            share += f"  ({', '.join(more)})"
        tokens = [TokenWeight(**token) for token in answer.get("explanation") or []]
        if tokens:
            explained = _explained(record.text, tokens)
            return f"{label}  {share}\n{explained}\n".encode(errors="replace")
        room = shutil.get_terminal_size().columns - self._width - 4 - len(share)
        text = one_line(answer.get("error") or record.text)
        if len(text) > room > 1:
            text = text[: room - 1] + "…"
        return f"{label}  {share}  {text}\n".encode(errors="replace")


def _explained(text: str, tokens: Sequence[TokenWeight]) -> str:
    heaviest = max(abs(token.weight) for token in tokens) or 1.0
    parts = []
    end = 0
    for token in tokens:
        parts.append(_flat(text[end : token.start]))
        shown, share = _flat(text[token.start : token.end]), abs(token.weight) / heaviest
        if share >= 0.1:
            weight = "1;7;" if share >= 0.6 else "1;" if share >= 0.3 else ""
            shown = styled(shown, weight + _colour(token.raises), sys.stdout)
        parts.append(shown)
        end = token.end
    parts.append(_flat(text[end:]))
    top = ", ".join(
        f"{one_line(token.token)} {token.weight:+.2f}" for token in strongest(tokens, 5)
    )
    return f"  {''.join(parts).strip()}\n  {styled(top, '2', sys.stdout)}"


def _colour(label: str | None) -> str:
    return COLOURS.get(label or "", "36")


def _flat(text: str) -> str:
    """Return ``text`` on one line, as long as it was."""
    return printable(text).translate({9: " ", 10: " "})


@contextmanager
def show_run(*, quiet: bool, with_bar: bool) -> Iterator[OnEvent]:
    """Yield a function that shows the events of a run on stderr."""
    with show_events(quiet=quiet, with_bar=with_bar) as show_event:

        def show(event: object) -> None:
            if isinstance(event, Stopped):
                say(f"what is done is in {event.partial}; continue with --resume")
            elif isinstance(event, Summary):
                _show_summary(event, quiet=quiet)
            else:
                show_event(event)

        yield show


def _show_summary(run: Summary, *, quiet: bool) -> None:
    if run.was_complete:
        say(f"{run.output} is complete: there is nothing to resume")
    elif run.output and not quiet:
        labels = ", ".join(f"{count:,} {label}" for label, count in run.labels.items())
        say(
            f"{run.output}: {run.records:,} text{'s' * (run.records != 1)}"
            + (f" after {run.before:,} from before" if run.before else "")
            + f" in {run.seconds:.1f} s"
            + (f": {one_line(labels)}" if labels else "")
        )
