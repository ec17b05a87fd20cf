"""``senticli predict --summary`` and ``--report``: what a file of texts says, without labels."""

import csv
import io
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

WORDS = ("great", "terrible", "fine", "boring", "lovely", "awful")
HOSTILE = (
    "<script>alert(1)</script> great",
    '"><img src=x onerror=alert(1)> terrible',
    "' onmouseover='alert(1) \u202egnirob\u202c \x1b[31m\x07 <b>fine</b>",
    "</details></style><script>alert(1)</script> &lt; {{ 7 * 7 }} {% x %} awful",
)
SHOPS = ("north", "<i>south</i>", "east\u202e", '" onclick="alert(1)')


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 reviews of four shops over four months; ten have no text."""
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["shop", "day", "review"])
        for n in range(240):
            text = f"a {WORDS[n % 6]} film {n}"
            day = f"2024-{1 + n // 60:02}-{1 + n % 28:02}"
            writer.writerow([SHOPS[n % 4], day, "" if n % 24 == 0 else text])
    return path


@pytest.fixture(scope="module")
def page(reviews: Path, tiny_model: Path) -> Path:
    """The report of these reviews."""
    from tests.conftest import run_senticli

    pytest.importorskip("jinja2")
    path = reviews.with_name("report.html")
    done = run_senticli(
        *("predict", "-i", reviews, "-o", reviews.with_name("scored.csv"), "-m", tiny_model),
        *("--text-column", "review", "--report", path),
        *("--group-by", "shop", "--group-by", "day"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(f"report: {path}\n")
    return path


def scored(reviews: Path) -> list[dict[str, str]]:
    text = reviews.with_name("scored.csv").read_text()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_summary_shows_shares_and_groups_on_stderr(
    senticli: Run, reviews: Path, tiny_model: Path
) -> None:
    done = senticli(
        *("predict", "-i", reviews, "-m", tiny_model, "--text-column", "review"),
        *("--summary", "--group-by", "day", "--group-by", "shop"),
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert len(rows) == 240
    for label, count in Counter(row["label"] for row in rows if row["label"]).items():
        assert re.search(rf"^{label} +{count} +{count / 230:.1%} ", done.stderr, re.MULTILINE)
    assert re.search(r"^not classified +10$", done.stderr, re.MULTILINE)
    assert re.search(r"^day, by week +texts ", done.stderr, re.MULTILINE)
    assert re.search(r"^north +50 .*[█▒░]$", done.stderr, re.MULTILINE)
    assert "\u202e" not in done.stderr


def test_summary_marks_small_groups(senticli: Run, tiny_model: Path) -> None:
    done = senticli(
        *("predict", "-m", tiny_model, "-f", "csv", "--summary", "--group-by", "shop"),
        input="shop,text\na,great\n",
    )
    assert re.search(r"^a\* +1 ", done.stderr, re.MULTILINE)
    assert "* fewer than 30 texts: the shares are uncertain" in done.stderr


def test_group_by_needs_a_summary_or_a_report(senticli: Run) -> None:
    done = senticli("predict", "great", "--group-by", "shop")
    assert done.returncode == 2
    assert "--group-by is for --summary and --report" in done.stderr


def test_group_by_of_plain_lines_is_an_error(senticli: Run, tiny_model: Path) -> None:
    done = senticli("predict", "great", "-m", tiny_model, "--summary", "--group-by", "shop")
    assert done.returncode == 2
    assert "error: --group-by has no meaning for plain lines" in done.stderr
    assert "hint: name a format that has columns: --format csv" in done.stderr


def test_unknown_column_names_those_that_there_are(
    senticli: Run, reviews: Path, tiny_model: Path
) -> None:
    done = senticli(
        *("predict", "-i", reviews, "-m", tiny_model, "--text-column", "review"),
        *("--summary", "--group-by", "town"),
    )
    assert done.returncode == 1
    assert "has no column town (it has: shop, day, review)" in done.stderr
    assert "or give its number: --group-by NAME" in done.stderr
    assert done.stdout == ""


def test_report_has_the_counts_of_the_scored_file(page: Path, reviews: Path) -> None:
    rows = scored(reviews)
    text = page.read_text()
    counts = Counter(row["label"] for row in rows if row["label"])
    for label, count in counts.items():
        cell = f'<data value="{count}">{count}</data>'
        assert f'<th scope="row">{label}</th><td class="n">{cell}</td>' in text
        assert f'<data value="{count / 230}">' in text
    north = Counter(row["label"] for row in rows if row["shop"] == "north" and row["label"])
    cell = f'<th scope="row">north</th><td class="n"><data value="{north.total()}">'
    assert cell in text
    assert '<tr><th scope="row">no text</th><td class="n"><data value="10">10</data></td>' in text
    assert "<td>line 2</td>" in text


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The report of texts, groups and a file name that would do something to a page."""
    from tests.conftest import run_senticli

    pytest.importorskip("jinja2")
    source = tmp_path_factory.mktemp("hostile") / "<script>alert(1)<script>.csv"
    with source.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["<b>shop</b>", "text"])
        writer.writerows(zip(SHOPS, HOSTILE, strict=True))
    path = source.with_name("report.html")
    done = run_senticli(
        *("predict", "-i", source, "-m", tiny_model, "--report", path),
        *("--group-by", "<b>shop</b>"),
    )
    assert done.returncode == 0, done.stderr
    return path


