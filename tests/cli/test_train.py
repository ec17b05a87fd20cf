"""``senticli train``: a tiny model really trains, through the real command line."""

import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
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
    data, *epochs, saved = map(json.loads, done.stdout.splitlines())
    assert (data["event"], data["findings"]) == ("data", [])
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


def test_own_vectors_from_unlabelled_texts(senticli: Run, home: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.txt"
    more.write_text("a good film\na bad film\n" * 5)
    args = ("train", "--data", "sample", "--vectors", "own", "--unlabelled", more, "--hidden", "4")
    done = senticli(*args, "--epochs", "1", "--name", "first")
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"^vectors     \d+ tokens, 100-dimensional, learned from 490", done.stderr, re.M
    )
    origin = json.loads((home / "models" / "first" / "config.json").read_text())["provenance"]
    assert {"window": 5, "min_count": 5, "texts": 490}.items() <= origin["own_vectors"].items()
    assert origin["seconds"] >= origin["own_vectors"]["seconds"]
    assert origin["versions"]["gensim"]

    command = senticli("models", "reproduce", "first").stdout
    again = senticli(*shlex.split(command)[1:], "--json")
    assert again.returncode == 0, again.stderr
    _, vectors, *_ = map(json.loads, again.stdout.splitlines())
    assert {"event": "vectors", "texts": 490, "dim": 100, "cached": True}.items() <= vectors.items()
    first, second = (
        (home / "models" / name / "model.safetensors").read_bytes()
        for name in ("first", "first-again")
    )
    assert first == second


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


NO_DROPOUT = tuple(
    word for part in ("word", "embedding", "output") for word in (f"--{part}-dropout", "0")
)


