"""Scoring a file, or what else holds records: from records to answers."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from senticli.config import Format, OutputConfig
from senticli.errors import SenticliError, UsageError
from senticli.events import Message, OnEvent, ignore
from senticli.io.inputs import Input, open_input
from senticli.io.layout import Layout
from senticli.io.plan import PEEKED, PEEKED_LIVE, OutputPlan, plan_output
from senticli.io.readers import Record
from senticli.io.sinks import OutputFile, Sink, Stream, is_special
from senticli.io.tally import Summary, Tally
from senticli.io.writers import Writer
from senticli.model import UNSURE, WINDOW, Model, Prediction, as_model


@dataclass(frozen=True)
class Stopped:
    """A run has ended early; ``partial`` is what it has written, which another can resume."""

    partial: Path


def score_file(
    input: str | Path,
    output: str | Path,
    *,
    model: Model | str | Path | None = None,
    format: str | None = None,
    text_column: str | int | None = None,
    delimiter: str | None = None,
    quoting: str | None = None,
    header: bool = True,
    encoding: str | None = None,
    output_format: Format | None = None,
    prefix: str = "",
    scores: bool = False,
    polarity: bool = False,
    top_k: int = 1,
    threshold: float | None = None,
    explain: bool = False,
    resume: bool = False,
    force: bool = False,
    strict: bool = False,
    overview: bool = False,
    group_by: str | Sequence[str] = (),
    report: str | Path | None = None,
    threads: int | None = None,
    on_event: OnEvent = ignore,
) -> Summary:
    """Classify the texts of a file, and write its records, with the answers, to another.

    The output is complete or does not exist; until then it is ``NAME.partial``.

    Args:
        input: lines, CSV, TSV, JSON Lines or Parquet, compressed (.gz, .zst) or not.
        output: the file to write.
        model: the model, or what :func:`senticli.load` finds it by.
        format: of the input; None: by its name. This and what follows is as for
            :class:`~senticli.io.layout.Layout`.
        text_column: the name or number of the text's column; None: one of the usual names.
        delimiter: of CSV and TSV; None: found in the first rows.
        quoting: of CSV and TSV: ``csv``, ``backslash`` or ``none``.
        header: False if the first row of CSV or TSV is data.
        encoding: of the text; None: UTF-8.
        output_format: None: by the output's name, else the input's.
        prefix: put before the names of the added columns.
        scores: add the score of every label.
        polarity: add P(positive) − P(negative), from −1 to 1.
        top_k: add so many of the likeliest labels.
        threshold: answer ``unsure`` where the score is below it; None: below that of the model.
        explain: add what each token weighs for the label.
        resume: continue the output of a run that was cut off.
        force: replace an output that exists.
        strict: stop at the first text that cannot be classified.
        overview: let the summary have one: shares of labels, groups, texts that stand out. A run
            that is resumed then classifies the texts before it again, to count all of them.
        group_by: the column by whose values the overview groups the answers, or several.
        report: a page in .html that shows the overview; one that is there is replaced.
        threads: CPU threads of a model that is loaded.
        on_event: gets each ``Message`` and ``Progress`` of :mod:`senticli.events`, then the
            summary; or :class:`Stopped`.

    Returns:
        What was done, and what is worth knowing about it.

    Raises:
        SenticliError: the input or the output cannot be used; no text could be classified.
        ValueError: a number is out of its range.
    """
    layout, options = layout_and_options(
        text_column,
        delimiter=delimiter,
        quoting=quoting,
        header=header,
        encoding=encoding,
        output_format=output_format,
        prefix=prefix,
        scores=scores,
        polarity=polarity,
        top_k=top_k,
        threshold=threshold,
        explain=explain,
    )
    if report:
        from senticli.report.predictions import check_report

        check_report(report, input, output)
    model = as_model(model, threads)
    with open_input(Path(input), format, layout) as source:
        summary = score(
            model,
            source,
            Path(output),
            options,
            resume=resume,
            force=force,
            strict=strict,
            overview=overview or bool(report),
            group_by=(group_by,) if isinstance(group_by, str) else group_by,
            on_event=on_event,
        )
    if report:
        from senticli.report.predictions import write_predictions_report

        write_predictions_report(summary, model, report, on_event=on_event)
    return summary


def layout_and_options(
    text_column: str | int | None = None,
    *,
    delimiter: str | None = None,
    quoting: str | None = None,
    header: bool = True,
    encoding: str | None = None,
    **asked: Any,
) -> tuple[Layout, OutputConfig]:
    """Return how a file is written, and what is ``asked`` of the output; see :func:`score_file`.

    Raises:
        UsageError: a value that makes no sense.
        TypeError: there is no such setting.
    """
    layout = Layout(
        text_column=None if text_column is None else str(text_column),
        delimiter=delimiter,
        quoting=quoting,
        header=header,
        encoding=encoding,
    )
    return layout, OutputConfig(**asked)


def score(
    model: Model,
    source: Input,
    output: Path | Stream,
    options: OutputConfig,
    *,
    writer: Writer | None = None,
    resume: bool = False,
    force: bool = False,
    strict: bool = False,
    overview: bool = False,
    group_by: Sequence[str] = (),
    window: int = WINDOW,
    on_event: OnEvent = ignore,
) -> Summary:
    """Answer every record of an input; see :func:`score_file`.

    Args:
        model: the model.
        source: the input.
        output: a file to write, or where answers go as they come.
        options: what is asked of the output.
        writer: makes the output, in place of that of a format; it gets answers as JSON has them.
        resume: continue a file.
        force: replace a file.
        strict: stop at the first text that cannot be classified.
        overview: gather one for the summary.
        group_by: columns that it groups the answers by.
        window: records read ahead at most; with 1, each is answered before the next is read.
        on_event: gets each event.

    Raises:
        SenticliError: the input or the output cannot be used; with ``strict``, a text.
    """
    path = None if isinstance(output, Stream) else output
    gathering = None
    if overview or group_by:
        from senticli.io.overview import Gathering, find_columns

        ahead = min(window, PEEKED if source.path else PEEKED_LIVE)
        columns, source = find_columns(source, group_by, ahead)
        has_unsure = bool(model.thresholds_for(options.threshold))
        gathering = Gathering(model.labels, columns, source, has_unsure=has_unsure)
    plan = plan_output(source, path, options, model, writer=writer, window=window, report=on_event)
    if options.threshold is None and plan.thresholds:
        on_event(Message("note", _about_thresholds(plan.thresholds)))
    with ExitStack() as stack:
        sink = _open_sink(output, plan, model, stack, resume=resume, force=force, window=window)
        # An overview is of all records: those that were answered before are classified again.
        counted_from = 0 if gathering else sink.records
        usual = model.bundle.config.usual
        tally = Tally(plan.input, plan.writer, usual, counted_from, on_event, gathering)
        written = 0
        try:
            if sink.is_new:
                sink.write(plan.writer.header())
            pairs = _predictions(model, plan, sink, options.threshold, window, skip=counted_from)
            tracked = plan.input.tracked(pairs, on_event)
            for position, (record, prediction) in enumerate(tracked, start=counted_from):
                is_new = position >= sink.records
                if is_new and strict and prediction.error:
                    raise SenticliError(
                        f"{tally.place(record)}: {prediction.error}",
                        "fix it, or drop `strict` to record the error in place of a label",
                    )
                tally.add(record, prediction)
                if is_new:
                    answer = plan.answers.of(model, prediction)
                    sink.write(plan.writer.record(record, answer), record)
                    written += 1
            sink.finish()
        except BaseException as error:
            with suppress(SenticliError, OSError):
                partial = sink.stop(written)
                if partial and isinstance(error, KeyboardInterrupt | SenticliError):
                    on_event(Stopped(partial))
            raise
        summary = tally.end(path, was_complete=sink.is_complete)
        on_event(summary)
        if tally.failure:
            raise tally.failure
        return summary


def _about_thresholds(thresholds: Mapping[str, float]) -> str:
    """Return which answers are unsure by the model's own thresholds."""
    labels: dict[float, list[str]] = {}
    for label, score in thresholds.items():
        labels.setdefault(score, []).append(label)
    below = ", ".join(f"{score:g} ({', '.join(names)})" for score, names in labels.items())
    return f"by the model's own threshold, answers below a score of {below} are {UNSURE}"


