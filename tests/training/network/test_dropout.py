"""Dropout masks: their shares and shapes, drawn for a batch at once and split with it."""

from collections.abc import Callable

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


def present(mask: torch.Tensor | None) -> torch.Tensor:
    assert mask is not None
    return mask


def test_word_dropout_is_the_share_of_masked_tokens() -> None:
    mask = present(draw().token_mask)
    assert mask.shape == (200, 50)
    assert mask.float().mean().item() == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    ("choose", "share", "size"),
    [
        (lambda masks: masks.embedding, 0.5, 100),
        (lambda masks: masks.layers[0], 0.2, 256),
        (lambda masks: masks.layers[1], 0.2, 256),
        (lambda masks: masks.output, 0.3, 512),
    ],
    ids=["embedding", "layer 1", "layer 2", "output"],
)
def test_factors_drop_a_share_and_keep_the_mean(
    choose: Callable[[Masks], torch.Tensor | None], share: float, size: int
) -> None:
    mask = present(choose(draw()))
    assert mask.shape == (200, size)
    assert mask.unique().tolist() == pytest.approx([0, 1 / (1 - share)])
    assert mask.mean().item() == pytest.approx(1, abs=0.02)


def test_masks_follow_from_the_seed() -> None:
    first, again, other = (present(draw(seed).output) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_masks_are_split_with_the_batch() -> None:
    masks = draw()
    part = masks.rows(slice(1, None, 50), steps=7)
    assert torch.equal(present(part.token_mask), present(masks.token_mask)[1::50, :7])
    assert torch.equal(present(part.embedding), present(masks.embedding)[1::50])


def test_without_dropout_there_are_no_masks() -> None:
    config = ModelConfig(word_dropout=0, embedding_dropout=0, output_dropout=0)
    masks = draw_masks(config, np.random.default_rng(1), 4, 5)
    assert masks == Masks(None, None, (), None)


def test_no_masks_are_split_into_no_masks() -> None:
    masks = Masks(None, None, (), None)
    assert masks.rows(slice(2), 3) == masks
