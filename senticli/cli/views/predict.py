"""Predictions for people: a coloured line a text, and what its words weigh."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from senticli.cli.console import one_line, printable, styled
from senticli.explain import Word, strongest
from senticli.io.readers import Record
from senticli.io.writers import Writer

COLOURS = {"positive": "32", "negative": "31", "unsure": "33"}  # of other labels: cyan


class TerminalWriter(Writer):
    """Label, probability, and as much of the text as fits on one line of the terminal.

    With an explanation, the whole text follows, each word in the colour of the label it speaks
    for, the bolder the more it weighs, and then the heaviest words with their weights.
    """

    def __init__(self, labels: Sequence[str], prefix: str) -> None:
        super().__init__()
        self._labels, self._prefix = labels, prefix
        self._width = max(len(one_line(label)) for label in labels)

    def record(self, record: Record, answer: Mapping[str, Any]) -> bytes:
        """The lines of one record."""
        answer = {name.removeprefix(self._prefix): value for name, value in answer.items()}
        name, score = answer["label"], answer["score"]
        label = styled(one_line(name or "-").ljust(self._width), f"1;{_colour(name)}", sys.stdout)
        share = "     -" if score is None else f"{score:6.1%}"
        if more := [
            f"{one_line(pair['label'])} {pair['score']:.1%}" for pair in answer.get("top", [])[1:]
        ]:
            share += f"  ({', '.join(more)})"
        words = [Word(**word) for word in answer.get("explanation") or []]
        if words:
            return f"{label}  {share}\n{self._explained(record.text, words, name)}\n".encode(
                errors="replace"
            )
        room = shutil.get_terminal_size().columns - self._width - 4 - len(share)
        text = one_line(answer.get("error") or record.text)
        if len(text) > room > 1:
            text = text[: room - 1] + "…"
        return f"{label}  {share}  {text}\n".encode(errors="replace")

    def _explained(self, text: str, words: Sequence[Word], label: str) -> str:
        others = [name for name in self._labels if name != label]
        other = others[0] if len(others) == 1 else ""
        heaviest = max(abs(word.weight) for word in words) or 1.0
        parts = []
        end = 0
        for word in words:
            parts.append(_flat(text[end : word.start]))
            shown, share = _flat(text[word.start : word.end]), abs(word.weight) / heaviest
            if share >= 0.1:
                colour = _colour(label if word.weight > 0 else other)
                weight = "1;7;" if share >= 0.6 else "1;" if share >= 0.3 else ""
                shown = styled(shown, weight + colour, sys.stdout)
            parts.append(shown)
            end = word.end
        parts.append(_flat(text[end:]))
        top = ", ".join(
            f"{one_line(word.token)} {word.weight:+.2f}" for word in strongest(words, 5)
        )
        return f"  {''.join(parts).strip()}\n  {styled(top, '2', sys.stdout)}"


def _colour(label: str | None) -> str:
    return COLOURS.get(label or "", "36")


def _flat(text: str) -> str:
    """Return ``text`` on one line, as long as it was."""
    return printable(text).translate({9: " ", 10: " "})
