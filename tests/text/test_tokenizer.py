"""The tokenizer gives spaCy's tokens, and the encoder the ids of the same."""

import json
import os
import random
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senticli.io.jsonfile import INVALID
from senticli.text.encoder import Encoder
from senticli.text.tokenizer import (
    LONGEST_CHUNK,
    PIECE,
    Tokenizer,
    dump_rules,
    load_rules,
)

spacy = pytest.importorskip("spacy")

from senticli.training.tokenizer_rules import compile_rules  # noqa: E402

RULES = compile_rules()
SPACY = spacy.blank("en").tokenizer


# --- examples


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \t\n\r\x0b\x1c\x85\xa0\u2028\u3000", []),
        ("great film", ["great", "film"]),
        ("Great FILM!", ["great", "film", "!"]),
        (
            "  It's\n\nwell-made,\tisn't  it? ",
            ["it", "'s", "well", "-", "made", ",", "is", "n't", "it", "?"],
        ),
        ("one<br /><br />two<BR>three<br/>four<Br  />", ["one", "two", "three", "four"]),
        ("a <b>bold</b> claim", ["a", "<", "b", ">", "bold</b", ">", "claim"]),
        ("I cannot; I gonna, dont", ["i", "can", "not", ";", "i", "gon", "na", ",", "do", "nt"]),
        (
            "“It’s…” – she’d said—no",
            ["“", "it", "’s", "…", "”", "–", "she", "’d", "said", "—", "no"],
        ),
        ("http://imdb.com/title?x=1, a@b.co", ["http://imdb.com/title?x=1", ",", "a@b.co"]),
        ("10km at 9a.m. for $5.50", ["10", "km", "at", "9", "a.m.", "for", "$", "5.50"]),
        ("U.S. e.g. Mr. X vs. Dr. No.", ["u.s.", "e.g.", "mr.", "x", "vs.", "dr.", "no", "."]),
        ("7/10......", ["7/10", "......"]),
        ("👍🏽 中文", ["👍", "🏽", "中文"]),
        # An exception found a second time, among the finished tokens
        ("(x:)", ["(", "x", ":)"]),
        ("great;)", ["great", ";)"]),
        # Taken from ":(" by the longer ":(((", which white space then keeps from being one token
        ("x:(", ["x", ":("]),
        ("x:( ((", ["x", ":", "(", "(", "("]),
        ("x:(  ((", ["x", ":(", "(", "("]),
    ],
)
def test_tokens_of_examples(text: str, tokens: list[str]) -> None:
    assert Tokenizer(RULES)(text) == tokens


CASED = "AREN'T they? Dont. 5KM 5km film.Next"


def test_lowercase_false_keeps_case() -> None:
    tokens = Tokenizer(RULES, lowercase=False)(CASED)
    assert tokens == ["AREN'T", "they", "?", "Do", "nt", ".", "5KM", "5", "km", "film", ".", "Next"]


def test_lowercase_does_not_change_where_a_text_is_split() -> None:
    cased = Tokenizer(RULES, lowercase=False)(CASED)
    assert Tokenizer(RULES)(CASED) == [token.lower() for token in cased]


def test_spans_are_where_the_tokens_stand() -> None:
    text = "It's<br />GREAT;)\n fun"
    tokenizer = Tokenizer(RULES, lowercase=False)
    assert [text[start:end] for start, end in tokenizer.spans(text)] == tokenizer(text)


def test_a_very_long_chunk_is_split_into_pieces() -> None:
    tokens = Tokenizer(RULES)("x" * (LONGEST_CHUNK + 1))
    assert [len(token) for token in tokens] == [PIECE] * (LONGEST_CHUNK // PIECE) + [1]


def test_a_chunk_that_its_neighbours_may_affect_has_no_tokens_of_its_own() -> None:
    tokenizer = Tokenizer(RULES)
    assert tokenizer.tokenize_chunk("it's") == ["it", "'s"]
    assert tokenizer.tokenize_chunk("x:(") is None


# --- rules as a file


def test_rules_survive_being_saved() -> None:
    loaded = load_rules(dump_rules(RULES).encode())
    assert loaded == RULES
    text = "“Don't!” (they'd said:) 10km. ツ"
    assert Tokenizer(loaded)(text) == Tokenizer(RULES)(text)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"prefix": ""}', b"\xff"])
