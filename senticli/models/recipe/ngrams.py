"""Answer texts with a linear model over n-grams: a teacher of another family.

    pip install scikit-learn
    python -m senticli.models.recipe.ngrams --data imdb --data sst5 --output ngrams.jsonl
    python -m senticli train --data imdb --data sst5 --preset student --teacher ngrams.jsonl

NB-SVM (Wang and Manning 2012) with logistic regression: n-grams that occur, of one to three words,
weighted by the log ratio of how often each label has them, and scaled down in long texts, so that
one temperature fits reviews and tweets. There is a model for each label against the rest, which
learns from the sources that have the label. What it validates on is what training with the same
data and seed does. Labelled texts are answered by models that have not seen them or, of IMDB, their
movie; unlabelled ones by models that have seen all.

N-grams are hashed to 2^24 columns, of which those that occur in two texts stay, so that no
dictionary of n-grams is held. Learning takes some 50 bytes for each n-gram of each training text:
about 2.5 GB for 250,000 short texts and 75,000 reviews.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from senticli.data.labelled import Example
from senticli.measures import Floats, fit_temperature, softmax
from senticli.models.recipe.texts import (
    Rows,
    chosen,
    load,
    options,
    plain,
    say,
    write_answers,
)

FOLDS = 5
CHUNK = 20_000  # texts
POWER = 0.35  # of the number of n-grams in a text
WORD = r"[^\W_]+(?:'[^\W_]+)?|[^\w\s]"
VECTORIZER = HashingVectorizer(
    n_features=2**24,
    ngram_range=(1, 3),
    token_pattern=WORD,
    alternate_sign=False,
    norm=None,
    binary=True,
    dtype=np.float32,
)


def ngrams_of(examples: Sequence[Example]) -> Any:
    """Return which n-grams occur in each text, a sparse matrix [N, 2^24]."""
    texts = [plain(example.text) for example in examples]
    chunks = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
    return sparse.vstack([VECTORIZER.transform(chunk) for chunk in chunks], format="csr")


def scaled(ngrams: Any) -> Any:
    """Return the n-grams of N texts, [N, F], with less weight where a text has many."""
    counts = np.diff(ngrams.indptr)
    found = ngrams.copy()
    found.data = np.repeat(np.maximum(counts, 1).astype(np.float32) ** -POWER, counts)
    return found


class OneAgainstRest:
    """Tells texts of one label from those of others.

    Args:
        ngrams: those of N texts, [N, F].
        share: the probability of the label in each text, [N].
        c: inverse of the regularisation.
    """

    def __init__(self, ngrams: Any, share: NDArray[np.float32], c: float) -> None:
        inside = 1 + ngrams.T @ share
        outside = 1 + ngrams.T @ (1 - share)
        ratios = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
        self._ratios = ratios.astype(np.float32)
        # A text with a soft label counts as two, one of the label and one of the rest.
        yes, no = np.flatnonzero(share > 0), np.flatnonzero(share < 1)
        self._model = LogisticRegression(
            C=c, solver="liblinear", dual=True, max_iter=300, random_state=0
        )
        self._model.fit(
            self._weighted(ngrams[np.concatenate([yes, no])]),
            np.repeat([True, False], [len(yes), len(no)]),
            np.concatenate([share[yes], 1 - share[no]]),
        )

    def _weighted(self, ngrams: Any) -> Any:
        weighted = ngrams.copy()
        weighted.data = ngrams.data * self._ratios[ngrams.indices]
        return weighted

    def logits(self, ngrams: Any) -> Floats:
        """Return the log-odds of the label [N]."""
        found: Floats = self._model.decision_function(self._weighted(ngrams))
        return found


class NBSVM:
    """One model for each label, of the texts whose source has it; of two labels, for the second."""

    def __init__(
        self, ngrams: Any, truth: NDArray[np.float32], known: NDArray[np.bool_], c: float
    ) -> None:
        self._models = []
        for label in range(truth.shape[1]) if truth.shape[1] > 2 else (1,):
            rows = np.flatnonzero(known[:, label])
            self._models.append(OneAgainstRest(ngrams[rows], truth[rows, label], c))

    def logits(self, ngrams: Any) -> Floats:
        """Return the logits [N, L]."""
        found = [model.logits(ngrams) for model in self._models]
        return np.stack(found if len(found) > 1 else [-found[0] / 2, found[0] / 2], axis=1)


def cross_fitted(ngrams: Any, rows: Rows, c: float) -> Floats:
    """Return logits [N, L] by models that have not seen the text, or one of its group."""
    numbers: dict[str, int] = {}  # numpy would make each text as wide as the longest
    groups = [numbers.setdefault(e.group or e.text, len(numbers)) for e in rows.examples]
    logits = np.zeros(rows.truth.shape)
    folds = GroupKFold(FOLDS).split(rows.truth, groups=groups)
    for fold, (rest, held_out) in enumerate(folds, 1):
        model = NBSVM(ngrams[rest], rows.truth[rest], rows.known[rest], c)
        logits[held_out] = model.logits(ngrams[held_out])
        say(f"fold {fold} of {FOLDS}")
    return logits


def main() -> None:
    """Read, learn, answer, write."""
    parser = options(__doc__.split("\n")[0])
    parser.add_argument("--c", type=float, default=2.5, help="inverse of the regularisation")
    parser.add_argument("--output", type=Path, required=True, help="the file of answers")
    args = parser.parse_args()
    texts = load(args)
    train, valid = texts.train, texts.valid
    ngrams = ngrams_of(train.examples)
    columns = np.flatnonzero(np.bincount(ngrams.indices, minlength=ngrams.shape[1]) > 1)
    ngrams = scaled(ngrams[:, columns])
    say(f"{len(columns):,} n-grams, {ngrams.nnz:,} occurrences")

    logits = cross_fitted(ngrams, train, args.c)
    temperature = fit_temperature(train.among_known(logits), train.truth)
    say(f"training texts, by models that have not seen them; temperature {temperature:.2f}")
    texts.report(train, logits, temperature)

    model = NBSVM(ngrams, train.truth, train.known, args.c)

    def ask(examples: Sequence[Example]) -> Floats:
        return model.logits(scaled(ngrams_of(examples)[:, columns]))

    say("validation")
    texts.report(valid, ask(valid.examples), temperature)

    def answers() -> Iterator[tuple[Sequence[Example], Floats]]:
        found = chosen(train.examples, args.max_characters)
        examples = [train.examples[row] for row in found]
        yield examples, softmax(logits[found], temperature)
        found = chosen(texts.unlabelled, args.max_characters)
        for start in range(0, len(found), CHUNK):
            examples = [texts.unlabelled[row] for row in found[start : start + CHUNK]]
            yield examples, softmax(ask(examples), temperature)

    write_answers(args.output, texts.labels, answers())


if __name__ == "__main__":
    main()
