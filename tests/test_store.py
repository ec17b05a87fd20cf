"""The models of this machine."""

import shutil
from pathlib import Path

import pytest

from senticli import paths, store
from senticli.errors import SenticliError


def test_the_default_is_the_bundled_model_then_the_last_trained(tiny_model: Path) -> None:
    assert store.find(None).name == "bundled"
    assert store.find("bundled").path == paths.BUNDLED_MODEL
    store.remember(tiny_model)
    assert store.find(None).path == tiny_model
    assert store.find("bundled").path == paths.BUNDLED_MODEL


def test_models_are_found_by_name_and_by_path(tiny_model: Path, home: Path) -> None:
    shutil.copytree(tiny_model, home / "models" / "mine")
    (home / "models" / ".mine.x.partial").mkdir()
    assert store.trained() == ["mine"]
    assert store.find("mine").name == "mine"
    assert store.find(str(tiny_model)).path == tiny_model
    with pytest.raises(SenticliError, match="no model 'yours'") as caught:
        store.find("yours")
    assert "bundled, mine" in caught.value.hint


def test_a_last_model_that_is_gone(tiny_model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    store.remember(copy)
    shutil.rmtree(copy)
    with pytest.raises(SenticliError, match="is gone"):
        store.find(None)


def test_a_model_is_removed_in_one_step(
    tiny_model: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while its files go, it is gone, and so are they when one of its name is written."""
    mine = shutil.copytree(tiny_model, home / "models" / "mine")
    store.remember(mine)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        store.remove("mine")
    assert store.trained() == []
    assert store.find(None).path == paths.BUNDLED_MODEL
    assert len(list((home / "models").iterdir())) == 1
    store.export(store.find("bundled"), mine)
    assert [path.name for path in (home / "models").iterdir()] == ["mine"]


def test_only_the_default_is_forgotten_with_its_model(tiny_model: Path, home: Path) -> None:
    for name in ("one", "two"):
        store.remember(shutil.copytree(tiny_model, home / "models" / name))
    store.remove("one")
    assert store.find(None).name == "two"


def test_a_full_disk_keeps_what_was_there(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = shutil.copytree(tiny_model, tmp_path / "target")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SenticliError, match="no space left") as caught:
        store.export(store.find("bundled"), target)
    assert "--output" in caught.value.hint
    assert (target / "vocab.txt").read_bytes() == (tiny_model / "vocab.txt").read_bytes()