def test_invalid_rules_are_rejected(content: bytes) -> None:
    with pytest.raises(INVALID):
        load_rules(content)


def test_fingerprint_does_not_depend_on_the_order_of_rules() -> None:
    shuffled = json.loads(json.dumps(dict(reversed(RULES.items()))))
    fingerprint = Tokenizer(shuffled).fingerprint
    assert re.fullmatch("[0-9a-f]{16}", fingerprint)
    assert fingerprint == Tokenizer(RULES).fingerprint


def test_fingerprint_changes_with_rules_and_casing() -> None:
    fingerprint = Tokenizer(RULES).fingerprint
    assert Tokenizer(RULES, lowercase=False).fingerprint != fingerprint
    assert Tokenizer({**RULES, "infix": "-"}).fingerprint != fingerprint


def test_importing_the_tokenizer_loads_no_heavy_module() -> None:
    code = "import sys, senticli.text.tokenizer; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert not {"spacy", "torch", "numpy"} & set(result.stdout.split())


# --- equal to spaCy

_SPACES = [
    " ",
    " ",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    " \n",
    "\xa0",
    "\u3000",
    "\u2028",
    "\x1c",
    "\x85",
]
_MARKS = [
    *"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~…’‘“”–—°¬²µ€£¿«»·。",
    *("..", "...", "--", "---", "'s", "’S", "US$", ":)", ";-)", "<3", ":(((", "</3"),
]
_WORDS = [
    *("a", "I", "X", "km", "km/h", "10", "3.5", "1,000", "2019-01-01", "12:30", "5pm", "C", "½"),
    *("film", "Film", "FILM", "well-made", "and/or", "cannot", "isn't", "p.m", "Dr", "U.S.", "US"),
    *("http://", "www.", "imdb.com", "a@b.co", "127.0.0.1", "é", "É", "ß", "İ", "я", "中文", "🙂"),
    *("👍🏽", "\u200b", "\u200d", "\ufeff", "\u0301", "٣", "ツ"),
]
_EXCEPTIONS = sorted(RULES["exceptions"])
_SECOND_PASS = sorted(RULES["sequences"])
_SECOND_PASS_TOKENS = sorted({token for tokens in RULES["sequences"].values() for token in tokens})
_TOKENIZER = Tokenizer(RULES, lowercase=False)
_LEXICON: dict[str, int] = {}
_ENCODER = Encoder(
    _TOKENIZER, lambda token: _LEXICON.setdefault(token, len(_LEXICON)), cache_size=1_000
)


def spacy_tokens(text: str) -> list[str]:
    return [token.text for token in SPACY(text) if not token.is_space]


def tokens_of(text: str) -> list[str]:
    """The tokens of ``text``, of which the encoder, chunk by chunk, must give the ids."""
    ids, tokens = _ENCODER(text).tolist(), _TOKENIZER(text)
    assert ids == [_LEXICON.get(token) for token in tokens]
    return tokens


def texts(*pools: list[str]) -> st.SearchStrategy[str]:
    """Fragments of the pools, run together."""
    return st.lists(st.one_of([st.sampled_from(pool) for pool in pools]), max_size=12).map("".join)


def spellings(text: str) -> list[str]:
    return [text, text.lower(), text.upper(), text.title()]


@settings(max_examples=600, deadline=None)
@given(st.text())
def test_equal_to_spacy_on_any_text(text: str) -> None:
    assert tokens_of(text) == spacy_tokens(text)


