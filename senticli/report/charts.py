"""Charts as inline SVG, coloured by the page's style sheet, each with its numbers as a table.

Coordinates are those of a drawing :data:`WIDTH` wide, about that of a phone, so that text keeps its
size there.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree

from senticli.report.tables import Column, Kind, Table, shown
from senticli.report.text import visible

WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 20, 12, 38  # margins of a plot
LEGEND = 14  # above it, of several lines
ROW = 26  # of a bar
LABEL = 110  # of a bar, at its left
LONGEST_LABEL = 15  # characters
TICKS = 5


@dataclass(frozen=True)
class Axis:
    """An axis: what it shows, and its range; None: that of the data."""

    name: str
    kind: Kind = "number"
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Series:
    """A line of a chart."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Bar:
    """A bar of a chart, the interval of its value where there is one, and its class."""

    name: str
    value: float
    interval: tuple[float, float] | None = None
    kind: str = "high"


@dataclass(frozen=True)
class Dot:
    """A dot of a reliability diagram: answers of like scores, and how many of them are right."""

    score: float
    accuracy: float
    examples: int
    interval: tuple[float, float]


@dataclass(frozen=True)
class Chart:
    """A drawing, what it shows in words, and its numbers."""

    title: str
    description: str
    svg: str
    table: Table


def line_chart(
    title: str, series: Sequence[Series], x: Axis, y: Axis, mark: float | None = None
) -> Chart:
    """Draw lines over a common x axis.

    Args:
        title: what is shown.
        series: the lines, each with a point at least.
        x: the horizontal axis.
        y: the vertical axis.
        mark: where on the x axis a vertical line stands.
    """
    description = " ".join(
        f"{one.name}: {_at(one.points[0], x, y)}, {_at(one.points[-1], x, y)}." for one in series
    )
    points = [point for one in series for point in one.points]
    plot = _Plot(title, description, x, y, points, LEGEND if len(series) > 1 else 0)
    if mark is not None:
        plot.line("guide", (plot.x(mark), plot.top), (plot.x(mark), plot.bottom))
    legend = float(LEFT)
    for number, one in enumerate(series, 1):
        places = [(plot.x(a), plot.y(b)) for a, b in one.points]
        plot.add("polyline", f"line s{number}", points=_joined(places))
        if len(places) <= 2 * TICKS:
            for place in places:
                plot.dot(f"dot s{number}", place, 2.5)
        if len(series) > 1:
            plot.line(f"line s{number}", (legend, 11), (legend + 14, 11))
            plot.text("label", (legend + 19, 15), one.name)
            legend += 19 + 6.5 * len(one.name) + 14
    by_x: dict[float, list[float | None]] = {}
    for number, one in enumerate(series):
        for a, b in one.points:
            by_x.setdefault(a, [None] * len(series))[number] = b
    columns = (Column(x.name, x.kind), *(Column(one.name, y.kind) for one in series))
    rows = [(a, *values) for a, values in sorted(by_x.items())]
    return Chart(title, description, plot.svg, Table(columns, rows))


def bar_chart(
    title: str, bars: Sequence[Bar], kind: Kind = "share", name: str = "", high: float | None = None
) -> Chart:
    """Draw horizontal bars from zero, one below another.

    Args:
        title: what is shown.
        bars: the bars, one at least.
        kind: of the values.
        name: what the bars stand for, as the title of a column.
        high: the end of the axis; None: the largest value.
    """
    description = "; ".join(f"{bar.name}: {shown(bar.value, kind)}" for bar in bars) + "."
    ends = [bar.interval[1] if bar.interval else bar.value for bar in bars]
    high = high or max(ends) or 1.0
    svg = _Svg(title, description, ROW * len(bars) + 6)
    scale = (WIDTH - LABEL - 62) / high
    for row, bar in enumerate(bars):
        top = ROW * row + 4
        svg.text("label end", (LABEL - 8, top + 14), _short_label(bar.name))
        svg.add(
            "rect", f"bar {bar.kind}", x=LABEL, y=top + 2, width=scale * bar.value, height=ROW - 10
        )
        end = LABEL + scale * bar.value
        if bar.interval:
            low, end = (LABEL + scale * limit for limit in bar.interval)
            svg.line("whisker", (low, top + ROW / 2 - 3), (end, top + ROW / 2 - 3))
        svg.text("label", (end + 6, top + 14), shown(bar.value, kind))
    with_intervals = any(bar.interval for bar in bars)
    columns = [Column(name), Column("value", kind)]
    if with_intervals:
        columns.append(Column("95 % interval", "interval"))
    rows = [(bar.name, bar.value, *([bar.interval] if with_intervals else [])) for bar in bars]
    return Chart(title, description, svg.svg, Table(columns, rows))


