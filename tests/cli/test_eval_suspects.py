"""``senticli eval --suspects``."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

ROWS = (
    *("A wonderful film,positive", "I loved every minute of it [b]\x1b[31m,negative"),
    *("A terrible mess,negative", "It starts at eight,positive", "Dull and far too long,negative"),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(["text,label", *ROWS]) + "\n")
    return path


def test_suspects_are_written_and_the_first_shown(
    senticli: Run, data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "suspects.csv"
    done = senticli("eval", "-m", "bundled", "--data", data, "--suspects", output)
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
    *_, count, first = done.stdout.splitlines()
    assert count == f"1 suspect in {output}"
    assert first.split(maxsplit=1)[1] == (
        "negative → positive  I loved every minute of it [b] [31m"
    )
    head, row = output.read_text().splitlines()
    assert head == "text,label,rank,likely_label,score"
    assert row.startswith(f"{ROWS[1]},1,positive,0.9")


def test_count_and_file_are_in_the_json(senticli: Run, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "suspects.jsonl"
    done = senticli("eval", "-m", "bundled", "-d", data, "--suspects", output, "--json")
    assert json.loads(done.stdout)["suspects"] == {"count": 1, "file": str(output)}
    assert json.loads(output.read_text())["likely_label"] == "positive"


def test_suspects_of_what_was_trained_on(senticli: Run, tiny_model: Path, tmp_path: Path) -> None:
    output = tmp_path / "suspects.csv"
    done = senticli(
        *("eval", "--model", tiny_model, "--split", "train"),
        *("--suspects", output, "--folds", "2", "--json"),
    )
    assert done.returncode == 0, done.stderr
    assert f"note: {tiny_model} was trained on sample/train: 2 other models" in done.stderr
    count = json.loads(done.stdout)["suspects"]["count"]
    assert len(output.read_text().splitlines()) == count + 1


def test_without_the_packages_of_training(tiny_model: Path, tmp_path: Path) -> None:
    output = tmp_path / "suspects.csv"
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from senticli.cli.app import run\n"
        f"words = ['eval', '-m', {str(tiny_model)!r}, '--suspects', sys.argv[1]]\n"
        "print(run(words), run([*words, '--force', '--split', 'train']))"
    )
    command = [sys.executable, "-c", code, str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 1", done.stderr
    assert "error: training needs the package torch" in done.stderr
    assert 'pip install ".[train]"' in done.stderr
    assert output.read_text().startswith("where,text,label,")  # of the first run


@pytest.mark.parametrize(
    ("options", "error", "hint"),
    [
        (["--suspects", "taken"], "taken exists already", "replace it: --force"),
        (["--suspects", "."], "cannot write .: it is a folder", "name a file: --suspects FILE"),
        (["--suspects", "no/out"], "there is no folder no", "create the folder first"),
        (
            ["--suspects", "mine.csv", "--force"],
            "mine.csv is what is evaluated",
            "name another file: --suspects FILE",
        ),
        (["--suspects", "out.xlsx"], "--suspects 'out.xlsx' is not a table", "use a name in .csv"),
        (["--suspects", "-"], "--suspects '-' is not a table", "use a name in .csv"),
        (["--suspects", "a.parquet.gz"], "Parquet is written unpacked", "--suspects FILE.parquet"),
        (["--folds", "3"], "--folds has no use without suspects", "add --suspects FILE"),
        (["--force"], "--force is for --suspects", "--suspects FILE"),
        (
            ["--suspects", "out", "--folds", "1"],
            "--folds 1 is out of range",
            "a value from 2 to 100",
        ),
    ],
)
def test_wrong_usage_is_refused_at_once(
    senticli: Run,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    error: str,
    hint: str,
) -> None:
    monkeypatch.chdir(data.parent)
    Path("taken").touch()
    done = senticli("eval", "--data", data.name, *options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert error in done.stderr.splitlines()[0]
    assert hint in done.stderr.splitlines()[1]


def test_existing_file_is_replaced_on_demand(senticli: Run, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "suspects.csv"
    output.write_text("old")
    done = senticli("eval", "-m", "bundled", "-d", data, "--suspects", output, "--force")
    assert done.returncode == 0, done.stderr
    assert output.read_text().startswith("text,label,rank")


def test_pipe_gives_text_and_label(senticli: Run, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "suspects.csv"
    words = ("eval", "-m", "bundled", "--data", "-", "--suspects", output)
    done = senticli(*words, input=data.read_bytes())
    assert done.returncode == 0, done.stderr
    head, row = output.read_text().splitlines()
    assert head == "where,text,label,rank,likely_label,score"
    assert row.startswith('"standard input, line 3",I loved every minute of it [b]')
