"""Check that explanations name the words that decide.

    python -m tests.benchmarks.explain --imdb aclImdb_v1.tar.gz

Deletes from each of 500 IMDB test reviews the five words that weigh most for the answer, and, to
compare, five words at random; prints how far the probability of the answer falls.
"""

import argparse
import json
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from senticli import load
from senticli.explain import TokenWeight
from tests.benchmarks.predict import find_imdb, write_reviews

DELETED = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--imdb", type=Path, required=True, help="archive or its folder")
    parser.add_argument("--reviews", type=int, default=500, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        work = Path(folder)
        write_reviews(find_imdb(args.imdb, work), None, work)
        texts = (work / "reviews").read_text(encoding="utf-8").split("\n")[:-1]
    generator = random.Random(args.seed)
    chosen = generator.sample(texts, args.reviews)

    model = load("bundled")
    variants = []
    for text in chosen:
        words = model.explain(text)
        top = sorted(words, key=lambda word: -word.weight)[:DELETED]
        some = generator.sample(words, min(DELETED, len(words)))
        variants += [text, without(text, top), without(text, some)]
    answers = model.predict(variants)
    drops = []
    for before, *after in zip(*(answers[start::3] for start in range(3)), strict=True):
        column = before.scores.index(max(before.scores))
        # Of a text whose every word was deleted nothing is known: even odds.
        now = [answer.scores[column] if answer.scores else 0.5 for answer in after]
        drops.append([before.scores[column] - score for score in now])
    top_drops, random_drops = np.array(drops).T
    print(
        json.dumps(
            {
                "reviews": len(chosen),
                "words_deleted": DELETED,
                "mean_drop_top": round(float(top_drops.mean()), 4),
                "mean_drop_random": round(float(random_drops.mean()), 4),
                "mean_move_top": round(float(np.abs(top_drops).mean()), 4),
                "mean_move_random": round(float(np.abs(random_drops).mean()), 4),
                "top_moves_more": round(float((top_drops > np.abs(random_drops)).mean()), 4),
            },
            indent=2,
        )
    )


def without(text: str, words: list[TokenWeight]) -> str:
    """The text without these words."""
    for word in sorted(words, key=lambda word: -word.start):
        text = text[: word.start] + text[word.end :]
    return text


if __name__ == "__main__":
    main()
