"""The archives of data sets and vectors: read in place, checked, never unpacked to disk.

An archive that holds a member which could do harm where it is unpacked is refused whole: nobody
should trust the rest of it.
"""

import gzip
import io
import lzma
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from senticli.data.catalogue import Asset
from senticli.data.columns import DAMAGED as ARRAYS_DAMAGED
from senticli.data.columns import Columns
from senticli.errors import SenticliError
from senticli.io.formats import read_bytes
from senticli.progress import OnProgress, Progress

MOST_UNPACKED = 200
"""Bytes that one byte of an archive may unpack to; reviews and vectors take about 3."""
_PUBLISHER = "no official archive is like that; get it from its publisher"
_SMALL = 1 << 20  # bytes below which a member may be packed as well as it likes

DAMAGED = (*ARRAYS_DAMAGED, OSError, IndexError, tarfile.TarError, lzma.LZMAError)
"""What Python's archive modules raise over damaged files."""

_MAX_TEXT = 1 << 24  # bytes of one tar member; the longest review has 14 KB

_REVIEW = re.compile(r"aclImdb/(train|test)/(neg|pos|unsup)/(\d+)_(\d+)\.txt")
_URLS = re.compile(r"aclImdb/(train|test)/urls_(neg|pos|unsup)\.txt")
_MOVIE = re.compile(r"/title/(tt\d+)")
_LABELS = {"neg": "negative", "pos": "positive"}

Splits = dict[str, Columns]
"""The columns of each split, as they are kept: text, label and, on IMDB, group and id."""


@dataclass(frozen=True)
class Archive:
    """An archive at hand, or the folder that it was unpacked to; verified or accepted as it is."""

    label: str
    source: dict[str, Any]
    """``source.json`` so far: url or from, sha256, bytes, verified."""
    file: BinaryIO | None = None
    folder: Path | None = None
    refusal: SenticliError | None = None
    """What is wrong with it, unless the member that is wanted turns out to be the official one."""


def elsewhere(asset: Asset) -> str:
    """The hint for an archive that cannot be had, or is not what it should be."""
    return f"get {asset.archive} elsewhere, then: `download({asset.name}, source=FILE)`"


# --- reading archives safely


@contextmanager
def archive_errors(label: str) -> Iterator[None]:
    """Turn what the archive modules raise over damaged files into a SenticliError."""
    try:
        yield
    except DAMAGED as error:
        raise SenticliError(
            f"{label} is damaged or not an archive: {error or type(error).__name__}",
            "get the file again",
        ) from error


@contextmanager
def open_zip(file: BinaryIO, label: str) -> Iterator[zipfile.ZipFile]:
    """Open a zip whose every member is harmless."""
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            kind = info.external_attr >> 28  # of a Unix file: 4 folder, 8 file, 0 not said
            _refuse_harmful(label, info.filename, kind not in (0, 4, 8))
            if info.file_size > _SMALL + MOST_UNPACKED * info.compress_size:
                raise _bomb(label, info.filename)
        yield archive


@contextmanager
def open_member(archive: zipfile.ZipFile, label: str, member: str) -> Iterator[BinaryIO]:
    """Open one member of a zip by its exact name, to be read in place; nothing is extracted."""
    info = _info(archive, label, member)
    try:
        file = archive.open(info)
    except RuntimeError as error:  # encrypted
        raise SenticliError(f"{label}: {error}", "unpack it and give the file inside") from error
    with file, io.BufferedReader(file, 1 << 20) as buffered:  # type: ignore[type-var]
        yield buffered


def files_of(archive: zipfile.ZipFile) -> list[str]:
    """The names of a zip's files."""
    # macOS adds a shadow of every file to the zips it makes.
    return [
        info.filename
        for info in archive.infolist()
        if not info.is_dir() and not info.filename.startswith("__MACOSX/")
    ]


def some(names: Sequence[str]) -> str:
    """The first of many names."""
    return ", ".join([*names[:10], *(["…"] if len(names) > 10 else [])])