def _open_sink(
    output: Path | Stream,
    plan: OutputPlan,
    model: Model,
    stack: ExitStack,
    *,
    resume: bool,
    force: bool,
    window: int,
) -> Sink:
    if isinstance(output, Stream):
        return output
    if is_special(output):
        file = stack.enter_context(output.open("wb"))
        return Stream(file, str(output), unbuffered=window == 1)
    return OutputFile.open(
        output,
        plan.writer,
        plan.source(model),
        plan.input.path,
        stack,
        convert=plan.convert,
        resume=resume,
        force=force,
    )


def _predictions(
    model: Model,
    plan: OutputPlan,
    sink: Sink,
    threshold: float | None,
    window: int,
    *,
    skip: int,
) -> Iterator[tuple[Record, Prediction]]:
    """Yield each record with its prediction, but for the first ``skip``.

    Raises:
        SenticliError: the input failed, after all that was read of it; or it is not the one of
            which records were answered before.
    """
    read, answered = 0, sink.records
    waiting: deque[Record] = deque()
    failures: list[SenticliError] = []

    def texts() -> Iterator[str]:
        nonlocal read
        try:
            for record in plan.input.records:
                if read < answered:
                    sink.check(read, record)
                if read >= skip:
                    waiting.append(record)
                read += 1
                yield record.text
        except SenticliError as error:  # what was read before is answered first
            failures.append(error)

    for prediction in model.stream(texts(), threshold=threshold, window=window, skip=skip):
        record = waiting.popleft()
        if record.error:
            prediction = Prediction(record.text, "", None, (), error=record.error)
        yield record, prediction
    if failures:
        raise failures[0]
    if read < answered:
        raise UsageError(
            f"the output was made from another input: this one has {read:,} "
            f"record{'s' * (read != 1)}, and {answered:,} were answered before",
            "give the same input again, or start again: `force=True`",
        )
