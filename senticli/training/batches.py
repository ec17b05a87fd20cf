"""Batches of texts of similar length, so that little of a batch is padding."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from senticli.measures import Truth
from senticli.text.encoder import TokenIds
from senticli.training.device import to_device

POOL = 50  # batches whose texts are sorted by length together
Item = TypeVar("Item")


@dataclass(frozen=True)
class Batch:
    """``token_ids`` [B, T] padded at the end, ``lengths`` [B] without padding, ``labels``.

    These are numbers [B], or distributions [B, L]. ``known`` [B, L] is True for the labels that the
    loss of a text is over; None: all of them.
    """

    token_ids: Tensor
    lengths: Tensor
    labels: Tensor
    known: Tensor | None = None

    @property
    def likeliest(self) -> Tensor:
        """The number of the likeliest label of each text, [B]."""
        return self.labels if self.labels.dim() == 1 else self.labels.argmax(dim=1)

    def rows(self, rows: slice) -> "Batch":
        """Return some of the texts, padded to the longest of them."""
        if len(range(len(self.labels))[rows]) == len(self.labels):
            return self
        longest = int(self.lengths[rows].max())
        part = self._each(lambda tensor: tensor[rows])
        return replace(part, token_ids=part.token_ids[:, :longest])

    def repeated(self, times: int) -> "Batch":
        """Return all texts, that many times over."""
        if times == 1:
            return self
        return self._each(lambda tensor: torch.cat([tensor] * times))

    def to(self, device: torch.device) -> "Batch":
        """Copy the batch to a device."""
        return self._each(lambda tensor: to_device(tensor, device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        known = None if self.known is None else change(self.known)
        return Batch(change(self.token_ids), change(self.lengths), change(self.labels), known)


class Batches:
    """The batches of one split, or of one of its sources.

    An epoch has as many texts as there are. From a source that has a larger share in it than of the
    texts, some come more than once; of another, the next epoch continues with what was left.

    Args:
        texts: the token ids of each text, at least one each.
        labels: the label of each text, as an index; or distributions, [N, L].
        batch_size: texts in a batch.
        pad_index: the token id of ``<pad>``.
        seed: determines the order, together with the epoch; without one, the order is by length.
        sizes: the texts of each source, in order; None: there is one.
        shares: of each source in an epoch; None: by its size.
        known: the labels that the loss of each text is over, [N, L]; None: all.
        name: that of the source.
    """

    def __init__(
        self,
        texts: Sequence[TokenIds],
        labels: Sequence[int] | Truth,
        *,
        batch_size: int,
        pad_index: int,
        seed: int | None = None,
        sizes: Sequence[int] | None = None,
        shares: Sequence[float] | None = None,
        known: NDArray[np.bool_] | None = None,
        name: str = "",
    ) -> None:
        self._texts = texts
        is_soft = np.ndim(labels) == 2
        self._labels: Truth = np.asarray(labels, dtype=np.float32 if is_soft else np.int64)
        self._lengths = np.array([len(token_ids) for token_ids in texts], dtype=np.int64)
        self._batch_size = batch_size
        self._pad_index = pad_index
        self._seed = seed
        self._known = known
        self._sizes = [len(texts)] if sizes is None else sizes
        wanted = self._sizes if shares is None else [share * len(texts) for share in shares]
        self._draws = [max(1, round(count)) for count in wanted]  # of each source in an epoch
        self.name = name

    def __len__(self) -> int:
        return -(-sum(self._draws) // self._batch_size)

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
        """The number of tokens of the first epoch, without padding."""
        return int(self._lengths[self._drawn(1)].sum())

    def epoch(self, number: int = 1, *, start: int = 0) -> Iterator[Batch]:
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
                None if self._known is None else torch.from_numpy(self._known[rows]),
            )

    def _rows(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the rows of each batch: shuffled, sorted within pools, split, shuffled again."""
        size = self._batch_size
        if self._seed is None:
            return _split(np.argsort(self._lengths, kind="stable"), size)
        generator = np.random.default_rng((self._seed, epoch))
        batches = []
        for pool in _split(generator.permutation(self._drawn(epoch)), size * POOL):
            by_length = np.argsort(self._lengths[pool], kind="stable")
            batches += _split(pool[by_length], size)
        generator.shuffle(batches)
        return batches

    def _drawn(self, epoch: int) -> NDArray[np.int64]:
        """Return the rows of an epoch, in their order."""
        starts = np.cumsum([0, *self._sizes[:-1]])
        sources = zip(starts, self._sizes, self._draws, strict=True)
        drawn = [
            start + draw(size, count, epoch, seed=self._seed or 0, source=source)
            for source, (start, size, count) in enumerate(sources)
        ]
        return np.sort(np.concatenate(drawn))  # whole passes are then the rows as they are


def draw(size: int, count: int, epoch: int, *, seed: int, source: int = 0) -> NDArray[np.int64]:
    """Return which of a source's texts, ``size``, are its ``count`` texts of an epoch.

    From epoch to epoch the draws run through one pass over its shuffled texts after another.
    """
    start = (epoch - 1) * count
    first, end = start // size, -(-(start + count) // size)
    passes = [
        np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(source, number)))
        for number in range(first, end)
    ]
    order = np.concatenate([random.permutation(size) for random in passes])
    return order[start - first * size :][:count]


def _split(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def prefetched(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the same items, each computed in another thread while the previous one is used."""
    with ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = thread.submit(next, items, None)
            yield item
