"""Word vectors learned from the texts."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from senticli.config import TrainConfig
from senticli.data.splits import Part, load_split
from senticli.data.vectors import VectorCache
from senticli.errors import SenticliError
from senticli.events import Progress
from senticli.text.tokenizer import Tokenizer
from senticli.training.corpus import Corpus, corpus_of
from senticli.training.events import VectorsLearned
from senticli.training.own_vectors import OwnVectors, SkipGram, learn, own_vectors
from senticli.training.tokenizer_rules import spacy_rules


@pytest.fixture(scope="module")
def sample() -> tuple[Part, Corpus]:
    [part] = load_split(TrainConfig(data=("sample",)), "train").parts
    return part, corpus_of(part.source, Tokenizer(spacy_rules()))


def skip_gram(**settings: Any) -> SkipGram:
    return SkipGram(**{"dim": 8, "window": 5, "seed": 1, "min_count": 1, **settings})


def learned(
    sample: tuple[Part, Corpus],
    rows: range | None = None,
    start: VectorCache | None = None,
    **settings: Any,
) -> tuple[OwnVectors, list[Any]]:
    part, corpus = sample
    events: list[Any] = []
    found = own_vectors(
        [Part(part.source, rows or part.rows)],
        {part.source.name: corpus},
        "tokenizer",
        skip_gram(**{"passes": 2, **settings}),
        events.append,
        start,
    )
    return found, events


def was_cached(events: list[Any]) -> bool:
    [event] = [event for event in events if isinstance(event, VectorsLearned)]
    return event.cached


def test_every_token_that_occurs_often_enough_has_a_vector(sample: tuple[Part, Corpus]) -> None:
    part, corpus = sample
    vectors = learned(sample, min_count=5)[0].vectors
    counts = corpus.count(part.rows)
    assert set(vectors.tokens) == {token for token, n in counts.items() if n >= 5}
    assert vectors.matrix.shape == (len(vectors.tokens), 8)
    assert np.isfinite(vectors.matrix).all()


def test_words_of_like_company_have_like_vectors() -> None:
    texts = [f"{word} {company}" for word, company in (("a", "x y"), ("b", "x y"), ("c", "z w"))]
    corpus = Corpus.of(texts * 300, Tokenizer(spacy_rules()))
    rows = [(corpus, row) for row in range(900)]
    settings = skip_gram(sample=0.0, passes=10)
    tokens, matrix = learn(rows, settings, lambda event: None)
    a, b, c = (matrix[tokens.index(word)] for word in "abc")
    assert np.linalg.norm(a - b) < 0.5 * np.linalg.norm(a - c)


def test_another_process_learns_the_same_vectors(
    sample: tuple[Part, Corpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = learned(sample)[0].vectors.sha256
    code = (
        "from tests.training.test_own_vectors import *\n"
        "[part] = load_split(TrainConfig(data=('sample',)), 'train').parts\n"
        "print(learned((part, corpus_of(part.source, Tokenizer(spacy_rules()))))[0].vectors.sha256)"
    )
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("SENTICLI_HOME", str(tmp_path / "other"))  # without a cache
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, timeout=120
    )
    assert done.stdout.strip() == expected, done.stderr


def test_another_seed_learns_other_vectors(sample: tuple[Part, Corpus]) -> None:
    first, second = (learned(sample, seed=seed)[0].vectors for seed in (1, 2))
    assert first.tokens == second.tokens
    assert first.sha256 != second.sha256


def test_the_same_texts_and_settings_are_learned_once(sample: tuple[Part, Corpus]) -> None:
    first, before = learned(sample)
    second, after = learned(sample)
    assert (was_cached(before), was_cached(after)) == (False, True)
    assert np.array_equal(first.vectors.matrix, second.vectors.matrix)
    assert second.vectors.sha256 == first.vectors.sha256
    assert second.facts == first.facts  # the time that it took, too


def test_learning_starts_from_published_vectors_of_the_usual_length() -> None:
    corpus = Corpus.of(["film cast plot", "film cast"], Tokenizer(spacy_rules()))
    matrix = np.array([[30, 40], [0, 60], [0, 1]], dtype="f4")  # "film" and "plot": 55 on average
    start = VectorCache(["film", "plot", "zyzzyva"], matrix, "published", "")
    settings = skip_gram(dim=2, min_count=2, passes=0)
    tokens, found = learn([(corpus, 0), (corpus, 1)], settings, lambda event: None, start)
    vectors = dict(zip(tokens, found.tolist(), strict=True))
    assert sorted(vectors) == ["cast", "film", "plot"]
    assert vectors["film"] == pytest.approx([30 / 55, 40 / 55])
    assert vectors["plot"] == pytest.approx([0, 60 / 55])  # too rare to be learned
    assert np.abs(vectors["cast"]).max() <= 0.5  # noise, as without


def test_starting_from_vectors_of_other_words_is_starting_from_noise(
    sample: tuple[Part, Corpus],
) -> None:
    start = VectorCache(["zyzzyva"], np.ones((1, 8), dtype="f4"), "published", "")
    assert learned(sample, start=start)[0].vectors.sha256 == learned(sample)[0].vectors.sha256


def test_vector_of_zeros_is_none_to_start_from(sample: tuple[Part, Corpus]) -> None:
    tokens = sorted(learned(sample)[0].vectors.tokens)
    start = VectorCache(tokens, np.zeros((len(tokens), 8), dtype="f4"), "published", "")
    assert learned(sample, start=start)[0].vectors.sha256 == learned(sample)[0].vectors.sha256


def test_other_vectors_to_start_from_are_learned_again(sample: tuple[Part, Corpus]) -> None:
    ones, twos = (
        VectorCache(["the"], np.full((1, 8), value, dtype="f4"), "published", str(value))
        for value in (1, 2)
    )
    learned(sample, start=ones)
    assert was_cached(learned(sample, start=ones)[1])
    assert not was_cached(learned(sample, start=twos)[1])
    assert not was_cached(learned(sample)[1])


@pytest.mark.parametrize("other", [{"rows": range(100)}, {"window": 3}, {"seed": 2}])
def test_other_texts_or_settings_are_learned_again(
    sample: tuple[Part, Corpus], other: dict[str, Any]
) -> None:
    learned(sample)
    assert not was_cached(learned(sample, **other)[1])


def test_a_damaged_cache_is_replaced(sample: tuple[Part, Corpus], home: Path) -> None:
    first, _ = learned(sample)
    [file] = home.glob("cache/vectors-*/vectors.npy")
    file.write_bytes(file.read_bytes()[:200])
    second, events = learned(sample)
    assert not was_cached(events)
    assert second.vectors.sha256 == first.vectors.sha256
    assert was_cached(learned(sample)[1])


def test_the_newest_stay_in_the_cache(
    sample: tuple[Part, Corpus], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("senticli.training.own_vectors.KEPT", 2)
    for seed in (1, 2, 3):
        learned(sample, seed=seed)
    assert len(list(home.glob("cache/vectors-*"))) == 2
    assert was_cached(learned(sample, seed=2)[1])
    assert not was_cached(learned(sample, seed=1)[1])


def test_progress_is_reported(sample: tuple[Part, Corpus], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("senticli.training.own_vectors.CHUNK", 200)
    _, events = learned(sample)
    done = [(e.done, e.total) for e in events if isinstance(e, Progress)]
    assert done == [(done, 960) for done in (0, 200, 400, 480, 680, 880)]


def test_a_long_text_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Corpus.of(["a " * 30_000 + "b c " * 50], Tokenizer(spacy_rules()))
    settings = skip_gram(sample=0.0, passes=1)

    def vector_of_b() -> list[float]:
        tokens, matrix = learn([(corpus, 0)], settings, lambda event: None)
        vector: list[float] = matrix[tokens.index("b")].tolist()
        return vector

    found = vector_of_b()
    monkeypatch.setattr("senticli.training.own_vectors.LONGEST", 100_000)
    assert vector_of_b() != found  # of a text in one piece, gensim reads the start alone


def test_long_and_empty_texts_are_no_reason_for_a_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("senticli.training.own_vectors.CHUNK", 2)
    monkeypatch.setattr("senticli.training.own_vectors.LONGEST", 100)
    corpus = Corpus.of(["", "", "a b " * 100, ""], Tokenizer(spacy_rules()))
    rows = [(corpus, row) for row in range(4)]
    learn(rows, skip_gram(), lambda event: None)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_too_few_texts_are_an_error(sample: tuple[Part, Corpus]) -> None:
    with pytest.raises(SenticliError, match="no token occurs 1000") as caught:
        learned(sample, min_count=1000, rows=range(3))
    assert "`vectors=none`" in caught.value.hint
