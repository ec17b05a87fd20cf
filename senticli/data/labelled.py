"""Labelled texts of one's own: tables, fastText's lines, folders of files, a pipe of the first two.

What a label is, is the same in all of them: see :mod:`senticli.data.labels`.
"""

import hashlib
import io
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from senticli.data.labels import (
    MARK,
    SEVERAL,
    NotLabelError,
    decimal_points,
    label_of,
    scores_of,
    value_in_map,
)
from senticli.errors import SenticliError, UsageError
from senticli.io.atomic import sha256_of
from senticli.io.fields import (
    MISSING,
    find_column,
    find_field,
    is_usual,
    no_column,
    value_at,
)
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
from senticli.io.lines import read_lines, without_bom
from senticli.io.objects import BLANK, decode
from senticli.io.readers import NO_HEADER, REPEATED, Records, read_records, without_surrogates
from senticli.io.sniff import LOOKED_AT, NotTextError, in_shell, reject_binary

PIPE = "-"
SCORE = "score_"
"""The start of a column's name, before that of the label whose score it has."""
NO_TEXT = "no text"
RUNS_INTO_TEXT = "the label runs into the text"
QUOTED_LABEL = "have the label in quotes: `quoting=csv`"
HEADER = "the header, once more"
UNLABELLED = "in a folder of texts without a label"
OF_THE_SYSTEM = "a file of the system, not a text"
SPLIT_FOLDERS = {
    "train": "train",
    **dict.fromkeys(("valid", "validation", "val", "dev"), "valid"),
    "test": "test",
}
"""Folders that are splits, not labels, where one of them is ``train``."""
_UNLABELLED_FOLDERS = {"unsup", "unlabelled", "unlabeled"}  # the first is that of IMDB's archive
_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir"}

