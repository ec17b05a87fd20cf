"""``senticli predict`` as people use it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_main_job(senticli: Run) -> None:
    done = senticli("predict", input="great film\nterrible film\n")
    assert done.returncode == 0
    assert done.stderr == ""
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [label for label, _ in rows] == ["positive", "negative"]
    assert all(0.5 < float(score) <= 1 for _, score in rows)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_one_line_in_one_line_out(senticli: Run, end: str) -> None:
    done = senticli("predict", "-", input=f"good\n\nbad{end}")
    lines = done.stdout.split("\n")
    assert len(lines) == 4
    assert lines[1] == "\t\tno text"
    assert "1 of 3 texts could not be classified, first line 2: no text" in done.stderr


def test_input_given_twice_is_refused(senticli: Run, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("good film\n")
    done = senticli("predict", "-i", tmp_path / "a.txt", "--input", tmp_path / "b.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--input is given 2 times" in done.stderr


def test_arguments_and_json(senticli: Run, tiny_model: Path) -> None:
    texts = ["what a mess", "not bad at all", "naïve 🙂"]
    done = senticli("predict", *texts, "--json", "--model", tiny_model)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["text"] for row in rows] == texts
    for row in rows:
        assert set(row) == {"text", "label", "score", "scores"}
        assert set(row["scores"]) == {"negative", "neutral", "positive"}
        assert row["score"] == row["scores"][row["label"]] == max(row["scores"].values())
    assert "🙂" in done.stdout


def test_json_of_an_empty_text(senticli: Run, tiny_model: Path) -> None:
    done = senticli("predict", "--json", "--model", tiny_model, input="\n")
    assert json.loads(done.stdout) == {
        "text": "",
        "label": None,
        "score": None,
        "scores": {},
        "error": "no text",
    }


def test_a_file(senticli: Run, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes(b"good\ncaf\xe9 bad\n")
    done = senticli("predict", "--input", tmp_path / "in.txt", "--model", tiny_model)
    assert len(done.stdout.splitlines()) == 2
    assert "1 of 2 texts had bytes that are not UTF-8" in done.stderr
    assert "first line 2" in done.stderr


def test_no_input_at_all_is_no_output(senticli: Run, tiny_model: Path) -> None:
    done = senticli("predict", "--model", tiny_model, input="")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_model_of_the_environment(senticli: Run, tiny_model: Path) -> None:
    env = {"SENTICLI_MODEL": str(tiny_model)}
    by_env = senticli("predict", "good film", env=env).stdout
    assert by_env == senticli("predict", "good film", "--model", tiny_model).stdout
    assert by_env != senticli("predict", "good film", "--model", "bundled", env=env).stdout


@pytest.mark.parametrize(
    ("args", "code", "error", "hint"),
    [
        (["--input", "missing.txt"], 1, "cannot read missing.txt", "check"),
        (["--input", "."], 1, "cannot read .", "check"),
        (["text", "--input", "x.txt"], 2, "both", "use one"),
        (["--model", "nosuch", "text"], 1, "no model 'nosuch'", "bundled"),
        (["--nosuch"], 2, "--nosuch", "senticli predict --help"),
        (["--threads", "0", "text"], 2, "--threads", "senticli predict --help"),
        (["--threads", "many", "text"], 2, "--threads", "senticli predict --help"),
    ],
)
def test_errors(senticli: Run, args: list[str], code: int, error: str, hint: str) -> None:
    done = senticli("predict", *args)
    assert done.returncode == code
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert second.startswith("hint: ")
    assert hint in second


def test_a_reader_that_leaves_early_is_no_error(tiny_model: Path) -> None:
    command = (
        f"yes good | head -5000 | {sys.executable} -m senticli predict -m {tiny_model} | head -1"
    )
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; {command}; echo "${{PIPESTATUS[2]}}"'],
        capture_output=True,
        text=True,
    )
    label, code = done.stdout.splitlines()
    assert "\t" in label
    assert code == "0"
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error(tiny_model: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "senticli", "predict", "good", "--model", str(tiny_model)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "error: standard output: no space left on device"
    assert done.stderr.splitlines()[1].startswith("hint: ")
    assert len(done.stderr.splitlines()) == 2


def on_terminal(*args: str, stdin: bool = False) -> tuple[int, str, str]:
    """Run with stdout, and stdin if asked, on a terminal: exit code, what it showed, stderr."""
    import pty

    master, slave = pty.openpty()
    env = {**os.environ, "COLUMNS": "60"}
    env.pop("NO_COLOR")
    process = subprocess.Popen(
        [sys.executable, "-m", "senticli", *args],
        stdin=slave if stdin else subprocess.DEVNULL,
        stdout=slave,
        stderr=subprocess.PIPE,
        env=env,
    )
    os.close(slave)
    error = process.communicate()[1].decode()
    shown = b""
    try:
        while block := os.read(master, 65536):
            shown += block
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(master)
    return process.returncode, shown.decode(), error


def test_on_a_terminal_it_is_coloured_and_fits_the_line() -> None:
    text = "great film " * 30
    code, shown, _ = on_terminal("predict", text, "terrible", "--model", "bundled")
    assert code == 0
    first, second = shown.splitlines()
    assert "\033[1;32mpositive\033[0m" in first
    assert "great film" in first
    assert first.endswith("…")
    assert len(first) - len("\033[1;32m\033[0m") <= 60
    assert "\033[1;31mnegative\033[0m" in second


def test_no_text_on_a_terminal_shows_an_example() -> None:
    code, _, error = on_terminal("predict", stdin=True)
    assert code == 2
    assert error.splitlines() == [
        "error: there is no text to classify",
        'hint: echo "great film" | senticli predict',
    ]


def test_explanations_on_a_terminal_and_in_json(senticli: Run) -> None:
    text = "Great film, terrible end"
    code, shown, _ = on_terminal("predict", text, "--explain", "--model", "bundled")
    assert code == 0
    _, words, heaviest = shown.splitlines()
    assert "\033[1;7;32mGreat\033[0m" in words or "\033[1;7;31mterrible\033[0m" in words
    assert words.count("\033[0m") >= 2
    assert "Great +" in heaviest or "Great -" in heaviest
    done = senticli("predict", text, "--explain", "--json", "--model", "bundled")
    explanation = json.loads(done.stdout)["explanation"]
    assert [set(word) for word in explanation] == [
        {"token", "start", "end", "weight", "raises"}
    ] * 5
    assert [text[word["start"] : word["end"]] for word in explanation] == [
        *("Great", "film", ",", "terrible", "end")
    ]


def test_drift_is_reported_unless_quiet(senticli: Run) -> None:
    text = "отличный фильм"
    done = senticli("predict", text, "--model", "bundled")
    assert done.returncode == 0
    assert "warning: most texts are in Cyrillic script" in done.stderr
    assert senticli("predict", text, "--model", "bundled", "--quiet").stderr == ""


def test_top_k_and_unsure_in_json(senticli: Run) -> None:
    options = ("--top-k", "2", "--threshold", "0.99999", "--json", "--model", "bundled")
    record = json.loads(senticli("predict", "great film", *options).stdout)
    assert record["label"] == "unsure"
    best, second = (pair["label"] for pair in record["top"])
    assert best == "positive"
    assert record["top"][0]["score"] == record["score"]
    done = senticli("predict", "great film", "--top-k", "2", "--scores", "--model", "bundled")
    cells = done.stdout.rstrip("\n").split("\t")
    assert cells[::2][:2] == [best, second]
    assert len(cells) == 2 * 2 + 3
