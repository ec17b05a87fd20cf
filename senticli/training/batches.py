"""Batches of texts of like length, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

POOL = 50  # batches whose texts are sorted by length together


@dataclass(frozen=True)
class Batch:
    """Word numbers [B, T] padded at the end, real lengths [B] and label numbers [B]."""

    tokens: Tensor
    lengths: Tensor
    labels: Tensor


class Batches:
    """The batches of one split, in a new random order at every iteration.

    Args:
        texts: word numbers of each text, at least one each.
        labels: the label number of each text.
        batch_size: texts in a batch.
        pad_index: the word number of ``<pad>``.
        generator: gives the order; without one, the order is by length and never changes.
    """

    def __init__(
        self,
        texts: Sequence[NDArray[np.int32]],
        labels: Sequence[int] | NDArray[np.int64],
        *,
        batch_size: int,
        pad_index: int,
        generator: np.random.Generator | None = None,
    ) -> None:
        self._texts = texts
        self._labels = np.asarray(labels, dtype=np.int64)
        self._lengths = np.array([len(text) for text in texts], dtype=np.int64)
        self._batch_size = batch_size
        self._pad_index = pad_index
        self._generator = generator

    def __len__(self) -> int:
        return -(-len(self._texts) // self._batch_size)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The label number of each text."""
        return self._labels

    @property
    def texts(self) -> int:
        """Number of texts."""
        return len(self._texts)

    @property
    def tokens(self) -> int:
        """Real tokens of all texts, padding not counted."""
        return int(self._lengths.sum())

    def __iter__(self) -> Iterator[Batch]:
        for rows in self._rows():
            lengths = self._lengths[rows]
            tokens = np.full((len(rows), lengths.max()), self._pad_index, dtype=np.int64)
            for line, row in zip(tokens, rows, strict=True):
                text = self._texts[row]
                line[: len(text)] = text
            yield Batch(
                torch.from_numpy(tokens),
                torch.from_numpy(lengths),
                torch.from_numpy(self._labels[rows]),
            )

    def _rows(self) -> list[NDArray[np.int64]]:
        """Row numbers of each batch: shuffled, sorted within pools, cut, shuffled again."""
        size = self._batch_size
        if self._generator is None:
            order = np.argsort(self._lengths, kind="stable")
            return [order[start : start + size] for start in range(0, len(order), size)]
        order = self._generator.permutation(len(self._texts))
        batches = []
        for start in range(0, len(order), size * POOL):
            pool = order[start : start + size * POOL]
            pool = pool[np.argsort(self._lengths[pool], kind="stable")]
            batches += [pool[first : first + size] for first in range(0, len(pool), size)]
        self._generator.shuffle(batches)
        return batches