_FASTTEXT = re.compile(rf"((?:{MARK}\S*\s+)+)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its label. Examples that share a ``group`` (a movie) stay in one split.

    One with a soft label has ``scores``, a probability for each label; ``label`` is the likeliest.
    ``place`` is where its source has it: the number of a line or row, or the path of a file;
    ``record`` counts the records of a table, from 0. ``slices`` has the values of further columns,
    where some were asked for.
    """

    text: str
    label: str
    group: str | None = None
    scores: Mapping[str, float] | None = None
    place: int | str | None = field(default=None, compare=False)
    record: int | None = field(default=None, compare=False)
    slices: Mapping[str, str] | None = None

    @classmethod
    def soft(cls, text: str, scores: Mapping[str, float], group: str | None = None) -> "Example":
        """Return an example with a soft label."""
        label = max(sorted(scores), key=lambda name: scores[name])
        return cls(text, label, group, scores)

    def renamed(self, names: Mapping[str, str]) -> "Example":
        """Return the example with other names for its labels."""
        scores = self.scores and {names.get(k, k): score for k, score in self.scores.items()}
        return replace(self, label=names.get(self.label, self.label), scores=scores)


def labels_of(examples: Iterable[Example]) -> tuple[str, ...]:
    """Return the labels that occur, or have a score, sorted."""
    labels: set[str] = set()
    for example in examples:
        labels.update((example.label,) if example.scores is None else example.scores)
    return tuple(sorted(labels))


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that is not an example, and why; or, if ``kept``, one to be suspicious of."""

    where: str
    what: str
    kept: bool = False
    hint: str = ""


@dataclass
class Labelled:
    """What a file or folder holds. ``label_map`` gives the labels of values, if not empty.

    ``columns`` are those of a table, ``values`` those which occur of ``label_map``.
    """

    label_map: Mapping[str, str] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    sha256: str = ""
    columns: tuple[str, ...] = ()
    values: set[str] = field(default_factory=set)

    def add(
        self,
        where: str,
        text: str,
        label: str | Mapping[str, Any],
        *doubts: str,
        place: int | str,
        record: int | None = None,
        slices: Mapping[str, str] | None = None,
    ) -> None:
        """Take a row as an example, of which there may be doubts; or say why it is none.

        Args:
            where: the row.
            text: its text.
            label: what stands for its label, or for the scores of labels.
            doubts: why the row may not be what was meant.
            place: the row, as :class:`Example` has it.
            record: its number in a table.
            slices: the values of its further columns.
        """
        if self.label_map:
            values = [label] if isinstance(label, str) else label
            self.values |= self.label_map.keys() & set(map(value_in_map, values))
        try:
            if not text.strip():
                raise NotLabelError(NO_TEXT)
            if isinstance(label, str):
                example = Example(text, label_of(label, self.label_map))
            else:
                example = Example.soft(text, scores_of(label, self.label_map))
        except NotLabelError as error:
            shown = f"{where}: {error.value!r}" if error.value != "" else where
            self.problems.append(Problem(shown, error.what, hint=error.hint))
            return
        self.examples.append(replace(example, place=place, record=record, slices=slices or None))
        self.problems += [Problem(where, doubt, kept=True) for doubt in doubts if doubt]


class NoExamplesError(SenticliError):
    """A file or folder without a single example. ``problems`` say what became of its rows."""

    def __init__(self, message: str, hint: str, problems: list[Problem]) -> None:
        super().__init__(message, hint)
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How labelled files are read: their format, the column of the label, their layout.

    ``likely_label`` is a column that comes before those of the usual names, where there is one.
    ``label_map`` gives the labels of values; where it is empty, each value is a label.
    ``score_columns`` have the probabilities of labels, or one has an object of them; None: in
    JSON Lines, ``scores`` is such a field unless there is a ``label_column``; in tables, if they
    are ``answers`` of a model, columns called ``score_LABEL`` are, as it writes them.
    ``slice_columns`` are further columns whose values the examples keep.
    """

    format: str | None = None
    label_column: str | None = None
    likely_label: str | None = None
    label_map: Mapping[str, str] = field(default_factory=dict)
    score_columns: str | None = None
    answers: bool = False
    slice_columns: tuple[str, ...] = ()
    layout: Layout = field(default_factory=Layout)

    @property
    def given(self) -> dict[str, object]:
        """What is not left to be found out, by the option that says it."""
        own = {
            "format": self.format,
            "label_column": self.label_column,
            "label_map": self.label_map or None,
            "score_columns": self.score_columns,
            "slice_column": self.slice_columns or None,
        }
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
    if path.is_dir():
        _check_meaning(path, reading)
        found = _read_folder(path, reading)
        hint = "give it one folder for each label, with a text in each file"
    else:
        found, hint = _read_file(path, reading)
    if points := decimal_points(labels_of(found.examples)):
        found.examples = [example.renamed(points) for example in found.examples]
    if not found.examples:
        first = found.problems[:1]
        why = "".join(f"; {problem.where}: {problem.what}" for problem in first)
        hint = "".join(problem.hint for problem in first) or hint
        raise NoExamplesError(f"{_name_of(path)} has no examples{why}", hint, found.problems)
    return found


def _read_file(path: Path, reading: Reading) -> tuple[Labelled, str]:
    """Read a file or pipe; and say what to do if it holds nothing."""
    with _opened(path) as (stream, name, sha256):
        format = reading.format or format_of(path)
        if format is None and is_pipe(path):
            format = _format_by_content(stream)
        try:
            if format in (None, LINES):
                _check_meaning(path, reading)
                found = _read_fasttext(stream, name, reading)
                hint = f"begin each line with {MARK}NAME and a blank"
            else:
                found = _read_table(stream, name, str(format), reading)
                hint = _rows_wanted(format, found)
        except _BadBytes:
            lines = enumerate(_again(path, stream), start=1)
            raise _not_utf8(((f"{name}, line {n}", line) for n, line in lines), name) from None
        found.sha256 = sha256()
    return found, hint


def _rows_wanted(format: str | None, found: Labelled) -> str:
    """Return the hint for a table without examples."""
    if format == JSONL:
        return 'give each line a text and a label: {"text": "great film", "label": "positive"}'
    return (
        "give each row a text and a label"
        if found.problems
        else "use a file with a header and rows"
    )


def _again(path: Path, stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file that was opened, or of the pipe that is kept in ``stream``."""
    if is_pipe(path):
        stream.seek(0)
        yield from stream
    else:
        with open_bytes(path) as (fresh, _):
            yield from fresh


def _check_meaning(path: Path, reading: Reading) -> None:
    """Raise UsageError if ``reading`` has columns or a table's layout, and ``path`` has not."""
    for option in reading.given:
        if option not in ("format", "encoding", "label_map"):
            kind = "a folder" if path.is_dir() else "read as fastText's lines"
            raise UsageError(
                f"`{option}` has no meaning for {path}, which is {kind}",
                "leave it out" + ("" if path.is_dir() else ", or name the format: `format=csv`"),
            )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, str, Callable[[], str]]]:
    """Yield a file or pipe, unpacked, its name, and a function that gives its SHA-256."""
    name = _name_of(path)
    if not is_pipe(path):
        with open_bytes(path) as (stream, _):
            yield stream, name, lambda: sha256_of(path)
        return
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


def _name_of(path: Path) -> str:
    return STANDARD_INPUT if str(path) == PIPE else str(path)


