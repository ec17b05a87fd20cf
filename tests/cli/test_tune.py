"""``senticli train --tune``: a search that ends in time, goes on, and can be repeated."""

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from senticli.cli.train import seconds_of
from senticli.errors import UsageError

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

SMALL = (
    *("train", "--data", "sample", "--vectors", "none", "--hidden", "8", "--embedding-dim", "8"),
    *("--epochs", "2", "--rnn", "gru"),
)


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("2h", 7200), ("1h30m5s", 5405)])
def test_times(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "30 m", "1.5h", "-3m", "30mm"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        seconds_of(text)


def test_the_best_can_be_repeated_and_the_search_gone_on_with(senticli: Run, home: Path) -> None:
    done = senticli(*SMALL, "--tune", "5s", "--json", "--name", "tuned")
    assert done.returncode == 0, done.stderr
    data, *trials, searched = map(json.loads, done.stdout.splitlines())
    assert (data["event"], searched["event"]) == ("data", "searched")
    assert [trial["number"] for trial in trials] == list(range(1, len(trials) + 1))
    first = trials[0]
    assert first["state"] == "done"
    assert first["settings"]["lr"] == 0.002  # the settings as they are
    assert not {"hidden", "rnn", "embedding_lr"} & first["settings"].keys()
    done_ones = [trial for trial in trials if trial["state"] == "done"]
    assert searched["best"] == min(done_ones, key=lambda trial: trial["loss"])["number"]
    assert searched["path"] == str(home / "models" / "tuned")

    command = searched["command"].replace("--name tuned", "--name again")
    assert senticli(*shlex.split(command)[1:]).returncode == 0
    files = [
        json.loads((home / "models" / name / "config.json").read_text())["files"]
        for name in ("tuned", "again")
    ]
    assert files[0]["model.safetensors"] == files[1]["model.safetensors"]

    more = senticli(*SMALL, "--tune", "8s", "--resume", "--name", "tuned")
    assert more.returncode == 0, more.stderr
    assert f"resumed after {len(trials)} trials" in more.stderr
    assert f"\ntrial {len(trials) + 1}  " in more.stderr
    assert "the best, trained again: senticli train" in more.stderr
    other = senticli(*SMALL, "--lr", "0.1", "--tune", "8s", "--resume", "--name", "tuned")
    assert other.returncode == 1
    assert "not the settings" in other.stderr


def test_stopped_and_refused(senticli: Run, start_senticli: Start, home: Path) -> None:
    process = start_senticli(*SMALL, "--tune", "1h", "--name", "tuned")
    assert process.stderr
    for line in process.stderr:
        if line.startswith("trial 2"):
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(60) == 130
    assert re.search(r"the search was stopped; the model of trial \d+ was kept", rest)
    assert rest.endswith("resume: the same command with --resume --name tuned\n")
    assert "Traceback" not in rest
    assert senticli("predict", "good").returncode == 0  # by the best so far
    again = senticli(*SMALL, "--tune", "1s", "--name", "tuned")
    assert again.returncode == 1
    assert "--force" in again.stderr
    journal = home / "checkpoints" / "tuned.tune.jsonl"
    journal.write_text("no journal\n")
    damaged = senticli(*SMALL, "--tune", "1s", "--name", "tuned", "--resume")
    assert damaged.returncode == 1
    assert "is damaged" in damaged.stderr
    assert senticli(*SMALL, "--tune", "1s", "--resume", "--name", "x").returncode == 1
    assert senticli(*SMALL, "--tune", "1s", "--dry-run").returncode == 2


KILLED = """
import os, sys
from senticli.cli.app import run
from senticli.training import search, session

def die(*_, **__):
    os.kill(os.getpid(), 9)

if sys.argv[1] == "before":
    session.save = die
else:
    write = search.write_best
    search.write_best = lambda *args: write(*args) and die()
run(sys.argv[2:])
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_around_the_writing_of_the_best(senticli: Run, home: Path, moment: str) -> None:
    options = (*SMALL, "--tune", "3s", "--name", "tuned")
    killed = subprocess.run([sys.executable, "-c", KILLED, moment, *options], capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    with (home / "checkpoints" / "tuned.tune.jsonl").open("a") as file:
        file.write('{"op_code": 4, "tri')  # and in the middle of a line
    done = senticli(*options, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    searched = json.loads(done.stdout.splitlines()[-1])
    config = json.loads((home / "models" / "tuned" / "config.json").read_text())
    assert config["provenance"]["command"] == searched["command"]
    if moment == "after":
        assert "resumed after 1 trials" in done.stderr


def test_a_preset_outside_the_usual_space(senticli: Run, tmp_path: Path) -> None:
    options = ("train", "--data", "sample", "--vectors", "none", "--preset", "notebook")
    small = ("--epochs", "1", "--max-length", "8", "--valid-fraction", "0.1", "--layers", "1")
    target = tmp_path / "tuned"
    done = senticli(*options, *small, "--tune", "1s", "--output", target, "--json")
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout.splitlines()[1])
    assert (first["settings"]["pooling"], first["settings"]["lr"]) == ("last", 0.001)
    # Without a name, it is the last search; where its model goes, the journal says.
    more = senticli(*options, *small, "--tune", "4s", "--resume")
    assert more.returncode == 0, more.stderr
    assert more.stdout == f"{target}\n"
