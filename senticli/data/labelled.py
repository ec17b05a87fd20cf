"""Labelled texts of one's own: tables, fastText's lines, folders of files, a pipe of the first two.

A label is a text without blanks around it. So that one label is not taken for two, numbers and
booleans have one form each: ``4.0`` and ``4.00`` are ``4``, ``-1.0`` is ``-1``, ``0.50`` is
``0.5``, and ``True`` and ``TRUE`` are ``true``.
"""

import hashlib
import io
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from senticli.errors import SenticliError, UsageError
from senticli.io.atomic import sha256_of
from senticli.io.fields import find_column, find_field, text_at
from senticli.io.formats import (
    CSV,
    JSONL,
    LINES,
    PARQUET,
    STANDARD_INPUT,
    TABLE_SUFFIXES,
    format_of,
    open_bytes,
    read_bytes,
    unreadable,
)
from senticli.io.layout import Layout
from senticli.io.lines import MARK, read_lines, without_bom
from senticli.io.objects import BLANK
from senticli.io.readers import REPEATED, Records, mended, read_records
from senticli.io.sniff import LOOKED_AT, in_shell, reject_binary

PIPE = "-"
NO_TEXT, NO_LABEL = "no text", "no label"
RUNS_INTO_TEXT = "the label runs into the text"
SPLIT_FOLDERS = {"train": "train", "valid": "valid", "dev": "valid", "test": "test"}
"""Folders that are splits, not labels, where one of them is ``train``."""

_FASTTEXT = re.compile(r"((?:__label__\S+\s+)+)(.*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its label. Examples that share a ``group`` (a movie) stay in one split."""

    text: str
    label: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that is not an example, and why; or, if ``kept``, one to be suspicious of."""

    where: str
    what: str
    kept: bool = False


@dataclass
class Labelled:
    """What a file or folder holds."""

    examples: list[Example] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    sha256: str = ""


class NoExamplesError(SenticliError):
    """A file or folder without a single example. ``problems`` say what became of its rows."""

    def __init__(self, message: str, hint: str, problems: list[Problem]) -> None:
        super().__init__(message, hint)
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How labelled files are read: their format, the column of the label, their layout."""

    format: str | None = None
    label_column: str | None = None
    layout: Layout = field(default_factory=Layout)

    @property
    def given(self) -> dict[str, object]:
        """What is not left to be found out, by the option that says it."""
        own = {"format": self.format, "label_column": self.label_column}
        return {k: v for k, v in own.items() if v is not None} | self.layout.given


def is_pipe(path: Path) -> bool:
    """Return True for standard input, and for what else can be read only once."""
    if str(path) == PIPE:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def read_labelled(path: Path, reading: Reading | None = None) -> Labelled:
    """Read the examples of a CSV, TSV, JSONL, Parquet or fastText file, a pipe, or a folder.

    fastText's lines begin with ``__label__NAME``. A folder has a folder for each label, with a
    text in each of its files. The format of a pipe is found from how it begins.

    Raises:
        SenticliError: it cannot be read, is not UTF-8 (or what ``reading`` says), or holds no
            examples.
        UsageError: ``reading`` says something that has no meaning for it.
    """
    reading = reading or Reading()
    hints: dict[str, str] = {}
    if path.is_dir():
        _check_meaning(path, reading)
        found = _read_folder(path, reading.layout.encoding)
        hint = "give it one folder for each label, with a text in each file"
    else:
        with _opened(path) as (stream, name, sha256):
            format = reading.format or format_of(path)
            if format is None and is_pipe(path):
                format = _format_by_content(stream)
            if format in (None, LINES):
                _check_meaning(path, reading)
                found = _read_fasttext(stream, name, reading.layout.encoding)
                hint = "begin each line with __label__NAME and a blank"
            else:
                found, hints = _read_table(stream, name, str(format), reading)
                hint = "use a file with a header and rows"
            found.sha256 = sha256()
    if not found.examples:
        first = found.problems[:1]
        why = "".join(f"; {problem.where}: {problem.what}" for problem in first)
        name = STANDARD_INPUT if str(path) == PIPE else str(path)
        for problem in first:
            hint = hints.get(problem.what, hint)
        raise NoExamplesError(f"{name} has no examples{why}", hint, found.problems)
    return found


def _check_meaning(path: Path, reading: Reading) -> None:
    """Raise UsageError if ``reading`` has columns or a table's layout, and ``path`` has not."""
    for option in reading.given:
        if option not in ("format", "encoding"):
            kind = "a folder" if path.is_dir() else "read as fastText's lines"
            raise UsageError(
                f"`{option}` has no meaning for {path}, which is {kind}",
                "leave it out" + ("" if path.is_dir() else ", or name the format: `format=csv`"),
            )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, str, Callable[[], str]]]:
    """Yield a file or pipe, unpacked, its name, and a function that gives its SHA-256."""
    if not is_pipe(path):
        with open_bytes(path) as (stream, _):
            yield stream, str(path), lambda: sha256_of(path)
        return
    name = STANDARD_INPUT if str(path) == PIPE else str(path)
    digest = hashlib.sha256()
    with tempfile.SpooledTemporaryFile(max_size=1 << 26) as spooled:
        try:
            source = sys.stdin.buffer if str(path) == PIPE else path.open("rb")
            while chunk := source.read(1 << 20):
                digest.update(chunk)
                spooled.write(chunk)
        except OSError as error:
            raise unreadable(name, error) from error
        spooled.seek(0)
        yield cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, spooled))), name, digest.hexdigest


