"""A batch's loss and gradient, the texts of the batch shared out among cores or processes.

Each core runs its texts through the whole network, on its own: at the sizes of an RNN's step this
is nearly twice as fast on two cores as sharing every operation among them. A part holds texts of
like length, so that little of it is padding. The parts are cut the same way every time and added up
in the same order, so the result is the same to the bit. Where
``torchrun`` started several processes, each has its share of the texts, and torch's
DistributedDataParallel adds up the gradients.
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

from senticli.training.batches import Batch
from senticli.training.network.dropout import Masks
from senticli.training.processes import Processes

TEXTS_A_CORE = 8  # fewer in a part of a batch would not make it faster
TOKENS_A_PART = 32_768  # padded; longer parts are cut again, to bound memory
STEP = 8  # texts that take as long as what a step takes besides its texts
Result = TypeVar("Result")


@dataclass(frozen=True)
class Totals:
    """Sums over texts: ``loss`` by their weights, the weights, how many are right, how many."""

    loss: float = 0.0
    weight: float = 0.0
    correct: int = 0
    texts: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals.of([a + b for a, b in zip(self.values, other.values, strict=True)])

    @classmethod
    def of(cls, values: Sequence[float]) -> "Totals":
        """Those of :attr:`values`."""
        loss, weight, correct, texts = values
        return cls(loss, weight, int(correct), int(texts))

    @property
    def values(self) -> tuple[float, ...]:
        """The sums, to be added up."""
        return self.loss, self.weight, self.correct, self.texts

    @property
    def mean_loss(self) -> float:
        """The weighted mean loss of a text."""
        return self.loss / self.weight

    @property
    def accuracy(self) -> float:
        """The share of texts that are right."""
        return self.correct / self.texts


def losses_of(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropies [B] of logits [B, 1] (two labels, binary) or [B, K] against labels [B]."""
    if logits.shape[1] > 1:
        return F.cross_entropy(logits, labels, reduction="none")
    truth = labels.to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits.squeeze(1), truth, reduction="none")


def disagreement(first: Tensor, second: Tensor) -> Tensor:
    """The mean of both Kullback-Leibler divergences [B] of what logits [B, K] of two passes say.

    Liang et al. (2021), R-Drop. Of both divergences together, the normalisers cancel out.
    """

    def probabilities(logits: Tensor) -> Tensor:
        return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)

    return ((probabilities(first) - probabilities(second)) * (first - second)).sum(dim=1) / 2


