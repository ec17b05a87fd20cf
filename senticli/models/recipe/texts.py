"""What teachers of other families learn from, and the file of their answers.

The splits and sources are those of ``train`` with the same data and seed: a teacher has not seen
the student's validation texts, and a source that lacks some labels says nothing about them.
"""

import argparse
import html
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from senticli.config import TrainConfig
from senticli.data.labelled import Example
from senticli.data.mix import MixedSource, mixture_of
from senticli.data.splits import load_training_data
from senticli.errors import SenticliError
from senticli.io.atomic import replace_file
from senticli.measures import IMPOSSIBLE, Floats, distributions_of, measure, softmax

_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_START = time.perf_counter()


@dataclass(frozen=True)
class Rows:
    """N labelled texts, source after source; L labels are those of all sources."""

    examples: Sequence[Example]
    sources: Sequence[MixedSource]
    truth: NDArray[np.float32]
    """The probability of each label, [N, L]."""
    known: NDArray[np.bool_]
    """True for the labels that the source of a text has, [N, L]."""

    def of_sources(self) -> Iterator[tuple[MixedSource, slice]]:
        """Yield each source with its rows."""
        start = 0
        for source in self.sources:
            yield source, slice(start, start + source.examples)
            start += source.examples

    def sample(self, limit: int, seed: int) -> "Rows":
        """Return at most so many texts of each source."""
        generator = np.random.default_rng(seed)
        drawn, sources = [], []
        for source, part in self.of_sources():
            order = generator.permutation(source.examples)[:limit]
            drawn.append(part.start + np.sort(order))
            sources.append(replace(source, examples=len(order)))
        rows = np.concatenate(drawn)
        examples = [self.examples[row] for row in rows]
        return Rows(examples, sources, self.truth[rows], self.known[rows])

    def among_known(self, logits: Floats) -> Floats:
        """Return logits [N, L] with labels that are not known made impossible."""
        return np.where(self.known, logits, IMPOSSIBLE)


@dataclass(frozen=True)
class Texts:
    """Training and validation texts with their sources, and unlabelled ones."""

    labels: tuple[str, ...]
    train: Rows
    valid: Rows
    unlabelled: Sequence[Example]

    @classmethod
    def load(cls, config: TrainConfig) -> "Texts":
        """Read what ``config`` names. Raises SenticliError."""
        data = load_training_data(config)
        mixture = mixture_of(data, config)
        labels = data.labels

        def rows(examples: Sequence[Example], sources: Sequence[MixedSource]) -> Rows:
            truth = distributions_of(examples, labels)
            masks = [[label in source.labels for label in labels] for source in sources]
            known = np.repeat(masks, [source.examples for source in sources], axis=0)
            return Rows(examples, sources, truth.astype(np.float32), known)

        return cls(
            labels,
            rows(data.train.examples, mixture.train),
            rows(data.valid.examples, mixture.valid),
            data.unlabelled.examples,
        )

    def report(self, rows: Rows, logits: Floats, temperature: float = 1.0) -> None:
        """Say how well logits [N, L] fit each source, over the labels that it has."""
        for source, part in rows.of_sources():
            columns = [self.labels.index(label) for label in source.labels]
            found = measure(
                softmax(logits[part][:, columns], temperature),
                rows.truth[part][:, columns],
                source.labels,
            )
            say(
                f"  {source.name}: {found.examples:,} texts, loss {found.loss:.4f}, accuracy "
                f"{found.accuracy:.2%}, macro-recall {found.figures['balanced_accuracy'].value:.2%}"
            )


def options(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that say which texts there are."""
    parser = argparse.ArgumentParser(description=description)
    add = parser.add_argument
    add("--data", action="append", help="data set or file, as for training; default: imdb")
    add("--unlabelled", action="append", default=[], help="as for training; `none` for none")
    add("--seed", type=int, default=1, help="that of the student")
    add("--max-characters", type=int, help="answer only for texts of up to so many")
    return parser


def load(args: argparse.Namespace) -> Texts:
    """Return the texts that the options name. Exits where they cannot be read."""
    config = TrainConfig(
        data=tuple(args.data or ["imdb"]),
        unlabelled=tuple(args.unlabelled),
        vectors="own",  # else unlabelled texts are not read
        seed=args.seed,
        drop_leaks=True,
    )
    try:
        texts = Texts.load(config)
    except SenticliError as error:
        raise SystemExit(f"error: {error.message}\nhint: {error.hint}") from error
    counts = [len(texts.train.examples), len(texts.valid.examples), len(texts.unlabelled)]
    shown = "{:,} training texts, {:,} validation texts, {:,} unlabelled ones".format(*counts)
    say(f"{shown}; labels: {', '.join(texts.labels)}")
    return texts


def plain(text: str) -> str:
    """Return a text without HTML entities and line breaks, and with plain apostrophes."""
    return _LINE_BREAK.sub(" ", html.unescape(text)).replace("’", "'")


def chosen(examples: Sequence[Example], max_characters: int | None) -> list[int]:
    """Return the rows of the texts of up to so many characters."""
    limit = max_characters or sys.maxsize
    return [row for row, example in enumerate(examples) if len(example.text) <= limit]


def write_answers(
    path: Path, labels: Sequence[str], answers: Iterable[tuple[Sequence[Example], Floats]]
) -> None:
    """Write a teacher's file in one step: texts, and the probability of each label."""
    count = 0
    with replace_file(path) as file:
        for examples, probabilities in answers:
            for example, row in zip(examples, probabilities.round(5).tolist(), strict=True):
                scores = dict(zip(labels, row, strict=True))
                line = json.dumps({"text": example.text, "scores": scores})
                file.write(line.encode() + b"\n")
                count += 1
    say(f"wrote {path}: {count:,} texts")


def say(text: str) -> None:
    """Print a line to stderr, after the seconds since the start."""
    print(f"{time.perf_counter() - _START:6.0f} s  {text}", file=sys.stderr, flush=True)
