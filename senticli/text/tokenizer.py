"""spaCy's English tokenizer in plain Python, over compiled rules (``training.tokenizer_rules``).

The steps, and most names, are those of ``spacy/tokenizer.pyx``:

1. A text is split at white space into chunks.
2. Each chunk is stripped of prefixes and suffixes and split at infixes.
3. In a second pass over the tokens of the whole text, some exceptions, such as emoticons, are
   searched for again: a *sequence* of tokens that spells one is replaced by the exception's tokens.

With a normalisation, chunks are normalised before they are cut, and there is no second pass.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

from senticli.errors import SenticliError
from senticli.io import jsonfile
from senticli.text import normalization

# Stripping affixes takes time quadratic in the length of a chunk. No real token is this long, so
# longer chunks are split into pieces first.
LONGEST_CHUNK, PIECE = 1024, 128

_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_LONG_CHUNK = re.compile(rf"\S{{{LONGEST_CHUNK + 1},}}")
_MARKS = re.compile(r"[!?]+")
_MODIFIERS = re.compile(r"[\ufe0e\ufe0f\u200d\U0001f3fb-\U0001f3ff]+")  # of an emoji
_EXPRESSIONS = {"prefix", "suffix", "infix", "token_match", "url_match"}


def dump_rules(rules: Mapping[str, Any]) -> str:
    """Return the content of ``tokenizer.json``: the same text for the same rules."""
    return json.dumps(rules, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"


def load_rules(content: bytes) -> dict[str, Any]:
    """Return the rules in ``tokenizer.json``.

    Raises:
        ValueError and the others of jsonfile.INVALID: the content is not valid.
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


