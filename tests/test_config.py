"""Settings: every default makes sense, and a value that does not names its option."""

import pytest

from senticli.config import PRESETS, ModelConfig, Recipe, TrainConfig
from senticli.errors import UsageError


@pytest.mark.parametrize(
    ("kind", "field", "value", "flag"),
    [
        (ModelConfig, "rnn", "cnn", "--rnn"),
        (ModelConfig, "layers", 9, "--layers"),
        (ModelConfig, "layers", 0, "--layers"),
        (ModelConfig, "hidden", 0, "--hidden"),
        (ModelConfig, "pooling", "median", "--pooling"),
        (ModelConfig, "pooling", "max+max", "--pooling"),
        (ModelConfig, "pooling", "max+mean+last", "--pooling"),
        (ModelConfig, "embedding_dropout", 1.5, "--embedding-dropout"),
        (TrainConfig, "data", (), "--data"),
        (TrainConfig, "vocab_size", 0, "--vocab-size"),
        (TrainConfig, "valid_fraction", 0, "--valid-fraction"),
        (TrainConfig, "max_length", 3, "--max-length"),
        (TrainConfig, "epochs", 0, "--epochs"),
        (TrainConfig, "patience", -1, "--patience"),
        (TrainConfig, "batch_size", 0, "--batch-size"),
        (TrainConfig, "optimizer", "sgd", "--optimizer"),
        (TrainConfig, "lr", 0, "--lr"),
        (TrainConfig, "lr", float("nan"), "--lr"),
        (TrainConfig, "schedule", "linear", "--schedule"),
        (TrainConfig, "clip", float("nan"), "--clip"),
        (TrainConfig, "precision", "int8", "--precision"),
        (TrainConfig, "quantize", "int4", "--quantize"),
        (TrainConfig, "seed", -1, "--seed"),
    ],
)
def test_a_senseless_value_names_its_option(
    kind: type, field: str, value: object, flag: str
) -> None:
    with pytest.raises(UsageError) as caught:
        kind(**{field: value})
    assert flag in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "attention", "max+attention"])
def test_poolings(pooling: str) -> None:
    assert ModelConfig(pooling=pooling).pooling == pooling


def test_options_override_a_preset_and_none_means_not_given() -> None:
    recipe = PRESETS["notebook"].with_options({"rnn": "gru", "layers": None, "epochs": 2})
    assert recipe.model.rnn == "gru"
    assert recipe.model.layers == 2
    assert recipe.train.epochs == 2
    assert recipe.train.batch_size == 64


def test_the_notebook_preset_is_the_notebook() -> None:
    recipe = PRESETS["notebook"]
    model, train = recipe.model, recipe.train
    assert (model.rnn, model.layers, model.hidden, model.pooling) == ("lstm", 2, 256, "last")
    assert model.embedding_dropout == model.layer_dropout == model.output_dropout == 0.5
    assert (train.optimizer, train.lr, train.schedule, train.clip) == ("adam", 1e-3, "constant", 0)
    assert (train.batch_size, train.vocab_size, train.valid_fraction) == (64, 25_000, 0.3)
    assert (train.epochs, train.patience, train.max_length) == (5, 0, 0)
    assert train.decay == 0
    assert TrainConfig().decay == 0.01


def test_little_data_gets_small_batches() -> None:
    assert [TrainConfig().batch_size_for(texts) for texts in (1, 320, 25_000)] == [1, 8, 64]
    assert TrainConfig(batch_size=32).batch_size_for(320) == 32


def test_the_default_preset_is_the_dataclasses() -> None:
    assert PRESETS["default"] == Recipe(model=ModelConfig(), train=TrainConfig())


def test_options_of_a_recipe() -> None:
    assert Recipe().options() == []
    recipe = PRESETS["notebook"].with_options(
        {"data": ("a.csv", "b.csv"), "bidirectional": False, "lowercase": False, "vectors": "none"}
    )
    words = recipe.options()
    assert words[:4] == ["--layers", "2", "--hidden", "256"]
    text = " ".join(words)
    for part in (
        "--unidirectional",
        "--cased",
        "--data a.csv --data b.csv",
        "--word-dropout 0.0",
        "--lr 0.001",
        "--vectors none",
        "--batch-size 64",
    ):
        assert part in text
    assert "--embedding-dim" not in text  # it is the usual


def test_options_with_init_tell_every_dropout() -> None:
    recipe = Recipe(train=TrainConfig(init="bundled", vectors="none"))
    assert recipe.options().count("--word-dropout") == 1
    assert "--hidden" not in recipe.options()
    assert Recipe().options() == []
    assert Recipe().command("a b") == "senticli train --name 'a b'"
