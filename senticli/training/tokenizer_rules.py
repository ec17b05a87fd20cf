"""Compile spaCy's English tokenizer to rules that ``senticli.text.tokenizer`` runs without spaCy.

The only module that imports spaCy, and only if the rules are not cached.
"""

import hashlib
import re
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from senticli import paths
from senticli.io import atomic, jsonfile
from senticli.text.tokenizer import dump_rules, load_rules

# Latin-1, and the block of typographic quotes, dashes and dots
COMMON = (("\x00", "\xff"), ("\u2000", "\u206f"))
_NEVER = "(?!)"  # an expression that matches nowhere


def spacy_rules() -> dict[str, Any]:
    """Return the result of :func:`compile_rules`, from the cache if possible: spaCy is slow."""
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    path = paths.cache_dir() / f"tokenizer-spacy-{version('spacy')}-{code}"
    with suppress(OSError, *jsonfile.INVALID):
        digest, _, content = path.read_bytes().partition(b"\n")
        if hashlib.sha256(content).hexdigest() == digest.decode():
            return load_rules(content)
    rules = compile_rules()
    text = dump_rules(rules)
    with suppress(OSError):  # the cache only saves time
        atomic.write_text(path, f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
        for other in path.parent.glob("tokenizer-*"):
            if other != path:
                other.unlink()
    return rules


def compile_rules() -> dict[str, Any]:
    """Return the rules of ``spacy.blank("en").tokenizer`` as JSON-serialisable values.

    - ``spacy``: its version
    - ``prefix``, ``suffix``, ``infix``, ``token_match``, ``url_match``: regular expressions or None
    - ``common``: the same five, shorter and faster, for strings that ``characters`` matches whole
    - ``exceptions``: string → its tokens
    - ``sequences``: string → its tokens by affixes alone, for each exception that spaCy searches
      for again, in this form, among the tokens of a text
    - ``faster_heuristics``: true if spaCy leaves out of these the exceptions that no affix touches
    """
    import spacy

    nlp = spacy.blank("en")
    tokenizer: Any = nlp.tokenizer
    affixes_only = type(tokenizer)(
        nlp.vocab,
        prefix_search=tokenizer.prefix_search,
        suffix_search=tokenizer.suffix_search,
        infix_finditer=tokenizer.infix_finditer,
        token_match=tokenizer.token_match,
        url_match=tokenizer.url_match,
    )

    def in_second_pass(string: str) -> bool:
        return bool(
            not tokenizer.faster_heuristics
            or tokenizer.find_prefix(string)
            or tokenizer.find_infix(string)
            or tokenizer.find_suffix(string)
            or " " in string
        )

    expressions = {
        "prefix": _expression(tokenizer.prefix_search),
        "suffix": _expression(tokenizer.suffix_search),
        "infix": _expression(tokenizer.infix_finditer),
        "token_match": _expression(tokenizer.token_match),
        "url_match": _expression(tokenizer.url_match),
    }
    orth = nlp.vocab.strings["ORTH"]
    exceptions = {
        string: [token[orth] for token in tokens] for string, tokens in tokenizer.rules.items()
    }
    sequences = {
        string: [token.text for token in affixes_only(string)]
        for string in exceptions
        if in_second_pass(string)
    }
    return {
        "spacy": version("spacy"),
        **expressions,
        "common": {
            "characters": "[" + "".join(f"{first}-{last}" for first, last in COMMON) + "]*",
            **{name: text and shorten(text) for name, text in expressions.items()},
        },
        "exceptions": exceptions,
        # A single token that stands for itself changes nothing and prevents no other match.
        "sequences": {
            string: tokens
            for string, tokens in sequences.items()
            if len(tokens) > 1 or tokens != exceptions[string]
        },
        "faster_heuristics": tokenizer.faster_heuristics,
    }


def shorten(expression: str) -> str:
    """Return an expression that matches the same as ``expression`` in ``COMMON`` characters.

    Most of each of spaCy's expressions is character classes of other scripts. Without them they
    compile in 2 ms, not 27, at every start of the command line, and they match faster.
    """

    def unescape(escape: re.Match[str]) -> str:
        character = chr(int(escape[1] or escape[2], 16))
        return escape[0] if character.isascii() else character

    def shorten_part(part: re.Match[str]) -> str:
        text = part[0]
        if len(text) == 1:
            return _clip(text) or _NEVER
        if not text.startswith("[") or text.startswith("[^"):
            return text
        members = re.findall(r"\\.|[^\\](?:-[^\\])?", text[1:-1])
        # Once each: if what stood between them is gone, two "|" would read as a set operation.
        narrow = "".join(dict.fromkeys(map(_clip, members)))
        if narrow.startswith("^"):
            return text
        return f"[{narrow}]" if narrow else _NEVER

    expression = re.sub(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})", unescape, expression)
    # A part is a class, an escape or one character.
    parts = r"\[(?:\\.|[^\\])(?:\\.|[^\]\\])*\]|\\.|."
    expression = re.sub(parts, shorten_part, expression, flags=re.DOTALL)
    return "|".join(piece for piece in expression.split("|") if not _is_dead(piece))


def _clip(member: str) -> str:
    """Return the ``COMMON`` part of a character or a range such as ``a-z``; an escape unchanged."""
    if member.startswith("\\"):
        return member
    clipped = ((max(member[0], first), min(member[-1], last)) for first, last in COMMON)
    return "".join(a if a == b else f"{a}-{b}" for a, b in clipped if a <= b)


def _is_dead(alternative: str) -> bool:
    """Return True for a plain run of characters, one of which never matches."""
    return _NEVER in alternative and not re.search(
        r"[\\()\[\]{}?*+]", alternative.replace(_NEVER, "")
    )


def _expression(method: Any) -> str | None:
    """Return the expression behind a bound method such as ``re.compile(x).search``."""
    return None if method is None else method.__self__.pattern
