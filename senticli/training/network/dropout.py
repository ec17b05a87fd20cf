"""Dropout by whole texts: a mask is one row a text, the same at each of its words.

So a batch's masks are small enough to be drawn at once, before its texts are shared out among
threads or processes: the result does not depend on how they are. Gal and Ghahramani (2016) show
that this kind suits an RNN better than a new mask at each step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from senticli.config import ModelConfig
from senticli.training.device import moved


@dataclass(frozen=True)
class Masks:
    """What dropout takes from B texts; None where it takes nothing.

    ``words`` [B, T] is true where a word is taken for unknown; the others hold 0 or, for what is
    kept, 1 / (1 - p): ``embedding`` [B, E], ``layers`` [B, D*H] before each layer but the first,
    ``output`` [B, P].
    """

    words: Tensor | None
    embedding: Tensor | None
    layers: tuple[Tensor | None, ...]
    output: Tensor | None

    def to(self, device: torch.device) -> "Masks":
        """These masks on a device."""
        return self._each(lambda mask: moved(mask, device))

    def rows(self, rows: slice, steps: int) -> "Masks":
        """Those of some of the texts, the longest of which has ``steps`` words."""
        cut = self._each(lambda mask: mask[rows])
        return cut if cut.words is None else replace(cut, words=cut.words[:, :steps])

    @classmethod
    def joined(cls, parts: Sequence["Masks"]) -> "Masks":
        """Those of the texts of all parts, of as many words each."""
        if len(parts) == 1:
            return parts[0]

        def joined(masks: Sequence[Tensor | None]) -> Tensor | None:
            some = [mask for mask in masks if mask is not None]
            return torch.cat(some) if some else None

        return cls(
            joined([part.words for part in parts]),
            joined([part.embedding for part in parts]),
            tuple(map(joined, zip(*(part.layers for part in parts), strict=True))),
            joined([part.output for part in parts]),
        )

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Masks":
        def changed(mask: Tensor | None) -> Tensor | None:
            return None if mask is None else change(mask)

        return Masks(
            changed(self.words),
            changed(self.embedding),
            tuple(map(changed, self.layers)),
            changed(self.output),
        )


def draw_masks(
    config: ModelConfig, generator: np.random.Generator, texts: int, steps: int
) -> Masks:
    """Masks of a batch of ``texts`` texts, the longest of which has ``steps`` words."""
    width = config.width

    def random(size: int) -> NDArray[np.float32]:
        return generator.random((texts, size), dtype=np.float32)

    def mask(size: int, share: float) -> Tensor | None:
        if not share:
            return None
        return torch.from_numpy((random(size) >= share) / np.float32(1 - share))

    words = torch.from_numpy(random(steps) < config.word_dropout) if config.word_dropout else None
    return Masks(
        words,
        mask(config.embedding_dim, config.embedding_dropout),
        tuple(mask(width, config.layer_dropout) for _ in range(config.layers - 1)),
        mask(width * len(config.poolings), config.output_dropout),
    )