def predicted(logits: Tensor) -> Tensor:
    """The label numbers [B] that logits [B, 1] or [B, K] choose."""
    return (logits.squeeze(1) > 0).long() if logits.shape[1] == 1 else logits.argmax(dim=1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch from sharing a single operation among threads.

    They wait for each other at every step of an RNN: for very long where other programs are busy.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Parallel:
    """Runs a model over batches on all cores.

    Args:
        model: takes tokens [B, T], lengths [B] and masks, gives logits [B, K].
        weights: by which the labels count in the loss, [K]; None: each the same.
        processes: those that share each batch.
        r_drop: the weight of the :func:`disagreement` of two passes in what is derived.
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
        self._weights = weights
        self._processes = processes
        self._r_drop = r_drop
        self._threads = torch.get_num_threads()
        self._pools: dict[int, ThreadPoolExecutor] = {}
        self._distributed = DistributedDataParallel(model) if processes.size > 1 else None

    def gradients(self, batch: Batch, masks: Sequence[Masks]) -> Totals:
        """Set every parameter's gradient to that of the batch's loss, a text.

        Weights of the labels are 1 on average over the data, so the loss of a batch is divided by
        its texts, not by its own weights: those would cancel out where it holds one label alone.

        ``masks`` are those of each pass over the batch; of two passes, what they disagree about is
        a part of what is derived, though not of the loss that is returned.
        """
        if self._distributed:
            return self._gradients_of_processes(self._distributed, batch, masks)
        whole = len(batch.labels)

        def part(rows: slice) -> tuple[Totals, tuple[Tensor, ...]]:
            loss, totals = self._forward(self._model, batch, masks, rows)
            gradients = torch.autograd.grad(loss / whole, self._parameters)
            return totals(), gradients

        sums = Totals()
        for number, (totals, gradients) in enumerate(self._map(part, batch, len(masks))):
            sums += totals
            for parameter, gradient in zip(self._parameters, gradients, strict=True):
                if number:
                    assert parameter.grad is not None
                    parameter.grad += gradient
                else:
                    parameter.grad = gradient
        return sums

    def _gradients_of_processes(
        self, model: DistributedDataParallel, batch: Batch, masks: Sequence[Masks]
    ) -> Totals:
        rank, size = self._processes.rank, self._processes.size
        texts = len(batch.labels)
        whole, sums = texts, Totals()
        model.zero_grad(set_to_none=True)
        # As many parts in every process, else some would wait for others for ever.
        cuts = cut(batch.lengths.tolist(), size, TOKENS_A_PART // len(masks))[rank::size]
        for number, rows in enumerate(cuts, start=1):
            empty = rows.start >= texts  # of few texts: one is run for nothing
            last = number == len(cuts)
            with nullcontext() if last else model.no_sync():
                loss, totals = self._forward(model, batch, masks, slice(1) if empty else rows)
                # DistributedDataParallel takes the mean over processes.
                (loss * (0.0 if empty else size / whole)).backward()  # type: ignore[no-untyped-call]
            if not empty:
                sums += totals()
        return Totals.of(self._processes.sum(*sums.values))

    def evaluate(self, batches: Iterable[Batch]) -> Totals:
        """Loss and accuracy, without dropout, of the batches of all processes."""
        sums = Totals()
        for batch in batches:

            def part(rows: slice, batch: Batch = batch) -> Totals:
                with torch.inference_mode():
                    return self._forward(self._model, batch, (), rows)[1]()

            for totals in self._map(part, batch):
                sums += totals
        return Totals.of(self._processes.sum(*sums.values))

    def _forward(
        self, model: nn.Module, batch: Batch, masks: Sequence[Masks], rows: slice
    ) -> tuple[Tensor, Callable[[], Totals]]:
        """What is to be derived, summed over some texts of a batch, and what they come to.

        That is asked for afterwards: reading a number waits until a GPU has done all before.
        """
        some = batch.rows(rows)
        cuts = [mask.rows(rows, some.tokens.shape[1]) for mask in masks]
        run = some.repeated(max(1, len(cuts)))
        logits = model(run.tokens, run.lengths, Masks.joined(cuts) if cuts else None)
        passes = logits.split(len(some.labels))
        weights = 1.0 if self._weights is None else self._weights[some.labels]
        losses = losses_of(logits, run.labels).view(len(passes), -1) * weights
        loss = losses.sum() / len(passes)
        derived = loss
        if len(passes) == 2:
            derived = loss + self._r_drop * (disagreement(*passes) * weights).sum()

        def totals() -> Totals:
            correct = int((predicted(passes[0]) == some.labels).sum())
            return Totals(loss.item(), self._weight_of(some), correct, len(some.labels))

        return derived, totals

    def _weight_of(self, batch: Batch) -> float:
        if self._weights is None:
            return float(len(batch.labels))
        return float(self._weights[batch.labels].sum())

    def _map(
        self, run: Callable[[slice], Result], batch: Batch, passes: int = 1
    ) -> Iterable[Result]:
        """What ``run`` gives for each part of a batch, in order; on a CPU, by several cores.

        It runs each text ``passes`` times at once.
        """
        texts, cores = len(batch.labels), 1
        if self._processes.device.type == "cpu":
            cores = max(1, min(self._threads, texts // TEXTS_A_CORE))
        parts = cut(batch.lengths.tolist(), cores, TOKENS_A_PART // passes)
        cuts = [rows for rows in parts if rows.start < texts]
        if self._processes.device.type != "cpu":
            return map(run, cuts)
        if cores not in self._pools:
            self._pools[cores] = ThreadPoolExecutor(
                cores, initializer=torch.set_num_threads, initargs=(1,)
            )
        return self._pools[cores].map(run, cuts)


def cut(lengths: Sequence[int], parts: int, most: int) -> list[slice]:
    """``parts`` parts of a batch, alike in work, or twice as many, and so on; some may be empty.

    Each holds texts that stand side by side: of a batch sorted by length, texts of like length, so
    that a part has less padding than the whole. There are more of them where one of several texts
    would have more than ``most`` tokens.
    """
    low, high = max(lengths), max(lengths) * (len(lengths) + STEP)
    number = -(-len(_packed(lengths, most, high)) // parts) * parts
    while low < high:  # the least work of the largest part
        limit = (low + high) // 2
        if len(_packed(lengths, most, limit)) <= number:
            high = limit
        else:
            low = limit + 1
    slices = _packed(lengths, most, low)
    empty = slice(len(lengths), len(lengths))
    return slices + [empty] * (-len(slices) % parts)


def _packed(lengths: Sequence[int], most: int, limit: int) -> list[slice]:
    """As few parts as can be; one of several texts has at most ``most`` tokens, ``limit`` work."""
    slices, start, longest = [], 0, 0
    for row, length in enumerate(lengths):
        texts, longest = row - start + 1, max(longest, length)
        if texts > 1 and (longest * (texts + STEP) > limit or longest * texts > most):
            slices.append(slice(start, row))
            start, longest = row, length
    slices.append(slice(start, len(lengths)))
    return slices
