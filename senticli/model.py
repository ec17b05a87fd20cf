"""A model: a bundle, ONNX Runtime and numpy.

Texts are read a window at a time, encoded in the calling thread, run by length in worker threads
(ONNX Runtime lets go of the interpreter meanwhile), and answered in order. While a window runs,
the next is encoded.
"""

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from senticli import registry
from senticli.bundle import Bundle
from senticli.errors import SenticliError
from senticli.explain import (
    LEAST,
    MOST_OCCLUSIONS,
    Influence,
    Influences,
    TokenWeight,
    mean_weights,
    occlude,
)
from senticli.measures import softmax
from senticli.runtime import MAX_TOKENS, Network, fit_length
from senticli.text.encoder import TokenIds
from senticli.text.vocab import UNK_INDEX

if TYPE_CHECKING:
    from senticli.evaluation.examples import Labels
    from senticli.measures import Evaluation

# Texts of like length can share a batch within a window. The first is small, for an early answer.
FIRST_WINDOW, WINDOW = 32, 2048  # texts
WINDOW_CHARACTERS = 8_000_000
MAX_CHARACTERS = 200_000  # of one text: beyond it, its head and tail are used, as of MAX_TOKENS
UNSURE = "unsure"
POSITIVE, NEGATIVE = "positive", "negative"


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one text.

    ``score`` is the probability of the likeliest label, ``scores`` that of every label in the
    order of the model's labels. ``polarity`` is the probability of ``positive`` minus that of
    ``negative``, None where the model lacks one of the two. ``label`` is ``unsure`` where the
    score is under the threshold asked for, or under that of the model. A text without a token has
    no label, scores or polarity, and ``error`` says so. ``truncated`` is True if only the head and
    tail of a long text were read. ``n_tokens`` counts the text's tokens, ``n_unknown`` those
    outside the vocabulary.
    """

    text: str
    label: str
    score: float | None
    scores: tuple[float, ...]
    truncated: bool = False
    error: str | None = None
    n_tokens: int = 0
    n_unknown: int = 0
    polarity: float | None = None


class Model:
    """Classifies texts; made by :func:`load`.

    A model can be pickled, for instance to be sent to another process: it is then loaded again
    from its folder.

    Args:
        bundle: the files.
        threads: CPU threads of the network; None takes every core.

    Raises:
        SenticliError: the model is broken or cannot be run.
        ValueError: ``threads`` is less than 1.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"threads is {threads}, and must be at least 1")
        self.bundle = bundle
        self._threads = threads
        self._temperature = bundle.config.temperature
        self._poles = poles_of(bundle.config.labels)
        self._encode = bundle.encoder()
        content = bundle.read("model.onnx")
        try:
            self._network = Network(content, threads)
            outputs = self._network.logits([np.array([UNK_INDEX], dtype=np.int32)]).shape[1]
        except Exception as error:  # onnxruntime's errors have no common class
            raise SenticliError(
                f"the model {bundle.path} cannot be run: {str(error).splitlines()[0]}",
                "train it again, or use another model, such as bundled",
            ) from error
        if max(outputs, 2) != len(self.labels):
            raise SenticliError(
                f"the model {bundle.path} is broken: its network and its labels do not fit",
                "train it again, or use another model, such as bundled",
            )

    def __repr__(self) -> str:
        return f"<Model {self.name}: {', '.join(self.labels)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, (self.bundle.path.absolute(), self._threads)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of every array of probabilities."""
        return self.bundle.config.labels

    @property
    def name(self) -> str:
        """The name that :func:`load` takes: ``bundled``, one in the data dir, or its folder."""
        return self.bundle.name

    def thresholds_for(self, threshold: float | None = None) -> Mapping[str, float]:
        """Return the score under which each label is ``unsure``: those of the model, or the same.

        They are empty where every answer counts.
        """
        if threshold is None:
            return self.bundle.config.thresholds
        return dict.fromkeys(self.labels, threshold) if threshold else {}

    @property
    def metadata(self) -> dict[str, Any]:
        """A copy of what ``config.json`` holds: labels, architecture, provenance."""
        return dataclasses.asdict(self.bundle.config)

    @overload
    def predict(  # type: ignore[overload-overlap]  # a string is an iterable of strings, too
        self, texts: str, *, threshold: float | None = None
    ) -> Prediction: ...
    @overload
    def predict(
        self, texts: Iterable[str], *, threshold: float | None = None
    ) -> list[Prediction]: ...
    def predict(
        self, texts: str | Iterable[str], *, threshold: float | None = None
    ) -> Prediction | list[Prediction]:
        """Return the prediction for one text, or a list with one for each of several, in order.

        Memory holds all of them; :meth:`stream` is for more.

        Args:
            texts: a string, or any number of them.
            threshold: under this score, the label is ``unsure``; None: those of the model, if it
                has some.

        Raises:
            TypeError: something else than strings.
            ValueError: ``threshold`` is not from 0 to 1.
        """
        if isinstance(texts, str):
            [prediction] = self.stream([texts], threshold=threshold)
            return prediction
        return list(self.stream(texts, threshold=threshold))

    def predict_proba(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Return the probabilities [N, L] of the labels for N texts.

        A text without a token has those of an unknown token.

        Raises:
            TypeError: ``texts`` is one string, or holds something else than strings.
        """
        rows = list(self.stream_proba(texts))
        return np.array(rows).reshape(len(rows), len(self.labels))

    def stream(
        self,
        texts: Iterable[str],
        *,
        threshold: float | None = None,
        window: int = WINDOW,
        skip: int = 0,
    ) -> Iterator[Prediction]:
        """Yield one prediction a text, in order, with a few windows of them in memory.

        Args:
            texts: read as results are taken.
            threshold: under this score, the label is ``unsure``; None: those of the model, if it
                has some.
            window: texts read ahead at most; with 1, each is answered before the next is read.
            skip: texts at the start that get no prediction. The others get what they would get
                without ``skip``, to the last digit.

        Raises:
            TypeError: ``texts`` is one string, or holds something else than strings.
            ValueError: ``threshold`` is not from 0 to 1, ``window`` less than 1, or ``skip``
                less than 0.
        """
        if isinstance(texts, str):
            raise TypeError("texts is one string: give a list of texts")
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(f"threshold is {threshold}, and must be from 0 to 1")
        if window < 1 or skip < 0:
            raise ValueError("window must be at least 1, and skip at least 0")
        thresholds = self.thresholds_for(threshold)
        windows = self._classified(texts, window, skip)
        return chain.from_iterable(self._predictions(*one, thresholds) for one in windows)

    def stream_proba(self, texts: Iterable[str]) -> Iterator[NDArray[np.float64]]:
        """Yield the probabilities [L] of each text, in order, as :meth:`predict_proba` has them."""
        if isinstance(texts, str):
            raise TypeError("texts is one string: give a list of texts")
        return chain.from_iterable(rows for _, _, rows in self._classified(texts))

    def explain(
        self, text: str, label: str | None = None, *, most: int = MOST_OCCLUSIONS
    ) -> list[TokenWeight]:
        """Return the weight of each token of ``text`` for a label, by default the likeliest.

        A text without a token has no weights; of one that is too long to be read whole, the tokens
        that are not read are left out.

        Args:
            text: the text.
            label: the label.
            most: weights that are measured at most, each by running the network once more; in a
                text of more tokens, neighbours share one.

        Raises:
            TypeError: ``text`` is not a string.
            ValueError: the model has no such label, or ``most`` is less than 1.
        """
        if not isinstance(text, str):
            raise TypeError(f"a text is a string, not {type(text).__name__}")
        if label is not None and label not in self.labels:
            raise ValueError(f"the model has no label {label!r}, but {', '.join(self.labels)}")
        if most < 1:
            raise ValueError(f"most is {most}, and must be at least 1")
        token_ids, spans = self._tokens(text)
        if not len(token_ids):
            return []
        probabilities, weights = occlude(token_ids, self._probabilities, most)
        column = int(probabilities.argmax()) if label is None else self.labels.index(label)
        return [
            TokenWeight(
                token=text[start:end],
                start=start,
                end=end,
                weight=round(float(row[column]), 4),
                raises=self.labels[row.argmax()] if row.any() else None,
            )
            for (start, end), row in zip(spans, weights, strict=True)
        ]

    def influences(
        self, texts: Iterable[str], *, labels: Sequence[str] | None = None, count: int = 20
    ) -> Influences:
        """Return the tokens that speak most for each label, on average over texts.

        The network runs again for each token of a text, until each has been weighed often enough
        or a limit is reached: give some hundred texts, in random order.

        Args:
            texts: those without a token are left out.
            labels: those that are wanted; None: all.
            count: tokens for each label, at most.
        """
        all_ids = [ids for text in texts if len(ids := self._tokens(text)[0])]
        vocabulary = self.bundle.vocab.tokens
        n_texts = np.zeros(len(vocabulary), dtype=np.int64)
        for ids in all_ids:
            n_texts[np.unique(ids)] += 1
        wanted = n_texts >= LEAST
        wanted[UNK_INDEX] = False
        weights, weighed, reached = mean_weights(all_ids, self._probabilities, wanted)
        known = np.flatnonzero(weighed >= LEAST)
        found = {}
        for label in self.labels if labels is None else labels:
            column = weights[known, self.labels.index(label)] if len(known) else known
            order = np.argsort(-column * np.sqrt(n_texts[known]), kind="stable")
            found[label] = tuple(
                Influence(
                    vocabulary[known[place]], float(column[place]), int(n_texts[known[place]])
                )
                for place in order[:count]
                if column[place] > 0
            )
        return Influences(len(all_ids), reached, found)

    def evaluate(
        self,
        data: "str | Path | Sequence[str] | None" = None,
        labels: "Labels | None" = None,
        **settings: Any,
    ) -> "Evaluation":
        """Measure the model on a data set, a file, or texts with their labels.

        Args and errors are those of :func:`senticli.evaluate`, whose report says more.
        """
        from senticli.evaluation.run import evaluate

        return evaluate(self, data, labels, **settings).evaluation

    def save(self, output: str | Path, *, force: bool = False) -> None:
        """Copy the model to a folder of its own, or to an archive, every file verified.

        Its provenance there names the files it was trained on without their folders.

        Args:
            output: a folder, from which :func:`load` reads it, or a file ``NAME.tar.gz``, which
                :func:`senticli.pull` installs.
            force: replace a model, or an archive, that is there.

        Raises:
            SenticliError: it cannot be written, or something is there already.
        """
        registry.export(self.bundle, Path(output), force=force)

    def _classified(
        self, texts: Iterable[str], window: int = WINDOW, skip: int = 0
    ) -> Iterator[tuple[list[str], list[TokenIds], NDArray[np.float64]]]:
        """Yield the texts of each window, their token ids, and their probabilities [N, L].

        The first ``skip`` texts are left out.
        """
        pending: deque[tuple[int, list[str], list[TokenIds]]] = deque()

        def encoded() -> Iterator[list[TokenIds]]:
            end = 0  # of the window, counted from the first text
            for texts_of_window in _windows(texts, window):
                start, end = end, end + len(texts_of_window)
                if end <= skip:
                    continue
                token_ids = [self._encode(_clip(text)) for text in texts_of_window]
                pending.append((max(0, skip - start), texts_of_window, token_ids))
                yield token_ids

        for logits in self._network.stream(encoded()):
            first, texts_of_window, token_ids = pending.popleft()
            rows = softmax(logits, self._temperature)
            yield texts_of_window[first:], token_ids[first:], rows[first:]

    def _tokens(self, text: str) -> tuple[TokenIds, list[tuple[int, int]]]:
        """Return the ids of the tokens that are read of a text, and the (start, end) of each."""
        clipped = _clip(text)
        token_ids, spans = self._encode(clipped), self._encode.tokenizer.spans(clipped)
        if len(clipped) < len(text):
            moved = len(text) - len(clipped)
            half = MAX_CHARACTERS // 2
            spans = [(a + moved, b + moved) if a >= half else (a, b) for a, b in spans]
        if len(token_ids) > MAX_TOKENS:
            half = MAX_TOKENS // 2
            token_ids, spans = fit_length(token_ids), spans[:half] + spans[-half:]
        return token_ids, spans

    def _probabilities(self, texts: Sequence[TokenIds]) -> NDArray[np.float64]:
        """Return the probabilities [N, L] of texts given as token ids."""
        return softmax(self._network.logits(texts), self._temperature)

    def _predictions(
        self,
        texts: Sequence[str],
        token_ids: Sequence[TokenIds],
        rows: NDArray[np.float64],
        thresholds: Mapping[str, float],
    ) -> Iterator[Prediction]:
        """Yield the predictions for N texts with probabilities ``rows`` [N, L]."""
        # Once for all of them: numpy takes as long for a single text.
        ends = np.cumsum([len(ids) for ids in token_ids])
        unknown = np.concatenate([[0], np.cumsum(np.concatenate(token_ids) == UNK_INDEX)])
        n_unknown = np.diff(unknown[ends], prepend=0).tolist()
        likeliest = rows.argmax(axis=1).tolist()
        labels, poles = self.labels, self._poles
        for text, ids, scores, best, n_unknown_tokens in zip(
            texts, token_ids, map(tuple, rows.tolist()), likeliest, n_unknown, strict=True
        ):
            if not len(ids):
                yield Prediction(text, "", None, (), error="no text")
                continue
            label, score = labels[best], scores[best]
            yield Prediction(
                text,
                label if score >= thresholds.get(label, 0.0) else UNSURE,
                score,
                scores,
                truncated=len(ids) > MAX_TOKENS or len(text) > MAX_CHARACTERS,
                n_tokens=len(ids),
                n_unknown=n_unknown_tokens,
                polarity=poles and scores[poles[0]] - scores[poles[1]],
            )


def load(model: str | Path | None = None, *, threads: int | None = None) -> Model:
    """Return a model, ready to predict.

    Args:
        model: a name in the data dir, a folder, or ``bundled``; None means the model trained
            last, or the bundled one before anything was trained.
        threads: CPU threads of the network; None takes every core.

    Raises:
        SenticliError: there is no such model, or it is broken.
    """
    return Model(registry.find(model), threads)


def poles_of(labels: Sequence[str]) -> tuple[int, int] | None:
    """Return the places of ``positive`` and ``negative`` among labels; None if one is missing."""
    if not {POSITIVE, NEGATIVE} <= set(labels):
        return None
    return labels.index(POSITIVE), labels.index(NEGATIVE)


def as_model(model: Model | str | Path | None, threads: int | None = None) -> Model:
    """Return a model as it is, or :func:`load` it."""
    if not isinstance(model, Model):
        return load(model, threads=threads)
    if threads is not None:
        raise ValueError("threads are chosen where a model is loaded: load(name, threads=N)")
    return model


def _open(path: Path, threads: int | None) -> Model:
    """Return the model in a folder: a pickled one comes back so."""
    return Model(Bundle.open(path), threads)


def _clip(text: str) -> str:
    """Return a text, or its head and tail where it is longer than MAX_TOKENS tokens can be."""
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return f"{text[:half]} {text[-half:]}"


def _windows(texts: Iterable[str], largest: int) -> Iterator[list[str]]:
    """Yield the texts in lists that grow up to ``largest``, or up to so many characters."""
    size, characters = min(FIRST_WINDOW, largest), 0
    window: list[str] = []
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"a text is a string, not {type(text).__name__}")
        window.append(text)
        characters += len(text)
        if len(window) == size or characters >= WINDOW_CHARACTERS:
            yield window
            window, characters, size = [], 0, min(2 * size, largest)
    if window:
        yield window
