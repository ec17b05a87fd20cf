"""Write everyday training sentences: ``python templates.py --rows 40000 --seed 1 --output FILE``.

They teach what reviews and tweets teach badly: negation, contrast, change, neutral statements and
questions, understatement, idioms, slang, ratings, reports, one opinion among facts, emoji.
What is said stands in two text files beside this one: ``lexicon.txt`` has lists of phrases, global
or of a domain (parcels, hotels, ...), and ``grammar.txt`` the rules that combine them, by kind and
label. Their notation is at their top.

The labels are drawn first, a third each, then a kind, a rule and its phrases; last comes the form
(case, apostrophes, typos, ...), which knows nothing of the label.
"""

import argparse
import json
import random
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

LABELS = ("negative", "neutral", "positive")
HERE = Path(__file__).parent
MOST_TRIES = 50
ENOUGH_RULES = 20
"""A kind with fewer for a label is rarer: its texts would be much alike."""
ONE_LABEL = {label: tuple(float(label == name) for name in LABELS) for label in LABELS}

_SLOT = re.compile(r"\{([^{}]+)\}|<([^<>|]*)\|([^<>|]*)>|\[([^\[\]]*)\]")
_OPPOSITE = {"good": "bad", "bad": "good"}
_SYMBOLS = ("So", "Sk")  # emoji and the colour of their skin
_EMOTICON = re.compile(r"(?<!\S)[^\w\s@#]\S*")


def likeliest(scores: tuple[float, ...]) -> str:
    """Return the likeliest of ``LABELS``."""
    return LABELS[scores.index(max(scores))]


class Row(NamedTuple):
    """A text, the kind of rule it comes from, and the probability of each of ``LABELS``."""

    text: str
    kind: str
    scores: tuple[float, ...]

    @property
    def label(self) -> str:
        """The likeliest label."""
        return likeliest(self.scores)

    def json(self) -> str:
        """Return the row as a line of JSON: with ``label`` if it is certain, else ``scores``."""
        answer: dict[str, object] = {"label": self.label}
        if max(self.scores) < 1:
            answer = {"scores": dict(zip(LABELS, self.scores, strict=True))}
        return json.dumps({"text": self.text, **answer}, ensure_ascii=False)


@dataclass
class Domain:
    """Things of a kind, such as hotels, and lists of what is said about them."""

    lists: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    classes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Section:
    """Rules with one label, and the domains they fit; to ``bare`` ones nothing is added."""

    kind: str
    weight: float
    scores: tuple[float, ...]
    domains: Sequence[Domain]
    rules: list[str]
    bare: bool

    @property
    def label(self) -> str:
        """The likeliest label."""
        return likeliest(self.scores)

    def rule(self, rng: random.Random) -> str:
        """Return a rule; those that only make one text are rare."""
        (rule,) = rng.choices(self.rules, [1 if "{" in rule else 0.25 for rule in self.rules])
        return rule


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a file, without comments and empty ones."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("# "):
            yield line.rstrip()


def read_lexicon(path: Path) -> tuple[dict[str, list[str]], dict[str, Domain]]:
    """Return the global lists, and the domains by name."""
    everywhere = Domain()
    domains: dict[str, Domain] = {}
    domain, name = everywhere, ""
    for line in lines_of(path):
        if line.startswith("@"):
            own, *parents = line[1:].split()
            domain = domains[own] = Domain()
            domain.classes.add(own)
            for parent in parents:
                domain.classes |= domains[parent].classes
                for key, values in domains[parent].lists.items():
                    domain.lists[key] += values
            continue
        if not line.startswith(" "):
            name, _, line = line.partition(":")
        domain.lists[name] += [entry.strip() for entry in line.split(" / ") if entry.strip()]
    return everywhere.lists, domains


def read_grammar(path: Path, domains: Mapping[str, Domain]) -> list[Section]:
    """Return the sections: one for each label and choice of domains of a kind."""
    text = path.read_text(encoding="utf-8")
    apart = set(re.findall(r"^--.* @(\S+) only", text, re.MULTILINE))
    things = [domain for domain in domains.values() if "item" in domain.lists]
    sections: dict[object, Section] = {}
    kind, weight, bare, heading = "", 0.0, False, ""
    for line in lines_of(path):
        if line.startswith("== "):
            _, kind, number, *flags = line.split()
            weight, bare = float(number), "bare" in flags
            continue
        if line.startswith("-- "):
            heading = line.removesuffix(" only")
            continue
        rule, _, own = line.partition("  @")
        classes = frozenset(re.findall(r"@(\w+)", f"@{own}" if own else heading))
        numbers = tuple(float(number) for number in re.findall(r"(?<= )[\d.]+", heading))
        polar = heading.startswith("-- polar")
        scores = numbers or ONE_LABEL["positive" if polar else heading.split()[1]]
        rules = {scores: rule, scores[::-1]: swapped(rule)} if polar else {scores: rule}
        for scores, rule in rules.items():
            fitting = [
                thing
                for thing in things
                if (thing.classes & classes if classes else not thing.classes & apart)
            ]
            new = Section(kind, weight, scores, fitting, [], bare)
            sections.setdefault((kind, scores, classes), new).rules.append(rule)
    return list(sections.values())


