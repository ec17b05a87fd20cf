"""Batches: every text once, little padding, reproducible order."""

import numpy as np

from senticli.training.batches import Batches

PAD = 1


def make(generator: np.random.Generator | None, count: int = 1000) -> Batches:
    lengths = np.random.default_rng(0).integers(1, 300, size=count)
    texts = [np.full(length, row + 2, dtype=np.int32) for row, length in enumerate(lengths)]
    return Batches(
        texts, [row % 2 for row in range(count)], batch_size=32, pad_index=PAD, generator=generator
    )


def test_every_text_comes_once_with_its_label() -> None:
    batches = make(np.random.default_rng(1))
    rows = []
    for batch in batches:
        for tokens, length, label in zip(batch.tokens, batch.lengths, batch.labels, strict=True):
            row = int(tokens[0]) - 2
            assert (tokens[:length] == row + 2).all()
            assert (tokens[length:] == PAD).all()
            assert label == row % 2
            rows.append(row)
    assert sorted(rows) == list(range(1000))
    assert len(list(batches)) == len(batches) == 32


def test_little_of_a_batch_is_padding() -> None:
    padded = sum(batch.tokens.numel() for batch in make(np.random.default_rng(1)))
    assert make(None).tokens / padded > 0.95


def test_the_order_changes_each_epoch_and_repeats_with_the_seed() -> None:
    def order(batches: Batches) -> list[int]:
        return [int(text[0]) for batch in batches for text in batch.tokens]

    batches = make(np.random.default_rng(1))
    first, second = order(batches), order(batches)
    assert first != second
    assert order(make(np.random.default_rng(1))) == first


def test_without_a_generator_batches_come_by_length() -> None:
    lengths = [int(length) for batch in make(None) for length in batch.lengths]
    assert lengths == sorted(lengths)
