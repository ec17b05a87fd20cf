"""Suspicious labelled data, found before anything is learned from it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from senticli.data.labelled import Example, Labelled, Problem, labels_of
from senticli.data.labels import lists_among, loose, may_be_missing
from senticli.data.splits import Source, Split
from senticli.errors import SenticliError
from senticli.events import Finding as Finding
from senticli.events import SoftLabels


@dataclass(frozen=True)
class Checks:
    """The examples of each label in each split, and what is suspicious about them.

    ``soft`` has the splits with soft labels.
    """

    labels: Mapping[str, Mapping[str, int]]
    soft: Mapping[str, SoftLabels]
    findings: list[Finding]


def check(splits: Mapping[str, Split], mapped: Collection[str] = ()) -> Checks:
    """Look at ``splits`` by name: train, valid and, where there is one, test.

    ``mapped`` are the values that are mapped to labels.
    Two texts are the same if they are equal but for white space at their ends.
    """
    sources = {part.source.name: part.source for split in splits.values() for part in split.parts}
    problems = [problem for source in sources.values() for problem in source.problems]
    findings = [*rows_of(problems), *_label_findings(sources.values())]
    known = set().union(*(source.values for source in sources.values()))
    unused = [value for value in mapped if value not in known]
    findings += _finding("mapped values that no row has", len(unused), unused)
    texts = {name: labels_by_text(split.examples) for name, split in splits.items()}
    for name, labels in texts.items():
        copies = {text: sum(found.values()) for text, found in labels.items()}
        findings += _finding(
            f"texts that occur again in {name}",
            sum(count - 1 for count in copies.values()),
            (text for text, count in copies.items() if count > 1),
        )
        torn = [text for text, found in labels.items() if len(found) > 1]
        findings += _finding(f"texts with two labels in {name}", len(torn), torn)
    for first, second in (("train", "valid"), ("train", "test"), ("valid", "test")):
        if first in texts and second in texts:
            shared = [text for text in texts[second] if text in texts[first]]
            findings += _finding(f"texts of {second} that are in {first}", len(shared), shared)
    counts = {
        name: dict(sorted(Counter(example.label for example in split.examples).items()))
        for name, split in splits.items()
    }
    unlikely = [
        label for label in labels_of(splits["train"].examples) if label not in counts["train"]
    ]
    findings += _finding("labels that are the likeliest of no example", len(unlikely), unlikely)
    learned = set(splits["train"].hashes)
    for name, split in splits.items():
        if learned.isdisjoint(split.hashes):  # what is held out of train lacks the rarest labels
            lacking = [label for label in counts["train"] if label not in counts[name]]
            findings += _finding(f"labels of train that {name} lacks", len(lacking), lacking)
    soft = {name: soft_labels(split.examples) for name, split in splits.items()}
    return Checks(counts, {name: labels for name, labels in soft.items() if labels}, findings)


def reject(findings: Sequence[Finding]) -> None:
    """Raise SenticliError if there are any findings, for a caller who is strict about them."""
    if findings:
        kinds = ", ".join(finding.what for finding in findings)
        raise SenticliError(f"`strict=True`: {kinds}", "fix the data, or leave out `strict`")


def soft_labels(examples: Iterable[Example]) -> SoftLabels | None:
    """Return what is known of the soft labels; None if there are none."""
    surest = [max(example.scores.values()) for example in examples if example.scores is not None]
    return SoftLabels(len(surest), sum(surest) / len(surest)) if surest else None


def suspicious_answers(name: str, answers: Labelled) -> list[Finding]:
    """Return what is suspicious about the answers in a teacher's file, called ``name``."""
    labels = labels_by_text(answers.examples)
    torn = [text for text, found in labels.items() if len(found) > 1]
    torn_in_file = _finding(f"texts with two labels in {name}", len(torn), torn)
    return [*rows_of(answers.problems, "answers"), *torn_in_file]


def rows_of(problems: Iterable[Problem], rows: str = "rows") -> list[Finding]:
    """Return a finding for each kind of problem with rows, which may be called otherwise."""
    by_kind: dict[str, list[str]] = {}
    for problem in problems:
        what = f"{rows} {'that' if problem.kept else 'left out:'} {problem.what}"
        by_kind.setdefault(what, []).append(problem.where)
    return [Finding(what, len(where), where[0]) for what, where in by_kind.items()]


def _label_findings(sources: Collection[Source]) -> Iterator[Finding]:
    """Yield what is suspicious about the labels themselves."""
    of_each = {source.name: set(labels_of(source.examples)) for source in sources}
    labels = set().union(*of_each.values())
    alike: dict[str, set[str]] = {}
    for label in labels:
        alike.setdefault(loose(label), set()).add(label)
    torn = sorted(", ".join(map(repr, sorted(names))) for names in alike.values() if len(names) > 1)
    if torn:
        yield Finding("labels that differ only in case, blanks or quotes", len(torn), torn[0])
    missing = sorted(filter(may_be_missing, labels))
    yield from _finding("labels that may stand for a missing one", len(missing), missing)
    lists = lists_among(labels)
    yield from _finding("labels that look like several", len(lists), lists)
    for (first, ours), (second, others) in combinations(of_each.items(), 2):
        if not ours & others:
            example = f"{first}: {', '.join(sorted(ours))}; {second}: {', '.join(sorted(others))}"
            yield Finding("sources with no label in common", 2, example)
            break


def labels_by_text(examples: Iterable[Example]) -> dict[str, Counter[str]]:
    """Return how often each text has each label."""
    labels: dict[str, Counter[str]] = {}
    for example in examples:
        labels.setdefault(example.text.strip(), Counter())[example.label] += 1
    return labels


def _finding(what: str, count: int, texts: Iterable[str]) -> list[Finding]:
    return [Finding(what, count, repr(next(iter(texts))[:60]))] if count else []
