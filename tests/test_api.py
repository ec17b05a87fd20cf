"""The Python API: what ``senticli`` exports, what importing it costs, and its page of examples."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import senticli

README = Path(senticli.__file__).with_name("README.md")
HEAVY = {"numpy", "onnxruntime", "torch", "typer", "rich", "httpx"}


def modules_after(code: str) -> set[str]:
    """The top-level modules in memory after ``code`` has run, in a process of its own."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "code",
    [
        "import senticli",
        "from senticli import ModelConfig, SenticliError, TrainConfig",
        "import senticli; dir(senticli)",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(code: str) -> None:
    assert not modules_after(code) & HEAVY


def test_library_does_without_the_command_line() -> None:
    code = (
        "import senticli, sys\n"
        "senticli.load, senticli.evaluate, senticli.score_file, senticli.train\n"
        "assert not [name for name in sys.modules if name.startswith('senticli.cli')]"
    )
    assert not modules_after(code) & {"typer", "rich", "torch", "httpx"}


@pytest.mark.parametrize("name", senticli.__all__)
def test_every_export_exists_and_is_documented(name: str) -> None:
    assert getattr(senticli, name).__name__ == name
    assert name in dir(senticli)
    assert f"`{name}" in README.read_text(encoding="utf-8")


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        senticli.nosuch  # noqa: B018


def test_examples_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```", README.read_text(encoding="utf-8"))
    examples = doctest.DocTestParser().get_doctest("".join(blocks), {}, "README", None, 0)
    assert len(examples.examples) > 20
    output: list[str] = []
    doctest.DocTestRunner().run(examples, out=output.append)
    assert not output, "".join(output)


def test_example_of_the_package_runs() -> None:
    assert doctest.testmod(senticli) == (0, 3)