def _format_by_content(stream: BinaryIO) -> str:
    start = stream.read(4096)
    stream.seek(0)
    start = without_bom(start).lstrip()
    if start.startswith(b"PAR1"):
        return PARQUET
    if start.startswith((b"{", b"[")):
        return JSONL
    return LINES if start.startswith(MARK.encode()) else CSV


def splits_in(path: Path) -> dict[str, Path]:
    """Return the splits of a file or folder, by name: ``train``, unless its folders are splits.

    Raises:
        SenticliError: two folders are the same split, or it cannot be read.
    """
    if path.is_dir():
        folders = [folder for folder in _visible(path) if folder.is_dir() and not _is_aside(folder)]
        names = [SPLIT_FOLDERS.get(folder.name.lower(), "") for folder in folders]
        if "train" in names and "" not in names:
            if len(set(names)) < len(names):
                raise SenticliError(
                    f"{path} has two folders for one split: "
                    f"{', '.join(folder.name for folder in folders)}",
                    "leave one of them out",
                )
            return dict(zip(names, folders, strict=True))
    return {"train": path}


def _read_table(stream: BinaryIO, name: str, format: str, reading: Reading) -> Labelled:
    found = Labelled(reading.label_map)
    records = read_records(stream, format, name, reading.layout)
    if records.header_replaced:
        raise _BadBytes
    found.columns = records.columns or ()
    label_at: int | str | None = None
    lists: list[str] = []
    scores_at, slices_at = _score_columns(reading, records), _slice_columns(reading, records)
    lacking = set(slices_at)
    has_scores = bool(scores_at) and records.columns is not None
    is_plain = records.dialect is not None and records.dialect.quoting == "none"
    for number, record in enumerate(records):
        where = f"{name}, {'row' if format == PARQUET else 'line'} {record.number}"
        if record.error == BLANK:
            continue
        if record.replaced:
            raise _BadBytes
        if record.error or record.doubt == REPEATED:
            found.problems.append(Problem(where, record.error or HEADER))
            continue
        fields, text = record.fields, without_surrogates(record.text)[0]
        values = {name: _value(fields, path) for name, path in slices_at.items()}
        lacking -= {name for name, value in values.items() if value is not MISSING}
        at: dict[str, Any] = {
            "place": record.number,
            "record": number,
            "slices": {name: _text_of(value)[0] for name, value in values.items()},
        }
        if scores := _scores(fields, scores_at):
            has_scores = True
            absent = [name for name, value in scores.items() if value is MISSING]
            if absent:
                hint = "name the fields of the scores: `score_columns=NAME,NAME`"
                found.problems.append(Problem(where, f"no field {absent[0]}", hint=hint))
            else:
                found.add(where, text, scores, record.doubt, **at)
            continue
        if label_at is None:
            try:
                label_at = _label_column(fields, reading, records)
            except SenticliError:
                if reading.label_column or not has_scores:
                    raise
                found.add(where, text, "", **at)
                continue
            lists = _lists_above(label_at) if isinstance(label_at, str) else []
        value = _value(fields, label_at)
        if isinstance(value, list | dict):
            kind = "a list" if isinstance(value, list) else "an object"
            hint = _into(value, str(label_at))
            found.problems.append(Problem(where, f"the label is {kind}", hint=hint))
            continue
        label, replaced = _text_of(value)
        if replaced:
            raise _BadBytes
        if "\ufffd" in label:
            raise SenticliError(
                f"{where}: the label has characters that were lost when it was converted (U+FFFD)",
                "convert the original again",
            )
        doubts = [record.doubt]
        above = [_value(fields, path) for path in lists]
        if any(isinstance(each, list) and len(each) > 1 for each in above):
            doubts.append(f"have {SEVERAL}, of which {label_at} is taken")
        if is_plain and re.fullmatch('".+"', label.strip()):
            doubts.append(QUOTED_LABEL)
        found.add(where, text, label, *doubts, **at)
    if found.examples and lacking:  # in every object
        raise no_column(list(fields), min(lacking), name, "slice")
    return found


Fields = Sequence[Any] | Mapping[str, Any]


