"""Prediction: a bundle, ONNX Runtime and numpy.

Texts are read a window at a time, encoded in the calling thread, run by length in worker threads
(ONNX Runtime lets go of the interpreter meanwhile), and answered in order. While a window runs,
the next is encoded.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senticli.bundle import Bundle
from senticli.errors import SenticliError
from senticli.evaluation import softmax
from senticli.runtime import import_onnxruntime
from senticli.text.vocab import PAD_INDEX, UNK_INDEX

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

# Texts of like length can share a batch within a window. The first is small, for an early answer.
FIRST_WINDOW, WINDOW = 32, 2048  # texts
WINDOW_CHARACTERS = 8_000_000
WINDOWS_AHEAD = 2
BATCH_TEXTS = 64
BATCH_TOKENS = 12_288  # bounds the memory of a batch
MAX_TOKENS = 12_288  # of one text: beyond it, its head and tail are used
MAX_CHARACTERS = 200_000  # of one text, likewise, before its tokens are known
UNSURE = "unsure"

Words = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one text.

    ``score`` is the probability of the likeliest label, ``scores`` that of every label in the
    order of the model's labels. ``label`` is ``unsure`` where the score is under the threshold
    asked for. A text without a word has no label, no scores, and says so in ``error``.
    ``truncated`` tells that a text was too long and that its head and tail alone were read.
    ``words`` counts the text's words (tokens), ``unknown`` those outside the vocabulary.
    """

    text: str
    label: str
    score: float | None
    scores: tuple[float, ...]
    truncated: bool = False
    error: str | None = None
    words: int = 0
    unknown: int = 0


class Network:
    """The ONNX graph: word numbers in, logits out.

    Args:
        content: the graph, as in ``model.onnx``.
        threads: batches that run at once, one CPU thread each; None takes every core this process
            may use.
    """

    def __init__(self, content: bytes, threads: int | None = None) -> None:
        onnxruntime = import_onnxruntime()
        self.threads = threads or _cores()
        options = onnxruntime.SessionOptions()
        # Two batches side by side are quicker than one that two threads share.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # The next level is for images; with it, onnxruntime 1.32 crashes on our int8 graph.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.log_severity_level = 4  # its errors are raised: nothing is printed beside them
        self._session: Any = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )

    def logits(self, texts: Sequence[Words]) -> NDArray[np.float32]:
        """The outputs [N, K] for the word numbers of N texts, at least one text.

        The order is kept. A text without words counts as one unknown word, and beyond
        :data:`MAX_TOKENS` the head and tail of a text are read.
        """
        return next(self.stream([texts]))

    def stream(self, windows: Iterable[Sequence[Words]]) -> Iterator[NDArray[np.float32]]:
        """Yield :meth:`logits` of each window, in order, taking a few windows ahead."""
        running: deque[_Window] = deque()
        executor: Executor | None = None
        try:
            for texts in windows:
                arrays = [fit_length(text) for text in texts]
                batches = list(_batches([len(array) for array in arrays]))
                if len(batches) == 1 and not running:
                    yield _restore(batches, [self._run(arrays, batches[0])])
                    continue
                if executor is None:
                    from concurrent.futures import ThreadPoolExecutor

                    executor = ThreadPoolExecutor(self.threads)
                futures = [executor.submit(self._run, arrays, rows) for rows in batches]
                running.append(_Window(batches, futures))
                while running and (len(running) > WINDOWS_AHEAD or running[0].done()):
                    yield running.popleft().logits()
            while running:
                yield running.popleft().logits()
        finally:
            if executor is not None:
                executor.shutdown(wait=False, cancel_futures=True)

    def _run(self, arrays: Sequence[Words], rows: Sequence[int]) -> NDArray[np.float32]:
        """The outputs for one batch."""
        lengths = np.array([len(arrays[row]) for row in rows], dtype=np.int32)
        tokens = np.full((len(rows), lengths.max()), PAD_INDEX, dtype=np.int32)
        for line, row in zip(tokens, rows, strict=True):
            line[: len(arrays[row])] = arrays[row]
        (logits,) = self._session.run(["logits"], {"tokens": tokens, "lengths": lengths})
        result: NDArray[np.float32] = logits
        return result


@dataclass(frozen=True)
class _Window:
    """A window on its way: the rows of each batch, and what each batch will give."""

    batches: list[list[int]]
    futures: "list[Future[NDArray[np.float32]]]"

    def done(self) -> bool:
        return all(future.done() for future in self.futures)

    def logits(self) -> NDArray[np.float32]:
        return _restore(self.batches, [future.result() for future in self.futures])


