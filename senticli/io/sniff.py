"""Guess what a file is from how it begins: its kind, its encoding, its delimiter."""

import codecs
import csv
import re
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

from senticli.errors import SenticliError
from senticli.io.formats import STANDARD_INPUT, compression_of

SEPARATORS = (",", ";", "\t", "|")  # of fields in CSV, those that are looked for
_UNPACK = "unpack it, and use the file in it"
_CONVERT = "write its texts as CSV, JSON Lines or Parquet, and use that file"
_SAVE = "save it as CSV (UTF-8), and use that file"
MAGIC: tuple[tuple[bytes, str, str, str | None], ...] = (
    (b"PK\x03\x04", "a zip archive", _UNPACK, None),
    (b"\xd0\xcf\x11\xe0", "an old Office document", _SAVE, None),
    (b"\x1f\x8b", "compressed with gzip", "decompress it", "gzip -dc"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it", "zstd -dc"),
    (b"BZh91AY&SY", "compressed with bzip2", "decompress it", "bzip2 -dc"),
    (b"\xfd7zXZ", "compressed with xz", "decompress it", "xz -dc"),
    (b"7z\xbc\xaf", "a 7-Zip archive", _UNPACK, None),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK, None),
    (b"PAR1\x15", "a Parquet file", "name the format: `format=parquet`", None),
    (b"ARROW1", "an Arrow (Feather) file", _CONVERT, None),
    (b"FEA1", "a Feather file", _CONVERT, None),
    (b"\x93NUMPY", "a NumPy array", _CONVERT, None),
    (b"\x89HDF", "an HDF5 file", _CONVERT, None),
    (b"Obj\x01", "an Avro file", _CONVERT, None),
    (b"\x80\x04\x95", "a pickle", _CONVERT, None),
    (b"\x80\x05\x95", "a pickle", _CONVERT, None),
    (
        b"SQLite format 3\0",
        "an SQLite database",
        "export the table as CSV, and use that file",
        None,
    ),
    (b"%PDF-", "a PDF document", "extract its text with pdftotext, and use that", None),
    (b"\x89PNG", "a picture", "use a file of text", None),
    (b"\xff\xd8\xff", "a picture", "use a file of text", None),
    (b"GIF89a", "a picture", "use a file of text", None),
)
"""How files of other kinds begin, what they are, what to do, and a command that does it."""
_CONTROL = re.compile(rb"[\0-\x07\x0e-\x1a\x1c-\x1f]")
_WORDS_OF_DATA = 5  # a column's name is seldom longer
LOOKED_AT = 4096  # bytes
_ENOUGH = 16  # bytes of ASCII, which are hardly UTF-16


class NotTextError(SenticliError):
    """A file is of another kind than text."""


def reject_binary(start: bytes, name: str, encoding: str | None = None) -> None:
    """Raise an error if what begins with ``start`` is not text in ``encoding``.

    Without an encoding, it is UTF-8 or a relative of it: single bytes that are not UTF-8 are
    accepted; UTF-16 and UTF-32 are not.

    Raises:
        NotTextError: it is text in no encoding.
        SenticliError: it is text in another.
    """
    for magic, kind, hint, command in MAGIC:
        if start.startswith(magic):
            if magic.startswith(b"PK") and (b"[Content_Types]" in start or b"xl/" in start):
                kind, hint = "an Office document", _SAVE
            if command:
                hint += in_shell(command, name, "decompressed")
            raise NotTextError(f"{name} is {kind}, not text", hint)
    asked = codecs.lookup(encoding or "utf-8").name
    found = utf16_or_32(start)
    if found and not _agrees(asked, found, start):
        short = found.replace("utf-", "UTF-").replace("-le", "LE").replace("-be", "BE")
        mark = "" if short == found.upper() else " without a byte order mark"
        raise SenticliError(
            f"{name} is {short}{mark}, not {encoding or 'UTF-8'}",
            f"use `encoding={found}`, or convert it"
            + in_shell(f"iconv -f {short} -t UTF-8", name, "utf-8"),
        )
    start = start[:LOOKED_AT]
    if asked.startswith(("utf-16", "utf-32")) and not found:
        if len(start) >= _ENOUGH and start.isascii() and b"\0" not in start:
            raise SenticliError(
                f"{name} is not {encoding}: it looks like UTF-8", "leave out `encoding`"
            )
    elif not encoding and len(_CONTROL.findall(start)) * 10 > 3 * len(start):
        raise NotTextError(f"{name} is not text", "use a file of text, CSV, TSV, JSONL or Parquet")


