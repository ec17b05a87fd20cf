"""``senticli train`` stopped, killed, resumed, and shared by processes.

Signals come before a certain step of the optimizer, so that no test depends on the clock.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from senticli import paths
from senticli.io import atomic

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

STEPS = 30  # an epoch: 480 texts, 16 a batch
TORCHRUN = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
TINY = (
    *("train", "--data", "sample", "--vectors", "none", "--hidden", "8", "--embedding-dim", "8"),
    *("--patience", "0", "--layers", "2", "--batch-size", "16"),
)
LONG = (*TINY, "--epochs", "5")


def weights_of(home: Path, name: str) -> str:
    config = json.loads((home / "models" / name / "config.json").read_text())
    sha256: str = config["files"]["model.safetensors"]
    return sha256


def test_interrupted_training_keeps_the_best_epoch(stop: Run, senticli: Run, home: Path) -> None:
    done = stop(2 * STEPS + 10, [signal.SIGINT], *LONG, "--name", "cut")
    assert done.returncode == 130
    assert "stopping after this batch" in done.stderr
    assert re.search(r"training was stopped; the best epoch so far, [12], was kept", done.stderr)
    assert done.stderr.endswith("resume: senticli train --resume --name cut\n")
    assert "Traceback" not in done.stderr
    assert senticli("predict", "good", "--model", "cut").returncode == 0


@pytest.mark.parametrize(
    "signals", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT]]
)
def test_resumed_training_ends_with_the_same_weights(
    stop: Run, senticli: Run, home: Path, signals: list[signal.Signals]
) -> None:
    assert senticli(*LONG, "--name", "whole").returncode == 0
    stopped = stop(2 * STEPS + 10, signals, *LONG, "--name", "cut")
    assert stopped.returncode == 128 + signals[0]
    assert weights_of(home, "cut") != weights_of(home, "whole")

    done = senticli("train", "--resume", "--name", "cut")
    assert done.returncode == 0, done.stderr
    assert "resumed     after epoch 2" in done.stderr
    assert "epoch 5/5" in done.stderr
    assert weights_of(home, "cut") == weights_of(home, "whole")
    assert len((home / "models" / "cut" / "history.jsonl").read_text().splitlines()) == 5
    config = json.loads((home / "models" / "cut" / "config.json").read_text())
    assert config["provenance"]["command"].endswith("--name cut")  # the one it began with


def test_finished_training_cannot_be_resumed(senticli: Run, home: Path) -> None:
    assert senticli(*TINY, "--epochs", "1", "--name", "mine").returncode == 0
    assert list((home / "checkpoints").iterdir()) == []
    done = senticli("train", "--resume")
    assert done.returncode == 1
    assert "error: there is no unfinished training" in done.stderr


KILLED = """
import os, pathlib, sys
from torch.optim.optimizer import register_optimizer_step_pre_hook
from senticli.cli.app import main

moment, left = sys.argv.pop(1), int(sys.argv.pop(1))
replace = pathlib.Path.replace

def count(*_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), 9)

def counted(path, target):
    moment == "before" and count()
    replace(path, target)
    moment == "after" and count()

if moment == "step":
    register_optimizer_step_pre_hook(count)
else:
    pathlib.Path.replace = counted
