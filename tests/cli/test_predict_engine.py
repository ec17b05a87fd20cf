"""``senticli predict --engine``: what goes together, before anything is read."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (["-i", "in", "-o", "out", "a text"], "a text as an argument has no meaning with --engine"),
        (["-i", "in", "-o", "out", "--threads", "2"], "--threads has no meaning with --engine ray"),
        (["-i", "in", "-o", "out", "--resume"], "--resume has no meaning with --engine ray"),
        (["-i", "in", "-o", "out", "--group-by", "a"], "--group-by has no meaning with --engine"),
        (["-i", "in", "-i", "more", "-o", "out"], "--engine ray takes one --input"),
        (["-i", "-", "-o", "out"], "--engine ray takes one --input"),
        (["-o", "out"], "--engine ray takes one --input"),
        (["-i", "in"], "--engine ray writes to a folder"),
        (["-i", "in", "-o", "out", "--address", "ray://head:10001"], "is Ray Client"),
        (["-i", "in", "-o", "out", "--workers", "0"], "Invalid value for '--workers'"),
    ],
)
def test_what_makes_no_sense_with_ray_is_refused(
    senticli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], error: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    done = senticli("predict", "--engine", "ray", *args)
    assert done.returncode == 2
    assert error in done.stderr
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("option", ["--workers", "--batch-size", "--address"])
def test_options_of_ray_are_refused_without_it(senticli: Run, option: str) -> None:
    done = senticli("predict", "great film", option, "2")
    assert done.returncode == 2
    assert f"{option} is for --engine ray" in done.stderr
