"""Tokens as numbers: those of the tokenizer, kept for the next time."""

from collections import Counter
from pathlib import Path

import pytest

from senticli.data.splits import Example, Source
from senticli.text.tokenizer import Tokenizer
from senticli.training import corpus as module
from senticli.training.corpus import Corpus, corpus_of
from senticli.training.tokenizer_rules import compile_rules, spacy_rules

TEXTS = ["It isn't good;) the film", "", "The film the film!", "  \u2028 été"]


def source(tokens: Path | None, sha256: str = "0" * 64) -> Source:
    return Source("made/up", [Example(text, "a") for text in TEXTS], sha256, tokens)


@pytest.mark.parametrize("lowercase", [True, False])
def test_the_words_are_those_of_the_tokenizer(lowercase: bool) -> None:
    rules = spacy_rules()
    tokenize = Tokenizer(rules, lowercase=lowercase)
    corpus = Corpus.of(TEXTS, rules, lowercase=lowercase)
    rows = [3, 0, 1, 2]
    numbers = {word: number + 100 for number, word in enumerate(corpus.words)}
    words = {number: word for word, number in numbers.items()}
    found = corpus.texts(rows, numbers.__getitem__)
    assert [[words[n] for n in text] for text in found] == [tokenize(TEXTS[row]) for row in rows]
    assert corpus.count([0, 2]) == Counter(tokenize(TEXTS[0]) + tokenize(TEXTS[2]))
    assert corpus.count([1]) == Counter()
    assert Corpus.of([], rules, lowercase=True).texts([], len) == []


def test_they_are_cut_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = spacy_rules()
    (tmp_path / "imdb").mkdir()
    tokens = tmp_path / "imdb" / "tokens-train"
    first = corpus_of(source(tokens), rules, "abc", lowercase=True)
    (kept,) = tokens.parent.iterdir()
    assert kept.name == "tokens-train-abc.npz"

    def cut(*_: object, **__: object) -> Corpus:
        raise AssertionError("cut again")

    with monkeypatch.context() as patch:
        patch.setattr(Corpus, "of", cut)
        again = corpus_of(source(tokens), rules, "abc", lowercase=True)
        assert again.words == first.words
        assert again.numbers.tolist() == first.numbers.tolist()
        assert again.ends.tolist() == first.ends.tolist()
        for other in (source(tokens, "1" * 64), source(None)):
            with pytest.raises(AssertionError, match="cut again"):
                corpus_of(other, rules, "abc", lowercase=True)
        with pytest.raises(AssertionError, match="cut again"):
            corpus_of(source(tokens), rules, "another tokenizer", lowercase=True)
    for damaged in (b"", kept.read_bytes()[:300]):
        kept.write_bytes(damaged)
        assert corpus_of(source(tokens), rules, "abc", lowercase=True).words == first.words


def test_where_nothing_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(module, "replace_file", full)
    tokens = tmp_path / "tokens"
    corpus = corpus_of(source(tokens), compile_rules(), "abc", lowercase=True)
    assert len(corpus.ends) == len(TEXTS)
    assert not list(tmp_path.glob("tokens*"))
