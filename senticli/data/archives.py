"""The archives of data sets: read in place, never unpacked, their content checked."""

import gzip
import re
import tarfile
import zipfile
from dataclasses import dataclass
from typing import Any, BinaryIO

from senticli.data.catalogue import Asset, OnProgress, Progress
from senticli.data.vectors import archive_errors, open_member
from senticli.errors import SenticliError

_REVIEW = re.compile(r"aclImdb/(train|test)/(neg|pos)/(\d+)_(\d+)\.txt")
_URLS = re.compile(r"aclImdb/(train|test)/urls_(neg|pos)\.txt")
_MOVIE = re.compile(r"/title/(tt\d+)")
_LABELS = {"neg": "negative", "pos": "positive"}
_MAX_TEXT = 1 << 24  # bytes of one tar member; the longest review has 14 KB

Splits = dict[str, list[dict[str, str]]]
"""The examples of each split, as they are kept: text, label and, on IMDB, group and id."""


@dataclass(frozen=True)
class Archive:
    """An archive at hand, verified or accepted as it is."""

    file: BinaryIO
    label: str
    source: dict[str, Any]
    """``source.json`` so far: url or from, sha256, bytes, verified."""


def elsewhere(asset: Asset) -> str:
    """The hint for an archive that is not what it should be."""
    return f"get {asset.archive} elsewhere, then: senticli download {asset.name} --from FILE"


def read_imdb(asset: Asset, archive: Archive, report: OnProgress) -> Splits:
    """Read the labelled reviews out of the tar stream.

    ``group`` is the movie: line N, from 0, of urls_LABEL.txt belongs to review N.
    """
    reviews: dict[tuple[str, str], dict[int, tuple[str, str]]] = {}
    movies: dict[tuple[str, str], list[str]] = {}
    with (
        archive_errors(archive.label),
        gzip.open(archive.file) as unzipped,
        tarfile.open(fileobj=unzipped, mode="r|") as tar,
    ):
        for number, member in enumerate(tar):
            if number % 500 == 0:
                done = archive.file.tell()
                report(Progress("unpacking", asset.name, done, archive.source["bytes"]))
            # Only regular files of the known names are read; links and the rest are passed by.
            review, urls = _REVIEW.fullmatch(member.name), _URLS.fullmatch(member.name)
            if not (review or urls) or not member.isreg() or member.size > _MAX_TEXT:
                continue
            stream = tar.extractfile(member)
            assert stream is not None  # a regular file has content
            text = stream.read().decode("utf-8", "replace")
            if review:
                split, label, id_, rating = review.groups()
                reviews.setdefault((split, label), {})[int(id_)] = (f"{id_}_{rating}", text)
            elif urls:
                found_ids = map(_MOVIE.search, text.splitlines())
                movies[urls[1], urls[2]] = [id_[1] if id_ else "" for id_ in found_ids]

        # To the end, where gzip's own checksum is: tarfile's "r|gz" would not look at it.
        while unzipped.read(1 << 20):
            pass

    found = {part: len(reviews.get(_pair(part), ())) for part in asset.expect}
    _check_counts(asset, archive, found)
    splits: Splits = {}
    for part in asset.expect:
        split, label = _pair(part)
        groups = movies.get((split, label), [])
        if any(id_ >= len(groups) or not groups[id_] for id_ in reviews[split, label]):
            raise SenticliError(
                f"{archive.label}: aclImdb/{split}/urls_{label}.txt does not name the movie of "
                f"each review in {part}",
                elsewhere(asset),
            )
        splits.setdefault(split, []).extend(
            {"text": text, "label": _LABELS[label], "group": groups[id_], "id": f"{part}/{stem}"}
            for id_, (stem, text) in sorted(reviews[split, label].items())
        )
    return splits


def read_sst2(asset: Asset, archive: Archive, report: OnProgress) -> Splits:
    """Read train.tsv and dev.tsv; the labels of test.tsv were never published."""
    splits: Splits = {}
    with archive_errors(archive.label), zipfile.ZipFile(archive.file) as zip_:
        for split, member in (("train", "SST-2/train.tsv"), ("valid", "SST-2/dev.tsv")):
            report(Progress("unpacking", asset.name, 0, None))
            with open_member(zip_, archive.label, member) as file:
                lines = file.read().decode("utf-8", "replace").split("\n")
            examples = splits[split] = []
            for number, line in enumerate(lines[1:], 2):
                # Quotes are part of the text, so this is not for the csv module.
                text, _, label = line.rstrip("\r").rpartition("\t")
                if label in ("0", "1"):
                    name = "positive" if label == "1" else "negative"
                    examples.append({"text": text.strip(), "label": name})
                elif line:
                    raise SenticliError(
                        f"{archive.label}: {member}, line {number}: expected a sentence, a tab "
                        f"and 0 or 1, found {line[:60]!r}",
                        elsewhere(asset),
                    )
    _check_counts(asset, archive, {split: len(examples) for split, examples in splits.items()})
    return splits


def _pair(part: str) -> tuple[str, str]:
    split, _, label = part.partition("/")
    return split, label


def _check_counts(asset: Asset, archive: Archive, found: dict[str, int]) -> None:
    if found != asset.expect:

        def show(counts: Any) -> str:
            return ", ".join(f"{part} {count:,}" for part, count in counts.items())

        raise SenticliError(
            f"{archive.label} is not {asset.name}: expected {show(asset.expect)} texts, "
            f"found {show(found)}",
            elsewhere(asset),
        )
