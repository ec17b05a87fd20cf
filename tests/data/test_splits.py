"""Splits: grouped by movie, reproducible, honest about what is not there."""

import json
from pathlib import Path
from typing import Any

import pytest

from senticli.config import TrainConfig
from senticli.data.columns import read_columns, write_columns
from senticli.data.labelled import Example
from senticli.data.splits import (
    hold_out,
    load_split,
    load_training_data,
)
from senticli.errors import SenticliError, UsageError

Rows = list[dict[str, str]]


def install(home: Path, name: str, **splits: Rows) -> None:
    """A data set as ``senticli download`` leaves it."""
    folder = home / "datasets" / name
    folder.mkdir(parents=True, exist_ok=True)
    columns = {
        split: {column: [row[column] for row in rows] for column in rows[0]}
        for split, rows in splits.items()
    }
    with (folder / "examples.npz").open("wb") as file:
        hashes = write_columns(file, columns)
    counts = {split: len(rows) for split, rows in splits.items()}
    (folder / "source.json").write_text(
        json.dumps({"verified": None, "bytes": 1, "counts": counts, "hashes": hashes})
    )


def imdb(home: Path, movies: int = 40, reviews: int = 5) -> None:
    rows = [
        {
            "text": f"{movie} {review}",
            "label": ("negative", "positive")[review % 2],
            "group": f"tt{movie}",
        }
        for movie in range(movies)
        for review in range(reviews)
    ]
    unlabelled = [{"text": row["text"], "group": row["group"]} for row in rows]
    install(home, "imdb", train=rows, test=rows[:6], unlabelled=unlabelled)


def load(split: str, data: str = "imdb", fraction: float = 0.2, seed: int = 1) -> list[Example]:
    config = TrainConfig(data=(data,), valid_fraction=fraction, seed=seed)
    return load_split(config, split).examples


def test_validation_shares_no_movie_with_training(home: Path) -> None:
    imdb(home)
    train, valid = load("train"), load("valid")
    assert len(valid) == 40
    assert len(train) == 160
    assert not {e.group for e in train} & {e.group for e in valid}
    assert load("valid") == valid
    assert load("valid", seed=2) != valid


def test_a_dataset_with_its_own_validation_split_uses_it(home: Path) -> None:
    install(
        home,
        "sst2",
        train=[{"text": "good", "label": "positive"}] * 10,
        valid=[{"text": "bad", "label": "negative"}],
    )
    assert len(load("train", "sst2")) == 10
    assert load("valid", "sst2") == [Example("bad", "negative")]
    with pytest.raises(SenticliError, match="no labelled test split") as caught:
        load("test", "sst2")
    assert caught.value.hint == "use another split: `split=valid`"


def test_several_datasets_are_joined(home: Path) -> None:
    imdb(home)
    install(
        home,
        "sst2",
        train=[{"text": "good", "label": "positive"}],
        valid=[{"text": "bad", "label": "negative"}],
    )
    config = TrainConfig(data=("imdb", "sst2"), valid_fraction=0.2)
    both = load_split(config, "train")
    assert len(both.examples) == 161
    assert set(both.hashes) == {"imdb/train", "sst2/train"}
    assert len(load_split(config, "test").examples) == 6


def test_each_split_is_read_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imdb(home)
    read: list[Any] = []

    def counted(*args: Any) -> Any:
        read.append(args)
        return read_columns(*args)

    monkeypatch.setattr("senticli.data.splits.read_columns", counted)
    data = load_training_data(TrainConfig(data=("imdb",), vectors="none", valid_fraction=0.2))
    assert (len(data.train.examples), len(data.valid.examples), len(read)) == (160, 40, 2)
    assert data.train.parts[0].source is data.valid.parts[0].source


def test_the_sample_comes_with_the_package() -> None:
    splits = {name: load(name, "sample") for name in ("train", "valid", "test")}
    texts = [example.text for split in splits.values() for example in split]
    assert len(texts) == len(set(texts)) > 700
    for split in splits.values():
        labels = [example.label for example in split]
        assert len({labels.count(label) for label in ("negative", "neutral", "positive")}) == 1


