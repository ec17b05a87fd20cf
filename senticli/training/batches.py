"""Batches of texts of like length, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from senticli.training.device import moved

POOL = 50  # batches whose texts are sorted by length together
Item = TypeVar("Item")


@dataclass(frozen=True)
class Batch:
    """Word numbers [B, T] padded at the end, real lengths [B] and label numbers [B]."""

    tokens: Tensor
    lengths: Tensor
    labels: Tensor

    def rows(self, rows: slice) -> "Batch":
        """Some of its texts, padded to the longest of them."""
        if len(range(len(self.labels))[rows]) == len(self.labels):
            return self
        lengths = self.lengths[rows]
        return Batch(self.tokens[rows, : int(lengths.max())], lengths, self.labels[rows])

    def repeated(self, times: int) -> "Batch":
        """All its texts, that many times over."""
        if times == 1:
            return self
        return Batch(
            self.tokens.repeat(times, 1), self.lengths.repeat(times), self.labels.repeat(times)
        )

    def to(self, device: torch.device) -> "Batch":
        """This batch on a device."""
        return Batch(*(moved(part, device) for part in (self.tokens, self.lengths, self.labels)))


class Batches:
    """The batches of one split.

    Args:
        texts: word numbers of each text, at least one each.
        labels: the label number of each text.
        batch_size: texts in a batch.
        pad_index: the word number of ``<pad>``.
        seed: with the number of the epoch, gives the order; without one, the order is by length.
    """

    def __init__(
        self,
        texts: Sequence[NDArray[np.int32]],
        labels: Sequence[int] | NDArray[np.int64],
        *,
        batch_size: int,
        pad_index: int,
        seed: int | None = None,
    ) -> None:
        self._texts = texts
        self._labels = np.asarray(labels, dtype=np.int64)
        self._lengths = np.array([len(text) for text in texts], dtype=np.int64)
        self._batch_size = batch_size
        self._pad_index = pad_index
        self._seed = seed

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

    def epoch(self, number: int = 0, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from the one numbered ``start``, counted from 0, on."""
        for rows in self._rows(number)[start:]:
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

    def _rows(self, epoch: int) -> list[NDArray[np.int64]]:
        """Row numbers of each batch: shuffled, sorted within pools, cut, shuffled again."""
        size = self._batch_size
        if self._seed is None:
            order = np.argsort(self._lengths, kind="stable")
            return [order[start : start + size] for start in range(0, len(order), size)]
        generator = np.random.default_rng((self._seed, epoch))
        order = generator.permutation(len(self._texts))
        batches = []
        for start in range(0, len(order), size * POOL):
            pool = order[start : start + size * POOL]
            pool = pool[np.argsort(self._lengths[pool], kind="stable")]
            batches += [pool[first : first + size] for first in range(0, len(pool), size)]
        generator.shuffle(batches)
        return batches


def prefetched(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each made by another thread while the one before is used."""
    with ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = thread.submit(next, items, None)
            yield item
