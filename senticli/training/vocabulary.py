"""Build the vocabulary from the training split, with torchtext."""

from collections import Counter

import torchtext.vocab

from senticli.config import PAD, UNK
from senticli.text.vocab import Vocab


def build_vocab(counts: Counter[str], max_size: int) -> torchtext.vocab.Vocab:
    """Return the ``max_size`` most frequent tokens, after ``<unk>`` and ``<pad>``.

    Tokens of equal frequency come in alphabetical order, so that the result is reproducible.
    """
    counts = counts.copy()
    for marker in (UNK, PAD):
        del counts[marker]  # a text may spell them out
    return torchtext.vocab.Vocab(counts, max_size=max_size, specials=(UNK, PAD))


def extend_vocab(vocab: Vocab, other: Vocab) -> Vocab:
    """Return ``vocab``, with its ids, followed by the tokens of ``other`` that it lacks."""
    new = [token for token in other.tokens[2:] if not vocab.token_id(token)]
    return Vocab([*vocab.tokens, *new])


def runtime_vocab(vocab: torchtext.vocab.Vocab) -> Vocab:
    """Return the same tokens and ids without torch, as a bundle stores them."""
    return Vocab(vocab.itos)
