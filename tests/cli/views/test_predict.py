"""Predictions on a terminal: a colour for each label, and for each token that of a label."""

import io
import sys
from collections.abc import Callable
from typing import Any

import pytest

from senticli.cli.views.predict import TerminalWriter
from senticli.io.readers import Record
from tests.conftest import LABELS


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


Show = Callable[..., str]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Show:
    """Return what a terminal shows of a text and its answer."""

    def show(text: str, **answer: Any) -> str:
        with monkeypatch.context() as patch:  # pytest has set its own stdout after the fixtures
            patch.delenv("NO_COLOR")
            patch.setenv("TERM", "xterm")
            patch.setattr(sys, "stdout", Terminal())
            return TerminalWriter(LABELS, "").record(Record(1, text), answer).decode()

    return show


def test_each_label_has_a_colour(shown: Show) -> None:
    found = [shown("opens at nine", label=label, score=0.9) for label in LABELS]
    assert [line[:7] for line in found] == ["\033[1;31m", "\033[1;94m", "\033[1;32m"]


def test_polarity_stands_after_the_probability(shown: Show) -> None:
    assert "90.0%  -0.85  a mess" in shown("a mess", label="negative", score=0.9, polarity=-0.85)
    assert "     -  no text" in shown("", label=None, score=None, polarity=None, error="no text")


def test_token_has_the_colour_of_the_label_that_it_raises(shown: Show) -> None:
    tokens = [
        {"token": "great", "start": 0, "end": 5, "weight": -2.0, "raises": "positive"},
        {"token": "nine", "start": 6, "end": 10, "weight": 1.0, "raises": "neutral"},
        {"token": "xqzzt", "start": 11, "end": 16, "weight": 0.0, "raises": None},
    ]
    text = "great nine xqzzt"
    lines = shown(text, label="neutral", score=0.6, explanation=tokens).splitlines()
    assert lines[1] == "  \033[1;7;32mgreat\033[0m \033[1;94mnine\033[0m xqzzt"
    assert "great -2.00, nine +1.00" in lines[2]