def _format_by_content(stream: BinaryIO) -> str:
    start = stream.read(4096)
    stream.seek(0)
    start = without_bom(start).lstrip()
    if start.startswith(b"PAR1"):
        return PARQUET
    if start.startswith((b"{", b"[")):
        return JSONL
    return LINES if start.startswith(b"__label__") else CSV


def splits_in(path: Path) -> dict[str, Path]:
    """Return the splits of a file or folder, by name: ``train``, unless its folders are splits."""
    if path.is_dir():
        folders = {folder.name: folder for folder in _visible(path) if folder.is_dir()}
        if "train" in folders and folders.keys() <= SPLIT_FOLDERS.keys():
            return {SPLIT_FOLDERS[name]: folder for name, folder in folders.items()}
    return {"train": path}


def _read_table(
    stream: BinaryIO, name: str, format: str, reading: Reading
) -> tuple[Labelled, dict[str, str]]:
    """Read a table, and give hints for some of its problems."""
    found, hints = Labelled(), {}
    records = read_records(stream, format, name, reading.layout)
    if records.header_replaced:
        raise _not_utf8(name)
    label_at: str | None = None
    for record in records:
        where = f"{name}, {'row' if format == PARQUET else 'line'} {record.number}"
        if record.error == BLANK:
            continue
        if record.replaced:
            raise _not_utf8(name)
        what, label = record.error, ""
        if record.doubt == REPEATED:
            what = record.doubt
        if not what:
            if label_at is None:
                label_at = _label_column(record.fields, reading.label_column, records)
            fields = record.fields
            if not isinstance(fields, Mapping):
                fields = {str(position): cell for position, cell in enumerate(fields)}
            label, what = _label_in(fields, label_at)
            if what and "list" in what:
                hints[what] = f"name one of its items: `label_column={label_at}.0`"
            label, replaced = mended(label)
            if replaced or "\ufffd" in label:
                raise _not_utf8(name)
            what = (NO_TEXT if not record.text.strip() else None) or what
        if what:
            found.problems.append(Problem(where, what))
            continue
        found.examples.append(Example(mended(record.text)[0], label))
        if record.doubt:
            found.problems.append(Problem(where, record.doubt, kept=True))
    return found, hints


