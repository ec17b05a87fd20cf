"""``senticli train`` stopped, killed, gone on with, and shared by processes."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

TINY = (
    *("train", "--data", "sample", "--vectors", "none", "--hidden", "8", "--embedding-dim", "8"),
    *("--patience", "0", "--layers", "2", "--batch-size", "16"),
)


def wait_for(process: "subprocess.Popen[str]", beginning: str) -> None:
    assert process.stderr
    for line in process.stderr:
        if line.startswith(beginning):
            return
    pytest.fail(f"no line began with {beginning!r}")


def weights_of(home: Path, name: str) -> str:
    config = json.loads((home / "models" / name / "config.json").read_text())
    sha256: str = config["files"]["model.safetensors"]
    return sha256


def test_stopped_and_gone_on_with(senticli: Run, start_senticli: Start, home: Path) -> None:
    settings = (*TINY, "--epochs", "40")
    assert senticli(*settings, "--name", "whole").returncode == 0
    process = start_senticli(*settings, "--name", "cut")
    wait_for(process, "epoch 3/40")
    process.send_signal(signal.SIGINT)
    assert process.stderr
    rest = process.stderr.read()
    assert process.wait(60) == 130
    assert "stopping after this batch" in rest
    assert re.search(r"training was stopped; the best epoch so far, \d+, was kept", rest)
    assert rest.endswith("resume: senticli train --resume --name cut\n")
    assert "Traceback" not in rest
    assert senticli("predict", "good").returncode == 0  # by the best epoch so far
    assert weights_of(home, "cut") != weights_of(home, "whole")

    done = senticli("train", "--resume", "--name", "cut")
    assert done.returncode == 0, done.stderr
    assert re.search(r"resumed     after epoch [3-9]", done.stderr)
    assert "epoch 40/40" in done.stderr
    assert weights_of(home, "cut") == weights_of(home, "whole")
    assert len((home / "models" / "cut" / "history.jsonl").read_text().splitlines()) == 40
    again = senticli("train", "--resume")
    assert again.returncode == 1
    assert "error: there is no unfinished training" in again.stderr
    assert list((home / "checkpoints").iterdir()) == []
    config = json.loads((home / "models" / "cut" / "config.json").read_text())
    assert config["provenance"]["command"].endswith("--name cut")  # the one it began with


def test_killed_at_any_moment(senticli: Run, start_senticli: Start, home: Path) -> None:
    settings = (*TINY, "--epochs", "100", "--name", "mine")
    assert senticli(*settings).returncode == 0
    expected = weights_of(home, "mine")
    process = start_senticli(*settings, "--force")
    wait_for(process, "epoch 1/")
    for pause in (0.0, 0.03, 0.07):
        time.sleep(pause)
        process.kill()
        process.wait()
        assert (home / "checkpoints" / "mine.safetensors").exists()
        process = start_senticli("train", "--resume")
        wait_for(process, "epoch ")
    process.communicate()
    assert process.returncode == 0
    assert weights_of(home, "mine") == expected


def test_before_the_first_epoch_is_over(senticli: Run, start_senticli: Start, home: Path) -> None:
    settings = ("train", "--data", "sample", "--vectors", "none", "--batch-size", "1")
    process = start_senticli(*settings, "--epochs", "1", "--hidden", "256", "--name", "cut")
    wait_for(process, "machine")
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.stderr
    rest = process.stderr.read()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert "before an epoch was finished; there is no model yet" in rest
    assert "resume: senticli train --resume --name cut" in rest
    assert not (home / "models" / "cut").exists()
    assert (home / "checkpoints" / "cut.safetensors").exists()


def test_an_interrupt_before_training_leaves_nothing(start_senticli: Start, home: Path) -> None:
    process = start_senticli(*TINY, "--name", "cut")
    wait_for(process, "tokenizing")
    process.send_signal(signal.SIGINT)
    assert process.stderr
    rest = process.stderr.read()
    assert process.wait(60) == 130
    assert "Traceback" not in rest
    assert rest.splitlines()[-1] == "interrupted"
    assert not (home / "models" / "cut").exists()


@pytest.fixture
def unfinished(start_senticli: Start, tmp_path: Path) -> Path:
    """A folder whose ``mine.csv`` was being trained on; the model is to be ``model``."""
    rows = [f"{word} {n},{word}" for n in range(60) for word in ("good", "bad")]
    (tmp_path / "mine.csv").write_text("\n".join(["text,label", *rows]))
    settings = ("train", "--data", tmp_path / "mine.csv", *TINY[3:], "--epochs", "5000")
    process = start_senticli(*settings, "--output", tmp_path / "model", "--json")
    assert process.stdout
    for line in process.stdout:
        if json.loads(line)["event"] == "epoch":
            break
    process.send_signal(signal.SIGINT)
    last = json.loads(process.stdout.read().splitlines()[-1])
    assert last["event"] == "stopped"
    assert last["best_epoch"] >= 1
    assert last["resume"] == f"senticli train --resume --output {tmp_path / 'model'}"
    return tmp_path


def test_what_an_unfinished_training_refuses(senticli: Run, unfinished: Path) -> None:
    def refused(*args: str | Path) -> list[str]:
        done = senticli("train", *args)
        assert done.returncode in (1, 2)
        return [line.partition(": ")[2] for line in done.stderr.splitlines()[-2:]]

    error, hint = refused("--resume", "--lr", "0.5")
    assert "not the settings" in error
    assert hint.endswith(f"senticli train --resume --output {unfinished / 'model'}")
    assert refused("--resume", "--name", "other")[0] == "there is no unfinished training of other"
    assert "was started" in refused("--resume", "--force")[0]
    own = ("--data", unfinished / "mine.csv", "--vectors", "none")
    (unfinished / "model" / "config.json").unlink()
    for file in (unfinished / "model").iterdir():
        file.unlink()
    error, hint = refused(*own, "--output", unfinished / "model")
    assert error == "there is an unfinished training of model"
    assert "--resume" in hint
    assert "--force" in hint
    (unfinished / "mine.csv").write_text(
        "\n".join(["text,label", *(f"{n},{n % 2}" for n in range(99))])
    )
    assert "have changed" in refused("--resume")[0]


def test_a_damaged_checkpoint(senticli: Run, unfinished: Path, home: Path) -> None:
    (checkpoint,) = (home / "checkpoints").iterdir()
    content = checkpoint.read_bytes()
    for damaged in (content[:100], content[:-10], b"", content.replace(b'\\"format', b'\\"f0rmat')):
        checkpoint.write_bytes(damaged)
        done = senticli("train", "--resume")
        assert done.returncode == 1
        assert "is damaged" in done.stderr.splitlines()[-2]
        assert done.stderr.splitlines()[-1].startswith("hint: remove it")


def test_two_processes_give_what_one_gives(
    senticli: Run, start_senticli: Start, home: Path
) -> None:
    settings = (*TINY, "--precision", "float32", "--class-weights", "balanced", "--epochs", "3")
    one = senticli(*settings, "--json", "--name", "one")
    process = start_senticli(
        *(*settings, "--json", "--name", "two"),
        module=("torch.distributed.run", "--nproc-per-node", "2", "-m", "senticli"),
    )
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert "machine     2 × (cpu, 1 thread, float32)" in stderr

    def epochs(output: str) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in output.splitlines()]
        return [row for row in rows if row["event"] == "epoch"]

    assert len(epochs(stdout)) == 3
    for mine, theirs in zip(epochs(one.stdout), epochs(stdout), strict=True):
        for name in ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy", "lr"):
            assert mine[name] == pytest.approx(theirs[name], rel=1e-4)
    assert senticli("predict", "good", "--model", "two").returncode == 0
    again = senticli("models", "reproduce", "two").stdout
    assert again.startswith("torchrun --nproc-per-node 2 -m senticli train ")
    assert "by          torchrun --nproc-per-node 2" in senticli("models", "show", "two").stdout
    assert list((home / "checkpoints").iterdir()) == []
    failed = start_senticli(
        *("train", "--data", "nothing.csv"),
        module=("torch.distributed.run", "--nproc-per-node", "2", "-m", "senticli"),
    )
    stderr = failed.communicate(timeout=60)[1]
    assert stderr.count("error: cannot read nothing.csv") == 1


def test_a_second_interrupt_does_not_wait(senticli: Run, start_senticli: Start, home: Path) -> None:
    settings = (*TINY, "--epochs", "30")
    assert senticli(*settings, "--name", "whole").returncode == 0
    process = start_senticli(*settings, "--name", "cut")
    wait_for(process, "epoch 3/30")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    assert process.stderr
    assert "Traceback" not in process.stderr.read()
    assert process.wait(60) == 130
    assert senticli("train", "--resume").returncode == 0
    assert weights_of(home, "cut") == weights_of(home, "whole")


def test_one_process_trains_a_model(senticli: Run, start_senticli: Start, home: Path) -> None:
    process = start_senticli(*TINY, "--epochs", "5000", "--name", "mine")
    wait_for(process, "epoch 1/")
    for args in (("--resume",), (*TINY[1:], "--name", "mine", "--force")):
        done = senticli("train", *args)
        assert done.returncode == 1
        assert "is being trained by another process" in done.stderr
    process.kill()
    process.wait()
    # Started anew, and killed before a checkpoint: the old one is gone.
    again = start_senticli(
        *("train", "--data", "sample", "--vectors", "none", "--batch-size", "1"),
        *("--hidden", "256", "--name", "mine", "--force"),
    )
    wait_for(again, "machine")
    again.kill()
    again.wait()
    assert "no unfinished training" in senticli("train", "--resume").stderr


def test_no_checkpoint_is_no_reason_to_stop(senticli: Run, home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (home / "checkpoints").write_text("no folder")
    done = senticli(*TINY, "--epochs", "2", "--output", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    assert "warning: no checkpoint: " in done.stderr
    assert (tmp_path / "model" / "model.onnx").exists()


def test_what_is_no_process_of_torchrun(senticli: Run) -> None:
    done = senticli(*TINY, env={"WORLD_SIZE": "2"})
    assert done.returncode == 2
    assert "error: WORLD_SIZE is set, but this process was not started by torchrun" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("hint: unset WORLD_SIZE")
