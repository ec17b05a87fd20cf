"""Explanations: the tokens are those of the text, and the heavy ones decide."""

import random
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senticli import Model, explain, load, paths
from senticli.data.labelled import read_labelled
from senticli.explain import (
    MOST_OCCLUSIONS,
    OFTEN_ENOUGH,
    Floats,
    mean_weights,
    strongest,
)
from senticli.text.encoder import TokenIds


@pytest.fixture(scope="module")
def model() -> Model:
    return load("bundled", threads=1)


def test_words_weigh_for_and_against(model: Model) -> None:
    text = "A great film with a terrible ending."
    tokens = model.explain(text, "positive")
    weights = {token.token: token.weight for token in tokens}
    assert weights["great"] > 0.5 > -0.5 > weights["terrible"]
    assert {token.token for token in strongest(tokens, 2)} == {"great", "terrible"}
    against = {token.token: token.weight for token in model.explain(text, "negative")}
    assert against["great"] < 0 < against["terrible"]


def test_a_text_without_words(model: Model) -> None:
    assert model.explain(" <br /> ") == []


def test_an_unknown_word_weighs_nothing(model: Model) -> None:
    weights = {token.token: token.weight for token in model.explain("great xqzzt film")}
    assert weights["xqzzt"] == 0
    assert weights["great"] > 0


def test_a_long_text_is_occluded_by_runs(model: Model) -> None:
    text = "great film " * MOST_OCCLUSIONS
    tokens = model.explain(text)
    assert len(tokens) == 2 * MOST_OCCLUSIONS
    assert tokens[0].weight == tokens[1].weight


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["Great", "film;)", "isn't", "<br />", "BR", "\u2028", "é🙂"])))
def test_spans_are_where_the_tokens_stand(model: Model, parts: list[str]) -> None:
    text = " ".join(parts)
    token_ids, spans = model._tokens(text)
    assert len(token_ids) == len(spans)
    ends = [0, *(end for _, end in spans)]
    assert all(start >= end for (start, _), end in zip(spans, ends, strict=False))
    left = "".join(c for i, c in enumerate(text) if not any(a <= i < b for a, b in spans))
    assert not left.replace("<br />", "").strip()
    for token in model.explain(text):
        assert text[token.start : token.end] == token.token


def test_spans_of_a_text_read_by_its_ends(model: Model) -> None:
    text = "Great " + "the film " * 40_000 + "Awful"
    token_ids, spans = model._tokens(text)
    assert len(token_ids) == len(spans)
    assert [text[start:end] for start, end in (spans[0], spans[-1])] == ["Great", "Awful"]


def test_deleting_the_heaviest_words_moves_more_than_deleting_any(model: Model) -> None:
    texts = [row.text for row in read_labelled(paths.SAMPLE_DATASET / "test.jsonl").examples][:20]
    generator = random.Random(1)
    drops: dict[str, list[float]] = {"top": [], "random": []}
    for text in texts:
        tokens = model.explain(text)
        count = min(5, len(tokens) // 2)
        top = sorted(tokens, key=lambda token: -token.weight)[:count]
        for name, deleted in (("top", top), ("random", generator.sample(tokens, count))):
            rest = text
            for token in sorted(deleted, key=lambda token: -token.start):
                rest = rest[: token.start] + rest[token.end :]
            before, after = model.predict([text, rest])
            column = before.scores.index(max(before.scores))
            drops[name].append(before.scores[column] - after.scores[column])
    assert mean(drops["top"]) > 2 * abs(mean(drops["random"]))


def test_weights_of_three_labels_are_those_against_the_rest(tiny_model: Path) -> None:
    model, text = load(tiny_model, threads=1), "great film, opens at nine"
    before, after = model.predict_proba([text, text.replace("great", "xqzzt")])
    odds = np.log(before / (1 - before)) - np.log(after / (1 - after))
    for label, weight in zip(model.labels, odds, strict=True):
        first = model.explain(text, label)[0]
        assert first.token == "great"
        assert first.weight == pytest.approx(weight, abs=1e-3)
        assert first.raises == model.labels[odds.argmax()]


def test_token_that_weighs_nothing_raises_nothing(model: Model) -> None:
    assert [token.raises is None for token in model.explain("great xqzzt")] == [False, True]


def test_neighbours_share_a_weight_where_fewer_are_measured(model: Model) -> None:
    text = "great film, bad film"
    weights = [token.weight for token in model.explain(text, "positive", most=2)]
    assert len(weights) == 5
    assert len(set(weights)) == 2
    assert weights[0] == weights[1] == weights[2]
    with pytest.raises(ValueError, match="most is 0"):
        model.explain(text, most=0)


WORDS, THINGS = ("great", "awful", "fine"), ("film", "book", "song")
TEXTS = [f"{word} {thing}" for word in WORDS for thing in THINGS]


def test_influences_are_the_mean_weights_of_explain(model: Model) -> None:
    weights: dict[str, list[float]] = {}
    for text in TEXTS:
        for token in model.explain(text, "positive"):
            weights.setdefault(token.token, []).append(token.weight)
    found = model.influences(TEXTS, labels=["positive"])
    assert (found.texts, found.weighed) == (9, 9)
    tokens = found.of["positive"]
    assert {one.token for one in tokens} == {t for t, w in weights.items() if sum(w) > 0}
    for one in tokens:
        assert one.texts == len(weights[one.token]) == 3
        assert one.weight == pytest.approx(sum(weights[one.token]) / 3, abs=1e-3)
    assert [one.weight for one in tokens] == sorted((one.weight for one in tokens), reverse=True)


def test_influences_leave_out_what_is_rare_or_unknown(model: Model) -> None:
    found = model.influences([*TEXTS, "great terrible", "great xqzzt", "xqzzt song", "xqzzt", ""])
    tokens = {one.token for tokens in found.of.values() for one in tokens}
    assert "great" in tokens
    assert not {"terrible", "xqzzt", "<unk>"} & tokens
    assert found.texts == 13


def test_influences_of_nothing(model: Model) -> None:
    found = model.influences([])
    assert (found.texts, found.weighed) == (0, 0)
    assert not any(found.of.values())


def test_frequent_tokens_are_weighed_often_enough_and_no_more() -> None:
    texts = [np.array([2, 3 + n], dtype=np.int32) for n in range(100)]

    def classify(inputs: list[TokenIds]) -> Floats:
        share = np.array([0.9 if 2 in one else 0.5 for one in inputs])
        return np.stack([1 - share, share], axis=1)

    weights, weighed, reached = mean_weights(texts, classify, np.ones(103, bool))
    assert (weighed[2], reached) == (OFTEN_ENOUGH, 100)
    assert (weighed[3:] == 1).all()
    assert weights[2] == pytest.approx([-np.log(9), np.log(9)])
    assert weights[3:] == pytest.approx(0)


def test_weighing_ends_after_so_many_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "MOST_READ", 1)
    texts = [np.array([2, 3], dtype=np.int32)] * 100

    def classify(inputs: list[TokenIds]) -> Floats:
        return np.full((len(inputs), 2), 0.5)

    _, _, reached = mean_weights(texts, classify, np.ones(4, dtype=bool))
    assert reached == explain.TOGETHER
