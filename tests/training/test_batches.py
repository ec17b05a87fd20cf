"""Batches: every text once, little padding, reproducible order."""

import numpy as np
import torch

from senticli.training.batches import Batches, prefetched

PAD = 1


def make(seed: int | None, count: int = 1000) -> Batches:
    lengths = np.random.default_rng(0).integers(1, 300, size=count)
    texts = [np.full(length, row + 2, dtype=np.int32) for row, length in enumerate(lengths)]
    return Batches(
        texts, [row % 2 for row in range(count)], batch_size=32, pad_index=PAD, seed=seed
    )


def test_every_text_comes_once_with_its_label() -> None:
    batches = make(1)
    rows = []
    for batch in batches.epoch(1):
        for tokens, length, label in zip(batch.tokens, batch.lengths, batch.labels, strict=True):
            row = int(tokens[0]) - 2
            assert (tokens[:length] == row + 2).all()
            assert (tokens[length:] == PAD).all()
            assert label == row % 2
            rows.append(row)
    assert sorted(rows) == list(range(1000))
    assert len(list(batches.epoch(1))) == len(batches) == 32


def test_little_of_a_batch_is_padding() -> None:
    padded = sum(batch.tokens.numel() for batch in make(1).epoch(1))
    assert make(None).tokens / padded > 0.95


def test_the_order_changes_each_epoch_and_repeats_with_the_seed() -> None:
    def order(batches: Batches, epoch: int) -> list[int]:
        return [int(text[0]) for batch in batches.epoch(epoch) for text in batch.tokens]

    batches = make(1)
    first, second = order(batches, 1), order(batches, 2)
    assert first != second
    assert order(batches, 1) == first
    assert order(make(2), 1) != first


def test_an_epoch_can_go_on_in_the_middle() -> None:
    whole = [batch.labels for batch in make(1).epoch(3)]
    rest = [batch.labels for batch in make(1).epoch(3, start=20)]
    assert all(map(torch.equal, rest, whole[20:]))
    assert len(rest) == len(whole) - 20


def test_rows_of_a_batch_are_padded_to_their_longest() -> None:
    batch = next(make(1, count=50).epoch(1))
    some = batch.rows(slice(0, 1))
    assert some.tokens.shape == (1, int(batch.lengths[0]))
    assert torch.equal(some.labels, batch.labels[:1])


def test_prefetching_changes_nothing() -> None:
    assert list(prefetched(iter(range(5)))) == list(range(5))
    assert list(prefetched(iter(()))) == []


def test_without_a_seed_batches_come_by_length() -> None:
    lengths = [int(length) for batch in make(None).epoch() for length in batch.lengths]
    assert lengths == sorted(lengths)
