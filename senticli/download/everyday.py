"""The data sets of everyday texts: from their publishers' files to columns.

Labels are ``negative``, ``neutral`` and ``positive``, by the meaning that the publisher gives to
its own. Every row has an ``id``: the publisher's, or its place, such as ``books/train/12``.
"""

import csv
import html
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from senticli.data.columns import Columns
from senticli.data.untokenize import untokenize
from senticli.errors import SenticliError

Row = tuple[str | None, str | None, str]
"""Id, label and text; no id where the publisher gives none, no label where the row is no example.
"""

_NAMES = {name: name for name in ("negative", "neutral", "positive")}
_STARS = dict(
    zip("01234", ("negative", "negative", "neutral", "positive", "positive"), strict=True)
)
_SPLITS = ("test", "valid", "train", "unlabelled")


def _read_goemotions(content: str) -> Iterator[Row]:
    """Read lines of text, groups and comment; only rows with one clear group are examples."""
    groups = {"1": "negative", "2": "neutral", "3": "positive"}  # 0 is ambiguous
    for line in _lines(content):
        text, group, comment = _cells(line)
        yield comment, groups.get(group), _unquote(text)


def _read_crowdflower(content: str) -> Iterator[Row]:
    """Read a CSV file, in which apostrophes were published as backticks."""
    for row in csv.DictReader(io.StringIO(content, newline="")):
        text = (row.get("text") or "").strip().replace("`", "'")
        yield row.get("textID"), _NAMES.get(row.get("sentiment") or ""), text


def _read_semeval(content: str) -> Iterator[Row]:
    r"""Read lines of tweet, label and text, with ``\u2019`` and ``&amp;`` as published.

    A quote is several, after a backslash or not, by how often its file was written as a table.
    """
    for line in _lines(content):
        tweet, label, text = _cells(line)
        text = re.sub(r'\\?"+', '"', _unquote(text))
        text = re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), text)
        yield tweet, _NAMES.get(label), html.unescape(text)


def _read_sst5(content: str) -> Iterator[Row]:
    for line in _lines(content):
        stars, _, text = line.partition(" ")
        yield None, _STARS.get(stars), untokenize(text)


def _read_fdu(content: str) -> Iterator[Row]:
    for line in _lines(content):
        label, _, text = line.partition("\t")
        yield None, {"0": "negative", "1": "positive"}.get(label), untokenize(text)


def _read_texts(content: str) -> Iterator[Row]:
    for line in _lines(content):
        yield None, None, html.unescape(line.strip())


def _read_cad(content: str) -> Iterator[Row]:
    for line in _lines(content)[1:]:
        label, _, text = line.partition("\t")
        yield None, _NAMES.get(label.lower()), _unquote(text)


@dataclass(frozen=True)
class _Layout:
    """The names of a data set's files, and the function that reads them."""

    files: str
    """A regular expression for a path: ``part`` is a key of ``splits``, ``topic`` tells files of a
    split apart."""
    splits: Mapping[str, str]
    read: Callable[[str], Iterator[Row]]


_PARTS = {"train": "train", "dev": "valid", "test": "test", "unlabel": "unlabelled"}
_LAYOUTS = {
    "goemotions": _Layout(
        r"(data/)?group[./](?P<part>train|dev|test)\.tsv", _PARTS, _read_goemotions
    ),
    "crowdflower-tweets": _Layout(
        r"(Files/)?(?P<part>kaggle_test|kaggle_train|train|test)\.csv",
        # The publisher's names: the whole, and the part of it that is the test split.
        {**_PARTS, "kaggle_test": "train", "kaggle_train": "test"},
        _read_crowdflower,
    ),
    "semeval-tweets": _Layout(
        r"(dataset/train/|dataset/test/)?(?P<part>twitter-20|SemEval2017|train\.tsv).*",
        {"twitter-20": "train", "train.tsv": "train", "SemEval2017": "test"},
        _read_semeval,
    ),
    "sst5": _Layout(r"(data/)?stsa\.fine\.(?P<part>train|dev|test)", _PARTS, _read_sst5),
    "fdu-mtl": _Layout(
        r"(data/fdu-mtl/)?(?P<topic>\w+)\.task\.(?P<part>train|test|unlabel)", _PARTS, _read_fdu
    ),
    "cad-imdb": _Layout(
        r"(sentiment/)?(?P<topic>orig|new)[./](?P<part>train|dev|test)\.tsv", _PARTS, _read_cad
    ),
}


