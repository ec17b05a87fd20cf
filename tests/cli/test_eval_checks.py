"""``senticli eval --checks``."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

GOOD = {"capability": "plain", "type": "mft", "text": "great film", "label": "positive"}
WRONG = {**GOOD, "label": "negative"}


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return written(
        tmp_path / "suite.jsonl",
        GOOD,
        WRONG,
        {
            "capability": "mood",
            "type": "dir",
            "text": "good",
            "variants": ["what a mess"],
            "rises": "positive",
        },
        {**WRONG, "capability": "empty", "text": "\u200b"},
        {**WRONG, "capability": "long", "repeat": 1000},
        {"capability": "same", "type": "inv", "text": "good film", "variants": ["a good film"]},
    )


def test_checks_alone_need_no_data(senticli: Run, suite: Path) -> None:
    done = senticli("eval", "-m", "bundled", "--checks", suite)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"model bundled, checks {suite}"
    assert lines[1].startswith("33.33% hold  (95 % interval 9.68% to 70.00%),  4 of 6 fail")
    assert [line.split()[:5] for line in lines[4:9]] == [
        ["plain", "mft", "2", "1", "50.0%"],
        ["mood", "dir", "1", "1", "100.0%"],
        ["empty", "mft", "1", "1", "100.0%"],
        ["long", "mft", "1", "1", "100.0%"],
        ["same", "inv", "1", "0", "0.0%"],
    ]
    assert "accuracy" not in done.stdout


def test_failures_are_shown_with_the_answers(senticli: Run, suite: Path) -> None:
    lines = senticli("eval", "-m", "bundled", "--checks", suite).stdout.splitlines()
    shown = {name: lines[lines.index(name) + 1] for name in ("plain", "mood", "empty", "long")}
    assert shown["plain"].startswith("  “great film”: positive 0.")
    assert shown["plain"].endswith(", not negative")
    assert shown["mood"].startswith("  “good”: positive 0.")
    assert "; “what a mess”: positive 0." in shown["mood"]
    assert shown["mood"].endswith(", not higher")
    assert shown["empty"] == r'  "\u200b": no answer, not negative'
    assert shown["long"].startswith("  “great film” 1,000 times: positive ")
    assert "same" not in lines


def test_three_failures_of_a_capability_are_shown_at_most(senticli: Run, tmp_path: Path) -> None:
    rows = [{**WRONG, "text": f"great film {number}"} for number in range(5)]
    done = senticli("eval", "-m", "bundled", "--checks", written(tmp_path / "suite.jsonl", *rows))
    assert done.stdout.count("“great film") == 3


def test_texts_reach_the_terminal_as_they_are_and_do_nothing_to_it(
    senticli: Run, tmp_path: Path
) -> None:
    text = "great \x1b[31m [red]film[/] :smile: \u202e <b>" + "so " * 200
    path = written(tmp_path / "suite.jsonl", {**WRONG, "text": text})
    out = senticli("eval", "-m", "bundled", "--checks", path).stdout
    assert "“great [31m [red]film[/] :smile: <b>so so" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert " …”" in out
    assert len(max(out.splitlines(), key=len)) < 250


def test_json_of_checks_alone(senticli: Run, suite: Path) -> None:
    done = senticli("eval", "-m", "bundled", "--checks", suite, "--json")
    result = json.loads(done.stdout)
    assert set(result) == {"model", "figures", "checks"}
    assert result["figures"].keys() == {
        "checks",
        *(f"checks.{name}" for name in ("plain", "mood", "empty", "long", "same")),
    }
    assert result["figures"]["checks.plain"]["value"] == 0.5
    checks = result["checks"]
    assert (checks["suite"], checks["left_out"]) == (str(suite), 0)
    assert (checks["checks"], checks["failures"]) == (6, 4)
    assert checks["failure_rate"] == pytest.approx(1 - result["figures"]["checks"]["value"])
    plain, mood = checks["capabilities"][:2]
    assert (plain["capability"], plain["types"]) == ("plain", ["mft"])
    assert (plain["checks"], plain["failures"], plain["failure_rate"]) == (2, 1, 0.5)
    assert plain["interval"] == result["figures"]["checks.plain"]["interval"]
    [failure] = plain["failed"]
    assert (failure["text"], failure["label"], failure["variant"]) == (
        "great film",
        "negative",
        None,
    )
    assert failure["answer"]["label"] == "positive"
    assert failure["answer"]["scores"].keys() == {"negative", "neutral", "positive"}
    [failure] = mood["failed"]
    assert (failure["rises"], failure["variant"]) == ("positive", "what a mess")
    assert failure["variant_answer"]["label"] == "negative"


@pytest.mark.parametrize("named", [("--data", "sample"), ("--split", "valid"), ("--header",)])
def test_checks_come_beside_the_measures_where_data_is_named(
    senticli: Run, suite: Path, tiny_model: Path, named: tuple[str, ...]
) -> None:
    options = ("eval", "-m", tiny_model, "--checks", suite, *named)
    result = json.loads(senticli(*options, "--json").stdout)
    assert result["examples"] == 120
    assert {"accuracy", "checks", "checks.plain"} <= result["figures"].keys()
    assert result["checks"]["checks"] == 6
    out = senticli(*options).stdout
    assert out.index("accuracy") < out.index(f"checks {suite}")


def test_checks_of_other_labels_are_left_out_with_a_note(senticli: Run, tmp_path: Path) -> None:
    path = written(tmp_path / "suite.jsonl", GOOD, {**GOOD, "label": "angry"})
    done = senticli("eval", "-m", "bundled", "--checks", path, "--json")
    assert done.returncode == 0
    note = "1 of 2 checks are left out, which are of labels that the model lacks: angry"
    assert done.stderr == f"note: {path}: {note}\n"
    assert json.loads(done.stdout)["checks"]["left_out"] == 1


def test_a_suite_of_other_labels_fails(senticli: Run, tmp_path: Path) -> None:
    path = written(tmp_path / "suite.jsonl", {**GOOD, "label": "angry"})
    done = senticli("eval", "-m", "bundled", "--checks", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {path}: all checks are of labels that the model lacks")


@pytest.mark.parametrize(
    ("content", "error", "hint"),
    [
        ('{"type": "mft"}\n', "line 1: it has no capability and no text and no label", "one check"),
        ("text,label\ngood,positive\n", "line 1: not JSON", "one check a line"),
        ("", "there are no checks", "use others, or --checks bundled"),
    ],
)
def test_a_bad_suite_fails(
    senticli: Run, tmp_path: Path, content: str, error: str, hint: str
) -> None:
    path = tmp_path / "suite.jsonl"
    path.write_text(content)
    done = senticli("eval", "-m", "bundled", "--checks", path)
    assert (done.returncode, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert error in first
    assert second.startswith(f"hint: {hint}")


def test_checks_are_gated_by_dotted_names(senticli: Run, suite: Path) -> None:
    options = ("eval", "-m", "bundled", "--checks", suite)
    bars = ("--fail-under", "checks.plain=0.5", "--fail-under", "checks.same=1")
    done = senticli(*options, *bars)
    assert (done.returncode, done.stderr) == (0, "passed: 2 conditions hold\n")
    done = senticli(*options, *bars, "--fail-under", "checks=0.9", "--json")
    assert done.returncode == 1
    assert done.stderr == "failed: checks 33.33% is below 90.00%, by 56.67 points\n"
    holds = [(one["metric"], one["holds"]) for one in json.loads(done.stdout)["conditions"]]
    assert holds == [("checks.plain", True), ("checks.same", True), ("checks", False)]
    assert senticli(*options, *bars, "--confident").returncode == 1


@pytest.mark.parametrize("figure", ["checks.nosuch", "accuracy"])
def test_a_figure_that_the_checks_lack_is_no_pass(senticli: Run, suite: Path, figure: str) -> None:
    done = senticli("eval", "-m", "bundled", "--checks", suite, "--fail-under", f"{figure}=0")
    assert done.returncode == 2
    assert f"there is no figure '{figure}'" in done.stderr


def test_an_empty_name_is_not_taken_for_no_checks(senticli: Run) -> None:
    done = senticli("eval", "-m", "bundled", "--data", "sample", "--checks", "")
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot read" in done.stderr


def test_what_needs_data_evaluates_too(senticli: Run, suite: Path, tiny_model: Path) -> None:
    done = senticli("eval", "-m", tiny_model, "--checks", suite, "--against", "bundled", "--json")
    assert {"examples", "against", "checks"} <= json.loads(done.stdout).keys()


def test_bundled_model_passes_its_own_checks(senticli: Run) -> None:
    bars = ("--fail-under", "checks=0.85", "--fail-under", "checks.negation=0.85")
    done = senticli("eval", "-m", "bundled", "--checks", "bundled", *bars, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["checks"]["suite"] == "bundled"
