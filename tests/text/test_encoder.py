"""The encoder: ids for tokens, with a cache that changes nothing."""

import numpy as np
import pytest

pytest.importorskip("spacy")

from senticli.text.encoder import Encoder
from senticli.text.tokenizer import Tokenizer
from senticli.training.tokenizer_rules import compile_rules

TOKENIZER = Tokenizer(compile_rules())
IDS = {"great": 2, "film": 3, ":)": 4}


def token_id(token: str) -> int:
    return IDS.get(token, 0)


def hash_of(token: str) -> int:
    return sum(map(ord, token))


def test_every_token_gets_its_id() -> None:
    ids = Encoder(TOKENIZER, token_id)("Great film, (really:)")
    assert ids.dtype == np.int32
    assert ids.tolist() == [2, 3, 0, 0, 0, 4]


@pytest.mark.parametrize("text", ["", " \n\t", "<br />"])
def test_a_text_without_tokens_gives_no_ids(text: str) -> None:
    assert Encoder(TOKENIZER, token_id)(text).tolist() == []


def test_a_full_cache_changes_no_id() -> None:
    small, large = (Encoder(TOKENIZER, hash_of, cache_size=size) for size in (10, 10_000))
    for number in range(100):
        text = f"it's number {number}, the {number}th; " + "x" * number
        assert small(text).tolist() == large(text).tolist()


def test_the_cache_is_bounded() -> None:
    encoder = Encoder(TOKENIZER, token_id, cache_size=10)
    encoder(" ".join(map(str, range(1000))))
    assert len(encoder._cache) <= 10


def test_long_chunks_are_not_cached() -> None:
    encoder = Encoder(TOKENIZER, token_id)
    encoder(f"short {'x' * 65}")
    assert list(encoder._cache) == ["short"]
