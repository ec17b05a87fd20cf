"""The models of this machine: found by name, listed, made the default, exported, removed."""

import os
import shutil
import tempfile
from pathlib import Path

from senticli import atomic, paths
from senticli.bundle import BUNDLED, FILES, Bundle
from senticli.errors import SenticliError


def find(model: str | None) -> Bundle:
    """The bundle that ``model`` names: ``bundled``, a name in the data dir, or a folder.

    None means the model trained last, or the bundled one before anything was trained.

    Raises:
        SenticliError: there is no such model, or it is broken.
    """
    if model is None:
        path = default_path()
        atomic.recover(path)
        if not path.is_dir():
            raise SenticliError(
                f"the model trained last is gone: {path}", "senticli predict --model bundled"
            )
        return Bundle.open(path)
    if model == BUNDLED:
        return Bundle.open(paths.BUNDLED_MODEL)
    stored = paths.models_dir() / model
    atomic.recover(stored)
    path = stored if stored.is_dir() else Path(model)
    if not path.is_dir():
        names = ", ".join([BUNDLED, *trained()])
        raise SenticliError(f"there is no model {model!r}", f"use a folder or one of: {names}")
    return Bundle.open(path.absolute())


def default_path() -> Path:
    """The folder of the model that is used where none is named; it may be gone.

    Raises:
        SenticliError: what the data dir says of it cannot be read.
    """
    pointer = paths.last_model_file()
    try:
        return Path(os.fsdecode(pointer.read_bytes().removesuffix(b"\n")))
    except FileNotFoundError:
        return paths.BUNDLED_MODEL
    except OSError as error:
        raise SenticliError(
            f"cannot read {pointer}, which names the model trained last: {error.strerror}",
            "name a model: senticli predict --model bundled",
        ) from error


def remember(path: Path) -> None:
    """Make the bundle at ``path`` the default of ``eval`` and ``predict``."""
    atomic.write_text(paths.last_model_file(), f"{path.absolute()}\n")


def trained() -> list[str]:
    """The names of the models in the data dir, sorted."""
    try:
        return sorted(
            entry.name
            for entry in os.scandir(paths.models_dir())
            if entry.is_dir() and not entry.name.startswith(".")
        )
    except FileNotFoundError:
        return []


def check_target(path: Path, *, force: bool) -> Path:
    """The folder to write a bundle to, in full, checked before the long work starts.

    Raises:
        SenticliError: it cannot be written, holds something else, or holds a model and there is
            no ``force`` to replace it.
    """
    target = path.resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        try:
            Bundle.open(target)
        except SenticliError:
            raise SenticliError(
                f"{target} is there and is not a model", "choose another place: --output DIR"
            ) from None
        if not force:
            raise SenticliError(
                f"there is a model at {target}", "replace it with --force, or choose another place"
            )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}.", suffix=atomic.PARTIAL, dir=target.parent
        ):
            pass
    except OSError as error:
        raise SenticliError(
            f"cannot write to {target.parent}: {(error.strerror or str(error)).lower()}",
            "choose another place: --output DIR",
        ) from error
    return target


def export(bundle: Bundle, target: Path) -> None:
    """Copy ``bundle``, every file verified, to the folder ``target`` in one step."""
    try:
        with atomic.replace_dir(target) as folder:
            for name in FILES:
                (folder / name).write_bytes(bundle.read(name))
            shutil.copyfile(bundle.path / "config.json", folder / "config.json")
    except OSError as error:
        raise SenticliError(
            f"cannot write the model to {target}: {(error.strerror or str(error)).lower()}",
            "make room there, or choose another place: --output DIR",
        ) from error


def remove(name: str) -> None:
    """Remove the model ``name`` from the data dir; it is gone in one step.

    Where it was the default, the bundled model is.
    """
    path = paths.models_dir() / name
    was_default = default_path().resolve() == path.resolve()
    gone = path.with_name(f".{name}.removed{atomic.PARTIAL}")
    shutil.rmtree(gone, ignore_errors=True)
    path.rename(gone)
    if was_default:
        paths.last_model_file().unlink()
    shutil.rmtree(gone, ignore_errors=True)
