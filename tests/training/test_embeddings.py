"""Initial weights of the embedding."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from senticli.data.vectors import cached_vectors
from senticli.text.vocab import PAD_INDEX, UNK_INDEX, Vocab
from senticli.training.embeddings import (
    CachedVectors,
    extend_embedding,
    initial_embedding,
    share_found,
)
from senticli.training.vocabulary import build_vocab

VOCAB = build_vocab(Counter(["the", "film", *(f"w{number}" for number in range(5000))]), 10_000)


@pytest.fixture
def vectors(tmp_path: Path) -> CachedVectors:
    path = tmp_path / "v.txt"
    path.write_text("the 1 2 3\nfilm 4 5 6\nother 7 8 9\n")
    return CachedVectors(cached_vectors(str(path)))


def initial(vectors: CachedVectors | None, dim: int = 3) -> torch.Tensor:
    return initial_embedding(VOCAB, vectors, dim, torch.Generator().manual_seed(0))


def test_known_tokens_start_from_their_vectors(vectors: CachedVectors) -> None:
    assert initial(vectors)[VOCAB.stoi["film"]].tolist() == [4, 5, 6]


def test_unknown_tokens_start_from_noise_with_the_spread_of_the_vectors(
    vectors: CachedVectors,
) -> None:
    weights = initial(vectors)
    std = np.std([1, 2, 3, 4, 5, 6], ddof=1)
    assert weights[VOCAB.stoi["w7"] :].std().item() == pytest.approx(std, rel=0.05)


def test_without_vectors_all_tokens_start_from_noise() -> None:
    weights = initial(None, dim=20)
    assert tuple(weights.shape) == (5004, 20)
    assert weights[2:].std().item() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("with_vectors", [True, False])
def test_markers_start_at_zero(with_vectors: bool, vectors: CachedVectors) -> None:
    weights = initial(vectors if with_vectors else None)
    assert not weights[[UNK_INDEX, PAD_INDEX]].any()


def test_extending_keeps_trained_rows_and_starts_new_ones_from_vectors_or_unk(
    vectors: CachedVectors,
) -> None:
    trained = torch.randn(3, 3)
    vocab = Vocab(["<unk>", "<pad>", "old", "film", "new"])
    weights = extend_embedding(trained, vocab, vectors)
    assert torch.equal(weights[:3], trained)
    assert weights[3].tolist() == [4, 5, 6]
    assert torch.equal(weights[4], trained[UNK_INDEX])


@pytest.mark.parametrize(
    ("tokens", "share"), [(["film", "zyzzyva"], 0.5), (["the", "film"], 1.0), ([], 0.0)]
)
def test_share_of_tokens_with_a_vector(
    vectors: CachedVectors, tokens: list[str], share: float
) -> None:
    assert share_found(tokens, vectors.itos) == share


@pytest.mark.usefixtures("vectors")
def test_no_pickle_is_written(home: Path) -> None:
    names = {path.suffix for path in home.rglob("*") if path.is_file()}
    assert names == {".txt", ".npy", ".json"}
