"""Encode a text: split it into tokens and look up their ids."""

from array import array
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from senticli.text.tokenizer import Tokenizer

TokenIds = NDArray[np.int32]

CACHE_SIZE = 262_144  # chunks: some 50 MB; 95 % of the chunks of a stream of reviews are found
LONGEST_CACHED = 64  # characters; longer chunks hardly ever come back


class Encoder:
    """Text → token_ids, int32 [T].

    Args:
        tokenizer: splits the text.
        token_id: returns the id of a token, which depends on nothing but the token.
        cache_size: the number of chunks, stretches of text without white space, to remember.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        token_id: Callable[[str], int],
        *,
        cache_size: int = CACHE_SIZE,
    ) -> None:
        self.tokenizer = tokenizer
        self._token_id = token_id
        self._cache = _Cache(self._encode_chunk, cache_size)

    def __call__(self, text: str) -> TokenIds:
        """Return the ids of the tokens of ``text``."""
        chunks = self.tokenizer.chunks(text)
        try:
            packed = b"".join(map(self._cache.__getitem__, chunks))  # type: ignore[arg-type]
        except TypeError:  # one is None: its tokens depend on the chunks around it
            packed = self._pack(self.tokenizer(text))
        return np.frombuffer(packed, dtype=np.int32)

    def _encode_chunk(self, chunk: str) -> bytes | None:
        """Return the packed ids of a chunk, or None if they depend on the chunks around it."""
        tokens = self.tokenizer.tokenize_chunk(chunk)
        return None if tokens is None else self._pack(tokens)

    def _pack(self, tokens: list[str]) -> bytes:
        """Return token ids as bytes, which are joined several times as fast as lists or arrays."""
        return array("i", map(self._token_id, tokens)).tobytes()


class _Cache(dict[str, bytes | None]):
    """The results of a function: computed when missing, all forgotten when there are too many.

    Unlike with ``functools.lru_cache`` or a loop over the chunks, a hit costs no more than in a
    plain dict: the encoder is 5 to 15 % faster.
    """

    def __init__(self, function: Callable[[str], bytes | None], size: int) -> None:
        super().__init__()
        self._function = function
        self._size = size

    def __missing__(self, chunk: str) -> bytes | None:
        result = self._function(chunk)
        if len(chunk) <= LONGEST_CACHED:
            if len(self) >= self._size:
                self.clear()
            self[chunk] = result
        return result