def test_report_runs_no_script_and_needs_no_network(hostile_page: Path) -> None:
    text = hostile_page.read_text()
    assert not re.search(r"<(script|img|iframe|link|object|embed)\b", text, re.IGNORECASE)
    assert not re.search(r"<[^>]*\s(on\w+|src|href=[\"']?(?!#))\s*=", text, re.IGNORECASE)
    assert "{{ 7 * 7 }}" in text
    assert not set("\u202e\u202c\x1b\x07") & set(text)
    assert "[U+202E]" in text


def test_report_marks_the_tokens_of_texts(page: Path) -> None:
    assert re.search(r'<mark class="[af]\d">', page.read_text())


def test_report_names_the_command(page: Path, reviews: Path) -> None:
    assert f"senticli predict -i {reviews} -o " in page.read_text()


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("report.txt", "is not a page"),
        ("missing/report.html", "there is no folder"),
        ("in.html", "would overwrite"),
        ("out.html", "would overwrite"),
    ],
)
def test_report_that_cannot_be_written_is_an_error_before_the_run(
    senticli: Run, tiny_model: Path, tmp_path: Path, name: str, error: str
) -> None:
    pytest.importorskip("jinja2")
    source, target = tmp_path / "in.html", tmp_path / "out.html"
    source.write_text("great film\n")
    report = tmp_path / name
    done = senticli("predict", "-i", source, "-o", target, "-m", tiny_model, "--report", report)
    assert done.returncode in (1, 2)
    assert error in done.stderr
    assert source.read_text() == "great film\n"
    assert not target.exists()


def test_report_of_typed_texts_and_of_one_text(
    senticli: Run, tiny_model: Path, tmp_path: Path
) -> None:
    pytest.importorskip("jinja2")
    path = tmp_path / "report.html"
    done = senticli("predict", "great film", "-m", tiny_model, "--report", path)
    assert done.returncode == 0, done.stderr
    assert 'value="1">1</data> text' in path.read_text()


def test_finished_file_gets_its_report(senticli: Run, tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    source, target, path = (tmp_path / name for name in ("in.txt", "out.txt", "report.html"))
    source.write_text("great film\nawful film\n")
    command = ("predict", "-i", source, "-o", target, "-m", tiny_model)
    assert senticli(*command).returncode == 0
    done = senticli(*command, "--resume", "--report", path)
    assert done.returncode == 0, done.stderr
    assert "is complete" in done.stderr
    assert 'value="2">2</data> texts' in path.read_text()
