"""Shared out among cores, a batch gives what it gives in one piece."""

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
    cut,
    disagreement,
    losses_of,
    predicted,
)
from senticli.training.processes import ALONE

TEXTS, STEPS = 37, 12


def batch() -> Batch:
    generator = torch.Generator().manual_seed(3)
    lengths = torch.randint(1, STEPS + 1, (TEXTS,), generator=generator)
    lengths[5] = STEPS
    tokens = torch.randint(2, 50, (TEXTS, STEPS), generator=generator)
    tokens[torch.arange(STEPS) >= lengths.unsqueeze(1)] = 1
    return Batch(tokens, lengths, torch.randint(0, 2, (TEXTS,), generator=generator))


def model(outputs: int = 1, dropout: float | None = None) -> BiRNN:
    torch.manual_seed(0)
    config = ModelConfig(hidden=8, embedding_dim=8, layers=2)
    if dropout is not None:
        names = ("word", "embedding", "layer", "output")
        rates: dict[str, Any] = {f"{name}_dropout": dropout for name in names}
        config = replace(config, **rates)
    return BiRNN(config, 50, outputs, 1)


@pytest.mark.parametrize("threads", [1, 2, 4, 64])
@pytest.mark.parametrize("tokens", [32_768, 50])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 2.0])])
def test_parts_add_up(
    threads: int, tokens: int, weights: torch.Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(parallel, "TOKENS_A_PART", tokens)
    network, whole = model(), batch()
    masks = draw_masks(network.config, np.random.default_rng(1), TEXTS, STEPS)
    totals = Parallel(network, weights, ALONE).gradients(whole, [masks])
    gradients = [parameter.grad for parameter in network.parameters()]

    logits = network(whole.tokens, whole.lengths, masks).squeeze(1)
    of_each = None if weights is None else weights[whole.labels]
    loss = F.binary_cross_entropy_with_logits(logits, whole.labels.float(), of_each)
    expected = torch.autograd.grad(loss, list(network.parameters()))
    weight = TEXTS if of_each is None else of_each.sum().item()
    assert totals.mean_loss == pytest.approx(loss.item() * TEXTS / weight, rel=1e-5)
    assert totals.texts == TEXTS
    assert totals.correct == int(((logits > 0) == whole.labels.bool()).sum())
    torch.testing.assert_close(gradients, list(expected), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 2.0, 1.0])])
def test_two_passes_are_to_agree(
    outputs: int, weights: torch.Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    network, whole = model(outputs), batch()
    random = np.random.default_rng(1)
    masks = [draw_masks(network.config, random, TEXTS, STEPS) for _ in range(2)]
    totals = Parallel(network, weights, ALONE, r_drop=0.7).gradients(whole, masks)
    gradients = [parameter.grad for parameter in network.parameters()]

    of_each = torch.ones(TEXTS) if weights is None else weights[whole.labels]
    passes = [network(whole.tokens, whole.lengths, of_pass) for of_pass in masks]
    losses = [(losses_of(logits, whole.labels) * of_each).sum() for logits in passes]
    loss = (losses[0] + losses[1]) / 2 / TEXTS
    apart = (disagreement(*passes) * of_each).sum() / TEXTS
    expected = torch.autograd.grad(loss + 0.7 * apart, list(network.parameters()))
    assert apart > 0
    assert totals.mean_loss == pytest.approx(loss.item() * TEXTS / of_each.sum().item(), rel=1e-5)
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
        texts, steps = part.tokens.shape
        no_masks = [draw_masks(network.config, np.random.default_rng(1), texts, steps)]
        totals += parallel_.gradients(part, no_masks)
        for added, parameter in zip(sums, network.parameters(), strict=True):
            assert parameter.grad is not None
            added += parameter.grad * len(part.labels)
    logits = network(whole.tokens, whole.lengths, None)
    loss = (losses_of(logits, whole.labels) * weights[whole.labels]).sum()
    expected = torch.autograd.grad(loss, list(network.parameters()))
    torch.testing.assert_close(sums, list(expected), atol=1e-4, rtol=1e-3)
    assert totals.mean_loss == pytest.approx(loss.item() / weights[whole.labels].sum().item())


def test_two_passes_run_no_more_at_once_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(parallel, "TOKENS_A_PART", 10 * STEPS)
    network, whole = model(), batch()
    seen: list[int] = []
    network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numel()))
    masks = [draw_masks(network.config, np.random.default_rng(1), TEXTS, STEPS)] * 2
    for passes in (1, 2):
        seen.clear()
        Parallel(network, None, ALONE, r_drop=0.7).gradients(whole, masks[:passes])
        assert 5 * STEPS < max(seen) <= 10 * STEPS


def test_disagreement_is_the_mean_of_both_divergences() -> None:
    for first, second in (torch.randn(2, 5, 3), torch.randn(2, 5, 1)):
        if first.shape[1] == 1:  # as two logits
            pair = [torch.cat([logits, torch.zeros(5, 1)], dim=1) for logits in (first, second)]
        else:
            pair = [first, second]
        p, q = (logits.log_softmax(dim=1) for logits in pair)
        both = [
            F.kl_div(a, b, log_target=True, reduction="none").sum(1) for a, b in ((p, q), (q, p))
        ]
        torch.testing.assert_close(disagreement(first, second), sum(both) / 2)
    assert not disagreement(first, first).any()


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
def test_cuts_take_every_text_once(lengths: list[int], parts: int) -> None:
    most = 4000
    cuts = cut(lengths, parts, most)
    assert len(cuts) % parts == 0
    texts = range(len(lengths))
    assert [row for rows in cuts for row in texts[rows]] == list(texts)
    for rows in cuts:
        assert len(texts[rows]) <= 1 or len(texts[rows]) * max(lengths[rows]) <= most


def test_cuts_are_alike_and_leave_out_padding() -> None:
    assert cut([300] * 64, 2, 10**6) == [slice(0, 32), slice(32, 64)]
    assert cut([100] * 48 + [1000] * 16, 2, 10**6) == [slice(0, 48), slice(48, 64)]
    lengths = range(500, 1780, 20)
    shorter, longer = cut(lengths, 2, 10**6)
    assert len(lengths[shorter]) > len(lengths[longer])


def test_losses_and_predictions_of_one_and_of_many_logits() -> None:
    assert losses_of(torch.tensor([[0.0]]), torch.tensor([1])).item() == pytest.approx(np.log(2))
    assert losses_of(torch.zeros(1, 4), torch.tensor([2])).item() == pytest.approx(np.log(4))
    assert predicted(torch.tensor([[-1.0], [1.0]])).tolist() == [0, 1]
    assert predicted(torch.tensor([[0.0, 3.0, 1.0]])).tolist() == [1]
