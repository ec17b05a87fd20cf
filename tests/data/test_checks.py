"""What is odd about data."""

from senticli.data.checks import Checks, Finding, check
from senticli.data.labelled import Example, Problem
from senticli.data.splits import Part, Source, Split


def split(*pairs: tuple[str, str], problems: tuple[Problem, ...] = (), name: str = "x") -> Split:
    examples = [Example(text, label) for text, label in pairs]
    source = Source(name, examples, "", problems=problems)
    return Split([Part(source, range(len(examples)))], [name])


def test_tidy_data() -> None:
    train = split(("a", "pos"), ("b", "neg"), ("c", "neg"))
    found = check({"train": train, "valid": split(("d", "neg"), name="y")})
    assert found == Checks({"train": {"neg": 2, "pos": 1}, "valid": {"neg": 1}}, [])


def test_everything_odd() -> None:
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
    ]