main()
"""


def kill(moment: str, left: int, *args: str) -> None:
    """Run a command that is killed at a step, or before or after it replaces a file."""
    command = [sys.executable, "-c", KILLED, moment, str(left), *args]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_killed_training_resumes_to_the_same_weights(senticli: Run, home: Path) -> None:
    assert senticli(*LONG, "--name", "mine").returncode == 0
    expected = weights_of(home, "mine")
    kill("step", STEPS + 10, *LONG, "--name", "mine", "--force")
    kill("before", 1, "train", "--resume")
    kill("after", 1, "train", "--resume")
    assert (home / "checkpoints" / "mine.safetensors").exists()
    done = senticli("train", "--resume")
    assert done.returncode == 0, done.stderr
    assert "resumed     after epoch 2" in done.stderr
    assert weights_of(home, "mine") == expected


def test_training_killed_before_its_checkpoint_leaves_none_of_an_older_one(
    stop: Run, senticli: Run
) -> None:
    stop(STEPS + 1, [signal.SIGINT], *LONG, "--name", "mine")
    kill("step", 1, *LONG, "--name", "mine", "--force")
    assert "no unfinished training" in senticli("train", "--resume").stderr


def test_training_stopped_in_its_first_epoch_has_a_checkpoint_and_no_model(
    stop: Run, home: Path
) -> None:
    done = stop(10, [signal.SIGTERM], *TINY, "--name", "cut")
    assert done.returncode == 128 + signal.SIGTERM
    assert "before an epoch was finished; there is no model yet" in done.stderr
    assert "resume: senticli train --resume --name cut" in done.stderr
    assert not (home / "models" / "cut").exists()
    assert (home / "checkpoints" / "cut.safetensors").exists()


def test_interrupt_before_training_ends_it_at_once(
    senticli: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from senticli.training import session

    monkeypatch.setattr(session, "corpus_of", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    # A shell that runs the tests in the background has them ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done = senticli(*TINY, "--name", "cut")
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == "interrupted"
    assert not (home / "models" / "cut").exists()


def test_signals_from_outside_stop_a_training(start_senticli: Start) -> None:
    process = start_senticli(*TINY, "--epochs", "5000", "--name", "cut")
    assert process.stderr
    assert any(line.startswith("epoch 1/") for line in process.stderr)
    process.send_signal(signal.SIGINT)
    assert "stopping after this batch" in process.communicate(timeout=60)[1]
    assert process.returncode == 130


@pytest.fixture
def unfinished(stop: Run, tmp_path: Path) -> Path:
    """A folder whose ``mine.csv`` was being trained on; the model is to be ``model``."""
    rows = [f"{word} {n},{word}" for n in range(60) for word in ("good", "bad")]
    (tmp_path / "mine.csv").write_text("\n".join(["text,label", *rows]))
    settings = ("train", "--data", tmp_path / "mine.csv", *TINY[3:], "--epochs", "5")
    model = tmp_path / "model"
    done = stop(10, [signal.SIGINT], *settings, "--output", model, "--json")
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["event"] == "stopped"
    assert last["best_epoch"] == 1
    assert last["resume"] == f"senticli train --resume --output {model}"
    return tmp_path


@pytest.fixture
def refused(senticli: Run) -> Callable[..., list[str]]:
    """A training that is not started: error and hint."""

    def call(*args: str | Path) -> list[str]:
        done = senticli("train", *args)
        assert done.returncode in (1, 2)
        return [line.partition(": ")[2] for line in done.stderr.splitlines()[-2:]]

    return call


def test_resume_keeps_the_settings(refused: Callable[..., list[str]], unfinished: Path) -> None:
    error, hint = refused("--resume", "--lr", "0.5")
    assert "not the settings" in error
    assert hint.endswith(f"senticli train --resume --output {unfinished / 'model'}")
    assert refused("--resume", "--name", "other")[0] == "there is no unfinished training of other"
    assert "was started" in refused("--resume", "--force")[0]


def test_new_training_does_not_replace_an_unfinished_one(
    refused: Callable[..., list[str]], unfinished: Path
) -> None:
    for file in (unfinished / "model").iterdir():
        file.unlink()
    own = ("--data", unfinished / "mine.csv", "--vectors", "none")
    error, hint = refused(*own, "--output", unfinished / "model")
    assert error == "there is an unfinished training of model"
    assert "--resume" in hint
    assert "--force" in hint


def test_resume_needs_the_same_data(refused: Callable[..., list[str]], unfinished: Path) -> None:
    rows = (f"{n},{n % 2}" for n in range(99))
    (unfinished / "mine.csv").write_text("\n".join(["text,label", *rows]))
    assert "have changed" in refused("--resume")[0]


def test_damaged_checkpoint_is_an_error(senticli: Run, unfinished: Path, home: Path) -> None:
    (checkpoint,) = (home / "checkpoints").iterdir()
    content = checkpoint.read_bytes()
    for damaged in (content[:100], content[:-10], b"", content.replace(b'\\"format', b'\\"f0rmat')):
        checkpoint.write_bytes(damaged)
        done = senticli("train", "--resume")
        assert done.returncode == 1
        assert "is damaged" in done.stderr.splitlines()[-2]
        assert done.stderr.splitlines()[-1].startswith("hint: remove it")


def torchrun(start_senticli: Start, *args: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run the command line in two processes."""
    module = ("torch.distributed.run", "--nproc-per-node", "2", "-m", "senticli")
    process = start_senticli(*args, module=module)
    stdout, stderr = process.communicate(timeout=300)
    return subprocess.CompletedProcess(args, process.returncode, stdout, stderr)