def swapped(rule: str) -> str:
    """Return a rule whose lists of good things are those of bad ones, and the reverse."""
    return re.sub(r"(?<=\{)(good|bad)", lambda match: _OPPOSITE[match[0]], rule)


class Writer:
    """Expands one rule: what has been said of which thing, so that a text agrees with itself."""

    def __init__(
        self,
        lexicon: Mapping[str, list[str]],
        kinds: Mapping[tuple[str, str], list[Section]],
        section: Section,
        rng: random.Random,
    ) -> None:
        self.lexicon, self.kinds, self.section, self.rng = lexicon, kinds, section, rng
        self.domain = rng.choice(section.domains)
        self.item = rng.choice(self.domain.lists["item"])
        self.past = rng.choice(self.domain.lists["tense"] or ["past", "present"]) == "past"
        self.plural = self.item.endswith("+")
        self.used: set[str] = set()

    def write(self, rule: str) -> str:
        """Return a text by a rule."""
        while match := _SLOT.search(rule):
            slot, singular, plural, choice = match.groups()
            if slot is not None:
                text = self.fill(slot)
            elif choice is not None:
                text = self.rng.choice(choice.split("|"))
            else:
                text = plural if self.plural else singular
            rule = rule[: match.start()] + text + rule[match.end() :]
        return rule

    def fill(self, slot: str) -> str:
        """Return what stands in place of a slot, which may have slots of its own."""
        if slot.startswith("="):
            return self.other_rule(slot[1:].split(","))
        if slot in SLOTS:
            return SLOTS[slot](self)
        phrase = self.pick(slot)
        return self.noun(phrase) if slot == "part" else phrase

    def other_rule(self, kinds: Sequence[str]) -> str:
        """Return a text of another kind with the label of this section."""
        sections = [found for kind in kinds for found in self.kinds[kind, self.section.label]]
        fitting = [section for section in sections if self.domain in section.domains]
        other = draw(fitting, self.rng)
        before, self.section = self.section, other
        self.plural = self.item.endswith("+")
        text = self.write(other.rule(self.rng))
        self.section = before
        return text

    def pick(self, name: str) -> str:
        """Return a phrase of a list that was not used yet, the domain's or a global one."""
        lists = [found for found in (self.domain.lists.get(name), self.lexicon.get(name)) if found]
        if not lists:
            raise LookupError(f"no list named {name!r} in {sorted(self.domain.classes)}")
        for _ in range(MOST_TRIES):
            phrase = self.rng.choice(self.rng.choice(lists))
            if phrase not in self.used or phrase.startswith("{"):
                break
        self.used.add(phrase)
        return phrase

    def noun(self, noun: str) -> str:
        """Return a noun without its mark, and note its number."""
        self.plural = noun.endswith("+")
        return noun.rstrip("+~")

    def thing(self) -> str:
        """Return the thing spoken of."""
        return self.noun(self.item)

    def article(self) -> str:
        """Return the indefinite article of the thing, if it has one."""
        return "" if self.item.endswith(("+", "~")) else "a"

    def pronoun(self, singular: str, plural: str) -> str:
        """Return a pronoun for the thing."""
        self.plural = self.item.endswith("+")
        return plural if self.plural else singular

    def verb(self, present: str, present_plural: str, past: str, past_plural: str) -> str:
        """Return a form of a verb for what was spoken of last."""
        if self.past:
            return past_plural if self.plural else past
        return present_plural if self.plural else present

    def number(self, low: int, high: int) -> str:
        """Return a whole number."""
        return str(self.rng.randint(low, high))

    def subject(self) -> str:
        """Return the thing with its determiner."""
        self.plural = self.item.endswith("+")
        det = self.rng.choice(self.domain.lists.get("det") or self.lexicon["det"])
        return f"{self.write(det)} {self.thing()}"

    def plural_form(self) -> str:
        """Return the plural of the thing."""
        noun = self.noun(self.item)
        if self.item[-1] in "+~" or noun == "series":
            return noun
        self.plural = True
        if noun.endswith(("s", "x", "ch", "sh")):
            return f"{noun}es"
        return re.sub(r"(?<=[^aeiou])y$", "ie", re.sub(r"(lf|(?<=i)fe)$", "ve", noun)) + "s"

    def unit(self) -> str:
        """Return one of the things, as after "another"."""
        noun = self.noun(self.item)
        return f"pair of {noun}" if self.item.endswith("+") else noun

    def ordinal(self) -> str:
        """Return a number such as 3rd."""
        number = self.rng.randint(2, 12)
        return f"{number}{ {2: 'nd', 3: 'rd'}.get(number, 'th') }"


