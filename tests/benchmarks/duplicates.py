"""Count the texts of each validation and test set that training shares.

    senticli download everyday imdb sst2
    python -m tests.benchmarks.duplicates --test more.csv

A command, not a test. A text is shared if one that is trained on has the same letters and digits,
as ``senticli train --drop-leaks`` compares them, or some words in a row. The latter are counted
with and without ``--drop-leaks``. The Markdown table goes to stdout.
"""

import argparse
import re
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from senticli.config import TrainConfig
from senticli.data.splits import Sources, Split, letters_of, load_training_data
from senticli.errors import SenticliError
from tests.benchmarks.breadth import DATA, sets_of

WORD = re.compile(r"[^\W_]+")

FACTOR = np.uint64(6_364_136_223_846_793_005)  # products wrap around

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]


def main() -> None:
    """Read, count, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--data", action="append", metavar="NAME|FILE", help=f"repeatable ({', '.join(DATA)})")
    add("--test", action="append", metavar="FILE", help="in place of their test splits; repeatable")
    add("--seed", type=int, default=1, help="of the split into train and validation (%(default)s)")
    add("--words", type=int, default=13, help="words in a row (%(default)s)")
    args = parser.parse_args()
    sources = Sources()
    try:
        before, after = (
            load_training_data(
                TrainConfig(
                    data=tuple(args.data or DATA),
                    test=tuple(args.test or ()),
                    seed=args.seed,
                    vectors="none",
                    drop_leaks=drop,
                ),
                sources,
            )
            for drop in (False, True)
        )
    except SenticliError as error:
        raise SystemExit(f"error: {error.message}\nhint: {error.hint}") from error
    held_out = [
        (f"{one.name} {split}", one.texts)
        for split, found in (("valid", before.valid), ("test", before.test))
        if found
        for name, part in zip(found.names, found.parts, strict=True)
        for one in sets_of(name, part)
    ]
    print("\n".join(report(held_out, before.train, after.train, args.words)))


def report(
    held_out: Iterable[tuple[str, list[str]]], before: Split, after: Split, words: int
) -> Iterator[str]:
    """Yield the lines of the Markdown table."""
    letters = {
        name: {letters_of(example.text) for example in part.examples}
        for name, part in zip(before.names, before.parts, strict=True)
    }
    runs = [
        np.sort(runs_of([example.text for example in split.examples], words)[0])
        for split in (before, after)
    ]
    yield (
        f"| set | texts | same letters and digits | of | {words} words in a row | … with "
        "`--drop-leaks` |"
    )
    yield "|---" * 6 + "|"
    for name, texts in held_out:
        own = [letters_of(text) for text in texts]
        found = {source: sum(one in known for one in own) for source, known in letters.items()}
        total = sum(any(one in known for known in letters.values()) for one in own)
        shown = ", ".join(f"{source} {count:,}" for source, count in found.items() if count)
        hashes, rows = runs_of(texts, words)
        shared = [len(set(rows[occur(hashes, known)].tolist())) for known in runs]
        yield f"| {name} | {len(texts):,} | {total:,} | {shown} | {shared[0]:,} | {shared[1]:,} |"


def occur(hashes: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Return whether each of some hashes is among those known, which are sorted."""
    at = np.searchsorted(known, hashes).clip(max=len(known) - 1)
    found: npt.NDArray[np.bool_] = known[at] == hashes
    return found


def runs_of(texts: Iterable[str], words: int) -> tuple[Hashes, Rows]:
    """Return hashes of all runs of so many words, and the row of the text that each is in."""
    found = [WORD.findall(text.casefold()) for text in texts]
    own = np.fromiter((hash(word) for text in found for word in text), np.int64).view(np.uint64)
    rows = np.repeat(np.arange(len(found)), [len(text) for text in found])
    count = max(0, len(own) - words + 1)
    hashes = np.zeros(count, np.uint64)
    for at in range(words):
        hashes = hashes * FACTOR + own[at : at + count]
    inside = rows[:count] == rows[words - 1 :]  # of one text
    return hashes[inside], rows[:count][inside]


if __name__ == "__main__":
    main()
