"""The report of a file that was classified, in a browser."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from senticli import load, score_file
from senticli.report.predictions import write_predictions_report

CELLS = """() => Object.fromEntries([...document.querySelectorAll('#shares tbody tr')].map(
    row => [row.querySelector('th').textContent, Number(row.querySelector('data').value)]))"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A report of reviews by shop and day, some of whose texts and shops are hostile."""
    pytest.importorskip("jinja2")
    source = tmp_path_factory.mktemp("predictions") / "in.csv"
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    with source.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["shop", "day", "text"])
        for n in range(300):
            text = "" if n % 50 == 0 else f"great {hostile} {n}" if n % 40 == 1 else f"bad film {n}"
            shop = f"{hostile} {'w' * 60}" if n % 3 else f"shop {n % 30}"
            writer.writerow([shop, f"{1 + n % 28}.{1 + n % 12}.2024", text])
    path = source.with_name("report.html")
    groups = ["shop", "day"]
    score_file(source, source.with_name("out.csv"), model=tiny_model, report=path, group_by=groups)
    return path


def test_page_fits_every_width_and_is_accessible(
    check_page: Callable[[Path], Any], report: Path
) -> None:
    page = check_page(report)
    text = report.with_name("out.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    counts = Counter(row["label"] for row in rows if row["label"])
    found = {label: count for label, count in page.evaluate(CELLS).items() if count}
    assert found == counts
    assert page.locator("script, img").count() == 0
    assert page.locator("svg title").count() == page.locator("svg desc").count() >= 3


def test_report_needs_an_overview(tmp_path: Path, tiny_model: Path) -> None:
    pytest.importorskip("jinja2")
    (tmp_path / "in.txt").write_text("film\n")
    model = load(tiny_model, threads=1)
    done = score_file(tmp_path / "in.txt", tmp_path / "out.txt", model=model)
    with pytest.raises(ValueError, match="overview=True"):
        write_predictions_report(done, model, tmp_path / "report.html")


def test_report_of_a_model_without_poles(tmp_path: Path, tiny_model: Path) -> None:
    from dataclasses import replace

    from senticli import Model

    pytest.importorskip("jinja2")
    bundle = load(tiny_model).bundle
    model = Model(replace(bundle, config=replace(bundle.config, labels=("bad", "so-so", "good"))))
    source, path = tmp_path / "in.csv", tmp_path / "report.html"
    source.write_text("shop,text\n" + "".join(f"a,great film {n}\n" for n in range(40)))
    score_file(source, tmp_path / "out.csv", model=model, report=path, group_by="shop")
    text = path.read_text()
    assert "polarity" not in text
    assert "for the label" in text
