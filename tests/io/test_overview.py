"""The overview of a run counts what the scored file holds."""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from senticli import Model, SenticliError, load, score_file
from senticli.config import OutputConfig
from senticli.errors import UsageError
from senticli.io import overview as module
from senticli.io.inputs import Input
from senticli.io.overview import Group, Overview, _Best
from senticli.io.scoring import score
from senticli.io.sinks import Stream
from senticli.model import Prediction

WORDS = ("great", "terrible", "fine", "boring", "lovely", "awful")
SHOPS = ("north", "south", "north", "")


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Model:
    return load(tiny_model, threads=1)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """200 reviews of two shops over 200 days, of which ten have no text."""
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["shop", "date", "review"])
        for n in range(200):
            text = f"a {WORDS[n % 6]} film {n}" if n % 20 else ""
            day = f"{1 + n % 28:02}/{1 + n // 28:02}/2024 10:{n % 60:02}"
            writer.writerow([SHOPS[n % 4], day, text])
    return path


def scored(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(), newline="")))


def counts(group: Group) -> dict[str, int]:
    return {label: count for label, count in group.labels.items() if count}


def overview_of(*args: Any, **settings: Any) -> Overview:
    found = score_file(*args, overview=True, **settings).overview
    assert found
    return found


def test_counts_are_those_of_the_scored_file(model: Model, table: Path, tmp_path: Path) -> None:
    found = overview_of(table, tmp_path / "out.csv", model=model, group_by=["shop", "date"])
    rows = scored(tmp_path / "out.csv")
    labels = Counter(row["label"] for row in rows if row["label"])
    assert counts(found.whole) == labels
    assert (found.whole.texts, found.whole.failed) == (190, 10)
    shops, dates = found.groupings
    assert [group.name for group in shops.groups] == ["north", "south", "(no value)"]
    for group in shops.groups:
        shop = group.name if group.name in SHOPS else ""
        of_shop = [row for row in rows if row["shop"] == shop]
        assert counts(group) == Counter(row["label"] for row in of_shop if row["label"])
        assert group.failed == sum(not row["label"] for row in of_shop)
    assert dates.period == "month"
    for group in dates.groups:
        month = f"/{group.name[-2:]}/2024"
        of_month = [row["label"] for row in rows if month in row["date"] and row["label"]]
        assert counts(group) == Counter(of_month)
    assert [group.name for group in dates.groups] == [f"2024-0{month}" for month in range(1, 9)]


def test_mean_polarity_is_that_of_the_scored_file(
    model: Model, table: Path, tmp_path: Path
) -> None:
    found = overview_of(table, tmp_path / "out.csv", model=model, polarity=True)
    rows = [row for row in scored(tmp_path / "out.csv") if row["polarity"]]
    polarity = found.whole.polarity
    assert polarity
    assert polarity.interval
    mean = sum(float(row["polarity"]) for row in rows) / len(rows)
    assert polarity.value == pytest.approx(mean, abs=1e-6)
    assert polarity.interval[0] < mean < polarity.interval[1]


@pytest.mark.parametrize("suffix", ["tsv", "jsonl", "parquet"])
def test_groups_of_every_format(model: Model, tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"in.{suffix}"
    rows = [{"text": f"film {n}", "shop": SHOPS[n % 4]} for n in range(8)]
    if suffix == "tsv":
        lines = [f"{row['text']}\t{row['shop']}\n" for row in rows]
        source.write_text("".join(["text\tshop\n", *lines]))
    elif suffix == "jsonl":
        source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.Table.from_pylist(rows), source)
    found = overview_of(source, tmp_path / f"out.{suffix}", model=model, group_by="shop")
    groups = {group.name: group.texts for group in found.groupings[0].groups}
    assert groups == {"north": 4, "south": 2, "(no value)": 2}


