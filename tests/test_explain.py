"""Explanations: the words are those of the text, and the heavy ones decide."""

import random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senticli import Predictor, load, paths
from senticli.data.labelled import read_labelled
from senticli.explain import MOST_OCCLUSIONS, explain, strongest


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return load("bundled", threads=1)


def test_words_weigh_for_and_against(predictor: Predictor) -> None:
    text = "A great film with a terrible ending."
    words = explain(predictor, text, "positive")
    weights = {word.token: word.weight for word in words}
    assert weights["great"] > 0.5 > -0.5 > weights["terrible"]
    assert {word.token for word in strongest(words, 2)} == {"great", "terrible"}
    against = {word.token: word.weight for word in explain(predictor, text, "negative")}
    assert against == pytest.approx({token: -weight for token, weight in weights.items()})


def test_the_likeliest_label_is_explained(predictor: Predictor) -> None:
    assert explain(predictor, "awful film") == explain(predictor, "awful film", "negative")


def test_a_text_without_words(predictor: Predictor) -> None:
    assert explain(predictor, " <br /> ") == []


def test_an_unknown_word_weighs_nothing(predictor: Predictor) -> None:
    weights = {word.token: word.weight for word in explain(predictor, "great xqzzt film")}
    assert weights["xqzzt"] == 0
    assert weights["great"] > 0


def test_a_long_text_is_occluded_by_runs(predictor: Predictor) -> None:
    text = "great film " * MOST_OCCLUSIONS
    words = explain(predictor, text)
    assert len(words) == 2 * MOST_OCCLUSIONS
    assert words[0].weight == words[1].weight


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["Great", "film;)", "isn't", "<br />", "BR", "\u2028", "é🙂"])))
def test_spans_are_where_the_tokens_stand(predictor: Predictor, parts: list[str]) -> None:
    text = " ".join(parts)
    words, spans = predictor.words(text)
    assert len(words) == len(spans)
    ends = [0, *(end for _, end in spans)]
    assert all(start >= end for (start, _), end in zip(spans, ends, strict=False))
    left = "".join(c for i, c in enumerate(text) if not any(a <= i < b for a, b in spans))
    assert not left.replace("<br />", "").strip()
    for word in explain(predictor, text):
        assert text[word.start : word.end] == word.token


def test_spans_of_a_text_read_by_its_ends(predictor: Predictor) -> None:
    text = "Great " + "the film " * 40_000 + "Awful"
    words, spans = predictor.words(text)
    assert len(words) == len(spans)
    assert [text[start:end] for start, end in (spans[0], spans[-1])] == ["Great", "Awful"]


def test_deleting_the_heaviest_words_moves_more_than_deleting_any(predictor: Predictor) -> None:
    texts = [row.text for row in read_labelled(paths.SAMPLE_DATASET / "test.jsonl").examples][:20]
    generator = random.Random(1)
    drops: dict[str, list[float]] = {"top": [], "random": []}
    for text in texts:
        words = explain(predictor, text)
        count = min(5, len(words) // 2)
        top = sorted(words, key=lambda word: -word.weight)[:count]
        for name, deleted in (("top", top), ("random", generator.sample(words, count))):
            rest = text
            for word in sorted(deleted, key=lambda word: -word.start):
                rest = rest[: word.start] + rest[word.end :]
            before, after = predictor.predict([text, rest])
            column = before.scores.index(max(before.scores))
            drops[name].append(before.scores[column] - after.scores[column])
    assert mean(drops["top"]) > 2 * abs(mean(drops["random"]))
