"""``senticli eval``."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from senticli import paths
from senticli.bundle import Bundle
from senticli.data.catalogue import ASSETS, DATASETS
from senticli.download import installed
from senticli.download.install import install_many

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_split_of_the_models_own_data_by_default(senticli: Run, tiny_model: Path) -> None:
    done = senticli("eval", "--model", tiny_model)
    assert done.returncode == 0
    assert "sample test" in done.stdout
    words = ("accuracy", "95 % interval", "loss", "precision", "recall", "F1", "predicted")
    for word in (*words, "balanced accuracy", "ROC-AUC", "Brier score", "calibration error"):
        assert word in done.stdout
    assert "120 examples" in done.stdout


@pytest.mark.parametrize(("split", "count"), [("train", 480), ("valid", 120), ("test", 120)])
def test_json(senticli: Run, tiny_model: Path, split: str, count: int) -> None:
    done = senticli("eval", "--model", tiny_model, "--split", split, "--json")
    result = json.loads(done.stdout)
    assert set(result) == {
        *("model", "data", "restricted", "examples", "loss", "accuracy", "interval"),
        "findings",
        *("figures", "labels", "confusion", "coverage", "calibration", "examples_sha256", "right"),
    }
    assert result["data"] == f"sample {split}"
    assert result["examples"] == count == sum(map(sum, result["confusion"]))
    assert result["interval"][0] <= result["accuracy"] <= result["interval"][1]
    right = sum(row[number] for number, row in enumerate(result["confusion"]))
    assert result["accuracy"] == pytest.approx(right / count)
    assert [row["label"] for row in result["labels"]] == ["negative", "neutral", "positive"]
    assert result["restricted"] == {}


def test_validation_equals_what_training_recorded(senticli: Run, tiny_model: Path) -> None:
    recorded = json.loads((tiny_model / "config.json").read_text())["provenance"]["valid"]
    result = json.loads(
        senticli("eval", "--model", tiny_model, "--split", "valid", "--json").stdout
    )
    assert result["accuracy"] == pytest.approx(recorded["accuracy"])
    assert result["loss"] == pytest.approx(recorded["loss"], abs=1e-5)


def test_a_file_is_taken_whole(senticli: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,label\ngreat film,positive\nterrible film,negative\n")
    result = json.loads(senticli("eval", "--data", path, "--json").stdout)
    assert result["examples"] == 2
    assert result["accuracy"] == 1
    assert result["data"] == str(path)


def test_several_data_are_measured_together(
    senticli: Run, tmp_path: Path, tiny_model: Path
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,label\ngreat film,positive\nterrible film,negative\n")
    options = ("--model", tiny_model, "--data", path, "--data", "sample", "--json")
    done = senticli("eval", *options)
    result = json.loads(done.stdout)
    assert result["examples"] == 122
    assert result["data"] == f"{path}, sample test"
    assert result["restricted"] == {str(path): ["negative", "positive"]}
    assert (
        f"note: no example of {path} is neutral: the answers are among negative, positive"
        in done.stderr
    )


def test_split_of_several_data_is_refused_where_one_has_none(senticli: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,label\ngreat film,positive\n")
    done = senticli("eval", "-m", "bundled", "-d", "sample", "-d", path, "--split", "valid")
    assert done.returncode == 2
    assert f"{path} has none" in done.stderr


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("text,label\ngood,5 stars\n", "the label '5 stars' is not among the model's"),
        ("text,label\n", "has no examples"),
        ("a,b\n1,2\n", "has no text column"),
    ],
)
def test_files_that_do_not_fit(senticli: Run, tmp_path: Path, content: str, error: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(content)
    done = senticli("eval", "--data", path)
    assert done.returncode == 1
    assert error in done.stderr
    assert done.stderr.splitlines()[1].startswith("hint: ")


def test_missing_dataset_names_the_command_that_downloads_it(senticli: Run) -> None:
    done = senticli("eval", "--data", "imdb")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1] == "hint: senticli download imdb"


def test_a_wrong_split(senticli: Run) -> None:
    done = senticli("eval", "--split", "tset")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "hint: senticli eval --help" in done.stderr


def test_bundled_model_records_sources_that_exist() -> None:
    data = Bundle.open(paths.BUNDLED_MODEL).config.provenance["sha256"]["data"]
    named = {name for name in data if "/" in name}  # others are files of our own
    assert {"imdb/train", "imdb/unlabelled", "goemotions/valid"} <= named
    assert {name.partition("/")[0] for name in named} <= set(DATASETS)


def test_bundled_model_records_the_data_as_it_is(test_data: Path) -> None:
    list(install_many([ASSETS["sst2"]], source=str(test_data), verify=False))
    hashes = installed.provenance(ASSETS["sst2"])["hashes"]
    data = Bundle.open(paths.BUNDLED_MODEL).config.provenance["sha256"]["data"]
    assert {f"sst2/{split}": digest for split, digest in hashes.items()}.items() <= data.items()


def test_report_is_written_and_named(senticli: Run, tmp_path: Path) -> None:
    data, page = tmp_path / "mine.csv", tmp_path / "page.html"
    data.write_text("text,label,shop\ngreat film,positive,Bonn\nterrible film,positive,Köln\n")
    page.write_text("the one before")
    done = senticli("eval", "-d", data, "--slice", "shop", "--report", page)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == f"report: {page}"
    content = page.read_text()
    assert "By shop" in content
    assert f"<pre>senticli eval -d {data} --slice shop --report {page}</pre>" in content


@pytest.mark.parametrize(
    ("options", "code", "error", "hint"),
    [
        (["--report", "page.pdf"], 2, "--report 'page.pdf' is not a page", "use a name in .html"),
        (["--report", "none/page.html"], 1, "there is no folder", "create it first"),
        (["--slice", "shop"], 2, "--slice has no use without a report", "add --report FILE.html"),
        (
            ["--slice", "shop", "--report", "page.html"],
            2,
            "--slice is for files, and sample is a data set with a name",
            "leave it out",
        ),
    ],
)
def test_report_that_cannot_be_written(
    senticli: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    code: int,
    error: str,
    hint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = senticli("eval", "-d", "sample", *options)
    assert done.returncode == code
    assert error in done.stderr
    assert f"hint: {hint}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_slice_of_a_column_that_is_not_there(senticli: Run, tmp_path: Path) -> None:
    data = tmp_path / "mine.csv"
    data.write_text("text,label,shop\ngreat film,positive,Bonn\n")
    page = tmp_path / "page.html"
    done = senticli("eval", "-d", data, "--slice", "town", "--report", page)
    assert done.returncode == 1
    assert "has no column town (it has: text, label, shop)" in done.stderr
    assert "hint: name the column: --slice NAME" in done.stderr
    assert not page.exists()