def test_a_missing_dataset_names_the_command_that_gets_it() -> None:
    with pytest.raises(SenticliError) as caught:
        load("train")
    assert caught.value.hint == "`install(imdb)`"


def test_a_damaged_dataset(home: Path) -> None:
    imdb(home)
    path = home / "datasets" / "imdb" / "examples.npz"
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 3] ^= 1
    for damaged in (content[:200], bytes(flipped), b""):
        path.write_bytes(damaged)
        with pytest.raises(SenticliError, match="damaged") as caught:
            load("train")
        assert caught.value.hint == "`install(imdb, force=True)`"


def test_neither_dataset_nor_file() -> None:
    with pytest.raises(UsageError, match="neither a data set nor a file"):
        load("train", "imbd")


def test_a_file_is_split_into_train_and_valid(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,label\n" + "".join(f"t{n},{n % 3}\n" for n in range(50)))
    train, valid = load("train", str(path)), load("valid", str(path))
    assert (len(train), len(valid)) == (41, 9)
    assert not {e.text for e in train} & {e.text for e in valid}
    assert [e.label for e in valid].count("0") == 3  # of each label the same share
    assert load("valid", str(path)) == valid
    assert load("valid", str(path), seed=2) != valid
    with pytest.raises(SenticliError, match="no labelled test split"):
        load("test", str(path))


def test_files_of_their_own_for_validation_and_test(tmp_path: Path) -> None:
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.csv").write_text(f"text,label\n{name} a,a\n{name} b,b\n")
    config = TrainConfig(
        data=(str(tmp_path / "train.csv"),),
        valid=(str(tmp_path / "valid.csv"),),
        test=(str(tmp_path / "test.csv"),),
    )
    for name in ("train", "valid", "test"):
        assert [e.text for e in load_split(config, name).examples] == [f"{name} a", f"{name} b"]
    data = load_training_data(config)
    assert data.test is not None
    assert set(data.hashes) == {str(tmp_path / "train.csv"), str(tmp_path / "valid.csv")}


def test_a_folder_of_splits(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        for label in "ab":
            (tmp_path / "mine" / split / label).mkdir(parents=True)
            (tmp_path / "mine" / split / label / "1.txt").write_text(f"{split} {label}")
    for split, folder in (("train", "train"), ("valid", "dev"), ("test", "test")):
        assert [e.text for e in load(split, str(tmp_path / "mine"))] == [
            f"{folder} a",
            f"{folder} b",
        ]


def test_the_same_text_is_on_one_side() -> None:
    examples = [Example(f"t{n % 20}", "ab"[n % 2]) for n in range(80)]
    rest, held_out = hold_out(examples, 0.2, seed=3)
    assert len(held_out) == 16
    assert not {examples[row].text for row in rest} & {examples[row].text for row in held_out}


def test_a_rare_label_is_learned() -> None:
    examples = [*(Example(f"t{n}", "a") for n in range(20)), Example("only", "b")]
    rest, held_out = hold_out(examples, 0.2, seed=1)
    assert 20 in rest
    assert len(held_out) == 4


def test_groups_are_never_divided() -> None:
    examples = [Example(str(n), "a", group=f"g{n // 7}") for n in range(70)]
    rest, held_out = hold_out(examples, 0.25, seed=4)
    assert len(held_out) == 21
    assert not {row // 7 for row in rest} & {row // 7 for row in held_out}
    assert sorted(rest + held_out) == list(range(70))


def unlabelled(*names: str, **settings: Any) -> list[str]:
    config = TrainConfig(unlabelled=names, valid_fraction=0.2, **settings)
    return [example.text for example in load_training_data(config).unlabelled.examples]


def test_unlabelled_texts_of_a_dataset_lack_those_held_out(home: Path) -> None:
    imdb(home)
    config = TrainConfig(unlabelled=("imdb",), valid_fraction=0.2)
    data = load_training_data(config)
    held_out = {e.text for split in (data.valid, data.test) if split for e in split.examples}
    texts = [example.text for example in data.unlabelled.examples]
    assert len(texts) == 200 - len(held_out)
    assert not held_out & set(texts)
    assert set(data.hashes) == {"imdb/train", "imdb/unlabelled"}


def test_unlabelled_texts_come_from_files_too(home: Path, tmp_path: Path) -> None:
    imdb(home)
    (tmp_path / "lines.txt").write_text("one\n\ntwo\n")
    (tmp_path / "table.csv").write_text("stars,body\n5,three\n")
    names = [str(tmp_path / name) for name in ("lines.txt", "table.csv")]
    assert unlabelled(*names, text_column="body") == ["one", "two", "three"]


def test_unlabelled_texts_are_held_out_in_another_spelling_too(tmp_path: Path) -> None:
    (tmp_path / "valid.csv").write_text("text,label\nit isn't ( so ) bad .,negative\n")
    (tmp_path / "lines.txt").write_text("It isn't (so) bad.\nIt is bad.\n")
    names = [str(tmp_path / name) for name in ("valid.csv", "lines.txt")]
    assert unlabelled(names[1], data=("sample",), valid=(names[0],)) == ["It is bad."]


def test_a_dataset_without_unlabelled_texts_is_refused() -> None:
    with pytest.raises(SenticliError, match="sample has no unlabelled texts"):
        unlabelled("sample", data=("sample",))


def test_unlabelled_texts_that_are_all_held_out_are_refused(home: Path, tmp_path: Path) -> None:
    imdb(home)
    path = tmp_path / "test.txt"
    path.write_text("0 0\n0 1\n")  # of the test split
    with pytest.raises(SenticliError, match=r"txt .*: every text is in the validation or test"):
        unlabelled(str(path))


@pytest.fixture
def leaking(tmp_path: Path) -> dict[str, Any]:
    """Data whose training texts occur, spelled otherwise, in another source's splits."""
    texts = {
        "train": ["It is n't good .", "good", "fine", "bad", "poor"],
        "valid": ["It isn't good."],
        "test": ["FINE!", "<b>"],
    }
    for name, rows in texts.items():
        lines = [f'"{text}",{("negative", "positive")[row % 2]}' for row, text in enumerate(rows)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["text,label", *lines]))
    names = {name: (str(tmp_path / f"{name}.csv"),) for name in texts}
    return {"data": names["train"], "valid": names["valid"], "test": names["test"]}


def test_texts_of_other_splits_are_left_out_of_training_if_asked(leaking: dict[str, Any]) -> None:
    data = load_training_data(TrainConfig(**leaking, drop_leaks=True))
    assert [example.text for example in data.train.examples] == ["good", "bad", "poor"]
    assert [len(data.valid.examples), len(data.test.examples if data.test else [])] == [1, 2]
    assert data.leaks == {leaking["data"][0]: 2}


def test_texts_of_other_splits_are_trained_on_by_default(leaking: dict[str, Any]) -> None:
    data = load_training_data(TrainConfig(**leaking))
    assert len(data.train.examples) == 5
    assert not data.leaks


def test_texts_of_another_data_set_are_left_out_if_held_out_there(home: Path) -> None:
    imdb(home)
    held_out = load("valid")
    rows = [{"text": example.text, "label": example.label} for example in held_out]
    more = [{"text": f"more {row}", "label": ("negative", "positive")[row % 2]} for row in range(4)]
    install(home, "sst2", train=rows + more, valid=[{"text": "x", "label": "positive"}])
    config = TrainConfig(data=("imdb", "sst2"), valid_fraction=0.2, drop_leaks=True, vectors="none")
    data = load_training_data(config)
    assert data.leaks["sst2/train"] == len(held_out)
    assert [example.text for example in data.train.parts[1].examples] == [r["text"] for r in more]


def test_training_texts_that_are_all_held_out_are_refused(leaking: dict[str, Any]) -> None:
    same = {**leaking, "valid": leaking["data"]}
    with pytest.raises(SenticliError, match="every text is in the validation or test") as error:
        load_training_data(TrainConfig(**same, drop_leaks=True))
    assert "`data=FILE`" in error.value.hint
