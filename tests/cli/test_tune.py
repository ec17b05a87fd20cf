"""``senticli train --tune``: a search that ends in time, resumes, and can be repeated."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from senticli.cli.train import seconds_of
from senticli.errors import UsageError

pytestmark = pytest.mark.usefixtures("step_clock")
Run = Callable[..., "subprocess.CompletedProcess[str]"]

SMALL = (
    *("train", "--data", "sample", "--vectors", "none", "--hidden", "8", "--embedding-dim", "8"),
    *("--epochs", "2", "--rnn", "gru", "--batch-size", "32"),  # 20 steps, 2 s of step_clock
)


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("2h", 7200), ("1h30m5s", 5405)])
def test_time_is_hours_minutes_and_seconds(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "30 m", "1.5h", "-3m", "30mm"])
def test_other_times_are_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        seconds_of(text)


def search(senticli: Run, *args: str) -> list[dict[str, Any]]:
    """Search for five seconds: 50 steps of the optimizer."""
    done = senticli(*SMALL, "--tune", "5s", "--json", "--name", "tuned", *args)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_search_ends_in_time_and_keeps_the_best(senticli: Run, home: Path) -> None:
    data, *trials, searched = search(senticli)
    assert (data["event"], searched["event"]) == ("data", "searched")
    assert [trial["number"] for trial in trials] == list(range(1, len(trials) + 1))
    assert sum(trial["seconds"] for trial in trials) == pytest.approx(5, abs=0.2)
    done = [trial for trial in trials if trial["state"] == "done"]
    assert searched["best"] == min(done, key=lambda trial: trial["loss"])["number"]
    assert searched["path"] == str(home / "models" / "tuned")


def test_first_trial_takes_the_settings_as_they_are(senticli: Run) -> None:
    first = search(senticli)[1]
    assert first["state"] == "done"
    assert first["settings"]["lr"] == 0.002
    assert not {"hidden", "rnn", "embedding_lr"} & first["settings"].keys()


def test_best_trial_can_be_trained_again(senticli: Run, home: Path) -> None:
    command = search(senticli)[-1]["command"].replace("--name tuned-again", "--name again")
    assert senticli(*shlex.split(command)[1:]).returncode == 0
    files = [
        json.loads((home / "models" / name / "config.json").read_text())["files"]
        for name in ("tuned", "again")
    ]
    assert files[0]["model.safetensors"] == files[1]["model.safetensors"]


def test_search_resumes_with_the_same_settings(senticli: Run) -> None:
    _, *trials, _ = search(senticli)
    more = senticli(*SMALL, "--tune", "8s", "--resume", "--name", "tuned")
    assert more.returncode == 0, more.stderr
    assert f"resumed after {len(trials)} trial" in more.stderr
    assert f"\ntrial {len(trials) + 1}  " in more.stderr
    assert "the best, trained again: senticli train" in more.stderr
    other = senticli(*SMALL, "--lr", "0.1", "--tune", "8s", "--resume", "--name", "tuned")
    assert other.returncode == 1
    assert "not the settings" in other.stderr


def test_interrupted_search_keeps_the_best_so_far(stop: Run, senticli: Run) -> None:
    steps = round(10 * search(senticli)[1]["seconds"])  # of the first trial
    done = stop(steps + 1, [signal.SIGINT], *SMALL, "--tune", "1h", "--name", "tuned", "--force")
    assert done.returncode == 130
    assert "the search was stopped; the model of trial 1 was kept" in done.stderr
    assert done.stderr.endswith("resume: the same command with --resume --name tuned\n")
    assert "Traceback" not in done.stderr
    assert senticli("predict", "good", "--model", "tuned").returncode == 0


def test_search_is_not_replaced_unasked(senticli: Run) -> None:
    search(senticli)
    again = senticli(*SMALL, "--tune", "1s", "--name", "tuned")
    assert again.returncode == 1
    assert "--force" in again.stderr


def test_damaged_journal_is_an_error(senticli: Run, home: Path) -> None:
    search(senticli)
    (home / "checkpoints" / "tuned.tune.jsonl").write_text("no journal\n")
    damaged = senticli(*SMALL, "--tune", "1s", "--name", "tuned", "--resume")
    assert damaged.returncode == 1
    assert "is damaged" in damaged.stderr


def test_search_that_never_began_cannot_be_resumed(senticli: Run) -> None:
    assert senticli(*SMALL, "--tune", "1s", "--resume", "--name", "x").returncode == 1


def test_search_has_no_dry_run(senticli: Run) -> None:
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
def test_search_killed_while_it_writes_the_best_resumes(
    senticli: Run, home: Path, moment: str
) -> None:
    options = (*SMALL, "--tune", "5s", "--name", "tuned")
    killed = subprocess.run([sys.executable, "-c", KILLED, moment, *options], capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    with (home / "checkpoints" / "tuned.tune.jsonl").open("a") as file:
        file.write('{"op_code": 4, "tri')  # and in the middle of a line
    done = senticli(*options, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    searched = json.loads(done.stdout.splitlines()[-1])
    config = json.loads((home / "models" / "tuned" / "config.json").read_text())
    command = searched["command"].replace("--name tuned-again", "--name tuned")
    assert config["provenance"]["command"] == command
    if moment == "after":
        assert "resumed after 1 trial in" in done.stderr


def test_space_includes_the_settings_of_the_preset(senticli: Run, tmp_path: Path) -> None:
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