def reliability_chart(title: str, dots: Sequence[Dot]) -> Chart:
    """Draw how often answers of like scores are right, against the line of a calibrated model."""
    low = min(0.5, *(math.floor(10 * dot.score) / 10 for dot in dots))
    x, y = Axis("score", "share", low, 1.0), Axis("right answers", "share", 0.0, 1.0)
    gaps = [abs(dot.score - dot.accuracy) for dot in dots]
    worst = dots[gaps.index(max(gaps))]
    description = (
        f"Widest gap: answers with a mean score of {shown(worst.score, 'share')} are right in "
        f"{shown(worst.accuracy, 'share')} of {worst.examples:,} cases."
    )
    plot = _Plot(title, description, x, y, [(dot.score, dot.accuracy) for dot in dots])
    plot.line("guide", (plot.x(low), plot.y(low)), (plot.x(1), plot.y(1)))
    most = max(dot.examples for dot in dots)
    for dot in dots:
        at = plot.x(dot.score)
        plot.line("whisker", *((at, plot.y(limit)) for limit in dot.interval))
        plot.dot("dot s1", (at, plot.y(dot.accuracy)), 2 + 5 * math.sqrt(dot.examples / most))
    columns = (
        Column("mean score", "share"),
        Column("right", "share"),
        Column("95 % interval", "interval"),
        Column("answers", "count"),
    )
    rows = [(dot.score, dot.accuracy, dot.interval, dot.examples) for dot in dots]
    return Chart(title, description, plot.svg, Table(columns, rows))


@dataclass(frozen=True)
class Parts:
    """A whole and the shares of its parts, each with its interval; none where it is empty."""

    name: str
    shares: Mapping[str, tuple[float, tuple[float, float]]]


def stacked_chart(
    title: str, wholes: Sequence[Parts], kinds: Mapping[str, str], table: Table
) -> Chart:
    """Draw wholes as horizontal bars of one length, one below another, divided into their parts.

    Args:
        title: what is shown.
        wholes: the bars, one at least.
        kinds: the class of each part that is shown; what is left of a bar stays empty.
        table: the numbers.
    """
    description = _compared(wholes, kinds)
    svg = _Svg(title, description, ROW * len(wholes) + 24)
    _legend(svg, kinds, LABEL)
    scale = WIDTH - LABEL - 2
    for row, whole in enumerate(wholes):
        top = ROW * row + 24
        svg.text("label end", (LABEL - 8, top + 14), _short_label(whole.name))
        start = float(LABEL)
        for part, kind in kinds.items():
            width = scale * whole.shares[part][0] if whole.shares else 0.0
            if width:
                svg.add("rect", f"part {kind}", x=start, y=top + 2, width=width, height=ROW - 10)
            start += width
    return Chart(title, description, svg.svg, table)


def time_chart(
    title: str, periods: Sequence[Parts], kinds: Mapping[str, str], table: Table
) -> Chart:
    """Draw the shares of parts over periods as lines, within bands of their intervals.

    Args:
        title: what is shown.
        periods: those of one length, one at least, in the order of time.
        kinds: the class of each part that is shown.
        table: the numbers.
    """
    description = _compared([periods[0], periods[-1]][: len(periods)], kinds)
    svg = _Svg(title, description, HEIGHT + LEGEND)
    top, bottom = TOP + LEGEND, HEIGHT + LEGEND - 26
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        at = bottom - tick * (bottom - top)
        svg.line("grid" if tick else "axis", (LEFT, at), (WIDTH - RIGHT, at))
        svg.text("tick end", (LEFT - 6, at + 4), f"{tick:.0%}")
    _legend(svg, kinds, LEFT)
    step = (WIDTH - LEFT - RIGHT) / max(1, len(periods) - 1)
    known = [(LEFT + step * place, one) for place, one in enumerate(periods) if one.shares]
    for part, kind in kinds.items():
        values = [(at, *one.shares[part]) for at, one in known]
        line, low, high = (
            [(at, bottom - value * (bottom - top)) for at, value in points]
            for points in (
                [(at, share) for at, share, _ in values],
                [(at, interval[0]) for at, _, interval in values],
                [(at, interval[1]) for at, _, interval in values],
            )
        )
        svg.add("polygon", f"band {kind}", points=_joined([*low, *reversed(high)]))
        svg.add("polyline", f"line {kind}", points=_joined(line))
        if len(line) <= 2 * TICKS:
            for place in line:
                svg.dot(f"dot {kind}", place, 2.5)
    svg.text("tick", (LEFT, bottom + 18), periods[0].name)
    if len(periods) > 1:
        svg.text("tick end", (WIDTH - RIGHT, bottom + 18), periods[-1].name)
    return Chart(title, description, svg.svg, table)


def _legend(svg: "_Svg", kinds: Mapping[str, str], left: float) -> None:
    for part, kind in kinds.items():
        svg.add("rect", f"part {kind}", x=left, y=6, width=10, height=10)
        svg.text("label", (left + 15, 15), _short_label(part))
        left += 15 + 6.5 * min(len(part), LONGEST_LABEL) + 12


