"""The models of this machine: found by name, listed, made the default, exported, removed."""

import gzip
import io
import json
import os
import re
import shlex
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from senticli import paths
from senticli.bundle import BUNDLED, FILES, Bundle, writing_errors, writing_to
from senticli.config import DATA_SETTINGS
from senticli.data.catalogue import DATASETS
from senticli.errors import ConfigError, SenticliError, UsageError
from senticli.io import atomic, jsonfile

ARCHIVE = ".tar.gz"
"""The ending of a model's archive."""
OTHER_ARCHIVES = (".zip", ".tgz", ".tar", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z")
ELSEWHERE = "choose another place: `output=DIR`"
"""The hint where a model cannot be written."""


def find(model: str | os.PathLike[str] | None) -> Bundle:
    """Return the bundle that ``model`` names: ``bundled``, a name in the data dir, or a folder.

    None means the default, see :func:`default_path`.

    Raises:
        SenticliError: there is no such model, or it is broken.
    """
    model = None if model is None else os.fspath(model)
    if model == "":
        raise SenticliError(
            "the name of a model is empty", "name one, or leave it out for the one trained last"
        )
    model = model or os.environ.get("SENTICLI_MODEL")
    if not model:
        path = default_path()
        atomic.recover(path)
        if not path.is_dir():
            raise SenticliError(
                f"the model trained last is gone: {path}", "name another model, such as bundled"
            )
        return Bundle.open(path)
    try:
        path = _path_of(model)
        there = path.is_dir()
    except (OSError, RuntimeError, ValueError):  # a name too long, links in a circle
        there = False
    if not there:
        names = ", ".join([BUNDLED, *trained()])
        raise SenticliError(f"there is no model {model!r}", f"use a folder or one of: {names}")
    return Bundle.open(path)


def default_path() -> Path:
    """Return the folder of the model that is used where none is named; it may be gone.

    That is the one that ``SENTICLI_MODEL`` names, or that was trained last, or the bundled one.

    Raises:
        SenticliError: what the data dir says of it cannot be read.
    """
    named = os.environ.get("SENTICLI_MODEL")
    if named:
        return _path_of(named)
    try:
        return _last_trained()
    except (FileNotFoundError, paths.NoHomeError):
        return paths.BUNDLED_MODEL
    except OSError as error:
        pointer, why = paths.last_model_file(), error.strerror or error
        raise SenticliError(
            f"cannot read {pointer}, which names the model trained last: {why}",
            "name a model, such as bundled",
        ) from error


def _last_trained() -> Path:
    """Return the folder of the model trained last. Raises OSError if nothing says it."""
    content = paths.last_model_file().read_bytes().removesuffix(b"\n")
    if b"\0" in content or not content:
        raise OSError("it holds no path")
    return Path(os.fsdecode(content))


def is_default(path: Path) -> bool:
    """Return True if the model in the folder ``path`` is used where none is named."""
    with suppress(SenticliError, OSError, RuntimeError):
        return default_path().resolve() == path.resolve()
    return False


def _path_of(model: str) -> Path:
    """Return the folder that a name means, or that is named."""
    if model == BUNDLED:
        return paths.BUNDLED_MODEL
    if Path(model).name == model and model != "..":  # else it is a path
        with suppress(paths.NoHomeError):
            stored = paths.models_dir() / model
            atomic.recover(stored)
            if stored.is_dir():
                return stored
    return Path(model).absolute()


def remember(path: Path) -> None:
    """Make the bundle at ``path`` the default of ``eval`` and ``predict``."""
    atomic.write_text(paths.last_model_file(), f"{path.absolute()}\n")


def trained() -> list[str]:
    """Return the names of the models in the data dir, sorted."""
    try:
        return sorted(
            entry.name
            for entry in os.scandir(paths.models_dir())
            if entry.is_dir() and not entry.name.startswith(".")
        )
    except (FileNotFoundError, NotADirectoryError, paths.NoHomeError):
        return []


def place_of_name(name: str) -> Path:
    """Return the folder in the data dir of the model ``name``, which need not be there.

    Raises:
        ConfigError: no model can have that name.
    """
    if not name or Path(name).name != name or name.startswith(".") or name == BUNDLED:
        raise ConfigError(
            "name", f"{name!r} cannot be a model's name", "use a plain word: `name=NAME`"
        )
    return paths.models_dir() / name


def check_target(path: Path, *, force: bool, otherwise: str = ELSEWHERE) -> Path:
    """Return the folder to write a bundle to, in full, checked before the long work starts.

    Args:
        path: the folder.
        force: replace a model that is there.
        otherwise: the hint where it cannot be that folder.

    Raises:
        SenticliError: it cannot be written, holds something else, or holds a model and there is
            no ``force`` to replace it.
    """
    try:
        target = path.resolve()
    except (OSError, RuntimeError) as error:  # links in a circle
        raise SenticliError(f"{path} is no place for a model: {error}", otherwise) from error
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        try:
            Bundle.open(target)
        except SenticliError:
            raise SenticliError(f"{target} is there and is not a model", otherwise) from None
        if not force:
            raise SenticliError(
                f"there is a model at {target}",
                f"replace it with `force=True`, or {otherwise}",
            )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise SenticliError(
            f"cannot write to {target.parent}: {(error.strerror or str(error)).lower()}", otherwise
        ) from error
    return target


def export(bundle: Bundle, output: Path, *, force: bool = False) -> Path:
    """Copy ``bundle``, every file verified, to a folder or an archive in one step; return its path.

    It is an archive where the name of ``output`` ends in :data:`ARCHIVE`; of one model and name it
    is always the same bytes. The provenance names files without their folders, which are nobody
    else's business.

    Args:
        bundle: the model.
        output: the folder or archive.
        force: replace what is there: a model, or a file.

    Raises:
        UsageError: the bundle is in that folder, or the name is that of another kind of archive.
        SenticliError: it cannot be written there, or something is there already.
    """
    stem = output.name.removesuffix(ARCHIVE)
    if stem not in ("", output.name):
        target = output.absolute()
        with writing_errors(target):
            if target.exists() and not (force and target.is_file()):
                how = f"replace it with `force=True`, or {ELSEWHERE}"
                raise SenticliError(
                    f"{target} is there already", how if target.is_file() else ELSEWHERE
                )
            with atomic.replace_file(target) as file:
                _pack(file, stem, _files(bundle))
        return target
    if output.name.endswith(OTHER_ARCHIVES):
        raise UsageError(
            f"{output.name} would be a folder", f"name an archive that ends in {ARCHIVE}"
        )
    target = check_target(output, force=force)
    if target == bundle.path.resolve():
        raise UsageError("a model cannot be copied onto itself", "choose another place")
    with writing_to(target) as folder:
        for name, content in _files(bundle):
            (folder / name).write_bytes(content)
    return target


def _files(bundle: Bundle) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file of a bundle, for others to have."""
    raw = jsonfile.parse((bundle.path / "config.json").read_bytes())
    raw["provenance"] = _without_folders(raw["provenance"])
    yield "config.json", (json.dumps(raw, indent=2) + "\n").encode()
    for name in FILES:
        yield name, bundle.read(name)


def _pack(file: BinaryIO, folder: str, files: Iterable[tuple[str, bytes]]) -> None:
    """Write a tar.gz of files in a folder: without times and owners, the same bytes every time."""
    with (
        gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, content in files:
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def _without_folders(provenance: dict[str, Any]) -> dict[str, Any]:
    """Return a provenance in which files are named without their folders."""
    train = dict(provenance["train"])
    for name in (*DATA_SETTINGS, "teacher"):
        train[name] = [_base_name(one) for one in train.get(name) or ()]
    for name in ("vectors", "init"):
        if train.get(name):
            train[name] = _base_name(train[name])
    hashes: dict[str, str] = {}
    splits = ("train", "valid", "test", "unlabelled")
    known = {f"{name}/{split}" for name in DATASETS for split in splits}
    for path, digest in provenance["sha256"]["data"].items():
        name = path if path in known else _base_name(path)
        while name in hashes:  # of files with the same name
            name += "'"
        hashes[name] = digest
    return {
        **provenance,
        "train": train,
        "command": shlex.join(map(_base_name, shlex.split(provenance.get("command", "")))),
        "sha256": {**provenance["sha256"], "data": hashes},
    }


def _base_name(path: str) -> str:
    """Return the file's name of a path; an option, and what is not a path, as it is."""
    option, equals, value = path.partition("=") if path.startswith("--") else ("", "", path)
    return option + equals + re.split(r"[/\\]", value.rstrip("/\\"))[-1]


def remove(name: str) -> None:
    """Remove the model ``name`` from the data dir, or the link of that name; gone in one step.

    Where it was trained last, the bundled model is the default from then on.
    """
    path = paths.models_dir() / name
    with suppress(OSError):
        last = _last_trained()
        if last == path or (not path.is_symlink() and last.resolve() == path.resolve()):
            paths.last_model_file().unlink()
    gone = atomic.partial_of(path)
    with atomic.exclusive(atomic.lock_of(path)):
        atomic.remove(gone)
        path.rename(gone)
        atomic.remove(gone)
