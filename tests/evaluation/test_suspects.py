"""Examples whose label is likely wrong: how they are found, and how their rows are written."""

import gzip
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from senticli import Model, SenticliError, evaluate, load, paths, train
from senticli.bundle import Bundle
from senticli.data.labelled import Example, labels_of, read_labelled
from senticli.data.splits import Part, Source, Split
from senticli.errors import ConfigError, UsageError
from senticli.evaluation.run import EvaluationReport
from senticli.evaluation.suspects import (
    Suspect,
    _unseen,
    confident_errors,
    find_suspects,
    write_suspects,
)
from senticli.events import Message, Progress, ignore
from senticli.measures import Floats, distributions_of
from senticli.runtime import Network

# --- confident learning

PROBABILITIES = np.array(
    [
        *([0.2, 0.38, 0.42], [0.28, 0.11, 0.61], [0.32, 0.38, 0.3], [0.29, 0.36, 0.35]),
        *([0.36, 0.34, 0.3], [0.89, 0.06, 0.05], [0.4, 0.23, 0.37], [0.33, 0.59, 0.08]),
        *([0.75, 0.06, 0.19], [0.41, 0.14, 0.45], [0.16, 0.38, 0.46], [0.17, 0.49, 0.34]),
        *([0.53, 0.19, 0.28], [0.37, 0.49, 0.14]),
    ]
)
GIVEN = np.array([1, 0, 1, 0, 1, 2, 0, 0, 0, 2, 2, 1, 0, 1])


def test_suspects_are_those_of_cleanlab() -> None:
    # find_label_issues(GIVEN, PROBABILITIES, filter_by="confident_learning",
    # return_indices_ranked_by="self_confidence") of cleanlab 2.9.0
    rows, likely = confident_errors(PROBABILITIES, GIVEN)
    assert rows.tolist() == [5, 1, 3, 7, 0]
    assert likely.tolist() == [0, 2, 2, 1, 2]


@pytest.mark.parametrize("size", [2, 3, 6])
def test_suspects_follow_the_definition(size: int) -> None:
    random = np.random.default_rng(size)
    probabilities = random.dirichlet(np.full(size, 0.5), 300)
    given = random.integers(0, size, 300)
    means = [probabilities[given == label, label].mean() for label in range(size)]
    expected = {}
    for row, (scores, label) in enumerate(zip(probabilities, given, strict=True)):
        confident = [other for other in range(size) if scores[other] >= means[other]]
        likely = max(confident, key=lambda other: scores[other], default=label)
        if likely != label and scores.argmax() != label:
            expected[row] = likely
    rows, likely_labels = confident_errors(probabilities, given)
    assert dict(zip(rows.tolist(), likely_labels.tolist(), strict=True)) == expected
    assert 0 < len(expected) < 300


def test_those_least_like_their_label_come_first() -> None:
    rows, _ = confident_errors(PROBABILITIES, GIVEN)
    own = PROBABILITIES[rows, GIVEN[rows]]
    assert own.tolist() == sorted(own)


def test_label_that_no_example_has_is_never_likely() -> None:
    probabilities = np.array([[0.2, 0.1, 0.7], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1]])
    rows, likely = confident_errors(probabilities, np.array([0, 0, 1]))
    assert rows.tolist() == []
    assert likely.tolist() == []


# --- by the model's own answers


@pytest.fixture(scope="module")
def model() -> Model:
    return load("bundled", threads=1)


TEXTS = (
    *(("A wonderful film", "positive"), ("I loved every minute", "negative")),
    *(("A terrible mess", "negative"), ("The worst film of the year", "positive")),
    *(("Great acting", "positive"), ("Dull and far too long", "negative")),
)
"""Of which the second and the fourth have the wrong label; the fourth is the surer case."""


def csv_of(path: Path, head: str = "id,text,label") -> Path:
    lines = [f"{number},{text},{label}" for number, (text, label) in enumerate(TEXTS, 1)]
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def found_in(model: Model, *data: Path, **settings: Any) -> tuple[list[Suspect], EvaluationReport]:
    report = evaluate(model, list(data), **settings)
    return find_suspects(report), report


def test_wrong_labels_of_texts_are_found(model: Model) -> None:
    texts, labels = zip(*TEXTS, strict=True)
    worst, other = find_suspects(evaluate(model, texts, labels))
    assert (worst.rank, worst.row, worst.where) == (1, 3, "texts, example 4")
    assert (worst.text, worst.label, worst.likely) == (texts[3], "positive", "negative")
    assert (other.rank, other.row, other.label, other.likely) == (2, 1, "negative", "positive")
    assert 1 > worst.score > other.score > 0.5