SLOTS: Mapping[str, Callable[[Writer], str]] = {
    "item": Writer.thing,
    "items": Writer.plural_form,
    "unit": Writer.unit,
    "nth": Writer.ordinal,
    "a": Writer.article,
    "a_item": lambda writer: f"{writer.article()} {writer.thing()}",
    "X": Writer.subject,
    "it": lambda writer: writer.pronoun("it", "they"),
    "them": lambda writer: writer.pronoun("it", "them"),
    "this": lambda writer: writer.pronoun("this", "these"),
    "that": lambda writer: writer.pronoun("that", "those"),
    "one": lambda writer: writer.pronoun("one", "ones"),
    "is": lambda writer: writer.verb("is", "are", "was", "were"),
    "isnt": lambda writer: writer.verb("isn't", "aren't", "wasn't", "weren't"),
    "does": lambda writer: writer.verb("does", "do", "did", "did"),
    "doesnt": lambda writer: writer.verb("doesn't", "don't", "didn't", "didn't"),
    "n": lambda writer: writer.number(2, 12),
    "nn": lambda writer: writer.number(11, 60),
    "nnn": lambda writer: writer.number(100, 999),
    "pct": lambda writer: writer.number(2, 98),
    "time": lambda writer: (
        f"{writer.number(1, 12)}{writer.rng.choice([' ', ''])}{writer.rng.choice(['am', 'pm'])}"
    ),
    "price": lambda writer: writer.rng.choice("£$€") + writer.number(3, 400),
}


_SHORT_FORMS = (
    (r"(?<=[a-z] )(is|are|was|were|do|does|did|have|has|would|could|should)n't\b", r"\1 not"),
    (r"\b([Cc])an't\b", r"\1annot"),
    (r"(?<=[a-z] )won't\b", "will not"),
    (r"\bI'm\b", "I am"),
    (r"\bI've\b", "I have"),
)
_VOWEL = re.compile(
    r"\b([Aa]) (?=(?:[aeio]|u(?!s[eu]|ni|k\b)|hour|honest|8|11\b|18)(?!ne\b|nce\b))"
)
_LINK = r"(?:https?:|www\.|pic\.)"


def tidy(text: str, rng: random.Random) -> str:
    """Return a text with its articles, blanks and capitals set right, and a last full stop.

    A few have no short forms such as "isn't".
    """
    if rng.random() < 0.1:
        for short, full in _SHORT_FORMS:
            text = re.sub(short, full, text)
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r" (?=[,.!?](?: |$))", "", text)
    text = _VOWEL.sub(r"\1n ", text)
    text = re.sub(rf"(?:^|[.!?] )(?!{_LINK})[a-z]", lambda match: match[0].upper(), text)
    done = not text[-1:].isalnum() or re.search(rf"(?<!\S)(?:[@#]|{_LINK})\S+$", text)
    return text if done else text + "."


def fill_up(text: str, writer: Writer) -> str:
    """Return a text with words before or after it that say nothing."""
    rng = writer.rng
    if rng.random() < 0.15:
        first = text if re.match(r"I\b|[A-Z]{2}", text) else text[:1].lower() + text[1:]
        before = writer.write("{before}")
        text = f"{before} {first if before[-1] in ',–' or before[-1].isalpha() else text}"
    if rng.random() < 0.08:
        end = text[-1:] if text[-1:] in ".!?" else ""
        text = f"{text.removesuffix(end)} {writer.write('{tag}')}{end}"
    elif rng.random() < 0.05:
        text = f"{text} {writer.write('{after}')}"
    return text


def plain_words(text: str, least: int) -> list[re.Match[str]]:
    """Return the lower-case words of so many letters, without names, tags and links."""
    return list(re.finditer(rf"(?<![@#/.'\w])[a-z]{{{least},}}\b(?!['./:]\w|:/)", text))


def elongate(text: str, rng: random.Random) -> str:
    """Return a text with the last letter, or the last vowel, of one word repeated."""
    words = plain_words(text, least=2)
    if not words:
        return text
    word = rng.choice(words)
    vowel = max(word[0].rfind(letter) for letter in "aeiou")
    at = word.start() + rng.choice([vowel if vowel > 0 else len(word[0]) - 1, len(word[0]) - 1])
    return text[:at] + text[at] * rng.randint(3, 6) + text[at + 1 :]


