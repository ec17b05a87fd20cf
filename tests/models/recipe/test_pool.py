"""Answers of several teachers, in one file."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from senticli.models.recipe import pool

LABELS = ("negative", "neutral", "positive")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(work: Path, name: str, labels: tuple[str, ...]) -> list[str]:
    """Write 60 texts with these labels in turn, and return the texts."""
    rows = [f"{name} {n},{labels[n % len(labels)]}" for n in range(60)]
    (work / f"{name}.csv").write_text("\n".join(["text,label", *rows]))
    return [f"{name} {n}" for n in range(60)]


def pooled(
    monkeypatch: pytest.MonkeyPatch,
    texts: list[str],
    scores: Mapping[str, tuple[float, ...]],
    *more: str,
) -> list[dict[str, float]]:
    """Return the scores that teachers with the same answer for every text are pooled to."""
    options = ["pool", *more, "--output", "pooled.jsonl"]
    for name, numbers in scores.items():
        answer = dict(zip(LABELS, numbers, strict=True))
        lines = [json.dumps({"text": text, "scores": answer}) for text in texts]
        Path(f"{name}.jsonl").write_text("\n".join(lines))
        options += ["--teacher", f"{name}.jsonl"]
    monkeypatch.setattr(sys, "argv", options)
    pool.main()
    return [json.loads(line)["scores"] for line in Path("pooled.jsonl").read_text().splitlines()]


def test_answers_are_pooled_for_all_data(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*write(work, "three", LABELS), *write(work, "two", LABELS[::2])]
    scores = {"up": (0.2, 0.2, 0.6), "down": (0.6, 0.2, 0.2)}
    data = ("--data", "three.csv", "--data", "two.csv")
    found = pooled(monkeypatch, texts, scores, *data)
    assert len(found) == 54 + 54  # the others validate
    # The mean of log-odds; a source that lacks a label keeps to those that it has.
    mean = {"negative": 0.388, "neutral": 0.224, "positive": 0.388}
    assert found[0] == pytest.approx(mean, abs=1e-3)
    assert found[-1] == pytest.approx({"negative": 0.5, "neutral": 0.0, "positive": 0.5})


def test_frequency_of_labels_is_taken_out(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = write(work, "skewed", ("negative", *["positive"] * 3))
    data = ("--data", "skewed.csv", "--even", "1")
    found = pooled(monkeypatch, texts, {"prior": (0.25, 0.0, 0.75)}, *data)
    assert found[0] == pytest.approx({"negative": 0.5, "positive": 0.5}, abs=0.02)
