"""The checks of capabilities: the file is well-formed, and a check fails where it should."""

import json
import re
from collections import Counter

import pytest

from tests.benchmarks.checks import CHECKS, LABELS, Answer, Check, in_other_forms, read, result

FIELDS = {
    "mft": {"label"},
    "inv": {"variants", "label", "tolerance"},
    "dir": {"variants", "rises"},
}
OPTIONAL = {"tolerance"}


def test_every_line_has_the_fields_of_its_type() -> None:
    for line in CHECKS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        fields = row.keys() - {"capability", "type", "text"}
        assert FIELDS[row["type"]] - OPTIONAL <= fields <= FIELDS[row["type"]], line
        assert {row.get("label"), row.get("rises")} <= {None, *LABELS}, line
        for text in (row["text"], *row.get("variants", ())):
            assert text == text.strip() != "", line
        assert row["text"] not in row.get("variants", ()), line


def test_no_check_is_there_twice() -> None:
    checks = read(CHECKS)
    texts = [(check.text, *(check.variants if check.type == "dir" else ())) for check in checks]
    same = Counter(" ".join(" ".join(parts).casefold().split()) for parts in texts)
    assert [text for text, times in same.items() if times > 1] == []


def test_checks_of_a_capability_are_of_one_type_and_stand_together() -> None:
    kinds = [(check.capability, check.type) for check in read(CHECKS)]
    runs = [kind for kind, before in zip(kinds, [None, *kinds], strict=False) if kind != before]
    assert len(runs) == len({capability for capability, _ in runs})


def test_other_forms_keep_the_words() -> None:
    text = "It wasn't what I'd call comfortable :D"
    check = Check("plain", "mft", text, "negative")
    forms = {form.capability.removeprefix("form: "): form for form in in_other_forms([check])}
    assert forms["upper case"].variants == ["IT WASN'T WHAT I'D CALL COMFORTABLE :D"]
    assert forms["HTML entities"].variants == ["It wasn&#39;t what I&#39;d call comfortable :D"]
    assert forms["apostrophes left out"].variants == ["It wasnt what I'd call comfortable :D"]
    assert forms["final letter doubled"].variants == ["It wasn't what I'd call comfortablee :D"]
    assert {form.label for form in forms.values()} == {"negative"}


def test_a_typo_is_the_same_at_every_run_and_one_letter_long() -> None:
    check = Check("plain", "mft", "The waiter was rude to everyone.", "negative")
    once, again = ([*in_other_forms([check])] for _ in range(2))
    assert once == again
    [typo] = [form.variants[0] for form in once if form.capability == "form: one typo"]
    assert abs(len(typo) - len(check.text)) <= 1
    assert len(set(re.findall(r"\w+", typo)) - set(re.findall(r"\w+", check.text))) == 1


def answer(positive: float) -> Answer:
    label = "positive" if positive > 0.5 else "negative"
    return Answer(label, {"negative": 1 - positive, "positive": positive})


@pytest.mark.parametrize(
    ("check", "after", "holds"),
    [
        (Check("c", "mft", "before", "positive"), 0.0, True),
        (Check("c", "mft", "before", "negative"), 0.0, False),
        (Check("c", "inv", "before", variants=["after"]), 0.6, True),
        (Check("c", "inv", "before", variants=["after"]), 0.4, False),
        (Check("c", "inv", "before", variants=["after"], tolerance=0.1), 0.6, False),
        (Check("c", "dir", "before", variants=["after"], rises="positive"), 0.95, True),
        (Check("c", "dir", "before", variants=["after"], rises="positive"), 0.9, False),
        (Check("c", "dir", "before", variants=["after"], rises="negative"), 0.9, False),
        (Check("c", "dir", "before", variants=["after"], rises="negative"), 0.8, True),
    ],
)
def test_a_check_fails_where_the_answers_are_not_what_it_asks(
    check: Check, after: float, holds: bool
) -> None:
    failures = result(check, {"before": answer(0.9), "after": answer(after)}).failures
    assert bool(failures) != holds


def test_a_score_close_to_one_need_not_rise() -> None:
    check = Check("c", "dir", "before", variants=["after"], rises="positive")
    assert not result(check, {"before": answer(0.99), "after": answer(0.97)}).failures
    assert result(check, {"before": answer(0.99), "after": answer(0.9)}).failures
