"""Every kind of answer, and what it is good for."""

from dataclasses import dataclass, field

import pytest

from senticli.download.pieces import Version
from senticli.download.responses import Answer, Verdict, judge, parse_count

TAGGED = Version(100, '"a"')
UNTAGGED = Version(100, None)
TAG, OTHER_TAG = {"ETag": '"a"'}, {"ETag": '"b"'}
WHOLE = {"Content-Length": "100"}
PAGE = b"<!DOCTYPE html><html></html>"


def part(start: int, end: int, size: int = 100) -> dict[str, str]:
    return {"Content-Range": f"bytes {start}-{end}/{size}"}


@dataclass
class Case:
    """An answer, by default to a request for the whole file with nothing on disk."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"PK"
    asked: int | None = None
    kept: Version | None = None
    only_parts: bool = False

    def verdict(self) -> Verdict:
        return judge(*vars(self).values()).verdict


FIRST = {
    "the file": (Case(200, WHOLE), Verdict.BODY),
    "of unknown size": (Case(200), Verdict.BODY),
    "an error": (Case(404), Verdict.ERROR),
    "not modified": (Case(304), Verdict.ERROR),
    "an error page": (Case(404, body=PAGE), Verdict.ERROR),
    "a page": (Case(200, body=PAGE), Verdict.PAGE),
    "a page by its type": (Case(200, {"Content-Type": "text/html; x"}), Verdict.PAGE),
    "a part unasked": (Case(206, part(0, 99)), Verdict.CHANGED),
    "416 unasked": (Case(416), Verdict.ERROR),
}
FIRST_OF_PARTS = {
    "the part": (Case(206, part(0, 0), asked=0, only_parts=True), Verdict.BODY),
    "another part": (Case(206, part(5, 9), asked=0, only_parts=True), Verdict.NO_RANGES),
    "a part of unknown place": (Case(206, asked=0, only_parts=True), Verdict.NO_RANGES),
    "the whole": (Case(200, WHOLE, asked=0, only_parts=True), Verdict.NO_RANGES),
    "416": (Case(416, asked=0, only_parts=True), Verdict.NO_RANGES),
}
REST = {
    "the rest": (Case(206, part(40, 99) | TAG, asked=40, kept=TAGGED), Verdict.BODY),
    "without its tag": (Case(206, part(40, 99), asked=40, kept=TAGGED), Verdict.BODY),
    "of another": (Case(206, part(40, 99) | OTHER_TAG, asked=40, kept=TAGGED), Verdict.CHANGED),
    "another size": (Case(206, part(40, 98, 99), asked=40, kept=TAGGED), Verdict.CHANGED),
    "another part": (Case(206, part(41, 99), asked=40, kept=TAGGED), Verdict.CHANGED),
    "the whole": (Case(200, WHOLE | TAG, asked=40, kept=TAGGED), Verdict.BODY),
    "the whole of another": (Case(200, WHOLE | OTHER_TAG, asked=40, kept=TAGGED), Verdict.CHANGED),
    "an untagged whole": (Case(200, WHOLE, asked=40, kept=TAGGED), Verdict.CHANGED),
    "an untagged part": (Case(206, part(40, 99), asked=40, kept=UNTAGGED), Verdict.BODY),
    "416": (Case(416, asked=40, kept=TAGGED), Verdict.CHANGED),
    "a page": (Case(200, WHOLE | TAG, PAGE, asked=40, kept=TAGGED), Verdict.PAGE),
    "an error": (Case(503, asked=40, kept=TAGGED), Verdict.ERROR),
}
FURTHER_PARTS = {
    "the whole": (Case(200, WHOLE | TAG, asked=40, kept=TAGGED, only_parts=True), Verdict.WHOLE),
    "another": (Case(200, WHOLE, asked=40, kept=TAGGED, only_parts=True), Verdict.CHANGED),
    "416": (Case(416, asked=40, kept=TAGGED, only_parts=True), Verdict.CHANGED),
    "another part": (
        Case(206, part(0, 99), asked=40, kept=TAGGED, only_parts=True),
        Verdict.NO_RANGES,
    ),
}
CASES = [
    pytest.param(*case, id=f"{group}: {name}")
    for group, cases in {
        "first answer": FIRST,
        "first answer of parts": FIRST_OF_PARTS,
        "rest": REST,
        "further parts": FURTHER_PARTS,
    }.items()
    for name, case in cases.items()
]


@pytest.mark.parametrize(("case", "verdict"), CASES)
def test_verdicts(case: Case, verdict: Verdict) -> None:
    assert case.verdict() is verdict


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": '"a"', "Last-Modified": "Mon"}, '"a"'),
        ({"ETag": 'W/"a"', "Last-Modified": "Mon"}, "Mon"),
        ({"ETag": '"\xe9"'}, None),
        ({"Last-Modified": "\xe9"}, None),
        ({}, None),
    ],
)
def test_validator_is_a_strong_tag_or_the_date(
    headers: dict[str, str], validator: str | None
) -> None:
    answer = judge(200, WHOLE | headers, b"", None, None, False)
    assert answer == Answer(Verdict.BODY, 0, Version(100, validator))


@pytest.mark.parametrize("text", ["", "-1", "1.5", "²", "9" * 5000, "1, 1"])
def test_invalid_counts_are_refused(text: str) -> None:
    assert parse_count(text) is None
