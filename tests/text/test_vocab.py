"""Words and numbers."""

import pytest

from senticli.text.vocab import Vocab


def test_numbers_and_the_unknown() -> None:
    vocab = Vocab(["<unk>", "<pad>", "film", "great"])
    assert [vocab.number(word) for word in ("film", "great", "other")] == [2, 3, 0]
    assert vocab.number("<pad>") == 0


def test_odd_words_survive() -> None:
    words = ["<unk>", "<pad>", "a\u2028b", "\x85", "é", "'s"]
    assert Vocab.from_text(Vocab(words).to_text().encode()).words == words


def test_what_is_no_vocabulary() -> None:
    with pytest.raises(ValueError, match="<unk>"):
        Vocab.from_text(b"hello\n")
