"""The loss and gradient of a batch, its texts shared among cores or processes.

Each core runs its texts through the whole network: at the sizes of an RNN's step this is nearly
twice as fast on two cores as sharing every operation among them. A part holds texts of similar
length, so that little of it is padding. A batch is always split in the same way and the parts are
added up in the same order, so the result is reproducible to the bit. If ``torchrun`` started
several processes, each has its share of the texts, and torch's DistributedDataParallel adds up the
gradients.

Shapes: B texts of a batch, T tokens of the longest, K logits.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from senticli.measures import IMPOSSIBLE
from senticli.training.batches import Batch
from senticli.training.network.dropout import Masks
from senticli.training.processes import Processes

MIN_PART_TEXTS = 8  # smaller parts would not be faster
MAX_PART_TOKENS = 32_768  # padding included; bounds the memory of a part
STEP_COST = 8  # the fixed cost of a step of the RNN, in texts that take as long
Result = TypeVar("Result")


@dataclass(frozen=True)
class Totals:
    """Sums over texts: of their weighted losses, their weights, correct ones, and all."""

    loss: float = 0.0
    weight: float = 0.0
    correct: int = 0
    texts: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals.of([a + b for a, b in zip(self.values, other.values, strict=True)])

    @classmethod
    def of(cls, values: Sequence[float]) -> "Totals":
        """Return the totals with these :attr:`values`."""
        loss, weight, correct, texts = values
        return cls(loss, weight, int(correct), int(texts))

    @property
    def values(self) -> tuple[float, ...]:
        """The sums as plain numbers."""
        return self.loss, self.weight, self.correct, self.texts

    @property
    def mean_loss(self) -> float:
        """The weighted mean of the loss."""
        return self.loss / self.weight

    @property
    def accuracy(self) -> float:
        """The share of texts that are classified correctly."""
        return self.correct / self.texts


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy [B] of logits [B, K], K = 1 for two labels, and labels.

    These are numbers [B], or distributions [B, L].
    """
    if logits.shape[1] > 1:
        return F.cross_entropy(logits, labels, reduction="none")
    targets = (labels if labels.dim() == 1 else labels[:, 1]).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits.squeeze(1), targets, reduction="none")


def symmetric_kl(logits_p: Tensor, logits_q: Tensor) -> Tensor:
    """Return (KL(p‖q) + KL(q‖p)) / 2 [B] of the distributions that two logits [B, K] stand for.

    Source: Liang et al. (2021), R-Drop. In the sum of both divergences the normalisers of the
    logits cancel out: KL(p‖q) + KL(q‖p) = Σ (p - q) (log p - log q).
    """

    def probabilities(logits: Tensor) -> Tensor:
        return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)

    difference = probabilities(logits_p) - probabilities(logits_q)
    return (difference * (logits_p - logits_q)).sum(dim=1) / 2


