"""Cut unlabelled reviews into sentences, which a teacher answers: short texts of many kinds.

    python -m senticli.models.recipe.sentences --data fdu-mtl --count 70000 --output products.txt

They are drawn at random from all that have 3 to 40 words.
"""

import random
import re
from pathlib import Path

from senticli.models.recipe.texts import load, options, plain, say

WORDS = range(3, 41)
_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"')]))\s+(?=[\"'(]?[A-Za-z])")


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text that are neither very short nor very long."""
    found = _END.split(" ".join(plain(text).split()))
    return [sentence for sentence in found if len(sentence.split()) in WORDS]


def main() -> None:
    """Read, cut, draw, write."""
    parser = options(__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, required=True, help="sentences to draw")
    parser.add_argument("--output", type=Path, required=True, help="file of one sentence a line")
    args = parser.parse_args()
    texts = load(args).unlabelled
    found = {sentence: None for example in texts for sentence in sentences_of(example.text)}
    drawn = random.Random(args.seed).sample(list(found), min(args.count, len(found)))
    args.output.write_text("".join(f"{sentence}\n" for sentence in drawn), encoding="utf-8")
    say(f"wrote {args.output}: {len(drawn):,} of {len(found):,} sentences")


if __name__ == "__main__":
    main()