def test_field_that_comes_later_is_found_in_a_file(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    rows = [{"text": "film"}] * 100 + [{"text": "film", "shop": "north"}]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = overview_of(source, tmp_path / "out.jsonl", model=model, group_by="shop")
    groups = {group.name: group.texts for group in found.groupings[0].groups}
    assert groups == {"(no value)": 100, "north": 1}


def test_long_texts_are_not_sampled(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    texts = ["film", "film " * (module.LONGEST_SAMPLED + 1), "x" * (module.LARGEST_SAMPLED + 1)]
    source.write_text("\n".join(texts))
    assert overview_of(source, tmp_path / "out.txt", model=model).sample == ("film",)


def test_group_inside_an_object(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    shops = [{"name": "north"}, {"name": ["a", 1]}, None]
    source.write_text("".join(json.dumps({"text": "film", "shop": shop}) + "\n" for shop in shops))
    found = overview_of(source, tmp_path / "out.jsonl", model=model, group_by="shop.name")
    names = [group.name for group in found.groupings[0].groups]
    assert names == ["north", '["a", 1]', "(no value)"]


def test_reasons_say_why_and_where_first(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("id,text\n1,\n2,good\n3,a,b\n4,\n5,fine,x\n")
    found = overview_of(source, tmp_path / "out.csv", model=model)
    assert [(one.what, one.count, one.first) for one in found.reasons] == [
        ("no text", 2, "line 2"),
        ("3 fields in place of 2", 2, "line 4"),
    ]


def test_a_row_that_does_not_fit_has_no_group(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("shop,text\nnorth,good\nsou,th,bad\n")
    found = overview_of(source, tmp_path / "out.csv", model=model, group_by="shop")
    assert {one.name: (one.texts, one.failed) for one in found.groupings[0].groups} == {
        "north": (1, 0),
        "(no value)": (0, 1),
    }


def test_texts_that_stand_out_are_those_with_the_extreme_scores(
    model: Model, table: Path, tmp_path: Path
) -> None:
    found = overview_of(table, tmp_path / "out.csv", model=model)
    rows = [row for row in scored(tmp_path / "out.csv") if row["label"]]
    lowest = sorted(float(row["score"]) for row in rows)[: module.SHOWN]
    assert [one.score for one in found.uncertain] == pytest.approx(lowest, abs=1e-6)
    for label, texts in found.certain.items():
        highest = sorted(float(row["score"]) for row in rows if row["label"] == label)[::-1]
        scores = highest[: module.SHOWN]
        assert [one.score for one in texts] == pytest.approx(scores, abs=1e-6)
        row = next(row for row in rows if row["review"] == texts[0].text)
        assert texts[0].place == f"line {rows_before(table, row)}"


def rows_before(table: Path, row: dict[str, str]) -> int:
    reviews = [one["review"] for one in scored(table)]
    return reviews.index(row["review"]) + 2


def test_a_text_stands_out_once(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("good film\n" * 50 + "bad film\n")
    found = overview_of(source, tmp_path / "out.txt", model=model)
    assert sorted(one.text for one in found.uncertain) == ["bad film", "good film"]


def test_least_certain_are_told_by_the_score_even_below_the_threshold(
    model: Model, table: Path, tmp_path: Path
) -> None:
    found = overview_of(table, tmp_path / "out.csv", model=model, threshold=0.99)
    assert found.whole.labels["unsure"] > 0
    assert {one.label for one in found.uncertain} <= set(model.labels)


def test_sample_is_of_the_whole_input(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLED", 20)
    source = tmp_path / "in.txt"
    source.write_text("".join(f"film {n}\n" for n in range(400)))
    first = overview_of(source, tmp_path / "a.txt", model=model).sample
    assert first == overview_of(source, tmp_path / "b.txt", model=model).sample
    numbers = [int(text.split()[1]) for text in first]
    assert len(set(numbers)) == 20
    assert 100 < sum(numbers) / 20 < 300


def test_values_beyond_the_limit_are_counted_together(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_GROUPS", 3)
    source = tmp_path / "in.csv"
    source.write_text("id,text\n" + "".join(f"a{n % 7},film\n" for n in range(21)))
    [grouping] = overview_of(source, tmp_path / "out.csv", model=model, group_by="id").groupings
    assert [(one.name, one.texts) for one in grouping.groups] == [
        *(("a0", 3), ("a1", 3), ("a2", 3)),
        ("(others)", 12),
    ]
    assert [(one.name, one.texts) for one in grouping.top(2)] == [
        *(("a0", 3), ("a1", 3)),
        ("(others)", 15),
    ]


def test_days_are_merged_before_the_limit_is_reached(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DECIDED_AFTER", 10)
    monkeypatch.setattr(module, "MOST_GROUPS", 12)
    source = tmp_path / "in.csv"
    times = [f"2024-01-{1 + n % 3:02}T10:{n % 60:02}:00" for n in range(60)]
    source.write_text("time,text\n" + "".join(f"{time},film\n" for time in [*times, "never"]))
    [grouping] = overview_of(source, tmp_path / "out.csv", model=model, group_by="time").groupings
    assert [(one.name, one.texts) for one in grouping.groups] == [
        *(("2024-01-01", 20), ("2024-01-02", 20), ("2024-01-03", 20)),
        ("(no date)", 1),
    ]


def test_ambiguous_dates_are_noted(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("date,text\n03/04/2024,good\n05/06/2024,bad\n")
    [grouping] = overview_of(source, tmp_path / "out.csv", model=model, group_by="date").groupings
    assert grouping.note == "dates such as 03/04/2024 are read as month, day, year"


def test_small_groups_are_marked(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("shop,text\n" + "a,film\n" * module.SMALL + "b,film\n")
    [grouping] = overview_of(source, tmp_path / "out.csv", model=model, group_by="shop").groupings
    assert [one.is_small for one in grouping.groups] == [False, True]


def test_unknown_column_names_those_that_there_are(
    model: Model, table: Path, tmp_path: Path
) -> None:
    with pytest.raises(SenticliError, match=r"no column town \(it has: shop, date, review\)") as e:
        score_file(table, tmp_path / "out.csv", model=model, group_by="town")
    assert "`group_by=NAME`" in e.value.hint
    assert not (tmp_path / "out.csv").exists()


def test_plain_lines_have_no_groups(model: Model, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("film\n")
    with pytest.raises(UsageError, match="`group_by` has no meaning for plain lines"):
        score_file(tmp_path / "in.txt", tmp_path / "out.txt", model=model, group_by="shop")


def test_resumed_run_counts_the_whole_file(
    model: Model, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = overview_of(table, tmp_path / "whole.csv", model=model, group_by="shop")
    target = tmp_path / "out.csv"

    def stop(event: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("senticli.io.inputs.REPORTED", 50)
    with pytest.raises(KeyboardInterrupt):
        score_file(table, target, model=model, on_event=stop)
    assert target.with_name("out.csv.partial").exists()
    done = score_file(table, target, model=model, group_by="shop", resume=True)
    assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert done.overview
    assert counts(done.overview.whole) == counts(whole.whole)
    assert done.overview.sample == whole.sample
    assert (done.records, done.before) == (200, 0)


def test_complete_file_gets_its_overview(model: Model, table: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    score_file(table, target, model=model)
    before = target.read_bytes(), target.stat().st_mtime_ns
    done = score_file(table, target, model=model, overview=True, resume=True)
    assert done.was_complete
    assert done.overview
    assert done.overview.whole.texts == 190
    assert (target.read_bytes(), target.stat().st_mtime_ns) == before
    with table.open("a") as file:
        file.write("north,01/01/2024,one more\n")
    with pytest.raises(UsageError, match="made from another input"):
        score_file(table, target, model=model, overview=True, resume=True)


def test_stream_has_an_overview(model: Model) -> None:
    source = Input.of_texts(["good film", ""])
    done = score(model, source, Stream(io.BytesIO(), "out"), OutputConfig(), overview=True)
    assert done.overview
    assert (done.overview.whole.texts, done.overview.whole.failed) == (1, 1)
    assert done.overview.reasons[0].first == "text 2"


def test_run_without_an_overview_has_none(model: Model, table: Path, tmp_path: Path) -> None:
    assert score_file(table, tmp_path / "out.csv", model=model).overview is None


def answers(label: str, polarities: Sequence[float | None]) -> Group:
    group = Group("", {label: 0})
    for polarity in polarities:
        group.add(Prediction("", label, 1.0, (1.0,), polarity=polarity))
    return group


def test_interval_of_the_mean_polarity() -> None:
    values = [0.1, 0.5, -0.3, 0.9]
    found = answers("x", values).polarity
    assert found
    assert found.interval
    half = 1.959964 * 0.5163977795 / 2  # the sample's standard deviation, over √4
    assert found.value == pytest.approx(0.3)
    assert found.interval == pytest.approx((0.3 - half, 0.3 + half), abs=1e-6)
    assert answers("x", []).polarity is None
    alone = answers("x", [0.2]).polarity
    assert alone
    assert alone.interval is None


def test_share_and_its_interval() -> None:
    share = answers("x", [0.0] * 10).shares["x"]
    assert share.value == 1
    assert share.interval == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_of_equal_texts_the_first_ones_stay() -> None:
    best = _Best()
    for n in range(2 * module.SHOWN):
        if best.takes(1.0):
            best.add(1.0, module.AnsweredText(str(n), "x", 1.0, "", 1))
    assert [one.text for one in best.texts] == [str(n) for n in range(module.SHOWN)]
