"""One run of ``senticli predict``: from records to answers, and what is said about them."""

import codecs
import dataclasses
import hashlib
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from senticli.bundle import Bundle
from senticli.cli.console import progress, say, status, stderr_is_terminal
from senticli.cli.views.predict import TerminalWriter
from senticli.cli.views.predict_summary import Report
from senticli.errors import SenticliError, UsageError
from senticli.io.answers import Answers, check_threshold
from senticli.io.formats import (
    DELIMITERS,
    JSONL,
    LINES,
    PARQUET,
    STANDARD_INPUT,
    compress,
    compression_of,
    format_of,
    import_pyarrow,
    import_zstandard,
    open_bytes,
)
from senticli.io.layout import Dialect, Layout
from senticli.io.readers import Record, Records, look_ahead, read_records
from senticli.io.sinks import OutputFile, Sink, Stream, is_special
from senticli.io.writers import (
    AnswerWriter,
    JsonWriter,
    LinesWriter,
    TableWriter,
    Writer,
    parquet_from_json,
    parquet_from_parquet,
    reject_clash,
)
from senticli.model import FIRST_WINDOW, WINDOW, Prediction, Predictor

PEEKED = 1000  # objects of a pipe, whose fields become the columns of a table in a file
PEEKED_LIVE = FIRST_WINDOW  # the same where somebody waits for the first answer
TERMINAL = "terminal"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the options ask for."""

    texts: list[str] | None
    input: Path | None
    format: str | None
    layout: Layout
    output: Path | None
    output_format: str | None
    resume: bool
    force: bool
    prefix: str
    unbuffered: bool
    scores: bool
    top_k: int
    threshold: float
    explain: bool
    strict: bool
    quiet: bool


def run(request: Request, bundle: Bundle, threads: int | None) -> None:
    """Answer every record of the input.

    Raises:
        SenticliError: the input or the output cannot be used; with ``strict``, a text.
    """
    labels = bundle.config.labels
    check_threshold(labels, request.threshold)
    with ExitStack() as stack:
        records, position = _open(request, stack)
        target = _output_format(request, records)
        if target == LINES and request.prefix:
            raise UsageError(
                "`prefix` has no meaning for plain lines, which have no names",
                "leave it out, or name another format, such as `output_format=csv`",
            )
        answers = Answers(
            labels,
            scores=request.scores or (records.format == LINES and target == JSONL),
            top_k=len(labels) if request.scores and target == TERMINAL else request.top_k,
            explain=request.explain,
            prefix=request.prefix,
            nested=target in (JSONL, TERMINAL),
        )
        writer, convert, records = _writer(request, records, target, answers)
        source = _source(request, bundle, records, target, answers, writer)
        sink = _sink(request, source, writer, convert, stack)
        if isinstance(sink, OutputFile) and sink.is_complete:
            sink.check_complete(records)
            say(f"{request.output} is complete: there is nothing to resume")
            return
        predictor = Predictor(bundle, threads)
        report = Report(
            bundle.config.usual,
            records,
            writer,
            place="text" if request.texts else "row" if records.format == PARQUET else "line",
            output=request.output,
            before=sink.records,
            strict=request.strict,
            quiet=request.quiet,
        )
        written = 0
        try:
            if sink.is_new:
                sink.write(writer.header())
            with _bar(request, position) as advance:
                for record, prediction in _predictions(predictor, records, request, sink):
                    report.add(record, prediction)
                    answer = answers.of(predictor, prediction)
                    sink.write(writer.record(record, answer), record)
                    written += 1
                    advance()
            sink.finish()
        except BaseException as error:
            with suppress(SenticliError, OSError):
                kept = sink.stop(written)
                if kept and isinstance(error, KeyboardInterrupt | SenticliError):
                    say(kept)
            raise
        report.end()


def _predictions(
    predictor: Predictor, records: Iterable[Record], request: Request, sink: Sink
) -> Iterator[tuple[Record, Prediction]]:
    """Yield each record with its prediction, but for those that were answered before.

    Raises:
        SenticliError: the input failed, after all that was read of it; or it is not the one of
            which records were answered before.
    """
    read, skip = 0, sink.records
    waiting: deque[Record] = deque()
    failures: list[SenticliError] = []

    def texts() -> Iterator[str]:
        nonlocal read
        try:
            for record in records:
                if read < skip:
                    sink.check(read, record)
                else:
                    waiting.append(record)
                read += 1
                yield record.text
        except SenticliError as error:  # what was read before is answered first
            failures.append(error)

    typed = request.texts is None and request.input is None and sys.stdin.isatty()
    window = 1 if request.unbuffered or typed else WINDOW
    for prediction in predictor.stream(
        texts(), threshold=request.threshold, window=window, skip=skip
    ):
        record = waiting.popleft()
        if record.error:
            prediction = Prediction(record.text, "", None, (), error=record.error)
        yield record, prediction
    if failures:
        raise failures[0]
    if read < skip:
        raise UsageError(
            f"the input has {read:,} record{'s' * (read != 1)}, and {skip:,} were answered before",
            "give the same input again, or start again: `force=True`",
        )


# --- input


def _open(request: Request, stack: ExitStack) -> tuple[Records, Callable[[], int] | None]:
    """The records, and for a file how many of its bytes are read."""
    if request.texts is not None:
        records = (
            Record(number, text, None, os.fsencode(text) + b"\n", (text,))
            for number, text in enumerate(request.texts, start=1)
        )
        return Records(LINES, records, ("text",), name="text"), None
    if request.input is None:
        stream, format = sys.stdin.buffer, request.format or LINES
        return read_records(stream, format, STANDARD_INPUT, request.layout), None
    stream, position = stack.enter_context(open_bytes(request.input))
    format = request.format or format_of(request.input) or LINES
    return read_records(stream, format, str(request.input), request.layout), position


# --- output


def _output_format(request: Request, records: Records) -> str:
    """The format asked for; else that of the file's name; else for people, or the input's."""
    named = format_of(request.output) if request.output else None
    if request.output_format or named:
        return request.output_format or named or ""
    if request.output is None and sys.stdout.isatty():
        return TERMINAL
    return records.format


def _writer(
    request: Request, records: Records, target: str, answers: Answers
) -> tuple[Writer, Callable[[BinaryIO, BinaryIO], None] | None, Records]:
    """Return what makes the output, how a file of another kind is made of that, and the records.

    Some of these may have been read ahead, where their fields are not known before.
    """
    columns = records.columns
    if target in DELIMITERS and columns is None:
        columns, records = _fields_of(request, records)
    if columns is not None and target not in (LINES, TERMINAL):
        added = [*answers.columns, *answers.names]
        reject_clash(columns, added, request.prefix, records.name)
        twice = next((name for name in columns if columns.count(name) > 1), None)
        if twice is not None and target != records.format:
            raise UsageError(
                f"{records.name} has two columns {twice!r}, which {target} cannot tell apart",
                f"keep the format: `output_format={records.format}`",
            )
    elif target in (JSONL, PARQUET):
        first, records = _peek(records, 1)
        where = f"the first record of {records.name}"
        reject_clash(first, answers.names, request.prefix, where)
    compression = compression_of(request.output) if request.output else None
    if compression == ".zst":
        import_zstandard()
    convert = partial(compress, compression=compression) if compression else None
    if target == TERMINAL:
        return TerminalWriter(answers.labels, request.prefix), None, records
    if target == LINES:
        return LinesWriter(), convert, records
    if target in DELIMITERS:
        assert columns is not None
        same = records.format == target and records.dialect
        dialect = same or Dialect.of(target)
        # A table without a header stays one, as long as it stays a table.
        header = records.format not in DELIMITERS or request.layout.header
        table = TableWriter(target, records, columns, list(answers.columns), dialect, header=header)
        return table, convert, records
    if target == JSONL:
        return JsonWriter(records, answers.names), convert, records
    import_pyarrow()
    if request.output is None or is_special(request.output) or compression:
        raise UsageError(
            "Parquet is written to a file, unpacked",
            "use `output=FILE.parquet`, or another format: `output_format=jsonl`",
        )
    if records.stream:
        merge = partial(parquet_from_parquet, records.stream, added=answers.columns)
        return AnswerWriter(), merge, records
    return (
        JsonWriter(records, answers.names),
        partial(parquet_from_json, added=answers.columns),
        records,
    )


def _fields_of(request: Request, records: Records) -> tuple[tuple[str, ...], Records]:
    """Return the fields of all objects of a file, or of the first of a pipe; and the records."""
    if request.input is None or not request.input.is_file():
        live = request.output is None or is_special(request.output)
        return _peek(records, 1 if request.unbuffered else PEEKED_LIVE if live else PEEKED)
    names: dict[str, None] = {}
    with (
        suppress(SenticliError),  # which comes again when the records are answered
        status("reading the names of the fields"),
        open_bytes(request.input) as (stream, _),
    ):
        for record in read_records(stream, JSONL, records.name, request.layout):
            if isinstance(record.fields, Mapping):
                names |= dict.fromkeys(record.fields)
    return tuple(names) or ("line",), records


def _peek(records: Records, count: int) -> tuple[tuple[str, ...], Records]:
    """Return the fields of the first objects, and all the records."""
    first, every = look_ahead(records.records, count)
    if not first:
        every = iter(list(every))  # what failed is raised before anything is written
    names: dict[str, None] = {}
    for record in first:
        if isinstance(record.fields, Mapping):
            names |= dict.fromkeys(record.fields)
    return tuple(names) or ("line",), dataclasses.replace(records, records=every)


def _source(
    request: Request,
    bundle: Bundle,
    records: Records,
    target: str,
    answers: Answers,
    writer: Writer,
) -> Mapping[str, Any]:
    """Return what the output depends on; what options come to, not how they are given.

    So a pipe can continue what a file began.
    """
    tables = [table and dataclasses.asdict(table) for table in (records.dialect, writer.dialect)]
    return {
        "another model": bundle.config.files["model.onnx"],
        "other options": {
            "formats": [records.format, target, tables],
            "header": request.layout.header,
            "encoding": codecs.lookup(request.layout.encoding or "utf-8").name,
            "text": records.text_column,
            "answers": list(answers.columns),
            "threshold": request.threshold,
        },
        "another input": hashlib.sha256(writer.header()).hexdigest(),
    }


def _sink(
    request: Request,
    source: Mapping[str, Any],
    writer: Writer,
    convert: Callable[[BinaryIO, BinaryIO], None] | None,
    stack: ExitStack,
) -> Sink:
    """Return where to write."""
    path = request.output
    if path is None:
        unbuffered = request.unbuffered or sys.stdout.isatty()
        raw = sys.stdout.isatty() and not isinstance(writer, TerminalWriter)
        return Stream(sys.stdout.buffer, "standard output", unbuffered, on_terminal=raw)
    if is_special(path):
        return Stream(stack.enter_context(path.open("wb")), str(path), request.unbuffered)
    return OutputFile.open(
        path,
        writer,
        source,
        request.input,
        stack,
        convert=convert,
        resume=request.resume,
        force=request.force,
    )


# --- talk


@contextmanager
def _bar(request: Request, position: Callable[[], int] | None) -> Iterator[Callable[[], None]]:
    """A progress bar over the bytes of a file, where it disturbs no answers on the terminal."""
    if position is None or not stderr_is_terminal() or request.quiet:
        yield lambda: None
        return
    if request.output is None and sys.stdout.isatty():
        yield lambda: None
        return
    assert request.input
    from rich.progress import DownloadColumn

    with progress(DownloadColumn()) as bar:
        task = bar.add_task(request.input.name, total=request.input.stat().st_size)
        count = 0

        def advance() -> None:
            nonlocal count
            count += 1
            if count % 256 == 0:
                bar.update(task, completed=position())

        yield advance
