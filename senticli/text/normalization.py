"""Normalisation: one form for what reviews, posts and tickets spell in many ways.

``everyday`` makes a model read the same text however it was typed. Its steps for a whole text see
to entities, tags, links in Markdown and Unicode; those for a chunk, a stretch without white space
whose tokens are cached, to the rest. A model records the name with its version, which changes with
any of the rules.
"""

import html
import re
import unicodedata
from collections.abc import Callable

NONE = "none"
EVERYDAY = "everyday-1"
VERSIONS = {"none": NONE, "everyday": EVERYDAY}
"""The present version of each normalisation that a training may name."""
URL, USER, NUMBER = "<url>", "<user>", "<number>"
"""Tokens for any link or address, any user or placeholder, most numbers."""

Step = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

# --- the whole text

_PLAIN = {
    **dict.fromkeys(map(ord, "‘’‚‛ʼʻ′`´＇"), "'"),
    **dict.fromkeys(map(ord, "“”„‟«»″＂"), '"'),
    **dict.fromkeys(map(ord, "‒–—―−"), " - "),
    # Invisible: soft hyphen, joiners, directions, byte-order mark; variants and tones of emoji
    **dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F)]),
    **dict.fromkeys([*range(0x2060, 0x2070), 0xFEFF, *range(0xFE00, 0xFE10)]),
    **dict.fromkeys(range(0x1F3FB, 0x1F400)),
    **dict.fromkeys(map(ord, "♥💓💕💖💗💘💙💚💛💜💝💞🖤🤍🤎🧡🩵🩷🩶"), "❤"),
}


def _unescape(match: re.Match[str]) -> str:
    return html.unescape(html.unescape(match[0]))  # &amp;#39; is escaped twice