def _label_column(
    fields: Sequence[object] | Mapping[str, object], asked: str | None, records: Records
) -> str:
    """Return the path of the label in objects like ``fields``; of rows, its position.

    Raises:
        SenticliError: there is no label.
    """
    if isinstance(fields, Mapping):
        return find_field(list(fields), asked, records.name, "label")[1]
    return str(find_column(records.columns or (), asked, records.name, "label"))


def _label_in(fields: Mapping[str, object], path: str) -> tuple[str, str | None]:
    """Return the label of a row, or why it has none."""
    value, error = text_at(fields, path)
    if not error:
        label = plain_label(value)
        return label, None if label else NO_LABEL
    found = fields.get(path)
    kind = "a list" if isinstance(found, list) else "an object" if isinstance(found, dict) else ""
    return "", f"the label is {kind}" if kind else NO_LABEL


def plain_label(value: str) -> str:
    """Return a label in its one form; see the module."""
    value = value.strip()
    if value.lower() in ("true", "false"):
        return value.lower()
    if _NUMBER.fullmatch(value):
        value = value.removeprefix("+").rstrip("0").rstrip(".")
        return "0" if value == "-0" else value
    return value


def _read_fasttext(stream: BinaryIO, name: str, encoding: str | None) -> Labelled:
    found = Labelled()
    for number, line in enumerate(read_lines(stream, name, encoding), 1):
        line = without_bom(line).strip()
        if not line:
            continue
        if not (found.examples or found.problems or line.startswith(b"__label__")):
            raise _not_fasttext(name, line)
        text = _decoded(line, name)
        match = _FASTTEXT.fullmatch(text)
        labels = match[1].split() if match else []
        what = ""
        if text.startswith("__label__") and not match:
            what = NO_TEXT
        elif len(labels) != 1:
            what = "more than one label" if labels else NO_LABEL
        elif re.search(r"[,;|]", labels[0]):
            what = RUNS_INTO_TEXT
        if what or match is None:
            found.problems.append(Problem(f"{name}, line {number}", what))
        else:
            label = plain_label(labels[0].removeprefix("__label__"))
            found.examples.append(Example(match[2], label))
    return found


def _not_fasttext(name: str, line: bytes) -> SenticliError:
    hint = f"use a file that ends in {', '.join(TABLE_SUFFIXES)}, or fastText's lines"
    if b"\t" in line:
        hint = (
            "if it is a table: `format=tsv`; without a header too: "
            "`header=False` `text_column=1` `label_column=2`"
        )
    return SenticliError(
        f"{name}: the kind of file is not known from its name, and its first line does not begin "
        "with __label__",
        hint,
    )


def _read_folder(path: Path, encoding: str | None) -> Labelled:
    found = Labelled()
    digest = hashlib.sha256()
    for folder in _visible(path):
        for file in _visible(folder) if folder.is_dir() else ():
            content = read_bytes(file)
            reject_binary(content[:LOOKED_AT], str(file), encoding)
            name = file.relative_to(path).as_posix()
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
            text = _decoded(content, str(file), encoding).strip()
            if text:
                found.examples.append(Example(text, plain_label(folder.name)))
            else:
                found.problems.append(Problem(str(file), NO_TEXT))
    found.sha256 = digest.hexdigest()
    return found


def _visible(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise unreadable(folder, error) from error


def _decoded(content: bytes, name: str, encoding: str | None = None) -> str:
    try:
        return content.decode(encoding or "utf-8").lstrip(MARK)
    except UnicodeDecodeError as error:
        raise _not_utf8(name, encoding) from error


def _not_utf8(name: str, encoding: str | None = None) -> SenticliError:
    if encoding:
        return SenticliError(f"{name} is not {encoding} text", "name another: `encoding=NAME`")
    return SenticliError(
        f"{name} is not UTF-8 text",
        "add `encoding=cp1252`, or convert it"
        + in_shell("iconv -f CP1252 -t UTF-8", name, "utf-8"),
    )