def epochs(output: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in output.splitlines()]
    return [row for row in rows if row["event"] == "epoch"]


def test_two_processes_train_what_one_does(
    senticli: Run, start_senticli: Start, home: Path
) -> None:
    settings = (*TINY, "--precision", "float32", "--class-weights", "balanced", "--epochs", "3")
    one = senticli(*settings, "--json", "--name", "one")
    two = torchrun(start_senticli, *settings, "--json", "--name", "two")
    assert two.returncode == 0, two.stderr
    assert "machine     2 × (cpu, 1 thread, float32)" in two.stderr

    assert len(epochs(two.stdout)) == 3
    for mine, theirs in zip(epochs(one.stdout), epochs(two.stdout), strict=True):
        for name in ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy", "lr"):
            assert mine[name] == pytest.approx(theirs[name], rel=1e-4)
    assert senticli("predict", "good", "--model", "two").returncode == 0
    again = senticli("models", "reproduce", "two").stdout
    assert again.startswith("torchrun --nproc-per-node 2 -m senticli train ")
    assert "command     torchrun --nproc-per-node 2" in senticli("models", "show", "two").stdout
    assert list((home / "checkpoints").iterdir()) == []


def test_two_processes_train_on_a_mixture_as_one_does(
    senticli: Run, start_senticli: Start, tmp_path: Path
) -> None:
    labels = ("negative", "neutral", "positive")
    rows = [f"{label} {n},{label}" for n in range(20) for label in labels]
    (tmp_path / "mine.csv").write_text("\n".join(["text,label", *rows]))
    mixture = ("--data", tmp_path / "mine.csv", "--mix", "balanced")
    settings = (*TINY, *mixture, "--precision", "float32", "--epochs", "2", "--json")
    one = senticli(*settings, "--name", "one")
    two = torchrun(start_senticli, *settings, "--name", "two")
    assert two.returncode == 0, two.stderr
    for mine, theirs in zip(epochs(one.stdout), epochs(two.stdout), strict=True):
        assert mine["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-4)
        for ours, others in zip(mine["valid_sources"], theirs["valid_sources"], strict=True):
            assert ours["loss"] == pytest.approx(others["loss"], rel=1e-4)


def test_two_processes_print_an_error_once(start_senticli: Start) -> None:
    failed = torchrun(start_senticli, "train", "--data", "nothing.csv")
    assert failed.stderr.count("error: cannot read nothing.csv") == 1


@pytest.mark.parametrize("how", ["--resume", "--force"])
def test_one_process_trains_a_model(stop: Run, senticli: Run, home: Path, how: str) -> None:
    stop(STEPS + 1, [signal.SIGINT], *LONG, "--name", "mine")
    args = ("train", "--resume") if how == "--resume" else (*LONG, "--name", "mine", "--force")
    with atomic.exclusive(atomic.lock_of(paths.checkpoints_dir() / "mine.safetensors")):
        done = senticli(*args)
    assert done.returncode == 1
    assert "is being trained by another process" in done.stderr


def test_no_checkpoint_is_no_reason_to_stop(senticli: Run, home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (home / "checkpoints").write_text("no folder")
    done = senticli(*TINY, "--epochs", "2", "--output", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    assert "warning: no checkpoint: " in done.stderr
    assert (tmp_path / "model" / "model.onnx").exists()


@pytest.mark.parametrize("option", ["--dry-run", "--tune=1m"])
def test_estimate_and_search_are_of_one_process(senticli: Run, option: str) -> None:
    done = senticli(*TINY, option, env=TORCHRUN)
    assert done.returncode == 2
    assert f"error: {option.partition('=')[0]} trains in one process" in done.stderr


def test_world_size_without_torchrun_is_wrong_usage(senticli: Run) -> None:
    done = senticli(*TINY, env={"WORLD_SIZE": "2"})
    assert done.returncode == 2
    assert "error: WORLD_SIZE is set, but this process was not started by torchrun" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("hint: unset WORLD_SIZE")
