"""The other forms of the checks' texts."""

import re

from senticli.evaluation.checks import Check
from tests.benchmarks.checks import in_other_forms


def test_other_forms_keep_the_words() -> None:
    text = "It wasn't what I'd call comfortable :D"
    check = Check("plain", "mft", text, "negative")
    forms = {form.capability.removeprefix("form_"): form for form in in_other_forms([check])}
    assert forms["upper_case"].variants == ["IT WASN'T WHAT I'D CALL COMFORTABLE :D"]
    assert forms["html_entities"].variants == ["It wasn&#39;t what I&#39;d call comfortable :D"]
    assert forms["apostrophes_left_out"].variants == ["It wasnt what I'd call comfortable :D"]
    assert forms["final_letter_doubled"].variants == ["It wasn't what I'd call comfortablee :D"]
    assert {form.label for form in forms.values()} == {"negative"}


def test_a_typo_is_the_same_at_every_run_and_one_letter_long() -> None:
    check = Check("plain", "mft", "The waiter was rude to everyone.", "negative")
    once, again = ([*in_other_forms([check])] for _ in range(2))
    assert once == again
    [typo] = [form.variants[0] for form in once if form.capability == "form_one_typo"]
    assert abs(len(typo) - len(check.text)) <= 1
    assert len(set(re.findall(r"\w+", typo)) - set(re.findall(r"\w+", check.text))) == 1
