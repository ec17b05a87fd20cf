"""The vocabulary: ids of tokens, and its file."""

import pytest

from senticli.text.vocab import Vocab

VOCAB = Vocab(["<unk>", "<pad>", "film", "great"])


def test_ids_follow_the_order_of_tokens() -> None:
    assert [VOCAB.token_id(token) for token in ("film", "great")] == [2, 3]


@pytest.mark.parametrize("token", ["other", "<unk>", "<pad>"])
def test_an_unknown_token_or_a_marker_in_a_text_has_the_id_of_unk(token: str) -> None:
    assert VOCAB.token_id(token) == 0


def test_unusual_tokens_survive_being_saved() -> None:
    tokens = ["<unk>", "<pad>", "a\u2028b", "\x85", "é", "'s"]
    assert Vocab.from_text(Vocab(tokens).to_text().encode()).tokens == tokens


def test_a_file_without_the_markers_is_rejected() -> None:
    with pytest.raises(ValueError, match="<unk>"):
        Vocab.from_text(b"hello\n")
