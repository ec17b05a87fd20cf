"""Sentences of unlabelled reviews."""

import sys
from pathlib import Path

import pytest

from senticli.models.recipe import sentences


def test_sentences_of_a_text() -> None:
    text = 'It works, "really." But the box was<br /><br />torn! So? I&#39;ll send it back.  Bad.'
    found = sentences.sentences_of(text)
    assert found == ['It works, "really."', "But the box was torn!", "I'll send it back."]


def test_sentences_of_unlabelled_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, more, output = (tmp_path / name for name in ("data.csv", "more.txt", "sentences.txt"))
    rows = [f"text {n},{('bad', 'good')[n % 2]}" for n in range(40)]
    data.write_text("\n".join(["text,label", *rows]))
    more.write_text("A first sentence here. A second one there.\nA first sentence here.\n")
    options = ["--data", str(data), "--unlabelled", str(more), "--count", "9"]
    monkeypatch.setattr(sys, "argv", ["sentences", *options, "--output", str(output)])
    sentences.main()
    found = output.read_text().splitlines()
    assert sorted(found) == ["A first sentence here.", "A second one there."]
