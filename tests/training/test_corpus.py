"""Tokenized texts: the tokens of the tokenizer, cached for each source and tokenizer."""

import os
from collections import Counter
from pathlib import Path

import pytest

from senticli.data.labelled import Example
from senticli.data.splits import Source
from senticli.text.tokenizer import Tokenizer
from senticli.training import corpus as module
from senticli.training.corpus import Corpus, corpus_of
from senticli.training.tokenizer_rules import compile_rules

TEXTS = ["It isn't good;) the film", "", "The film the film!", "  \u2028 été"]
RULES = compile_rules()
TOKENIZER, CASED = Tokenizer(RULES), Tokenizer(RULES, lowercase=False)


def source(cache: Path | None, sha256: str = "0" * 64) -> Source:
    return Source("made/up", [Example(text, "a") for text in TEXTS], sha256, cache)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "imdb").mkdir()
    return tmp_path / "imdb" / "tokens-train"


@pytest.mark.parametrize("tokenizer", [TOKENIZER, CASED], ids=["lower-case", "cased"])
def test_tokens_are_those_of_the_tokenizer(tokenizer: Tokenizer) -> None:
    corpus = Corpus.of(TEXTS, tokenizer)
    vocabulary = {token: index + 100 for index, token in enumerate(corpus.tokens)}
    tokens = {index: token for token, index in vocabulary.items()}
    rows = [3, 0, 1, 2]
    encoded = corpus.encode(rows, vocabulary.__getitem__)
    assert [[tokens[i] for i in ids] for ids in encoded] == [tokenizer(TEXTS[r]) for r in rows]


def test_tokens_are_counted_in_some_texts() -> None:
    corpus = Corpus.of(TEXTS, TOKENIZER)
    assert corpus.count([0, 2]) == Counter(TOKENIZER(TEXTS[0]) + TOKENIZER(TEXTS[2]))
    assert corpus.count([1]) == Counter()


def test_a_corpus_may_have_no_texts() -> None:
    assert Corpus.of([], TOKENIZER).encode([], len) == []


def test_the_cache_is_named_for_source_and_tokenizer(cache: Path) -> None:
    corpus_of(source(cache), TOKENIZER)
    (path,) = cache.parent.iterdir()
    assert path.name == f"tokens-train-{TOKENIZER.fingerprint}.npz"


def test_a_cached_source_is_not_tokenized_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = corpus_of(source(cache), TOKENIZER)
    monkeypatch.setattr(Corpus, "of", tokenized_again)
    second = corpus_of(source(cache), TOKENIZER)
    assert second.tokens == first.tokens
    assert second.token_ids.tolist() == first.token_ids.tolist()
    assert second.ends.tolist() == first.ends.tolist()


@pytest.mark.parametrize(
    ("sha256", "cached", "tokenizer"),
    [("1" * 64, True, TOKENIZER), ("0" * 64, False, TOKENIZER), ("0" * 64, True, CASED)],
    ids=["other content", "no place for a cache", "other tokenizer"],
)
def test_another_source_or_tokenizer_is_tokenized(
    sha256: str, cached: bool, tokenizer: Tokenizer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus_of(source(cache), TOKENIZER)
    monkeypatch.setattr(Corpus, "of", tokenized_again)
    with pytest.raises(AssertionError, match="tokenized again"):
        corpus_of(source(cache if cached else None, sha256), tokenizer)


@pytest.mark.parametrize("size", [0, 300])
def test_a_damaged_cache_is_replaced(size: int, cache: Path) -> None:
    first = corpus_of(source(cache), TOKENIZER)
    (path,) = cache.parent.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:size])
    assert corpus_of(source(cache), TOKENIZER).tokens == first.tokens
    assert path.stat().st_size == len(whole)


def test_the_caches_of_two_tokenizers_are_kept(cache: Path) -> None:
    other = Tokenizer({**RULES, "infix": "-"})
    corpus_of(source(cache), other)
    (oldest,) = cache.parent.iterdir()
    os.utime(oldest, (0, 0))
    for tokenizer in (TOKENIZER, CASED):
        corpus_of(source(cache), tokenizer)
    kept = {path.name.removeprefix("tokens-train-") for path in cache.parent.iterdir()}
    assert kept == {f"{tokenizer.fingerprint}.npz" for tokenizer in (TOKENIZER, CASED)}


def test_a_source_is_tokenized_even_if_its_cache_cannot_be_written(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(module, "replace_file", full)
    assert len(corpus_of(source(cache), TOKENIZER).ends) == len(TEXTS)
    assert not list(cache.parent.iterdir())


def tokenized_again(*_: object) -> Corpus:
    raise AssertionError("tokenized again")
