"""Answers of several teachers, in one file."""

import json
import sys
from pathlib import Path

import pytest

from senticli.models.recipe import pool

LABELS = ("negative", "neutral", "positive")


def test_answers_are_pooled_for_all_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["pool"]
    texts = []
    for name, labels in (("three", LABELS), ("two", LABELS[::2])):
        texts += [f"{name} {n}" for n in range(60)]
        rows = [f"{name} {n},{labels[n % len(labels)]}" for n in range(60)]
        file = tmp_path / f"{name}.csv"
        file.write_text("\n".join(["text,label", *rows]))
        options += ["--data", str(file)]
    for name, scores in (("up", (0.2, 0.2, 0.6)), ("down", (0.6, 0.2, 0.2))):
        answer = dict(zip(LABELS, scores, strict=True))
        file = tmp_path / f"{name}.jsonl"
        file.write_text("\n".join(json.dumps({"text": text, "scores": answer}) for text in texts))
        options += ["--teacher", str(file)]
    output = tmp_path / "pooled.jsonl"
    monkeypatch.setattr(sys, "argv", [*options, "--output", str(output)])
    pool.main()
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert len(lines) == 54 + 54  # the others validate
    of_three, of_two = lines[0]["scores"], lines[-1]["scores"]
    # The mean of log-odds; a source that lacks a label keeps to those that it has.
    assert of_three == pytest.approx(
        {"negative": 0.388, "neutral": 0.224, "positive": 0.388}, abs=1e-3
    )
    assert of_two == pytest.approx({"negative": 0.5, "neutral": 0.0, "positive": 0.5})
