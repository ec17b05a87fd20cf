"""The reference page: its commands and options are current, and it names all else there is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from senticli.cli import reference
from senticli.cli.app import run
from senticli.paths import BUNDLED_MODEL

PACKAGE = Path(reference.__file__).parents[1]
TINY = (
    *("--data", "sample", "--vectors", "none"),
    *("--hidden", "8", "--embedding-dim", "8", "--epochs", "1", "--json"),
)


def page() -> str:
    return reference.PAGE.read_text(encoding="utf-8")


def test_commands_and_options_are_current() -> None:
    assert reference.updated(page()) == page(), "run: python -m senticli.cli.reference"


def test_the_rest_of_the_page_is_kept() -> None:
    before = f"Before.\n{reference.START}old{reference.END}After.\n"
    after = reference.updated(before)
    assert after.startswith(f"Before.\n{reference.START}")
    assert after.endswith(f"{reference.END}After.\n")
    assert "old" not in after.partition("### senticli train")[0]


def test_a_row_has_names_help_limits_and_default() -> None:
    rows = page().splitlines()
    assert "| `--layers N` | Layers. From 1 to 8. | 1 |" in rows
    assert any(row.startswith("| `--verify`, `--no-verify` |") for row in rows)
    assert any(row.startswith(r"| `--rnn rnn\|lstm\|gru` |") for row in rows)
    assert any("Variable: `SENTICLI_MODEL`." in row for row in rows)


def test_every_variable_of_the_program_is_described() -> None:
    used: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        used |= set(re.findall(r"SENTICLI_[A-Z]+", path.read_text(encoding="utf-8")))
    assert "SENTICLI_HOME" in used
    assert used <= set(re.findall(r"^\| `(SENTICLI_[A-Z]+)`", page(), re.MULTILINE))


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("predict", ("predict", "good", "", "--json", "--explain", "--top-k", "2")),
        ("eval", ("eval", "--data", "sample", "--json")),
        ("download --list", ("download", "--list", "imdb", "--json")),
        ("download --dry-run", ("download", "--dry-run", "imdb", "--json")),
        ("models", ("models", "--json")),
        ("models show", ("models", "show", "bundled", "--json")),
        ("models verify", ("models", "verify", "bundled", "--json")),
        ("models reproduce", ("models", "reproduce", "bundled", "--json")),
        ("models export", ("models", "export", "bundled", "--output", "copy.tar.gz", "--json")),
        ("models pull", ("models", "pull", str(BUNDLED_MODEL), "--json")),
        ("info", ("info", "--json")),
        ("train", ("train", *TINY)),
        ("train --dry-run", ("train", *TINY, "--dry-run")),
    ],
)
def test_every_json_field_is_described(
    command: str,
    args: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([*args]) == 0
    objects = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    fields = {name for one in objects for name in names_in(one)}
    section = page().partition(f"### `{command} --json`\n")[2].partition("\n#")[0]
    assert fields
    assert fields <= set(re.findall(r"`(\w+)`", section))


def names_in(value: dict[str, Any]) -> set[str]:
    """Return the fields of an object and of those in its lists, without the epochs' in history."""
    lists = [one for name, one in value.items() if isinstance(one, list) and name != "history"]
    below = [one for items in lists for one in items if isinstance(one, dict)]
    return set(value).union(*map(names_in, below))