def _label_column(fields: Fields, reading: Reading, records: Records) -> int | str:
    """Return the position of the label in rows like ``fields``; in objects, the path to it.

    Raises:
        SenticliError: there is no label, or it is the text.
    """
    asked, likely = reading.label_column, reading.likely_label
    text_at = records.text_column
    at: int | str
    try:
        if isinstance(fields, Mapping):
            at = find_field(list(fields), asked, records.name, "label", likely)[1]
        else:
            at = find_column(records.columns or (), asked, records.name, "label", likely)
    except SenticliError as error:
        if reading.answers:
            error.hint = "call its columns text and label, or one for each label score_LABEL"
        elif not reading.layout.header:
            error.hint = "name the column by its number, such as `label_column=2`"
        elif isinstance(text_at, int) and not is_usual((records.columns or ())[text_at]):
            error.hint += f"; {NO_HEADER} `label_column=NUMBER`"
        if reading.score_columns and not asked:
            error.hint += "; or those of the scores: `score_columns=NAME,NAME`"
        raise
    if at == text_at:
        name = at if isinstance(at, str) else (records.columns or ())[at]
        raise SenticliError(
            f"{records.name}: the text and the label are one column, {name!r}",
            "name another for one of them: `text_column=NAME` or `label_column=NAME`",
        )
    return at


def _score_columns(reading: Reading, records: Records) -> dict[str, int | str]:
    """Return the position of each score in the rows of a table, or its path, by its label.

    A table that has none of the columns asked for has labels.

    Raises:
        SenticliError: it has some, and not all.
    """
    names = map(str.strip, (reading.score_columns or "").split(","))
    asked = {name.removeprefix(SCORE): name for name in names if name}
    columns = records.columns
    if columns is None:
        objects = [] if reading.label_column else ["scores"]
        return {name: name for name in asked.values() or objects}
    if reading.answers and not asked:
        asked = _columns_of_answers(columns)
    found: dict[str, int | str] = {}
    for label, name in asked.items():
        try:
            if records.format == PARQUET:
                found[label] = find_field(columns, name, records.name, "score")[1]
            else:
                found[label] = find_column(columns, name, records.name, "score")
        except SenticliError as error:
            missing = error
    hint = "name the columns of the scores: `score_columns=NAME,NAME`"
    if found and len(found) < len(asked):
        missing.hint = hint
        raise missing
    if len(found) == 1 and records.format != PARQUET:
        raise SenticliError(
            f"{records.name}: one column, {name}, cannot hold the scores of all labels", hint
        )
    return found


def _slice_columns(reading: Reading, records: Records) -> dict[str, int | str]:
    """Return the position, or the path, of each further column by its name; see _score_columns."""
    columns, names = records.columns, reading.slice_columns
    if columns is None:
        return {name: name for name in names}
    if records.format == PARQUET:
        return {name: find_field(columns, name, records.name, "slice")[1] for name in names}
    return {name: find_column(columns, name, records.name, "slice") for name in names}


def _columns_of_answers(columns: Sequence[str]) -> dict[str, str]:
    """Return the column of each label's score, as `predict` names them; several, or none.

    All may begin with a prefix. ``score_2`` is the score of ``label_2``.
    """
    prefixes = [name.removesuffix("label") for name in columns if name.endswith("label")]
    for prefix in ("", *prefixes):
        start, rank = f"{prefix}{SCORE}", f"{prefix}label_"
        scores = (name.removeprefix(start) for name in columns if name.startswith(start))
        found = {label: start + label for label in scores if rank + label not in columns}
        if len(found) > 1:
            return found
    return {}


def _scores(fields: Fields, scores_at: Mapping[str, int | str]) -> Mapping[str, Any] | None:
    """Return the scores of a row by label; None where it has none."""
    values = {label: _value(fields, at) for label, at in scores_at.items()}
    if len(values) == 1:
        [value] = values.values()
        values = value if isinstance(value, dict) else {}
    return values if any(_text_of(value)[0].strip() for value in values.values()) else None


def _value(fields: Fields, at: int | str) -> Any:
    """Return what a row has at a position, or an object at a path; MISSING where it has none."""
    if isinstance(fields, Mapping):
        return value_at(fields, str(at))
    return fields[at] if isinstance(at, int) and at < len(fields) else MISSING


def _into(value: list[Any] | dict[str, Any], path: str) -> str:
    """Return the hint for a list or object at ``path``, where one label is wanted."""
    for key, item in enumerate(value) if isinstance(value, list) else value.items():
        if isinstance(item, str | int | float):
            return f"name one of its items: `label_column={path}.{key}`"
    return "give each row one label, a text or a number"


def _lists_above(path: str) -> list[str]:
    """Return the paths of which ``path`` takes an item by its number."""
    keys = path.split(".")
    return [".".join(keys[:at]) for at, key in enumerate(keys) if at and key.isdecimal()]


def _text_of(value: object) -> tuple[str, bool]:
    """Return a plain value as text, and whether bytes that are not UTF-8 were replaced."""
    if value is None or value is MISSING:
        return "", False
    return decode(value) if isinstance(value, bytes) else without_surrogates(str(value))


