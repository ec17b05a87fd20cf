"""The training loop. It knows batches and a model, not texts."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from senticli.config import TrainConfig
from senticli.errors import SenticliError
from senticli.training.batches import Batch, Batches, prefetched
from senticli.training.events import BatchResult, Diverged, EpochResult, SourceResult, Stopped
from senticli.training.network.birnn import BiRNN
from senticli.training.network.dropout import Masks, draw_masks
from senticli.training.parallel import Parallel, Totals, one_thread
from senticli.training.processes import ALONE, GONE, WHICH, Processes, is_lost_connection

CPU = torch.device("cpu")


@dataclass
class _Running:
    """The results of the current epoch so far."""

    batches: int = 0
    tokens: int = 0  # real ones
    seconds: float = 0.0
    lr: float = 0.0  # of the last step
    totals: Totals = field(default_factory=Totals)


def balanced_weights(labels: Tensor, count: int) -> Tensor:
    """Return weights [count] by which each label that occurs counts the same, 1 on average."""
    occurring = torch.bincount(labels, minlength=count).clamp(min=1)
    return len(labels) / (count * occurring.float())


class Trainer:
    """Trains a model; :meth:`fit` yields a result an epoch.

    What is validated and kept is the running mean of the weights, while training proceeds from the
    last ones. The best epoch by validation loss is kept beside the model, so that the caller can
    stop at any moment, an interrupt included, and :meth:`restore_best`.

    Args:
        model: takes token_ids [B, T], lengths [B] and masks, gives logits [B, K].
        config: how to train.
        train: the batches.
        valid: those of each source of validation, by which the best epoch is chosen.
        shares: of these sources in the validation loss; None: by their texts.
        rates: the learning rate of parameters by name, as a share of the others'.
        weights: by which the labels count in the loss, [K].
        processes: those that train together.
        device: that of this process.
        stopping: asked after every batch; true ends the training with :class:`Stopped`.
        on_batch: called after every batch.
    """

    def __init__(
        self,
        model: BiRNN,
        config: TrainConfig,
        train: Batches,
        valid: Sequence[Batches],
        *,
        shares: Sequence[float] | None = None,
        rates: Mapping[str, float] | None = None,
        weights: Tensor | None = None,
        processes: Processes = ALONE,
        device: torch.device = CPU,
        stopping: Callable[[], bool] = lambda: False,
        on_batch: Callable[[BatchResult], object] | None = None,
    ) -> None:
        self.model = model.to(device)
        self.config = config
        self._train = train
        self._valid = valid
        self._shares = [one.n_texts for one in valid] if shares is None else shares
        self._processes = processes
        self._device = device
        self._parallel = Parallel(
            model,
            None if weights is None else weights.to(device),
            processes,
            config.r_drop,
        )
        self._optimizer = _optimizer(model, config, rates or {})
        self._epochs = config.epochs_for(train.n_texts)
        self._schedule = _schedule(self._optimizer, config, steps=len(train) * self._epochs)
        self._averaged = _averaged(model, config.averaging)
        self._stopping = stopping
        self._on_batch = on_batch
        self.history: list[EpochResult] = []
        self._best_state: dict[str, Tensor] = {}
        self._running = _Running()

    @property
    def best(self) -> EpochResult | None:
        """The epoch with the lowest validation loss so far."""
        return next((result for result in reversed(self.history) if result.best), None)

    @property
    def done(self) -> bool:
        """True if the last epoch is over, or the validation loss has stopped falling."""
        patience, best = self.config.patience, self.best
        stalled = best is not None and patience and len(self.history) - best.epoch >= patience
        return bool(stalled) or len(self.history) >= self._epochs

    def fit(self) -> Iterator[EpochResult]:
        """Train until :attr:`done`, from wherever it stands.

        Raises:
            SenticliError: the loss is no longer a number, memory is full, or another process is
                gone.
            Stopped: it was to stop; what it has come to can be kept by :meth:`state`.
        """
        with one_thread():
            while not self.done:
                with self._translated_errors():
                    self._train_epoch()
                    result = self._finish_epoch()
                yield result

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return where the training stands: tensors, and what is plain enough for JSON.

        There is no state of random numbers: those of a batch follow from the seed, the epoch and
        the number of the batch.
        """
        optimizer = self._optimizer.state_dict()
        mean = self._averaged.state_dict() if self._averaged else {}
        tensors = {
            **{f"model.{name}": weight for name, weight in self.model.state_dict().items()},
            **{f"mean.{name}": value for name, value in mean.items()},
            **{f"best.{name}": weight for name, weight in self._best_state.items()},
            **{
                f"optimizer.{number}.{name}": value
                for number, values in optimizer["state"].items()
                for name, value in values.items()
            },
        }
        facts = {
            "history": [result.fields for result in self.history],
            "running": {**asdict(self._running), "totals": self._running.totals.values},
            "groups": optimizer["param_groups"],
            "schedule": self._schedule.state_dict(),
        }
        return tensors, facts

    def load_state(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Continue from a :meth:`state`, also one that has been through JSON.

        Raises:
            KeyError, TypeError, ValueError, RuntimeError: it is none, or that of another training.
        """
        names = ("model", "mean", "best", "optimizer")
        parts: dict[str, dict[str, Tensor]] = {name: {} for name in names}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = tensor
        self.model.load_state_dict(parts["model"])
        if self._averaged:
            self._averaged.load_state_dict(parts["mean"])
        self._best_state = parts["best"]
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimizer"].items():
            number, _, rest = name.partition(".")
            state.setdefault(int(number), {})[rest] = tensor
        groups = [{**group, "betas": tuple(group["betas"])} for group in facts["groups"]]
        self._optimizer.load_state_dict({"state": state, "param_groups": groups})
        self._schedule.load_state_dict(facts["schedule"])
        self.history = [EpochResult.of(result) for result in facts["history"]]
        running = facts["running"]
        self._running = _Running(**{**running, "totals": Totals.of(running["totals"])})

    def restore_best(self) -> EpochResult:
        """Give the model the weights of its best epoch, and return that epoch's result."""
        if self.best is None:
            raise SenticliError("no epoch was finished, so there is no model", "train for longer")
        for network in (self.model, self._kept):
            network.load_state_dict(self._best_state)
        return self.best

    def evaluate(self) -> list[Totals]:
        """Return loss and accuracy on each source of validation, by the weights as they stand."""
        shares = (self._processes.share_of(source.epoch()) for source in self._valid)
        return [
            self._parallel.evaluate(
                prefetched(batch.to(self._device) for batch in mine), self._kept
            )
            for mine in shares
        ]

    @property
    def _kept(self) -> nn.Module:
        """The model with the weights that are validated and kept."""
        return self._averaged.module if self._averaged else self.model

    def _batches(self, epoch: int, start: int) -> Iterator[tuple[Batch, list[Masks], int]]:
        """Yield batches with the masks of each pass and their number of tokens, on the device."""
        device, passes = self._device, 2 if self.config.r_drop else 1
        for number, batch in enumerate(self._train.epoch(epoch, start=start), start=start):
            random = np.random.default_rng((self.config.seed, epoch, number))
            masks = [
                draw_masks(self.model.config, random, *batch.token_ids.shape).to(device)
                for _ in range(passes)
            ]
            yield batch.to(device), masks, int(batch.lengths.sum())

    def _train_epoch(self) -> None:
        """Train for the rest of the current epoch."""
        epoch, running = len(self.history) + 1, self._running
        clip, parameters = self.config.clip, list(self.model.parameters())
        started = time.perf_counter() - running.seconds
        for batch, masks, tokens in prefetched(self._batches(epoch, running.batches)):
            totals = self._parallel.gradients(batch, masks)
            if totals.loss != totals.loss:
                raise self._not_a_number(f"in epoch {epoch}, batch {running.batches + 1}")
            if clip:
                # Of the gradient a unit of weight: else clipping would take from a batch with a
                # rare label, the more the smaller batches are, what its weight has given.
                nn.utils.clip_grad_norm_(parameters, clip * totals.weight / totals.texts)
            self._optimizer.step()
            if self._averaged:
                self._averaged.update_parameters(self.model)
            running.lr = float(self._schedule.get_last_lr()[0])
            self._schedule.step()
            running.totals += totals
            running.tokens += tokens
            running.batches += 1
            running.seconds = time.perf_counter() - started
            if self._on_batch:
                self._on_batch(
                    BatchResult(
                        epoch=epoch,
                        epochs=self._epochs,
                        batch=running.batches,
                        batches=len(self._train),
                        loss=running.totals.mean_loss,
                        accuracy=running.totals.accuracy,
                        batch_loss=totals.mean_loss,
                        tokens_per_s=running.tokens / running.seconds,
                    )
                )
            if self._processes.any(self._stopping()):
                raise Stopped

    def _finish_epoch(self) -> EpochResult:
        """Validate, and keep the weights if they are the best."""
        epoch, running = len(self.history) + 1, self._running
        started = time.perf_counter()
        valid_loss, valid_accuracy, sources = self._validate()
        if valid_loss != valid_loss:
            raise self._not_a_number(f"after epoch {epoch}, on validation")
        result = EpochResult(
            epoch=epoch,
            epochs=self._epochs,
            train_loss=running.totals.mean_loss,
            train_accuracy=running.totals.accuracy,
            valid_loss=valid_loss,
            valid_accuracy=valid_accuracy,
            lr=running.lr,
            tokens_per_s=running.tokens / running.seconds,
            seconds=running.seconds + time.perf_counter() - started,
            best=self.best is None or valid_loss < self.best.valid_loss,
            valid_sources=sources if len(sources) > 1 else (),
        )
        if result.best:
            self._best_state = {
                name: weight.clone() for name, weight in self._kept.state_dict().items()
            }
        self.history.append(result)
        self._running = _Running()
        return result

    def _validate(self) -> tuple[float, float, tuple[SourceResult, ...]]:
        """Return loss and accuracy on validation, the means over its sources, and those of each."""
        valid = self.evaluate()
        weights = [share / one.texts for share, one in zip(self._shares, valid, strict=True)]

        def total(values: Iterable[float]) -> float:
            return sum(weight * value for weight, value in zip(weights, values, strict=True))

        sources = (
            SourceResult(source.name, one.texts, one.mean_loss, one.accuracy)
            for source, one in zip(self._valid, valid, strict=True)
        )
        return (
            total(one.loss for one in valid) / total(one.weight for one in valid),
            total(one.correct for one in valid) / total(one.texts for one in valid),
            tuple(sources),
        )

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Turn the errors of torch that are not bugs into ours."""
        try:
            yield
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                raise SenticliError(
                    "there is not enough memory", "lower `batch_size`, `max_length` or `hidden`"
                ) from error
            if is_lost_connection(error):
                hint = f"{WHICH}; then start them all again, with `resume=True`"
                raise SenticliError(GONE, hint) from error
            raise

    def _not_a_number(self, where: str) -> Diverged:
        return Diverged(
            f"the loss became NaN {where}",
            f"lower `lr` (now {self.config.lr:g}), or set `clip=1` `precision=float32`",
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


def _averaged(model: nn.Module, share: float) -> AveragedModel | None:
    """Return what keeps the running mean of the weights; None where the last ones are wanted.

    The mean reaches back a share of the steps so far, so that it forgets how training began.
    Source: Karras et al. (2024), Analyzing and Improving the Training Dynamics of Diffusion Models,
    where it is called the power function average.
    """
    if not share:
        return None

    @torch.no_grad()
    def update(means: list[Tensor], weights: list[Tensor], steps: Tensor) -> None:
        torch._foreach_lerp_(means, weights, 1 - (1 - 1 / (int(steps) + 1)) ** (1 / share))

    return AveragedModel(model, multi_avg_fn=update)  # type: ignore[arg-type]


def _schedule(
    optimizer: torch.optim.Optimizer, config: TrainConfig, *, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Return the schedule over all steps: constant, one cycle (Smith 2018), or a cosine to zero."""
    schedules = torch.optim.lr_scheduler
    if config.schedule == "onecycle":
        peaks = [group["lr"] for group in optimizer.param_groups]
        return schedules.OneCycleLR(optimizer, peaks, total_steps=steps + 1)
    if config.schedule == "cosine":
        return schedules.CosineAnnealingLR(optimizer, steps)
    return schedules.ConstantLR(optimizer, factor=1.0)
