"""Check what a sentiment model must be able to do, one capability at a time.

    python -m tests.benchmarks.checks [--model NAME|DIR] [--failures N] [--json FILE]
    python -m tests.benchmarks.checks --system vader

After CheckList (Ribeiro et al. 2020). The checks are in ``checks.jsonl``, one JSON object a line:

    capability  what is checked
    type        mft, a minimum functionality test: the answer for ``text`` is ``label``
                inv, an invariance: the answer for each of ``variants`` is that for ``text``
                dir, a direction: the probability of ``rises`` is higher for each of ``variants``
                than for ``text``, or close to 1
    text        the text
    label       its label; of an inv, shows how much accuracy the variants cost
    variants    other texts, of inv and dir
    rises       a label, of dir
    tolerance   of inv: how far the probability of any label may move; 1 where it is absent

The text of every mft is an inv too, in other forms: capitals, HTML, Markdown and so on. Checks of a
label that the model lacks are left out. The Markdown table and some failures go to stdout.
"""

import argparse
import html
import json
import random
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from statistics import mean

from senticli import load
from senticli.measures import wilson
from tests.benchmarks.peers import PEERS, install, say

CHECKS = Path(__file__).with_suffix(".jsonl")
LABELS = ("negative", "neutral", "positive")
CLOSE_TO_1 = 0.95

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


@dataclass(frozen=True)
class Check:
    """A line of the file."""

    capability: str
    type: str
    text: str
    label: str | None = None
    variants: Sequence[str] = ()
    rises: str | None = None
    tolerance: float = 1.0


@dataclass(frozen=True)
class Answer:
    """A label and the score of every label; a text that cannot be classified has none."""

    label: str
    scores: dict[str, float]

    def __str__(self) -> str:
        return f"{self.label} {self.scores[self.label]:.2f}" if self.label else "no answer"


@dataclass(frozen=True)
class Result:
    """A check, its answers, and those of its texts for which it does not hold."""

    check: Check
    answer: Answer
    variants: tuple[Answer, ...]
    failures: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """The figures of a kind of check.

    ``points_lost``, of inv: how many points less accurate the variants are classified than the
    texts.
    """

    capability: str
    type: str
    n: int
    failures: int
    rate: float
    interval: tuple[float, float]
    points_lost: float | None


def main() -> None:
    """Check and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--model", metavar="NAME|DIR", default="bundled", help="(%(default)s)")
    add("--system", choices=list(SYSTEMS), help="check this system instead of a model")
    add("--failures", type=int, metavar="N", default=3, help="shown of each kind (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the figures and all failures too")
    args = parser.parse_args()

    written = read(CHECKS)
    checks = [*written, *in_other_forms(written)]
    model = None if args.system else load(args.model)
    labels = model.labels if model else LABELS
    asked = [check for check in checks if {check.label, check.rises} <= {None, *labels}]
    texts = list(dict.fromkeys(text for check in asked for text in (check.text, *check.variants)))
    if model:
        answers = {
            answer.text: Answer(answer.label, dict(zip(labels, answer.scores, strict=False)))
            for answer in model.predict(texts)
        }
    else:
        answers = dict(zip(texts, answers_of(args.system, texts), strict=True))
    results = [result(check, answers) for check in asked]

    print(*table(results), sep="\n")
    if left_out := len(checks) - len(asked):
        print(f"\n{left_out:,} checks are left out: they are of labels that the model lacks.")
    if args.failures:
        print(*examples(results, args.failures), sep="\n")
    if args.json:
        content = {
            "labels": labels,
            "kinds": [asdict(figures(*kind)) for kind in by_kind(results)],
            "failures": [asdict(result) for result in results if result.failures],
        }
        args.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read(path: Path) -> list[Check]:
    """The checks in a file."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [Check(**json.loads(line)) for line in lines if line]


def in_other_forms(checks: Iterable[Check]) -> Iterator[Check]:
    """An invariance for each form that changes the text of an mft."""
    tests = [check for check in checks if check.type == "mft"]
    for name, form in FORMS.items():
        for check in tests:
            variant = form(check.text)
            if variant != check.text and not (name == EXCLAIMED and check.label == "neutral"):
                yield Check(f"form: {name}", "inv", check.text, check.label, [variant])


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