def _compared(wholes: Sequence[Parts], kinds: Mapping[str, str]) -> str:
    """Return the shares of parts in words."""
    return " ".join(
        f"{whole.name}: {', '.join(f'{whole.shares[p][0]:.1%} {p}' for p in kinds)}."
        for whole in wholes
        if whole.shares
    )


def _short_label(label: str) -> str:
    label = visible(label)
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def _at(point: tuple[float, float], x: Axis, y: Axis) -> str:
    return f"{shown(point[1], y.kind)} at {x.name} {shown(point[0], x.kind)}"


def _joined(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_short(a)},{_short(b)}" for a, b in places)


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


class _Svg:
    """A drawing that grows, element by element."""

    def __init__(self, title: str, description: str, height: float) -> None:
        view = f"0 0 {WIDTH} {_short(height)}"
        self._root = ElementTree.Element("svg", {"class": "chart", "viewBox": view, "role": "img"})
        ElementTree.SubElement(self._root, "title").text = visible(title)
        ElementTree.SubElement(self._root, "desc").text = visible(description)

    @property
    def svg(self) -> str:
        """The drawing as SVG, every text escaped."""
        return ElementTree.tostring(self._root, encoding="unicode")

    def add(self, tag: str, kind: str, **attributes: float | str) -> ElementTree.Element:
        """Add an element of a class; numbers are rounded."""
        plain = {
            name: value if isinstance(value, str) else _short(value)
            for name, value in attributes.items()
        }
        return ElementTree.SubElement(self._root, tag, {"class": kind, **plain})

    def line(self, kind: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.add("line", kind, x1=start[0], y1=start[1], x2=end[0], y2=end[1])

    def dot(self, kind: str, place: tuple[float, float], radius: float) -> None:
        self.add("circle", kind, cx=place[0], cy=place[1], r=radius)

    def text(self, kind: str, place: tuple[float, float], text: str) -> None:
        self.add("text", kind, x=place[0], y=place[1]).text = visible(text)


class _Plot(_Svg):
    """A drawing with two axes."""

    def __init__(
        self,
        title: str,
        description: str,
        x: Axis,
        y: Axis,
        points: Sequence[tuple[float, float]],
        above: int = 0,
    ) -> None:
        super().__init__(title, description, HEIGHT + above)
        self.top, self.bottom = TOP + above, HEIGHT + above - BOTTOM
        self._x, self._y = (
            _Scale.of(axis, [point[place] for point in points]) for place, axis in enumerate((x, y))
        )
        for tick in self._y.ticks:
            at = self.y(tick)
            self.line("grid", (LEFT, at), (WIDTH - RIGHT, at))
            self.text("tick end", (LEFT - 6, at + 4), self._y.label(tick))
        for tick in self._x.ticks:
            self.text("tick middle", (self.x(tick), self.bottom + 15), self._x.label(tick))
        self.line("axis", (LEFT, self.bottom), (WIDTH - RIGHT, self.bottom))
        self.text("tick middle", ((LEFT + WIDTH - RIGHT) / 2, self.bottom + 32), x.name)

    def x(self, value: float) -> float:
        """Return where a value of the horizontal axis is."""
        return LEFT + self._x.share(value) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return where a value of the vertical axis is."""
        return self.bottom - self._y.share(value) * (self.bottom - self.top)


@dataclass(frozen=True)
class _Scale:
    """The range of an axis, and round values in it."""

    low: float
    high: float
    kind: Kind
    step: float
    ticks: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, axis: Axis, values: Sequence[float]) -> "_Scale":
        low = min(values) if axis.low is None else axis.low
        high = max(values) if axis.high is None else axis.high
        if low == high:
            low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
        span = high - low
        size = 10 ** math.floor(math.log10(span / TICKS))
        step = next(size * times for times in (1, 2, 5, 10) if span <= size * times * TICKS)
        if axis.kind == "count":
            step = max(1.0, step)
        if axis.kind != "count":  # the ends of the axis are round, too, where they are free
            low = math.floor(low / step + 1e-9) * step if axis.low is None else low
            high = math.ceil(high / step - 1e-9) * step if axis.high is None else high
        if axis.kind == "share":
            low, high = max(0.0, low), min(1.0, high)
        first = math.ceil(low / step - 1e-9)
        last = math.floor(high / step + 1e-9)
        return cls(low, high, axis.kind, step, [n * step for n in range(first, last + 1)])

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    def label(self, tick: float) -> str:
        if self.kind == "share":
            return f"{tick:.{0 if self.step >= 0.0099 else 1}%}"
        if self.kind == "count":
            return f"{tick:,.0f}"
        return f"{tick:.{max(0, -math.floor(math.log10(self.step) + 1e-9))}f}"