def extent(archive: zipfile.ZipFile, label: str, member: str) -> tuple[int, int]:
    """Where in the zip ``member`` begins, and where what follows it does."""
    start = _info(archive, label, member).header_offset
    after = [info.header_offset for info in archive.infolist() if info.header_offset > start]
    return start, min(after, default=archive.start_dir)


def _info(archive: zipfile.ZipFile, label: str, member: str) -> zipfile.ZipInfo:
    try:
        return archive.getinfo(member)
    except KeyError:
        held = some(files_of(archive)) or "nothing"
        raise SenticliError(
            f"{label} has no {member}; it holds {held}", "give the archive that holds it"
        ) from None


class _Metered:
    """A file that gives ``left`` bytes and no more."""

    def __init__(self, file: gzip.GzipFile, label: str) -> None:
        self._file, self._label = file, label
        self.left = _SMALL

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise SenticliError(
                f"{self._label} is refused: one of its headers is absurdly long", _PUBLISHER
            )
        return data


def _harmless_members(
    tar: tarfile.TarFile, metered: _Metered, archive: Archive
) -> Iterator[tarfile.TarInfo]:
    unpacked = 0
    for member in tar:
        # A header may be as long as it says, and is read into memory: none is this long.
        metered.left = member.size + _SMALL
        _refuse_harmful(archive.label, member.name, not (member.isreg() or member.isdir()))
        unpacked += member.size
        if unpacked > _SMALL + MOST_UNPACKED * archive.source["bytes"]:
            raise _bomb(archive.label, member.name)
        yield member


def _refuse_harmful(label: str, name: str, odd: bool) -> None:
    parts = re.split(r"[/\\]", name)
    if odd:
        what = "a link or a device"
    elif not parts[0] or parts[0].endswith(":"):
        what = "an absolute path"
    elif ".." in parts:
        what = "a path that leads out of it"
    else:
        return
    raise SenticliError(
        f"{label} is refused: its member {name!r} is {what}",
        _PUBLISHER,
    )


def _bomb(label: str, name: str) -> SenticliError:
    return SenticliError(
        f"{label} is refused: with {name!r} it unpacks to more than {MOST_UNPACKED} times its size",
        _PUBLISHER,
    )


# --- data sets


def read_dataset(asset: Asset, archive: Archive, report: OnProgress) -> Splits:
    """The splits of a data set, its content checked."""
    with archive_errors(archive.label):
        return {"imdb": _read_imdb, "sst2": _read_sst2}[asset.name](asset, archive, report)


def _read_imdb(asset: Asset, archive: Archive, report: OnProgress) -> Splits:
    """The reviews, labelled or not.

    ``group`` is the movie: line N, from 0, of urls_LABEL.txt belongs to review N. The unlabelled
    reviews are a split of their own, without the column ``label``.
    """
    reviews: dict[str, dict[int, tuple[str, str]]] = {}
    movies: dict[str, list[str]] = {}
    files = _imdb_folder if archive.folder else _imdb_tar
    for name, read in files(asset, archive, report):
        review, urls = _REVIEW.fullmatch(name), _URLS.fullmatch(name)
        if review:
            split, label, number, _ = review.groups()
            text = read().decode("utf-8", "replace")
            stem = Path(name).stem
            reviews.setdefault(f"{split}/{label}", {})[int(number)] = (stem, text)
        elif urls:
            lines = read().decode("utf-8", "replace").splitlines()
            found = map(_MOVIE.search, lines)
            movies[f"{urls[1]}/{urls[2]}"] = [movie[1] if movie else "" for movie in found]

    _check_counts(asset, archive, {part: len(reviews.get(part, ())) for part in asset.expect})
    splits: Splits = {}
    for part in asset.expect:
        split, _, label = part.partition("/")
        groups = movies.get(part, [])
        if any(number >= len(groups) or not groups[number] for number in reviews[part]):
            raise SenticliError(
                f"{archive.label}: aclImdb/{split}/urls_{label}.txt does not name the movie of "
                f"each review in {part}",
                elsewhere(asset),
            )
        columns = splits.setdefault(split if label in _LABELS else "unlabelled", {})
        for number, (stem, text) in sorted(reviews[part].items()):
            row = {"text": text, "group": groups[number], "id": f"{part}/{stem}"}
            if label in _LABELS:
                row["label"] = _LABELS[label]
            for column, value in row.items():
                columns.setdefault(column, []).append(value)
    return splits


