"""The network: exact on dense batches, whatever texts are padded together."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from senticli.config import ModelConfig
from senticli.text.vocab import PAD_INDEX, UNK_INDEX
from senticli.training.network.birnn import BiRNN
from senticli.training.network.cells import CELLS
from senticli.training.network.dropout import draw_masks

VOCAB, LENGTHS = 50, [7, 1, 12, 4]


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    lengths = torch.tensor(LENGTHS)
    token_ids = torch.randint(2, VOCAB, (len(LENGTHS), max(LENGTHS)), generator=generator)
    for row, length in enumerate(LENGTHS):
        token_ids[row, length:] = PAD_INDEX
    return token_ids, lengths


def build(outputs: int = 1, **options: object) -> BiRNN:
    torch.manual_seed(1)
    config = ModelConfig(hidden=6, embedding_dim=5, **options)  # type: ignore[arg-type]
    return BiRNN(config, VOCAB, outputs, PAD_INDEX).eval()


def packed_states(model: BiRNN, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Hidden states [B, T, D*H] by torch's own bidirectional RNN over a packed sequence."""
    config = model.config
    rnn: Any = CELLS[config.rnn]
    reference = rnn(
        config.embedding_dim,
        config.hidden,
        config.layers,
        bidirectional=config.bidirectional,
        batch_first=True,
    )
    for layer, cells in enumerate(model.layers):
        for direction, cell in enumerate(cast(nn.ModuleList, cells)):
            for name, weight in cell.named_parameters():
                suffix = "_reverse" if direction else ""
                target = getattr(reference, name.replace("_l0", f"_l{layer}{suffix}"))
                target.data.copy_(weight.data)
    packed = pack_padded_sequence(
        model.embedding(token_ids), lengths, batch_first=True, enforce_sorted=False
    )
    return pad_packed_sequence(reference(packed)[0], batch_first=True)[0]


@pytest.mark.parametrize("rnn", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("pooling", ["last", "max", "mean"])
def test_dense_equals_packed(rnn: str, layers: int, bidirectional: bool, pooling: str) -> None:
    token_ids, lengths = batch()
    model = build(rnn=rnn, layers=layers, bidirectional=bidirectional, pooling=pooling)
    states = packed_states(model, token_ids, lengths)
    pool = {
        "last": lambda text: torch.cat([text[-1, :6], text[0, 6:]]),
        "max": lambda text: text.amax(dim=0),
        "mean": lambda text: text.mean(dim=0),
    }[pooling]
    pooled = [pool(states[row, :length]) for row, length in enumerate(LENGTHS)]
    expected = model.output(torch.stack(pooled))
    torch.testing.assert_close(model(token_ids, lengths), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "pooling", ["attention", "max+attention", "max+mean", "last+mean", "mean+attention"]
)
def test_logits_of_a_text_do_not_depend_on_its_batch(pooling: str) -> None:
    token_ids, lengths = batch()
    model = build(pooling=pooling, layers=2)
    together = model(token_ids, lengths)
    for row, length in enumerate(LENGTHS):
        alone = model(token_ids[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=0)


@pytest.mark.parametrize("rnn", ["rnn", "lstm", "gru"])
def test_gradients_of_dense_equal_packed(rnn: str) -> None:
    token_ids, lengths = batch()
    model = build(rnn=rnn, pooling="max", layers=2)
    model(token_ids, lengths).sum().backward()
    dense = model.embedding.weight.grad
    assert dense is not None
    dense = dense.clone()
    model.zero_grad()
    states = packed_states(model, token_ids, lengths)
    rows = [states[row, :length].amax(dim=0) for row, length in enumerate(LENGTHS)]
    model.output(torch.stack(rows)).sum().backward()
    assert model.embedding.weight.grad is not None
    torch.testing.assert_close(dense, model.embedding.weight.grad, atol=1e-5, rtol=0)
    assert not dense[PAD_INDEX].any()


def test_training_keeps_the_embedding_of_padding_at_zero() -> None:
    token_ids, lengths = batch()
    model = build(pooling="max+attention")
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(token_ids, lengths).pow(2).sum().backward()
        optimizer.step()
    assert not model.embedding.weight[PAD_INDEX].any()


def test_there_is_a_logit_for_each_output() -> None:
    token_ids, lengths = batch()
    assert build(outputs=3)(token_ids, lengths).shape == (len(LENGTHS), 3)


def test_two_poolings_are_joined() -> None:
    assert build(pooling="max+mean").output.in_features == 24


@pytest.mark.parametrize("rnn", list(CELLS))
@pytest.mark.parametrize("bidirectional", [True, False])
def test_bfloat16_is_close_to_float32(rnn: str, bidirectional: bool) -> None:
    token_ids, lengths = batch()
    model = build(rnn=rnn, bidirectional=bidirectional)
    exact = model(token_ids, lengths)
    model.compute_dtype = torch.bfloat16
    rough = model(token_ids, lengths)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, atol=2e-2, rtol=0)


def test_word_dropout_replaces_tokens_by_unk() -> None:
    token_ids, lengths = batch()
    model = build(word_dropout=0.5)
    masks = draw_masks(model.config, np.random.default_rng(1), *token_ids.shape)
    assert masks.token_mask is not None
    replaced = token_ids.masked_fill(masks.token_mask & (token_ids != PAD_INDEX), UNK_INDEX)
    expected = model(replaced, lengths, replace(masks, token_mask=None))
    assert torch.equal(model(token_ids, lengths, masks), expected)


def test_embedding_dropout_of_every_dimension_equals_an_embedding_of_zeros() -> None:
    token_ids, lengths = batch()
    model = build(embedding_dropout=0.5)
    masks = draw_masks(model.config, np.random.default_rng(1), *token_ids.shape)
    assert masks.embedding is not None
    none = replace(masks, embedding=torch.zeros_like(masks.embedding))
    dropped = model(token_ids, lengths, none)
    model.embedding.weight.data.zero_()
    assert torch.equal(dropped, model(token_ids, lengths, masks))


def test_layer_dropout_changes_the_logits() -> None:
    token_ids, lengths = batch()
    model = build(word_dropout=0, embedding_dropout=0, layer_dropout=0.5, layers=2)
    masks = draw_masks(model.config, np.random.default_rng(1), *token_ids.shape)
    kept = replace(masks, layers=(None,))
    assert not torch.equal(model(token_ids, lengths, masks), model(token_ids, lengths, kept))


def test_layers_are_modules_of_torch() -> None:
    assert isinstance(build(rnn="gru").layers[0][0], nn.GRU)  # type: ignore[index]
