"""The first weights of the embedding: pretrained word vectors, or noise."""

from typing import Any

import torch
import torchtext.vocab
from torch import Tensor

from senticli.data.vectors import VectorCache
from senticli.text.vocab import PAD_INDEX, UNK_INDEX, Vocab

NOISE_SPREAD = 0.1  # where there are no vectors to take the spread from


class CachedVectors(torchtext.vocab.Vectors):  # type: ignore[misc]
    """torchtext's ``Vectors`` over senticli's memory-mapped cache.

    torchtext would parse the text itself and keep a pickle beside it; there is no pickle here.
    """

    def __init__(self, cache: VectorCache, **options: Any) -> None:
        self._source = cache
        super().__init__(cache.name, **options)

    def cache(
        self, name: str, cache: str | None, url: str | None = None, max_vectors: int | None = None
    ) -> None:
        """Fill in the attributes that torchtext reads: itos, stoi, vectors [words, dim], dim."""
        self.itos = self._source.tokens
        self.stoi = {word: row for row, word in enumerate(self.itos)}
        self.vectors = torch.from_numpy(self._source.matrix)
        self.dim = self._source.matrix.shape[1]


def initial_embedding(
    vocab: torchtext.vocab.Vocab,
    vectors: CachedVectors | None,
    dim: int,
    generator: torch.Generator,
) -> tuple[Tensor, float]:
    """The embedding to start from, [V, dim], and the share of the vocabulary found in ``vectors``.

    A word without a vector starts from a normal distribution of the found vectors' own spread;
    ``<unk>`` and ``<pad>`` start at zero.
    """
    if vectors is None:
        weights = torch.randn(len(vocab), dim, generator=generator) * NOISE_SPREAD
        found = 0
    else:
        vocab.set_vectors(vectors.stoi, vectors.vectors, vectors.dim)
        weights = vocab.vectors
        known = torch.tensor([word in vectors.stoi for word in vocab.itos])
        found = int(known.sum())
        spread = float(weights[known].std()) if found else NOISE_SPREAD
        noise = torch.randn(len(vocab) - found, vectors.dim, generator=generator)
        weights[~known] = noise * spread
    weights[[UNK_INDEX, PAD_INDEX]] = 0.0
    return weights, found / max(1, len(vocab) - 2)


def extended_embedding(
    trained: Tensor, vocab: Vocab, vectors: CachedVectors | None
) -> tuple[Tensor, float]:
    """A trained embedding [V, dim] with more rows, one for each further word of ``vocab``.

    They start from their vector, or else from that of ``<unk>``: so before it goes on training, the
    network takes a new word as it did. Also the share of the new words found in ``vectors``.
    """
    new = vocab.words[len(trained) :]
    rows = trained[UNK_INDEX].repeat(len(new), 1)
    known = [row for row, word in enumerate(new) if vectors and word in vectors.stoi]
    if vectors and known:
        rows[known] = vectors.vectors[[vectors.stoi[new[row]] for row in known]]
    return torch.cat([trained, rows]), len(known) / max(1, len(new))