def test_soft_label_counts_as_its_likeliest(model: Model) -> None:
    texts, labels = zip(*TEXTS, strict=True)
    soft = [{label: 0.8, "neutral": 0.2} for label in labels]
    found = find_suspects(evaluate(model, texts, soft))
    assert [one.row for one in found] == [3, 1]


def test_place_of_a_suspect(model: Model, tmp_path: Path) -> None:
    table, folder = csv_of(tmp_path / "mine.csv"), tmp_path / "texts"
    for number, (text, label) in enumerate(TEXTS):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / f"{number}.txt").write_text(text)
    assert [one.where for one in found_in(model, table)[0]] == [
        f"{table}, line 5",
        f"{table}, line 3",
    ]
    assert [one.where for one in found_in(model, folder)[0]] == [
        str(folder / "positive" / "3.txt"),
        str(folder / "negative" / "1.txt"),
    ]


def written(model: Model, data: Path, output: Path, **settings: Any) -> bytes:
    found, report = found_in(model, data, **settings)
    write_suspects(output, found, report)
    assert [one.row for one in found] == [3, 1]
    return output.read_bytes()


def test_rows_of_a_table_stay_as_they_were(model: Model, tmp_path: Path) -> None:
    data = tmp_path / "mine.csv"
    rows = [f'{n};"{text}, ""so to say""\n";{label}\r\n' for n, (text, label) in enumerate(TEXTS)]
    data.write_text("\ufeffid;review;label\r\n" + "".join(rows), newline="")
    head, *lines = written(model, data, tmp_path / "out.csv").decode().splitlines(keepends=True)
    assert head == "\ufeffid;review;label;rank;likely_label;score\r\n"
    assert lines[0] == '3;"The worst film of the year, ""so to say""\n'
    assert lines[1].startswith('";positive;1;negative;0.9')
    assert lines[2] == '1;"I loved every minute, ""so to say""\n'
    assert lines[3].startswith('";negative;2;positive;0.')


def test_table_without_a_header_gets_none(model: Model, tmp_path: Path) -> None:
    data = csv_of(tmp_path / "mine.csv")
    data.write_text(data.read_text().partition("\n")[2])
    columns = {"header": False, "text_column": 2, "label_column": 3}
    lines = written(model, data, tmp_path / "out.csv", **columns).decode().splitlines()
    assert [line.split(",")[:5] for line in lines] == [
        ["4", "The worst film of the year", "positive", "1", "negative"],
        ["2", "I loved every minute", "negative", "2", "positive"],
    ]


def test_new_columns_keep_apart_from_those_of_the_input(model: Model, tmp_path: Path) -> None:
    data = csv_of(tmp_path / "mine.csv", "score,text,label")
    head = written(model, data, tmp_path / "out.csv").decode().splitlines()[0]
    assert head == "score,text,label,rank,likely_label,suspect_score"


def test_objects_stay_as_they_were(model: Model, tmp_path: Path) -> None:
    data = tmp_path / "mine.json"  # an array on one line: each object has the same line
    rows = [{"text": text, "label": label, "more": {"a": [1]}} for text, label in TEXTS]
    data.write_text(json.dumps([*rows, rows[1]], separators=(",", ":")))
    found, report = found_in(model, data)
    write_suspects(tmp_path / "out.jsonl", found, report)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(
        '{"text":"The worst film of the year","label":"positive","more":{"a":[1]}, "rank": 1, '
    )
    assert [json.loads(line)["text"] for line in lines[1:]] == ["I loved every minute"] * 2


