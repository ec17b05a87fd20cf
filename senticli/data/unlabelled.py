"""Texts without labels: plain lines, tables of which only the text is read, folders of files."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from senticli.data.labelled import SPLIT_FOLDERS
from senticli.errors import SenticliError
from senticli.io.fields import NoColumnError
from senticli.io.formats import CSV, JSONL, LINES, PARQUET, TSV, format_of, open_bytes, read_bytes
from senticli.io.layout import Layout
from senticli.io.objects import decode
from senticli.io.readers import read_records

_HELD_OUT = {folder for folder, split in SPLIT_FOLDERS.items() if split != "train"}


@dataclass(frozen=True)
class Unlabelled:
    """The texts of a file or folder, the SHA-256 of all of them, and what to note about it."""

    texts: list[str]
    sha256: str
    notes: list[str] = field(default_factory=list)


def read_unlabelled(path: Path, layout: Layout, format: str | None = None) -> Unlabelled:
    """Read the texts of a file of any format, or of the ``.txt`` files in a folder.

    Folders for validation or test are left out, and so are rows without a text. Where there is no
    column called as ``layout`` says, which is that of other files too, one of a usual name is read,
    and a note says so.

    Args:
        path: the file or folder.
        layout: how tables are written; of other formats, what applies to them.
        format: that of a file whose name does not tell; None means plain lines.

    Raises:
        SenticliError: it cannot be read, is not UTF-8 (or what ``layout`` says), or has no texts.
    """
    notes: list[str] = []
    if path.is_dir():
        found = _texts_in_folder(path, layout.encoding)
        hint = "give it .txt files, with a text in each"
    else:
        found = _texts_in_file(path, layout, format_of(path) or format or LINES, notes)
        hint = "use a file with a text in each line or row"
    texts = [text for text in found if text.strip()]
    if not texts:
        raise SenticliError(f"{path} has no texts", hint)
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    return Unlabelled(texts, digest.hexdigest(), notes)


def _texts_in_file(path: Path, layout: Layout, format: str, notes: list[str]) -> Iterator[str]:
    layout = replace(layout, or_usual=True)
    objects = Layout(text_column=layout.text_column, or_usual=True)
    layouts = {
        LINES: Layout(encoding=layout.encoding),
        JSONL: replace(objects, encoding=layout.encoding),
        PARQUET: objects,
        **dict.fromkeys((CSV, TSV), layout),
    }
    with open_bytes(path) as (stream, _):
        try:
            records = read_records(stream, format, str(path), layouts[format])
            for record in records:
                if record.replaced:
                    raise _not_utf8(f"{path}, line {record.number}")
                yield record.text
        except NoColumnError as error:
            if layout.text_column:
                error.hint = "call the column of its texts text, or save them as plain lines"
            raise
    notes += records.notes


def _texts_in_folder(path: Path, encoding: str | None) -> Iterator[str]:
    for file in sorted(path.rglob("*.txt")):
        folders = file.relative_to(path).parts[:-1]
        if file.name.startswith(".") or not _HELD_OUT.isdisjoint(map(str.lower, folders)):
            continue
        content = read_bytes(file)
        try:
            text, replaced = (content.decode(encoding), False) if encoding else decode(content)
        except UnicodeDecodeError as error:
            raise SenticliError(
                f"{file} is not {encoding} text", "name another: `encoding=NAME`"
            ) from error
        if replaced:
            raise _not_utf8(str(file))
        yield text.strip()


def _not_utf8(where: str) -> SenticliError:
    return SenticliError(
        f"{where}: not UTF-8 text", "add `encoding=cp1252`, or convert it to UTF-8"
    )