def _restore(
    batches: Sequence[Sequence[int]], results: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """The results of all batches in the order of the texts."""
    logits = np.concatenate(results)
    restored = np.empty_like(logits)
    restored[[row for rows in batches for row in rows]] = logits
    return restored


class Predictor:
    """Classifies texts with the model of a bundle.

    Args:
        bundle: the model.
        threads: CPU threads of the network; None takes every core.

    Raises:
        SenticliError: the model is broken or cannot be run.
        ValueError: ``threads`` is less than 1.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"threads is {threads}, and must be at least 1")
        self.bundle = bundle
        self.labels = bundle.config.labels
        self._temperature = bundle.config.temperature
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

    def predict(self, texts: Iterable[str], *, threshold: float = 0.0) -> list[Prediction]:
        """One prediction a text, in order; :meth:`stream` is for more than memory holds."""
        return list(self.stream(texts, threshold=threshold))

    def stream(
        self,
        texts: Iterable[str],
        *,
        threshold: float = 0.0,
        window: int = WINDOW,
        skip: int = 0,
    ) -> Iterator[Prediction]:
        """Yield one prediction a text, in order, with a few windows of them in memory.

        Args:
            texts: read as results are taken.
            threshold: under this score, the label is ``unsure``.
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
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold is {threshold}, and must be from 0 to 1")
        if window < 1 or skip < 0:
            raise ValueError("window must be at least 1, and skip at least 0")
        return (
            self._prediction(text, words, scores, threshold)
            for text, words, scores in self._scored(texts, window, skip)
        )

    def probabilities(self, texts: Iterable[str]) -> Iterator[NDArray[np.float64]]:
        """Yield the scores [L] of every text, a text without words included."""
        for _, _, scores in self._scored(texts):
            yield scores

    def _scored(
        self, texts: Iterable[str], window: int = WINDOW, skip: int = 0
    ) -> Iterator[tuple[str, Words, NDArray[np.float64]]]:
        """Yield each text but for the first ``skip``, its words, and its scores [L], in order."""
        pending: deque[tuple[int, list[tuple[str, Words]]]] = deque()

        def encoded() -> Iterator[list[Words]]:
            end = 0  # of the window, counted from the first text
            for texts_of_window in _windows(texts, window):
                start, end = end, end + len(texts_of_window)
                if end <= skip:
                    continue
                pairs = [(text, self._encode(_clip(text))) for text in texts_of_window]
                pending.append((max(0, skip - start), pairs))
                yield [words for _, words in pairs]

        for logits in self._network.stream(encoded()):
            scores = softmax(logits, self._temperature)
            first, pairs = pending.popleft()
            for (text, words), row in zip(pairs[first:], scores[first:], strict=True):
                yield text, words, row

    def words(self, text: str) -> tuple[Words, list[tuple[int, int]]]:
        """The numbers of the words that are read of a text, and the (start, end) of each in it."""
        clipped = _clip(text)
        words, spans = self._encode(clipped), self._encode.tokenizer.spans(clipped)
        if len(clipped) < len(text):
            moved = len(text) - len(clipped)
            half = MAX_CHARACTERS // 2
            spans = [(a + moved, b + moved) if a >= half else (a, b) for a, b in spans]
        if len(words) > MAX_TOKENS:
            half = MAX_TOKENS // 2
            words, spans = fit_length(words), spans[:half] + spans[-half:]
        return words, spans

    def scores(self, texts: Iterable[Words]) -> NDArray[np.float64]:
        """The scores [N, L] of texts given as word numbers."""
        return softmax(self._network.logits(list(texts)), self._temperature)

    def _prediction(
        self, text: str, words: Words, row: NDArray[np.float64], threshold: float
    ) -> Prediction:
        if not len(words):
            return Prediction(text, "", None, (), error="no text")
        scores = tuple(row.tolist())
        score = max(scores)
        return Prediction(
            text,
            self.labels[scores.index(score)] if score >= threshold else UNSURE,
            score,
            scores,
            truncated=len(words) > MAX_TOKENS or len(text) > MAX_CHARACTERS,
            words=len(words),
            unknown=int(np.count_nonzero(words == UNK_INDEX)),
        )


def fit_length(words: Words) -> Words:
    """Word numbers the network can read: never none, never more than MAX_TOKENS."""
    if len(words) > MAX_TOKENS:
        half = MAX_TOKENS // 2
        return np.concatenate([words[:half], words[-half:]])
    return words if len(words) else np.array([UNK_INDEX], dtype=np.int32)


def _clip(text: str) -> str:
    """The head and tail of a text of more characters than MAX_TOKENS words have."""
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return f"{text[:half]} {text[-half:]}"


def _windows(texts: Iterable[str], largest: int) -> Iterator[list[str]]:
    """The texts in lists that grow up to ``largest``, or up to so many characters."""
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


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Row numbers of each batch, by falling length, within the limits of texts and tokens."""
    batch: list[int] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if batch and (len(batch) == BATCH_TEXTS or longest * (len(batch) + 1) > BATCH_TOKENS):
            yield batch
            batch = []
        if not batch:
            longest = lengths[row]  # the others are padded to it
        batch.append(row)
    if batch:
        yield batch


def _cores() -> int:
    """The number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
