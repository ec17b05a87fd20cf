"""All that can be asked of a model, and what it changes in the model."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from senticli import SenticliError, assess, evaluate, load, score_file
from senticli.errors import UsageError
from senticli.events import Message


@pytest.fixture
def copied(tiny_model: Path, tmp_path: Path) -> Path:
    """A model that may be changed."""
    return shutil.copytree(tiny_model, tmp_path / "copied")


def test_conditions_and_comparison_decide(tiny_model: Path) -> None:
    assert assess(tiny_model, "sample", fail_under="accuracy=0.01").holds
    assert not assess(tiny_model, "sample", fail_under=["f1.neutral=0", "accuracy=1"]).holds
    worse = assess(tiny_model, "sample", against="bundled")
    assert worse.comparison
    assert worse.holds is not worse.comparison.is_worse


def test_temperature_is_fitted_and_saved(copied: Path) -> None:
    before = load(copied).bundle.config
    fitted = assess(copied, "sample", calibrate=True).recalibration
    assert fitted
    after = load(copied).bundle.config
    assert fitted.temperature == (before.temperature, after.temperature)
    assert fitted.after.loss < fitted.before.loss
    assert fitted.after.confusion == fitted.before.confusion
    again = evaluate(copied, "sample").evaluation
    assert again.loss == pytest.approx(fitted.after.loss, abs=1e-5)


def test_threshold_is_saved_and_used(copied: Path, tmp_path: Path) -> None:
    found = assess(copied, "sample", find_threshold="coverage=0.5", save=True).threshold
    assert found
    model = load(copied)
    assert dict(model.bundle.config.thresholds) == dict.fromkeys(model.labels, found.threshold)
    texts = [example.text for example in evaluate(copied, "sample").examples.all]
    unsure = [p.label == "unsure" for p in model.predict(texts)]
    assert sum(unsure) == len(texts) - round(found.coverage.value * len(texts))
    assert "unsure" not in {p.label for p in model.predict(texts, threshold=0)}
    own = assess(model, "sample").at_own_threshold
    assert own
    assert (own.coverage, own.accuracy) == (found.coverage.value, found.precision.value)

    path, events = tmp_path / "in.txt", list[object]()
    path.write_text("\n".join(texts))
    done = score_file(path, tmp_path / "out.csv", model=model, on_event=events.append)
    assert done.labels["unsure"] == sum(unsure)
    [note] = [e for e in events if isinstance(e, Message) and "unsure" in e.text]
    assert note.level == "note"


def test_model_stays_as_it_is_if_a_condition_does_not_hold(copied: Path) -> None:
    before = load(copied).bundle.config
    events: list[object] = []
    settings: dict[str, Any] = {"calibrate": True, "find_threshold": "coverage=0.5", "save": True}
    found = assess(copied, "sample", **settings, fail_under="accuracy=1", on_event=events.append)
    assert not found.saved
    assert load(copied).bundle.config == before
    assert any("stays as it is" in e.text for e in events if isinstance(e, Message))


def test_threshold_is_removed_where_the_scores_change(copied: Path) -> None:
    assess(copied, "sample", find_threshold="coverage=0.5", save=True)
    events: list[object] = []
    assess(copied, "sample", calibrate=True, on_event=events.append)
    assert not load(copied).bundle.config.thresholds
    [warning] = [e for e in events if isinstance(e, Message) and e.level == "warning"]
    assert "is removed" in warning.text


@pytest.mark.parametrize(
    ("count", "error"), [(0, "no example is neutral"), (5, "7 examples are too few")]
)
def test_too_few_examples_change_no_model(copied: Path, count: int, error: str) -> None:
    texts = ["good", "bad", *["a table"] * count]
    labels = ["positive", "negative", *["neutral"] * count]
    with pytest.raises(SenticliError, match=error):
        assess(copied, texts, labels=labels, calibrate=True)


def test_strict_fails_on_rows_that_are_left_out(copied: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,label\ngood,positive\nbad,\n")
    assert assess(copied, path).holds
    with pytest.raises(SenticliError, match="rows left out: no label"):
        assess(copied, path, strict=True)


def test_threshold_of_one_label_leaves_the_others(copied: Path) -> None:
    for target in ("coverage=0.9", "coverage.negative=0.5"):
        assess(copied, "sample", find_threshold=target, save=True)
    thresholds = load(copied).bundle.config.thresholds
    assert thresholds["neutral"] == thresholds["positive"] < thresholds["negative"]


@pytest.mark.parametrize(
    "settings", [{"calibrate": True}, {"find_threshold": "coverage=0.5", "save": True}]
)
def test_bundled_model_is_not_changed(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="stays as it is"):
        assess("bundled", "sample", **settings)


@pytest.mark.parametrize("settings", [{"confident": True}, {"save": True}])
def test_settings_without_what_they_are_for_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="has no use without"):
        assess("bundled", "sample", **settings)


def test_thresholds_of_other_labels_break_a_model(copied: Path) -> None:
    config = copied / "config.json"
    config.write_text(config.read_text().replace('"thresholds": {}', '"thresholds": {"x": 1}'))
    with pytest.raises(SenticliError, match="broken"):
        load(copied)