def _fold(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", match[0].translate(_PLAIN)).translate(_PLAIN)


_TAGS = (
    "a|abbr|b|big|blockquote|body|br|center|cite|code|dd|del|div|dl|dt|em|font|h[1-6]|head|hr|html|i"
    "|img|ins|li|mark|ol|p|pre|q|s|small|span|strike|strong|sub|sup|table|tbody|td|th|thead|tr|tt|u|ul"
    "|url|user|number"
)
"""Names of tags that may come without attributes, and what must not pass for our own tokens.

What else stands in angle brackets, such as "<sigh>", is text.
"""
_TAG = re.compile(
    rf"<(?:/?(?:{_TAGS})\s{{0,9}}/?|/[a-z][\w:-]{{0,40}}"
    r"|[a-z][\w:-]{0,40}\s{1,9}[\w:-]{1,40}\s{0,9}=[^<>]{0,500}|!--.{0,500}?--)>",
    re.DOTALL | re.IGNORECASE,
)

_IN_TEXT: tuple[tuple[Callable[[str], bool], Step], ...] = (
    (
        lambda text: "&" in text,
        (re.compile(r"&(?:amp;)?(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[a-zA-Z]\w{1,31});"), _unescape),
    ),
    (lambda text: "<" in text, (_TAG, " ")),
    # A link in Markdown, of which the text stays
    (
        lambda text: "](" in text,
        (re.compile(r"!?\[(?=[^\[\]]{0,200}\]\([^()\s]{1,500}\))"), " "),
    ),
    (lambda text: "](" in text, (re.compile(r"\]\([^()\s]{1,500}\)"), " ")),
    (
        lambda text: not unicodedata.is_normalized("NFC", text),
        (re.compile(r"\w[\u0300-\u036f]+"), _fold),
    ),
    (lambda text: not text.isascii(), (re.compile(r"[^\x00-\x7f]+"), _fold)),
)
"""Steps, each with what tells that it may have an effect."""


def normalize_text(text: str) -> str:
    """Return a text after the steps that it takes as a whole."""
    for applies, (pattern, new) in _IN_TEXT:
        if applies(text):
            text = pattern.sub(new, text)
    return text


def align_text(text: str, *more: Step) -> tuple[str, list[int]]:
    """Return :func:`normalize_text` after ``more`` steps, and where each character is from."""
    places = list(range(len(text)))
    for pattern, new in (*(step for _, step in _IN_TEXT), *more):
        parts: list[str] = []
        moved: list[int] = []
        end = 0
        for match in pattern.finditer(text):
            replacement = new if isinstance(new, str) else new(match)
            parts += [text[end : match.start()], replacement]
            moved += places[end : match.start()]
            old, size = match.end() - match.start(), len(replacement)
            moved += [places[match.start() + index * old // size] for index in range(size)]
            end = match.end()
        text, places = "".join([*parts, text[end:]]), moved + places[end:]
    return text, places


# --- a chunk

_EMOTICONS = {
    "😂": r"(?<!\d)[:=]['\"]-?[)D]+",
    "😢": r"(?<!\d)[:=;]['\"]-?[(\[]+|(?<!\w)T_+T(?!\w)",
    "😠": r">[:=;]-?[(\[/]+",
    "😉": r"(?<!\d);[-^]?\)+",
    "🙂": r"(?<!\d)[:=][-^o]?[)\]]+|\^[_.]?\^|(?<![\w(])\([-^o]?[:=](?!\w)",
    "🙁": r"(?<!\d)[:=][-^o]?[(\[]+|(?<!\w)D:(?!\w)|(?<![\w)])\)[-^o]?[:=](?!\w)",
    "😀": r"(?<!\w)[:=;][-^o]?D+(?!\w)",
    "😛": r"(?<!\w)[:=;][-^o]?[pPb]+(?!\w)",
    "😕": r"(?<!\w)[:=][-^o]?[/\\sS](?![\w/\\])",
    "😐": r"(?<!\w)[:=][-^o]?\|(?!\w)|(?<!\S)-_+-(?!\S)",
    "😮": r"(?<!\w)[:=][-^]?[oO0](?!\w)|(?<!\w)[oO]_+[oO](?!\w)",
    "😘": r"(?<!\w)[:=;][-^]?\*+",
    "💔": r"</3+",
    "❤": r"<3+",
}
_EMOTICON = re.compile("|".join(f"({pattern})" for pattern in _EMOTICONS.values()))
_FACES = tuple(_EMOTICONS)


def _hashtag(match: re.Match[str]) -> str:
    return f" {re.sub(r'(?<=[a-z])(?=[A-Z])|_', ' ', match[1])} "


def one_mark(run: str) -> str:
    """Return the mark that a run of question and exclamation marks is reduced to."""
    return "?" if "?" in run else "!"


def _has(characters: str) -> Callable[[str], bool]:
    """Return what tells that a text has one of some characters."""
    marks = frozenset(characters)
    return lambda text: not marks.isdisjoint(text)


def _not_ascii(text: str) -> bool:
    return not text.isascii()


def _not_alphanumeric(text: str) -> bool:
    return not text.isalnum()


_IN_CHUNK: tuple[tuple[Callable[[str], bool], Step], ...] = (
    (
        _has(".:@"),
        (
            re.compile(
                r"(?:https?://|www\.)[^\s<>\"]*[\w/]|\b[\w.+-]+@[\w-]+\.\w[\w.]*\b"
                r"|\b(?:[a-z\d-]+\.)+(?:com|org|net|edu|gov|co\.uk)\b(?:/[^\s<>\"]*)?",
                re.IGNORECASE,
            ),
            f" {URL} ",
        ),
    ),
    (_has("@["), (re.compile(r"(?<![\w@.])@\w+|\[(?:NAME|USER|RELIGION)\]"), f" {USER} ")),
    (_has("#"), (re.compile(r"(?<![\w&])#([^\W\d]\w*)"), _hashtag)),
    (
        _has(":=;^_<"),
        (_EMOTICON, lambda match: f" {_FACES[(match.lastindex or 1) - 1]} "),
    ),
    (
        _has("★⭐🌟"),
        (
            re.compile(r"[★⭐🌟]{2,5}☆{0,3}|[★⭐]☆{4}"),
            lambda match: f" {len(match[0].rstrip('☆'))}/5 ",
        ),
    ),
    # A symbol, such as an emoji, that may be repeated
    (
        _not_ascii,
        (
            re.compile(r"([\u2190-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff])(?:\s*\1)*"),
            r" \1 ",
        ),
    ),
    (_has("!?"), (re.compile(r"[!?]{2,}"), lambda match: one_mark(match[0]))),
    (_has("."), (re.compile(r"\.{2,}"), " ... ")),
    (_not_alphanumeric, (re.compile(r"([^\w\s.])\1+"), r"\1")),
    # No space after a sentence
    (_has("."), (re.compile(r"(?<=[a-z])\.(?=[A-Z])"), " . ")),
    # Markdown's marks around words, and at the start of a line
    (
        _has("*_~`#>"),
        (re.compile(r"(?<![^\W_])[*_~`]+|[*_~`]+(?![^\W_])|(?<!\S)[#>](?!\S)"), " "),
    ),
)
"""Steps, each with what tells that it may have an effect."""
PLAIN_WORD = re.compile(
    r"((?:([\"'(])(?!\2)){0,2})([A-Za-z]+(?:['-][A-Za-z]+)*)"
    r"((?:([.,\"')]|;(?!\))|[!?](?![!?]))(?!\5)){0,3})(?:([!?]{2,})|(\.{2,}))?"
).fullmatch
"""Matches a word (group 3) between marks (groups 1 and 4), which none of these steps changes.

After it there may be a run of marks (group 6) or of dots (group 7).
"""
ALONE = re.compile(r"(@)\w+|https?://[^\s<>\"]*[\w/]").fullmatch
"""Matches what is nothing but a user (group 1) or a link."""
_LONG_DRAWN = re.compile(r"([^\W\d_]{1,2})\1{2,}")  # sooooo, hahahaha


def normalize_chunk(chunk: str, *, lowercase: bool) -> str:
    """Return the normal form of a chunk, which may consist of several chunks, or of none."""
    for applies, (pattern, new) in _IN_CHUNK:
        if applies(chunk):
            chunk = pattern.sub(new, chunk)
    if lowercase:
        chunk = chunk.lower()
    return shorten_runs(chunk)


def shorten_runs(text: str) -> str:
    """Return a text in which letters, or pairs of them, come at most twice in a row."""
    # To look first is quicker: few have any.
    return _LONG_DRAWN.sub(r"\1\1", text) if _LONG_DRAWN.search(text) else text


_NUMBER = re.compile(r"\d[\d.,:/-]*")
_RATING = re.compile(r"(?:10|\d)(?:[.,]\d)?(?:/(?:5|10))?|100")


def normalize_token(token: str) -> str:
    """Return :data:`NUMBER` for a number, unless it may be a rating: those up to 10, and 100."""
    if token[0].isdigit() and _NUMBER.fullmatch(token) and not _RATING.fullmatch(token):
        return NUMBER
    return token
