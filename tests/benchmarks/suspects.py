"""Count how many flipped labels are among the suspects of ``senticli eval --suspects``.

    senticli download imdb
    python -m tests.benchmarks.suspects                 # the bundled model on IMDB's test split
    python -m tests.benchmarks.suspects --orders --data imdb --data sst2

A command, not a test. Some labels of each kind are flipped, the texts are written as JSON Lines,
and the command is run on them. What the data set itself has wrong counts as an error here. With
``--orders``, ways to rank the suspects are compared on validation splits, over several seeds.
The Markdown table goes to stdout.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from senticli import evaluate
from senticli.config import TrainConfig
from senticli.data.labelled import Example, labels_of
from senticli.data.splits import load_split
from senticli.errors import SenticliError
from senticli.evaluation.suspects import confident_errors
from senticli.measures import Floats, Ints, likeliest, wilson

SEEDS = 20  # of the comparison of orders


def main() -> None:
    """Flip, run, count, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--data", action="append", metavar="NAME", help="data set (imdb); repeatable for --orders")
    add("--split", default="test", help="its split (%(default)s)")
    add("--model", default="bundled", metavar="NAME|DIR", help="(%(default)s)")
    add("--share", type=float, default=0.02, help="of the labels that are flipped (%(default)s)")
    add("--seed", type=int, default=1, help="(%(default)s)")
    add("--orders", action="store_true", help="compare ways to rank the suspects")
    args = parser.parse_args()
    names = args.data or ["imdb"]
    if args.orders:
        print("\n".join(orders(names, args.model, args.share)))
        return
    try:
        examples = load_split(TrainConfig(data=(names[0],)), args.split).examples
    except SenticliError as error:
        raise SystemExit(f"error: {error.message}\nhint: {error.hint}") from error
    flipped = flip(examples, args.share, args.seed)
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        ranked = suspects_of(examples, flipped, args.model, Path(folder))
        seconds = time.perf_counter() - start
    print("\n".join(report(ranked, flipped, seconds)))


def flip(examples: Sequence[Example], share: float, seed: int) -> dict[int, Example]:
    """Return the rows whose label is flipped, as many of each label, and what they become."""
    generator, labels = random.Random(seed), labels_of(examples)
    count = round(share * len(examples) / len(labels))
    flipped = {}
    for label in labels:
        rows = [row for row, example in enumerate(examples) if example.label == label]
        others = [other for other in labels if other != label]
        for row in generator.sample(rows, count):
            flipped[row] = replace(examples[row], label=generator.choice(others))
    return flipped


def suspects_of(
    examples: Sequence[Example], flipped: dict[int, Example], model: str, folder: Path
) -> list[int]:
    """Return the rows that the command finds suspicious, the likeliest wrong first."""
    data, output = folder / "flipped.jsonl", folder / "suspects.jsonl"
    with data.open("w", encoding="utf-8") as file:
        for row, example in enumerate(examples):
            label = flipped.get(row, example).label
            print(json.dumps({"row": row, "text": example.text, "label": label}), file=file)
    command = ["senticli", "eval", "--model", model, "--data", str(data), "--suspects", str(output)]
    subprocess.run([sys.executable, "-m", *command], stdout=subprocess.DEVNULL, check=True)
    lines = output.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["row"] for line in lines]


def report(ranked: Sequence[int], flipped: Collection[int], seconds: float) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| suspects | of them flipped | precision (95 % interval) | recall |"
    yield "|--:|--:|--:|--:|"
    for count in sorted({len(flipped) // 5, len(flipped) // 2, len(flipped), len(ranked)}):
        first = ranked[:count]
        hits = len(set(flipped).intersection(first))
        low, high = wilson(hits, len(first))
        interval = f"{100 * low:.1f}–{100 * high:.1f}"
        shares = f"{share(hits, len(first))} ({interval}) | {share(hits, len(flipped))}"
        yield f"| {len(first):,} | {hits:,} | {shares} |"
    yield f"\n{len(flipped):,} labels flipped; {seconds:.1f} s."


def orders(names: Sequence[str], model: str, part: float) -> Iterator[str]:
    """Yield the table of the flipped labels that are in as many first places, by each order."""
    found: dict[str, list[str]] = {}
    for name in names:
        answers = (report := evaluate(model, name, split="valid")).answers
        hits: Counter[str] = Counter()
        for seed in range(SEEDS):
            flipped = flip(report.examples.all, part, seed)
            given = likeliest(answers.truth).copy()
            for row, example in flipped.items():
                given[row] = answers.labels.index(example.label)
            for order, rows in ranked_by(answers.probabilities, given).items():
                hits[order] += len(set(flipped).intersection(rows[: len(flipped)].tolist()))
        for order, count in hits.items():
            found.setdefault(order, []).append(share(count, SEEDS * len(flipped)))
    yield " | ".join(["| ", *names]) + " |"
    yield "|---" + "|--:" * len(names) + "|"
    for order, shares in found.items():
        yield " | ".join([f"| {order}", *shares]) + " |"


def ranked_by(probabilities: Floats, given: Ints) -> dict[str, Ints]:
    """Return the suspects, the likeliest wrong first, by each order; and all rows by the first."""
    rows, likely = confident_errors(probabilities, given)
    own = probabilities[np.arange(len(given)), given]
    means = np.array([own[given == label].mean() for label in range(probabilities.shape[1])])
    values = {
        "probability of the label": own[rows],
        "margin to the likely label": own[rows] - probabilities[rows, likely],
        "probability of the label, less its mean": own[rows] - means[given[rows]],
    }
    found = {order: rows[np.argsort(value, kind="stable")] for order, value in values.items()}
    return {**found, "the first, of all rows": np.argsort(own, kind="stable")}


def share(part: int, whole: int) -> str:
    """Return a share as people read it."""
    return f"{100 * part / whole:.1f} %"


if __name__ == "__main__":
    main()
