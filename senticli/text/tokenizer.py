"""spaCy's English tokenizer in plain Python, over compiled rules (``training.tokenizer_rules``).

The steps, and most names, are those of ``spacy/tokenizer.pyx``: a text is cut at white space, each
chunk is stripped of prefixes and suffixes and cut at infixes, and then some exceptions are looked
for a second time among the finished tokens of the whole text.
"""

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import Any, Generic, TypeVar

from senticli.errors import SenticliError
from senticli.io import jsonfile

P = TypeVar("P")  # what is kept of a chunk
R = TypeVar("R")  # what a text gives
V = TypeVar("V")

CACHE_SIZE = 262_144  # chunks: some 50 MB, where 95 % of a stream of reviews are found
_LONGEST_CACHED = 64  # characters; longer chunks hardly ever come back
# Cutting affixes off takes time in the square of a chunk's length. No word is this long, so what
# goes beyond it is cut up before.
LONGEST_CHUNK, _PIECE = 1024, 128

_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TOO_LONG = re.compile(rf"\S{{{LONGEST_CHUNK + 1},}}")
_EXPRESSIONS = {"prefix", "suffix", "infix", "token_match", "url_match"}


def dump_rules(rules: Mapping[str, Any]) -> str:
    """The content of ``tokenizer.json``: the same text for the same rules."""
    return json.dumps(rules, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"


def load_rules(content: bytes) -> dict[str, Any]:
    """Return the rules that ``tokenizer.json`` holds.

    Raises:
        ValueError and the others of jsonfile.INVALID: it holds none.
    """
    rules = jsonfile.parse(content)
    common, exceptions, sequences = rules["common"], rules["exceptions"], rules["sequences"]
    expressions = [common["characters"]]
    expressions += [part[name] for part in (rules, common) for name in _EXPRESSIONS]
    if not jsonfile.has_type(expressions, list[str | None]):
        raise TypeError("expressions")
    for string, tokens in chain(exceptions.items(), sequences.items()):
        if not string or "".join(tokens) != string:
            raise ValueError("tokens")
    if not sequences.keys() <= exceptions.keys():
        raise ValueError("sequences")
    return rules


class Chunkwise(ABC, Generic[P, R]):
    """Text → tokens, equal to spaCy's but for white space, in the form that a subclass gives them.

    White-space tokens are dropped, an HTML line break counts as a space, and tokens are lower-cased
    after they are cut, unless ``lowercase`` is false. The tokens of a chunk are packed, and kept so
    for the next time it is seen; the packs of a text are joined.
    """

    def __init__(
        self, rules: Mapping[str, Any], *, lowercase: bool = True, cache_size: int = CACHE_SIZE
    ) -> None:
        self._rules = rules
        self._lowercase = lowercase
        self._common = _Expressions(rules["common"])
        self._is_common = self._common.compile("characters").fullmatch
        self._any = _Expressions(rules)
        self._exceptions: Mapping[str, list[str]] = rules["exceptions"]
        self._sequences = {
            tuple(tokens): self._exceptions[string] for string, tokens in rules["sequences"].items()
        }
        self._sequence_lengths: dict[str, set[int]] = {}
        for sequence in self._sequences:
            self._sequence_lengths.setdefault(sequence[0], set()).add(len(sequence))
        self._no_sequence_in = frozenset(self._sequence_lengths).isdisjoint
        self._cache = _Cache(self._pack_chunk, cache_size)

    @abstractmethod
    def _pack(self, tokens: list[str]) -> P:
        """What is kept of a chunk's tokens."""

    @abstractmethod
    def _join(self, packs: Iterable[P]) -> R:
        """What a text gives, from the packs of its chunks."""

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that name the rules and the casing."""
        content = dump_rules({"rules": self._rules, "lowercase": self._lowercase})
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def __call__(self, text: str) -> R:
        """The tokens of ``text``, in order."""
        text = _prepared(text)
        try:
            return self._join(map(self._cache.__getitem__, text.split()))
        except _NeedsContext:
            return self._join([self._pack(self._finish(self._tokenize_in_context(text)))])

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The (start, end) of each token in ``text``, in characters."""
        # As long as the text, with nothing in the place of a line break that a token could match.
        blanked = _LINE_BREAK.sub(lambda tag: " " * len(tag[0]), text)
        spans = []
        end = 0
        for token in self._tokenize_in_context(_prepared(text)):
            start = blanked.index(token, end)
            end = start + len(token)
            spans.append((start, end))
        return spans

    def _finish(self, tokens: list[str]) -> list[str]:
        return [token.lower() for token in tokens] if self._lowercase else tokens

    def _pack_chunk(self, chunk: str) -> P:
        """The packed tokens of a chunk whose neighbours do not matter.

        Raises _NeedsContext where they may: a sequence in the chunk would be replaced, unless one
        that reaches into a neighbour covers a part of it.
        """
        tokens = self._split(chunk)
        if not self._no_sequence_in(tokens):
            for start, end in self._find_sequences(tokens):
                sequence = tokens[start:end]
                if self._sequences[tuple(sequence)] != sequence:
                    raise _NeedsContext
        return self._pack(self._finish(tokens))

    def _tokenize_in_context(self, text: str) -> list[str]:
        """The tokens of ``text``, with the second pass (spaCy's ``_apply_special_cases``)."""
        tokens: list[str] = []
        chunk_starts: set[int] = set()
        for part in re.split(r"(\s+)", text):
            if part and part != " ":
                chunk_starts.add(len(tokens))
                # White space other than a single space is a token, which parts its neighbours.
                tokens += [part] if part.isspace() else self._split(part)

        covered: set[int] = set()
        replaced = []
        longest_first = sorted(self._find_sequences(tokens), key=lambda span: span[0] - span[1])
        for start, end in longest_first:
            span = range(start, end)
            if start not in covered and end - 1 not in covered:
                replaced.append(span)
            covered.update(span)  # even by a span that was itself turned down
        for span in sorted(replaced, key=lambda span: -span.start):
            # One across a space is not the exception's text, so it stays; it has kept others away.
            if chunk_starts.isdisjoint(span[1:]):
                found = tokens[span.start : span.stop]
                tokens[span.start : span.stop] = self._sequences[tuple(found)]
        return [token for token in tokens if not token.isspace()]

    def _find_sequences(self, tokens: list[str]) -> Iterator[tuple[int, int]]:
        """The (start, end) of every sequence in ``tokens``, by start."""
        for start, token in enumerate(tokens):
            for length in self._sequence_lengths.get(token, ()):
                end = start + length
                if end <= len(tokens) and tuple(tokens[start:end]) in self._sequences:
                    yield start, end

    def _split(self, chunk: str) -> list[str]:
        """The tokens of a chunk (spaCy's ``_split_affixes`` and ``_attach_tokens``)."""
        exceptions = self._exceptions
        if _is_letters(chunk):
            return exceptions.get(chunk) or [chunk]
        find = self._common if self._is_common(chunk) else self._any
        prefixes: list[str] = []
        suffixes: list[str] = []
        rest, size = chunk, -1
        while (
            rest
            and len(rest) != size
            and rest not in exceptions
            and not _is_letters(rest)
            and not find.token_match(rest)
        ):
            size = len(rest)
            prefix = _length(find.prefix(rest))
            if prefix and rest[prefix:] in exceptions:
                suffix = 0
            else:
                suffix = _length(find.suffix(rest[prefix:]))
                if suffix and rest[:-suffix] in exceptions:
                    prefix = 0
            if prefix:
                prefixes.append(rest[:prefix])
            if suffix:
                suffixes.append(rest[-suffix:])
            rest = rest[prefix : size - suffix]

        if rest in exceptions:
            middle = exceptions[rest]
        elif _is_letters(rest) or find.token_match(rest) or find.url_match(rest):
            middle = [rest]
        else:
            middle = _split_at(find.infixes(rest), rest)
        return [*prefixes, *middle, *reversed(suffixes)]


class Tokenizer(Chunkwise[tuple[str, ...], list[str]]):
    """Text → the list of its tokens."""

    def _pack(self, tokens: list[str]) -> tuple[str, ...]:
        return tuple(tokens)

    def _join(self, packs: Iterable[tuple[str, ...]]) -> list[str]:
        return list(chain.from_iterable(packs))


class _NeedsContext(Exception):
    """A chunk whose tokens depend on the chunks around it."""


class _Cache(dict[str, V]):
    """The results of a function, computed when missed and all forgotten when there are too many."""

    def __init__(self, function: Callable[[str], V], size: int) -> None:
        super().__init__()
        self._function = function
        self._size = size

    def __missing__(self, chunk: str) -> V:
        result = self._function(chunk)
        if len(chunk) <= _LONGEST_CACHED:
            if len(self) >= self._size:
                self.clear()
            self[chunk] = result
        return result


class _Expressions:
    """The expressions of ``rules``, each compiled when first used: a short text needs few."""

    def __init__(self, rules: Mapping[str, str | None]) -> None:
        self._rules = rules

    def compile(self, name: str) -> re.Pattern[str]:
        try:
            return re.compile(self._rules[name] or r"(?!)")  # (?!) matches nowhere
        except (re.error, OverflowError, RecursionError) as error:
            raise SenticliError(
                f"the model is broken: {name} in its tokenizer.json is no regular expression",
                "train it again, or use another model, such as bundled",
            ) from error

    @cached_property
    def prefix(self) -> Callable[[str], re.Match[str] | None]:
        return self.compile("prefix").search

    @cached_property
    def suffix(self) -> Callable[[str], re.Match[str] | None]:
        return self.compile("suffix").search

    @cached_property
    def infixes(self) -> Callable[[str], Iterator[re.Match[str]]]:
        return self.compile("infix").finditer

    @cached_property
    def token_match(self) -> Callable[[str], re.Match[str] | None]:
        return self.compile("token_match").match

    @cached_property
    def url_match(self) -> Callable[[str], re.Match[str] | None]:
        return self.compile("url_match").match


def _is_letters(string: str) -> bool:
    """Whether it is made of ASCII letters alone, where none of spaCy's expressions cuts."""
    return string.isascii() and string.isalpha()


def _prepared(text: str) -> str:
    """The text with spaces for line breaks, and within what is too long for a word."""
    if "<" in text:
        text = _LINE_BREAK.sub(" ", text)
    if len(text) > LONGEST_CHUNK:
        text = _TOO_LONG.sub(_cut_up, text)
    return text


def _cut_up(chunk: re.Match[str]) -> str:
    """The chunk in pieces parted by spaces."""
    string = chunk[0]
    return " ".join(string[at : at + _PIECE] for at in range(0, len(string), _PIECE))


def _length(match: re.Match[str] | None) -> int:
    return match.end() - match.start() if match else 0


def _split_at(infixes: Iterator[re.Match[str]], string: str) -> list[str]:
    """``string`` cut before and after each infix; one at its very start does not count."""
    tokens = []
    start = 0
    for infix in infixes:
        if infix.start() > 0:
            tokens += [string[start : infix.start()], infix[0]]
            start = infix.end()
    tokens.append(string[start:])
    return [token for token in tokens if token]
