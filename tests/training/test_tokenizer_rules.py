"""The compiled rules: spaCy's, cached, with shorter expressions for common characters."""

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


def test_rules_survive_json() -> None:
    assert json.loads(json.dumps(RULES)) == RULES


def test_rules_have_the_version_of_spacy() -> None:
    assert RULES["spacy"] == spacy.__version__


def test_expressions_are_those_of_spacy() -> None:
    assert RULES["suffix"] == spacy.blank("en").tokenizer.suffix_search.__self__.pattern
    assert RULES["token_match"] is None


def test_exceptions_are_those_of_spacy() -> None:
    assert RULES["exceptions"].keys() == spacy.blank("en").tokenizer.rules.keys()
    assert RULES["exceptions"]["don't"] == ["do", "n't"]


def test_sequences_are_the_tokens_of_exceptions_by_affixes_alone() -> None:
    assert RULES["sequences"]["Pa."] == ["Pa", "."]


@pytest.mark.parametrize("damage", [None, "{", "[]"])
def test_spacy_is_imported_only_if_the_cache_is_damaged(damage: str | None, home: Path) -> None:
    assert spacy_rules() == RULES
    if damage:
        (path,) = (home / "cache").iterdir()
        path.write_text(damage)
    code = (
        "import sys\n"
        "from senticli.training.tokenizer_rules import spacy_rules\n"
        "print(len(spacy_rules()), 'spacy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == [str(len(RULES)), str(damage is not None)], done.stderr


def test_tokens_spell_their_string() -> None:
    for string, tokens in (RULES["exceptions"] | RULES["sequences"]).items():
        assert "".join(tokens) == string


def test_no_sequence_contains_white_space() -> None:
    """The tokenizer lets no sequence cross white space."""
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
def test_shorten_leaves_out_what_common_characters_cannot_match(
    expression: str, short: str
) -> None:
    assert shorten(expression) == short


@pytest.mark.filterwarnings("error")
def test_short_expressions_are_short_and_compile_without_warning() -> None:
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
