"""Predictions on a terminal: a colour for each label, and for each token that of a label."""

import io
import sys
from typing import Any

import pytest

from senticli.cli.views.predict import TerminalWriter
from senticli.io.readers import Record
from tests.conftest import LABELS


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", Terminal())


def shown(text: str, **answer: Any) -> str:
    return TerminalWriter(LABELS, "s_").record(
        Record(1, text), {f"s_{name}": value for name, value in answer.items()}
    ).decode()  # fmt: skip


def test_each_label_has_a_colour(terminal: None) -> None:
    starts = {shown("opens at nine", label=label, score=0.9).split("m")[0] for label in LABELS}
    assert len(starts) == 3


def test_polarity_stands_after_the_probability(terminal: None) -> None:
    assert "90.0%  -0.85  a mess" in shown("a mess", label="negative", score=0.9, polarity=-0.85)
    assert "     -  no text" in shown("", label=None, score=None, polarity=None, error="no text")


def test_token_has_the_colour_of_the_label_that_it_raises(terminal: None) -> None:
    tokens = [
        {"token": "great", "start": 0, "end": 5, "weight": -2.0, "raises": "positive"},
        {"token": "nine", "start": 6, "end": 10, "weight": 1.0, "raises": "neutral"},
        {"token": "xqzzt", "start": 11, "end": 16, "weight": 0.0, "raises": None},
    ]
    text = "great nine xqzzt"
    lines = shown(text, label="neutral", score=0.6, explanation=tokens).splitlines()
    assert lines[1] == "  \033[1;7;32mgreat\033[0m \033[1;94mnine\033[0m xqzzt"
    assert "great -2.00, nine +1.00" in lines[2]
