"""Mixtures: shares of the sources, and the labels that each is about."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from senticli.config import TrainConfig
from senticli.data.mix import Mixture, check_mix, mixture_of
from senticli.data.splits import Split, load_training_data
from senticli.errors import ConfigError

THREE, TWO = ("neg", "neu", "pos"), ("neg", "pos")


@pytest.fixture
def mixture(tmp_path: Path) -> "Mix":
    return Mix(tmp_path)


class Mix:
    """Writes files of so many examples with some labels, and mixes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, name: str, labels: tuple[str, ...], rows: int = 30) -> str:
        path = self.folder / name
        lines = [f"{name} {n},{labels[n % len(labels)]}" for n in range(rows)]
        path.write_text("\n".join(["text,label", *lines]))
        return str(path)

    def __call__(
        self, *data: str, mix: str = "proportional", valid: tuple[str, ...] = ()
    ) -> Mixture:
        config = TrainConfig(data=data, mix=mix, valid=valid)
        return mixture_of(load_training_data(config), config)


@pytest.mark.parametrize(
    ("mix", "shares"),
    [("proportional", [0.75, 0.25]), ("balanced", [0.5, 0.5]), ("1,4", [0.2, 0.8])],
)
def test_shares_of_an_epoch_are_those_of_the_validation_loss(
    mixture: Mix, mix: str, shares: list[float]
) -> None:
    mixed = mixture(mixture.file("a.csv", TWO, 120), mixture.file("b.csv", TWO, 40), mix=mix)
    assert [one.share for one in mixed.train] == shares
    assert [one.share for one in mixed.valid] == shares
    assert [(one.name, one.examples) for one in mixed.train] == [("a.csv", 108), ("b.csv", 36)]


def test_validation_files_count_by_their_texts(mixture: Mix) -> None:
    files = mixture.file("a.csv", TWO), mixture.file("b.csv", TWO)
    valid = mixture.file("c.csv", TWO, 10), mixture.file("d.csv", TWO, 30)
    mixed = mixture(*files, mix="balanced", valid=valid)
    assert [one.share for one in mixed.valid] == [0.25, 0.75]


@pytest.mark.parametrize("mix", ["1", "1,2,3"])
def test_another_number_of_weights_names_the_sources(mix: str) -> None:
    with pytest.raises(ConfigError, match=r"for 2 sources: a\.csv, b\.csv"):
        check_mix(TrainConfig(data=("a.csv", "b.csv"), mix=mix))


@pytest.mark.parametrize("mix", ["3", "2,1"])
def test_weights_of_one_source_are_refused(mix: str) -> None:
    with pytest.raises(ConfigError, match=f"`mix` {mix} has no meaning for one source"):
        check_mix(TrainConfig(data=("a.csv",), mix=mix))


@pytest.mark.parametrize("mix", ["even", "", "1,", "1,0", "1,-1", "1,nan", "1,inf"])
def test_weights_are_above_zero(mix: str) -> None:
    with pytest.raises(ConfigError, match="`mix`"):
        TrainConfig(mix=mix)


def test_source_that_lacks_labels_is_about_those_that_it_has(mixture: Mix) -> None:
    mixed = mixture(mixture.file("a.csv", THREE), mixture.file("b.csv", TWO))
    assert [one.labels for one in mixed.train] == [THREE, TWO]
    assert [one.labels for one in mixed.valid] == [THREE, TWO]


def test_source_with_a_single_label_is_about_all(mixture: Mix) -> None:
    mixed = mixture(mixture.file("a.csv", TWO), mixture.file("b.csv", ("neu",)))
    assert [one.labels for one in mixed.train] == [TWO, THREE]


def test_soft_labels_have_the_labels_of_their_scores(mixture: Mix, tmp_path: Path) -> None:
    path = tmp_path / "soft.jsonl"
    scores = json.dumps({"neg": 0.3, "neu": 0, "pos": 0.7})
    lines = [f'{{"text": "film {n}", "scores": {scores}}}' for n in range(10)]
    path.write_text("\n".join(lines))
    mixed = mixture(str(path), mixture.file("b.csv", TWO))
    assert [one.labels for one in mixed.train] == [THREE, TWO]


@pytest.mark.parametrize(("labels", "among"), [(TWO, TWO), (("neg", "neu"), THREE)])
def test_validation_file_is_about_the_labels_of_a_source_like_it(
    mixture: Mix, labels: tuple[str, ...], among: tuple[str, ...]
) -> None:
    files = mixture.file("a.csv", THREE), mixture.file("b.csv", TWO)
    mixed = mixture(*files, valid=(mixture.file("c.csv", labels),))
    assert [one.labels for one in mixed.valid] == [among]


def test_unlabelled_texts_of_teachers_come_as_often_as_there_are(mixture: Mix) -> None:
    files = mixture.file("a.csv", TWO, 90), mixture.file("b.csv", TWO, 30)
    valid = mixture.file("c.csv", TWO, 10)
    config = TrainConfig(data=files, mix="1,2", valid=(valid,))
    data = load_training_data(config)
    more = Split([*data.train.parts, data.valid.parts[0]], [*data.train.names, "c (unlabelled)"])
    shares = [one.share for one in mixture_of(replace(data, train=more), config).train]
    assert shares == pytest.approx([40 / 130, 80 / 130, 10 / 130])
