"""Guess what a file is from how it begins: its kind, its encoding, its delimiter."""

import csv
import re
import shlex
from collections.abc import Collection, Sequence

from senticli.errors import SenticliError

SEPARATORS = (",", ";", "\t", "|")  # of fields in CSV, those that are looked for
MAGIC = (
    (b"PK\x03\x04", "a zip archive", "unpack it, and use the file in it: unzip {file}"),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "save it as CSV, and use that file"),
    (b"\x1f\x8b", "compressed with gzip", "decompress it: gzip -dc {file} > decompressed"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it: zstd -dc {file} > decompressed"),
    (b"BZh91AY&SY", "compressed with bzip2", "decompress it: bzip2 -dc {file} > decompressed"),
    (b"\xfd7zXZ", "compressed with xz", "decompress it: xz -dc {file} > decompressed"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it, and use the file in it"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it, and use the file in it"),
    (b"PAR1\x15", "a Parquet file", "name the format: --format parquet"),
    (b"SQLite format 3\0", "an SQLite database", "export the table as CSV, and use that file"),
    (b"%PDF-", "a PDF document", "extract its text: pdftotext {file}"),
    (b"\x89PNG", "a picture", "use a file of text"),
    (b"\xff\xd8\xff", "a picture", "use a file of text"),
    (b"GIF89a", "a picture", "use a file of text"),
)
_CONTROL = re.compile(rb"[\0-\x07\x0e-\x1a\x1c-\x1f]")
_WORDS_OF_DATA = 5  # a column's name is seldom longer
_LOOKED_AT = 4096  # bytes


def reject_binary(start: bytes, name: str) -> None:
    """Raise SenticliError if what begins with ``start`` is not text in UTF-8 or a relative of it.

    Single bytes that are not UTF-8 are accepted; UTF-16 and UTF-32 are not.
    """
    file = shlex.quote(name)
    for magic, kind, hint in MAGIC:
        if start.startswith(magic):
            if magic.startswith(b"PK") and (b"[Content_Types]" in start or b"xl/" in start):
                kind, hint = "an Office document", "save it as CSV (UTF-8), and use that file"
            raise SenticliError(f"{name} is {kind}, not text", hint.format(file=file))
    if encoding := utf16_or_32(start):
        short = encoding.replace("utf-", "UTF-").replace("-le", "LE").replace("-be", "BE")
        raise SenticliError(
            f"{name} is {short}, not UTF-8",
            f"add --encoding {encoding}, or convert it: "
            f"iconv -f {short} -t UTF-8 {file} > converted",
        )
    start = start[:_LOOKED_AT]
    if len(_CONTROL.findall(start)) * 10 > 3 * len(start):
        raise SenticliError(f"{name} is not text", "use a file of text, CSV, TSV, JSONL or Parquet")


def utf16_or_32(start: bytes) -> str | None:
    """Return the encoding, as Python names it, of text with or without a byte order mark."""
    if start.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "utf-32"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    start = start[:_LOOKED_AT]
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


def looks_like_data(row: Sequence[str]) -> bool:
    """Return True if the fields of a first row look like values rather than names of columns."""
    return any(
        len(field.split()) >= _WORDS_OF_DATA or re.fullmatch(r"\s*-?\d+([.,]\d+)?\s*", field)
        for field in row
    ) or (len(row) == 1 and len(row[0].split()) >= 3)
