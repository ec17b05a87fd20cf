"""The vocabulary: tokens and their ids."""

from collections.abc import Callable, Sequence

from senticli.config import PAD, UNK
from senticli.text.misspelt import Corrector

UNK_INDEX, PAD_INDEX = 0, 1


class Vocab:
    """Tokens in the order of their ids; ``<unk>`` is 0 and ``<pad>`` is 1."""

    def __init__(self, tokens: Sequence[str]) -> None:
        if list(tokens[:2]) != [UNK, PAD]:
            raise ValueError(f"a vocabulary starts with {UNK} and {PAD}")
        self.tokens = list(tokens)
        # Without the two markers: a text that spells them out must not reach them.
        self._ids = {token: index for index, token in enumerate(self.tokens[2:], start=2)}
        self._correct = Corrector(self._ids)

    def __len__(self) -> int:
        return len(self.tokens)

    def token_id(self, token: str) -> int:
        """Return the id of ``token``, or that of ``<unk>``."""
        return self._ids.get(token, UNK_INDEX)

    def nearest_id(self, token: str) -> int:
        """Return the id of ``token``, or that of a token spelt nearly so, or of ``<unk>``."""
        return self._ids.get(token) or self._correct(token) or UNK_INDEX

    def lookup(self, *, corrects: bool) -> Callable[[str], int]:
        """Return :meth:`nearest_id` or :meth:`token_id`."""
        return self.nearest_id if corrects else self.token_id

    def to_text(self) -> str:
        """Return the content of ``vocab.txt``: one token a line."""
        return "".join(f"{token}\n" for token in self.tokens)

    @classmethod
    def from_text(cls, content: bytes) -> "Vocab":
        """Return the vocabulary in ``vocab.txt``.

        Raises:
            ValueError: the content is not a vocabulary.
        """
        # Not splitlines(): a token may contain a character that it takes for the end of a line.
        return cls(content.decode("utf-8").removesuffix("\n").split("\n"))
