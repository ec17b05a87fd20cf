"""Texts without labels: plain lines, tables of which only the text is read, folders of files."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from senticli.data.labelled import SPLIT_FOLDERS
from senticli.errors import SenticliError
from senticli.io.formats import CSV, JSONL, LINES, PARQUET, TSV, format_of, open_bytes, read_bytes
from senticli.io.layout import Layout
from senticli.io.objects import decode
from senticli.io.readers import read_records

_HELD_OUT = {folder for folder, split in SPLIT_FOLDERS.items() if split != "train"}


@dataclass(frozen=True)
class Unlabelled:
    """The texts of a file or folder, and the SHA-256 of all of them."""

    texts: list[str]
    sha256: str


def read_unlabelled(path: Path, layout: Layout, format: str | None = None) -> Unlabelled:
    """Read the texts of a file of any format, or of the ``.txt`` files in a folder.

    Folders for validation or test are left out, and so are rows without a text.

    Args:
        path: the file or folder.
        layout: how tables are written; of other formats, what applies to them.
        format: that of a file whose name does not tell; None means plain lines.

    Raises:
        SenticliError: it cannot be read, is not UTF-8 (or what ``layout`` says), or has no texts.
    """
    if path.is_dir():
        found = _texts_in_folder(path, layout.encoding)
        hint = "give it .txt files, with a text in each"
    else:
        found = _texts_in_file(path, layout, format_of(path) or format or LINES)
        hint = "use a file with a text in each line or row"
    texts = [text for text in found if text.strip()]
    if not texts:
        raise SenticliError(f"{path} has no texts", hint)
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    return Unlabelled(texts, digest.hexdigest())


def _texts_in_file(path: Path, layout: Layout, format: str) -> Iterator[str]:
    likely = layout.text_column
    layouts = {
        LINES: Layout(encoding=layout.encoding),
        JSONL: Layout(likely=likely, encoding=layout.encoding),
        PARQUET: Layout(likely=likely),
        **dict.fromkeys((CSV, TSV), replace(layout, text_column=None, likely=likely)),
    }
    with open_bytes(path) as (stream, _):
        for record in read_records(stream, format, str(path), layouts[format]):
            if record.replaced:
                raise _not_utf8(f"{path}, line {record.number}")
            yield record.text


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
