"""Scoring a file as a library does it: files, a summary, events."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from senticli import Model, SenticliError, load, score_file
from senticli.config import OutputConfig
from senticli.errors import UsageError
from senticli.events import Message, Progress
from senticli.io.inputs import REPORTED, Input
from senticli.io.readers import Record
from senticli.io.scoring import Stopped, score
from senticli.io.sinks import Stream
from senticli.io.tally import Summary
from senticli.io.writers import Writer


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Model:
    return load(tiny_model, threads=1)


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    path.write_text("id,review\n1,good film\n2,bad film\n3,\n")
    return path


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_answers_are_those_of_the_model(model: Model, reviews: Path, tmp_path: Path) -> None:
    score_file(reviews, tmp_path / "out.csv", model=model)
    first, second = model.predict(["good film", "bad film"])
    found = rows(tmp_path / "out.csv")
    assert [row["label"] for row in found] == [first.label, second.label, ""]
    assert float(found[0]["score"]) == pytest.approx(first.score, abs=1e-6)


def test_summary_counts_labels_and_errors(model: Model, reviews: Path, tmp_path: Path) -> None:
    done = score_file(reviews, tmp_path / "out.csv", model=model)
    assert (done.output, done.records, done.errors) == (tmp_path / "out.csv", 3, 1)
    assert sum(done.labels.values()) == 2
    assert done.seconds > 0
    assert done.warnings == ("1 of 3 texts could not be classified, first line 4: no text",)


def test_summary_has_the_notes_of_the_reader(model: Model, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("id,review\n1,good\n")
    done = score_file(tmp_path / "in.txt", tmp_path / "out.txt", model=model)
    assert len(done.notes) == 1
    assert "looks like CSV: `format=csv`" in done.notes[0]


def test_model_is_found_by_name_or_folder(tiny_model: Path, reviews: Path, tmp_path: Path) -> None:
    by_folder = score_file(reviews, tmp_path / "a.csv", model=tiny_model, threads=1)
    by_name = score_file(reviews, tmp_path / "b.csv", model="bundled", threads=1)
    assert by_folder.records == by_name.records == 3


def test_threads_of_a_loaded_model_are_not_chosen_again(
    model: Model, reviews: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="threads"):
        score_file(reviews, tmp_path / "out.csv", model=model, threads=2)


def test_settings_of_reading_and_of_the_answer(model: Model, tmp_path: Path) -> None:
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_bytes("1;caf\xe9 good\n".encode("cp1252"))
    reading: dict[str, Any] = {"delimiter": ";", "header": False, "encoding": "cp1252"}
    answer: dict[str, Any] = {"scores": True, "top_k": 2, "prefix": "s_", "output_format": "jsonl"}
    done = score_file(
        source, target, model=model, format="csv", text_column="2", **reading, **answer
    )
    assert done.records == 1
    for name in ("s_label", "s_top", "s_scores", "café"):
        assert name in target.read_text()


def test_summary_is_the_last_event(model: Model, reviews: Path, tmp_path: Path) -> None:
    events: list[object] = []
    done = score_file(reviews, tmp_path / "out.csv", model=model, on_event=events.append)
    assert events == [Message("warning", done.warnings[0]), done]


def test_progress_counts_the_bytes_that_are_read(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("good film\n" * 3 * REPORTED)
    events: list[object] = []
    score_file(source, tmp_path / "out.txt", model=model, on_event=events.append)
    steps = [event for event in events if isinstance(event, Progress)]
    assert len(steps) == 3
    assert {(step.step, step.total, step.unit) for step in steps} == {
        (str(source), source.stat().st_size, "bytes")
    }
    assert 0 < steps[0].done <= steps[-1].done == source.stat().st_size


def test_strict_stops_and_what_is_done_can_be_resumed(
    model: Model, reviews: Path, tmp_path: Path
) -> None:
    target, events = tmp_path / "out.csv", list[object]()
    with pytest.raises(SenticliError, match=r"line 4: no text \(fix it, or drop `strict`"):
        score_file(reviews, target, model=model, strict=True, on_event=events.append)
    assert events == [Stopped(tmp_path / "out.csv.partial")]
    done = score_file(reviews, target, model=model, resume=True)
    assert (done.before, done.records) == (2, 1)
    assert len(rows(target)) == 3


def test_resume_of_a_complete_file_does_nothing(
    model: Model, reviews: Path, tmp_path: Path
) -> None:
    score_file(reviews, tmp_path / "out.csv", model=model)
    done = score_file(reviews, tmp_path / "out.csv", model=model, resume=True)
    assert (done.was_complete, done.before, done.records) == (True, 3, 0)


def test_existing_file_is_replaced_only_by_force(
    model: Model, reviews: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(UsageError, match="force=True"):
        score_file(reviews, tmp_path / "out.csv", model=model)
    assert (tmp_path / "out.csv").read_text() == "mine"
    assert score_file(reviews, tmp_path / "out.csv", model=model, force=True).records == 3


def test_input_of_which_nothing_can_be_classified_is_an_error(model: Model, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("\n\n")
    with pytest.raises(SenticliError, match="no text could be classified; line 1: no text"):
        score_file(tmp_path / "in.txt", tmp_path / "out.txt", model=model)
    assert (tmp_path / "out.txt").read_text() == "\t\tno text\n" * 2


@pytest.mark.parametrize("wrong", [{"threshold": 2}, {"threshold": float("nan")}, {"top_k": 0}])
def test_number_out_of_range_is_a_value_error(
    model: Model, reviews: Path, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        score_file(reviews, tmp_path / "out.csv", model=model, **wrong)
    assert not (tmp_path / "out.csv").exists()


def test_column_for_which_there_is_no_label_is_a_usage_error(
    model: Model, reviews: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="`top_k` 4 is more than the model has labels"):
        score_file(reviews, tmp_path / "out.csv", model=model, top_k=4)


def test_stream_takes_answers_as_they_come(model: Model) -> None:
    out = io.BytesIO()
    source = Input.of_texts(["good film", "bad film"])
    done = score(model, source, Stream(out, "out"), OutputConfig())
    assert done.output is None
    assert out.getvalue().count(b"\n") == done.records == 2


def test_text_for_a_terminal_is_cleaned(model: Model) -> None:
    out = io.BytesIO()
    stream = Stream(out, "out", clean=str.upper)
    score(model, Input.of_texts(["good film"]), stream, OutputConfig(output_format="jsonl"))
    assert out.getvalue().startswith(b'{"TEXT": "GOOD FILM"')


class Numbers(Writer):
    def record(self, record: Record, answer: Mapping[str, Any]) -> bytes:
        return f"{record.number} {sorted(answer)}\n".encode()


def test_writer_of_the_caller_gets_answers_as_json_has_them(model: Model) -> None:
    out = io.BytesIO()
    source, options = Input.of_texts(["good film"]), OutputConfig(scores=True)
    score(model, source, Stream(out, "out"), options, writer=Numbers())
    assert out.getvalue() == b"1 ['label', 'score', 'scores']\n"


def test_window_of_one_answers_before_the_next_is_read(model: Model) -> None:
    out = io.BytesIO()
    answered: list[int] = []

    def texts():
        for text in ("good", "bad", "film"):
            answered.append(out.getvalue().count(b"\n"))
            yield text

    score(model, Input.of_texts(texts()), Stream(out, "out"), OutputConfig(), window=1)
    assert answered == [0, 1, 2]


def test_summary_cannot_be_changed(model: Model, reviews: Path, tmp_path: Path) -> None:
    done = score_file(reviews, tmp_path / "out.csv", model=model)
    assert isinstance(done, Summary)
    with pytest.raises(AttributeError):
        done.records = 0  # type: ignore[misc]


def test_first_problem_to_be_named_is_not_a_blank_line(model: Model, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "good"}\n\n{"text": null}\n{"text": 1.5e3x\n')
    done = score_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", model=model)
    assert done.errors == 3
    assert done.warnings[0].endswith("first line 3: text is null")


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_polarity_in_each_format(model: Model, reviews: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    score_file(reviews, target, model=model, polarity=True, prefix="s_")
    if name.endswith("csv"):
        found: list[dict[str, Any]] = list(rows(target))
    elif name.endswith("jsonl"):
        found = list(map(json.loads, target.read_text().splitlines()))
    else:
        found = pytest.importorskip("pyarrow.parquet").read_table(target).to_pylist()
    for row, prediction in zip(found, model.predict(["good film", "bad film"]), strict=False):
        assert float(row["s_polarity"]) == pytest.approx(prediction.polarity, abs=1e-6)
    assert not found[2]["s_polarity"]


def test_polarity_in_plain_lines(model: Model, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("good film\n\n")
    score_file(tmp_path / "in.txt", tmp_path / "out.txt", model=model, polarity=True)
    first, second = (tmp_path / "out.txt").read_text().splitlines()
    assert float(first.split("\t")[2]) == pytest.approx(
        model.predict("good film").polarity, abs=1e-4
    )
    assert second == "\t\t\tno text"


def test_run_with_polarity_is_resumed(model: Model, reviews: Path, tmp_path: Path) -> None:
    whole, target = tmp_path / "whole.csv", tmp_path / "out.csv"
    score_file(reviews, whole, model=model, polarity=True)
    with pytest.raises(SenticliError, match="no text"):
        score_file(reviews, target, model=model, polarity=True, strict=True)
    with pytest.raises(UsageError, match="made with other options"):
        score_file(reviews, target, model=model, resume=True)
    score_file(reviews, target, model=model, polarity=True, resume=True)
    assert target.read_bytes() == whole.read_bytes()


def test_polarity_of_a_model_without_its_labels_is_a_usage_error(
    model: Model, reviews: Path, tmp_path: Path
) -> None:
    bundle = model.bundle
    renamed = replace(bundle, config=replace(bundle.config, labels=("bad", "good", "so-so")))
    with pytest.raises(UsageError, match="and the model has: bad, good, so-so"):
        score_file(reviews, tmp_path / "out.csv", model=Model(renamed), polarity=True)
    assert not (tmp_path / "out.csv").exists()
