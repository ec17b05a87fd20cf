"""The network: exact on dense batches, whatever is padded beside what."""

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
    tokens = torch.randint(2, VOCAB, (len(LENGTHS), max(LENGTHS)), generator=generator)
    for row, length in enumerate(LENGTHS):
        tokens[row, length:] = PAD_INDEX
    return tokens, lengths


def build(outputs: int = 1, **options: object) -> BiRNN:
    torch.manual_seed(1)
    config = ModelConfig(hidden=6, embedding_dim=5, **options)  # type: ignore[arg-type]
    return BiRNN(config, VOCAB, outputs, PAD_INDEX).eval()


def packed_states(model: BiRNN, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """States [B, T, D*H] by torch's own bidirectional RNN over a packed sequence."""
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
        model.embedding(tokens), lengths, batch_first=True, enforce_sorted=False
    )
    return pad_packed_sequence(reference(packed)[0], batch_first=True)[0]


@pytest.mark.parametrize("rnn", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_dense_equals_packed(rnn: str, layers: int, bidirectional: bool) -> None:
    tokens, lengths = batch()
    for pooling in ("last", "max", "mean"):
        model = build(rnn=rnn, layers=layers, bidirectional=bidirectional, pooling=pooling)
        states = packed_states(model, tokens, lengths)
        rows = []
        for row, length in enumerate(LENGTHS):
            real = states[row, :length]
            if pooling == "max":
                rows.append(real.amax(dim=0))
            elif pooling == "mean":
                rows.append(real.mean(dim=0))
            else:
                rows.append(torch.cat([real[-1, :6], real[0, 6:]]))
        expected = model.output(torch.stack(rows))
        torch.testing.assert_close(model(tokens, lengths), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "pooling", ["attention", "max+attention", "max+mean", "last+mean", "mean+attention"]
)
def test_a_text_alone_equals_the_text_in_a_batch(pooling: str) -> None:
    tokens, lengths = batch()
    model = build(pooling=pooling, layers=2)
    together = model(tokens, lengths)
    for row, length in enumerate(LENGTHS):
        alone = model(tokens[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=0)


@pytest.mark.parametrize("rnn", ["rnn", "lstm", "gru"])
def test_gradients_equal_those_of_packed(rnn: str) -> None:
    tokens, lengths = batch()
    model = build(rnn=rnn, pooling="max", layers=2)
    model(tokens, lengths).sum().backward()
    dense = model.embedding.weight.grad
    assert dense is not None
    dense = dense.clone()
    model.zero_grad()
    states = packed_states(model, tokens, lengths)
    rows = [states[row, :length].amax(dim=0) for row, length in enumerate(LENGTHS)]
    model.output(torch.stack(rows)).sum().backward()
    assert model.embedding.weight.grad is not None
    torch.testing.assert_close(dense, model.embedding.weight.grad, atol=1e-5, rtol=0)
    assert not dense[PAD_INDEX].any()


def test_padding_stays_zero_while_training() -> None:
    tokens, lengths = batch()
    model = build(pooling="max+attention")
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(tokens, lengths).pow(2).sum().backward()
        optimizer.step()
    assert not model.embedding.weight[PAD_INDEX].any()


def test_outputs_and_joined_pooling() -> None:
    tokens, lengths = batch()
    assert build(outputs=3, pooling="max+mean")(tokens, lengths).shape == (len(LENGTHS), 3)
    assert build(pooling="max+mean").output.in_features == 24


@pytest.mark.parametrize("rnn", list(CELLS))
@pytest.mark.parametrize("bidirectional", [True, False])
def test_bfloat16_is_close_to_float32(rnn: str, bidirectional: bool) -> None:
    tokens, lengths = batch()
    model = build(rnn=rnn, bidirectional=bidirectional)
    exact = model(tokens, lengths)
    model.compute_dtype = torch.bfloat16
    rough = model(tokens, lengths)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, atol=2e-2, rtol=0)


def test_dropout_takes_whole_dimensions_and_words_away() -> None:
    tokens, lengths = batch()
    model = build(embedding_dropout=0.5, word_dropout=0.5, layer_dropout=0.5, layers=2)
    masks = draw_masks(model.config, np.random.default_rng(1), *tokens.shape)
    assert not torch.equal(model(tokens, lengths), model(tokens, lengths, masks))
    assert masks.words is not None
    unknown = tokens.masked_fill(masks.words & (tokens != PAD_INDEX), UNK_INDEX)
    others = replace(masks, words=None)
    assert torch.equal(model(tokens, lengths, masks), model(unknown, lengths, others))
    assert masks.embedding is not None
    taken = model(tokens, lengths, replace(masks, embedding=torch.zeros_like(masks.embedding)))
    model.embedding.weight.data.zero_()
    assert torch.equal(taken, model(tokens, lengths, masks))


def test_weights_have_the_names_of_torch() -> None:
    assert isinstance(build(rnn="gru").layers[0][0], nn.GRU)  # type: ignore[index]
