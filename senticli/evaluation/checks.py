"""Behavioural checks: what a model must be able to do, one capability at a time.

Source: CheckList (Ribeiro et al. 2020).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from reprlib import repr as short
from typing import TYPE_CHECKING, Any, Literal

from senticli import paths
from senticli.bundle import BUNDLED
from senticli.errors import SenticliError
from senticli.events import Message, OnEvent, Progress, ignore
from senticli.io.formats import open_bytes
from senticli.io.lines import read_lines
from senticli.io.objects import BLANK, read_objects
from senticli.measures import Figure, wilson

if TYPE_CHECKING:
    from senticli.model import Model

MFT, INV, DIR = "mft", "inv", "dir"
CLOSE_TO_1 = 0.95  # a probability that need not rise
MOST_REPEATED = 100_000
REPORTED = 256  # texts between two reports of progress

_RULES: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "type": ("mft, inv or dir", (MFT, INV, DIR).__contains__),
    "capability": (
        "a name of letters, digits, _ and -",
        lambda value: isinstance(value, str) and re.fullmatch(r"[\w-]+", value),
    ),
    "text": ("a string", lambda value: isinstance(value, str)),
    "label": ("a label or null", lambda value: value is None or _is_label(value)),
    "variants": (
        "a list of strings",
        lambda value: isinstance(value, list | tuple) and all(isinstance(v, str) for v in value),
    ),
    "rises": ("a label", lambda value: value is None or _is_label(value)),
    "tolerance": (
        "a number from 0 to 1",
        lambda value: type(value) in (int, float) and 0 <= value <= 1,
    ),
    "repeat": (
        f"a whole number from 1 to {MOST_REPEATED:,}",
        lambda value: type(value) is int and 1 <= value <= MOST_REPEATED,
    ),
}
"""What the value of each field must be; None where it is not given."""
_COMMON = ("capability", "type", "text")
_NEEDED: Mapping[str, tuple[str, ...]] = {MFT: (), INV: ("variants",), DIR: ("variants", "rises")}
_OTHERS = {MFT: ("label", "repeat"), INV: ("label", "tolerance", "repeat"), DIR: ("repeat",)}
"""The fields of a check by its type: those that have a value, and those that may."""


def _is_label(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _problem(name: str, value: object) -> str:
    return f"{name} is {short(value)}, and must be {_RULES[name][0]}"


@dataclass(frozen=True)
class Check:
    """What a model must answer, or how answers must differ.

    ``mft``, a minimum functionality test, holds if the answer for ``text`` is ``label``; None means
    no answer, as for a text without a token. ``inv``, an invariance, holds if the answer for each
    of the ``variants`` is that for ``text``, and no label's probability moves by more than
    ``tolerance``; the ``label`` of its text is optional. ``dir``, a direction, holds if the
    probability of the label ``rises`` is higher for each of the ``variants``, or close to 1. Each
    text is classified ``repeat`` times over, with blanks between.

    Raises:
        ValueError: a field has a value that makes no sense.
    """

    capability: str
    type: Literal["mft", "inv", "dir"]
    text: str
    label: str | None = None
    variants: Sequence[str] = ()
    rises: str | None = None
    tolerance: float = 1.0
    repeat: int = 1

    def __post_init__(self) -> None:
        for name, (_, fits) in _RULES.items():
            value = getattr(self, name)
            if not fits(value) or (not value and name in _NEEDED[self.type]):
                raise ValueError(_problem(name, value))

    @property
    def texts(self) -> tuple[str, ...]:
        """The text and its variants, as they are classified."""
        once = (self.text, *self.variants)
        return once if self.repeat == 1 else tuple(" ".join([t] * self.repeat) for t in once)

    @property
    def labels(self) -> set[str]:
        """The labels that it names."""
        return {self.label, self.rises} - {None}  # type: ignore[return-value]


@dataclass(frozen=True)
class Answer:
    """The likeliest label, None without an answer, and the probability of every label."""

    label: str | None
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Outcome:
    """A check, and the answers for its text and each of its variants.

    ``failed`` is the number of the first of these texts for which the check does not hold, 0 for
    the text itself; None if it holds.
    """

    check: Check
    answers: tuple[Answer, ...]
    failed: int | None


@dataclass(frozen=True)
class Capability:
    """The outcomes of the checks of a capability, which are of one type or more."""

    name: str
    outcomes: tuple[Outcome, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """The types of its checks."""
        return tuple(dict.fromkeys(outcome.check.type for outcome in self.outcomes))

    @cached_property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes of the checks that fail."""
        return tuple(outcome for outcome in self.outcomes if outcome.failed is not None)

    @property
    def failure_rate(self) -> Figure:
        """The share of checks that fail, with its Wilson interval."""
        return _share(len(self.failures), len(self.outcomes))

    @property
    def pass_rate(self) -> Figure:
        """The share of checks that hold, with its Wilson interval."""
        return _share(len(self.outcomes) - len(self.failures), len(self.outcomes))


@dataclass(frozen=True)
class CheckReport:
    """The outcomes of a suite of checks, by capability in the order of the suite.

    ``left_out`` counts the checks of labels that the model lacks; ``messages`` say which these are.
    """

    model: str
    suite: str
    capabilities: tuple[Capability, ...]
    left_out: int = 0
    messages: tuple[Message, ...] = ()

    @cached_property
    def all(self) -> Capability:
        """All outcomes together."""
        return Capability(
            "checks", tuple(outcome for part in self.capabilities for outcome in part.outcomes)
        )

    @property
    def figures(self) -> dict[str, Figure]:
        """The share of checks that hold: of all as ``checks``, of each as ``checks.CAPABILITY``."""
        parts = {f"checks.{part.name}": part.pass_rate for part in self.capabilities}
        return {"checks": self.all.pass_rate, **parts}


