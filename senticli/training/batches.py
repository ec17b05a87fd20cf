"""Batches of texts of similar length, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from senticli.evaluation import Truth
from senticli.text.encoder import TokenIds
from senticli.training.device import to_device

POOL = 50  # batches whose texts are sorted by length together
Item = TypeVar("Item")


@dataclass(frozen=True)
class Batch:
    """``token_ids`` [B, T] padded at the end, ``lengths`` [B] without padding, ``labels``.

    These are numbers [B], or distributions [B, L].
    """

    token_ids: Tensor
    lengths: Tensor
    labels: Tensor

    @property
    def likeliest(self) -> Tensor:
        """The number of the likeliest label of each text, [B]."""
        return self.labels if self.labels.dim() == 1 else self.labels.argmax(dim=1)

    def rows(self, rows: slice) -> "Batch":
        """Return some of the texts, padded to the longest of them."""
        if len(range(len(self.labels))[rows]) == len(self.labels):
            return self
        lengths = self.lengths[rows]
        return Batch(self.token_ids[rows, : int(lengths.max())], lengths, self.labels[rows])

    def repeated(self, times: int) -> "Batch":
        """Return all texts, that many times over."""
        if times == 1:
            return self
        tensors = (self.token_ids, self.lengths, self.labels)
        return Batch(*(torch.cat([tensor] * times) for tensor in tensors))

    def to(self, device: torch.device) -> "Batch":
        """Copy the batch to a device."""
        tensors = (self.token_ids, self.lengths, self.labels)
        return Batch(*(to_device(tensor, device) for tensor in tensors))


class Batches:
    """The batches of one split.

    Args:
        texts: the token ids of each text, at least one each.
        labels: the label of each text, as an index; or distributions, [N, L].
        batch_size: texts in a batch.
        pad_index: the token id of ``<pad>``.
        seed: determines the order, together with the epoch; without one, the order is by length.
    """

    def __init__(
        self,
        texts: Sequence[TokenIds],
        labels: Sequence[int] | Truth,
        *,
        batch_size: int,
        pad_index: int,
        seed: int | None = None,
    ) -> None:
        self._texts = texts
        is_soft = np.ndim(labels) == 2
        self._labels: Truth = np.asarray(labels, dtype=np.float32 if is_soft else np.int64)
        self._lengths = np.array([len(token_ids) for token_ids in texts], dtype=np.int64)
        self._batch_size = batch_size
        self._pad_index = pad_index
        self._seed = seed

    def __len__(self) -> int:
        return -(-len(self._texts) // self._batch_size)

    @property
    def labels(self) -> Truth:
        """The label of each text, as an index; or distributions."""
        return self._labels

    @property
    def n_texts(self) -> int:
        """The number of texts."""
        return len(self._texts)

    @property
    def n_tokens(self) -> int:
        """The number of tokens of all texts, without padding."""
        return int(self._lengths.sum())

    def epoch(self, number: int = 0, *, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, from index ``start``."""
        for rows in self._rows(number)[start:]:
            lengths = self._lengths[rows]
            token_ids = np.full((len(rows), lengths.max()), self._pad_index, dtype=np.int64)
            for padded, row in zip(token_ids, rows, strict=True):
                padded[: self._lengths[row]] = self._texts[row]
            yield Batch(
                torch.from_numpy(token_ids),
                torch.from_numpy(lengths),
                torch.from_numpy(self._labels[rows]),
            )

    def _rows(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the rows of each batch: shuffled, sorted within pools, split, shuffled again."""
        size = self._batch_size
        if self._seed is None:
            return _split(np.argsort(self._lengths, kind="stable"), size)
        generator = np.random.default_rng((self._seed, epoch))
        batches = []
        for pool in _split(generator.permutation(len(self._texts)), size * POOL):
            by_length = np.argsort(self._lengths[pool], kind="stable")
            batches += _split(pool[by_length], size)
        generator.shuffle(batches)
        return batches


def _split(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def prefetched(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the same items, each computed in another thread while the previous one is used."""
    with ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = thread.submit(next, items, None)
            yield item
