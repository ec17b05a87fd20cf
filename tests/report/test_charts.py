"""Charts: drawings with a title, a description and the same numbers as a table."""

from xml.etree import ElementTree

import pytest

from senticli.report.charts import (
    Axis,
    Bar,
    Chart,
    Dot,
    Series,
    bar_chart,
    line_chart,
    reliability_chart,
)

LINES = line_chart(
    "Loss",
    [Series("train", [(1, 0.9), (2, 0.5)]), Series("valid", [(1, 0.8), (2, 0.6)])],
    Axis("epoch", "count"),
    Axis("loss"),
)
BARS = bar_chart("Labels", [Bar("bad", 0.25, (0.2, 0.3)), Bar("good", 0.75)], name="label")
DOTS = reliability_chart("Scores", [Dot(0.6, 0.5, 10, (0.2, 0.8)), Dot(0.9, 0.9, 90, (0.8, 1.0))])


def elements(chart: Chart, name: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(chart.svg).findall(name)


@pytest.mark.parametrize("chart", [LINES, BARS, DOTS], ids=["lines", "bars", "dots"])
def test_chart_is_an_image_with_title_and_description(chart: Chart) -> None:
    root = ElementTree.fromstring(chart.svg)
    assert root.get("role") == "img"
    assert [root.findtext("title"), root.findtext("desc")] == [chart.title, chart.description]
    assert root[0].tag == "title"


@pytest.mark.parametrize("chart", [LINES, BARS, DOTS], ids=["lines", "bars", "dots"])
def test_drawing_is_within_its_frame(chart: Chart) -> None:
    root = ElementTree.fromstring(chart.svg)
    _, _, width, height = map(float, (root.get("viewBox") or "").split())
    for element in root.iter():
        for names, limit in ((("x", "x1", "x2", "cx"), width), (("y", "y1", "y2", "cy"), height)):
            for name in names:
                assert 0 <= float(element.get(name, "0")) <= limit


def test_lines_go_down_where_values_fall() -> None:
    first, second = (line.get("points") or "" for line in elements(LINES, "polyline"))
    heights = [[float(point.split(",")[1]) for point in line.split()] for line in (first, second)]
    assert heights[0][0] < heights[1][0] < heights[1][1] < heights[0][1]


def test_table_has_the_numbers_of_the_lines() -> None:
    assert [column.name for column in LINES.table.columns] == ["epoch", "train", "valid"]
    assert LINES.table.rows == [(1, 0.9, 0.8), (2, 0.5, 0.6)]


def test_line_of_one_point_is_drawn() -> None:
    chart = line_chart("Loss", [Series("train", [(1, 0.5)])], Axis("epoch", "count"), Axis("loss"))
    assert len(elements(chart, "circle")) == 1


def test_bars_are_as_long_as_their_values() -> None:
    short, long = (float(bar.get("width") or 0) for bar in elements(BARS, "rect"))
    assert long == pytest.approx(3 * short, rel=0.01)


def test_text_of_a_chart_cannot_be_markup() -> None:
    chart = bar_chart("<script>", [Bar("<b>\u202e", 1)])
    assert "<script>" not in chart.svg
    assert "&lt;b&gt;[U+202E]" in chart.svg