@settings(max_examples=600, deadline=None)
@given(texts(_SPACES, _MARKS, _WORDS, _EXCEPTIONS))
def test_equal_to_spacy_on_words_and_marks(text: str) -> None:
    for spelling in spellings(text):
        assert tokens_of(spelling) == spacy_tokens(spelling)


@settings(max_examples=1_000, deadline=None)
@given(texts(_SECOND_PASS_TOKENS, _SECOND_PASS_TOKENS, _SECOND_PASS, _SPACES, _MARKS))
def test_equal_to_spacy_where_the_second_pass_replaces_tokens(text: str) -> None:
    assert tokens_of(text) == spacy_tokens(text)


@settings(max_examples=600, deadline=None)
@given(st.text(":()-;'’.*°_><=8DPo \\/[]|a", max_size=24))
def test_equal_to_spacy_on_emoticons(text: str) -> None:
    assert tokens_of(text) == spacy_tokens(text)


@pytest.mark.parametrize("pool", [_EXCEPTIONS, _MARKS, _WORDS])
def test_equal_to_spacy_on_every_fragment_between_others(pool: list[str]) -> None:
    for fragment in pool:
        for text in (fragment, f"({fragment})", f"x{fragment}", f"{fragment}y", f"1{fragment}."):
            for spelling in spellings(text):
                assert tokens_of(spelling) == spacy_tokens(spelling)


def test_equal_to_spacy_on_every_character_of_the_rules() -> None:
    """Alone, as prefix, suffix and infix; some hundred characters a text, for speed."""
    codes = [*range(0x3100), *range(0xFF00, 0xFFF0), *range(0x1F300, 0x1FA80)]
    for start in range(0, len(codes), 500):
        text = " ".join(
            f"{char} {char}a b{char} c{char}d 1{char}2 A{char}B {char}."
            for char in map(chr, codes[start : start + 500])
        )
        assert tokens_of(text) == spacy_tokens(text)


def test_equal_to_spacy_with_another_token_match() -> None:
    """English has no ``token_match``; other rules may."""
    pattern = r"^\(\w+-\w+"
    other = type(SPACY)(
        spacy.blank("en").vocab,
        rules=SPACY.rules,
        prefix_search=SPACY.prefix_search,
        suffix_search=SPACY.suffix_search,
        infix_finditer=SPACY.infix_finditer,
        token_match=re.compile(pattern).match,
        url_match=SPACY.url_match,
    )
    common = RULES["common"] | {"token_match": pattern}
    tokenizer = Tokenizer(RULES | {"token_match": pattern, "common": common}, lowercase=False)
    for text in ("(well-made)", "((well-made)", "“(well-made)”", "ツ(well-made)", "(made)"):
        assert tokenizer(text) == [token.text for token in other(text)]


def imdb_reviews(archive: Path, share: float) -> Iterator[str]:
    choose = random.Random(0)
    with tarfile.open(archive, "r|gz") as tar:
        for member in tar:
            if re.fullmatch(r"aclImdb/\w+/\w+/\w+\.txt", member.name) and choose.random() < share:
                file: Any = tar.extractfile(member)
                yield file.read().decode()


def test_equal_to_spacy_on_real_reviews(test_data: Path) -> None:
    """5,000 of the 100,000 reviews; all of them with SENTICLI_TEST_FULL=1 (minutes)."""
    full = os.environ.get("SENTICLI_TEST_FULL") == "1"
    tokenizer = Tokenizer(RULES)
    ids: dict[str, int] = {}
    encoder = Encoder(tokenizer, lambda token: ids.setdefault(token, len(ids)))
    count = differing = 0
    for review in imdb_reviews(test_data / "aclImdb_v1.tar.gz", share=1 if full else 0.05):
        count += 1
        text = re.sub("<(br|BR)( /)?>", " ", review)  # two reviews write it without the slash
        expected = [token.lower() for token in spacy_tokens(text)]
        differing += encoder(review).tolist() != [ids.get(token) for token in expected]
    assert differing == 0, f"differing reviews: {differing} of {count}"
    assert count == 100_000 if full else 4_500 < count < 5_500
