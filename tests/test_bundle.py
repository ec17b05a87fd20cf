"""The model directory: its exact files, verified as they are read, replaced whole."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from senticli import bundle, paths
from senticli.bundle import FILES, Bundle
from senticli.config import TrainConfig
from senticli.errors import SenticliError
from senticli.io import atomic
from senticli.model import Model


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "copy"))


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def test_the_files_of_a_bundle(tiny_model: Path) -> None:
    assert {path.name for path in tiny_model.iterdir()} == {"config.json", *FILES}
    for path in tiny_model.iterdir():
        assert not path.read_bytes().startswith(b"\x80"), f"{path} looks like a pickle"


def test_what_config_json_tells(tiny_model: Path) -> None:
    config = json.loads((tiny_model / "config.json").read_text())
    assert config["labels"] == ["negative", "neutral", "positive"]
    assert config["model"]["hidden"] == 16
    assert set(config["files"]) == set(FILES)
    provenance = config["provenance"]
    assert provenance["command"].startswith("senticli train --data sample")
    assert provenance["train"]["seed"] == 1
    assert set(provenance["sha256"]["data"]) == {"sample/train", "sample/valid"}
    assert provenance["valid"]["examples"] == 120
    assert provenance["versions"]["torch"]
    history = [json.loads(line) for line in (tiny_model / "history.jsonl").read_text().splitlines()]
    assert [epoch["epoch"] for epoch in history] == [1, 2, 3]


@pytest.mark.parametrize("name", ["vocab.txt", "tokenizer.json", "model.onnx"])
def test_a_damaged_or_missing_file_is_named(copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-1] + b"?")
    with pytest.raises(SenticliError, match=name):
        Model(Bundle.open(copy))
    (copy / name).unlink()
    with pytest.raises(SenticliError, match=name):
        Model(Bundle.open(copy))


def test_no_bundle_at_all(tmp_path: Path) -> None:
    with pytest.raises(SenticliError, match=r"no config\.json"):
        Bundle.open(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.pop("labels"),
        lambda config: config.update(surprise=1),
        lambda config: config["model"].update(rnn="cnn"),
        lambda config: config.update(model=3),
        lambda config: config.update(labels=["one"]),
        lambda config: config.update(labels=["same", "same"]),
        lambda config: config.update(labels=[0, 1]),
        lambda config: config.update(temperature="x"),
        lambda config: config.update(temperature=0),
        lambda config: config.update(files=[]),
        lambda config: config.update(vocab_size="many"),
        lambda config: config.update(created="2026-01-01"),
        lambda config: config["model"].update(pooling=None),
        lambda config: config["model"].update(hidden=True),
        lambda config: config["usual"].update(unknown="1"),
        lambda config: config["provenance"].update(command=1),
        lambda config: config["provenance"].update(command="'"),
        lambda config: config["provenance"].update(seconds=float("inf")),
        lambda config: config["provenance"]["valid"].update(accuracy=2),
        lambda config: config["provenance"]["valid"].update(examples=0),
        lambda config: config["provenance"]["train"].update(data=[None]),
        lambda config: config["provenance"]["train"].update(vectors=1),
        lambda config: config["provenance"]["train"].update(teacher=[1]),
        lambda config: config["provenance"]["train"].update(teacher=["a"], teacher_weight="b"),
        lambda config: config["provenance"]["train"].update(mix=2),
        lambda config: config["provenance"]["sha256"].update(teachers=3),
        lambda config: config["provenance"]["sha256"].update(own_vectors=[]),
        lambda config: config["provenance"]["valid"].update(sources=[{"name": "a"}]),
    ],
)
def test_a_config_that_is_not_ours(copy: Path, change: Callable[[dict[str, Any]], None]) -> None:
    edit(copy, change)
    with pytest.raises(SenticliError, match="broken"):
        Bundle.open(copy)


def test_more_labels_than_the_network_has(copy: Path) -> None:
    edit(copy, lambda config: config.update(labels=["a", "b", "c", "d"]))
    with pytest.raises(SenticliError, match="labels"):
        Model(Bundle.open(copy))


def test_a_config_without_its_training(copy: Path) -> None:
    edit(copy, lambda config: config["provenance"]["train"].pop("data"))
    with pytest.raises(SenticliError, match="how it was trained"):
        _ = Bundle.open(copy).training


def test_a_training_with_settings_of_other_types(copy: Path) -> None:
    edit(copy, lambda config: config["provenance"]["train"].update(epochs=True))
    with pytest.raises(SenticliError, match="how it was trained"):
        _ = Bundle.open(copy).training


def test_config_without_statistics_opens(copy: Path) -> None:
    edit(copy, lambda config: config.update(usual=None))
    assert Bundle.open(copy).config.usual is None


@pytest.mark.parametrize(
    "provenance", [None, [], {"valid": None}, {"train": None}, {"valid": {"accuracy": 0.5}}]
)
def test_a_config_of_other_things(copy: Path, provenance: object) -> None:
    def change(config: dict[str, Any]) -> None:
        if isinstance(provenance, dict):
            config["provenance"].update(provenance)
        else:
            config["provenance"] = provenance

    edit(copy, change)
    with pytest.raises(SenticliError, match=r"config\.json is not that of a senticli model"):
        Bundle.open(copy)


def test_json_that_is_no_config(copy: Path) -> None:
    for content in ("[]", "{", '{"architectures": ["BertModel"]}'):
        (copy / "config.json").write_text(content)
        with pytest.raises(SenticliError, match="broken"):
            Bundle.open(copy)


def put(folder: Path, name: str, content: str) -> Bundle:
    """Replace a file and its hash, as whoever changes a model can."""
    (folder / name).write_text(content)
    edit(folder, lambda config: config["files"].update({name: atomic.sha256_of(folder / name)}))
    return Bundle.open(folder)


EPOCH = {"epoch": 1, "valid_loss": 0.5, "valid_accuracy": 0.5, "best": True}


@pytest.mark.parametrize(
    "change",
    [{"epoch": 2}, {"epoch": None}, {"valid_loss": "x"}, {"valid_accuracy": None}, {"best": False}],
)
def test_a_history_of_other_things(copy: Path, change: dict[str, Any]) -> None:
    assert put(copy, "history.jsonl", json.dumps(EPOCH)).history() == [EPOCH]
    opened = put(copy, "history.jsonl", json.dumps(EPOCH | change))
    with pytest.raises(SenticliError, match=r"broken: history\.jsonl holds no epochs"):
        opened.history()


@pytest.mark.parametrize("content", ["1", "{}", "[" * 100_000])
def test_json_lines_that_are_no_history(copy: Path, content: str) -> None:
    with pytest.raises(SenticliError, match=r"broken: history\.jsonl holds no epochs"):
        put(copy, "history.jsonl", content).history()


@pytest.mark.parametrize(
    "change",
    [
        {"common": 1},
        {"common": {}},
        {"prefix": 1},
        {"exceptions": []},
        {"exceptions": {"dont": ["do", "not"]}, "sequences": {}},
        {"sequences": {"": []}},
        {"sequences": {"of no exception": ["of no exception"]}},
    ],
)
def test_tokenizer_rules_of_other_things(copy: Path, change: dict[str, Any]) -> None:
    rules = json.loads((copy / "tokenizer.json").read_text())
    opened = put(copy, "tokenizer.json", json.dumps(rules | change))
    with pytest.raises(SenticliError, match=r"broken: tokenizer\.json holds no rules"):
        opened.encoder()


def test_a_tokenizer_rule_that_is_no_regular_expression(copy: Path) -> None:
    rules = json.loads((copy / "tokenizer.json").read_text())
    rules["common"]["prefix"] = "("
    encoder = put(copy, "tokenizer.json", json.dumps(rules)).encoder()
    with pytest.raises(SenticliError, match=r"broken: prefix in its tokenizer\.json"):
        encoder("($5)")


def test_a_later_format(copy: Path) -> None:
    edit(copy, lambda config: config.update(format=99))
    with pytest.raises(SenticliError, match="format 99") as caught:
        Bundle.open(copy)
    assert "update" in caught.value.hint


def test_a_failed_write_keeps_the_old_model(copy: Path) -> None:
    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    opened = Bundle.open(copy)
    with pytest.raises(SenticliError, match="no space left") as caught:
        bundle.save(copy, opened.config, full)
    assert str(copy) in caught.value.message
    Model(Bundle.open(copy))
    assert [path.name for path in copy.parent.iterdir() if path.name != "home"] == ["copy"]


def test_names_and_shapes_of_the_weights_are_checked(copy: Path) -> None:
    from senticli.training.export.float32 import load_model

    assert load_model(Bundle.open(copy)).config.hidden == 16
    edit(copy, lambda config: config["model"].update(hidden=17))
    with pytest.raises(SenticliError, match=r"model\.safetensors does not fit"):
        load_model(Bundle.open(copy))


def test_the_bundled_model_is_whole_and_knows_where_it_comes_from() -> None:
    opened = Bundle.open(paths.BUNDLED_MODEL)
    for name in FILES:
        assert opened.read(name)
    assert opened.config.labels == ("negative", "neutral", "positive")
    provenance = opened.config.provenance
    assert provenance["command"].startswith("senticli train")
    assert provenance["sha256"]["data"]
    assert "/" not in provenance["command"], "a path of the machine it was made on"
    assert (paths.BUNDLED_MODEL / "model.onnx").stat().st_size < 8e6
    # A setting that is newer than the model: record what it had, or its command trains another.
    named = provenance["train"].keys()
    assert named >= {field.name for field in dataclasses.fields(TrainConfig)}