EXCLAIMED = "`!!!` at the end"  # of a fact, this can make an opinion
FORMS: dict[str, Callable[[str], str]] = {
    "lower case": in_case(str.lower),
    "upper case": in_case(str.upper),
    "curly quotes": lambda text: re.sub(r'"(.*?)"', "“\\1”", text).replace("'", "’"),
    "HTML entities": lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    "HTML tags": lambda text: f"<p>{text}</p>",
    "Markdown": with_longest_word("**{}**".format),
    EXCLAIMED: lambda text: text.rstrip(".!") + "!!!",
    "one typo": with_typo,
    "final letter doubled": with_longest_word(lambda word: word + word[-1]),
    "apostrophes left out": lambda text: re.sub(
        r"(?<=n)'(?=t\b)|(?<=\bI)'(?=(?:m|ve)\b)", "", text
    ),
    "soft hyphen": with_longest_word(lambda word: f"{word[:3]}\u00ad{word[3:]}"),
    "zero-width space": with_longest_word(lambda word: f"\u200b{word}"),
    "user name and link": lambda text: f"@jo_m {text} https://t.co/a1B2c3",
    "ten neutral sentences around": lambda text: text.join(FILLER),
    "100 times": lambda text: " ".join([text] * 100),
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


def result(check: Check, answers: dict[str, Answer]) -> Result:
    """Compare the answers for a check with what it asks for."""
    first = answers[check.text]
    variants = tuple(answers[text] for text in check.variants)
    if check.type == "mft":
        failures = [check.text] if first.label != check.label else []
    else:
        holds = rises if check.type == "dir" else stays
        failures = [text for text in check.variants if not holds(check, first, answers[text])]
    return Result(check, first, variants, tuple(failures))


def rises(check: Check, before: Answer, after: Answer) -> bool:
    """Return True if the score of the check's label is higher than before, or close to 1."""
    label = check.rises or ""
    return after.scores.get(label, 0) > min(before.scores.get(label, 0), CLOSE_TO_1)


def stays(check: Check, before: Answer, after: Answer) -> bool:
    """Return True if the label is the same and no score has moved beyond the tolerance."""
    return before.label == after.label and all(
        abs(after.scores[label] - score) <= check.tolerance
        for label, score in before.scores.items()
    )


def by_kind(results: Iterable[Result]) -> Iterator[tuple[str, str, list[Result]]]:
    """Group results, which are in order, by capability and type."""
    for kind, group in groupby(results, lambda r: (r.check.capability, r.check.type)):
        yield (*kind, list(group))


def figures(capability: str, kind: str, results: list[Result]) -> Row:
    """Count the failures of some checks."""
    n, failures = len(results), sum(bool(result.failures) for result in results)
    labelled = [result for result in results if kind == "inv" and result.check.label]
    lost = 100 * mean(map(cost, labelled)) if labelled else None
    return Row(capability, kind, n, failures, failures / n, wilson(failures, n), lost)


def cost(result: Result) -> float:
    """How much less often the variants of a text are classified right than the text is."""
    label = result.check.label
    right = [answer.label == label for answer in result.variants]
    return (result.answer.label == label) - mean(right)


def table(results: list[Result]) -> Iterator[str]:
    """The lines of the Markdown table: every kind of check, then all mft, and by their label."""
    tests = [result for result in results if result.check.type == "mft"]
    totals = [("**all**", "mft", tests)]
    for label in sorted({str(test.check.label) for test in tests}):
        totals += [(f"{label} ones", "mft", [test for test in tests if test.check.label == label])]
    yield "| capability | test | n | failures | failure rate | 95 % interval | accuracy lost |"
    yield "|---|---|--:|--:|--:|--:|--:|"
    for row in (figures(*kind) for kind in [*by_kind(results), *totals]):
        low, high = (100 * end for end in row.interval)
        lost = "" if row.points_lost is None else f"{row.points_lost:.1f} points"
        yield (
            f"| {row.capability} | {row.type} | {row.n} | {row.failures} | {100 * row.rate:.1f} % "
            f"| {low:.1f}–{high:.1f} | {lost} |"
        )


def examples(results: list[Result], limit: int) -> Iterator[str]:
    """The first failures of each kind, as Markdown."""
    for capability, kind, group in by_kind(results):
        failed = [result for result in group if result.failures][:limit]
        if failed:
            yield f"\n{capability}, {kind}:\n"
        for result in failed:
            check = result.check
            text = f"- {shown(check.text)}: {result.answer}"
            if kind == "mft":
                yield f"{text}, not {check.label}"
                continue
            worst = result.failures[0]
            answer = result.variants[list(check.variants).index(worst)]
            asked = f", {check.rises} does not rise" if kind == "dir" else ""
            yield f"{text}; {shown(worst)}: {answer}{asked}"


def shown(text: str) -> str:
    """A text in quotes, cut where it is long, with escapes for what is invisible."""
    return repr(text if len(text) <= 160 else f"{text[:160]} …")


if __name__ == "__main__":
    main()
