"""``senticli train --plot``: a picture, or an error before training starts."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from senticli.cli.views.plot import check_plot, draw
from senticli.errors import SenticliError, UsageError
from senticli.training.events import EpochResult

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def history() -> list[EpochResult]:
    return [
        EpochResult(n, 3, 1 / n, 0.5 + n / 10, 1.1 / n, 0.4 + n / 10, 0.1, 1.0, 1.0, True)
        for n in (1, 2, 3)
    ]


def test_png_and_svg(tmp_path: Path) -> None:
    draw(history(), "mine", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    draw(history(), "a$_$b", tmp_path / "a.svg")
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")


def test_what_cannot_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"a\.gif"):
        check_plot(tmp_path / "a.gif")
    with pytest.raises(SenticliError, match="no folder"):
        check_plot(tmp_path / "no" / "a.png")
    (tmp_path / "b.png").mkdir()
    with pytest.raises(SenticliError, match="is a folder"):
        check_plot(tmp_path / "b.png")
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(SenticliError, match="matplotlib") as caught:
        check_plot(tmp_path / "a.png")
    assert 'pip install ".[plot]"' in caught.value.hint


def test_after_a_training(senticli: Run, tmp_path: Path) -> None:
    done = senticli(
        *("train", "--data", "sample", "--vectors", "none", "--hidden", "8", "--epochs", "2"),
        *("--plot", tmp_path / "curves.svg"),
    )
    assert done.returncode == 0, done.stderr
    assert f"learning curves: {tmp_path / 'curves.svg'}" in done.stderr
    text = (tmp_path / "curves.svg").read_text()
    assert "accuracy" in text or "<path" in text
