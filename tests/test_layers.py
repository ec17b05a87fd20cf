"""The core is a library: it neither imports the command line nor names its options."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "senticli"
CORE = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.relative_to(PACKAGE).parts[0] not in ("cli", "models") and path.name != "__main__.py"
]
OPTION = re.compile(r"(?<![\w-])--[a-z]")
COMMAND = re.compile(r"\bsenticli (train|eval|predict|download|models|info)\b")
OTHER_PROGRAMS = re.compile(
    r"\b(pip install|iconv|sed|jq|torchrun) [^;]*"
    r"|^--(no-optional-locks|git-dir|work-tree|always|dirty|exclude)\b"  # git's
)


def strings(path: Path) -> Iterator[str]:
    """Yield the text of every string, docstrings included; an f-string's constant parts as one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else "x" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_core_names_no_option_and_no_command(path: Path) -> None:
    for text in strings(path):
        plain = OTHER_PROGRAMS.sub("", text)
        assert not OPTION.search(plain), text
        assert not COMMAND.search(plain), text


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_core_imports_nothing_of_the_command_line(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            imported = [f"{node.module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Import):
            imported = [name.name for name in node.names]
        else:
            continue
        for name in imported:
            assert not name.startswith(("senticli.cli", "typer", "rich")), name
