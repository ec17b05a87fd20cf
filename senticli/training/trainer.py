"""The training loop. It knows batches and a model, and nothing of words or of the screen."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from senticli.config import TrainConfig
from senticli.errors import SenticliError
from senticli.training.batches import Batches


@dataclass(frozen=True)
class BatchResult:
    """Where training stands within an epoch, after a batch."""

    epoch: int
    batch: int  # 1 … batches
    batches: int
    loss: float  # mean over the epoch so far
    accuracy: float
    tokens_per_s: float


@dataclass(frozen=True)
class EpochResult:
    """What an epoch came to. ``lr`` is the rate of its last step, ``seconds`` its wall time."""

    epoch: int  # 1 …
    epochs: int
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float
    lr: float
    tokens_per_s: float  # real tokens trained on a second, padding and validation not counted
    seconds: float
    best: bool  # the lowest validation loss so far


def loss_of(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy of logits [B, 1] (two labels, binary) or [B, K] against labels [B].

    ``weights`` [K], one a label, make it a weighted mean.
    """
    if logits.shape[1] > 1:
        return F.cross_entropy(logits, labels, weights)
    truth = labels.to(logits.dtype)
    if weights is None:
        return F.binary_cross_entropy_with_logits(logits.squeeze(1), truth)
    of_each = weights[labels]
    losses = F.binary_cross_entropy_with_logits(logits.squeeze(1), truth, reduction="none")
    return (losses * of_each).sum() / of_each.sum()


def balanced_weights(labels: Tensor, count: int) -> Tensor:
    """Weights [count] by which each label that occurs counts the same, 1 on average."""
    occurring = torch.bincount(labels, minlength=count).clamp(min=1)
    return len(labels) / (count * occurring.float())


def predicted(logits: Tensor) -> Tensor:
    """The label numbers [B] that logits [B, 1] or [B, K] choose."""
    return (logits.squeeze(1) > 0).long() if logits.shape[1] == 1 else logits.argmax(dim=1)


def compute_dtype(precision: str) -> torch.dtype:
    """The dtype of the RNN's arithmetic: bfloat16 where the CPU multiplies it natively.

    Raises:
        SenticliError: bfloat16 was asked for and this CPU has no instructions for it.
    """
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch names no public ones
    native = any(getattr(torch.cpu, probe, bool)() for probe in probes)
    if precision == "bfloat16" and not native:
        raise SenticliError(
            "this CPU has no bfloat16 instructions (avx512_bf16 or AMX)",
            "senticli train --precision float32",
        )
    return torch.bfloat16 if native and precision != "float32" else torch.float32


