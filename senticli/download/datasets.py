"""The data sets in their publishers' layout: from an archive to columns of texts and labels."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from senticli.data.catalogue import Asset
from senticli.data.columns import Columns
from senticli.download.archives import Archive, archive_errors, files_in, some
from senticli.download.everyday import read_everyday
from senticli.download.sources import elsewhere
from senticli.errors import SenticliError
from senticli.events import OnEvent, Progress

_REVIEW = re.compile(r"aclImdb/(train|test)/(neg|pos|unsup)/(\d+)_(\d+)\.txt")
_URLS = re.compile(r"aclImdb/(train|test)/urls_(neg|pos|unsup)\.txt")
_MOVIE = re.compile(r"/title/(tt\d+)")
_LABELS = {"neg": "negative", "pos": "positive"}

Splits = dict[str, Columns]
"""The columns of each split: text, label and, on IMDB, group and id."""


def read_dataset(asset: Asset, archive: Archive, report: OnEvent) -> Splits:
    """Return the splits of a data set.

    Raises:
        SenticliError: the archive is damaged, harmful, or does not hold what it should.
    """
    if archive.contents is not None:
        report(Progress(f"unpacking {asset.name}", 0, None))
        return read_everyday(asset.name, archive.contents, archive.label)
    with archive_errors(archive.label):
        return {"imdb": _read_imdb, "sst2": _read_sst2}[asset.name](asset, archive, report)


def _read_imdb(asset: Asset, archive: Archive, report: OnEvent) -> Splits:
    """Return the reviews, labelled or not.

    ``group`` is the movie: line N, from 0, of urls_LABEL.txt belongs to review N. The unlabelled
    reviews are a split of their own, without the column ``label``.
    """
    reviews: dict[str, dict[int, tuple[str, str]]] = {}
    movies: dict[str, list[str]] = {}
    for count, (name, read) in enumerate(files_in(archive)):
        if count % 500 == 0:
            done = archive.file.tell() if archive.file else 0
            report(Progress(f"unpacking {asset.name}", done, archive.provenance["bytes"]))
        if review := _REVIEW.fullmatch(name):
            split, label, number, _ = review.groups()
            text = read().decode("utf-8", "replace")
            stem = PurePosixPath(name).stem
            reviews.setdefault(f"{split}/{label}", {})[int(number)] = (stem, text)
        elif urls := _URLS.fullmatch(name):
            found = map(_MOVIE.search, read().decode("utf-8", "replace").splitlines())
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


def _read_sst2(asset: Asset, archive: Archive, report: OnEvent) -> Splits:
    """Return train.tsv and dev.tsv; the labels of test.tsv were never published."""
    report(Progress(f"unpacking {asset.name}", 0, None))
    members = {"train": "SST-2/train.tsv", "valid": "SST-2/dev.tsv"}
    files = {name: read() if name in members.values() else b"" for name, read in files_in(archive)}
    splits: Splits = {}
    for split, member in members.items():
        if member not in files:
            raise SenticliError(
                f"{archive.label} has no {member}; it holds {some(list(files)) or 'nothing'}",
                elsewhere(asset),
            )
        columns = splits[split] = {"text": [], "label": []}
        lines = files[member].decode("utf-8", "replace").split("\n")
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
    _check_counts(asset, archive, {name: len(rows["text"]) for name, rows in splits.items()})
    return splits


def _check_counts(asset: Asset, archive: Archive, found: Mapping[str, int]) -> None:
    """Raise SenticliError unless each part of a data set has as many texts as it should."""

    def listed(counts: Mapping[str, int]) -> str:
        return ", ".join(f"{part} {count:,}" for part, count in counts.items())

    if found != asset.expect:
        raise SenticliError(
            f"{archive.label} is not {asset.name}: expected {listed(asset.expect)} texts, "
            f"found {listed(found)}",
            elsewhere(asset),
        )
