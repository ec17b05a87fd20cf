"""The linear teacher over n-grams."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from senticli.data.labelled import Example
from senticli.models.recipe import ngrams
from senticli.training.teachers import AnswersInFile

TEXTS = ("a fine film", "what a mess", "it is a film", "so fine", "a mess", "on Tuesday")


def test_source_says_nothing_of_a_label_that_it_lacks() -> None:
    counts = ngrams.ngrams_of([Example(text, "") for text in TEXTS])
    truth = np.eye(3, dtype=np.float32)[[2, 0, 1, 2, 0, 1]]
    known = np.ones((6, 3), dtype=bool)
    known[3:5, 1] = False  # two texts of a source without the second label
    before, after = (
        ngrams.NBSVM(counts[rows], truth[rows], known[rows], c=1.0).logits(counts)
        for rows in ([0, 1, 2, 5], range(6))
    )
    np.testing.assert_array_equal(before[:, 1], after[:, 1])
    assert not np.allclose(before[:, 2], after[:, 2])


def test_soft_label_of_a_half_moves_nothing() -> None:
    counts = ngrams.ngrams_of([Example(text, "") for text in (*TEXTS[:2], "what a fine mess")])
    known = np.ones((3, 2), dtype=bool)
    truth = np.array([[0, 1], [1, 0], [0.5, 0.5]], dtype=np.float32)
    logits = ngrams.NBSVM(counts, truth, known, c=1.0).logits(counts)
    assert logits[0].argmax() == 1
    assert logits[1].argmax() == 0
    assert abs(logits[2, 1]) < abs(logits[:2, 1]).min() / 2


def test_answers_are_a_teacher_for_every_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    three, two = tmp_path / "three.csv", tmp_path / "two.csv"
    names = ("negative", "neutral", "positive")
    words = ("mess", "Tuesday", "fine")
    rows = [f"{words[n % 3]} {n // 3},{names[n % 3]}" for n in range(60)]
    three.write_text("\n".join(["text,label", *rows]))
    rows = [f"{words[n % 3]} too {n // 3},{names[n % 3]}" for n in range(60) if n % 3 != 1]
    two.write_text("\n".join(["text,label", *rows]))
    more, answers = tmp_path / "more.txt", tmp_path / "answers.jsonl"
    more.write_text("a fine day\na text that is longer than the others\n")
    data = ["--data", str(three), "--data", str(two), "--unlabelled", str(more)]
    options = [*data, "--max-characters", "20", "--output", str(answers)]
    monkeypatch.setattr(sys, "argv", ["ngrams", *options])
    ngrams.main()
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    assert lines[-1]["text"] == "a fine day"
    assert all(sum(line["scores"].values()) == pytest.approx(1, abs=1e-4) for line in lines)
    teacher = AnswersInFile.read(str(answers), None)
    assert teacher.labels == names
    assert len(teacher.rows) == 54 + 36 + 1
    assert "two.csv: 4 texts" in capsys.readouterr().err
