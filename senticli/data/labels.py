"""Labels as text: their one form, and what is suspicious about them.

A label has no blanks or invisible characters around it, and is composed (Unicode's NFC). So that
one label is not taken for two, numbers and booleans have one form each: ``4.0``, ``4.`` and
``+4`` are ``4``, ``-1.0`` is ``-1``, ``.50`` is ``0.5``, and ``True`` and ``TRUE`` are ``true``.
fastText's ``__label__`` is no part of a label, wherever it stands. What tools write in place of a
value that is missing is no label.
"""

import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Set
from functools import lru_cache
from typing import Any

from senticli.errors import ConfigError

MARK = "__label__"
NO_LABEL, SEVERAL = "no label", "more than one label"
UNMAPPED = "a label that is not mapped"
NEARLY_MAPPED = "a label that is mapped in another case, or with other blanks or quotes"
NO_NUMBER, NEGATIVE = "a score that is not a number", "a negative score"
FAR_FROM_ONE = "scores that do not add up to 1"
_PROBABILITY = "give each label a probability, such as 0.9"
ROUNDING = 0.05
"""How far from 1 the sum of scores may be; they are divided by it."""
_MISSING = frozenset({r"\N", "NULL", "null", "NaN", "nan", "<NA>", "#N/A"})
"""What databases, pandas, R and Excel write for a value that is missing, and nobody for a label."""
_MAY_BE_MISSING = frozenset({"None", "NA", "N/A", "n/a"})

_INVISIBLE = r"\x00-\x1f\x7f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_AROUND = re.compile(rf"^(?:[\s{_INVISIBLE}]|{MARK})+|[\s{_INVISIBLE}]+$")
_LOOSE = re.compile(rf"[\s{_INVISIBLE}\"'`´‘’‚“”„«»]")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+(?:,(?![0-9]{3}$)(?:0+|50*))?")
_MEASUREMENT = re.compile(r"[-+−]?[$€£]?\s?[0-9.,]*[0-9](?:[eE][-+]?[0-9]+|/[0-9]+)?\s?[%€$£]?")
_LIST = re.compile(r"\[.*\]|\{.*\}", re.DOTALL)
_SEPARATOR = re.compile(r"\s*[,;|]\s*")


class NotLabelError(ValueError):
    """A value that is no label: what is wrong, with which value, what to do."""

    def __init__(self, what: str, value: object = "", hint: str = "") -> None:
        super().__init__(what)
        self.what, self.value, self.hint = what, value, hint


@lru_cache(maxsize=1000)  # they repeat
def plain_label(value: str) -> str:
    """Return a label in its one form; see the module. It is empty where there is none."""
    label = _AROUND.sub("", unicodedata.normalize("NFC", value))
    if label in _MISSING:
        return ""
    if label.lower() in ("true", "false"):
        return label.lower()
    return _plain_number(label) if _NUMBER.fullmatch(label) else label


def _plain_number(label: str) -> str:
    sign = "-" if label.startswith("-") else ""
    whole, _, part = label.lstrip("+-").partition(".")
    part = part.rstrip("0")
    plain = f"{sign}{whole or '0'}{'.' if part else ''}{part}"
    return "0" if plain == "-0" else plain


def decimal_points(labels: Collection[str]) -> Mapping[str, str]:
    """Return what becomes of labels with decimal commas, if all are whole numbers or halves.

    Others may be lists of numbers, or have commas between thousands: they stay as they are.
    """
    if not all(map(_DECIMAL_COMMA.fullmatch, labels)):
        return {}
    return {label: plain_label(label.replace(",", ".")) for label in labels if "," in label}


def parse_label_map(entries: Iterable[str]) -> dict[str, str]:
    """Return the label of each value, from entries such as ``negative=1,2``.

    Raises:
        ConfigError: an entry has another form, or a value has two labels.
    """
    labels: dict[str, str] = {}
    for entry in entries:
        label, _, values = entry.partition("=")
        label = plain_label(label)
        for value in map(plain_label, values.split(",")):
            if not label or not value:
                raise ConfigError(
                    "label_map",
                    f"{entry!r} is not a label and its values",
                    "use one such as `label_map=negative=1,2`",
                )
            if labels.setdefault(value, label) != label:
                raise ConfigError(
                    "label_map",
                    f"gives {value!r} two labels: {labels[value]} and {label}",
                    "name each value once",
                )
    return labels


def value_in_map(value: str) -> str:
    """Return the form that a value has in the map of labels: ``4,0`` is ``4``."""
    label = plain_label(value)
    return decimal_points({label}).get(label, label)


def label_of(value: str, label_map: Mapping[str, str]) -> str:
    """Return the label that a value stands for; where ``label_map`` is empty, itself.

    Raises:
        NotLabelError: it is missing, several, or not mapped.
    """
    label = plain_label(value)
    if not label or MARK in label:
        raise NotLabelError(SEVERAL if label else NO_LABEL)
    if not label_map:
        return label
    label = value_in_map(label)
    if label not in label_map:
        what = NEARLY_MAPPED if loose(label) in map(loose, label_map) else UNMAPPED
        raise NotLabelError(what, label, f"map it too: `label_map=LABEL={label}`")
    return label_map[label]


def scores_of(values: Mapping[str, Any], label_map: Mapping[str, str]) -> dict[str, float]:
    """Return the probability of each label, adding up to 1; of values with one label, their sum.

    A label without a value has none: in columns, every row has every label.

    Raises:
        NotLabelError: a value is no probability of a label, or the sum is far from 1.
    """
    scores: dict[str, float] = {}
    for name, value in values.items():
        if value is None or value == "":
            continue
        label = label_of(name, label_map)
        scores[label] = scores.get(label, 0.0) + _probability(value)
    total = sum(scores.values())
    if abs(total - 1) > ROUNDING:
        raise NotLabelError(FAR_FROM_ONE, f"{total:g}", _PROBABILITY)
    return {label: score / total for label, score in scores.items()}


def _probability(value: Any) -> float:
    """Return a number, or one that a text holds. Raises NotLabelError."""
    try:
        number = math.nan if isinstance(value, bool) else float(str(value).replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise NotLabelError(NO_NUMBER, value, _PROBABILITY)
    if number < 0:
        raise NotLabelError(NEGATIVE, value, _PROBABILITY)
    return number


def is_measurement(label: str) -> bool:
    """Return True for a number, a percentage, an amount, or a number out of another."""
    return bool(_MEASUREMENT.fullmatch(label))


def may_be_missing(label: str) -> bool:
    """Return True for what tools write in place of a missing value, and people for a label."""
    return label in _MAY_BE_MISSING


@lru_cache(maxsize=1000)
def loose(label: str) -> str:
    """Return a label without what two spellings of it may differ in: case, blanks, quotes."""
    return _LOOSE.sub("", label).casefold()


def lists_among(labels: Set[str]) -> list[str]:
    """Return the labels that look like several: in brackets, or made of other labels.

    Where all have a comma, semicolon or bar in them, all do.
    """
    parts = {label: _SEPARATOR.split(label) for label in labels}
    all_joined = len(labels) > 1 and all(len(each) > 1 for each in parts.values())
    return [
        label
        for label, each in sorted(parts.items())
        if _LIST.fullmatch(label) or all_joined or (len(each) > 1 and labels >= set(each))
    ]
