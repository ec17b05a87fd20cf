"""What a run has done, file by file, and what it was made from: ``_manifest.jsonl`` in its output.

The first line holds what all results depend on, each other one a file that is finished. The
driver alone writes it. A file counts as finished when its line is there, so that a rerun scores
again what was cut off.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from senticli.cluster.storage import File, Folder, Inputs
from senticli.errors import SenticliError, UsageError
from senticli.io import atomic, jsonfile
from senticli.io.jsonfile import has_type

MANIFEST, SUCCESS = "_manifest.jsonl", "_SUCCESS"
TRIES = "_tries"
"""The folder of marks, a file for each one that is being scored, a byte for each try."""
UPLOADED = 10.0  # seconds between two uploads of a manifest to storage that cannot append


@dataclass(frozen=True, kw_only=True)
class ScoredFile:
    """A file that was scored, or why it could not be.

    Args:
        name: of the input, within its folder.
        size: bytes of the input.
        version: of the input, as :class:`~senticli.cluster.storage.File` has it.
        output: the name of the result.
        written: bytes of the result.
        rows_in: records that were read.
        rows_out: records that were written, with a label or an error.
        errors: records that could not be classified.
        labels: how often each label was the answer, the commonest first.
        seconds: that it took.
        ended: when it was done, in seconds since 1970.
        warnings: where the answers may not be what is wanted.
        failure: why there is no result.
        hint: what to do about that.
    """

    name: str
    size: int
    version: str
    output: str
    written: int = 0
    rows_in: int = 0
    rows_out: int = 0
    errors: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    ended: float = 0.0
    warnings: tuple[str, ...] = ()
    failure: str = ""
    hint: str = ""

    @classmethod
    def from_json(cls, line: bytes | str) -> "ScoredFile":
        """Return what :meth:`to_json` was made of. Raises one of jsonfile.INVALID."""
        raw = jsonfile.parse(line)
        raw["warnings"] = tuple(raw["warnings"])
        scored = cls(**raw)
        if not has_type(scored, cls):
            raise TypeError("a value of another type")
        return scored

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps(asdict(self))

    def is_of(self, file: File) -> bool:
        """Return True if the file is as it was."""
        return (self.name, self.size, self.version) == (file.name, file.size, file.version)


@dataclass(frozen=True, kw_only=True)
class FolderSummary:
    """What a run over files has done.

    Args:
        output: where the results are.
        files: all files, sorted by name.
        before: how many of them an earlier run had finished.
        seconds: the run took, with the start of Ray.
        was_complete: True if there was nothing to do.
    """

    output: str
    files: tuple[ScoredFile, ...]
    before: int = 0
    seconds: float = 0.0
    was_complete: bool = False

    @cached_property
    def labels(self) -> Mapping[str, int]:
        """How often each label was the answer, the commonest first."""
        total: Counter[str] = Counter()
        for file in self.files:
            total.update(file.labels)
        return dict(total.most_common())

    @property
    def rows_in(self) -> int:
        """Records that were read."""
        return sum(file.rows_in for file in self.files)

    @property
    def rows_out(self) -> int:
        """Records that were written."""
        return sum(file.rows_out for file in self.files)

    @property
    def errors(self) -> int:
        """Records that could not be classified."""
        return sum(file.errors for file in self.files)

    @property
    def failed(self) -> tuple[ScoredFile, ...]:
        """The files that have no result."""
        return tuple(file for file in self.files if file.failure)


class Output:
    """The folder of the results, in the making or complete.

    On a disk it is ``NAME.partial`` until every file is in it.

    Args:
        folder: where it will be.
        source: what all results depend on: the ``model``, and the ``options`` by name.
    """

    def __init__(self, folder: Folder, source: Mapping[str, Any]) -> None:
        self.folder, self.making = folder, folder.partial()
        self._source = json.loads(json.dumps(source))
        self.finished: dict[str, ScoredFile] = {}
        self.is_complete = False
        self._lines: list[str] = []
        self._file: Any = None
        self._uploaded = 0.0

    def open(self, inputs: Inputs, *, force: bool) -> None:
        """Find out what an earlier run has finished, and begin or continue the manifest.

        Args:
            inputs: what is to be scored.
            force: start again.

        Raises:
            SenticliError: the folder is not one of a run like this, and there is no ``force``; or
                it holds something else.
        """
        there, made = self.folder.files(), self.making.files()
        for folder, files in ((self.folder, there), (self.making, made)):
            if files and MANIFEST not in files:
                raise UsageError(
                    f"{folder.shown} exists, and was not written by `engine=ray`",
                    "choose another `output`",
                )
        if force:
            self.making.remove()
            made = {}
        elif SUCCESS in there:
            self.finished = self._read(self.folder, inputs, there)
            if left := [name for name in inputs.files if name not in self.finished]:
                raise self._differs(f"another input: {left[0]} is new, or has changed")
            self.is_complete = True
            return
        elif there and self.making != self.folder:
            raise UsageError(f"{self.folder.shown} already exists", "replace it: `force=True`")
        elif made:
            self.finished = self._read(self.making, inputs, made)
        self.making.within(TRIES).remove()
        lines = [json.dumps({"source": self._source})]
        self._lines = lines + [scored.to_json() for scored in self.finished.values()]
        self._write()
        if self.making.is_local:
            path = Path(self.making.place(MANIFEST))
            self._file = path.open("a", encoding="utf-8")  # closed by close

    def _read(
        self, folder: Folder, inputs: Inputs, there: Mapping[str, File]
    ) -> dict[str, ScoredFile]:
        """Return the files that are finished: input and result are as they were."""
        first, *lines = folder.read(MANIFEST).splitlines()
        try:
            before = jsonfile.parse(first)["source"]
            other = self._other(before)
        except jsonfile.INVALID:
            other = "unknown settings"
        if other and lines:
            raise self._differs(other)
        finished = {}
        for line in lines:
            with suppress(*jsonfile.INVALID):  # a line that was cut off
                scored = ScoredFile.from_json(line)
                finished[scored.name] = scored
        if gone := [name for name in finished if name not in inputs.files]:
            raise self._differs(f"another input: {gone[0]} is gone")
        return {
            name: scored
            for name, scored in finished.items()
            if scored.is_of(inputs.files[name])
            and scored.output in there
            and there[scored.output].size == scored.written
        }

    def _other(self, before: Mapping[str, Any]) -> str | None:
        """Return what differs from what the results depended on before."""
        if before["model"] != self._source["model"]:
            return "another model"
        now, then = self._source["options"], before["options"]
        # In backquotes, as the settings that they are.
        names = [f"`{name}`" for name in {**now, **then} if now.get(name) != then.get(name)]
        return f"other options: {', '.join(names)}" if names else None

    def _differs(self, other: str) -> UsageError:
        return UsageError(
            f"{self.folder.shown} was made with {other}",
            "choose another `output`, or replace it: `force=True`",
        )

    def add(self, scored: ScoredFile) -> None:
        """Record that a file is finished."""
        self._lines.append(scored.to_json())
        if self._file:
            print(self._lines[-1], file=self._file, flush=True)
        elif time.monotonic() > self._uploaded + UPLOADED:
            self._write()

    def _write(self) -> None:
        content = "\n".join([*self._lines, ""])
        if self.making.is_local:
            Path(self.making.path).mkdir(parents=True, exist_ok=True)
            atomic.write_text(Path(self.making.place(MANIFEST)), content)
        else:
            self.making.write(MANIFEST, content.encode())
            self._uploaded = time.monotonic()

    def close(self) -> None:
        """Write what is not written yet; leave nothing where nothing is finished."""
        if self._file:
            self._file.close()
        elif self._lines:
            self._write()
        if len(self._lines) == 1:
            self.making.remove()
        self._file, self._lines = None, []

    def complete(self) -> None:
        """Put the folder in its place, marked as complete."""
        self.making.within(TRIES).remove()
        self.making.write(SUCCESS, b"")
        if not self.making.is_local:
            return
        making, target = Path(self.making.path), Path(self.folder.path)
        for left in making.glob(".*"):  # by workers that were killed
            atomic.remove(left)
        old = atomic.partial_of(target)
        try:
            atomic.remove(old)
            if target.exists():
                target.rename(old)
            making.rename(target)
            atomic.remove(old)
        except OSError as error:
            raise SenticliError(
                f"cannot rename {making} to {target}: {error.strerror}", "rename it yourself"
            ) from error


def results(inputs: Iterable[File], scored: Mapping[str, ScoredFile]) -> tuple[ScoredFile, ...]:
    """Return what became of each file that was reached, in order."""
    return tuple(scored[file.name] for file in inputs if file.name in scored)
