"""An overview of answers as tables with bars, on stderr."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from senticli.cli.console import markup, one_line, print_table, stderr_console, stderr_width
from senticli.cli.views.predict import COLOURS
from senticli.io.overview import SMALL

if TYPE_CHECKING:
    from rich.table import Table

    from senticli.io.overview import Grouping, Overview
    from senticli.measures import Figure

GROUPS = 20
LABELS = 3  # that have a column of their own in the table of groups
GLYPHS = "█▒░"  # of their bars, which differ by more than colour
BAR, NAME, SHORTEST = 24, 24, 8  # characters
STYLES = {"31": "red", "32": "green", "33": "yellow", "94": "bright_blue"}


def print_overview(overview: "Overview") -> None:
    """Print how often each label is the answer, in all and by group."""
    print_table(_labels(overview), stderr=True)
    for grouping in overview.groupings:
        stderr_console().print()
        print_table(_groups(grouping, overview), stderr=True)


def _labels(overview: "Overview") -> "Table":
    whole, rows = overview.whole, []
    for label, figure in whole.shares.items():
        low, high = figure.interval or (0.0, 1.0)
        cells = [f"{whole.labels[label]:,}", f"{figure.value:.1%}", f"{low:.1%} to {high:.1%}"]
        rows.append((label, cells, [(label, GLYPHS[0], figure.value)]))
    if overview.has_polarity and (polarity := whole.polarity):
        interval = "" if not polarity.interval else "{:+.2f} to {:+.2f}".format(*polarity.interval)
        rows.append(("mean polarity", ["", f"{polarity.value:+.2f}", interval], []))
    if whole.failed:
        rows.append(("not classified", [f"{whole.failed:,}", "", ""], []))
    return _table("label", ["texts", "share", "95% interval"], rows)


def _groups(grouping: "Grouping", overview: "Overview") -> "Table":
    counts = overview.whole.labels
    commonest = sorted(counts, key=lambda label: -counts[label])[:LABELS]
    glyphs = dict(zip(filter(commonest.__contains__, counts), GLYPHS, strict=False))
    columns = ["texts", *(f"{glyph} {one_line(label)}" for label, glyph in glyphs.items())]
    # Of a time series, the last periods; else the largest groups.
    groups = grouping.groups[-GROUPS:] if grouping.period else grouping.top(GROUPS)
    rows = []
    for group in groups:
        shares = group.shares
        cells = [
            f"{group.texts:,}",
            *(f"{shares[label].value:.0%}" if shares else "" for label in glyphs),
            *([_polarity(group.polarity)] if overview.has_polarity else []),
        ]
        parts = [(label, glyphs[label], shares[label].value) for label in glyphs if shares]
        rows.append((group.name + "*" * group.is_small, cells, parts))
    notes = [grouping.note] if grouping.note else []
    if grouping.period and len(groups) < len(grouping.groups):
        notes.append(f"the last {len(groups)} of {len(grouping.groups)} {grouping.period}s")
    if any(group.is_small for group in groups):
        notes.append(f"* fewer than {SMALL} texts: the shares are uncertain")
    title = f"{grouping.column}, by {grouping.period}" if grouping.period else grouping.column
    table = _table(title, columns + ["polarity"] * overview.has_polarity, rows)
    table.caption = markup("; ".join(notes))
    return table


def _polarity(figure: "Figure | None") -> str:
    if not figure:
        return ""
    if not figure.interval:
        return f"{figure.value:+.2f}"
    value = round(figure.value, 2) + 0.0  # never -0.00
    return f"{value:+.2f} ±{(figure.interval[1] - figure.interval[0]) / 2:.2f}"


Part = tuple[str, str, float]
"""A part of a bar: its label, its glyph, its share."""


def _table(
    name: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str], Sequence[Part]]]
) -> "Table":
    """Return a table of names, numbers, and bars in the room that is left.

    Where there is none, there are no bars; then the last columns of numbers are left out.
    """
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), caption_justify="left")
    widths = [
        max(map(len, cells)) for cells in zip(columns, *(row[1] for row in rows), strict=True)
    ]
    while len(widths) > 1 and SHORTEST + sum(widths) + 2 * len(widths) + 2 > stderr_width():
        widths.pop()
    columns = columns[: len(widths)]
    room = stderr_width() - sum(widths) - 2 * len(columns) - 4
    has_bars = room >= 2 * SHORTEST
    names = [one_line(one) for one in (name, *(row[0] for row in rows))]
    left = room - SHORTEST if has_bars else room + 2
    width = max(SHORTEST, min(NAME, max(map(len, names)), left))
    table.add_column(markup(name), max_width=width, no_wrap=True)
    for column, least in zip(columns, widths, strict=True):
        table.add_column(markup(column), justify="right", no_wrap=True, min_width=least)
    if has_bars:
        table.add_column(no_wrap=True)
    for (_, cells, parts), shown in zip(rows, names[1:], strict=True):
        bar = [_bar(parts, min(BAR, room - width))] if has_bars else []
        table.add_row(markup(shown), *cells[: len(columns)], *bar)
    return table


def _bar(parts: Sequence[Part], width: int) -> str:
    """Return a bar of parts, each as long as its share of ``width``, in rich's markup."""
    bar, end, drawn = "", 0.0, 0
    for label, glyph, share in parts:
        end += share
        length = round(width * end) - drawn
        drawn += length
        style = STYLES.get(COLOURS.get(label, ""), "cyan")
        bar += f"[{style}]{glyph * length}[/]" if length else ""
    return bar
