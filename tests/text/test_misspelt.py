"""Tokens that are spelt nearly like known ones."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senticli.text import misspelt
from senticli.text.misspelt import Corrector
from senticli.text.vocab import Vocab

KNOWN = {token: number for number, token in enumerate(["great", "treat", "good", "so", "terrible"])}


@pytest.mark.parametrize(
    ("token", "known"),
    [
        ("greatt", "great"),
        ("goood", "good"),
        ("goodd", "good"),
        ("soo", "so"),
        ("terible", "terrible"),
        ("terrrible", "terrible"),
        ("terirble", "terrible"),
        ("terribly", "terrible"),
        ("trribe", None),
        ("tereat", "treat"),
        ("greet", "great"),
        ("reat", None),
        ("gret", None),
        ("gr8at", None),
        ("grüat", None),
    ],
)
@pytest.mark.parametrize("few", [300, 0])
def test_nearest(token: str, known: str | None, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misspelt, "FEW", few)
    found = Corrector(KNOWN)(token)
    assert found == (None if known is None else KNOWN[known])


def test_most_frequent_of_several() -> None:
    assert Corrector({"plane": 3, "plait": 2, "plan": 5})("plain") == 2


@settings(deadline=None)
@given(
    st.lists(st.text("abc", min_size=3, max_size=7), unique=True),
    st.text("abc", min_size=1, max_size=7),
)
def test_index_finds_the_same(known: list[str], token: str) -> None:
    ids = {word: number for number, word in enumerate(known)}
    plain, indexed = Corrector(ids), Corrector(ids)
    indexed._calls = misspelt.FEW
    assert plain(token) == indexed(token)


def test_vocabulary_corrects_only_what_it_lacks() -> None:
    vocab = Vocab(["<unk>", "<pad>", "great", "grest"])
    lookup = vocab.lookup(corrects=True)
    assert [lookup(token) for token in ("great", "grest", "greatt", "xyzzy")] == [2, 3, 2, 0]
    assert vocab.lookup(corrects=False)("greatt") == 0
