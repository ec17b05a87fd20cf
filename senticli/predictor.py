"""Prediction: a bundle, ONNX Runtime and numpy."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senticli.bundle import Bundle
from senticli.errors import SenticliError
from senticli.metrics import softmax
from senticli.text.vocab import PAD_INDEX, UNK_INDEX

WINDOW = 1024  # texts read ahead, so that texts of like length can share a batch
BATCH_TEXTS = 32
BATCH_TOKENS = 32_768  # bounds the memory of a batch
MAX_TOKENS = 16_384  # of one text: beyond it, its head and tail are used


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one text.

    ``score`` is the probability of ``label``, ``scores`` that of every label in the order of
    the model's labels. A text without a word has no label, no scores, and says so in ``error``.
    ``truncated`` tells that a text was too long and that its head and tail alone were read.
    """

    text: str
    label: str
    score: float | None
    scores: tuple[float, ...]
    truncated: bool = False
    error: str | None = None


class Network:
    """The ONNX graph: word numbers in, logits out.

    Args:
        content: the graph, as in ``model.onnx``.
        threads: CPU threads; None takes every core this process may use.
    """

    def __init__(self, content: bytes, threads: int | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or _cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its errors are raised: nothing is printed beside them
        self._session: Any = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )

    def logits(self, texts: Sequence[Sequence[int] | NDArray[np.int32]]) -> NDArray[np.float32]:
        """The outputs [N, K] for the word numbers of N texts, at least one text.

        Texts of like length share a batch; the order is kept. A text without words counts as
        one unknown word, and beyond :data:`MAX_TOKENS` the head and tail of a text are read.
        """
        arrays = [fit_length(np.asarray(text, dtype=np.int32)) for text in texts]
        results: list[NDArray[np.float32]] = []
        order: list[int] = []
        for rows in _batches([len(array) for array in arrays]):
            lengths = np.array([len(arrays[row]) for row in rows], dtype=np.int32)
            tokens = np.full((len(rows), lengths.max()), PAD_INDEX, dtype=np.int32)
            for line, row in zip(tokens, rows, strict=True):
                line[: len(arrays[row])] = arrays[row]
            results += self._session.run(["logits"], {"tokens": tokens, "lengths": lengths})
            order += rows
        logits = np.concatenate(results)
        restored = np.empty_like(logits)
        restored[order] = logits
        return restored


class Predictor:
    """Classifies texts with the model of a bundle.

    Args:
        bundle: the model.
        threads: CPU threads of the network; None takes every core.

    Raises:
        SenticliError: the model is broken or cannot be run.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        self.labels = bundle.config.labels
        self._temperature = bundle.config.temperature
        self._tokenize = bundle.tokenizer()
        content = bundle.read("model.onnx")
        try:
            self._network = Network(content, threads)
            outputs = self._network.logits([[UNK_INDEX]]).shape[1]
        except Exception as error:  # onnxruntime's errors have no common class
            raise SenticliError(
                f"the model {bundle.path} cannot be run: {str(error).splitlines()[0]}",
                "train it again, or use another: senticli predict --model bundled",
            ) from error
        if max(outputs, 2) != len(self.labels):
            raise SenticliError(
                f"the model {bundle.path} is broken: its network and its labels do not fit",
                "train it again, or use another: senticli predict --model bundled",
            )

    def stream(self, texts: Iterable[str]) -> Iterator[Prediction]:
        """Yield one prediction a text, in order, holding only a window of them in memory."""
        remaining = iter(texts)
        while window := list(islice(remaining, WINDOW)):
            numbers = [self._tokenize(text) for text in window]
            scores = softmax(self._network.logits(numbers), self._temperature)
            for text, words, row in zip(window, numbers, scores, strict=True):
                yield self._prediction(text, words, row)

    def probabilities(self, texts: Iterable[str]) -> Iterator[NDArray[np.float64]]:
        """Yield the scores [L] of every text, a text without words included."""
        remaining = iter(texts)
        while window := list(islice(remaining, WINDOW)):
            logits = self._network.logits([self._tokenize(text) for text in window])
            yield from softmax(logits, self._temperature)

    def _prediction(self, text: str, words: list[int], row: NDArray[np.float64]) -> Prediction:
        if not words:
            return Prediction(text, "", None, (), error="no text")
        best = int(row.argmax())
        scores = tuple(float(score) for score in row)
        return Prediction(text, self.labels[best], scores[best], scores, len(words) > MAX_TOKENS)


def fit_length(words: NDArray[np.int32]) -> NDArray[np.int32]:
    """Word numbers the network can read: never none, never more than MAX_TOKENS."""
    if len(words) > MAX_TOKENS:
        half = MAX_TOKENS // 2
        return np.concatenate([words[:half], words[-half:]])
    return words if len(words) else np.array([UNK_INDEX], dtype=np.int32)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Row numbers of each batch, by length, within the limits of texts and tokens."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        # Rows come by growing length, so this row's length is what the batch would be padded to.
        if batch and (len(batch) == BATCH_TEXTS or lengths[row] * (len(batch) + 1) > BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _cores() -> int:
    """The number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