def test_values_of_parquet_keep_their_types(model: Model, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    texts, labels = zip(*TEXTS, strict=True)
    ids = pyarrow.array(range(len(TEXTS)), pyarrow.int16())
    table = pyarrow.table({"id": ids, "text": texts, "label": labels})
    parquet.write_table(table, tmp_path / "mine.parquet")
    data = tmp_path / "mine.parquet"
    written(model, data, tmp_path / "out.parquet")
    assert [one.where for one in found_in(model, data)[0]] == [f"{data}, row 4", f"{data}, row 2"]
    again = parquet.read_table(tmp_path / "out.parquet")
    assert again.schema.names == ["id", "text", "label", "rank", "likely_label", "score"]
    assert again.schema.field("id").type == pyarrow.int16()
    assert again["id"].to_pylist() == [3, 1]
    assert again["rank"].to_pylist() == [1, 2]
    assert again["likely_label"].to_pylist() == ["negative", "positive"]
    parquet.write_table(table.slice(4), data)
    found, report = found_in(model, data)
    write_suspects(tmp_path / "none.parquet", found, report)
    none = parquet.read_table(tmp_path / "none.parquet")
    assert none.schema.names == again.schema.names
    assert none.num_rows == 0


@pytest.mark.parametrize("name", ["out.jsonl", "out.tsv", "out.csv.gz", "out.parquet"])
def test_format_is_that_of_the_name(model: Model, tmp_path: Path, name: str) -> None:
    written(model, csv_of(tmp_path / "mine.csv"), tmp_path / name)
    if name.endswith(".gz"):
        (tmp_path / "out.csv").write_bytes(gzip.decompress((tmp_path / name).read_bytes()))
        name = "out.csv"
    again = read_labelled(tmp_path / name)
    assert [(example.text, example.label) for example in again.examples] == [TEXTS[3], TEXTS[1]]


def test_format_of_a_name_that_says_none_is_that_of_the_input(model: Model, tmp_path: Path) -> None:
    content = written(model, csv_of(tmp_path / "mine.tsv.csv"), tmp_path / "out")
    assert content.startswith(b"id,text,label,rank,likely_label,score\n4,The worst")


def test_what_is_no_table_becomes_one(model: Model, tmp_path: Path) -> None:
    data = tmp_path / "mine.txt"
    data.write_text("".join(f"__label__{label} {text}\n" for text, label in TEXTS))
    head, first, _ = written(model, data, tmp_path / "out").decode().splitlines()
    assert head == "where,text,label,rank,likely_label,score"
    assert first.startswith(f'"{data}, line 4",The worst film of the year,positive,1,negative,')


def test_rows_of_several_sources_come_by_name(model: Model, tmp_path: Path) -> None:
    first, second = csv_of(tmp_path / "mine.csv"), tmp_path / "more.jsonl"
    rows = [{"body": text, "label": label} for text, label in reversed(TEXTS)]
    second.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = evaluate(model, [first, "sample", second])
    found = [one for one in find_suspects(report) if "sample" not in one.where]
    write_suspects(tmp_path / "out.jsonl", found, report)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(lines) == 4
    for line in lines:
        is_first = line["source"] == str(first)
        names = ["id", "text", "label"] if is_first else ["body", "label"]
        assert list(line) == ["source", *names, "rank", "likely_label", "score"]
        assert line["text" if is_first else "body"] in (TEXTS[1][0], TEXTS[3][0])
    write_suspects(tmp_path / "out", found, report)
    head = (tmp_path / "out").read_text().splitlines()[0]
    assert sorted(head.split(",")) == sorted(
        ["source", "id", "text", "label", "body", "rank", "likely_label", "score"]
    )


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_no_suspects_are_a_file_without_rows(model: Model, tmp_path: Path, name: str) -> None:
    data = tmp_path / "mine.csv"
    data.write_text("text,label\ngreat film,positive\nterrible film,negative\n")
    found, report = found_in(model, data)
    write_suspects(tmp_path / name, found, report)
    assert found == []
    content = (tmp_path / name).read_bytes()
    assert name == "out.parquet" or content in (b"", b"text,label,rank,likely_label,score\n")


def test_file_that_is_there_stays(model: Model, tmp_path: Path) -> None:
    found, report = found_in(model, csv_of(tmp_path / "mine.csv"))
    output = tmp_path / "out.csv"
    output.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        write_suspects(output, found, report)
    assert output.read_text() == "mine"
    write_suspects(output, found, report, force=True)
    assert output.read_text().startswith("id,text")


def test_input_is_never_overwritten(model: Model, tmp_path: Path) -> None:
    data = csv_of(tmp_path / "mine.csv")
    (tmp_path / "link.csv").symlink_to(data)
    found, report = found_in(model, data)
    before = data.read_bytes()
    for output in (data, tmp_path / "link.csv"):
        with pytest.raises(UsageError, match="is what is evaluated"):
            write_suspects(output, found, report, force=True)
    assert data.read_bytes() == before


def test_input_that_changed_meanwhile_is_noticed(model: Model, tmp_path: Path) -> None:
    data = csv_of(tmp_path / "mine.csv")
    found, report = found_in(model, data)
    data.write_text(data.read_text().replace("worst", "best"))
    with pytest.raises(SenticliError, match="has changed since it was evaluated"):
        write_suspects(tmp_path / "out.csv", found, report)
    assert not (tmp_path / "out.csv").exists()


# --- by models that have not seen the data


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[Split]:
    """The splits for which models would be trained; they are sure of the labels as they are."""
    splits: list[Split] = []

    def cross_fit(split: Split, *_: Any) -> tuple[tuple[str, ...], Floats]:
        splits.append(split)
        labels = labels_of(split.examples)
        return labels, distributions_of(split.examples, labels)

    monkeypatch.setattr("senticli.training.cross_fit.cross_fit", cross_fit)
    return splits


@dataclass(frozen=True)
class Learned:
    """A file that a tiny model was trained on, with rows whose label is wrong, and its suspects."""

    data: Path
    model: Model
    wrong: set[int]
    found: list[Suspect]
    events: list[Any]
    is_unchanged: bool  # the model's folder
    default: str  # model, which was trained last


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Learned:
    folder = tmp_path_factory.mktemp("learned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTICLI_HOME", str(folder / "home"))
        rows = (paths.dataset_dir("sample") / "train.jsonl").read_text().splitlines()
        examples = [json.loads(row) for row in rows]
        wrong = set(range(0, len(examples), 20))
        others = {"negative": "positive", "neutral": "negative", "positive": "neutral"}
        for row in wrong:
            examples[row]["label"] = others[examples[row]["label"]]
        data = folder / "mine.jsonl"
        data.write_text("".join(json.dumps(example) + "\n" for example in examples))
        settings: dict[str, Any] = {
            **{"vectors": "none", "quantize": "none", "hidden": 16, "embedding_dim": 16},
            **{"epochs": 5, "batch_size": 8, "lr": 0.01},
        }
        model = train(data, output=folder / "tiny", **settings)

        def content() -> dict[Path, bytes]:
            return {path: path.read_bytes() for path in (folder / "tiny").iterdir()}

        before, events = content(), list[Any]()
        report = evaluate(model, data)
        found = find_suspects(report, folds=2, on_event=events.append)
        return Learned(data, model, wrong, found, events, before == content(), load().name)


def test_wrong_labels_that_a_model_has_learned_are_found(learned: Learned) -> None:
    first = {one.row for one in learned.found[: 2 * len(learned.wrong)]}
    assert len(first & learned.wrong) >= len(learned.wrong) / 3  # by chance, a tenth of them


def test_models_of_the_folds_are_not_kept(learned: Learned) -> None:
    assert learned.is_unchanged
    assert learned.default == learned.model.name


def test_training_of_the_folds_is_reported(learned: Learned) -> None:
    notes = [event.text for event in learned.events if isinstance(event, Message)]
    assert notes[0].startswith(
        f"{learned.model.name} was trained on {learned.data}: 2 other models are trained"
    )
    assert notes[1].startswith("that takes about ")
    steps = [event.step for event in learned.events if isinstance(event, Progress)]
    assert {"training model 1 of 2", "training model 2 of 2"} <= set(steps)


def test_data_is_recognised_by_its_content(
    learned: Learned, tmp_path: Path, fitted: list[Split]
) -> None:
    new, copy = csv_of(tmp_path / "new.csv"), tmp_path / "copy.jsonl"
    shutil.copy(learned.data, copy)
    find_suspects(evaluate(learned.model, [new, copy]))
    [split] = fitted
    assert split.names == [str(copy)]
    assert len(split.examples) == 20 * len(learned.wrong)


def test_own_answers_count_for_what_is_new(
    learned: Learned, tmp_path: Path, fitted: list[Split]
) -> None:
    new, copy = csv_of(tmp_path / "new.csv"), tmp_path / "copy.jsonl"
    shutil.copy(learned.data, copy)
    report = evaluate(learned.model, [copy, new])
    probabilities = _unseen(report, 2, ignore)
    known = 20 * len(learned.wrong)
    assert np.array_equal(probabilities[known:], report.answers.probabilities[known:])
    assert np.array_equal(probabilities[:known].argmax(axis=1), report.answers.truth[:known])


@pytest.mark.parametrize(("split", "trains"), [("train", 1), ("valid", 0), ("test", 0)])
def test_only_what_was_learned_is_fitted_again(
    tiny_model: Path, fitted: list[Split], split: str, trains: int
) -> None:
    find_suspects(evaluate(tiny_model, split=split))
    assert len(fitted) == trains


def test_no_model_sees_the_fold_that_it_judges(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from senticli.training import cross_fit
    from senticli.training.session import build_session

    seen: list[set[bytes]] = []
    judged: list[set[bytes]] = []

    class Judging(Network):
        def logits(self, texts: Any) -> Any:
            judged.append({text.tobytes() for text in texts})
            return super().logits(texts)

    def building(recipe: Any, data: Any) -> Any:
        assert len(data.train) == len(data.train_labels) == data.mixture.train[0].examples
        assert len(data.valid) == len(data.valid_labels) == data.mixture.valid[0].examples
        seen.append({text.tobytes() for text in [*data.train, *data.valid]})
        return build_session(recipe, data)

    monkeypatch.setattr(cross_fit, "Network", Judging)
    monkeypatch.setattr(cross_fit, "build_session", building)
    report = evaluate(tiny_model, split="train")
    recipe = Bundle.open(tiny_model).recipe.with_settings({"epochs": 1})
    split = Split(list(report.examples.parts), ["sample"])
    labels, probabilities = cross_fit.cross_fit(split, recipe, 3, ignore)
    assert labels == ("negative", "neutral", "positive")
    assert np.allclose(probabilities.sum(axis=1), 1)
    folds = judged[1::2]  # before each come the validation texts, by which scores are calibrated
    assert len(folds) == len(seen) == 3
    for mine, fold in zip(seen, folds, strict=True):
        assert fold
        assert not mine & fold


def split_of(examples: list[Example]) -> Split:
    return Split([Part(Source("mine", examples, ""), range(len(examples)))], ["mine"])


@pytest.mark.parametrize("grouped", [False, True])
def test_folds_keep_groups_and_same_texts_together(grouped: bool) -> None:
    from senticli.training.cross_fit import folds_of

    examples = [
        Example(f"text {row % 50}", "ab"[row % 2], f"movie {row % 50}" if grouped else None)
        for row in range(150)
    ]
    folds = list(folds_of(examples, 5, seed=1))
    assert sorted(row for fold in folds for row in fold) == list(range(150))
    texts = [{examples[row].text for row in fold} for fold in folds]
    assert sum(map(len, texts)) == 50
    assert all(20 <= len(fold) <= 40 for fold in folds)


def test_too_few_examples_for_the_folds(tiny_model: Path) -> None:
    from senticli.training.cross_fit import cross_fit

    examples = [Example(f"text {row}", "ab"[row % 2]) for row in range(6)]
    recipe = Bundle.open(tiny_model).recipe
    with pytest.raises(SenticliError, match="too little to train on for 7 folds: 6 examples"):
        cross_fit(split_of(examples), recipe, 7, ignore)
    same = [replace(example, label="a") for example in examples]
    with pytest.raises(SenticliError, match="6 examples, 1 label "):
        cross_fit(split_of(same), recipe, 2, ignore)


def test_recipe_of_the_folds_knows_no_label(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from senticli.config import PUBLISHED_VECTORS
    from senticli.training.cross_fit import _without_answers

    report = evaluate(tiny_model, split="train")
    bundle = Bundle.open(tiny_model)
    split, events = Split(list(report.examples.parts), ["sample"]), list[Any]()
    recipe = bundle.recipe.with_settings(
        {
            **{"data": ("sample", "sample"), "mix": "2,1", "teacher": ("bundled",)},
            **{"vectors": "own", "unlabelled": (str(tmp_path / "gone.txt"),), "drop_leaks": True},
        }
    )
    config = _without_answers(recipe, split, events.append).train
    assert (config.data, config.mix, config.teacher) == (("sample",), "proportional", ())
    assert (config.unlabelled, config.vectors) == (("none",), PUBLISHED_VECTORS)
    assert "gone.txt" in events[0].text
    knowing = recipe.with_settings({"init": str(tiny_model), "vectors": "none"})
    assert _without_answers(knowing, split, events.append).train.init is None
    unknowing = recipe.with_settings({"init": "bundled", "vectors": "none", "unlabelled": ()})
    assert _without_answers(unknowing, split, events.append).train.init == "bundled"


def test_folds_are_at_least_two(model: Model) -> None:
    with pytest.raises(ConfigError, match="`folds` is 1"):
        find_suspects(evaluate(model, ["good", "bad"], ["positive", "negative"]), folds=1)
