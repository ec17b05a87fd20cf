"""The training loop, on a problem it can learn in a moment."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from senticli.config import ModelConfig, TrainConfig
from senticli.errors import SenticliError
from senticli.training.batches import Batches
from senticli.training.events import BatchResult, EpochResult
from senticli.training.network.birnn import BiRNN
from senticli.training.network.dropout import draw_masks
from senticli.training.parallel import symmetric_kl
from senticli.training.trainer import Trainer, balanced_weights

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
    return Batches(texts, truth.tolist(), batch_size=16, pad_index=1, seed=seed)


def model(outputs: int = 1) -> BiRNN:
    torch.manual_seed(0)
    return BiRNN(ModelConfig(hidden=8, embedding_dim=8), 30, outputs, 1)


@pytest.mark.parametrize(("labels", "outputs"), [(2, 1), (3, 3)])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_it_learns(labels: int, outputs: int, optimizer: str) -> None:
    config = replace(CONFIG, epochs=12, optimizer=optimizer, patience=0)  # type: ignore[arg-type]
    trainer = Trainer(model(outputs), config, data(1, labels), [data(2, labels)])
    results = list(trainer.fit())
    assert [result.epoch for result in results] == list(range(1, 13))
    assert results[-1].train_loss < results[0].train_loss
    assert trainer.restore_best().valid_accuracy > 0.9


def test_the_best_epoch_is_kept() -> None:
    config = replace(CONFIG, lr=0.3, schedule="constant", patience=0, epochs=6)
    trainer = Trainer(model(), config, data(1), [data(2)])
    results = list(trainer.fit())
    lowest = min(results, key=lambda result: result.valid_loss)
    best = trainer.restore_best()
    assert best == lowest
    assert best.best
    (now,) = trainer.evaluate()
    assert (now.mean_loss, now.accuracy) == pytest.approx((best.valid_loss, best.valid_accuracy))


def test_the_mean_of_the_last_weights_is_kept() -> None:
    def kept(averaging: float) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the weights of the output that are kept, and those after each step."""
        config = replace(CONFIG, averaging=averaging, epochs=1)
        network, steps = model(), list[torch.Tensor]()
        trainer = Trainer(
            network,
            config,
            data(1),
            [data(2)],
            on_batch=lambda _: steps.append(network.output.weight.detach().clone()),
        )
        list(trainer.fit())
        trainer.restore_best()
        return network.output.weight, steps

    last, steps = kept(0)
    assert torch.equal(last, steps[-1])
    mean = steps[0]
    for number, weights in enumerate(steps[1:], start=2):
        mean = mean + (1 - (1 - 1 / number) ** 2) * (weights - mean)
    assert torch.allclose(kept(0.5)[0], mean, atol=1e-6)
    assert not torch.allclose(mean, last, atol=1e-3)


def test_it_stops_early() -> None:
    config = replace(CONFIG, epochs=50, patience=2, lr=0.3, schedule="constant")
    trainer = Trainer(model(), config, data(1), [data(2)])
    results = list(trainer.fit())
    assert trainer.best is not None
    assert len(results) == trainer.best.epoch + 2 < 50


def test_the_same_seed_gives_the_same_weights() -> None:
    def weights() -> torch.Tensor:
        trainer = Trainer(model(), replace(CONFIG, epochs=2), data(1), [data(2)])
        list(trainer.fit())
        return trainer.model.output.weight

    assert torch.equal(weights(), weights())


def test_r_drop_makes_two_passes_agree() -> None:
    """With much dropout, what two passes say lies the closer together, the more it weighs."""

    def apart(r_drop: float) -> float:
        config = replace(CONFIG, r_drop=r_drop, epochs=12, patience=0, schedule="onecycle")
        trainer = Trainer(model(), config, data(1), [data(2)])
        (*_, last) = trainer.fit()
        assert last.train_accuracy > 0.8
        batch = next(data(3).epoch())
        random = np.random.default_rng(0)
        passes = [
            trainer.model(
                batch.token_ids,
                batch.lengths,
                draw_masks(trainer.model.config, random, *batch.token_ids.shape),
            )
            for _ in range(2)
        ]
        return symmetric_kl(*passes).mean().item()

    assert apart(3.0) < 0.5 * apart(0.0)


def test_a_nan_loss_stops_with_advice() -> None:
    broken = model()
    broken.output.bias.data.fill_(float("nan"))
    with pytest.raises(SenticliError, match="NaN in epoch 1, batch 1") as caught:
        list(Trainer(broken, CONFIG, data(1), [data(2)]).fit())
    assert "`lr`" in caught.value.hint


def test_progress_is_reported_after_every_batch() -> None:
    seen: list[BatchResult] = []
    trainer = Trainer(model(), replace(CONFIG, epochs=1), data(1), [data(2)], on_batch=seen.append)
    (result,) = trainer.fit()
    assert [each.batch for each in seen] == list(range(1, 11))
    assert seen[-1].batches == 10
    assert seen[-1].loss == pytest.approx(result.train_loss)
    assert np.mean([each.batch_loss for each in seen]) == pytest.approx(result.train_loss)