def _read_fasttext(stream: BinaryIO, name: str, reading: Reading) -> Labelled:
    found = Labelled(reading.label_map)
    for number, line in enumerate(read_lines(stream, name, reading.layout.encoding), 1):
        line = without_bom(line).strip()
        if not line:
            continue
        if not (found.examples or found.problems or line.startswith(MARK.encode())):
            raise _not_fasttext(name, line)
        text, replaced = decode(line)
        if replaced:
            raise _BadBytes
        where = f"{name}, line {number}"
        match = _FASTTEXT.fullmatch(text + "\n")
        labels = match[1].split() if match else []
        if len(labels) > 1:
            found.problems.append(Problem(where, SEVERAL))
        elif labels and re.search(r"[,;|]", labels[0]):
            found.problems.append(Problem(where, RUNS_INTO_TEXT))
        else:
            text = match[2].rstrip() if match else text
            found.add(where, text, labels[0] if labels else "", place=number)
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


def _read_folder(path: Path, reading: Reading) -> Labelled:
    found, encoding = Labelled(reading.label_map), reading.layout.encoding
    digest = hashlib.sha256()
    for file, label in _files(path, found.problems):
        content = _content(file, encoding, found.problems)
        if content is None:
            continue
        name = file.relative_to(path).as_posix()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
        try:
            text = content.decode(encoding or "utf-8").lstrip("\ufeff")
        except UnicodeDecodeError as error:
            if encoding:
                raise SenticliError(
                    f"{file} is not {encoding} text", "name another: `encoding=NAME`"
                ) from error
            contents = ((str(other), _content(other, None, [])) for other, _ in _files(path, []))
            raise _not_utf8((where, content) for where, content in contents if content) from error
        found.add(str(file), text.strip(), label, place=str(file))
    found.sha256 = digest.hexdigest()
    return found


def _files(path: Path, problems: list[Problem]) -> Iterator[tuple[Path, str]]:
    """Yield the files of texts in the folders of ``path``, and their labels."""
    for folder in _visible(path):
        for file in _visible(folder) if folder.is_dir() else ():
            if folder.name.lower() in _UNLABELLED_FOLDERS:
                problems.append(Problem(str(file), UNLABELLED))
            elif {folder.name.lower(), file.name.lower()} & _SYSTEM_FILES:
                problems.append(Problem(str(file), OF_THE_SYSTEM))
            elif file.is_dir():
                raise SenticliError(
                    f"{folder} is to hold the texts of a label, and holds the folder {file.name}",
                    "give it one folder for each label; or the folders train, valid and test, and "
                    "no other, with one for each label in them",
                )
            else:
                yield file, folder.name


def _content(file: Path, encoding: str | None, problems: list[Problem]) -> bytes | None:
    """Return what is in a file; None if it is not text."""
    content = read_bytes(file)
    try:
        reject_binary(content[:LOOKED_AT], str(file), encoding)
        if not encoding and b"\0" in content and decode(content)[1]:
            raise NotTextError(f"{file} is not text", "use files of text")
    except NotTextError as error:
        what = error.message.removeprefix(f"{file} is ")
        problems.append(Problem(str(file), what, hint=error.hint))
        return None
    return content


def _is_aside(folder: Path) -> bool:
    """Return True for a folder beside those of labels or splits."""
    return folder.name.lower() in _UNLABELLED_FOLDERS | _SYSTEM_FILES


def _visible(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise unreadable(folder, error) from error


class _BadBytes(Exception):
    """Bytes that are not UTF-8, or not of the encoding that was asked for."""


def _not_utf8(parts: Iterable[tuple[str, bytes]], name: str = "") -> SenticliError:
    """Return the error for lines or files, each with where it is, that are not all UTF-8.

    ``name`` is that of the file, whose lines they are. If more of them are UTF-8, beyond ASCII,
    than are not, they are of no other encoding.
    """
    first, bad, good = name, 0, 0
    for where, content in parts:
        if not decode(content)[1]:
            good += not content.isascii()
            continue
        bad += 1
        first = where if bad == 1 else first
    if bad and good >= bad:
        drop = in_shell("iconv -c -f UTF-8 -t UTF-8", name, "utf-8") if name else ""
        return SenticliError(
            f"{first}: not UTF-8 text" + (f", nor are {bad - 1:,} others" if bad > 1 else ""),
            "the rest is UTF-8: correct it there" + (f", or drop the bytes{drop}" if drop else ""),
        )
    return SenticliError(
        f"{name or first} is not UTF-8 text",
        "add `encoding=cp1252`, or convert it"
        + in_shell("iconv -f CP1252 -t UTF-8", name or first, "utf-8"),
    )
