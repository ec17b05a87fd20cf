"""The report of a file that was classified: what its texts say, where, and by which words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from senticli.errors import UsageError
from senticli.events import OnEvent, Progress, ignore
from senticli.explain import Influence, TokenWeight
from senticli.io.overview import (
    LONGEST_SAMPLED,
    SMALL,
    AnsweredText,
    Group,
    Grouping,
    Overview,
)
from senticli.io.tally import Summary
from senticli.machine import code_version
from senticli.model import NEGATIVE, POSITIVE, Model
from senticli.report.charts import Bar, Chart, Parts, bar_chart, stacked_chart, time_chart
from senticli.report.page import check_page, write_page
from senticli.report.tables import Column, Table
from senticli.report.text import Piece, excerpt

GROUPS = 20  # shown, besides the others together
LABELS = 3  # shown of a group
TOKENS = 15  # for each label
OCCLUDED = 1_000_000  # tokens that the network reads for the weights in texts, over all of them
KINDS = ("low", "mid", "high")


@dataclass(frozen=True)
class Shown:
    """A text that stands out, its decisive tokens marked."""

    about: AnsweredText
    pieces: Sequence[Piece]


def write_predictions_report(
    summary: Summary,
    model: Model,
    path: str | Path,
    *,
    command: str = "",
    on_event: OnEvent = ignore,
) -> Path:
    """Write the report of a run that classified texts as one HTML file, and return its full path.

    A file that is there is replaced.

    Args:
        summary: what the run has done, with an overview.
        model: what classified the texts.
        path: the file, in .html.
        command: the command line that made it.
        on_event: gets each :class:`~senticli.events.Progress` as it comes.

    Raises:
        UsageError: the file is not called .html.
        ValueError: the summary has no overview.
        SenticliError: jinja2 is not installed, or there is no such folder.
    """
    path = check_page(path)
    overview = summary.overview
    if overview is None:
        raise ValueError("the summary has no overview: ask for one with overview=True")
    labels = _labels_shown(overview)
    influences = model.influences(overview.sample, labels=overview.ends, count=TOKENS)
    write_page(
        path,
        "predictions.html",
        name=Path(overview.source).name,
        model=model.name,
        summary=summary,
        overview=overview,
        shares=_shares(overview.whole, labels) if overview.whole.texts else None,
        groupings=[
            (one, _grouping(one, labels, overview)) for one in overview.groupings if one.groups
        ],
        texts=_texts(overview, model, on_event),
        influences=influences,
        tokens=[
            _tokens(label, labels.get(label, "mid"), found)
            for label, found in influences.of.items()
            if found
        ],
        reasons=Table(
            (Column("why"), Column("texts", "count"), Column("the first")),
            [(one.what, one.count, one.first) for one in overview.reasons],
        ),
        small=SMALL,
        longest=LONGEST_SAMPLED,
        usual=model.bundle.config.usual,
        facts=_facts(summary, overview, model),
        command=command,
        created=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    )
    return path


def check_report(path: str | Path, *files: str | Path | None) -> Path:
    """Return the full path of a report that can be written, checked before the long work starts.

    Raises:
        UsageError: it is one of the other files, or not called .html.
        SenticliError: jinja2 is not installed, or there is no such folder.
    """
    path = check_page(path)
    for file in files:
        if file and Path(file).resolve() == path.resolve():
            raise UsageError(f"`report` {path} would overwrite {file}", "use another name")
    return path


def _labels_shown(overview: Overview) -> dict[str, str]:
    """Return the labels that charts and groups show, in order, and the class of each."""
    counts = overview.whole.labels
    ends = [NEGATIVE, POSITIVE] if overview.has_polarity else []
    others = sorted((one for one in counts if one not in ends), key=lambda one: -counts[one])
    chosen = [*ends, *others][:LABELS]
    if ends:
        kinds = {NEGATIVE: "low", POSITIVE: "high"}
        return {one: kinds.get(one, "mid") for one in counts if one in chosen}
    return dict(zip((one for one in counts if one in chosen), KINDS, strict=False))


def _shares(whole: Group, kinds: Mapping[str, str]) -> Chart:
    """Draw how often each label is the answer; the table has the counts, too."""
    bars = [
        Bar(label, one.value, one.interval, kinds.get(label, "mid"))
        for label, one in whole.shares.items()
    ]
    columns = (Column("label"), Column("texts", "count"), Column("share", "percent"))
    rows = [(label, whole.labels[label], figure) for label, figure in whole.shares.items()]
    chart = bar_chart("Share of each label", bars, kind="percent")
    return replace(chart, table=Table(columns, rows))


def _grouping(grouping: Grouping, labels: Mapping[str, str], overview: Overview) -> Chart:
    """Draw the shares of labels by group, or, where these are periods, over time."""
    periods = grouping.by_time
    groups = grouping.groups if periods else grouping.top(GROUPS)
    columns = [
        Column(grouping.period or grouping.column),
        Column("texts", "count"),
        *(Column(label, "percent") for label in labels),
    ]
    if overview.has_polarity:
        columns.append(Column("mean polarity", "signed"))
    if has_small := any(group.is_small for group in groups):
        columns.append(Column("note"))
    rows = []
    for group in groups:
        row: list[Any] = [group.name, group.texts, *(group.shares.get(label) for label in labels)]
        if overview.has_polarity:
            row.append(group.polarity)
        if has_small:
            row.append("few texts" if group.is_small else "")
        rows.append(row)
    table, column = Table(columns, rows), grouping.column
    if len(periods) > 1:
        by = f"Shares of labels by {grouping.period}, from {column}"
        return time_chart(by, list(map(_parts, periods)), labels, table)
    return stacked_chart(f"Shares of labels by {column}", list(map(_parts, groups)), labels, table)


def _parts(group: Group) -> Parts:
    shares = group.shares.items()
    return Parts(group.name, {label: (one.value, one.interval or (0, 1)) for label, one in shares})


def _tokens(label: str, kind: str, found: Sequence[Influence]) -> Chart:
    """Draw how much tokens raise a label; the table has the texts that they are in, too."""
    bars = [Bar(one.token, one.weight, kind=kind) for one in found]
    columns = (Column("token"), Column("weight", "signed"), Column("texts", "count"))
    rows = [(one.token, one.weight, one.texts) for one in found]
    chart = bar_chart(f"Raise {label}", bars, kind="signed")
    return replace(chart, table=Table(columns, rows))


def _texts(overview: Overview, model: Model, on_event: OnEvent) -> list[tuple[str, list[Shown]]]:
    """Return the texts that stand out, by what they stand out for."""
    certain = {label: overview.certain.get(label, ()) for label in overview.ends}
    kinds = {f"most {label}": texts for label, texts in certain.items()}
    kinds["least certain"] = overview.uncertain
    total = sum(map(len, kinds.values()))
    found: list[tuple[str, list[Shown]]] = []
    done = 0
    for title, texts in kinds.items():
        shown = []
        for text in texts:
            most = max(1, OCCLUDED // total // text.tokens)
            shown.append(Shown(text, excerpt(text.text, _weights(overview, model, text, most))))
            done += 1
            on_event(Progress("explaining texts", done, total, "texts"))
        found.append((title, shown))
    return found


def _weights(overview: Overview, model: Model, text: AnsweredText, most: int) -> list[TokenWeight]:
    """Return what the tokens of a text weigh for its label; between two poles, for the lower one.

    So a colour means the same in every text.
    """
    if not overview.has_polarity:
        return model.explain(text.text, text.label, most=most)
    if text.label == NEGATIVE:
        return model.explain(text.text, NEGATIVE, most=most)
    weights = model.explain(text.text, POSITIVE, most=most)
    return [replace(token, weight=-token.weight) for token in weights]


def _facts(summary: Summary, overview: Overview, model: Model) -> dict[str, str]:
    """Return what was classified, and by which model."""
    config = model.bundle.config
    return {
        "input": overview.source,
        "output": str(summary.output) if summary.output else "standard output",
        "records": f"{overview.whole.records:,}",
        "model": f"{model.name}: {', '.join(config.labels)}",
        **_threshold(model),
        "trained": config.created,
        "SHA-256 of model.onnx": config.files["model.onnx"],
        "senticli": code_version(),
    }


def _threshold(model: Model) -> dict[str, str]:
    """Return the thresholds of the model's own, if it has some."""
    scores = (f"{score:g} ({label})" for label, score in model.thresholds_for().items())
    return {"the model's threshold": ", ".join(scores)} if model.thresholds_for() else {}
