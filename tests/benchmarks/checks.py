"""Run the bundled checks on other systems, and on the texts in other forms.

    python -m tests.benchmarks.checks [--model NAME|DIR]
    python -m tests.benchmarks.checks --system vader

`senticli eval --checks bundled` shows the rates of a model, with failures. Here the text of every
mft with a label is an inv too, in other forms: capitals, HTML, Markdown and so on; and the accuracy
lost by variants is shown. A Markdown table goes to stdout.
"""

import argparse
import html
import json
import random
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from statistics import mean

from senticli import check
from senticli.evaluation.checks import Answer, Capability, Check, Outcome, judge, read_checks
from tests.benchmarks.peers import LABELS, PEERS, install, say

# Each prints a polarity from −1 to 1 for every text, and has its own range of neutral ones: that of
# VADER is its authors', TextBlob says 0 where it knows no word.
SYSTEMS = {
    "vader": (
        "from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer\n"
        "scores = SentimentIntensityAnalyzer().polarity_scores\n"
        "polarity = lambda text: scores(text)['compound']\n",
        0.05,
    ),
    "textblob": (
        "from textblob import TextBlob\npolarity = lambda text: TextBlob(text).polarity\n",
        1e-9,
    ),
}
ANSWER = "import json, sys\nprint(json.dumps([polarity(text) for text in json.load(sys.stdin)]))\n"

LONG_WORD = re.compile(r"[^\W\d_]{4,}")
FILLER = (
    "I ordered it on Monday. The parcel came in the afternoon. It was in a brown box with a label. "
    "The box was on the table in the hall. My brother was at work that day. ",
    " I live on the second floor. There is a bus stop in front of the house. It is Thursday today. "
    "The shop is on the same street. It opens at nine.",
)
LONGEST = 1000  # times that a text is repeated