def _agrees(asked: str, found: str, start: bytes) -> bool:
    """Return True if text found to be UTF-16 or UTF-32 can be read as what was asked for."""
    if found in ("utf-16", "utf-32") and asked.startswith(found):
        return asked == found or start.startswith("\ufeff".encode(asked))
    return asked == found


def in_shell(command: str, name: str, made: str) -> str:
    """Return ``: `` and a command line that makes a file of the file ``name``, or filters a pipe.

    What is compressed gets none: it would take two commands. Of ``reviews.csv``, and of
    ``reviews.csv.xz``, it makes ``reviews.MADE.csv``.
    """
    if name == STANDARD_INPUT:
        return f": … | {command} | …"
    path = Path(name)
    if compression_of(path):
        return ""
    file = name if not name.startswith("-") else f"./{name}"
    if path.suffix.lower() in (".bz2", ".xz"):
        path = path.with_suffix("")
    made = f"{path.stem.lstrip('-')}.{made}{path.suffix}"
    return f": {command} {shlex.quote(file)} > {shlex.quote(made)}"


def utf16_or_32(start: bytes) -> str | None:
    """Return the encoding, as Python names it, of text with or without a byte order mark."""
    if start.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "utf-32"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    start = start[:LOOKED_AT]
    if len(start) < 4 or b"\0" not in start:
        return None
    # ASCII has one byte in use of each two or four, and which one tells the byte order.
    zeros = [start[i::4].count(0) / len(start[i::4]) for i in range(4)]
    full = [share > 0.7 for share in zeros]
    if full == [False, True, True, True]:
        return "utf-32-le"
    if full == [True, True, True, False]:
        return "utf-32-be"
    if max(zeros[0::2]) < 0.3 < min(zeros[1::2]):
        return "utf-16-le"
    if max(zeros[1::2]) < 0.3 < min(zeros[0::2]):
        return "utf-16-be"
    return None


def find_delimiter(lines: Sequence[str], usual: Collection[str] = ()) -> str:
    """Return the delimiter of the CSV that begins with ``lines``: a comma unless another fits.

    Another fits if it cuts the first row into several fields and at least nine of ten rows into
    as many, where the comma does neither; or, whatever the rows, if the comma leaves the header
    whole and the other cuts a column with one of the ``usual`` names out of it.
    """
    scores = {delimiter: _agreement(lines, delimiter) for delimiter in SEPARATORS}
    if scores[","] == 1:
        return ","
    best = max(SEPARATORS, key=lambda delimiter: scores[delimiter])
    if scores[best] >= 0.9:
        return best
    header = lines[0].strip() if lines else ""
    if "," not in header:
        for delimiter in SEPARATORS[1:]:
            names = [field.strip().strip('"').casefold() for field in header.split(delimiter)]
            if len(names) > 1 and set(names) & set(usual):
                return delimiter
    return ","


def _agreement(lines: Sequence[str], delimiter: str) -> float:
    """Return the share of rows that have as many fields as the first; 0 where that is one."""
    widths = []
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error:  # the last may be cut off
            continue
        if row:
            widths.append(len(row))
    if not widths or widths[0] < 2:
        return 0.0
    return widths.count(widths[0]) / len(widths)


def separator_in(header: str, usual: Collection[str]) -> str | None:
    """Return what separates several names in a header that was read as one; None if it is one.

    That is one of :data:`SEPARATORS` between short names; or any other mark, where one of the
    names is ``usual``. A blank after it makes it punctuation.
    """
    others: list[str] = re.findall(r"[^\w\s\"'./-]", header)
    for mark in (*SEPARATORS, *others):
        names = header.split(mark)
        if len(names) == 1 or any(name.startswith(" ") for name in names[1:]):
            continue
        short = mark in SEPARATORS and all(1 <= len(name.split()) < 3 for name in names)
        if short or {name.strip().strip('"').casefold() for name in names} & set(usual):
            return mark
    return None


def looks_like_data(row: Sequence[str]) -> bool:
    """Return True if the fields of a first row look like values rather than names of columns."""
    return any(
        len(field.split()) >= _WORDS_OF_DATA or re.fullmatch(r"\s*-?\d+([.,]\d+)?\s*", field)
        for field in row
    ) or (len(row) == 1 and len(row[0].split()) >= 3)
