"""How records become an output: its format, the answers in it, what writes it."""

import codecs
import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from senticli.config import OutputConfig
from senticli.errors import UsageError
from senticli.events import OnEvent
from senticli.io.answers import Answers
from senticli.io.formats import (
    DELIMITERS,
    JSONL,
    LINES,
    PARQUET,
    compress,
    compression_of,
    format_of,
    import_pyarrow,
    import_zstandard,
)
from senticli.io.inputs import Input
from senticli.io.layout import Dialect
from senticli.io.sinks import is_special
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
from senticli.model import FIRST_WINDOW, UNSURE, Model

PEEKED = 1000  # objects of a pipe, whose fields become the columns of a table in a file
PEEKED_LIVE = FIRST_WINDOW  # the same where somebody waits for the first answer


@dataclass(frozen=True)
class OutputPlan:
    """How the records of an input become an output.

    ``convert`` makes the output of what ``writer`` has written, where they differ. Of ``input``,
    some records may have been read ahead.
    """

    input: Input
    format: str
    thresholds: Mapping[str, float]
    answers: Answers
    writer: Writer
    convert: Callable[[BinaryIO, BinaryIO], None] | None = None

    def source(self, model: Model) -> Mapping[str, Any]:
        """Return what the output depends on.

        It is what settings come to, not how they are given, so that a pipe can continue what a
        file began.
        """
        records, layout = self.input.records, self.input.layout
        dialects = (records.dialect, self.writer.dialect)
        config = model.bundle.config
        return {
            "another model": [config.files["model.onnx"], config.temperature],
            "other options": {
                "formats": [
                    records.format,
                    self.format,
                    [dialect and dataclasses.asdict(dialect) for dialect in dialects],
                ],
                "header": layout.header,
                "encoding": codecs.lookup(layout.encoding or "utf-8").name,
                "text": records.text_column,
                "answers": list(self.answers.columns),
                "thresholds": dict(self.thresholds),
            },
            "another input": hashlib.sha256(self.writer.header()).hexdigest(),
        }


def plan_output(
    source: Input,
    path: Path | None,
    options: OutputConfig,
    model: Model,
    *,
    writer: Writer | None,
    window: int,
    report: OnEvent,
) -> OutputPlan:
    """Decide how an output is made.

    Args:
        source: the records.
        path: where the output goes; None: to a stream.
        options: what is asked for.
        model: the model.
        writer: the caller's own, which takes answers as JSON has them.
        window: records that may be read ahead.
        report: gets :class:`~senticli.events.Progress`.

    Raises:
        SenticliError: the options and the input do not fit, or a package is not installed.
    """
    thresholds = model.thresholds_for(options.threshold)
    if thresholds and UNSURE in model.labels:
        raise UsageError(f"the model has a label {UNSURE!r} of its own", "leave out `threshold`")
    read = source.records.format
    target = options.output_format or (format_of(path) if path else None) or read
    if target == LINES and options.prefix and not writer:
        raise UsageError(
            "`prefix` has no meaning for plain lines, which have no names",
            "leave it out, or name another format, such as `output_format=csv`",
        )
    answers = Answers(
        model.labels,
        scores=options.scores or (read == LINES and target == JSONL),
        polarity=options.polarity,
        top_k=options.top_k,
        explain=options.explain,
        prefix=options.prefix,
        nested=target == JSONL or writer is not None,
    )
    if writer:
        return OutputPlan(source, target, thresholds, answers, writer)
    is_file = path is not None and not is_special(path)
    columns = source.records.columns
    if target in DELIMITERS and columns is None:
        if source.path and source.path.is_file():
            columns = source.all_fields(report)
        else:
            columns, source = source.first_fields(min(window, PEEKED if is_file else PEEKED_LIVE))
        columns = columns or ("line",)
    source = _without_clash(source, columns, target, answers)
    compression = compression_of(path) if path else None
    if target == PARQUET and (not is_file or compression):
        raise UsageError(
            "Parquet is written to a file, unpacked",
            "use `output=FILE.parquet`, or another format: `output_format=jsonl`",
        )
    return OutputPlan(
        source,
        target,
        thresholds,
        answers,
        _writer(source, columns or (), target, answers),
        _convert(source, target, answers, compression),
    )


def _without_clash(
    source: Input, columns: Sequence[str] | None, target: str, answers: Answers
) -> Input:
    """Return the input, of which a record may have been read ahead.

    Raises:
        UsageError: an added column has the name of another, or the format would lose a column.
    """
    name = source.records.name
    if target == LINES:
        return source
    if columns is None:
        first, source = source.first_fields(1)
        where = f"the first record of {name}"
        reject_clash(first, answers.names, answers.prefix, where)
        return source
    reject_clash(columns, [*answers.columns, *answers.names], answers.prefix, name)
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None and target != source.records.format:
        raise UsageError(
            f"{name} has two columns {twice!r}, which {target} cannot tell apart",
            f"keep the format: `output_format={source.records.format}`",
        )
    return source


def _writer(source: Input, columns: Sequence[str], target: str, answers: Answers) -> Writer:
    """Return what writes the output, or what it is made of."""
    records = source.records
    if target == LINES:
        return LinesWriter()
    if target in DELIMITERS:
        dialect = (records.format == target and records.dialect) or Dialect.of(target)
        # A table without a header stays one, as long as it stays a table.
        header = records.format not in DELIMITERS or source.layout.header
        return TableWriter(target, records, columns, list(answers.columns), dialect, header=header)
    if target == PARQUET and records.stream:
        return AnswerWriter()
    return JsonWriter(records, answers.names)


def _convert(
    source: Input, target: str, answers: Answers, compression: str | None
) -> Callable[[BinaryIO, BinaryIO], None] | None:
    """Return what makes the output of what is written, where they differ.

    Raises:
        SenticliError: it needs a package that is not installed.
    """
    if target == PARQUET:
        import_pyarrow()
        if stream := source.records.stream:
            return partial(parquet_from_parquet, stream, added=answers.columns)
        return partial(parquet_from_json, added=answers.columns)
    if compression == ".zst":
        import_zstandard()
    return partial(compress, compression=compression) if compression else None
