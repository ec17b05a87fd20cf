"""Tokens that are spelt nearly like known ones."""

import pytest

from senticli.text.misspelt import correct
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
def test_nearest(token: str, known: str | None) -> None:
    found = correct(token, KNOWN)
    assert found == (None if known is None else KNOWN[known])


def test_most_frequent_of_several() -> None:
    assert correct("plain", {"plane": 3, "plait": 2, "plan": 5}) == 2


def test_vocabulary_corrects_only_what_it_lacks() -> None:
    vocab = Vocab(["<unk>", "<pad>", "great", "grest"])
    lookup = vocab.lookup(corrects=True)
    assert [lookup(token) for token in ("great", "grest", "greatt", "xyzzy")] == [2, 3, 2, 0]
    assert vocab.lookup(corrects=False)("greatt") == 0
