"""Masks: drawn for a batch at once, as much as asked for, and cut with it."""

import numpy as np
import pytest
import torch

from senticli.config import ModelConfig
from senticli.training.network.dropout import Masks, draw_masks

CONFIG = ModelConfig(
    layers=3, word_dropout=0.1, embedding_dropout=0.5, layer_dropout=0.2, output_dropout=0.3
)


def draw(seed: int = 1, texts: int = 200) -> Masks:
    return draw_masks(CONFIG, np.random.default_rng(seed), texts, 50)


def test_masks_take_what_is_asked_and_keep_the_mean() -> None:
    masks = draw()
    assert masks.words is not None
    assert masks.words.float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert len(masks.layers) == 2
    for mask, share, size in (
        (masks.embedding, 0.5, 100),
        (masks.layers[0], 0.2, 256),
        (masks.output, 0.3, 512),
    ):
        assert mask is not None
        assert mask.shape == (200, size)
        assert mask.unique().tolist() == pytest.approx([0, 1 / (1 - share)])
        assert mask.mean().item() == pytest.approx(1, abs=0.02)


def test_they_follow_from_the_seed() -> None:
    first, again, other = draw(1).output, draw(1).output, draw(2).output
    assert first is not None
    assert again is not None
    assert other is not None
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_rows_are_cut_with_the_batch() -> None:
    masks = draw()
    some = masks.rows(slice(1, None, 50), 7)
    assert some.words is not None
    assert masks.words is not None
    assert torch.equal(some.words, masks.words[1::50, :7])
    assert some.embedding is not None
    assert masks.embedding is not None
    assert torch.equal(some.embedding, masks.embedding[1::50])


def test_no_dropout_is_no_mask() -> None:
    config = ModelConfig(word_dropout=0, embedding_dropout=0, output_dropout=0)
    masks = draw_masks(config, np.random.default_rng(1), 4, 5)
    assert masks == Masks(None, None, (), None)
    assert masks.rows(slice(2), 3) == masks
