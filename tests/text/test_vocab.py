"""Words and numbers."""

from pathlib import Path

import pytest

from senticli.text.vocab import Vocab


def test_numbers_and_the_unknown() -> None:
    vocab = Vocab(["<unk>", "<pad>", "film", "great"])
    assert [vocab.number(word) for word in ("film", "great", "other")] == [2, 3, 0]
    assert vocab.number("<pad>") == 0


def test_save_and_load_keep_odd_words(tmp_path: Path) -> None:
    words = ["<unk>", "<pad>", "a\u2028b", "\x85", "é", "'s"]
    (tmp_path / "vocab.txt").write_bytes(Vocab(words).to_text().encode())
    assert Vocab.load(tmp_path / "vocab.txt").words == words


def test_a_file_that_is_no_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("hello\n")
    with pytest.raises(ValueError, match="<unk>"):
        Vocab.load(tmp_path / "vocab.txt")