def is_file_of(name: str, path: str) -> bool:
    """Return True if a file at ``path``, in the folder of a data set, is one that is read."""
    return re.fullmatch(_LAYOUTS[name].files, path) is not None


def read_everyday(name: str, contents: Mapping[str, bytes], label: str) -> dict[str, Columns]:
    """Return the splits of a data set, of those files that there are.

    A row whose id has occurred is left out, and the test split comes first: some files hold rows
    of others.

    Args:
        name: of the data set.
        contents: the files, by their paths.
        label: names the source in messages.

    Raises:
        SenticliError: there are no training texts, or a file has few rows that can be read.
    """
    layout = _LAYOUTS[name]
    files: dict[str, list[re.Match[str]]] = {split: [] for split in _SPLITS}
    for path in sorted(contents):
        if match := re.fullmatch(layout.files, path):
            files[layout.splits[match["part"]]].append(match)
    if not files["train"]:
        raise SenticliError(
            f"{label} has no training texts of {name}", f"name what holds the files of {name}"
        )
    seen: set[str] = set()
    splits: dict[str, Columns] = {}
    for split in filter(files.get, _SPLITS):
        columns = splits[split] = {}
        for match in files[split]:
            path = match[0]
            topic = match.groupdict().get("topic")
            place = f"{topic}/{split}" if topic else split
            read = _read_texts if split == "unlabelled" else layout.read
            rows = _checked(read(_decode(contents[path])), split, f"{label}: {path}")
            for number, (own, answer, text) in enumerate(rows, 1):
                row = {"text": text, "id": own or f"{place}/{number}"}
                if answer:
                    row["label"] = answer
                if row["id"] not in seen:
                    seen.add(row["id"])
                    for column, value in row.items():
                        columns.setdefault(column, []).append(value)
    return {
        split: splits[split]
        for split in ("train", "valid", "unlabelled", "test")
        if split in splits
    }


def _checked(rows: Iterable[Row], split: str, label: str) -> list[Row]:
    """Return the rows that are examples, or texts without labels: most of a file."""
    count, found = 0, []
    try:
        for row in rows:
            count += 1
            if row[2].strip() and (row[1] or split == "unlabelled"):
                found.append(row)
    except (ValueError, csv.Error) as error:
        raise SenticliError(
            f"{label}: row {count + 1}: {error}", "download the file again"
        ) from error
    if 2 * len(found) <= count or not found:
        raise SenticliError(
            f"{label}: only {len(found):,} of {count:,} rows are examples",
            "download the file again",
        )
    return found


def _decode(content: bytes) -> str:
    return content.decode("utf-8-sig", "replace")


def _lines(content: str) -> list[str]:
    """Return the lines that are not empty; other separators than ``\\n`` are part of the text."""
    return [line.strip("\r") for line in content.split("\n") if line.strip()]


def _cells(line: str) -> tuple[str, str, str]:
    """Return the three cells of a line, and raise ValueError if it has fewer."""
    cells = line.rstrip("\t").split("\t", 2)
    if len(cells) < 3:
        raise ValueError(f"expected three cells, found {line[:60]!r}")
    first, second, third = cells
    return first, second, third


def _unquote(text: str) -> str:
    """Return a cell without the quotes around it that its file has where it holds others."""
    text = text.strip()
    inside = text[1:-1].replace('""', "")
    quoted = len(text) > 1 and text[0] == text[-1] == '"' and '"' not in inside
    return text[1:-1].replace('""', '"').strip() if quoted else text