class Tokenizer:
    """Split a text into the tokens that spaCy gives, white space left out.

    An HTML line break counts as a space, and tokens are lower-cased after they are split off,
    unless ``lowercase`` is false. With a normalisation, see :mod:`senticli.text.normalization`,
    a text is normalised and lower-cased first.
    """

    def __init__(
        self,
        rules: Mapping[str, Any],
        *,
        lowercase: bool = True,
        normalization: str = normalization.NONE,
    ) -> None:
        self._rules = rules
        self._lowercase = lowercase
        self._normalization = normalization
        self._common = _Expressions(rules["common"])
        self._is_common = self._common.compile("characters").fullmatch
        self._general = _Expressions(rules)
        self._exceptions: Mapping[str, list[str]] = rules["exceptions"]
        if self.normalizes:
            self._exceptions = _normal_exceptions(self._exceptions)
        # Tokens that spell an exception → the exception's own tokens
        sequences = {} if self.normalizes else rules["sequences"]
        self._sequences = {
            tuple(tokens): self._exceptions[string] for string, tokens in sequences.items()
        }
        self._sequence_lengths: dict[str, set[int]] = {}  # by first token
        for sequence in self._sequences:
            self._sequence_lengths.setdefault(sequence[0], set()).add(len(sequence))
        self._starts_no_sequence = frozenset(self._sequence_lengths).isdisjoint

    @property
    def normalizes(self) -> bool:
        """True if it has a normalisation."""
        return self._normalization != normalization.NONE

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that identify the rules, the casing and the normalisation."""
        facts = {"rules": self._rules, "lowercase": self._lowercase}
        if self.normalizes:
            facts["normalization"] = self._normalization
        return hashlib.sha256(dump_rules(facts).encode()).hexdigest()[:16]

    def __call__(self, text: str) -> list[str]:
        """Return the tokens of ``text``."""
        if self.normalizes:
            return [token for chunk in self.chunks(text) for token in self._normalized(chunk)]
        return self._with_case(self._tokenize(_prepare(text)))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the (start, end) of each token in ``text``, in characters.

        A token that a normalisation put there has the span of what it stands for.
        """
        if self.normalizes:
            return self._normalized_spans(text)
        # As long as the text, with nothing in place of a line break that a token could match
        blanked = _LINE_BREAK.sub(lambda tag: " " * len(tag[0]), text)
        spans = []
        end = 0
        for token in self._tokenize(_prepare(text)):
            start = blanked.index(token, end)
            end = start + len(token)
            spans.append((start, end))
        return spans

    def chunks(self, text: str) -> list[str]:
        """Split ``text`` at white space."""
        if self.normalizes:
            return _cut_long_chunks(normalization.normalize_text(text)).split()
        return _prepare(text).split()

    def tokenize_chunk(self, chunk: str) -> list[str] | None:
        """Return the tokens of one of :meth:`chunks`; None if the chunks around it affect them.

        They may if the second pass would replace a sequence in the chunk: it does not if a sequence
        that reaches into a neighbour covers a part of it. With a normalisation, there may be none.
        """
        if self.normalizes:
            return self._normalized(chunk)
        tokens = self._split(chunk)
        if not self._starts_no_sequence(tokens):
            for start, end in self._find_sequences(tokens):
                sequence = tokens[start:end]
                if self._sequences[tuple(sequence)] != sequence:
                    return None
        return self._with_case(tokens)

    def _normalized(self, chunk: str) -> list[str]:
        """Return the tokens of a chunk, normalised."""
        if self._lowercase and (tokens := self._plain(chunk)):
            return tokens
        chunk = normalization.normalize_chunk(chunk, lowercase=self._lowercase)
        tokens = [token for part in chunk.split() for token in self._split(part)]
        return list(map(normalization.normalize_token, tokens))

    def _plain(self, chunk: str) -> list[str] | None:
        """Return the tokens of a word between marks, a user or a link: most chunks, quickly."""
        before = after = dots = ""
        word: str = chunk
        if not _is_letters(chunk):
            if not (plain := normalization.PLAIN_WORD(chunk)):
                alone = normalization.ALONE(chunk)
                return alone and [normalization.USER if alone[1] else normalization.URL]
            before, word, after, marks, dots = plain.group(1, 3, 4, 6, 7)
            if not word.isalpha():
                return None
            if marks:
                after += normalization.one_mark(marks)
        word = normalization.shorten_runs(word.lower())
        strings = [
            before[start:] + word + after[:end]
            for start in range(len(before) + 1)
            for end in range(len(after) + 1)
        ]
        if self._exceptions.keys().isdisjoint(strings):
            tokens = [*before, word, *after]
        else:
            tokens = self._split(before + word + after)
        return [*tokens, "..."] if dots else tokens

    def _normalized_spans(self, text: str) -> list[tuple[int, int]]:
        prepared, places = normalization.align_text(text, (_LONG_CHUNK, _split_into_pieces))
        spans: list[tuple[int, int]] = []
        for chunk in re.finditer(r"\S+", prepared):
            tokens = self._normalized(chunk[0])
            for start, end in _places_of(tokens, chunk[0]):
                first, last = chunk.start() + start, chunk.start() + end - 1
                after = places[max(first, last)] + 1
                modifiers = _MODIFIERS.match(text, after)
                spans.append((places[first], modifiers.end() if modifiers else after))
        return spans

    def _with_case(self, tokens: list[str]) -> list[str]:
        return [token.lower() for token in tokens] if self._lowercase else tokens

    def _tokenize(self, text: str) -> list[str]:
        """Return the tokens of a prepared text, cased, after both passes."""
        tokens: list[str] = []
        chunk_starts: set[int] = set()
        for part in re.split(r"(\s+)", text):
            if part and part != " ":
                chunk_starts.add(len(tokens))
                # White space other than a single space is a token, which separates its neighbours.
                tokens += [part] if part.isspace() else self._split(part)
        self._replace_sequences(tokens, chunk_starts)
        return [token for token in tokens if not token.isspace()]

    def _replace_sequences(self, tokens: list[str], chunk_starts: set[int]) -> None:
        """Make the second pass over ``tokens``, in place (spaCy's ``_apply_special_cases``)."""
        covered: set[int] = set()
        replaced = []
        longest_first = sorted(self._find_sequences(tokens), key=lambda span: span[0] - span[1])
        for start, end in longest_first:
            span = range(start, end)
            if start not in covered and end - 1 not in covered:
                replaced.append(span)
            covered.update(span)  # even by a span that was itself rejected
        for span in sorted(replaced, key=lambda span: -span.start):
            # A sequence across a space does not spell the exception, so it is not replaced; it has
            # nevertheless kept the sequences that overlap it from being replaced.
            if chunk_starts.isdisjoint(span[1:]):
                sequence = tuple(tokens[span.start : span.stop])
                tokens[span.start : span.stop] = self._sequences[sequence]

    def _find_sequences(self, tokens: list[str]) -> Iterator[tuple[int, int]]:
        """Yield the (start, end) of every sequence in ``tokens``, by start."""
        for start, token in enumerate(tokens):
            for length in self._sequence_lengths.get(token, ()):
                end = start + length
                if end <= len(tokens) and tuple(tokens[start:end]) in self._sequences:
                    yield start, end

    def _split(self, chunk: str) -> list[str]:
        """Split a chunk into tokens (spaCy's ``_split_affixes`` and ``_attach_tokens``)."""
        exceptions = self._exceptions
        if _is_letters(chunk):
            return exceptions.get(chunk) or [chunk]
        find = self._common if self._is_common(chunk) else self._general
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
            middle = _split_at_infixes(rest, find.infixes(rest))
        return [*prefixes, *middle, *reversed(suffixes)]


