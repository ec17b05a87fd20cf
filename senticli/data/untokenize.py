"""Texts that were published as Penn Treebank tokens, as people write them.

Everyday text has no such spacing, so a model that learns from it would learn the spacing.
"""

import re

_CLITICS = ("n't", "'s", "'re", "'ve", "'ll", "'d", "'m")
_TO_THE_LEFT = {*".,!?;:)]%", "..", "...", "'", "''", *_CLITICS}
"""Tokens that follow what is before them without a blank."""
_TO_THE_RIGHT = {*"([$#`", "``"}
"""Tokens that what is after them follows without a blank."""
_WRITTEN = {"-lrb-": "(", "-rrb-": ")", "-lsb-": "[", "-rsb-": "]"}
_QUOTES = {"``": '"', "''": '"', "`": "'"}
_EMOTICON = re.compile(r"(?<!\S)([:;]) (?:(-) ([()])|(\)))(?!\S)")
_SPLIT_WORD = re.compile(r"\b(can not|gon na|wan na|got ta|gim me|lem me)\b", re.IGNORECASE)


def untokenize(text: str) -> str:
    """Return ``text`` without the spacing and the spellings of Penn Treebank tokens.

    Clitics and punctuation join the word that they belong to (``do n't ( really ) .`` becomes
    ``don't (really).``), quotes and brackets are written as such, and emoticons are put together.
    Case is not restored.
    """
    text = _EMOTICON.sub(lambda match: "".join(filter(None, match.groups())), text)
    text = text.replace("\\/", "/").replace("\\*", "*")
    parts: list[str] = []
    joins = True  # the next token, to what is there
    for token in text.split():
        token = _WRITTEN.get(token.lower(), token)
        if not joins and token.lower() not in _TO_THE_LEFT:
            parts.append(" ")
        parts.append(_QUOTES.get(token, token))
        joins = token in _TO_THE_RIGHT
    return _SPLIT_WORD.sub(lambda word: word[0].replace(" ", ""), "".join(parts))
