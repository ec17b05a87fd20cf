"""What is in the wheel: the package, its model and data, and the completion scripts."""

import re
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    build = pytest.importorskip("hatchling.builders.wheel")
    folder = tmp_path_factory.mktemp("wheel")
    (path,) = build.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_whole_package(wheel: zipfile.ZipFile) -> None:
    package = ROOT / "senticli"
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in package.rglob("*")
        if path.is_file() and not {"__pycache__", "recipe"} & set(path.relative_to(package).parts)
    }
    assert expected == {name for name in wheel.namelist() if name.startswith("senticli/")}
    assert "senticli/models/default/model.onnx" in expected
    assert "senticli/data/sample/train.jsonl" in expected
    assert "senticli/evaluation/checks.jsonl" in expected


def test_the_wheel_installs_the_completion_scripts(wheel: zipfile.ZipFile) -> None:
    shared = {name.partition(".data/data/")[2] for name in wheel.namelist()} - {""}
    assert shared == {
        "share/bash-completion/completions/senticli",
        "share/zsh/site-functions/_senticli",
        "share/fish/vendor_completions.d/senticli.fish",
    }


def test_what_is_needed_to_predict_is_small(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    required = [
        line.partition(": ")[2]
        for line in wheel.read(name).decode().splitlines()
        if line.startswith("Requires-Dist") and "extra ==" not in line
    ]
    names = {re.split("[<>=]", requirement)[0] for requirement in required}
    assert names == {"typer", "rich", "platformdirs", "numpy", "onnxruntime", "filelock", "httpx"}
