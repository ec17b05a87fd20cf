"""Tokenized texts, and their cache: a data set is tokenized once for each tokenizer.

The token ids are those of the corpus's own list of tokens, not of a vocabulary, so that the cache
serves every vocabulary.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from senticli.data.columns import DAMAGED
from senticli.data.splits import Source
from senticli.io.atomic import keep_newest, replace_file
from senticli.text.encoder import Encoder, TokenIds
from senticli.text.tokenizer import Tokenizer

KEPT = 2  # tokenizers with a cache of a source: one that lower-cases, and one that does not


@dataclass(frozen=True)
class Corpus:
    """``token_ids[ends[i - 1] : ends[i]]`` are the tokens of text i, as indices of ``tokens``."""

    tokens: list[str]
    token_ids: TokenIds
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[str], tokenizer: Tokenizer) -> "Corpus":
        """Tokenize ``texts``."""
        ids: dict[str, int] = {}
        encode = Encoder(tokenizer, lambda token: ids.setdefault(token, len(ids)))
        encoded = [encode(text) for text in texts]
        ends = np.cumsum([len(token_ids) for token_ids in encoded], dtype=np.int64)
        return cls(list(ids), _concatenate(encoded), ends)

    def encode(self, rows: Sequence[int], token_id: Callable[[str], int]) -> list[TokenIds]:
        """Return the token ids of the texts in ``rows``, by the ids that ``token_id`` gives."""
        table = np.array([token_id(token) for token in self.tokens], dtype=np.int32)
        return self._select(rows, table[self.token_ids])

    def text(self, row: int) -> list[str]:
        """Return the tokens of the text in ``row``."""
        start = self.ends[row - 1] if row else 0
        return [self.tokens[index] for index in self.token_ids[start : self.ends[row]].tolist()]

    def count(self, rows: Sequence[int]) -> Counter[str]:
        """Return how often each token occurs in the texts in ``rows``."""
        token_ids = _concatenate(self._select(rows, self.token_ids))
        counts = np.bincount(token_ids, minlength=len(self.tokens)).tolist()
        return Counter({token: n for token, n in zip(self.tokens, counts, strict=True) if n})

    def _select(self, rows: Sequence[int], token_ids: TokenIds) -> list[TokenIds]:
        starts = np.concatenate([[0], self.ends[:-1]])
        return [token_ids[starts[row] : self.ends[row]] for row in rows]


def corpus_of(source: Source, tokenizer: Tokenizer) -> Corpus:
    """Return the tokens of ``source``: from its cache, or computed and cached now."""
    texts = (example.text for example in source.examples)
    if source.tokens is None:
        return Corpus.of(texts, tokenizer)
    path = source.tokens.with_name(f"{source.tokens.name}-{tokenizer.fingerprint}.npz")
    with suppress(OSError, *DAMAGED):
        return _read(path, source.sha256)
    corpus = Corpus.of(texts, tokenizer)
    with suppress(OSError):  # the cache only saves time
        _write(path, source.sha256, corpus)
        keep_newest(path.parent.glob(f"{source.tokens.name}-*"), KEPT)
    return corpus


def _read(path: Path, sha256: str) -> Corpus:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        if bytes(arrays["source"]).decode() != sha256:
            raise ValueError("the tokens of another source")
        tokens = bytes(arrays["tokens"]).decode().split("\n")[:-1]
        corpus = Corpus(tokens, arrays["token_ids"], arrays["ends"])
    if len(corpus.token_ids) and int(corpus.token_ids.max()) >= len(tokens):
        raise ValueError("ids of no token")
    return corpus


def _write(path: Path, sha256: str, corpus: Corpus) -> None:
    tokens = "".join(f"{token}\n" for token in corpus.tokens)
    with replace_file(path) as file:
        np.savez(
            file,
            source=np.frombuffer(sha256.encode(), dtype=np.uint8),
            tokens=np.frombuffer(tokens.encode(), dtype=np.uint8),
            token_ids=corpus.token_ids,
            ends=corpus.ends,
        )


def _concatenate(arrays: Sequence[TokenIds]) -> TokenIds:
    return np.concatenate([np.zeros(0, dtype=np.int32), *arrays])
