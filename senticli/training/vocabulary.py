"""Building a vocabulary from the training split, with torchtext."""

from collections import Counter

import torchtext.vocab

from senticli.config import PAD, UNK
from senticli.text.vocab import Vocab


def build_vocab(counts: Counter[str], max_size: int) -> torchtext.vocab.Vocab:
    """The ``max_size`` most frequent words, after ``<unk>`` and ``<pad>``.

    Words of equal frequency come in alphabetical order, so that the result is reproducible.
    """
    counts = counts.copy()
    for marker in (UNK, PAD):
        del counts[marker]  # a text may spell them out
    return torchtext.vocab.Vocab(counts, max_size=max_size, specials=(UNK, PAD))


def extended(vocab: Vocab, more: Vocab) -> Vocab:
    """``vocab``, its numbers as they are, and after it the words of ``more`` that it lacks."""
    new = [word for word in more.words[2:] if not vocab.number(word)]
    return Vocab([*vocab.words, *new])


def runtime_vocab(vocab: torchtext.vocab.Vocab) -> Vocab:
    """The same words and numbers without torch, as a bundle stores them."""
    return Vocab(vocab.itos)
