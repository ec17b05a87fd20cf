"""Batches: every text once, little padding, a reproducible order."""

import numpy as np
import pytest
import torch

from senticli.training.batches import POOL, Batches, draw, prefetched

PAD = 1


def make(seed: int | None, count: int = 1000) -> Batches:
    lengths = np.random.default_rng(0).integers(1, 300, size=count)
    texts = [np.full(length, row + 2, dtype=np.int32) for row, length in enumerate(lengths)]
    return Batches(
        texts, [row % 2 for row in range(count)], batch_size=32, pad_index=PAD, seed=seed
    )


def order(seed: int, epoch: int) -> list[int]:
    return [int(ids[0]) for batch in make(seed).epoch(epoch) for ids in batch.token_ids]


def test_every_text_comes_once_with_its_label() -> None:
    rows = []
    for batch in make(1).epoch(1):
        for ids, length, label in zip(batch.token_ids, batch.lengths, batch.labels, strict=True):
            row = int(ids[0]) - 2
            assert (ids[:length] == row + 2).all()
            assert (ids[length:] == PAD).all()
            assert label == row % 2
            rows.append(row)
    assert sorted(rows) == list(range(1000))


def test_length_is_the_number_of_batches() -> None:
    assert len(list(make(1).epoch(1))) == len(make(1)) == 32


def test_little_of_a_batch_is_padding() -> None:
    padded = sum(batch.token_ids.numel() for batch in make(1).epoch(1))
    assert make(None).n_tokens / padded > 0.95


def test_the_order_changes_with_the_epoch() -> None:
    assert order(seed=1, epoch=1) != order(seed=1, epoch=2)


def test_the_order_follows_from_the_seed() -> None:
    assert order(seed=1, epoch=1) == order(seed=1, epoch=1)
    assert order(seed=1, epoch=1) != order(seed=2, epoch=1)


def test_an_epoch_resumes_at_any_batch() -> None:
    whole = [batch.labels for batch in make(1).epoch(3)]
    rest = [batch.labels for batch in make(1).epoch(3, start=20)]
    assert all(map(torch.equal, rest, whole[20:]))
    assert len(rest) == len(whole) - 20


def test_rows_of_a_batch_are_padded_to_their_longest() -> None:
    batch = next(make(1, count=50).epoch(1))
    part = batch.rows(slice(0, 1))
    assert part.token_ids.shape == (1, int(batch.lengths[0]))
    assert torch.equal(part.labels, batch.labels[:1])


@pytest.mark.parametrize("count", [0, 5])
def test_prefetching_yields_the_same_items(count: int) -> None:
    assert list(prefetched(iter(range(count)))) == list(range(count))


def test_without_a_seed_batches_come_by_length() -> None:
    lengths = [int(length) for batch in make(None).epoch() for length in batch.lengths]
    assert lengths == sorted(lengths)


def test_distributions_stay_with_their_texts() -> None:
    texts = [np.full(n, n, dtype=np.int32) for n in (3, 1, 2)]
    soft = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]])
    [batch] = Batches(texts, soft, batch_size=3, pad_index=0).epoch()
    assert batch.labels.tolist() == [[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]]
    assert batch.likeliest.tolist() == [0, 0, 1]
    assert batch.rows(slice(2, 3)).labels.tolist() == [[0.25, 0.75]]
    assert batch.repeated(2).labels.tolist() == batch.labels.tolist() * 2


def mixed(sizes: tuple[int, ...], shares: tuple[float, ...] | None) -> Batches:
    lengths = np.random.default_rng(0).integers(1, 300, size=sum(sizes))
    texts = [np.full(length, row + 2, dtype=np.int32) for row, length in enumerate(lengths)]
    labels = [source for source, size in enumerate(sizes) for _ in range(size)]
    return Batches(texts, labels, batch_size=8, pad_index=PAD, seed=1, sizes=sizes, shares=shares)


def rows_of(batches: Batches, epoch: int) -> list[int]:
    return [int(ids[0]) - 2 for batch in batches.epoch(epoch) for ids in batch.token_ids]


def test_epoch_has_the_share_of_each_source_and_is_as_long() -> None:
    batches = mixed((600, 300, 100), (0.25, 0.25, 0.5))
    sources = np.concatenate([batch.labels for batch in batches.epoch(2)])
    assert np.bincount(sources).tolist() == [250, 250, 500]
    assert len(batches) == len(list(batches.epoch(1))) == 125
    assert batches.n_tokens == sum(int(batch.lengths.sum()) for batch in batches.epoch(1))


def test_no_source_is_left_out_of_an_epoch() -> None:
    batches = mixed((10, 10), (0.999, 0.001))
    assert sum(row >= 10 for row in rows_of(batches, 1)) == 1


@pytest.mark.parametrize(("size", "count"), [(100, 30), (100, 100), (7, 30)])
def test_draws_run_through_one_pass_after_another(size: int, count: int) -> None:
    epochs = [draw(size, count, epoch, seed=1, source=2) for epoch in range(1, 22)]
    assert {len(rows) for rows in epochs} == {count}
    drawn = np.concatenate(epochs)
    passes = drawn[: len(drawn) // size * size].reshape(-1, size)
    assert (np.sort(passes) == np.arange(size)).all()
    assert len({tuple(order) for order in passes.tolist()}) == len(passes)


def test_proportional_mixture_has_the_order_of_a_single_source() -> None:
    """That of the first release, to the bit: a permutation of all texts, in sorted pools."""
    sizes = (613, 287, 100)
    batches = mixed(sizes, tuple(size / sum(sizes) for size in sizes))
    lengths = np.random.default_rng(0).integers(1, 300, size=1000)
    random = np.random.default_rng((1, 3))
    order = random.permutation(1000)
    expected = []
    for start in range(0, 1000, 8 * POOL):
        pool = order[start : start + 8 * POOL]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        expected += [pool[at : at + 8] for at in range(0, len(pool), 8)]
    random.shuffle(expected)
    assert rows_of(batches, 3) == np.concatenate(expected).tolist()


def test_mixed_epoch_resumes_at_any_batch() -> None:
    batches, again = (mixed((60, 20), (0.5, 0.5)) for _ in range(2))
    whole = [batch.token_ids for batch in batches.epoch(4)]
    rest = [batch.token_ids for batch in again.epoch(4, start=3)]
    assert all(map(torch.equal, rest, whole[3:]))


def test_known_labels_stay_with_their_texts() -> None:
    texts = [np.full(n, n, dtype=np.int32) for n in (3, 1, 2)]
    known = np.array([[True, False, True], [True, True, True], [True, True, False]])
    [batch] = Batches(texts, [0, 1, 1], batch_size=3, pad_index=0, known=known).epoch()
    assert batch.known is not None
    assert batch.known.tolist() == known[[1, 2, 0]].tolist()
    part = batch.rows(slice(2, 3)).repeated(2)
    assert part.known is not None
    assert part.known.tolist() == [[True, False, True]] * 2
