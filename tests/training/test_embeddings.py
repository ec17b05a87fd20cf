"""Vocabulary from training texts, first weights from vectors."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from senticli.data.vectors import cached_vectors
from senticli.text.vocab import PAD_INDEX, UNK_INDEX
from senticli.training.embeddings import CachedVectors, initial_embedding
from senticli.training.vocabulary import build_vocab, runtime_vocab

COUNTS = Counter(["the", "film", "film", "the", "plot", "the", "a", "<pad>", "<unk>"])


def glove(path: Path) -> Path:
    path.write_text("the 1 2 3\nfilm 4 5 6\nother 7 8 9\n")
    return path


def test_the_most_frequent_words_are_kept() -> None:
    vocab = runtime_vocab(build_vocab(COUNTS, 3))
    assert vocab.words == ["<unk>", "<pad>", "the", "film", "a"]
    assert vocab.number("plot") == vocab.number("<pad>") == UNK_INDEX


def test_words_with_vectors_take_them_and_the_others_their_spread(tmp_path: Path) -> None:
    counts = Counter(["the", "film", *(f"w{number}" for number in range(5000))])
    vocab = build_vocab(counts, 10_000)
    vectors = CachedVectors(cached_vectors(str(glove(tmp_path / "v.txt"))))
    weights, found = initial_embedding(vocab, vectors, 3, torch.Generator().manual_seed(0))
    assert found == 2 / 5002
    assert weights[vocab.stoi["film"]].tolist() == [4, 5, 6]
    assert not weights[[UNK_INDEX, PAD_INDEX]].any()
    spread = np.std([1, 2, 3, 4, 5, 6], ddof=1)
    assert weights[vocab.stoi["w7"] :].std().item() == pytest.approx(spread, rel=0.05)


def test_without_vectors_it_starts_from_noise() -> None:
    vocab = build_vocab(COUNTS, 10)
    weights, found = initial_embedding(vocab, None, 20, torch.Generator().manual_seed(0))
    assert (found, tuple(weights.shape)) == (0, (6, 20))
    assert not weights[[UNK_INDEX, PAD_INDEX]].any()
    assert weights[2:].abs().min() > 0


def test_no_pickle_is_written(tmp_path: Path, home: Path) -> None:
    CachedVectors(cached_vectors(str(glove(tmp_path / "v.txt"))))
    names = {path.suffix for path in home.rglob("*") if path.is_file()}
    assert names == {".txt", ".npy", ".json"}
