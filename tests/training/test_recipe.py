"""From settings to a recipe, and to the folder of its model."""

from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from senticli import load
from senticli.cli.options import options_of
from senticli.config import Recipe, TrainConfig
from senticli.data.splits import unlabelled_of
from senticli.errors import ConfigError, UsageError
from senticli.training import recipe
from senticli.training.recipe import recipe_of, target_of


def test_preset_gives_what_settings_leave_open() -> None:
    found = recipe_of({"data": "sample", "rnn": "gru", "epochs": None}, "notebook")
    assert found.train.data == ("sample",)
    assert (found.model.rnn, found.model.layers, found.train.epochs) == ("gru", 2, 5)


def test_unknown_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="`nosuch` is not a setting"):
        recipe_of({"nosuch": 1})


def test_files_are_named_by_their_full_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text("text,label\n")
    assert recipe_of({"data": "mine.csv"}).train.data == (str(tmp_path / "mine.csv"),)
    for name in ("vectors.txt", "own"):
        Path(name).write_text("film 1 2\n")
    for vectors, found in (
        ("vectors.txt", f"{tmp_path / 'vectors.txt'}"),
        ("vectors.txt+own", f"{tmp_path / 'vectors.txt'}+own"),
        ("glove.6B.100d+own", "glove.6B.100d+own"),
        ("own", "own"),
    ):
        assert recipe_of({"data": "mine.csv", "vectors": vectors}).train.vectors == found


def test_models_to_learn_from_may_be_loaded_ones(tiny_model: Path) -> None:
    name, model = str(tiny_model), load(tiny_model)
    for teacher, found in ((name, (name,)), (model, (name,)), ([tiny_model, model], (name, name))):
        assert recipe_of({"teacher": teacher}).train.teacher == found
    assert recipe_of({"init": model}).train.init == name


def test_weights_and_vectors_may_be_lists_and_paths(tmp_path: Path) -> None:
    data = ["imdb", "sample"]
    found = recipe_of({"data": data, "mix": [2, 0.5], "vectors": tmp_path / "vectors.txt"}).train
    assert (found.mix, found.vectors) == ("2,0.5", str(tmp_path / "vectors.txt"))


def test_models_of_one_second_have_different_names(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(recipe, "datetime", Clock)
    plain = Recipe(train=TrainConfig(data=("sample",)))
    names = []
    for _ in range(3):
        target = target_of(plain)
        target.mkdir(parents=True)
        names.append(target.name)
    first = "gru-1x128-sample-seed1-20260102-030405"
    assert names == [first, f"{first}-2", f"{first}-3"]


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "bundled"])
def test_name_of_a_model_is_a_plain_word(name: str) -> None:
    with pytest.raises(ConfigError, match="`name`"):
        target_of(Recipe(), name)


def test_name_and_folder_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`name` and `output`"):
        target_of(Recipe(), "mine", tmp_path)


def test_size_of_own_vectors_may_be_chosen() -> None:
    assert recipe_of({"vectors": "own", "embedding_dim": 50}).model.embedding_dim == 50
    with pytest.raises(ConfigError, match="`embedding_dim` is that of the vectors"):
        recipe_of({"vectors": "glove.6B.100d+own", "embedding_dim": 50})


def test_vectors_are_learned_where_unlabelled_texts_come_along(tmp_path: Path) -> None:
    more = tmp_path / "more.txt"
    more.touch()
    for settings, vectors in (
        ({}, "own"),
        ({"data": ("sample", "imdb")}, "own"),
        ({"data": "sample", "unlabelled": more}, "own"),
        ({"data": "sample"}, "glove.6B.100d"),
        ({"unlabelled": "none"}, "glove.6B.100d"),
    ):
        assert recipe_of(settings).train.vectors == vectors


def test_unlabelled_texts_of_the_data_come_along() -> None:
    assert unlabelled_of(recipe_of({"data": ("sample", "imdb")}).train) == ("imdb",)
    for settings in (
        {"unlabelled": "none", "vectors": "own"},
        {"vectors": "none"},
        {"data": "sample"},
    ):
        assert unlabelled_of(recipe_of(settings).train) == ()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"vectors": "own"},
        {"vectors": "own", "data": "sample"},
        {"data": "imdb", "unlabelled": "none"},
        {"data": "imdb", "unlabelled": "none", "vectors": "own"},
    ],
)
def test_options_give_the_vectors_that_follow_from_the_data(settings: dict[str, str]) -> None:
    recipe = recipe_of({"data": "sst2", **settings})
    words = options_of(recipe)
    given = dict(zip(words[::2], words[1::2], strict=True))
    assert recipe_of({name.lstrip("-"): value for name, value in given.items()}) == recipe


def test_window_of_own_vectors_needs_own_vectors() -> None:
    window = {"vector_window": 10}
    for settings in ({"vectors": "none"}, {"data": "sample"}, {"vectors": "glove.6B.100d"}):
        with pytest.raises(ConfigError, match="`vector_window` has no use without own vectors"):
            recipe_of({**settings, **window})
    assert recipe_of({**window, "vectors": "glove.6B.100d+own"}).train.vector_window == 10
    assert "--vector-window" in options_of(recipe_of({}, "best"))
    assert "--vector-window" not in options_of(recipe_of({"vectors": "none"}, "best"))


def test_own_vectors_do_not_go_with_a_model_to_start_from(tiny_model: Path) -> None:
    with pytest.raises(ConfigError, match="`vectors`"):
        recipe_of({"vectors": "own", "init": str(tiny_model)})


def test_unlabelled_texts_need_own_vectors_or_a_teacher() -> None:
    with pytest.raises(ConfigError, match="`unlabelled`") as caught:
        recipe_of({"unlabelled": "imdb", "vectors": "none"})
    assert caught.value.hint == "add `vectors=own` or `teacher=NAME`"
    assert recipe_of({"unlabelled": "imdb", "vectors": "own"}).train.unlabelled == ("imdb",)
