"""The vocabulary of the training texts."""

from collections import Counter

from senticli.text.vocab import Vocab
from senticli.training.vocabulary import build_vocab, extend_vocab, runtime_vocab

COUNTS = Counter(["the", "film", "film", "the", "plot", "the", "a", "<pad>", "<unk>"])


def test_the_most_frequent_tokens_are_kept_ties_in_alphabetical_order() -> None:
    assert runtime_vocab(build_vocab(COUNTS, 3)).tokens == ["<unk>", "<pad>", "the", "film", "a"]


def test_markers_in_a_text_are_not_counted() -> None:
    assert runtime_vocab(build_vocab(COUNTS, 10)).tokens.count("<pad>") == 1


def test_extending_keeps_ids_and_appends_new_tokens() -> None:
    vocab, other = Vocab(["<unk>", "<pad>", "b", "a"]), Vocab(["<unk>", "<pad>", "c", "a"])
    assert extend_vocab(vocab, other).tokens == ["<unk>", "<pad>", "b", "a", "c"]
