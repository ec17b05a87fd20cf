"""An actor of Ray: it holds one model, and scores whole files as a local run does."""

import dataclasses
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from senticli import __version__
from senticli.bundle import Bundle
from senticli.cluster.manifest import TRIES, ScoredFile
from senticli.cluster.storage import File, Folder
from senticli.config import OutputConfig
from senticli.errors import SenticliError
from senticli.io import jsonfile
from senticli.io.formats import FORMATS, LINES, PARQUET, compression_of, format_of, open_bytes
from senticli.io.inputs import Input
from senticli.io.layout import Layout
from senticli.io.readers import Record
from senticli.io.scoring import score
from senticli.io.tally import Summary
from senticli.model import Model

MOST_TRIES = 4
ENDINGS = {format: ".txt" if format == LINES else f".{format}" for format in FORMATS}


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every worker of a run gets.

    Args:
        version: of senticli, which must be the same everywhere.
        model: the content of the files that prediction needs, by name.
        inputs: where the files are.
        output: where the results go.
        format: of the inputs; None: by their names.
        layout: how they are written.
        options: what is asked of the results.
        window: records read ahead at most.
    """

    version: str
    model: Mapping[str, bytes]
    inputs: Folder
    output: Folder
    format: str | None
    layout: Layout
    options: OutputConfig
    window: int

    def format_of(self, name: str) -> str:
        """Return the format of a file."""
        return self.format or format_of(Path(name)) or LINES

    def result_of(self, name: str) -> str:
        """Return the name of a file's result: the same, but for another format."""
        path, format = Path(name), self.options.output_format or self.format_of(name)
        packed = compression_of(path) or ""
        if (format_of(path) or LINES) != format:
            stem = path.with_suffix("") if packed else path
            if format_of(stem):
                stem = stem.with_suffix("")
            path = stem.with_name(f"{stem.name}{ENDINGS[format]}{packed}")
        # Parquet is packed by itself.
        return (path.with_suffix("") if packed and format == PARQUET else path).as_posix()


class Worker:
    """Scores files, one after another.

    Args:
        job: the run.

    Raises:
        SenticliError: this node has another version of senticli, or cannot run the model.
    """

    def __init__(self, job: Job) -> None:
        if job.version != __version__:
            raise SenticliError(
                f"a node of the cluster has senticli {__version__}, and not {job.version}",
                "install the same version everywhere",
            )
        self._job = job
        with TemporaryDirectory() as folder:
            for name, content in job.model.items():
                Path(folder, name).write_bytes(content)
            self._model = Model(Bundle.open(Path(folder)), threads=1)

    def __call__(self, batch: Any) -> dict[str, list[str]]:
        """Return what became of each file of a batch of Ray's, both as JSON."""
        files = [File(**jsonfile.parse(line)) for line in batch["file"].to_pylist()]
        return {"scored": [self.score(file).to_json() for file in files]}

    def score(self, file: File) -> ScoredFile:
        """Score a file; what is wrong with it is in the answer."""
        result = self._job.result_of(file.name)
        scored = ScoredFile(name=file.name, size=file.size, version=file.version, output=result)
        started = time.perf_counter()
        try:
            with self._tried(result):
                found = self._score(file.name, result)
        except SenticliError as error:
            found = {"failure": error.message, "hint": error.hint}
        except Exception as error:  # the other files can be scored all the same
            what = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            found = {"failure": what, "hint": "fix what is wrong with this file"}
        seconds = time.perf_counter() - started
        return dataclasses.replace(scored, **found, seconds=round(seconds, 3), ended=time.time())

    @contextmanager
    def _tried(self, result: str) -> Iterator[None]:
        """Count how often a worker began a file, and did not live to end it.

        Ray gives such a file to another worker, without end.

        Raises:
            SenticliError: that happened too often.
        """
        marks = self._job.output.within(TRIES)
        tries = marks.size_of(result) or 0
        if tries == MOST_TRIES:
            raise SenticliError(
                f"its worker was killed {tries} times, most likely for lack of memory",
                "see Ray's logs; give each worker more memory, or split the file",
            )
        marks.write(result, b"." * (tries + 1))
        try:
            yield
        finally:
            marks.within(result).remove()

    def _score(self, name: str, result: str) -> dict[str, Any]:
        job, rows_in, summary = self._job, 0, None

        def counted(records: Iterator[Record]) -> Iterator[Record]:
            nonlocal rows_in
            for record in records:
                rows_in += 1
                yield record

        def keep(event: object) -> None:
            nonlocal summary
            if isinstance(event, Summary):
                summary = event

        with job.inputs.fetched(name) as path, job.output.receiving(result) as made:
            with open_bytes(path) as (stream, position):
                shown = job.inputs.place(name)
                source = Input.of_stream(stream, shown, job.format_of(name), job.layout)
                source = dataclasses.replace(source, path=path, position=position)
                source.records.records = counted(source.records.records)
                target: Any = job.options.output_format or job.format_of(name)
                options = dataclasses.replace(job.options, output_format=target)
                try:
                    score(self._model, source, made, options, window=job.window, on_event=keep)
                except SenticliError:
                    if summary is None:  # else there is a result, of a file without any text
                        raise
            assert summary
            if rows_in != summary.records:
                raise SenticliError(
                    f"{rows_in:,} records were read, and {summary.records:,} written",
                    "this is a fault of senticli: report it",
                )
            return {
                "written": made.stat().st_size,
                "rows_in": rows_in,
                "rows_out": summary.records,
                "errors": summary.errors,
                "labels": dict(summary.labels),
                "warnings": summary.warnings,
            }
