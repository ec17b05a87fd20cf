"""A batch that is shared among cores gives the same result as in one piece."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from senticli.config import ModelConfig
from senticli.training import parallel
from senticli.training.batches import Batch
from senticli.training.network.birnn import BiRNN
from senticli.training.network.dropout import draw_masks
from senticli.training.parallel import (
    Parallel,
    Totals,
    balance_by_length,
    cross_entropy,
    predicted_labels,
    symmetric_kl,
)
from senticli.training.processes import ALONE

TEXTS, STEPS = 37, 12


def batch() -> Batch:
    generator = torch.Generator().manual_seed(3)
    lengths = torch.randint(1, STEPS + 1, (TEXTS,), generator=generator)
    lengths[5] = STEPS
    token_ids = torch.randint(2, 50, (TEXTS, STEPS), generator=generator)
    token_ids[torch.arange(STEPS) >= lengths.unsqueeze(1)] = 1
    return Batch(token_ids, lengths, torch.randint(0, 2, (TEXTS,), generator=generator))


def model(outputs: int = 1, dropout: float | None = None) -> BiRNN:
    torch.manual_seed(0)
    names = ("word", "embedding", "layer", "output")
    rates: dict[str, Any] = {}
    if dropout is not None:
        rates = {f"{name}_dropout": dropout for name in names}
    return BiRNN(ModelConfig(hidden=8, embedding_dim=8, layers=2, **rates), 50, outputs, 1)


@pytest.mark.parametrize("threads", [1, 2, 4, 64])
@pytest.mark.parametrize("max_tokens", [32_768, 50])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 2.0])])
def test_gradients_do_not_depend_on_the_parts(
    threads: int, max_tokens: int, weights: torch.Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(parallel, "MAX_PART_TOKENS", max_tokens)
    network, whole = model(), batch()
    masks = draw_masks(network.config, np.random.default_rng(1), TEXTS, STEPS)
    totals = Parallel(network, weights, ALONE).gradients(whole, [masks])
    gradients = [parameter.grad for parameter in network.parameters()]

    logits = network(whole.token_ids, whole.lengths, masks).squeeze(1)
    text_weights = None if weights is None else weights[whole.labels]
    loss = F.binary_cross_entropy_with_logits(logits, whole.labels.float(), text_weights)
    expected = torch.autograd.grad(loss, list(network.parameters()))
    weight = TEXTS if text_weights is None else text_weights.sum().item()
    assert totals.mean_loss == pytest.approx(loss.item() * TEXTS / weight, rel=1e-5)
    assert totals.texts == TEXTS
    assert totals.correct == int(((logits > 0) == whole.labels.bool()).sum())
    torch.testing.assert_close(gradients, list(expected), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 2.0, 1.0])])
def test_r_drop_adds_the_divergence_of_two_passes_to_the_gradient(
    outputs: int, weights: torch.Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    network, whole = model(outputs), batch()
    random = np.random.default_rng(1)
    masks = [draw_masks(network.config, random, TEXTS, STEPS) for _ in range(2)]
    totals = Parallel(network, weights, ALONE, r_drop=0.7).gradients(whole, masks)
    gradients = [parameter.grad for parameter in network.parameters()]

    text_weights = torch.ones(TEXTS) if weights is None else weights[whole.labels]
    passes = [network(whole.token_ids, whole.lengths, of_pass) for of_pass in masks]
    losses = [(cross_entropy(logits, whole.labels) * text_weights).sum() for logits in passes]
    loss = torch.stack(losses).sum() / 2 / TEXTS
    divergence = (symmetric_kl(*passes) * text_weights).sum() / TEXTS
    expected = torch.autograd.grad(loss + 0.7 * divergence, list(network.parameters()))
    assert divergence > 0
    weight = text_weights.sum().item()
    assert totals.mean_loss == pytest.approx(loss.item() * TEXTS / weight, rel=1e-5)
    assert totals.texts == TEXTS
    torch.testing.assert_close(gradients, list(expected), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("size", [1, 5, TEXTS])
def test_weighted_gradients_do_not_depend_on_the_batch_size(size: int) -> None:
    network, whole, weights = model(dropout=0.0), batch(), torch.tensor([0.25, 3.0])
    parallel_ = Parallel(network, weights, ALONE)
    sums = [torch.zeros_like(parameter) for parameter in network.parameters()]
    totals = Totals()
    for start in range(0, TEXTS, size):
        part = whole.rows(slice(start, min(start + size, TEXTS)))
        no_masks = [draw_masks(network.config, np.random.default_rng(1), *part.token_ids.shape)]
        totals += parallel_.gradients(part, no_masks)
        for added, parameter in zip(sums, network.parameters(), strict=True):
            assert parameter.grad is not None
            added += parameter.grad * len(part.labels)
    logits = network(whole.token_ids, whole.lengths, None)
    loss = (cross_entropy(logits, whole.labels) * weights[whole.labels]).sum()
    expected = torch.autograd.grad(loss, list(network.parameters()))
    torch.testing.assert_close(sums, list(expected), atol=1e-4, rtol=1e-3)
    assert totals.mean_loss == pytest.approx(loss.item() / weights[whole.labels].sum().item())


def test_two_passes_hold_no_more_tokens_at_once_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(parallel, "MAX_PART_TOKENS", 10 * STEPS)
    network, whole = model(), batch()
    seen: list[int] = []
    network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numel()))
    masks = [draw_masks(network.config, np.random.default_rng(1), TEXTS, STEPS)] * 2
    for passes in (1, 2):
        seen.clear()
        Parallel(network, None, ALONE, r_drop=0.7).gradients(whole, masks[:passes])
        assert 5 * STEPS < max(seen) <= 10 * STEPS


@pytest.mark.parametrize("outputs", [1, 3])
def test_symmetric_kl_is_the_mean_of_both_divergences(outputs: int) -> None:
    first, second = torch.randn(2, 5, outputs)
    pair = [first, second]
    if outputs == 1:  # as two logits
        pair = [torch.cat([logits, torch.zeros(5, 1)], dim=1) for logits in pair]
    p, q = (logits.log_softmax(dim=1) for logits in pair)
    both = [F.kl_div(a, b, log_target=True, reduction="none").sum(1) for a, b in ((p, q), (q, p))]
    torch.testing.assert_close(symmetric_kl(first, second), sum(both) / 2)


def test_symmetric_kl_of_equal_logits_is_zero() -> None:
    logits = torch.randn(5, 3)
    assert not symmetric_kl(logits, logits).any()


def test_evaluation_adds_up_over_batches() -> None:
    network, whole = model(), batch()
    together = Parallel(network, None, ALONE).evaluate([whole, whole.rows(slice(3))])
    parts = [
        Parallel(network, None, ALONE).evaluate([part]) for part in (whole, whole.rows(slice(3)))
    ]
    assert together == sum(parts, Totals())
    assert together.texts == TEXTS + 3


@pytest.mark.parametrize(
    "lengths", [[1], [10**6], [3, 9, 4], [*range(200, 264)], [300] * 64, [50] * 60 + [2000] * 7]
)
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_balanced_slices_hold_every_text_once_within_the_limit(
    lengths: list[int], parts: int
) -> None:
    slices = balance_by_length(lengths, parts, max_tokens=4000)
    assert len(slices) % parts == 0
    texts = range(len(lengths))
    assert [row for rows in slices for row in texts[rows]] == list(texts)
    for rows in slices:
        assert len(texts[rows]) <= 1 or len(texts[rows]) * max(lengths[rows]) <= 4000


def test_texts_of_equal_length_are_halved() -> None:
    assert balance_by_length([300] * 64, 2, 10**6) == [slice(0, 32), slice(32, 64)]


def test_short_texts_are_not_padded_to_the_length_of_long_ones() -> None:
    lengths = [100] * 48 + [1000] * 16
    assert balance_by_length(lengths, 2, 10**6) == [slice(0, 48), slice(48, 64)]


def test_a_slice_of_shorter_texts_holds_more_of_them() -> None:
    lengths = range(500, 1780, 20)
    shorter, longer = balance_by_length(lengths, 2, 10**6)
    assert len(lengths[shorter]) > len(lengths[longer])


@pytest.mark.parametrize(("outputs", "labels"), [(1, 2), (4, 4)])
def test_cross_entropy_of_equal_logits_is_that_of_a_guess(outputs: int, labels: int) -> None:
    loss = cross_entropy(torch.zeros(1, outputs), torch.tensor([1]))
    assert loss.item() == pytest.approx(np.log(labels))


def test_the_sign_of_a_single_logit_predicts_the_label() -> None:
    assert predicted_labels(torch.tensor([[-1.0], [1.0]])).tolist() == [0, 1]


def test_the_largest_of_several_logits_predicts_the_label() -> None:
    assert predicted_labels(torch.tensor([[0.0, 3.0, 1.0]])).tolist() == [1]


@pytest.mark.parametrize(("outputs", "labels"), [(1, 2), (3, 3)])
def test_cross_entropy_of_certain_distributions_is_that_of_labels(
    outputs: int, labels: int
) -> None:
    logits = torch.randn(5, outputs, generator=torch.Generator().manual_seed(1))
    hard = torch.tensor([0, 1, 1, 0, labels - 1])
    soft = torch.nn.functional.one_hot(hard, labels).float()
    assert torch.allclose(cross_entropy(logits, soft), cross_entropy(logits, hard))


@pytest.mark.parametrize("outputs", [1, 3])
def test_cross_entropy_is_lowest_at_the_distribution_itself(outputs: int) -> None:
    soft = torch.tensor([[0.2, 0.8]]) if outputs == 1 else torch.tensor([[0.2, 0.7, 0.1]])
    logits = (soft[:, 1:] / soft[:, :1]).log() if outputs == 1 else soft.log()
    entropy = -(soft * soft.log()).sum()
    assert cross_entropy(logits, soft).item() == pytest.approx(entropy.item())


def test_soft_labels_count_for_their_likeliest_one() -> None:
    whole, weights = batch(), torch.tensor([0.5, 2.0])
    soft = torch.nn.functional.one_hot(whole.labels, 2).float() * 0.8 + 0.1
    network = Parallel(model(), weights, ALONE)
    totals = network.evaluate([Batch(whole.token_ids, whole.lengths, soft)])
    hard = network.evaluate([whole])
    assert (totals.correct, totals.weight) == (hard.correct, hard.weight)


def test_gradients_of_soft_labels_do_not_depend_on_the_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = batch()
    soft = torch.rand(TEXTS, 1, generator=torch.Generator().manual_seed(1))
    whole = Batch(whole.token_ids, whole.lengths, torch.cat([1 - soft, soft], dim=1))
    gradients = []
    for threads in (1, 4):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        network = model()
        masks = draw_masks(network.config, np.random.default_rng(1), TEXTS, STEPS)
        Parallel(network, None, ALONE, r_drop=1.0).gradients(whole, [masks, masks])
        gradients.append([parameter.grad for parameter in network.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert one is not None
        assert other is not None
        assert torch.allclose(one, other, atol=1e-6)


def known_labels(*, first: bool) -> Batch:
    """A batch of three labels, the loss of whose even texts is over the outer ones alone."""
    whole = batch()
    known = torch.ones(TEXTS, 3, dtype=torch.bool)
    known[::2, 1] = not first
    return replace(whole, labels=whole.labels * 2, known=known)


@pytest.mark.parametrize("r_drop", [0.0, 0.7])
def test_labels_that_a_text_is_not_told_apart_by_get_no_gradient(r_drop: float) -> None:
    network, whole = model(3), known_labels(first=True).rows(slice(1))
    random = np.random.default_rng(1)
    masks = [draw_masks(network.config, random, *whole.token_ids.shape) for _ in range(2)]
    Parallel(network, None, ALONE, r_drop).gradients(whole, masks if r_drop else masks[:1])
    bias = network.output.bias.grad
    assert bias is not None
    negative, neutral, positive = bias.tolist()
    assert neutral == 0
    assert negative == pytest.approx(-positive, rel=1e-5)
    assert negative
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_loss_is_over_the_labels_that_a_text_is_told_apart_by() -> None:
    network, whole = model(3), known_labels(first=True)
    totals = Parallel(network, None, ALONE).evaluate([whole])
    logits = network(whole.token_ids, whole.lengths, None)
    expected, correct = 0.0, 0
    for row, label in enumerate(whole.labels.tolist()):
        own = logits[row, [0, 2]] if row % 2 == 0 else logits[row]
        place = label // 2 if row % 2 == 0 else label
        expected -= own.log_softmax(0)[place].item()
        correct += int(own.argmax()) == place
    assert totals.loss == pytest.approx(expected, rel=1e-5)
    assert totals.correct == correct


def test_all_labels_known_is_as_without() -> None:
    network, whole = model(3), known_labels(first=False)
    parallel_ = Parallel(network, None, ALONE)
    assert parallel_.evaluate([whole]) == parallel_.evaluate([replace(whole, known=None)])
