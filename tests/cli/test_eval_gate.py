"""``senticli eval`` as a gate: exit codes, lines on stderr, JSON."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ON_SAMPLE = ("eval", "--model", "bundled", "--data", "sample")


def test_conditions_that_hold_exit_with_0(senticli: Run) -> None:
    done = senticli(*ON_SAMPLE, "--fail-under", "accuracy=0.5", "--fail-over", "loss=2")
    assert done.returncode == 0
    assert done.stderr == "passed: 2 conditions hold\n"


def test_each_condition_that_fails_has_a_line(senticli: Run) -> None:
    conditions = ("--fail-under", "accuracy=1", "--fail-under", "recall.neutral=0.1")
    done = senticli(*ON_SAMPLE, *conditions, "--fail-over", "loss=0.01", "--json")
    assert done.returncode == 1
    fields = json.loads(done.stdout)
    value = fields["accuracy"]
    assert done.stderr.splitlines()[0] == (
        f"failed: accuracy {value:.2%} is below 100.00%, by {100 * (1 - value):.2f} points"
    )
    assert done.stderr.splitlines()[1].startswith("failed: loss ")
    assert len(done.stderr.splitlines()) == 2
    assert [(c["metric"], c["bar"], c["holds"]) for c in fields["conditions"]] == [
        ("accuracy", 1.0, False),
        ("recall.neutral", 0.1, True),
        ("loss", 0.01, False),
    ]
    assert fields["conditions"][0]["value"] == value


def test_confident_says_that_the_interval_is_judged(senticli: Run) -> None:
    fields = json.loads(senticli(*ON_SAMPLE, "--json").stdout)
    bar = f"accuracy={fields['accuracy']}"
    assert senticli(*ON_SAMPLE, "--fail-under", bar).returncode == 0
    done = senticli(*ON_SAMPLE, "--fail-under", bar, "--confident")
    assert done.returncode == 1
    assert f"{fields['interval'][0]:.2%}, the end of its interval, is below" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        (("--fail-under", "acuracy=0.9"), 2, "there is no figure 'acuracy'"),
        (("--fail-under", "accuracy=90"), 2, "--fail-under 'accuracy=90' is not a share"),
        (("--fail-under", "loss=0.9"), 2, "hint: use --fail-over loss=0.9"),
        (("--confident",), 2, "hint: add one: --fail-under accuracy=0.9"),
        (("--save",), 2, "add --find-threshold precision=0.95"),
        (("--find-threshold", "recall=0.9"), 2, "use one such as --find-threshold precision=0.95"),
        (("--calibrate",), 2, "senticli models export bundled --output DIR"),
        (("--against", "nosuch"), 1, "nosuch"),
    ],
)
def test_what_cannot_be_judged_never_passes(
    senticli: Run, options: tuple[str, ...], code: int, error: str
) -> None:
    done = senticli(*ON_SAMPLE, *options)
    assert done.returncode == code
    assert error in done.stderr
    assert "passed" not in done.stderr


def test_figure_of_a_label_that_the_data_lack_is_no_pass(senticli: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,label\ngreat film,positive\nterrible film,negative\n")
    done = senticli("eval", "-m", "bundled", "-d", path, "--fail-under", "recall.neutral=0")
    assert done.returncode == 1
    assert "recall.neutral is undefined" in done.stderr


def test_model_that_is_significantly_worse_exits_with_1(
    senticli: Run, tiny_model: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    report.write_text(senticli(*ON_SAMPLE, "--json").stdout)
    # The tiny model has seen little; on its own training split, the bundled one is far better.
    done = senticli("eval", "-m", tiny_model, "-d", "sample", "--against", "bundled", "--json")
    fields = json.loads(done.stdout)["against"]
    assert fields["is_worse"] is (fields["difference"] < 0 and fields["p_value"] < 0.05)
    assert done.returncode == int(fields["is_worse"])
    recorded = senticli("eval", "-m", tiny_model, "-d", "sample", "--against", report, "--json")
    assert json.loads(recorded.stdout)["against"] == fields
    better = senticli(*ON_SAMPLE, "--against", tiny_model)
    assert better.returncode == 0
    assert "passed: not significantly worse than" in better.stderr
    assert "McNemar's test, p = " in better.stdout


def test_threshold_is_found(senticli: Run) -> None:
    options = ("--find-threshold", "precision=0.95")
    fields = json.loads(senticli(*ON_SAMPLE, *options, "--json").stdout)["threshold"]
    assert fields["precision"]["value"] >= 0.95
    shown = senticli(*ON_SAMPLE, *options).stdout
    assert f"use it with --threshold {fields['threshold']:g}" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("option", ["", "--json"])
def test_gate_fails_whoever_reads_its_output(option: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m senticli {' '.join(ON_SAMPLE)} {option}"
    script = f"{command} --fail-under accuracy=1 | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("failed: accuracy")