def main() -> None:
    """Check and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--model", metavar="NAME|DIR", default="bundled", help="(%(default)s)")
    add("--system", choices=list(SYSTEMS), help="check this system instead of a model")
    args = parser.parse_args()

    # VADER's time grows with the square of a text's length.
    written = [one for one in read_checks("bundled") if one.repeat <= LONGEST]
    checks = [*written, *in_other_forms(written)]
    if args.system:  # which has an answer for everything
        asked = [one for one in checks if one.type != "mft" or one.label]
        texts = [text for one in asked for text in one.texts]
        outcomes = list(judge(asked, answers_of(args.system, texts)))
    else:
        report = check(args.model, checks)
        outcomes = list(report.all.outcomes)
        for message in report.messages:
            say(message.text)
    print(*table(outcomes), sep="\n")


def in_other_forms(checks: Iterable[Check]) -> Iterator[Check]:
    """An invariance for each form that changes the text of an mft."""
    tests = [one for one in checks if one.type == "mft" and one.label and one.repeat == 1]
    for name, form in FORMS.items():
        for one in tests:
            variant = form(one.text)
            if variant != one.text and not (name == EXCLAIMED and one.label == "neutral"):
                yield Check(f"form_{name}", "inv", one.text, one.label, [variant])


def in_case(case: Callable[[str], str]) -> Callable[[str], str]:
    """A form with the words in lower or upper case, emoticons as they are."""
    return lambda text: re.sub(
        r"(?<![:;=])(?<![:;=]-)\b\w[\w'’]*", lambda word: case(word[0]), text
    )


def with_longest_word(change: Callable[[str], str]) -> Callable[[str], str]:
    """A form with one word changed, the longest, if it has at least four letters."""

    def form(text: str) -> str:
        longest = max(LONG_WORD.finditer(text), key=lambda word: len(word[0]), default=None)
        if longest is None:
            return text
        return text[: longest.start()] + change(longest[0]) + text[longest.end() :]

    return form


def with_typo(text: str) -> str:
    """A text with two letters swapped, one left out or one doubled, the same at every run."""
    words = [*LONG_WORD.finditer(text)]
    if not words:
        return text
    choose = random.Random(text)
    word = choose.choice(words)
    at = choose.randrange(word.start() + 1, word.end() - 1)
    first, second = text[at], text[at + 1]
    return text[:at] + choose.choice([second + first, second, first * 2 + second]) + text[at + 2 :]


EXCLAIMED = "exclaimed"  # of a fact, this can make an opinion
FORMS: dict[str, Callable[[str], str]] = {
    "lower_case": in_case(str.lower),
    "upper_case": in_case(str.upper),
    "curly_quotes": lambda text: re.sub(r'"(.*?)"', "“\\1”", text).replace("'", "’"),
    "html_entities": lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    "html_tags": lambda text: f"<p>{text}</p>",
    "markdown": with_longest_word("**{}**".format),
    EXCLAIMED: lambda text: text.rstrip(".!") + "!!!",
    "one_typo": with_typo,
    "final_letter_doubled": with_longest_word(lambda word: word + word[-1]),
    "apostrophes_left_out": lambda text: re.sub(
        r"(?<=n)'(?=t\b)|(?<=\bI)'(?=(?:m|ve)\b)", "", text
    ),
    "soft_hyphen": with_longest_word(lambda word: f"{word[:3]}\u00ad{word[3:]}"),
    "zero_width_space": with_longest_word(lambda word: f"\u200b{word}"),
    "user_name_and_link": lambda text: f"@jo_m {text} https://t.co/a1B2c3",
    "ten_neutral_sentences_around": lambda text: text.join(FILLER),
    "100_times": lambda text: " ".join([text] * 100),
}


def answers_of(name: str, texts: list[str]) -> Iterator[Answer]:
    """The answers of a system from PyPI, run in an environment of its own."""
    program, neutral = SYSTEMS[name]
    with tempfile.TemporaryDirectory() as folder:
        say(install(PEERS[name], Path(folder)))
        python = Path(folder, "bin", "python")
        command = [str(python), "-c", program + ANSWER]
        done = subprocess.run(command, input=json.dumps(texts), stdout=-1, text=True, check=True)
    for polarity in json.loads(done.stdout):
        label = LABELS[1 + (polarity >= neutral) - (polarity <= -neutral)]
        scores = ((1 - polarity) / 2, 1 - abs(polarity), (1 + polarity) / 2)
        yield Answer(label, dict(zip(LABELS, scores, strict=True)))


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The lines of the Markdown table: every capability, then all mft, and by their label."""
    kinds = [
        Capability(name, tuple(group))
        for name, group in groupby(outcomes, lambda outcome: outcome.check.capability)
    ]
    tests = [one for one in outcomes if one.check.type == "mft" and one.check.label]
    kinds.append(Capability("**all with a label**", tuple(tests)))
    for label in LABELS:
        own = tuple(one for one in tests if one.check.label == label)
        kinds.append(Capability(f"{label} ones", own))
    yield "| capability | type | checks | failures | failure rate | 95 % interval | accuracy lost |"
    yield "|---|---|--:|--:|--:|--:|--:|"
    for kind in kinds:
        rate = kind.failure_rate
        low, high = (100 * end for end in rate.interval or ())
        yield (
            f"| {kind.name} | {', '.join(kind.types)} | {len(kind.outcomes)} "
            f"| {len(kind.failures)} | {100 * rate.value:.1f} % | {low:.1f}–{high:.1f} "
            f"| {lost(kind)} |"
        )


def lost(kind: Capability) -> str:
    """How many points less accurately the variants of an inv are classified than the texts."""
    costs = [cost(one) for one in kind.outcomes if one.check.type == "inv" and one.check.label]
    return f"{100 * mean(costs):.1f} points" if costs else ""


def cost(outcome: Outcome) -> float:
    """How much less often the variants of a text are classified right than the text is."""
    first, *others = (answer.label == outcome.check.label for answer in outcome.answers)
    return first - mean(others)


if __name__ == "__main__":
    main()