def check(
    model: "Model | str | Path | None" = None,
    checks: str | Path | Iterable[Check] = BUNDLED,
    *,
    threads: int | None = None,
    on_event: OnEvent = ignore,
) -> CheckReport:
    """Check what a model must be able to do, one capability at a time.

    Checks of labels that the model lacks are left out.

    Args:
        model: the model, or what :func:`senticli.load` finds it by.
        checks: a file with one JSON object a line; ``bundled``; or the checks themselves.
        threads: CPU threads of a model that is loaded.
        on_event: gets each :class:`~senticli.events.Message` and ``Progress`` as it comes.

    Raises:
        SenticliError: the checks cannot be read, there are none, or all of them are of labels that
            the model lacks.
    """
    from senticli.model import as_model

    if isinstance(checks, str | Path):
        name, every = str(checks), read_checks(checks)
    else:
        name, every = "given", tuple(checks)
    if not every:
        raise SenticliError(f"{name}: there are no checks", "use others, or `checks=bundled`")
    model = as_model(model, threads)
    asked = [one for one in every if one.labels <= {*model.labels}]
    left_out, messages = len(every) - len(asked), []
    if left_out:
        lacked = sorted({label for one in every for label in one.labels} - {*model.labels})
        what = "labels that the model lacks: " + ", ".join(lacked)
        if not asked:
            raise SenticliError(
                f"{name}: all checks are of {what}",
                f"use checks of its labels, {', '.join(model.labels)}; or another model",
            )
        counted = f"{left_out:,} of {len(every):,} checks are left out"
        messages.append(Message("note", f"{name}: {counted}, which are of {what}"))
        on_event(messages[0])
    found: dict[str, list[Outcome]] = {}
    for outcome in judge(asked, _answers(model, asked, f"checking {name}", on_event)):
        found.setdefault(outcome.check.capability, []).append(outcome)
    return CheckReport(
        model=model.name,
        suite=name,
        capabilities=tuple(Capability(one, tuple(outcomes)) for one, outcomes in found.items()),
        left_out=left_out,
        messages=tuple(messages),
    )


def _answers(
    model: "Model", checks: Sequence[Check], step: str, on_event: OnEvent
) -> Iterator[Answer]:
    """Yield the answer for each text of the checks, in order."""
    total = sum(1 + len(check.variants) for check in checks)
    texts = (text for check in checks for text in check.texts)
    for done, answer in enumerate(model.stream(texts, threshold=0), start=1):
        scores = dict(zip(model.labels, answer.scores, strict=False))  # there may be none
        if done % REPORTED == 0 or done == total:
            on_event(Progress(step, done, total, "texts"))
        yield Answer(answer.label or None, scores)


def judge(checks: Iterable[Check], answers: Iterable[Answer]) -> Iterator[Outcome]:
    """Yield the outcome of each check, given the answers for all their texts in order."""
    answers = iter(answers)
    for check in checks:
        own = tuple(islice(answers, 1 + len(check.variants)))
        first, *others = own
        if check.type == MFT:
            failed = None if first.label == check.label else 0
        else:
            holds = _rises if check.type == DIR else _stays
            failed = next(
                (n for n, other in enumerate(others, 1) if not holds(check, first, other)), None
            )
        yield Outcome(check, own, failed)


def _rises(check: Check, before: Answer, after: Answer) -> bool:
    label = check.rises or ""
    return after.scores.get(label, 0) > min(before.scores.get(label, 0), CLOSE_TO_1)


def _stays(check: Check, before: Answer, after: Answer) -> bool:
    return before.label == after.label and all(
        abs(after.scores[label] - score) <= check.tolerance
        for label, score in before.scores.items()
    )


def _share(part: int, total: int) -> Figure:
    return Figure(part / total, wilson(part, total))


# --- reading


def read_checks(file: str | Path) -> tuple[Check, ...]:
    """Return the checks in a file, or the ``bundled`` ones.

    Raises:
        SenticliError: the file cannot be read, or has a line that is no check.
    """
    path = paths.BUNDLED_CHECKS if file == BUNDLED else Path(file)
    name, checks = str(file), []
    with open_bytes(path) as (stream, _):
        for number, _, row, error, replaced in read_objects(read_lines(stream, name), name):
            if error == BLANK:
                continue
            try:
                if replaced:
                    raise ValueError("it is not UTF-8")
                if row is None:
                    raise ValueError(error)
                checks.append(_check(row))
            except ValueError as problem:
                raise SenticliError(
                    f"{name}, line {number}: {problem}",
                    'one check a line, such as {"capability": "negation", "type": "mft", '
                    '"text": "not good", "label": "negative"}',
                ) from None
    return tuple(checks)


def _check(row: Mapping[str, Any]) -> Check:
    """Return the check in an object. Raises ValueError if it is none."""
    kind: Any = row.get("type")
    of_type: tuple[str, ...] = ()
    if kind in (MFT, INV, DIR):
        of_type = _NEEDED[kind] or ("label",)  # of an mft: null where there must be no answer
    if lacking := [field for field in (*_COMMON, *of_type) if field not in row]:
        raise ValueError(f"it has no {' and no '.join(lacking)}")
    if not of_type:
        raise ValueError(_problem("type", kind))
    if others := [one for one in row if one not in (*_COMMON, *of_type, *_OTHERS[kind])]:
        raise ValueError(f"{short(others[0])} is not a field of type {kind}")
    return Check(**row)
