"""The vocabulary: words and their numbers."""

from collections.abc import Sequence

from senticli.config import PAD, UNK

UNK_INDEX, PAD_INDEX = 0, 1


class Vocab:
    """Words in the order of their numbers; ``<unk>`` is 0 and ``<pad>`` is 1."""

    def __init__(self, words: Sequence[str]) -> None:
        if list(words[:2]) != [UNK, PAD]:
            raise ValueError(f"a vocabulary starts with {UNK} and {PAD}")
        self.words = list(words)
        # The two markers are no words: a text that spells them out must not reach them.
        self._numbers = {word: number for number, word in enumerate(self.words[2:], start=2)}

    def __len__(self) -> int:
        return len(self.words)

    def number(self, word: str) -> int:
        """The number of ``word``, or that of ``<unk>``."""
        return self._numbers.get(word, UNK_INDEX)

    def to_text(self) -> str:
        """The content of ``vocab.txt``: one word a line."""
        return "".join(f"{word}\n" for word in self.words)

    @classmethod
    def from_text(cls, content: bytes) -> "Vocab":
        """The vocabulary that ``vocab.txt`` holds. Raises ValueError when it is not one."""
        # Not splitlines(): a word may hold a character that it takes for the end of a line.
        return cls(content.decode("utf-8").removesuffix("\n").split("\n"))
