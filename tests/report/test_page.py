"""Pages: checked before the long work, escaped whatever they hold."""

import base64
import hashlib
import re
import sys
from pathlib import Path

import jinja2
import pytest

from senticli.errors import SenticliError, UsageError
from senticli.report import page
from senticli.report.page import check_page, render
from senticli.report.tables import Kind, shown, shown_interval


def test_page_has_the_suffix_of_html(tmp_path: Path) -> None:
    assert check_page(tmp_path / "a.HTML") == tmp_path / "a.HTML"
    with pytest.raises(UsageError, match=r"`report` .*a.pdf.* is not a page"):
        check_page(tmp_path / "a.pdf")


def test_page_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SenticliError, match="there is no folder"):
        check_page(tmp_path / "none" / "a.html")
    (tmp_path / "a.html").mkdir()
    with pytest.raises(SenticliError, match="is a folder"):
        check_page(tmp_path / "a.html")


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page._environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(SenticliError, match="jinja2") as caught:
        check_page(tmp_path / "a.html")
    assert "pip install" in caught.value.hint


@pytest.fixture
def template(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that shows ``text`` as content and in an attribute."""
    content = (
        '{% extends "base.html" %}{% block title %}{{ text }}{% endblock %}'
        '{% block main %}<p title="{{ text }}">{{ text }}</p>{% endblock %}'
    )
    environment = page._environment()
    own = jinja2.DictLoader({"own.html": content})
    assert environment.loader
    monkeypatch.setattr(environment, "loader", jinja2.ChoiceLoader([own, environment.loader]))


@pytest.mark.usefixtures("template")
def test_text_is_escaped_wherever_it_stands() -> None:
    content = render("own.html", text="<script>\"\u202e'</script>")
    assert "<script" not in content
    assert "\u202e" not in content
    assert content.count("&lt;script&gt;&#34;[U+202E]&#39;&lt;/script&gt;") == 3


@pytest.mark.usefixtures("template")
def test_policy_allows_the_style_sheet_alone() -> None:
    content = render("own.html", text="")
    (style,) = re.findall("<style>(.*?)</style>", content, re.DOTALL)
    (policy,) = re.findall('Content-Security-Policy" content="(.*?)"', content)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert not re.search(r"url\(|@import|https?:|//", style)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.12345, "share", "12.35%"),
        (-0.01, "share", "−1.00%"),
        (0.12345, "number", "0.1235"),
        (12345, "count", "12,345"),
        (None, "share", "–"),
        ((0.1, 0.2), "interval", "10.00–20.00%"),
        ((-0.1, 0.2), "interval", "−10.00% to 20.00%"),
        ("a", "name", "a"),
    ],
)
def test_values_as_people_read_them(value: object, kind: Kind, text: str) -> None:
    assert shown(value, kind) == text


def test_interval_of_numbers() -> None:
    assert shown_interval((0.1, 0.25), "number") == "0.1000–0.2500"
