"""The generator of everyday training sentences, which is part of the recipe, not of the package."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from senticli.models.recipe import templates

ROWS = 6000


@pytest.fixture(scope="module")
def rows() -> list[templates.Row]:
    return list(templates.generate(ROWS, seed=1))


def test_the_same_seed_makes_the_same_rows(rows: list[templates.Row]) -> None:
    again = templates.generate(ROWS, seed=1)
    assert [next(again) for _ in range(500)] == rows[:500]
    assert next(templates.generate(1, seed=2)) != rows[0]


def test_no_two_texts_have_the_same_letters(rows: list[templates.Row]) -> None:
    symbols = ("emoji", "ratings", "stars")  # there, symbols tell texts apart
    plain = [row.text for row in rows if row.kind not in symbols]
    letters = [re.sub(r"[\W_]", "", text.casefold()) for text in plain]
    assert [text for text, count in Counter(filter(None, letters)).items() if count > 1] == []
    assert len({row.text for row in rows}) == ROWS


def test_a_rule_is_written_out(rows: list[templates.Row]) -> None:
    assert [
        row.text for row in rows if re.search(r"[{}|~]|[a-z]{2}\+|\ba [aei]\w|  ", row.text)
    ] == []


def test_labels_are_balanced_overall_and_in_each_kind(rows: list[templates.Row]) -> None:
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        kinds[row.kind][row.label] += 1
    total = sum(kinds.values(), Counter())
    assert total == dict.fromkeys(templates.LABELS, ROWS // 3)
    kinds["negated"] = kinds.pop("negpos") + kinds.pop("negneg")
    for kind, counts in kinds.items():
        positive, negative = counts["positive"], counts["negative"]
        assert abs(positive - negative) <= 0.3 * (positive + negative) + 10, kind


def test_common_nouns_and_negations_have_all_labels(rows: list[templates.Row]) -> None:
    for word in ("order", "refund", "delivery", "not", "never", "isn't", "but"):
        labels = Counter(row.label for row in rows if re.search(rf"\b{word}\b", row.text.lower()))
        assert min(labels[label] for label in templates.LABELS) >= 0.1 * labels.total(), word


def test_forms_do_not_depend_on_the_label(rows: list[templates.Row]) -> None:
    for form in (str.islower, str.isupper, lambda text: "\N{RIGHT SINGLE QUOTATION MARK}" in text):
        labels = Counter(row.label for row in rows if form(row.text))
        assert max(labels.values()) < 2 * min(labels.values())


def test_file_has_a_label_or_scores_in_each_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "rows.jsonl"
    monkeypatch.setattr("sys.argv", ["templates.py", "--rows", "300", "--output", str(output)])
    templates.main()
    records = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert len(records) == 300
    for record in records:
        assert record["text"].strip()
        if "label" in record:
            assert record.keys() == {"text", "label"}
            assert record["label"] in templates.LABELS
        else:
            assert record.keys() == {"text", "scores"}
            assert tuple(record["scores"]) == templates.LABELS
            assert sum(record["scores"].values()) == pytest.approx(1)
    assert re.search(r"^all +300 +33.3% +33.3% +33.3%$", capsys.readouterr().err, re.MULTILINE)


def test_every_phrase_a_rule_asks_for_exists() -> None:
    lexicon, domains = templates.read_lexicon(templates.HERE / "lexicon.txt")
    for section in templates.read_grammar(templates.HERE / "grammar.txt", domains):
        for rule in section.rules:
            for slot in re.findall(r"\{([^={}]+)\}", rule):
                for domain in section.domains:
                    known = slot in templates.SLOTS or slot in lexicon or domain.lists.get(slot)
                    assert known, (rule, slot, domain.classes)
