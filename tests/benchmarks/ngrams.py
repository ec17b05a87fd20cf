"""Answer training texts with a linear model over n-grams: a teacher of another family.

    pip install scikit-learn
    python -m tests.benchmarks.ngrams --seed 1 --output ngrams.jsonl
    senticli train --preset student --teacher one --teacher ngrams.jsonl --seed 1

NB-SVM (Wang and Manning 2012) with logistic regression: n-grams that occur, of one to three words,
weighted by the log ratio of how often each label has them. It learns from what ``senticli train``
with the same data and seed does, and validates on what that does. Labelled texts are answered by
five models, each of which has not seen the text or its movie; unlabelled ones by one that has seen
all. What it writes is the teacher's file; the validation goes to stderr.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from senticli.config import TrainConfig
from senticli.data.labelled import Example
from senticli.data.splits import load_training_data
from senticli.io.atomic import replace_file

FOLDS = 5
TOKEN = r"[^\W_]+(?:['’][^\W_]+)?|[^\w\s]"

Floats = npt.NDArray[np.float64]


def log_ratios(counts: Any, chosen: npt.NDArray[np.bool_]) -> Floats:
    """Return how much more often each n-gram [F] is in the chosen rows than in the others."""
    inside = 1 + np.asarray(counts[chosen].sum(axis=0)).ravel()
    outside = 1 + np.asarray(counts[~chosen].sum(axis=0)).ravel()
    ratios: Floats = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    return ratios


class NBSVM:
    """One model for each label against the rest; of two labels, for the second."""

    def __init__(self, counts: Any, truth: npt.NDArray[np.int64], labels: int, c: float) -> None:
        self._parts = []
        for label in range(labels) if labels > 2 else (1,):
            ratios = log_ratios(counts, truth == label)
            model = LogisticRegression(C=c, solver="liblinear", dual=True, max_iter=300)
            model.fit(self._weighted(counts, ratios), truth == label)
            self._parts.append((ratios, model))

    @staticmethod
    def _weighted(counts: Any, ratios: Floats) -> Any:
        return counts.multiply(ratios).tocsr()  # scipy's, sparse

    def logits(self, counts: Any) -> Floats:
        """Return the logits [N, L]."""
        found = [m.decision_function(self._weighted(counts, r)) for r, m in self._parts]
        rows = found if len(found) > 1 else [-found[0] / 2, found[0] / 2]
        return np.stack(rows, axis=1)


def probabilities(logits: Floats, temperature: float) -> Floats:
    """Return the softmax [N, L] of logits."""
    exp = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    found: Floats = exp / exp.sum(axis=1, keepdims=True)
    return found


def loss(answer: Floats, truth: npt.NDArray[np.int64]) -> float:
    """Return the mean cross-entropy of hard labels."""
    return float(-np.log(np.maximum(answer[np.arange(len(truth)), truth], 1e-12)).mean())


def main() -> None:
    """Read, learn, answer, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", action="append", help="as of `senticli train`; default: imdb")
    parser.add_argument("--unlabelled", action="append", default=[])
    parser.add_argument("--drop-leaks", action="store_true", help="as of `senticli train`")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--c", type=float, default=0.1, help="inverse of the regularisation")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    start = time.perf_counter()
    config = TrainConfig(
        data=tuple(args.data or ["imdb"]),
        unlabelled=tuple(args.unlabelled),
        drop_leaks=args.drop_leaks,
        vectors="own",
        seed=args.seed,
    )
    data = load_training_data(config)
    train, valid = data.train.examples, data.valid.examples
    unlabelled = data.unlabelled.examples

    def say(text: str) -> None:
        print(f"{time.perf_counter() - start:6.0f} s  {text}", file=sys.stderr)

    say(f"{len(train):,} labelled texts, {len(unlabelled):,} unlabelled ones")
    vectorizer = CountVectorizer(
        ngram_range=(1, 3), binary=True, token_pattern=TOKEN, min_df=2, dtype=np.float32
    )
    counts = vectorizer.fit_transform(example.text for example in train)
    say(f"{counts.shape[1]:,} n-grams")

    def numbers(examples: Sequence[Example]) -> npt.NDArray[np.int64]:
        return np.array([data.labels.index(example.label) for example in examples])

    truth = numbers(train)
    groups = [example.group or example.text for example in train]
    logits = np.zeros((len(train), len(data.labels)))
    for fold, (rest, held_out) in enumerate(GroupKFold(FOLDS).split(counts, truth, groups)):
        model = NBSVM(counts[rest], truth[rest], len(data.labels), args.c)
        logits[held_out] = model.logits(counts[held_out])
        say(f"fold {fold + 1} of {FOLDS}")
    best = minimize_scalar(
        lambda t: loss(probabilities(logits, t), truth), bounds=(0.05, 20), method="bounded"
    )
    answers = probabilities(logits, best.x)
    shown = f"loss {loss(answers, truth):.4f}, accuracy {(answers.argmax(1) == truth).mean():.2%}"
    say(f"train, by models that have not seen the movie: {shown} (temperature {best.x:.2f})")
    model = NBSVM(counts, truth, len(data.labels), args.c)

    def ask(examples: Sequence[Example]) -> Floats:
        if not examples:
            return np.zeros((0, len(data.labels)))
        found = vectorizer.transform(example.text for example in examples)
        return probabilities(model.logits(found), best.x)

    truth = numbers(valid)
    answer = ask(valid)
    shown = f"loss {loss(answer, truth):.4f}, accuracy {(answer.argmax(1) == truth).mean():.2%}"
    say(f"validation: {shown}")
    with replace_file(args.output) as file:
        for examples, rows in (train, answers), (unlabelled, ask(unlabelled)):
            for example, row in zip(examples, rows.round(5).tolist(), strict=True):
                scores = dict(zip(data.labels, row, strict=True))
                line = json.dumps({"text": example.text, "scores": scores})
                file.write(line.encode() + b"\n")
    say(f"written: {args.output}")


if __name__ == "__main__":
    main()
