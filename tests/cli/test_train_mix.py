"""``senticli train`` on several sources: what is shown, recorded, and resumed."""

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from senticli import train
from senticli.data.splits import load_training_data

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SETTINGS: dict[str, Any] = {"vectors": "none", "hidden": 8, "embedding_dim": 8, "epochs": 3}
STEPS = 49  # an epoch: 480 and 298 texts, 16 a batch


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A table with two labels."""
    words = {"negative": "bad", "positive": "good"}
    rows = [f"{word} {n},{label}" for n in range(165) for label, word in words.items()]
    path = tmp_path / "two.csv"
    path.write_text("\n".join(["text,label", *rows]))
    return path


@pytest.fixture
def command(two: Path) -> tuple[str | Path, ...]:
    """A training on that table and on the sample, which has three labels."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    data = ("--data", "sample", "--data", two, "--mix", "1,3")
    return ("train", *data, *options, "--batch-size", "16")


def test_sources_and_their_shares_are_shown_before_training(
    senticli: Run, command: tuple[str | Path, ...]
) -> None:
    done = senticli(*command, "--dry-run")
    assert done.returncode == 0, done.stderr
    shown = [line for line in done.stderr.splitlines() if line.startswith("source")]
    assert shown == [
        "source      sample: 480 examples, 25.0% of an epoch",
        "source      two.csv: 298 examples, 75.0% of an epoch, loss over negative, positive",
    ]


def test_weight_of_one_source_is_refused_before_the_data_are_read(senticli: Run) -> None:
    done = senticli("train", "--data", "sample", "--mix", "3")
    assert done.returncode == 2
    assert done.stderr == (
        "error: --mix 3 has no meaning for one source\nhint: leave it out, or add --data FILE\n"
    )


def test_results_of_each_source_are_shown_and_recorded(
    senticli: Run, command: tuple[str | Path, ...], home: Path
) -> None:
    done = senticli(*command, "--name", "mixed")
    assert done.returncode == 0, done.stderr
    assert "  sample: accuracy " in done.stderr
    assert " 32 examples, among negative, positive\n" in done.stderr
    shown = senticli("models", "show", "mixed").stdout
    assert "two.csv     accuracy " in shown
    assert re.search("^mix +1,3$", shown, re.MULTILINE)
    assert " --mix 1,3 " in senticli("models", "reproduce", "mixed").stdout
    history = (home / "models" / "mixed" / "history.jsonl").read_text().splitlines()
    for epoch in map(json.loads, history):
        names = [source["name"] for source in epoch["valid_sources"]]
        assert names == ["sample", "two.csv"]


def test_json_has_the_sources_of_several_data_alone(
    senticli: Run, command: tuple[str | Path, ...]
) -> None:
    def events(*args: str | Path) -> dict[str, dict[str, Any]]:
        lines = senticli(*args, "--json").stdout.splitlines()
        return {event["event"]: event for event in map(json.loads, lines)}

    several = events(*command, "--name", "mixed")
    assert [one["share"] for one in several["sources"]["sources"]] == [0.25, 0.75]
    assert [one["examples"] for one in several["epoch"]["valid_sources"]] == [120, 32]
    assert several["saved"]["valid_sources"][1]["labels"] == ["negative", "positive"]
    one = events("train", "--data", "sample", *command[7:], "--name", "one")
    assert "sources" not in one
    assert "valid_sources" not in {**one["epoch"], **one["saved"]}


def test_recorded_accuracy_is_that_among_the_labels_of_a_source(two: Path) -> None:
    model = train(["sample", two], name="mixed", mix="balanced", quantize="none", **SETTINGS)
    provenance = model.bundle.config.provenance["valid"]
    valid = load_training_data(model.bundle.training).valid
    correct = []
    for part, source in zip(valid.parts, provenance["sources"], strict=True):
        labels = source["labels"]
        columns = [model.labels.index(label) for label in labels]
        scores = np.stack(list(model.stream_proba(e.text for e in part.examples)))[:, columns]
        found = [labels[place] for place in scores.argmax(axis=1)]
        hits = [one.label == label for one, label in zip(part.examples, found, strict=True)]
        assert source["accuracy"] == pytest.approx(np.mean(hits))
        correct += hits
    assert provenance["accuracy"] == pytest.approx(np.mean(correct))


def test_resumed_mixture_ends_with_the_same_weights(
    stop: Run, senticli: Run, command: tuple[str | Path, ...], home: Path
) -> None:
    def weights(name: str) -> bytes:
        return (home / "models" / name / "model.safetensors").read_bytes()

    assert senticli(*command, "--name", "whole").returncode == 0
    stop(STEPS + 10, [signal.SIGINT], *command, "--name", "cut")
    assert senticli("train", "--resume", "--name", "cut").returncode == 0
    assert weights("cut") == weights("whole")