class Trainer:
    """Trains a model; :meth:`fit` yields a result an epoch.

    The best epoch by validation loss is kept beside the model, so that the caller can stop at any
    moment, an interrupt included, and :meth:`restore_best`.

    Args:
        model: takes tokens [B, T] and lengths [B], gives logits [B, K].
        config: how to train.
        rates: the learning rate of parameters by name, as a share of the others'.
        weights: by which the labels count in the loss; see :func:`loss_of`.
        on_batch: told after every batch.
    """

    def __init__(
        self,
        model: nn.Module,
        config: TrainConfig,
        *,
        rates: Mapping[str, float] | None = None,
        weights: Tensor | None = None,
        on_batch: Callable[[BatchResult], None] | None = None,
    ) -> None:
        self.model = model
        self.config = config
        self._rates = rates or {}
        self._weights = weights
        self.best: EpochResult | None = None
        self._best_state: dict[str, Tensor] = {}
        self._on_batch = on_batch

    def fit(self, train: Batches, valid: Batches) -> Iterator[EpochResult]:
        """Train until the last epoch, or until the validation loss has stopped falling.

        Raises:
            SenticliError: the loss is no longer a number.
        """
        config = self.config
        optimizer = _optimizer(self.model, config, self._rates)
        schedule = _schedule(optimizer, config, steps=len(train) * config.epochs)
        for epoch in range(1, config.epochs + 1):
            started = time.perf_counter()
            loss, accuracy, lr, seconds = self._train_epoch(epoch, train, optimizer, schedule)
            valid_loss, valid_accuracy = self.evaluate(valid)
            if valid_loss != valid_loss:
                raise self._not_a_number(f"after epoch {epoch}, on validation")
            result = EpochResult(
                epoch=epoch,
                epochs=config.epochs,
                train_loss=loss,
                train_accuracy=accuracy,
                valid_loss=valid_loss,
                valid_accuracy=valid_accuracy,
                lr=lr,
                tokens_per_s=train.tokens / seconds,
                seconds=time.perf_counter() - started,
                best=self.best is None or valid_loss < self.best.valid_loss,
            )
            if result.best:
                self._best_state = {
                    name: weight.clone() for name, weight in self.model.state_dict().items()
                }
                self.best = result
            yield result
            assert self.best is not None
            if config.patience and epoch - self.best.epoch >= config.patience:
                return

    def restore_best(self) -> EpochResult:
        """Give the model the weights of its best epoch, and return that epoch's result."""
        if self.best is None:
            raise SenticliError("no epoch was finished, so there is no model", "train for longer")
        self.model.load_state_dict(self._best_state)
        return self.best

    def evaluate(self, batches: Batches) -> tuple[float, float]:
        """Mean loss and accuracy of the model as it stands, dropout off."""
        loss = correct = seen = 0.0
        self.model.eval()
        with torch.inference_mode():
            for batch in batches:
                logits = self.model(batch.tokens, batch.lengths)
                loss += loss_of(logits, batch.labels, self._weights).item() * len(batch.labels)
                correct += int((predicted(logits) == batch.labels).sum())
                seen += len(batch.labels)
        return loss / seen, correct / seen

    def _train_epoch(
        self,
        epoch: int,
        batches: Batches,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
    ) -> tuple[float, float, float, float]:
        """One pass over the batches: mean loss, accuracy, the last step's rate, seconds."""
        lr = 0.0
        total = correct = seen = tokens = 0.0
        self.model.train()
        started = time.perf_counter()
        for number, batch in enumerate(batches, start=1):
            logits = self.model(batch.tokens, batch.lengths)
            loss = loss_of(logits, batch.labels, self._weights)
            value = loss.item()
            if value != value:
                raise self._not_a_number(f"in epoch {epoch}, batch {number}")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if self.config.clip:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
            optimizer.step()
            lr = float(schedule.get_last_lr()[0])
            schedule.step()
            total += value * len(batch.labels)
            correct += int((predicted(logits) == batch.labels).sum())
            seen += len(batch.labels)
            tokens += int(batch.lengths.sum())
            if self._on_batch:
                rate = tokens / (time.perf_counter() - started)
                self._on_batch(
                    BatchResult(epoch, number, len(batches), total / seen, correct / seen, rate)
                )
        return total / seen, correct / seen, lr, time.perf_counter() - started

    def _not_a_number(self, where: str) -> SenticliError:
        return SenticliError(
            f"the loss became NaN {where}",
            f"lower --lr (now {self.config.lr:g}), or set --clip 1 --precision float32",
        )


def _optimizer(
    model: nn.Module, config: TrainConfig, rates: Mapping[str, float]
) -> torch.optim.Optimizer:
    groups = [
        {
            "params": [weight for name, weight in model.named_parameters() if name not in rates],
            "lr": config.lr,
        }
    ]
    for name, share in rates.items():
        groups.append({"params": [model.get_parameter(name)], "lr": config.lr * share})
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, weight_decay=config.decay, fused=True)


def _schedule(
    optimizer: torch.optim.Optimizer, config: TrainConfig, *, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """The learning rate over all steps: constant, one cycle (Smith 2018), or a cosine to zero."""
    schedules = torch.optim.lr_scheduler
    if config.schedule == "onecycle":
        peaks = [group["lr"] for group in optimizer.param_groups]
        return schedules.OneCycleLR(optimizer, peaks, total_steps=steps + 1)
    if config.schedule == "cosine":
        return schedules.CosineAnnealingLR(optimizer, steps)
    return schedules.ConstantLR(optimizer, factor=1.0)
