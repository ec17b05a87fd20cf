"""The models of this machine."""

import shutil
from pathlib import Path

import pytest

from senticli import paths, registry
from senticli.errors import SenticliError


def test_the_default_is_the_bundled_model_then_the_last_trained(tiny_model: Path) -> None:
    assert registry.find(None).name == "bundled"
    assert registry.find("bundled").path == paths.BUNDLED_MODEL
    registry.remember(tiny_model)
    assert registry.find(None).path == tiny_model
    assert registry.find("bundled").path == paths.BUNDLED_MODEL


def test_models_are_found_by_name_and_by_path(tiny_model: Path, home: Path) -> None:
    shutil.copytree(tiny_model, home / "models" / "mine")
    (home / "models" / ".mine.x.partial").mkdir()
    assert registry.trained() == ["mine"]
    assert registry.find("mine").name == "mine"
    assert registry.find(str(tiny_model)).path == tiny_model
    with pytest.raises(SenticliError, match="no model 'yours'") as caught:
        registry.find("yours")
    assert "bundled, mine" in caught.value.hint
    with pytest.raises(SenticliError, match="is empty"):  # as of a variable that is not set
        registry.find("")


def test_a_last_model_that_is_gone(tiny_model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    registry.remember(copy)
    shutil.rmtree(copy)
    with pytest.raises(SenticliError, match="is gone"):
        registry.find(None)


def test_a_model_is_removed_in_one_step(
    tiny_model: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while its files go, it is gone, and so are they when one of its name is written."""
    mine = shutil.copytree(tiny_model, home / "models" / "mine")
    registry.remember(mine)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        registry.remove("mine")
    assert registry.trained() == []
    assert registry.find(None).path == paths.BUNDLED_MODEL
    assert len(list((home / "models").iterdir())) == 1
    registry.export(registry.find("bundled"), mine)
    assert [path.name for path in (home / "models").iterdir()] == ["mine"]


def test_only_the_default_is_forgotten_with_its_model(tiny_model: Path, home: Path) -> None:
    for name in ("one", "two"):
        registry.remember(shutil.copytree(tiny_model, home / "models" / name))
    registry.remove("one")
    assert registry.find(None).name == "two"


def test_a_full_disk_keeps_what_was_there(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = shutil.copytree(tiny_model, tmp_path / "target")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SenticliError, match="no space left") as caught:
        registry.export(registry.find("bundled"), target, force=True)
    assert "output=DIR" in caught.value.hint
    assert (target / "vocab.txt").read_bytes() == (tiny_model / "vocab.txt").read_bytes()
