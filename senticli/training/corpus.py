"""Tokenized texts as numbers, and their cache: words are cut once for each data set and tokenizer.

The numbers are those of the corpus's own words, in order of first appearance, not of a vocabulary:
what is kept serves every vocabulary.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senticli.data.columns import DAMAGED
from senticli.data.splits import Source
from senticli.io.atomic import replace_file
from senticli.text.encoder import Encoder
from senticli.text.tokenizer import Tokenizer

Words = NDArray[np.int32]

KEPT = 2
"""Tokenizers whose tokens of a source are kept: one that lower-cases, and one that does not."""


@dataclass(frozen=True)
class Corpus:
    """``numbers[ends[i - 1] : ends[i]]`` are the words of text i, as indices of ``words``."""

    words: list[str]
    numbers: Words
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[str], rules: Mapping[str, Any], *, lowercase: bool) -> "Corpus":
        """Cut ``texts`` into words."""
        lexicon: dict[str, int] = {}
        tokenizer = Tokenizer(rules, lowercase=lowercase)
        encode = Encoder(tokenizer, lambda word: lexicon.setdefault(word, len(lexicon)))
        numbered = [encode(text) for text in texts]
        ends = np.cumsum([len(text) for text in numbered], dtype=np.int64)
        joined = np.concatenate(numbered) if numbered else np.zeros(0, dtype=np.int32)
        return cls(list(lexicon), joined, ends)

    def texts(self, rows: Sequence[int], number: Callable[[str], int]) -> list[Words]:
        """The words of each of ``rows``, as the numbers that ``number`` gives them."""
        table = np.array([number(word) for word in self.words], dtype=np.int32)
        return self._slices(table[self.numbers], rows)

    def count(self, rows: Sequence[int]) -> Counter[str]:
        """How often each word occurs in ``rows``."""
        joined = np.concatenate([np.zeros(0, np.int32), *self._slices(self.numbers, rows)])
        counts = np.bincount(joined, minlength=len(self.words)).tolist()
        return Counter({word: n for word, n in zip(self.words, counts, strict=True) if n})

    def _slices(self, numbers: Words, rows: Sequence[int]) -> list[Words]:
        starts = np.concatenate([[0], self.ends[:-1]])
        return [numbers[starts[row] : self.ends[row]] for row in rows]


def corpus_of(
    source: Source, rules: Mapping[str, Any], fingerprint: str, *, lowercase: bool
) -> Corpus:
    """The tokens of ``source``: from its cache, or cut now and kept there for the next time."""
    texts = (example.text for example in source.examples)
    if source.tokens is None:
        return Corpus.of(texts, rules, lowercase=lowercase)
    path = source.tokens.with_name(f"{source.tokens.name}-{fingerprint}.npz")
    with suppress(OSError, *DAMAGED):
        return _read(path, source.sha256)
    corpus = Corpus.of(texts, rules, lowercase=lowercase)
    with suppress(OSError):  # it would only have saved time
        _write(path, source.sha256, corpus)
        kept = path.parent.glob(f"{source.tokens.name}-*")
        for old in sorted(kept, key=lambda file: file.stat().st_mtime)[:-KEPT]:
            old.unlink()
    return corpus


def _read(path: Path, sha256: str) -> Corpus:
    with np.load(path, allow_pickle=False) as arrays:
        if bytes(arrays["source"]).decode() != sha256:
            raise ValueError("the tokens of another text")
        words = bytes(arrays["words"]).decode().split("\n")[:-1]
        corpus = Corpus(words, arrays["numbers"], arrays["ends"])
    if len(corpus.numbers) and int(corpus.numbers.max()) >= len(words):
        raise ValueError("numbers of no word")
    return corpus


def _write(path: Path, sha256: str, corpus: Corpus) -> None:
    words = "".join(f"{word}\n" for word in corpus.words)
    with replace_file(path) as file:
        np.savez(
            file,
            source=np.frombuffer(sha256.encode(), dtype=np.uint8),
            words=np.frombuffer(words.encode(), dtype=np.uint8),
            numbers=corpus.numbers,
            ends=corpus.ends,
        )
