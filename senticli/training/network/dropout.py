"""Dropout by whole texts: a mask has one row a text, which holds for each of its tokens.

The masks of a batch are therefore small enough to be drawn at once, before its texts are shared
among threads or processes, and the result does not depend on how they are. Gal and Ghahramani
(2016) show that this kind suits an RNN better than a new mask at each step.

Shapes as in :mod:`senticli.training.network.birnn`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from senticli.config import ModelConfig
from senticli.training.device import to_device


@dataclass(frozen=True)
class Masks:
    """The dropout masks of B texts; None for no dropout.

    ``token_mask`` [B, T] is true for tokens to replace by ``<unk>``. The others hold factors, 0 or
    1 / (1 - p): ``embedding`` [B, E], ``layers`` [B, D*H] before each layer but the first,
    ``output`` [B, P].
    """

    token_mask: Tensor | None
    embedding: Tensor | None
    layers: tuple[Tensor | None, ...]
    output: Tensor | None

    def to(self, device: torch.device) -> "Masks":
        """Copy the masks to a device."""
        return self._map(lambda mask: to_device(mask, device))

    def rows(self, rows: slice, steps: int) -> "Masks":
        """Return the masks of some texts, the longest of which has ``steps`` tokens."""
        part = self._map(lambda mask: mask[rows])
        if part.token_mask is None:
            return part
        return replace(part, token_mask=part.token_mask[:, :steps])

    @classmethod
    def concat(cls, parts: Sequence["Masks"]) -> "Masks":
        """Return the masks of the texts of all parts, which have the same number of steps."""
        if len(parts) == 1:
            return parts[0]

        def concat(masks: Sequence[Tensor | None]) -> Tensor | None:
            present = [mask for mask in masks if mask is not None]
            return torch.cat(present) if present else None

        return cls(
            concat([part.token_mask for part in parts]),
            concat([part.embedding for part in parts]),
            tuple(map(concat, zip(*(part.layers for part in parts), strict=True))),
            concat([part.output for part in parts]),
        )

    def _map(self, change: Callable[[Tensor], Tensor]) -> "Masks":
        def changed(mask: Tensor | None) -> Tensor | None:
            return None if mask is None else change(mask)

        return Masks(
            changed(self.token_mask),
            changed(self.embedding),
            tuple(map(changed, self.layers)),
            changed(self.output),
        )


def draw_masks(
    config: ModelConfig, generator: np.random.Generator, texts: int, steps: int
) -> Masks:
    """Draw the masks of a batch of ``texts`` texts, the longest of which has ``steps`` tokens."""

    def uniform(size: int) -> NDArray[np.float32]:
        return generator.random((texts, size), dtype=np.float32)

    def factors(size: int, p: float) -> Tensor | None:
        return torch.from_numpy((uniform(size) >= p) / np.float32(1 - p)) if p else None

    p = config.word_dropout
    return Masks(
        torch.from_numpy(uniform(steps) < p) if p else None,
        factors(config.embedding_dim, config.embedding_dropout),
        tuple(factors(config.width, config.layer_dropout) for _ in range(config.layers - 1)),
        factors(config.width * len(config.poolings), config.output_dropout),
    )