class _Expressions:
    """The expressions of ``rules``, each compiled when first used: a short text needs few."""

    def __init__(self, rules: Mapping[str, str | None]) -> None:
        self._rules = rules

    def compile(self, name: str) -> re.Pattern[str]:
        try:
            return re.compile(self._rules[name] or r"(?!)")  # (?!) matches nowhere
        except (re.error, OverflowError, RecursionError) as error:
            raise SenticliError(
                f"the model is broken: {name} in its tokenizer.json is not a regular expression",
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


def _split_into_pieces(chunk: re.Match[str]) -> str:
    string = chunk[0]
    return " ".join(string[start : start + PIECE] for start in range(0, len(string), PIECE))


def _prepare(text: str) -> str:
    """Replace line breaks by spaces, and put spaces into chunks that are too long."""
    return _cut_long_chunks(_LINE_BREAK.sub(" ", text) if "<" in text else text)


def _cut_long_chunks(text: str) -> str:
    return _LONG_CHUNK.sub(_split_into_pieces, text) if len(text) > LONGEST_CHUNK else text


def _normal_exceptions(exceptions: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the exceptions that hold after normalising.

    Those with capitals have a form without; what lacks its apostrophe, such as "dont", has the
    tokens of what has it; emoticons are not among them, since emoji stand for those; the
    normalisation's own tokens are.
    """
    words = {
        string: tokens for string, tokens in exceptions.items() if re.search(r"[^\W\d_]", string)
    }
    for string, tokens in exceptions.items():
        words.setdefault(string.lower(), [token.lower() for token in tokens])
    for string, tokens in list(words.items()):
        bare = string.replace("'", "")
        if bare != string and bare in words:
            words[bare] = tokens
    own = normalization.URL, normalization.USER, normalization.NUMBER
    return {**words, **{token: [token] for token in own}}


def _places_of(tokens: Sequence[str], chunk: str) -> Iterator[tuple[int, int]]:
    """Yield the (start, end) in a chunk of each of its tokens, as far as they are found there."""
    lowered = chunk.lower() if len(chunk.lower()) == len(chunk) else chunk
    found, end = [], 0
    for token in tokens:
        if token in ("!", "?") and (marks := _MARKS.search(lowered, end)):
            start, stop = marks.span()  # one stands for several
        else:
            start = lowered.find(token.lower(), end)
            stop = start + len(token)
        found.append((start, stop) if start >= 0 else None)
        end = stop if start >= 0 else end
    end = 0
    for index, span in enumerate(found):
        after = next((later[0] for later in found[index + 1 :] if later), len(chunk))
        if span is None:  # it stands for what is between its neighbours
            span = (min(end, len(chunk) - 1), max(after, end))
        else:
            span = span[0], _end_of_run(lowered, *span, after)
        yield span
        end = span[1]


def _end_of_run(chunk: str, start: int, end: int, limit: int) -> int:
    """Return where what a token ends with, one or two characters, is last repeated after it."""
    for size in (1, 2):
        while end - size >= start and end + size <= limit:
            if chunk[end : end + size] != chunk[end - size : end]:
                break
            end += size
    return end


def _is_letters(string: str) -> bool:
    """Return True for ASCII letters alone, which none of spaCy's expressions splits."""
    return string.isascii() and string.isalpha()


def _length(match: re.Match[str] | None) -> int:
    return match.end() - match.start() if match else 0


def _split_at_infixes(string: str, infixes: Iterator[re.Match[str]]) -> list[str]:
    """Split ``string`` before and after each infix; one at its very start does not count."""
    tokens = []
    start = 0
    for infix in infixes:
        if infix.start() > 0:
            tokens += [string[start : infix.start()], infix[0]]
            start = infix.end()
    tokens.append(string[start:])
    return [token for token in tokens if token]
