"""An overview of answers as tables with bars, on stderr."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from senticli.cli.console import markup, print_table, stderr_console
from senticli.cli.views.predict import COLOURS
from senticli.io.overview import SMALL

if TYPE_CHECKING:
    from rich.table import Table

    from senticli.io.overview import Grouping, Overview
    from senticli.measures import Figure

GROUPS = 20
LABELS = 3  # that have a column of their own in the table of groups
GLYPHS = "█▒░"  # of their bars, which differ by more than colour
BAR, NAME = 24, 24  # characters
STYLES = {"31": "red", "32": "green", "33": "yellow", "94": "bright_blue"}


def print_overview(overview: "Overview") -> None:
    """Print how often each label is the answer, in all and by group."""
    print_table(_labels(overview), stderr=True)
    for grouping in overview.groupings:
        stderr_console().print()
        print_table(_groups(grouping, overview), stderr=True)


def _labels(overview: "Overview") -> "Table":
    whole, columns = overview.whole, ("texts", "share", "95% interval")
    table = _table("label", *columns)
    for label, figure in whole.shares.items():
        low, high = figure.interval or (0.0, 1.0)
        table.add_row(
            markup(label),
            f"{whole.labels[label]:,}",
            f"{figure.value:.1%}",
            f"{low:.1%} to {high:.1%}",
            _bar([(label, GLYPHS[0], figure.value)]),
        )
    if overview.has_polarity and (polarity := whole.polarity):
        interval = "" if not polarity.interval else "{:+.2f} to {:+.2f}".format(*polarity.interval)
        table.add_row("mean polarity", "", f"{polarity.value:+.2f}", interval, "")
    if whole.failed:
        table.add_row("not classified", f"{whole.failed:,}", "", "", "")
    return table


def _groups(grouping: "Grouping", overview: "Overview") -> "Table":
    counts = overview.whole.labels
    commonest = sorted(counts, key=lambda label: -counts[label])[:LABELS]
    glyphs = dict(zip(filter(commonest.__contains__, counts), GLYPHS, strict=False))
    title = f"{grouping.column}, by {grouping.period}" if grouping.period else grouping.column
    columns = ["texts", *(f"{glyph} {markup(label)}" for label, glyph in glyphs.items())]
    table = _table(markup(title), *columns, *(["polarity"] * overview.has_polarity))
    # Of a time series, the last periods; else the largest groups.
    groups = grouping.groups[-GROUPS:] if grouping.period else grouping.top(GROUPS)
    for group in groups:
        shares = group.shares
        cells = [f"{shares[label].value:.0%}" if shares else "" for label in glyphs]
        if overview.has_polarity:
            cells.append(_polarity(group.polarity))
        bar = _bar((label, glyphs[label], shares[label].value) for label in glyphs if shares)
        name = markup(group.name) + ("*" if group.is_small else "")
        table.add_row(name, f"{group.texts:,}", *cells, bar)
    notes = [grouping.note] if grouping.note else []
    if grouping.period and len(groups) < len(grouping.groups):
        notes.append(f"the last {len(groups)} of {len(grouping.groups)} {grouping.period}s")
    if any(group.is_small for group in groups):
        notes.append(f"* fewer than {SMALL} texts: the shares are uncertain")
    table.caption = markup("; ".join(notes))
    return table


def _polarity(figure: "Figure | None") -> str:
    if not figure:
        return ""
    if not figure.interval:
        return f"{figure.value:+.2f}"
    value = round(figure.value, 2) + 0.0  # never -0.00
    return f"{value:+.2f} ±{(figure.interval[1] - figure.interval[0]) / 2:.2f}"


def _bar(parts: Iterable[tuple[str, str, float]]) -> str:
    """Return a bar of parts, each of a label, in its glyph, as long as its share."""
    bar, end, drawn = "", 0.0, 0
    for label, glyph, share in parts:
        end += share
        length = round(BAR * end) - drawn
        drawn += length
        style = STYLES.get(COLOURS.get(label, ""), "cyan")
        bar += f"[{style}]{glyph * length}[/]" if length else ""
    return bar


def _table(name: str, *columns: str) -> "Table":
    """Return a table of names, numbers, and at the end bars."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), caption_justify="left")
    table.add_column(name, max_width=NAME, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    return table