@pytest.mark.parametrize(
    ("args", "code", "error", "hint"),
    [
        (["--rnn", "cnn"], 2, "--rnn", "senticli train --help"),
        (["--layers", "9"], 2, "--layers 9", "from 1 to 8"),
        (["--pooling", "sum"], 2, "--pooling", "max+attention"),
        (["--preset", "best-ever"], 2, "--preset", "default, best, student, notebook"),
        (["--lr", "0"], 2, "--lr", "to 10"),
        (["--r-drop", "1", *NO_DROPOUT], 2, "--r-drop", "--output-dropout 0.3"),
        (["--data", "imbd"], 2, "neither a data set nor a file", "imdb"),
        (["--data", "imdb"], 1, "not downloaded: imdb", "senticli download imdb"),
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
    assert 'pip install ".[train]"' in done.stderr


def test_a_kill_while_saving_leaves_the_old_model(senticli: Run, home: Path) -> None:
    assert senticli(*TINY, "--epochs", "1", "--name", "mine").returncode == 0
    before = (home / "models" / "mine" / "config.json").read_bytes()
    code = (
        "import os, sys\n"
        "from senticli.io import atomic\n"
        "from senticli.cli.app import run\n"
        "atomic.sha256_of = lambda path: os.kill(os.getpid(), 9)\n"  # the files are written by then
        "from senticli.data import splits\n"
        "splits.sha256_of = str\n"
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


# --- data of one's own


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """CSV files for training and test: three labels, one of them rare, and some odd rows."""
    words = {"good": "fine great lovely", "bad": "poor awful dull", "meh": "so average plain"}
    rows = [
        (f"{word} {noun} number {number}", label)
        for label, choices in words.items()
        for number in range(4 if label == "meh" else 12)
        for word in choices.split()
        for noun in ("film", "meal")
    ]
    with (tmp_path / "train.csv").open("w", newline="") as file:
        odd = [("", "good"), ("no label at all", ""), rows[0], (rows[1][0], "meh")]
        csv.writer(file).writerows([("review", "stars"), *rows, *odd])
    with (tmp_path / "test.csv").open("w", newline="") as file:
        tests = [(f"a {text}", label) for text, label in rows[::5]]
        csv.writer(file).writerows([("review", "stars"), *tests, rows[2]])
    return tmp_path


SMALL = ("--vectors", "none", "--hidden", "8", "--embedding-dim", "8", "--epochs", "3")


def test_findings_about_the_data_are_reported(senticli: Run, reviews: Path) -> None:
    data = ("--data", reviews / "train.csv", "--test", reviews / "test.csv")
    done = senticli("train", *data, "--label-column", "stars", *SMALL, "--json")
    assert done.returncode == 0, done.stderr
    first, *others = map(json.loads, done.stdout.splitlines())
    assert first["event"] == "data"
    assert first["labels"]["train"].keys() == {"bad", "good", "meh"}
    assert first["labels"]["valid"] == {"bad": 7, "good": 7, "meh": 2}
    found = {finding["what"]: finding["count"] for finding in first["findings"]}
    assert found == {
        "rows left out: no text": 1,
        "rows left out: no label": 1,
        "texts that occur again in train": 2,
        "texts with two labels in train": 1,
        "texts of test that are in train": 1,
    }
    assert [event["event"] for event in others] == ["epoch"] * 3 + ["saved"]
    measured = senticli("eval", "--split", "test", "--json")
    assert json.loads(measured.stdout)["examples"] == 35
    strict = senticli("train", *data, "--label-column", "stars", *SMALL, "--strict", "--name", "x")
    assert strict.returncode == 1
    assert "error: --strict: rows left out: no text" in strict.stderr
    assert "warning: texts that occur again in train: 2; the first: 'fine film" in strict.stderr


def test_a_dry_run(senticli: Run, reviews: Path, home: Path) -> None:
    options = ("--data", reviews / "train.csv", "--label-column", "stars", *SMALL, "--dry-run")
    done = senticli("train", *options)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["label", "train", "valid"]
    assert lines[1].split()[0] == "bad"
    assert [line.split("  ")[0] for line in lines[4:]] == ["tokens a text", "vocabulary", "time"]
    facts = json.loads(senticli("train", *options, "--json").stdout)
    assert facts["event"] == "looked"
    assert facts["words_a_text"] == {"median": 4, "90 %": 4, "99 %": 4, "longest": 4}
    assert 0 <= facts["unknown_words"] < 0.5
    assert facts["seconds"] >= 0
    assert not (home / "models").exists()


def test_dry_run_learns_no_vectors_and_asks_no_teacher(
    senticli: Run, home: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("senticli.training.teachers.teach", None)
    monkeypatch.setattr("senticli.training.own_vectors.learn", None)
    options = ("--data", "sample", "--vectors", "own", "--teacher", tiny_model, "--dry-run")
    done = senticli("train", *options)
    assert done.returncode == 0, done.stderr
    assert "note: the time to learn word vectors is not included" in done.stderr
    assert "note: the teachers, and the unlabelled texts, are not included" in done.stderr


@pytest.mark.parametrize(
    ("answers", "more", "message"),
    [
        (
            '{"text": "fine", "label": "cat"}\n{"text": "so", "label": "dog"}\n',
            (),
            "has the labels cat",
        ),
        ("", (), "answers.jsonl"),
        ('{"text": "fine", "label": "positive"}\n', ("--unlabelled", "none.txt"), "none.txt"),
        ('{"text": "fine", "label": "positive"}\n', ("--unlabelled", "latin.txt"), "not UTF-8"),
    ],
)
def test_dry_run_checks_teachers_and_unlabelled_texts(
    senticli: Run,
    tmp_path: Path,
    answers: str,
    more: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "answers.jsonl").write_text(answers)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    options = ("--data", "sample", *SMALL, "--teacher", tmp_path / "answers.jsonl", *more)
    done = senticli("train", *options, "--dry-run")
    assert done.returncode != 0
    assert message in done.stderr.partition("error: ")[2]


def test_fasttexts_lines_a_folder_and_class_weights(senticli: Run, reviews: Path) -> None:
    with (reviews / "train.csv").open(newline="") as file:
        rows = [row for row in list(csv.reader(file))[1:] if all(row)]
    (reviews / "train.txt").write_text("".join(f"__label__{b} {a}\n" for a, b in rows))
    for number, (text, label) in enumerate(rows):
        (reviews / "folder" / label).mkdir(parents=True, exist_ok=True)
        (reviews / "folder" / label / f"{number}.txt").write_text(text)
    for data in ("train.txt", "folder"):
        done = senticli(
            "train", "--data", reviews / data, "--valid", reviews / "train.txt", *SMALL,
            *("--class-weights", "balanced", "--name", data),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "labels bad, good, meh" in done.stderr
    done = senticli("eval", "--data", reviews / "folder", "--model", "train.txt", "--json")
    assert json.loads(done.stdout)["examples"] == len(rows)


def test_eval_tells_what_it_leaves_out(senticli: Run, reviews: Path, tiny_model: Path) -> None:
    path = reviews / "two.csv"
    path.write_text("text,label\ngreat,positive\n,positive\nbad,negative\n")
    done = senticli("eval", "--data", path, "--model", tiny_model, "--json")
    assert json.loads(done.stdout)["examples"] == 2
    assert f"warning: rows left out: no text: 1; the first: {path}, line 3" in done.stderr


def test_a_model_to_start_from(senticli: Run, home: Path, tiny_model: Path) -> None:
    base = ("train", "--data", "sample", "--epochs", "1", "--init", tiny_model)
    done = senticli(*base, "--name", "more")
    assert done.returncode == 0, done.stderr
    assert "0 of them new to" in done.stderr
    shown = senticli("models", "show", "more").stdout
    assert re.search(rf"^base model +{tiny_model}$", shown, re.MULTILINE)
    again = senticli("models", "reproduce", "more").stdout.split()
    assert again[again.index("--init") + 1] == str(tiny_model)
    assert senticli(*again[1:]).returncode == 0
    first, second = (
        json.loads((home / "models" / name / "config.json").read_text())["files"]
        for name in ("more", "more-again")
    )
    assert first["model.safetensors"] == second["model.safetensors"]
    for flag in (("--rnn", "rnn"), ("--hidden", "512"), ("--unidirectional",), ("--cased",)):
        wrong = senticli(*base, *flag)
        assert wrong.returncode == 2
        assert f"error: {flag[0]} does not fit" in wrong.stderr
    same = senticli(*base[:-1], home / "models" / "more", "--name", "more", "--force")
    assert same.returncode == 2
    assert "more is a model that this one is to learn from" in same.stderr
    assert "there is no model 'gone'" in senticli("train", "--init", "gone").stderr


@pytest.mark.parametrize("options", [("--epochs", "40", "--patience", "0"), ("--tune", "1s")])
def test_on_a_terminal(options: tuple[str, ...], home: Path) -> None:
    import pty

    shown, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "senticli", *TINY, *options, "--name", "live"],
        stdin=terminal, stdout=terminal, stderr=terminal,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"},
    )  # fmt: skip
    os.close(terminal)
    output = b""
    with suppress(OSError):  # the other end is closed
        while part := os.read(shown, 65536):
            output += part
    os.close(shown)
    assert process.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.decode())
    assert "Traceback" not in text
    assert str(home / "models" / "live") in text
    if "--tune" in options:
        assert re.search(r"trial 1  valid loss \d\.\d+", text)
        assert "the best, trained again: senticli train" in text
    else:
        assert re.search(r"epoch \d+/40.*loss \d\.\d+", text)
        assert re.search(r"loss \d\.\d\d [▁▂▃▄▅▆▇█]+ \d\.\d\d", text)
        assert re.search(r"40/40 +\d\.\d{4}", text)
