"""The training loop, on a problem it can learn in a moment."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from senticli.config import ModelConfig, TrainConfig
from senticli.errors import SenticliError
from senticli.training.batches import Batches
from senticli.training.model import BiRNN
from senticli.training.trainer import (
    BatchResult,
    Trainer,
    balanced_weights,
    compute_dtype,
    loss_of,
    predicted,
)

CONFIG = TrainConfig(epochs=4, lr=0.02, batch_size=16, precision="float32")


def data(seed: int, labels: int = 2) -> Batches:
    """Texts whose label is told by one of their words."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, labels, size=160)
    texts = []
    for label in truth:
        text = generator.integers(10, 30, size=generator.integers(3, 12), dtype=np.int32)
        text[generator.integers(len(text))] = 2 + label
        texts.append(text)
    return Batches(
        texts, truth.tolist(), batch_size=16, pad_index=1, generator=np.random.default_rng(seed)
    )


def model(outputs: int = 1) -> BiRNN:
    torch.manual_seed(0)
    return BiRNN(ModelConfig(hidden=8, embedding_dim=8), 30, outputs, 1)


@pytest.mark.parametrize(("labels", "outputs"), [(2, 1), (3, 3)])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_it_learns(labels: int, outputs: int, optimizer: str) -> None:
    config = replace(CONFIG, epochs=12, optimizer=optimizer, patience=0)  # type: ignore[arg-type]
    trainer = Trainer(model(outputs), config)
    results = list(trainer.fit(data(1, labels), data(2, labels)))
    assert [result.epoch for result in results] == list(range(1, 13))
    assert results[-1].train_loss < results[0].train_loss
    assert trainer.restore_best().valid_accuracy > 0.9


def test_the_best_epoch_is_kept() -> None:
    trainer = Trainer(model(), replace(CONFIG, lr=0.3, schedule="constant", patience=0, epochs=6))
    valid = data(2)
    results = list(trainer.fit(data(1), valid))
    lowest = min(results, key=lambda result: result.valid_loss)
    best = trainer.restore_best()
    assert best == lowest
    assert best.best
    assert trainer.evaluate(valid) == pytest.approx((best.valid_loss, best.valid_accuracy))


def test_it_stops_early() -> None:
    config = replace(CONFIG, epochs=50, patience=2, lr=0.3, schedule="constant")
    trainer = Trainer(model(), config)
    results = list(trainer.fit(data(1), data(2)))
    assert trainer.best is not None
    assert len(results) == trainer.best.epoch + 2 < 50


def test_the_same_seed_gives_the_same_weights() -> None:
    def weights() -> torch.Tensor:
        trainer = Trainer(model(), replace(CONFIG, epochs=2))
        list(trainer.fit(data(1), data(2)))
        return trainer.model.output.weight  # type: ignore[union-attr,return-value]

    assert torch.equal(weights(), weights())


def test_a_nan_loss_stops_with_advice() -> None:
    broken = model()
    broken.output.bias.data.fill_(float("nan"))
    with pytest.raises(SenticliError, match="NaN in epoch 1, batch 1") as caught:
        list(Trainer(broken, CONFIG).fit(data(1), data(2)))
    assert "--lr" in caught.value.hint


def test_progress_is_told_after_every_batch() -> None:
    seen: list[BatchResult] = []
    trainer = Trainer(model(), replace(CONFIG, epochs=1), on_batch=seen.append)
    (result,) = trainer.fit(data(1), data(2))
    assert [each.batch for each in seen] == list(range(1, 11))
    assert seen[-1].batches == 10
    assert seen[-1].loss == pytest.approx(result.train_loss)


@pytest.mark.parametrize("schedule", ["onecycle", "cosine", "constant"])
def test_learning_rate_schedules(schedule: str) -> None:
    config = replace(CONFIG, schedule=schedule, epochs=3, patience=0)  # type: ignore[arg-type]
    rates = [result.lr for result in Trainer(model(), config).fit(data(1), data(2))]
    if schedule == "constant":
        assert rates == [0.02] * 3
    else:
        assert rates[-1] < 0.001


def test_an_interrupt_leaves_the_best_epoch() -> None:
    def interrupt(result: BatchResult) -> None:
        if (result.epoch, result.batch) == (3, 5):
            raise KeyboardInterrupt

    trainer = Trainer(model(), CONFIG, on_batch=interrupt)
    results = []
    with pytest.raises(KeyboardInterrupt):
        results += trainer.fit(data(1), data(2))
    assert trainer.restore_best().epoch in (1, 2)


def test_nothing_trained_is_an_error() -> None:
    with pytest.raises(SenticliError, match="no epoch"):
        Trainer(model(), CONFIG).restore_best()


def test_loss_and_prediction_of_one_and_of_many_logits() -> None:
    assert loss_of(torch.tensor([[0.0]]), torch.tensor([1])).item() == pytest.approx(np.log(2))
    assert loss_of(torch.zeros(1, 4), torch.tensor([2])).item() == pytest.approx(np.log(4))
    assert predicted(torch.tensor([[-1.0], [1.0]])).tolist() == [0, 1]
    assert predicted(torch.tensor([[0.0, 3.0, 1.0]])).tolist() == [1]


def test_bfloat16_needs_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert compute_dtype("auto") == torch.float32
    with pytest.raises(SenticliError) as caught:
        compute_dtype("bfloat16")
    assert "--precision float32" in caught.value.hint
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert compute_dtype("auto") == torch.bfloat16
    assert compute_dtype("float32") == torch.float32


@pytest.mark.parametrize("outputs", [1, 2])
def test_balanced_weights_let_each_label_count_the_same(outputs: int) -> None:
    labels = torch.tensor([0] * 9 + [1])
    weights = balanced_weights(labels, 2)
    assert weights.tolist() == pytest.approx([10 / 18, 5.0])
    logits = torch.randn(10, outputs, generator=torch.Generator().manual_seed(0))
    first, second = (loss_of(logits[labels == label], labels[labels == label]) for label in (0, 1))
    assert loss_of(logits, labels, weights).item() == pytest.approx((first + second).item() / 2)


def test_a_label_that_does_not_occur_has_a_weight() -> None:
    assert balanced_weights(torch.tensor([0, 0, 2, 2]), 3).isfinite().all()
