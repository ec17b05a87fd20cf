"""Settings: every default makes sense, and a value that does not names its option."""

import math

import pytest

from senticli.cli.options import command_of, options_of
from senticli.config import (
    PRESETS,
    ModelConfig,
    OutputConfig,
    Recipe,
    TrainConfig,
    types_of,
)
from senticli.errors import ConfigError


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (ModelConfig, "rnn", "cnn"),
        (ModelConfig, "layers", 9),
        (ModelConfig, "layers", 0),
        (ModelConfig, "hidden", 0),
        (ModelConfig, "pooling", "median"),
        (ModelConfig, "pooling", "max+max"),
        (ModelConfig, "pooling", "max+mean+last"),
        (ModelConfig, "embedding_dropout", 1.5),
        (TrainConfig, "data", ()),
        (TrainConfig, "unlabelled", ("texts.txt", "-")),
        (TrainConfig, "unlabelled", ("none", "texts.txt")),
        (TrainConfig, "vectors", "+own"),
        (TrainConfig, "vectors", "none+own"),
        (TrainConfig, "vectors", "own+own"),
        (TrainConfig, "label_map", ("negative",)),
        (TrainConfig, "label_map", ("negative=1,",)),
        (TrainConfig, "label_map", ("negative=1,2", "positive=2.0,3")),
        (TrainConfig, "vocab_size", 0),
        (TrainConfig, "valid_fraction", 0),
        (TrainConfig, "max_length", 3),
        (TrainConfig, "epochs", 0),
        (TrainConfig, "patience", -1),
        (TrainConfig, "batch_size", 0),
        (TrainConfig, "optimizer", "sgd"),
        (TrainConfig, "lr", 0),
        (TrainConfig, "lr", float("nan")),
        (TrainConfig, "schedule", "linear"),
        (TrainConfig, "clip", float("nan")),
        (TrainConfig, "precision", "int8"),
        (TrainConfig, "quantize", "int4"),
        (TrainConfig, "seed", -1),
    ],
)
def test_value_that_makes_no_sense_names_its_setting(kind: type, name: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        kind(**{name: value})
    assert caught.value.setting == name
    assert f"`{name}`" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind in (ModelConfig, TrainConfig, OutputConfig)
        for name, of_value in types_of(kind).items()
        if of_value in (float, float | None)
    ],
)
def test_number_that_is_none_is_out_of_range(kind: type, name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"`{name}` {value} is out of range") as caught:
        kind(**{name: value})
    assert "use a value from " in caught.value.hint


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "attention", "max+attention"])
def test_poolings(pooling: str) -> None:
    assert ModelConfig(pooling=pooling).pooling == pooling


def test_options_override_a_preset_and_none_means_not_given() -> None:
    recipe = PRESETS["notebook"].with_settings({"rnn": "gru", "layers": None, "epochs": 2})
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


def test_little_data_is_seen_more_often() -> None:
    assert [TrainConfig().epochs_for(texts) for texts in (1, 12_500, 25_000)] == [12, 8, 7]
    assert TrainConfig(epochs=3).epochs_for(1) == 3


def test_the_default_preset_is_the_dataclasses() -> None:
    assert PRESETS["default"] == Recipe(model=ModelConfig(), train=TrainConfig())


def test_options_of_a_recipe() -> None:
    assert options_of(Recipe()) == []
    recipe = PRESETS["notebook"].with_settings(
        {"data": ("a.csv", "b.csv"), "bidirectional": False, "lowercase": False, "vectors": "none"}
    )
    words = options_of(recipe)
    assert words[:6] == ["--rnn", "lstm", "--layers", "2", "--hidden", "256"]
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
    assert options_of(recipe).count("--word-dropout") == 1
    assert "--hidden" not in options_of(recipe)
    assert options_of(Recipe()) == []
    assert command_of(Recipe(), "a b") == "senticli train --name 'a b'"
