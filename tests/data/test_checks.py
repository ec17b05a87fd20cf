"""What is odd about data."""

from senticli.data.checks import Checks, Finding, check
from senticli.data.labelled import Example, Problem
from senticli.data.splits import Part, Source, Split
from senticli.events import SoftLabels


def split(*pairs: tuple[str, str], problems: tuple[Problem, ...] = (), name: str = "x") -> Split:
    examples = [Example(text, label) for text, label in pairs]
    source = Source(name, examples, "", problems=problems)
    return Split([Part(source, range(len(examples)))], [name])


def test_tidy_data() -> None:
    train = split(("a", "pos"), ("b", "neg"), ("c", "neg"))
    found = check({"train": train, "valid": split(("d", "neg"), ("e", "pos"), name="y")})
    assert found == Checks({"train": {"neg": 2, "pos": 1}, "valid": {"neg": 1, "pos": 1}}, {}, [])


def test_every_finding_is_reported() -> None:
    problems = (Problem("x, line 3", "no text"), Problem("x, line 9", "no text"))
    train = split(("a", "pos"), ("a ", "pos"), ("a", "neg"), ("b" * 99, "neg"), problems=problems)
    valid = split(("a", "pos"), ("v", "neg"), name="y")
    test = split(("b" * 99, "neg"), ("v", "neg"), ("t", "neg"), ("t", "neg"), name="z")
    assert check({"train": train, "valid": valid, "test": test}).findings == [
        Finding("rows left out: no text", 2, "x, line 3"),
        Finding("texts that occur again in train", 2, "'a'"),
        Finding("texts with two labels in train", 1, "'a'"),
        Finding("texts that occur again in test", 1, "'t'"),
        Finding("texts of valid that are in train", 1, "'a'"),
        Finding("texts of test that are in train", 1, repr("b" * 60)),
        Finding("texts of test that are in valid", 1, "'v'"),
        Finding("labels of train that test lacks", 1, "'pos'"),
    ]


def test_split_of_its_own_without_a_label_of_train_is_reported() -> None:
    train = split(("a", "pos"), ("b", "neg"), ("c", "neutral"))
    test = split(("d", "neg"), ("e", "pos"), name="y")
    assert check({"train": train, "test": test}).findings == [
        Finding("labels of train that test lacks", 1, "'neutral'")
    ]


def test_split_held_out_of_train_may_lack_a_rare_label() -> None:
    train = split(("a", "pos"), ("b", "neg"), ("c", "neg"), ("d", "neg"))
    source = train.parts[0].source
    splits = {"train": Split([Part(source, (0, 1, 2))], ["x"])}
    assert check({**splits, "valid": Split([Part(source, (3,))], ["x"])}).findings == []


def test_labels_that_differ_only_in_spelling_are_reported() -> None:
    found = check({"train": split(("a", "pos"), ("b", '"Pos"'), ("c", "p os"), ("d", "neg"))})
    what = "labels that differ only in case, blanks or quotes"
    assert found.findings == [Finding(what, 1, "'\"Pos\"', 'p os', 'pos'")]


def test_labels_that_may_stand_for_a_missing_one_are_reported() -> None:
    found = check({"train": split(("a", "None"), ("b", "pos"), ("c", "NA"))})
    assert found.findings == [Finding("labels that may stand for a missing one", 2, "'NA'")]


def test_labels_that_look_like_several_are_reported() -> None:
    found = check({"train": split(("a", "pos,joy"), ("b", "neg,sad"))})
    assert found.findings == [Finding("labels that look like several", 2, "'neg,sad'")]


def soft_split() -> Split:
    scores = {"neg": 0.25, "neutral": 0.0, "pos": 0.75}
    examples = [Example.soft("a", scores), Example.soft("b", {"neg": 1.0}), Example("c", "neg")]
    return Split([Part(Source("x", examples, ""), range(3))], ["x"])


def test_soft_labels_are_counted_with_their_confidence() -> None:
    found = check({"train": soft_split(), "valid": split(("d", "neg"), ("e", "pos"), name="x")})
    assert found.soft == {"train": SoftLabels(2, 0.875)}
    assert found.labels["train"] == {"neg": 2, "pos": 1}


def test_label_that_is_never_the_likeliest_is_reported() -> None:
    found = check({"train": soft_split(), "valid": split(("d", "neg"), ("e", "pos"), name="x")})
    assert Finding("labels that are the likeliest of no example", 1, "'neutral'") in found.findings
