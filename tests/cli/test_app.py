"""The funnel: errors become lines and exit codes, closed streams become silence."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from senticli import __version__
from senticli.cli.app import run

Run = Callable[..., "subprocess.CompletedProcess[str]"]
TINY = (
    *("--data", "sample", "--vectors", "none", "--epochs", "1"),
    *("--hidden", "4", "--embedding-dim", "4"),
)
SENTICLI = f"{sys.executable} -m senticli"


def shell(command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True
    )


def test_version(senticli: Run) -> None:
    assert senticli("--version").stdout == f"senticli {__version__}\n"


@pytest.mark.parametrize("command", ["train", "eval", "predict", "download"])
def test_help_has_examples_and_nothing_is_cut(senticli: Run, command: str) -> None:
    done = senticli(command, "--help", env={"COLUMNS": "100"})
    assert done.returncode == 0
    assert "Examples" in done.stdout
    assert done.stdout.count(f"senticli {command}") >= 3
    assert "…]" not in done.stdout.replace(", …]", "")


def test_the_command_alone_shows_its_help(senticli: Run) -> None:
    done = senticli()
    assert done.returncode == 2
    assert "Usage" in done.stdout + done.stderr
    assert "error:" not in done.stderr


def test_an_unknown_command_is_wrong_usage(senticli: Run) -> None:
    done = senticli("trian")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "train" in done.stderr
    assert done.stderr.splitlines()[1] == "hint: senticli --help"


@pytest.mark.parametrize("args", ["--help", "train --help", "eval --data sample -m bundled"])
def test_a_reader_that_wants_nothing(args: str) -> None:
    done = shell(f"{SENTICLI} {args} | true")
    assert done.returncode == 0
    assert done.stderr == ""


def test_training_ends_where_nobody_reads_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model"
    reading, writing = os.pipe()
    os.close(reading)
    with suppress(BrokenPipeError), os.fdopen(writing, "w") as pipe:  # closing it fails again
        monkeypatch.setattr(sys, "stderr", pipe)
        assert run(["train", *TINY, "--output", str(model)]) == 0
    assert (model / "model.onnx").exists()


def test_closed_streams(tiny_model: Path) -> None:
    predict = f"{SENTICLI} predict --model {tiny_model}"
    done = shell(f"{predict} <&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = shell(f"{predict} good >&-")
    assert (done.returncode, done.stderr) == (0, "")
    done = shell(f"printf '\\n' | {predict} 2>&-")
    assert (done.returncode, done.stdout) == (1, "\t\tno text\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("args", ["--help", "--version", "download --list --json", "models --json"])
def test_full_stdout_is_one_error(args: str, unbuffered: str) -> None:
    done = shell(f"PYTHONUNBUFFERED={unbuffered} {SENTICLI} {args} >/dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "error: no space left on device"
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    ("command", "code"),
    [("models verify nowhere >/dev/full", 1), ("trian 2>/dev/full", 2), ("models --json >&-", 0)],
)
def test_full_or_closed_stream_keeps_the_exit_code(command: str, code: int) -> None:
    done = shell(f"PYTHONUNBUFFERED= {SENTICLI} {command}")
    assert done.returncode == code
    assert "Exception" not in done.stderr


def test_labels_that_look_like_markup_are_shown(senticli: Run, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    rows = (f"good {number},[/x]\nbad {number},[bad]\n" for number in range(20))
    path.write_text("text,label\n" + "".join(rows))
    assert senticli("train", *TINY, "--data", path).returncode == 0
    done = senticli("eval", "--data", path)
    assert done.returncode == 0
    assert "[/x]" in done.stdout
    assert "[bad]" in done.stdout


def test_file_name_that_is_not_utf8(
    senticli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data, model = Path(os.fsdecode(b"caf\xe9.csv")), Path(os.fsdecode(b"m\xe9"))
    rows = (f"good {number},a\nbad {number},b\n" for number in range(8))
    data.write_text("text,label\n" + "".join(rows))
    done = senticli("train", *TINY, "--data", data, "--output", model)
    assert done.returncode == 0, done.stderr
    done = senticli("predict", "good")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_verbose_logs_what_is_read_written_and_chosen(
    senticli_process: Run, tmp_path: Path
) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id;text\n1;good\n")
    command = ("predict", "-m", "bundled", "-i", source, "-o", target)
    done = senticli_process("-v", *command)
    assert done.returncode == 0
    for part in ("opening the model", f"reading {source}", "text in 'text'", f"wrote {target}"):
        assert f"senticli: {part}" in done.stderr or part in done.stderr
    assert "senticli: " not in senticli_process(*command, "--force").stderr
