"""Labelled texts of one's own: tables, fastText's lines, folders of files."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from senticli.atomic import sha256_of
from senticli.errors import SenticliError
from senticli.text.files import LINES, TABLE_SUFFIXES, format_of, open_bytes, read_bytes, unreadable
from senticli.text.records import BLANK, BOM, Layout, label_reader, mended, read_records

NO_TEXT, NO_LABEL = "no text", "no label"
SPLIT_FOLDERS = {"train": "train", "valid": "valid", "dev": "valid", "test": "test"}
"""Folders that are splits, not labels, where one of them is ``train``."""

_FASTTEXT = re.compile(r"((?:__label__\S+\s+)+)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its label. Examples that share a ``group`` (a movie) stay in one split."""

    text: str
    label: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that is no example, and why."""

    where: str
    what: str


@dataclass
class Labelled:
    """What a file or folder holds."""

    examples: list[Example] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    sha256: str = ""


def read_labelled(
    path: Path, text_column: str | None = None, label_column: str | None = None
) -> Labelled:
    """The examples of a CSV, TSV, JSONL, Parquet or fastText file, or of a folder.

    fastText's lines begin with ``__label__NAME``. A folder has a folder for each label, with a
    text in each of its files.

    Raises:
        SenticliError: it cannot be read, is not UTF-8, or holds no examples.
    """
    if path.is_dir():
        found = _read_folder(path)
        hint = "give it one folder for each label, with a text in each file"
    elif format_of(path) in (None, LINES):
        found = _read_fasttext(path)
        hint = "begin each line with __label__NAME"
    else:
        found = _read_table(path, text_column, label_column)
        hint = "use a file with a header and rows"
    if not found.examples:
        why = "".join(f"; {problem.where}: {problem.what}" for problem in found.problems[:1])
        raise SenticliError(f"{path} has no examples{why}", hint)
    return found


def splits_in(path: Path) -> dict[str, Path]:
    """The splits of a file or folder, by name: ``train`` alone, unless its folders are splits."""
    if path.is_dir():
        folders = {folder.name: folder for folder in _visible(path) if folder.is_dir()}
        if "train" in folders and folders.keys() <= SPLIT_FOLDERS.keys():
            return {SPLIT_FOLDERS[name]: folder for name, folder in folders.items()}
    return {"train": path}


def _read_table(path: Path, text_column: str | None, label_column: str | None) -> Labelled:
    found = Labelled()
    with open_bytes(path) as (stream, _):
        found.sha256 = sha256_of(path)
        records = read_records(
            stream, format_of(path) or "", str(path), Layout(text_column=text_column)
        )
        read_label = label_reader(label_column, str(path))
        for record in records:
            if record.error == BLANK:
                continue
            if record.replaced:
                raise _not_utf8(path)
            what, label = record.error, ""
            if not what:
                fields = record.fields
                if not isinstance(fields, Mapping):
                    fields = dict(zip(records.columns or (), fields, strict=True))
                label = read_label(fields)
                what = (NO_TEXT if not record.text.strip() else "") or ("" if label else NO_LABEL)
            if what:
                found.problems.append(Problem(f"{path}, line {record.number}", what))
            else:
                found.examples.append(Example(mended(record.text)[0], label))
    return found


def _read_fasttext(path: Path) -> Labelled:
    found = Labelled()
    with open_bytes(path) as (stream, _):
        found.sha256 = sha256_of(path)
        for number, line in enumerate(stream, 1):
            line = line.removeprefix(BOM).strip()
            if not line:
                continue
            if not (found.examples or found.problems or line.startswith(b"__label__")):
                raise SenticliError(
                    f"{path}: the kind of file is not known from its name, and its first line "
                    "does not begin with __label__",
                    f"use a file that ends in {', '.join(TABLE_SUFFIXES)}, or fastText's lines",
                )
            text = _decoded(line, path)
            match = _FASTTEXT.fullmatch(text)
            labels = match[1].split() if match else []
            what = ""
            if text.startswith("__label__") and not match:
                what = NO_TEXT
            elif len(labels) != 1:
                what = "more than one label" if labels else NO_LABEL
            if what or match is None:
                found.problems.append(Problem(f"{path}, line {number}", what))
            else:
                found.examples.append(Example(match[2], labels[0].removeprefix("__label__")))
    return found


def _read_folder(path: Path) -> Labelled:
    found = Labelled()
    digest = hashlib.sha256()
    for folder in _visible(path):
        for file in _visible(folder) if folder.is_dir() else ():
            content = read_bytes(file)
            name = file.relative_to(path).as_posix()
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
            text = _decoded(content, file).strip()
            if text:
                found.examples.append(Example(text, folder.name))
            else:
                found.problems.append(Problem(str(file), NO_TEXT))
    found.sha256 = digest.hexdigest()
    return found


def _visible(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise unreadable(folder, error) from error


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _not_utf8(path) from None


def _not_utf8(path: Path) -> SenticliError:
    return SenticliError(
        f"{path} is not UTF-8 text", f"iconv -t UTF-8 {path} > converted{path.suffix}"
    )
