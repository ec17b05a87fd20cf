"""One form for what everyday texts spell in many ways."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senticli.text.encoder import Encoder
from senticli.text.normalization import EVERYDAY, align_text, normalize_text
from senticli.text.tokenizer import Tokenizer
from senticli.training.tokenizer_rules import spacy_rules

TOKENIZER = Tokenizer(spacy_rules(), normalization=EVERYDAY)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", ""),
        ("***", ""),
        ("ISN'T it?", "is n't it ?"),
        ("Mr. X ate in the U.K., e.g. at noon", "mr. x ate in the u.k . , e.g. at noon"),
        ("I couldn’t be “happier”…", 'i could n\'t be " happier " ...'),
        ("dont cant its well im", "do n't ca n't its well i 'm"),
        ("it&#39;s &amp;quot;fine&amp;quot; &lt;3", 'it \'s " fine " ❤'),
        ("<p class='x'>Works <b>well</b>.</p><!-- no -->Bad<br/>", "works well . bad"),
        ("<great> I <really> hate <it all>", "< great > i < really > hate < it all >"),
        ("[GREAT] [HD]", "[ great ] [ hd ]"),
        ("**great** _film_ ~~no~~ `code`", "great film no code"),
        ("# Head\n> quote\n- [click here](https://a.b/c)!", "head quote - click here !"),
        ("ze​ro so­ft", "zero soft"),
        ("ﬁne Ｇｒｅａｔ cafe\u0301", "fine great café"),
        ("good—but 10–20", "good - but 10 - <number>"),
        ("a great idea.But no", "a great idea . but no"),
        ("@JetBlue's #NotHappy #5", "<user> 's not happy # 5"),
        (
            "[NAME] wrote me@x.co.uk, www.a.b/c?d and b.com.",
            "<user> wrote <url> , <url> and <url> .",
        ),
        (
            "10/10, 5 stars, 7.5 in 2019 for $19.99",
            "10/10 , 5 stars , 7.5 in <number> for $ <number>",
        ),
        ("★★★★☆ ⭐⭐⭐⭐⭐ ⭐", "4/5 5/5 ⭐"),
        ("Why?!?! Wow!!! no.... a,,b --", "why ? wow ! no ... a , b -"),
        ("sooooo looove hahahaha good", "soo loove haha good"),
        ("good:) (:  :-( ;) :D :'( </3 :P :/", "good 🙂 🙂 🙁 😉 😀 😢 💔 😛 😕"),
        ("3) see: (this) at 10:30 C:/dir", "3 ) see : ( this ) at <number> c:/dir"),
        ("👍🏽👍🏽great👍 ❤️💕", "👍 great 👍 ❤"),
    ],
)
def test_forms(text: str, tokens: str) -> None:
    assert TOKENIZER(text) == tokens.split()


@settings(deadline=None)
@given(
    st.from_regex(r"[\"'(]{0,3}[A-Za-z'-]+[.,;!?\"')]{0,4}", fullmatch=True)
    | st.sampled_from(
        [
            "Mr.",
            "etc.",
            "'em",
            "'cause",
            "dont",
            "cannot.",
            "a.",
            "(i",
            "Don't",
            "(dont)",
            '"id"',
            "soooo!",
            '"Jr.,',
            "('em).",
            'ark."',
            "well;)",
            "oh?!",
        ]
    )
)
def test_quick_way_gives_the_same(chunk: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("senticli.text.normalization.PLAIN_WORD", lambda chunk: None)
        expected = TOKENIZER.tokenize_chunk(chunk)
    assert TOKENIZER.tokenize_chunk(chunk) == expected


def test_own_tokens_cannot_be_spelt() -> None:
    assert not {"<url>", "<user>", "<number>"} & set(TOKENIZER("<url> a<user>b &lt;number&gt;"))


def test_capitals_may_stay() -> None:
    cased = Tokenizer(spacy_rules(), lowercase=False, normalization=EVERYDAY)
    assert cased("I LOOOVE it’s #ThatGood") == ["I", "LOOVE", "it", "'s", "That", "Good"]


def test_fingerprint_depends_on_it() -> None:
    assert TOKENIZER.fingerprint != Tokenizer(spacy_rules()).fingerprint


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("It&#39;s <b>GREAT</b>!!!", ["It", "&#39;s", "GREAT", "!!!"]),
        (
            "so 😡😡😡, sOOooo bad...... hahahah",
            ["so", "😡😡😡", ",", "sOOooo", "bad", "......", "hahahah"],
        ),
        ("what?!?! no!!!?.", ["what", "?!?!", "no", "!!!?", "."]),
        ("👍🏽👍🏽 ❤️❤️!", ["👍🏽👍🏽", "❤️❤️", "!"]),
        ("good:) isn’t it", ["good", ":)", "is", "n’t", "it"]),
        ("see [click](http://a.b/c) now", ["see", "click", "now"]),
        ("in 2019, #NotHappy", ["in", "2019", ",", "Not", "Happy"]),
    ],
)
def test_spans_of_what_tokens_stand_for(text: str, spans: list[str]) -> None:
    assert [text[start:end] for start, end in TOKENIZER.spans(text)] == spans


PIECES = st.sampled_from(
    [
        "great",
        "isn't",
        "<p>",
        "&amp;",
        "&#39;",
        "’",
        "…",
        "!!!",
        ":)",
        "<3",
        "😡",
        "👍🏽",
        "**",
        "#Tag",
        "@me",
        "http://x.y",
        "[a](b)",
        "\u200b",
        "\u0301",
        "İ",
        "ß",
        "5",
        "10/10",
        " ",
        "\n",
        "x" * 1100,
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join))
def test_any_text(text: str) -> None:
    """Every token has a place; the encoder sees the same tokens."""
    tokens, spans = TOKENIZER(text), TOKENIZER.spans(text)
    assert len(tokens) == len(spans)
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert all(tokens)
    ids: dict[str, int] = {}
    encoded = Encoder(TOKENIZER, lambda token: ids.setdefault(token, len(ids)))(text)
    assert [list(ids)[number] for number in encoded] == tokens
    assert align_text(text)[0] == normalize_text(text)
