"""The initial weights of the embedding: pretrained vectors, or noise."""

from collections.abc import Sequence
from typing import Any

import torch
import torchtext.vocab
from torch import Tensor

from senticli.data.vectors import VectorCache
from senticli.text.vocab import PAD_INDEX, UNK_INDEX, Vocab

NOISE_STD = 0.1  # without vectors to take the standard deviation from


class CachedVectors(torchtext.vocab.Vectors):  # type: ignore[misc]
    """torchtext's ``Vectors`` over senticli's memory-mapped cache.

    torchtext would parse the text itself and write a pickle beside it.
    """

    def __init__(self, cache: VectorCache, **options: Any) -> None:
        self._source = cache
        super().__init__(cache.name, **options)

    def cache(
        self, name: str, cache: str | None, url: str | None = None, max_vectors: int | None = None
    ) -> None:
        """Set the attributes that torchtext reads: itos, stoi, vectors [len(itos), dim], dim."""
        self.itos = self._source.tokens
        self.stoi = {token: row for row, token in enumerate(self.itos)}
        self.vectors = torch.from_numpy(self._source.matrix)
        self.dim = self._source.matrix.shape[1]


def initial_embedding(
    vocab: torchtext.vocab.Vocab,
    vectors: CachedVectors | None,
    dim: int,
    generator: torch.Generator,
) -> Tensor:
    """Return the initial embedding [V, dim].

    A token without a vector starts from a normal distribution with the standard deviation of the
    vectors of the others; ``<unk>`` and ``<pad>`` start at zero.
    """
    if vectors is None:
        weights = torch.randn(len(vocab), dim, generator=generator) * NOISE_STD
    else:
        vocab.set_vectors(vectors.stoi, vectors.vectors, vectors.dim)
        weights = vocab.vectors
        known = torch.tensor([token in vectors.stoi for token in vocab.itos])
        n_known = int(known.sum())
        std = float(weights[known].std()) if n_known else NOISE_STD
        noise = torch.randn(len(vocab) - n_known, vectors.dim, generator=generator)
        weights[~known] = noise * std
    weights[[UNK_INDEX, PAD_INDEX]] = 0.0
    return weights


def extend_embedding(trained: Tensor, vocab: Vocab, vectors: CachedVectors | None) -> Tensor:
    """Return a trained embedding [V, dim] with rows for the further tokens of ``vocab``.

    A new token starts from its vector, or else from that of ``<unk>``, which the network took it
    for until now.
    """
    new = vocab.tokens[len(trained) :]
    rows = trained[UNK_INDEX].repeat(len(new), 1)
    known = [row for row, token in enumerate(new) if vectors and token in vectors.stoi]
    if vectors and known:
        rows[known] = vectors.vectors[[vectors.stoi[new[row]] for row in known]]
    return torch.cat([trained, rows])


def share_found(tokens: Sequence[str], known: Sequence[str]) -> float:
    """Return the share of ``tokens`` that are among the ``known`` ones, those with a vector."""
    return len(set(tokens).intersection(known)) / max(1, len(tokens))
