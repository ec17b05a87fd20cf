import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

spacy = pytest.importorskip("spacy")

from senticli.training.tokenizer_rules import compile_rules, shorten, spacy_rules  # noqa: E402

RULES = compile_rules()
EXPRESSIONS = [name for name in RULES["common"] if name != "characters" and RULES[name]]


def test_the_rules_are_spacys_and_json() -> None:
    tokenizer = spacy.blank("en").tokenizer
    assert json.loads(json.dumps(RULES)) == RULES
    assert RULES["spacy"] == spacy.__version__
    assert RULES["suffix"] == tokenizer.suffix_search.__self__.pattern
    assert RULES["token_match"] is None
    assert RULES["exceptions"].keys() == tokenizer.rules.keys()
    assert RULES["exceptions"]["don't"] == ["do", "n't"]
    assert RULES["sequences"]["Pa."] == ["Pa", "."]


def test_the_second_time_they_come_from_the_cache(home: Path) -> None:
    assert spacy_rules() == RULES
    (path,) = (home / "cache").iterdir()
    code = (
        "import sys\n"
        "from senticli.training.tokenizer_rules import spacy_rules\n"
        "print(len(spacy_rules()), 'spacy' in sys.modules)"
    )
    for damaged in (None, "{", "[]"):
        if damaged:
            path.write_text(damaged)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.split() == [str(len(RULES)), str(damaged is not None)], done.stderr


def test_texts_and_tokens_spell_the_same() -> None:
    for string, tokens in (RULES["exceptions"] | RULES["sequences"]).items():
        assert "".join(tokens) == string
    # The tokenizer takes white space between tokens for a barrier that no sequence crosses.
    assert not [string for string in RULES["sequences"] if re.search(r"\s", string)]


@pytest.mark.parametrize(
    ("expression", "short"),
    [
        (r"^§|^字|^%", r"^§|^%"),
        (r"[а-яa-z]\.$", r"[a-z]\.$"),
        (r"[а-я]\.$|\.\.+$", r"(?!)\.$|\.\.+$"),
        (r"(?:km|км|км²)$", r"(?:km|(?!)(?!)²)$"),
        ("[\\u00a1-\\uffff]|\\u2026", "[\xa1-\xff\u2000-\u206f]|…"),
        ("[a-\\U0001ffff]", "[a-\xff\u2000-\u206f]"),
        (r"[я^a]|[^я]|[]я]", r"[я^a]|[^я]|[]]"),
        (r"[,|я|;]", r"[,|;]"),
    ],
)
def test_shorten(expression: str, short: str) -> None:
    assert shorten(expression) == short


@pytest.mark.filterwarnings("error")
def test_short_expressions_compile_without_warning() -> None:
    re.purge()
    for name in EXPRESSIONS:
        assert len(re.compile(RULES["common"][name]).pattern) < 700


common_characters = st.one_of(
    st.sampled_from("aB0.,-:/'’°…@$C"),
    st.characters(max_codepoint=0xFF),
    st.characters(min_codepoint=0x2000, max_codepoint=0x206F),
)


@pytest.mark.parametrize("name", EXPRESSIONS)
@settings(max_examples=600, deadline=None)
@given(st.text(common_characters))
def test_short_expressions_match_the_same_in_common_characters(name: str, text: str) -> None:
    assert re.fullmatch(RULES["common"]["characters"], text)
    short, full = re.compile(RULES["common"][name]), re.compile(RULES[name])
    assert [m.span() for m in short.finditer(text)] == [m.span() for m in full.finditer(text)]