@pytest.mark.parametrize("schedule", ["onecycle", "cosine", "constant"])
def test_learning_rate_schedules(schedule: str) -> None:
    config = replace(CONFIG, schedule=schedule, epochs=3, patience=0)  # type: ignore[arg-type]
    rates = [result.lr for result in Trainer(model(), config, data(1), [data(2)]).fit()]
    if schedule == "constant":
        assert rates == [0.02] * 3
    else:
        assert rates[-1] < 0.001


def test_it_stops_after_the_batch() -> None:
    seen: list[BatchResult] = []

    def stopping() -> bool:
        return (seen[-1].epoch, seen[-1].batch) == (3, 5)

    trainer = Trainer(model(), CONFIG, data(1), [data(2)], stopping=stopping, on_batch=seen.append)
    with pytest.raises(KeyboardInterrupt):
        list(trainer.fit())
    assert trainer.restore_best().epoch in (1, 2)


@pytest.mark.parametrize("schedule", ["onecycle", "cosine", "constant"])
@pytest.mark.parametrize("batch", [1, 5, 10])
def test_resumed_training_equals_an_uninterrupted_one(schedule: str, batch: int) -> None:
    config = replace(CONFIG, schedule=schedule, optimizer="adam")  # type: ignore[arg-type]

    def trainer(**options: Any) -> Trainer:
        return Trainer(model(), config, data(1), [data(2)], rates={"output.bias": 0.5}, **options)

    whole = trainer()
    list(whole.fit())
    seen: list[BatchResult] = []
    stopped = trainer(
        stopping=lambda: (seen[-1].epoch, seen[-1].batch) == (2, batch), on_batch=seen.append
    )
    with pytest.raises(KeyboardInterrupt):
        list(stopped.fit())
    tensors, facts = stopped.state()
    going_on = trainer()
    going_on.load_state(
        {name: tensor.clone() for name, tensor in tensors.items()}, json.loads(json.dumps(facts))
    )
    assert [result.epoch for result in going_on.fit()] == [2, 3, 4]
    state, expected = going_on.model.state_dict(), whole.model.state_dict()
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    for mine, theirs in zip(going_on.history, whole.history, strict=True):
        assert replace(mine, tokens_per_s=0, seconds=0) == replace(
            theirs, tokens_per_s=0, seconds=0
        )
    assert going_on.restore_best().epoch == whole.restore_best().epoch


def test_nothing_trained_is_an_error() -> None:
    with pytest.raises(SenticliError, match="no epoch"):
        Trainer(model(), CONFIG, data(1), [data(2)]).restore_best()


def test_balanced_weights_let_each_label_count_the_same() -> None:
    weights = balanced_weights(torch.tensor([0] * 9 + [1]), 2)
    assert weights.tolist() == pytest.approx([10 / 18, 5.0])


def test_a_label_that_does_not_occur_has_a_weight() -> None:
    assert balanced_weights(torch.tensor([0, 0, 2, 2]), 3).isfinite().all()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "not enough memory"),
    ],
)
def test_a_lack_of_memory_keeps_the_best_epoch(
    error: RuntimeError, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(model(), CONFIG, data(1), [data(2)])
    epochs = trainer.fit()
    next(epochs)
    monkeypatch.setattr(trainer._optimizer, "step", raises(error))
    with pytest.raises(SenticliError, match=message) as caught:
        next(epochs)
    assert "`batch_size`" in caught.value.hint
    assert trainer.restore_best().epoch == 1


def raises(error: Exception) -> Any:
    def step(*_: object) -> None:
        raise error

    return step


def test_other_errors_of_torch_are_bugs(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(model(), CONFIG, data(1), [data(2)])
    monkeypatch.setattr(trainer._optimizer, "step", raises(RuntimeError("shapes")))
    with pytest.raises(RuntimeError, match="shapes"):
        next(trainer.fit())


def test_each_source_of_validation_has_its_own_result() -> None:
    config = replace(CONFIG, epochs=1)
    sources = [data(2), data(3)]
    (result,) = Trainer(model(), config, data(1), sources).fit()
    alone = [next(Trainer(model(), config, data(1), [one]).fit()) for one in sources]
    found = [(one.loss, one.accuracy) for one in result.valid_sources]
    assert found == [(one.valid_loss, one.valid_accuracy) for one in alone]
    assert [one.valid_sources for one in alone] == [(), ()]
    assert "valid_sources" not in alone[0].fields


def test_validation_is_the_mean_over_sources_by_their_shares() -> None:
    config = replace(CONFIG, epochs=1)
    (result,) = Trainer(model(), config, data(1), [data(2), data(3)], shares=[0.9, 0.1]).fit()
    first, second = result.valid_sources
    assert result.valid_loss == pytest.approx(0.9 * first.loss + 0.1 * second.loss)
    assert result.valid_accuracy == pytest.approx(0.9 * first.accuracy + 0.1 * second.accuracy)


def test_results_of_sources_survive_json() -> None:
    (result,) = Trainer(model(), replace(CONFIG, epochs=1), data(1), [data(2), data(3)]).fit()
    assert EpochResult.of(json.loads(json.dumps(result.fields))) == result