_Files = Iterable[tuple[str, Callable[[], bytes]]]
"""Names inside an archive, and how to read each; before the next is asked for."""


def _imdb_tar(asset: Asset, archive: Archive, report: OnProgress) -> _Files:
    assert archive.file is not None
    with gzip.open(archive.file) as unzipped:
        metered = _Metered(unzipped, archive.label)
        tar = tarfile.open(fileobj=cast(BinaryIO, metered), mode="r|")  # noqa: SIM115 - all in memory
        for number, member in enumerate(_harmless_members(tar, metered, archive)):
            if number % 500 == 0:
                done = archive.file.tell()
                report(Progress("unpacking", asset.name, done, archive.source["bytes"]))
            if member.isreg() and member.size <= _MAX_TEXT:
                stream = tar.extractfile(member)
                assert stream is not None  # a regular file has content
                yield member.name, stream.read
        # To the end, where gzip's own checksum is: tarfile's "r|gz" would not look at it.
        while unzipped.read(1 << 20):
            pass


def _imdb_folder(asset: Asset, archive: Archive, report: OnProgress) -> _Files:
    assert archive.folder is not None
    for folder, _, names in os.walk(archive.folder):
        inside = Path(folder).relative_to(archive.folder.parent).as_posix()
        report(Progress("unpacking", asset.name, 0, None))
        for name in names:
            yield f"{inside}/{name}", partial(read_bytes, Path(folder) / name)


def _read_sst2(asset: Asset, archive: Archive, report: OnProgress) -> Splits:
    """train.tsv and dev.tsv; the labels of test.tsv were never published."""
    splits: Splits = {}
    for split, member in (("train", "SST-2/train.tsv"), ("valid", "SST-2/dev.tsv")):
        report(Progress("unpacking", asset.name, 0, None))
        lines = _sst2_file(archive, member).decode("utf-8", "replace").split("\n")
        columns = splits[split] = {"text": [], "label": []}
        for number, line in enumerate(lines[1:], 2):
            # Quotes are part of the text, so this is not for the csv module.
            text, _, label = line.rstrip("\r").rpartition("\t")
            if label in ("0", "1"):
                columns["text"].append(text.strip())
                columns["label"].append("positive" if label == "1" else "negative")
            elif line:
                raise SenticliError(
                    f"{archive.label}: {member}, line {number}: expected a sentence, a tab "
                    f"and 0 or 1, found {line[:60]!r}",
                    elsewhere(asset),
                )
    counts = {split: len(columns["text"]) for split, columns in splits.items()}
    _check_counts(asset, archive, counts)
    return splits


def _sst2_file(archive: Archive, member: str) -> bytes:
    if archive.folder:
        return read_bytes(archive.folder.parent / member)
    assert archive.file is not None
    with (
        open_zip(archive.file, archive.label) as zip_,
        open_member(zip_, archive.label, member) as file,
    ):
        return file.read()


def _check_counts(asset: Asset, archive: Archive, found: dict[str, int]) -> None:
    if found != asset.expect:

        def show(counts: Any) -> str:
            return ", ".join(f"{part} {count:,}" for part, count in counts.items())

        raise SenticliError(
            f"{archive.label} is not {asset.name}: expected {show(asset.expect)} texts, "
            f"found {show(found)}",
            elsewhere(asset),
        )
