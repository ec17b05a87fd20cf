"""The Python API: what ``senticli`` exports, what importing it costs, and its page of examples."""

import doctest
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import senticli
from senticli import SenticliError, install, score_file, train
from senticli.errors import ConfigError, UsageError

README = Path(senticli.__file__).with_name("README.md")
HEAVY = {"numpy", "onnxruntime", "torch", "typer", "rich", "httpx", "ray"}


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
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "README", None, 0)
    assert len(examples.examples) > 20
    output: list[str] = []
    doctest.DocTestRunner().run(examples, out=output.append)
    assert not output, "".join(output)


def test_example_of_the_package_runs() -> None:
    assert doctest.testmod(senticli) == (0, 3)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("bidirectional", "no"),
        ("header", "no"),
        ("hidden", 1.5),
        ("seed", 1.0),
        ("epochs", 1.5),
        ("batch_size", 4.0),
        ("encoding", 8),
    ],
)
def test_setting_of_another_type_is_refused_before_anything_is_read(
    setting: str, value: Any
) -> None:
    with pytest.raises(ConfigError) as caught:
        train("nosuch.csv", **{setting: value})
    assert caught.value.setting == setting


@pytest.mark.parametrize("setting", ["format", "output_format"])
def test_unknown_format_is_refused(tmp_path: Path, setting: str) -> None:
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("good\n")
    with pytest.raises(ConfigError, match=f"`{setting}` 'xls' is not a choice"):
        score_file(source, target, model="bundled", **{setting: "xls"})  # type: ignore[arg-type]
    assert not target.exists()


def test_number_of_a_column_may_be_an_integer(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,review\n1,great film\n")
    score_file(source, target, model="bundled", text_column=2)
    assert target.read_text().splitlines()[1].startswith("1,great film,positive")


def test_training_to_resume_must_be_there(home: Path) -> None:
    with pytest.raises(SenticliError, match="no unfinished training"):
        train(name="mine", resume=True, preset="best")


def test_install_names_the_nearest_asset() -> None:
    with pytest.raises(UsageError, match="cannot download 'imbd'") as caught:
        install("imbd")
    assert caught.value.hint == "did you mean imdb?"