def misspell(text: str, rng: random.Random) -> str:
    """Return a text with one letter of a longer word left out, doubled, or swapped."""
    words = plain_words(text, least=5)
    if not words:
        return text
    word = rng.choice(words)
    at = word.start() + rng.randint(1, len(word[0]) - 2)
    pair = text[at : at + 2]
    typo = rng.choice([pair[1], pair[0] + pair, pair[::-1]])
    return text[:at] + typo + text[at + 2 :]


def no_last_stop(text: str, rng: random.Random) -> str:
    """Return a text without its last full stop."""
    return text.removesuffix(".")


def more_marks(text: str, rng: random.Random) -> str:
    """Return a text with its last mark repeated, or another one."""
    last = text[-1:]
    marks = {
        ".": ["!", "!", "!!", "!!!", "...", ".."],
        "!": ["!!", "!!!"],
        "?": ["??", "?!", "???"],
    }
    return text[:-1] + rng.choice(marks[last]) if last in marks else text


FORMS: Sequence[tuple[float, Callable[[str, random.Random], str]]] = (
    (0.06, misspell),
    (0.04, elongate),
    (0.12, more_marks),
    (0.25, no_last_stop),
    (0.14, lambda text, rng: text.lower()),
    (0.04, lambda text, rng: text.upper()),
    (0.07, lambda text, rng: text.replace("'", "")),
    (0.10, lambda text, rng: text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")),
)
"""How often a text takes each form: independently of its label, and of each other."""


def key(text: str) -> str:
    """Return what makes a text different from others: its letters, digits, emoji and emoticons."""
    text = text.casefold()
    letters = [char for char in text if char.isalnum() or unicodedata.category(char) in _SYMBOLS]
    return "".join(letters + _EMOTICON.findall(text))


def draw(sections: Sequence[Section], rng: random.Random) -> Section:
    """Return a section, those with more rules more often."""
    (section,) = rng.choices(sections, [len(section.rules) for section in sections])
    return section


def generate(rows: int, seed: int) -> Iterator[Row]:
    """Yield rows, no two alike; the same ones for the same seed.

    Raises:
        ValueError: there are not so many.
    """
    lexicon, domains = read_lexicon(HERE / "lexicon.txt")
    sections = read_grammar(HERE / "grammar.txt", domains)
    kinds: dict[tuple[str, str], list[Section]] = defaultdict(list)
    weights: dict[str, dict[str, float]] = defaultdict(dict)
    for section in sections:
        kinds[section.kind, section.label].append(section)
    for (kind, label), found in kinds.items():
        rules = sum(len(section.rules) for section in found)
        weights[label][kind] = found[0].weight * min(1, rules / ENOUGH_RULES)
    rng = random.Random(seed)
    seen: set[str] = set()
    for number in range(rows):
        label = LABELS[number % len(LABELS)]
        for _ in range(MOST_TRIES):
            (kind,) = rng.choices(list(weights[label]), list(weights[label].values()))
            section = draw(kinds[kind, label], rng)
            writer = Writer(lexicon, kinds, section, rng)
            text = tidy(writer.write(section.rule(rng)), rng)
            if not section.bare:
                text = fill_up(text, writer)
            for share, form in FORMS:
                if rng.random() < share:
                    text = form(text, rng)
            if key(text) not in seen:
                break
        else:
            raise ValueError(f"the rules make no more than {number} rows")
        seen.add(key(text))
        yield Row(text, section.kind, section.scores)


def table(rows: Sequence[Row]) -> str:
    """Return the number of rows of each kind, and the share of each label, as text."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for kind in (row.kind, "all"):
            counts[kind][row.label] += 1
    lines = [f"{'kind':<16}{'rows':>7}" + "".join(f"{label:>10}" for label in LABELS)]
    for kind, count in sorted(counts.items(), key=lambda item: (item[0] == "all", item[0])):
        shares = "".join(f"{count[label] / count.total():>10.1%}" for label in LABELS)
        lines.append(f"{kind:<16}{count.total():>7}{shares}")
    return "\n".join(lines)


def main() -> None:
    """Write the rows to a file, and a table of their kinds to stderr."""
    parser = argparse.ArgumentParser(description="Write everyday training sentences.")
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True)
    settings = parser.parse_args()
    rows = list(generate(settings.rows, settings.seed))
    lines = "".join(row.json() + "\n" for row in rows)
    settings.output.write_text(lines, encoding="utf-8")
    print(table(rows), file=sys.stderr)


if __name__ == "__main__":
    main()