def predicted_labels(logits: Tensor) -> Tensor:
    """Return the most probable labels [B] of logits [B, K], K = 1 for two labels."""
    return (logits.squeeze(1) > 0).long() if logits.shape[1] == 1 else logits.argmax(dim=1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch from sharing a single operation among threads.

    They wait for each other at every step of an RNN: very long if other programs are busy.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Parallel:
    """Run a model over batches on all cores.

    Args:
        model: takes token_ids [B, T], lengths [B] and masks, returns logits [B, K].
        weights: of the labels in the loss, [number of labels]; None for equal weights.
        processes: those that share each batch.
        r_drop: the weight of :func:`symmetric_kl` between two passes in the loss to differentiate.
    """

    def __init__(
        self,
        model: nn.Module,
        weights: Tensor | None,
        processes: Processes,
        r_drop: float = 0.0,
    ) -> None:
        self._model = model
        self._parameters = list(model.parameters())
        self._on_cpu = self._parameters[0].device.type == "cpu"
        self._weights = weights
        self._processes = processes
        self._r_drop = r_drop
        self._threads = torch.get_num_threads()
        self._pools: dict[int, ThreadPoolExecutor] = {}
        self._distributed = DistributedDataParallel(model) if processes.size > 1 else None

    def gradients(self, batch: Batch, masks: Sequence[Masks]) -> Totals:
        """Set every parameter's gradient to that of the batch's mean loss.

        Label weights are 1 on average over the data, so the loss of a batch is divided by its
        number of texts. Its own weight would cancel them out if the batch had a single label.

        Args:
            batch: the texts.
            masks: the dropout of each pass. With two passes the loss to differentiate includes the
                divergence between them; the loss that is returned does not.
        """
        if self._distributed:
            return self._distributed_gradients(self._distributed, batch, masks)
        n_texts = len(batch.labels)

        def run(rows: slice) -> tuple[Totals, tuple[Tensor, ...]]:
            loss, totals = self._forward(self._model, batch, masks, rows)
            gradients = torch.autograd.grad(loss / n_texts, self._parameters)
            return totals(), gradients

        sums = Totals()
        for part, (totals, gradients) in enumerate(self._map(run, batch, len(masks))):
            sums += totals
            for parameter, gradient in zip(self._parameters, gradients, strict=True):
                if part == 0:
                    parameter.grad = gradient
                else:
                    assert parameter.grad is not None
                    parameter.grad += gradient
        return sums

    def _distributed_gradients(
        self, model: DistributedDataParallel, batch: Batch, masks: Sequence[Masks]
    ) -> Totals:
        rank, size = self._processes.rank, self._processes.size
        n_texts = len(batch.labels)
        sums = Totals()
        model.zero_grad(set_to_none=True)
        # Every process runs as many parts as the others, or they would wait for each other forever.
        parts = balance_by_length(batch.lengths.tolist(), size, MAX_PART_TOKENS // len(masks))
        mine = parts[rank::size]
        for number, rows in enumerate(mine, start=1):
            is_empty = rows.start >= n_texts  # one text is run in its place, without effect
            with nullcontext() if number == len(mine) else model.no_sync():
                loss, totals = self._forward(model, batch, masks, slice(1) if is_empty else rows)
                # DistributedDataParallel takes the mean over processes.
                scale = 0.0 if is_empty else size / n_texts
                (loss * scale).backward()  # type: ignore[no-untyped-call]
            if not is_empty:
                sums += totals()
        return Totals.of(self._processes.all_reduce(*sums.values))

    def evaluate(self, batches: Iterable[Batch], model: nn.Module | None = None) -> Totals:
        """Return loss and accuracy, without dropout, over the batches of all processes.

        Args:
            batches: those of this process.
            model: one to evaluate in place of that which is trained.
        """
        sums = Totals()
        for batch in batches:

            def run(rows: slice, batch: Batch = batch) -> Totals:
                with torch.inference_mode():
                    return self._forward(model or self._model, batch, (), rows)[1]()

            for totals in self._map(run, batch):
                sums += totals
        return Totals.of(self._processes.all_reduce(*sums.values))

    def _forward(
        self, model: nn.Module, batch: Batch, masks: Sequence[Masks], rows: slice
    ) -> tuple[Tensor, Callable[[], Totals]]:
        """Return the loss to differentiate, summed over ``rows`` of a batch, and their totals.

        The totals are a function because reading a number waits for the GPU: it is called after the
        gradient has been started.
        """
        part = batch.rows(rows)
        part_masks = [mask.rows(rows, part.token_ids.shape[1]) for mask in masks]
        passes = max(1, len(masks))
        repeated = part.repeated(passes)  # one run of the model for all passes
        logits = model(
            repeated.token_ids, repeated.lengths, Masks.concat(part_masks) if masks else None
        )
        if repeated.known is not None:
            logits = logits.masked_fill(~repeated.known, IMPOSSIBLE)
        weights = 1.0 if self._weights is None else self._weights[part.likeliest]  # [B]
        losses = cross_entropy(logits, repeated.labels).view(passes, -1) * weights  # [passes, B]
        loss = losses.sum() / passes
        logits_of_passes = logits.split(len(part.labels))
        to_differentiate = loss
        if passes == 2:
            divergence = (symmetric_kl(*logits_of_passes) * weights).sum()
            to_differentiate = loss + self._r_drop * divergence

        def totals() -> Totals:
            correct = int((predicted_labels(logits_of_passes[0]) == part.likeliest).sum())
            return Totals(loss.item(), self._weight_of(part), correct, len(part.labels))

        return to_differentiate, totals

    def _weight_of(self, batch: Batch) -> float:
        if self._weights is None:
            return float(len(batch.labels))
        return float(self._weights[batch.likeliest].sum())

    def _map(
        self, run: Callable[[slice], Result], batch: Batch, passes: int = 1
    ) -> Iterable[Result]:
        """Return the results of ``run`` for the parts of a batch, in order; on a CPU, on all cores.

        ``run`` holds each text ``passes`` times in memory.
        """
        n_texts = len(batch.labels)
        cores = max(1, min(self._threads, n_texts // MIN_PART_TEXTS)) if self._on_cpu else 1
        parts = balance_by_length(batch.lengths.tolist(), cores, MAX_PART_TOKENS // passes)
        parts = [rows for rows in parts if rows.start < n_texts]
        if not self._on_cpu:
            return map(run, parts)
        if cores not in self._pools:
            self._pools[cores] = ThreadPoolExecutor(
                cores, initializer=torch.set_num_threads, initargs=(1,)
            )
        return self._pools[cores].map(run, parts)


def balance_by_length(lengths: Sequence[int], parts: int, max_tokens: int) -> list[slice]:
    """Split a batch into slices of about equal work.

    A greedy partition of a length-sorted batch that minimises the largest part's padded cost
    (binary search). The cost of a part is that of its steps, as many as its longest text has
    tokens. Texts in another order are only padded more.

    Args:
        lengths: the number of tokens of each text.
        parts: the number of slices; a multiple of it if they would be larger than ``max_tokens``.
            The last ones may be empty.
        max_tokens: of a part with several texts, padding included.
    """
    low, high = max(lengths), max(lengths) * (len(lengths) + STEP_COST)
    fewest = len(_pack(lengths, max_tokens, max_cost=high))
    n_slices = -(-fewest // parts) * parts
    while low < high:
        middle = (low + high) // 2
        if len(_pack(lengths, max_tokens, max_cost=middle)) <= n_slices:
            high = middle
        else:
            low = middle + 1
    slices = _pack(lengths, max_tokens, max_cost=low)
    empty = slice(len(lengths), len(lengths))
    return slices + [empty] * (-len(slices) % parts)


def _pack(lengths: Sequence[int], max_tokens: int, max_cost: int) -> list[slice]:
    """Put as many texts into each slice as the limits allow; a single text may exceed them."""
    slices, start, longest = [], 0, 0
    for row, length in enumerate(lengths):
        n_texts, longest = row - start + 1, max(longest, length)
        cost = longest * (n_texts + STEP_COST)
        if n_texts > 1 and (cost > max_cost or longest * n_texts > max_tokens):
            slices.append(slice(start, row))
            start, longest = row, length
    slices.append(slice(start, len(lengths)))
    return slices
