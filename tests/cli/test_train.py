"""``senticli train``: a tiny model really trains, through the real command line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SAMPLE = ("train", "--data", "sample", "--vectors", "none")
TINY = (*SAMPLE, "--hidden", "8", "--embedding-dim", "8", "--epochs", "2", "--batch-size", "32")


def test_train_eval_predict(senticli: Run, home: Path) -> None:
    done = senticli(*TINY, "--name", "mine")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{home / 'models' / 'mine'}\n"
    assert "parameters" in done.stderr
    assert len(re.findall(r"^epoch \d/2  train loss", done.stderr, re.MULTILINE)) == 2
    assert "mine on sample test" in senticli("eval").stdout
    assert senticli("predict", "good").stdout == senticli("predict", "good", "-m", "mine").stdout


def test_json_and_the_name_from_recipe_and_time(senticli: Run, home: Path) -> None:
    done = senticli(*TINY, "--rnn", "gru", "--json")
    *epochs, saved = map(json.loads, done.stdout.splitlines())
    assert [row["event"] for row in epochs] == ["epoch", "epoch"]
    assert {"epoch", "train_loss", "valid_loss", "valid_accuracy", "lr", "tokens_per_s"} <= set(
        epochs[0]
    )
    assert saved["event"] == "saved"
    assert re.fullmatch(r"gru-1x8-sample-seed1-\d{8}-\d{6}", saved["model"])
    assert (home / "models" / saved["model"] / "model.onnx").exists()


def test_vectors_from_a_file(senticli: Run, tmp_path: Path) -> None:
    vectors = tmp_path / "tiny.txt"
    vectors.write_text("the 1 2 3 4\nfilm 1 1 1 1\ngood 4 3 2 1\n")
    args = ("train", "--data", "sample", "--vectors", vectors, "--epochs", "1", "--hidden", "4")
    done = senticli(*args, "--output", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    assert re.search(r"0\.\d% of them found in", done.stderr)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["model"]["embedding_dim"] == 4
    assert config["provenance"]["sha256"]["vectors"]


def test_three_labels_from_a_file(senticli: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    words = {"good": "great fine good", "bad": "awful bad poor", "so-so": "okay average middling"}
    rows = [
        f"it was {word} {n},{label}"
        for n in range(20)
        for label in words
        for word in words[label].split()
    ]
    path.write_text("\n".join(["text,label", *rows]))
    args = ("train", "--data", path, "--vectors", "none", "--epochs", "6", "--batch-size", "8")
    done = senticli(*args, "--lr", "0.01", "--name", "three")
    assert done.returncode == 0, done.stderr
    row = json.loads(senticli("predict", "it was awful", "--json").stdout)
    assert set(row["scores"]) == {"bad", "good", "so-so"}
    assert row["label"] == "bad"
    assert json.loads(senticli("eval", "--data", path, "--json").stdout)["accuracy"] > 0.9


def test_an_existing_model_needs_force(senticli: Run) -> None:
    assert senticli(*TINY, "--epochs", "1", "--name", "mine").returncode == 0
    done = senticli(*TINY, "--epochs", "1", "--name", "mine")
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert senticli(*TINY, "--epochs", "1", "--name", "mine", "--force").returncode == 0


def test_a_folder_that_is_no_model_is_left_alone(senticli: Run, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("meow")
    done = senticli(*TINY, "--output", tmp_path / "photos", "--force")
    assert done.returncode == 1
    assert "is not a model" in done.stderr
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "meow"


@pytest.mark.parametrize(
    ("args", "code", "error", "hint"),
    [
        (["--rnn", "cnn"], 2, "--rnn", "senticli train --help"),
        (["--layers", "9"], 2, "--layers 9", "from 1 to 8"),
        (["--pooling", "sum"], 2, "--pooling", "max+attention"),
        (["--preset", "best-ever"], 2, "--preset", "default, notebook"),
        (["--lr", "0"], 2, "--lr", "0.001"),
        (["--data", "imbd"], 2, "neither a data set nor a file", "imdb"),
        (["--data", "imdb"], 1, "imdb is not here", "senticli download imdb"),
        (["--data", "sample"], 1, "glove.6B.100d", "senticli download glove.6B.100d"),
        (["--data", "sample", "--vectors", "no.txt"], 1, "no.txt", "glove.6B.50d"),
        (["--name", "a/b"], 2, "--name", "plain word"),
        (["--name", "bundled"], 2, "--name", "plain word"),
        (["--name", "a", "--output", "b"], 2, "--name and --output", "one of the two"),
        (["extra"], 2, "extra", "senticli train --help"),
    ],
)
def test_errors(senticli: Run, args: list[str], code: int, error: str, hint: str) -> None:
    done = senticli("train", *args)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[-2].startswith("error: ")
    assert error in lines[-2]
    assert lines[-1].startswith("hint: ")
    assert hint in lines[-1]


def test_one_label_only(senticli: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("text\tlabel\n" + "good\tpos\n" * 20)
    done = senticli("train", "--data", path, "--vectors", "none")
    assert done.returncode == 1
    assert "nothing to tell apart" in done.stderr


def test_training_without_its_packages_names_the_command(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from senticli.cli.app import run\n"
        "sys.exit(run(['train', '--data', 'sample', '--vectors', 'none']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert 'hint: pip install "senticli[train]"' in done.stderr


def start(*args: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "senticli", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
        # A shell that runs the tests in the background has its children ignore the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def test_an_interrupt_keeps_the_best_epoch(senticli: Run, home: Path) -> None:
    process = start(*TINY, "--epochs", "5000", "--patience", "0", "--name", "cut")
    assert process.stderr
    for line in process.stderr:
        if line.startswith("epoch 3/"):
            break
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(60) == 130
    assert "was kept" in rest
    assert "Traceback" not in rest
    assert senticli("predict", "good").returncode == 0
    assert (home / "models" / "cut" / "model.onnx").exists()


def test_an_interrupt_before_an_epoch_leaves_nothing(home: Path) -> None:
    process = start(*SAMPLE, "--name", "cut")
    assert process.stderr
    for line in process.stderr:
        if line.startswith("tokenizing"):
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(60) == 130
    assert "Traceback" not in rest
    assert rest.splitlines()[-1] == "interrupted"
    assert not (home / "models" / "cut").exists()


def test_a_kill_while_saving_leaves_the_old_model(senticli: Run, home: Path) -> None:
    assert senticli(*TINY, "--epochs", "1", "--name", "mine").returncode == 0
    before = (home / "models" / "mine" / "config.json").read_bytes()
    code = (
        "import os, sys\n"
        "from senticli import atomic\n"
        "from senticli.cli.app import run\n"
        "atomic.sha256_of = lambda path: os.kill(os.getpid(), 9)\n"  # the files are written by then
        "from senticli.data import datasets\n"
        "datasets.sha256_of = str\n"
        "run(sys.argv[1:])\n"
    )
    args = [*TINY, "--epochs", "1", "--name", "mine", "--force"]
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert b"exporting" in done.stderr
    assert (home / "models" / ".mine.partial").is_dir()
    assert senticli("predict", "good", "--model", "mine").returncode == 0
    assert (home / "models" / "mine" / "config.json").read_bytes() == before
    assert senticli(*TINY, "--epochs", "1", "--name", "mine", "--force").returncode == 0
    assert not (home / "models" / ".mine.partial").exists()
