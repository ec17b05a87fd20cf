"""What ``senticli train`` and ``eval`` say about data before, and after, anything is learned."""

import io
import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO, cast

import numpy as np
import pytest

from senticli.bundle import Bundle
from senticli.cli.app import run
from senticli.cli.views.train import describe_saved
from senticli.config import ModelConfig, Recipe, TrainConfig
from senticli.data.checks import check
from senticli.data.labelled import Example
from senticli.data.splits import Part, Source, Split
from senticli.errors import SenticliError, UsageError
from senticli.measures import measure

SMALL = ("--vectors", "none", "--hidden", "4", "--embedding-dim", "4", "--epochs", "1")
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def senticli_(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """The command line in this process: exit code, stdout, stderr."""

    def call(*args: str | Path, input: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(input)))
        code = run(list(map(str, args)))
        done = capfd.readouterr()
        return code, done.out, done.err

    return call


def table(rows: int = 12, labels: tuple[str, ...] = ("pos", "neg")) -> str:
    lines = [f"film number {n},{labels[n % len(labels)]}" for n in range(rows)]
    return "text,label\n" + "\n".join(lines) + "\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(table())
    return path


def test_rows_left_out_are_shown_before_the_error_they_explain(
    senticli_: Call, tmp_path: Path
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,label\ngood,pos\nbad,\nawful,\n")
    for option in ((), ("--strict",)):
        code, _, error = senticli_("train", "--data", path, *SMALL, *option)
        assert code == 1
        left_out, found = (error.index(text) for text in ("rows left out: no label: 2", "error:"))
        assert left_out < found
    code, out, _ = senticli_("train", "--data", path, *SMALL, "--json")
    assert code == 1
    assert json.loads(out)["findings"][0]["what"] == "rows left out: no label"
    path.write_text("text,label\ngood,\n")
    for command in (("train", *SMALL), ("eval", "--model", "bundled")):
        _, _, error = senticli_(*command, "--data", path)
        assert error.index("rows left out: no label: 1") < error.index("error:")


def test_labels_that_hardly_repeat(senticli_: Call, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    for number in ("0.{}", "0,{}", "{}%", "{} %"):
        rows = "".join(f"film {n};{number.format(n + 11)}\n" for n in range(20))
        path.write_text("text;label\n" + rows)
        code, _, error = senticli_("train", "--data", path, *SMALL)
        assert (code, "look like measurements" in error) == (1, True)
    path.write_text("text,label\n" + "".join(f"film {n},user{n}\n" for n in range(20)))
    code, _, error = senticli_("train", "--data", path, *SMALL)
    assert (code, "nearly every row has its own" in error) == (1, True)
    assert "--label-column" in error
    assert "more rows" not in error


@pytest.mark.parametrize("split", ["--valid", "--test"])
def test_label_that_training_lacks_is_refused_before_training(
    senticli_: Call, data: Path, split: str
) -> None:
    other = data.with_name("other.csv")
    other.write_text("text,label\nfine,neutral\n")
    code, _, error = senticli_("train", "--data", data, split, other, *SMALL)
    assert code == 1
    assert f"{other} has the label 'neutral'" in error
    assert "epoch" not in error


def test_texts_that_are_all_the_same_are_no_lack_of_rows(senticli_: Call, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,label\n" + "same,pos\nsame,neg\n" * 20)
    code, _, error = senticli_("train", "--data", path, *SMALL)
    assert (code, "40 examples with 1 different text are too few" in error) == (1, True)
    assert "hint: name the column of the text: --text-column NAME" in error


@pytest.mark.parametrize("split", ["--valid", "--test"])
def test_split_that_lacks_a_label_is_reported(senticli_: Call, data: Path, split: str) -> None:
    other = data.with_name("other.csv")
    other.write_text("text,label\nfine,pos\n")
    code, _, error = senticli_("train", "--data", data, split, other, *SMALL, "--dry-run")
    name = split.removeprefix("--")
    assert (code, f"labels of train that {name} lacks: 1; the first: 'neg'" in error) == (0, True)


def test_unlabelled_texts_of_imdbs_archive_are_no_label(senticli_: Call, tmp_path: Path) -> None:
    for folder in ("train/pos", "train/neg", "train/unsup", "test/pos", "test/neg"):
        (tmp_path / "aclImdb" / folder).mkdir(parents=True)
        for number in range(4):
            path = tmp_path / "aclImdb" / folder / f"{number}_7.txt"
            path.write_text(f"{folder} film {number}")
    code, out, error = senticli_("train", "-d", tmp_path / "aclImdb", *SMALL, "--dry-run", "--json")
    assert code == 0, error
    assert json.loads(out)["labels"]["train"] == {"neg": 3, "pos": 3}
    assert "rows left out: in a folder of texts without a label: 4" in error


def test_option_that_a_finding_names_is_that_of_the_command_line(
    senticli_: Call, tmp_path: Path
) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text(table().replace(",", "\t").replace("pos", '"pos"'))
    code, _, error = senticli_("train", "--data", path, *SMALL, "--dry-run")
    assert (code, "the label in quotes: --quoting csv: 6" in error) == (0, True)


def test_all_that_is_missing_is_named_at_once(senticli_: Call) -> None:
    code, _, error = senticli_("train")
    assert code == 1
    assert "not downloaded: imdb" in error
    assert "hint: senticli download imdb" in error
    code, _, error = senticli_("eval", "--model", "bundled")
    assert (code, "hint: senticli download imdb sst2" in error) == (1, True)


def test_hints_of_train_never_name_predict(senticli_: Call, tmp_path: Path, data: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    for model in (tmp_path / "broken", tmp_path, "nosuch"):
        code, _, error = senticli_("train", "--init", model, "--data", data)
        assert code == 1
        assert "predict" not in error


def test_columns_of_a_named_data_set_are_refused(senticli_: Call) -> None:
    for command in (("train", *SMALL), ("eval", "--model", "bundled")):
        code, _, error = senticli_(*command, "--data", "sample", "--text-column", "nosuch")
        assert (code, "--text-column is for files" in error) == (2, True)


@pytest.mark.parametrize("args", [["--name", ""], ["--tune", "0m"], ["--tune", "0h0s"]])
def test_names_and_times_that_are_none_are_refused(
    senticli_: Call, data: Path, args: list[str]
) -> None:
    code, _, error = senticli_("train", "--data", data, *SMALL, *args)
    assert code == 2
    assert args[0] in error


def test_bounds_are_printed_exactly() -> None:
    with pytest.raises(UsageError, match="10000001 is out of range") as caught:
        TrainConfig(vocab_size=10_000_001)
    assert "from 1 to 10000000" in caught.value.hint
    with pytest.raises(UsageError, match="4294967296"):
        TrainConfig(seed=2**32)


def test_layout_of_a_table_is_part_of_the_recipe(senticli_: Call, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(table().replace("text,label\n", "").replace(",", ";").encode("utf-16"))
    layout = ("--encoding", "utf-16", "--no-header", "--text-column", "1", "--label-column", "2")
    code, _, error = senticli_("train", "--data", path, *SMALL, *layout, "--name", "a")
    assert code == 0, error
    assert "separated by semicolons" not in error  # of training data nothing is written
    code, out, _ = senticli_("models", "reproduce", "a")
    assert "--no-header" in out
    assert "--encoding utf-16" in out
    code, out, error = senticli_("eval", "--split", "valid", "--json")
    assert code == 0, error
    code, out, error = senticli_("eval", "--data", path, *layout, "--json")
    assert json.loads(out)["examples"] == 12, error


def test_eval_prefers_the_columns_of_the_training(senticli_: Call, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(table().replace("text,label", "review text,my label"))
    columns = ("--text-column", "review text", "--label-column", "my label")
    code, _, error = senticli_("train", "--data", path, *SMALL, *columns, "--name", "a")
    assert code == 0, error
    code, out, error = senticli_("eval", "--data", path, "--json")
    assert json.loads(out)["examples"] == 12, error
    for name, content in (
        ("b.csv", table()),
        ("c.jsonl", '{"text": "good", "label": "pos"}\n'),
        ("d.txt", "__label__pos good\n"),
    ):
        (tmp_path / name).write_text(content)
        code, out, error = senticli_("eval", "--data", tmp_path / name, "--json")
        assert code == 0, error
    code, _, error = senticli_("eval", "--data", tmp_path / "b.csv", "--text-column", "body")
    assert (code, "has no column body" in error) == (1, True)


def test_eval_reads_the_splits_of_a_folder(
    senticli_: Call, tmp_path: Path, tiny_model: Path
) -> None:
    for split, count in (("train", 3), ("test", 2)):
        for label in ("negative", "positive"):
            folder = tmp_path / "d" / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}.txt").write_text("good film")
    for option, count in (((), 4), (("--split", "train"), 6)):
        code, out, error = senticli_(
            "eval", "--model", "bundled", "--data", tmp_path / "d", *option, "--json"
        )
        assert code == 0, error
        assert json.loads(out)["examples"] == count
    code, _, error = senticli_("eval", "-m", "bundled", "--data", tmp_path / "d/train/negative/..")
    assert code in (0, 1)
    code, _, error = senticli_(
        "eval", "--model", tiny_model, "--data", "sample", "--split", "train"
    )
    assert code == 0, error


def test_training_and_evaluation_from_a_pipe(senticli_: Call) -> None:
    content = table(30, ("positive", "negative")).encode()
    code, _, error = senticli_("train", "--data", "-", *SMALL, "--name", "a", input=content)
    assert code == 0, error
    code, _, error = senticli_("eval")
    assert code == 1
    assert "was trained from a pipe" in error
    code, out, error = senticli_("eval", "--data", "-", "--json", input=content)
    assert code == 0, error
    result = json.loads(out)
    assert (result["examples"], result["data"]) == (30, "standard input")


def test_label_that_is_never_predicted_is_reported(senticli_: Call, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(table(60, ("pos",) * 14 + ("neg",)))
    code, _, error = senticli_("train", "--data", path, *SMALL)
    assert code == 0
    assert "never predicted on validation: neg: try --class-weights balanced" in error


@pytest.mark.parametrize(
    ("counts", "hint"), [([20, 20], False), ([10, 20], False), ([9, 20], True)]
)
def test_class_weights_are_named_only_where_labels_are_uneven(
    tiny_model: Path, counts: list[int], hint: bool
) -> None:
    scores = np.array([[0.9, 0.1], [0.9, 0.1]])
    valid = measure(scores, np.array([0, 1]), ("neg", "pos"))
    saved = SimpleNamespace(bundle=Bundle.open(tiny_model), valid=valid, counts=counts)
    warning = next(describe_saved(cast(Any, saved)))
    assert "never predicted on validation: pos" in warning
    assert ("--class-weights balanced" in warning) == hint


def test_vectors_that_know_few_words_are_warned_of(
    senticli_: Call, data: Path, tmp_path: Path
) -> None:
    vectors = tmp_path / "v.txt"
    vectors.write_text("film 0.1 0.2\n" + "".join(f"wort{n} 0.1 0.3\n" for n in range(9)))
    code, _, error = senticli_("train", "--data", data, "--vectors", vectors, "--epochs", "1")
    assert code == 0, error
    assert f"few words are found in {vectors}" in error


@pytest.mark.parametrize(("n_rare", "noted"), [(10, True), (0, False)])
def test_start_from_published_vectors_is_offered_where_most_words_are_rare(
    senticli_: Call, tmp_path: Path, n_rare: int, noted: bool
) -> None:
    data = tmp_path / "mine.csv"
    rows = [
        f"{'good bad ' * (n + 1)}{'rare' * (n % (n_rare + 1))},{'pn'[n % 2]}\n" for n in range(40)
    ]
    data.write_text("text,label\n" + "".join(rows))
    code, _, error = senticli_("train", "--data", data, "--vectors", "own", "--epochs", "1")
    assert code == 0, error
    assert ("--vectors glove.6B.100d+own" in error) == noted


# --- checks of the data


def findings(**sources: list[str]) -> list[str]:
    parts = []
    for name, labels in sources.items():
        examples = [Example(f"{name} {number}", label) for number, label in enumerate(labels)]
        parts.append(Part(Source(name, examples, ""), range(len(examples))))
    split = Split(parts, list(sources))
    return [f"{found.what}: {found.example}" for found in check({"train": split}).findings]


def test_labels_that_differ_in_case_or_blanks_are_reported() -> None:
    (found,) = findings(a=["Pos", "pos", "very good", "Very  Good", "neg"])
    assert found == "labels that differ only in case, blanks or quotes: 'Pos', 'pos'"


def test_sources_without_a_common_label_are_reported() -> None:
    (found,) = findings(a=["pos", "neg"], b=["0", "1"])
    assert found == "sources with no label in common: a: neg, pos; b: 0, 1"
    assert findings(a=["pos", "neg"], b=["pos", "neutral"]) == []


# --- surroundings of a training


def test_package_that_cannot_be_loaded_is_not_called_missing() -> None:
    from senticli.training.packages import imported

    broken = ImportError("libcudart.so.12: cannot open shared object file")
    for error, message in (
        (broken, "cannot be loaded: libcudart.so.12"),
        (OSError("libtorch.so: invalid ELF header"), "cannot be loaded: libtorch.so"),
        (ModuleNotFoundError("no", name="torch.cuda"), "package torch, which is not installed"),
    ):
        with pytest.raises(SenticliError, match=message) as caught, imported():
            raise error
        assert caught.value.__cause__ is error
        assert "senticli[" not in caught.value.hint
    own = ModuleNotFoundError("no", name="senticli.training.nosuch")
    with pytest.raises(ModuleNotFoundError), imported():
        raise own


def test_rank_without_other_processes_silences_nothing(
    senticli_: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    code, _, error = senticli_("train", "--data", "nosuch.csv", *SMALL)
    assert code == 1
    assert "error: " in error


def test_setting_of_zero_stays_zero_in_a_search() -> None:
    pytest.importorskip("optuna")
    from senticli.training.search import _setting

    recipe = Recipe(model=ModelConfig(word_dropout=0.0), train=TrainConfig(embedding_lr=0.0))
    assert _setting(recipe, "word_dropout") == 0
    assert _setting(recipe, "embedding_lr") == 0
    with pytest.raises(AttributeError):
        _setting(recipe, "nosuch")


def closed_pipe() -> TextIO:
    """A pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


@pytest.fixture
def is_saved(data: Path, home: Path) -> Callable[[], bool]:
    """Tell whether the model ``a`` is saved, and the default."""

    def check() -> bool:
        model = home / "models" / "a"
        return (model / "config.json").exists() and (
            home / "last-model"
        ).read_text() == f"{model}\n"

    return check


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("option", [[], ["--json"]])
def test_model_is_saved_where_stdout_is_full(
    senticli_: Call,
    data: Path,
    home: Path,
    is_saved: Callable[[], bool],
    monkeypatch: pytest.MonkeyPatch,
    option: list[str],
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code, _, error = senticli_("train", "--data", data, *SMALL, "--name", "a", *option)
    assert code == 1
    assert is_saved()
    assert f"the model is saved in {home / 'models' / 'a'}" in error
    assert "error: " in error.splitlines()[-2]


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_model_is_saved_where_nobody_reads_stdout(
    senticli_: Call,
    data: Path,
    is_saved: Callable[[], bool],
    monkeypatch: pytest.MonkeyPatch,
    option: list[str],
) -> None:
    with closed_pipe() as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        code, _, error = senticli_("train", "--data", data, *SMALL, "--name", "a", *option)
    assert code == 0, error
    assert is_saved()
    assert "error" not in error


def test_model_is_saved_where_stdout_is_closed(data: Path, is_saved: Callable[[], bool]) -> None:
    words = f"{sys.executable} -m senticli train --data {data} {' '.join(SMALL)} --name a"
    done = subprocess.run(["bash", "-c", f"{words} >&-"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert is_saved()
    assert "error" not in done.stderr


def test_options_that_would_be_ignored_are_refused(senticli_: Call, data: Path) -> None:
    code, _, error = senticli_("train", "-d", data, "--valid", data, "--valid-fraction", "0.2")
    assert (code, "--valid-fraction has no meaning" in error) == (2, True)
    code, _, error = senticli_("download", "--list", "--force")
    assert (code, "have no meaning with --list" in error) == (2, True)


@pytest.mark.parametrize("size", [4, 64])
def test_balanced_loss_of_what_cannot_be_learned_is_that_of_a_coin(
    senticli_: Call, tmp_path: Path, size: int
) -> None:
    chosen = random.Random(1)
    words = ["app", "plain", "room", "green", "round", "new", "lamp", "book", "hard", "soft"]
    rows = (
        f"{' '.join(chosen.choices(words, k=8))},{'neg' if n % 20 else 'pos'}" for n in range(600)
    )
    path = tmp_path / "mine.csv"
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    options = ("--vectors", "none", "--hidden", "8", "--epochs", "2")
    code, out, error = senticli_(
        *("train", "--data", path, *options, "--batch-size", str(size)),
        *("--rnn", "lstm", "--schedule", "onecycle"),
        *("--class-weights", "balanced", "--json"),
    )
    assert code == 0, error
    losses = [json.loads(line)["valid_loss"] for line in out.splitlines() if '"epoch"' in line]
    assert losses == [pytest.approx(math.log(2), abs=0.03)] * 2


def test_labels_option_maps_values_and_is_recorded(senticli_: Call, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(table(labels=("1", "5")))
    names = ("--labels", "bad=1,2", "--labels", "good=4,5")
    code, out, err = senticli_("train", "--data", path, *names, *SMALL)
    assert code == 0, err
    bundle = Bundle.open(Path(out.strip()))
    assert bundle.config.labels == ("bad", "good")
    assert bundle.training.label_map == ("bad=1,2", "good=4,5")
    code, _, err = senticli_("eval", "--split", "valid")
    assert code == 0, err


def test_mapped_value_that_no_row_has_is_reported(senticli_: Call, tmp_path: Path) -> None:
    path, other = tmp_path / "mine.csv", tmp_path / "other.csv"
    path.write_text(table(labels=("1,0", "5")).replace("1,0", '"1,0"'))
    other.write_text("text,label\nfine,4\n")
    names = ("--labels", "bad=1,2", "--labels", "good=4,5,6")
    code, _, err = senticli_("train", "--data", path, "--test", other, *names, *SMALL, "--strict")
    assert code == 1
    assert "warning: mapped values that no row has: 2; the first: '2'\n" in err


def test_labels_option_is_for_files(senticli_: Call) -> None:
    code, _, err = senticli_("train", "--data", "sample", "--labels", "bad=1")
    assert code == 2
    assert "--labels is for files" in err


def soft_table(rows: int = 12) -> str:
    lines = [f"film number {n},{n % 2 * 0.6 + 0.2:g},{0.8 - n % 2 * 0.6:g}" for n in range(rows)]
    return "text,neg,pos\n" + "\n".join(lines) + "\n"


def test_model_is_trained_and_measured_on_soft_labels(senticli_: Call, tmp_path: Path) -> None:
    path = tmp_path / "soft.csv"
    path.write_text(soft_table())
    columns = ("--score-columns", "neg,pos")
    code, out, err = senticli_("train", "--data", path, *columns, *SMALL)
    assert code == 0, err
    assert "soft labels 10 of 10 in train, the likeliest 80.0% on average" in err
    bundle = Bundle.open(Path(out.strip()))
    assert bundle.config.labels == ("neg", "pos")
    assert bundle.training.score_columns == "neg,pos"
    code, out, err = senticli_("eval", "--data", path, *columns, "--json")
    assert code == 0, err
    assert json.loads(out)["examples"] == 12
    assert "note: 12 of 12 examples have soft labels" in err


def test_training_texts_that_are_held_out_are_left_out_if_asked(
    senticli_: Call, data: Path, tmp_path: Path
) -> None:
    held_out = tmp_path / "valid.csv"
    held_out.write_text('text,label\n"Film, number 0!",pos\nother,neg\n')
    command = ("train", "--data", data, "--valid", held_out, *SMALL, "--dry-run")
    note = "note: training texts in a validation or test split are left out: 1 of "
    assert note in senticli_(*command, "--drop-leaks")[2]
    assert note not in senticli_(*command)[2]


def test_soft_and_other_rows_are_mixed(senticli_: Call, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "soft.csv"
    path.write_text(soft_table().replace("film", "book"))
    both = ("--data", data, "--data", path, "--score-columns", "neg,pos")
    code, out, err = senticli_("train", *both, *SMALL, "--class-weights", "balanced", "--json")
    assert code == 0, err
    report = json.loads(out.splitlines()[0])
    assert report["labels"]["train"] == {"neg": 10, "pos": 10}
    assert report["soft"]["train"]["examples"] == 10


SCORES = "score_negative,score_neutral,score_positive"


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_answers_of_a_model_train_another(senticli_: Call, tmp_path: Path, format: str) -> None:
    texts, answers = tmp_path / "texts.csv", tmp_path / f"answers.{format}"
    rows = [f"{word} film, part {n}\n" for n in range(8) for word in ("great", "awful")]
    texts.write_text("text\n" + "".join(f'"{row.strip()}"\n' for row in rows))
    predict = ("predict", "-m", "bundled", "-i", texts, "--scores", "-o", answers)
    code, _, err = senticli_(*predict)
    assert code == 0, err
    columns = ("--score-columns", SCORES) if format == "csv" else ()
    code, out, err = senticli_("train", "--data", answers, *columns, *SMALL)
    assert code == 0, err
    assert "soft labels" in err
    assert Bundle.open(Path(out.strip())).config.labels == ("negative", "neutral", "positive")


def test_score_columns_that_no_row_has_are_refused(senticli_: Call, data: Path) -> None:
    code, _, err = senticli_("train", "--data", data, "--score-columns", "a,b", *SMALL)
    assert code == 1
    assert "has scores in a,b (columns: text, label)" in err
    assert "hint: name the columns, one for each label" in err


def test_bad_scores_are_reported_with_the_data(senticli_: Call, tmp_path: Path) -> None:
    path = tmp_path / "soft.csv"
    path.write_text(soft_table() + "bad film,-1,2\nworse film,20,80\n")
    options = ("--data", path, "--score-columns", "neg,pos", "--strict")
    code, _, err = senticli_("train", *options, *SMALL)
    assert code == 1
    assert "rows left out: a negative score: 1" in err
    assert "rows left out: scores that do not add up to 1: 1" in err
