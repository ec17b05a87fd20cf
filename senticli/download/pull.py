"""Install a model that somebody else trained: from an archive or a folder, on a server or the disk.

It becomes one of the data dir only when its SHA-256 is right and it has classified a text.
"""

import io
import re
import shlex
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit, urlunsplit

from senticli import paths, registry
from senticli.bundle import FILES, Bundle
from senticli.download.archives import Archive, archive_errors, files_in, some
from senticli.download.installed import Verified
from senticli.download.remote import CannotResume
from senticli.download.sources import Source, Url, local, open_file
from senticli.download.transfer import (
    CHUNK,
    announce,
    lock,
    open_remote,
    read_digests,
    start_again,
)
from senticli.download.urls import check_url, is_url
from senticli.errors import ConfigError, SenticliError, UsageError
from senticli.events import OnEvent, Progress, ignore
from senticli.io.atomic import replace_dir, sha256_of
from senticli.io.disk import writing

ENDINGS = (registry.ARCHIVE, ".tgz", ".zip")
"""Endings of archives, which are no part of a model's name."""
_CONFIG = "config.json"
Open = Callable[[str], BinaryIO]
_HINT = "download it by other means, then: `pull(FILE)`"
_LOCAL_HINT = "name an archive (tar.gz, zip) or a folder of a model that is whole"


@dataclass(frozen=True)
class Pulled:
    """A model that was installed: its name and its folder.

    ``sha256`` is that of the archive, or of the folder's ``config.json``; ``verified`` is the
    checksum that was compared with what the caller gave, None if none was.
    """

    name: str
    path: Path
    sha256: str
    verified: Verified


def pull(
    source: str | Path,
    *,
    sha256: str | None = None,
    name: str | None = None,
    verify: bool = True,
    force: bool = False,
    offline: bool = False,
    on_event: OnEvent = ignore,
) -> Pulled:
    """Install a model in the data dir, and return how :func:`senticli.load` finds it.

    The default model stays what it was.

    Args:
        source: an archive (tar.gz or zip) or a folder: a path, or a URL, which ends in ``/`` for a
            folder.
        sha256: of the archive, or of the folder's ``config.json``, which has those of the other
            files.
        name: of the model in the data dir; None takes that of the archive or folder.
        verify: refuse a URL without a SHA-256. The hashes in ``config.json`` are compared in any
            case.
        force: replace a model of that name.
        offline: never use the network.
        on_event: called with each message, and often with progress.

    Raises:
        UsageError: a URL comes without a SHA-256, or ``offline``, or the name cannot be one.
        Interrupted: the network or the disk failed. The partial download is kept, and the next
            call resumes it.
        SenticliError: it has another SHA-256, is no model or a broken one, or there is a model of
            that name. Whatever was installed before stays.
    """
    place = _place_of(str(source))
    _check(place, sha256, verify, offline)
    if isinstance(place, Path) and place.is_dir():
        Bundle.open(place)  # which says what is wrong with it
    path = registry.place_of_name(_name_of(place) if name is None else name)
    pieces = paths.downloads_dir() / "models" / path.name
    with lock(path.name, on_event):
        otherwise = "choose another name: `name=NAME`"
        target = registry.check_target(path, force=force, otherwise=otherwise)
        for starts in count(1):
            try:
                # The downloads are used when the model is in place: their stack ends last.
                with ExitStack() as stack, writing(target), replace_dir(target) as folder:
                    open_one = _opener(place, pieces, stack, on_event)
                    if _is_folder(place):
                        actual = _copy_folder(open_one, place, sha256, folder)
                    else:
                        actual = _unpack(open_one, place, sha256, folder, path.name, on_event)
                    _try_out(folder, str(place))
            except CannotResume:
                assert isinstance(place, Url)
                start_again(starts, place, _HINT, on_event)
            else:
                break
            finally:
                with suppress(OSError):
                    pieces.rmdir()  # if nothing is in it
    return Pulled(path.name, path, actual, "sha256" if sha256 else None)


def _place_of(source: str) -> Source:
    if is_url(source):
        check_url(source, "the address")
        return Url(source)
    return local(source)


def _check(place: Source, sha256: str | None, verify: bool, offline: bool) -> None:
    """Raise UsageError unless a model may be fetched from a place."""
    if sha256 is not None and not re.fullmatch("[0-9A-Fa-f]{64}", sha256):
        raise ConfigError("sha256", "is not 64 hexadecimal digits", "copy all of it")
    if sha256 and not verify:
        raise UsageError("`verify=False` leaves `sha256` no meaning", "leave one of them out")
    if not isinstance(place, Url):
        return
    if offline:
        raise UsageError(f"the network is off (`offline`, SENTICLI_OFFLINE): {place}", _HINT)
    if verify and not sha256:
        url = shlex.quote(str(place))
        raise UsageError(
            f"no SHA-256 to verify {place} by",
            f"ask its publisher, then: `pull({url}, sha256=HEX)`; or to accept it: "
            f"`pull({url}, verify=False)`",
        )


def _hint(place: Source) -> str:
    """Return what to do about a place that does not give a model."""
    return _HINT if isinstance(place, Url) else _LOCAL_HINT


def _is_folder(place: Source) -> bool:
    return place.is_dir() if isinstance(place, Path) else urlsplit(place.secret).path.endswith("/")


def _name_of(place: Source) -> str:
    """Return the name of an archive or folder, without the ending; without a password, too."""
    path = unquote(urlsplit(str(place)).path) if isinstance(place, Url) else place.as_posix()
    name = PurePosixPath(path).name
    ending = next((ending for ending in ENDINGS if name.endswith(ending)), "")
    return name.removesuffix(ending)


# --- reading


def _opener(place: Source, pieces: Path, stack: ExitStack, report: OnEvent) -> Open:
    """Return what opens a file of a place, or without a name the place itself, whole.

    Each stays open until ``stack`` ends; downloads are kept in ``pieces`` until then.
    """

    def open_one(name: str) -> BinaryIO:
        if isinstance(place, Path):
            return stack.enter_context(open_file(place / name, "a model", _hint(place)))
        parts = urlsplit(place.secret)
        url = Url(urlunsplit(parts._replace(path=parts.path + name)))
        folder = pieces / (name or pieces.name)
        remote = stack.enter_context(open_remote(url, folder, hint=_HINT, report=report))
        announce(remote, 0, remote.size, remote.size or 0, remote.name, report)
        remote.fetch_all()
        return cast(BinaryIO, io.BufferedReader(remote, CHUNK))

    return open_one


def _copy_folder(open_one: Open, place: Source, sha256: str | None, folder: Path) -> str:
    """Copy a model from a folder, and return the SHA-256 of its config.json, which is compared."""
    for name in (_CONFIG, *FILES):
        with (folder / name).open("wb") as copy:
            shutil.copyfileobj(open_one(name), copy, CHUNK)
        if name == _CONFIG:
            actual = sha256_of(folder / name)
            _compare(place, f"{_CONFIG} of {place}", actual, sha256)
    return actual


def _unpack(
    open_one: Open, place: Source, sha256: str | None, folder: Path, name: str, report: OnEvent
) -> str:
    """Unpack a model from an archive, and return its SHA-256, which is compared first."""
    file, label = open_one(""), str(place)
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    _, actual, _ = read_digests(file, name, size, report)
    _compare(place, label, actual, sha256)
    file.seek(0)
    folders: set[str] = set()
    with archive_errors(label, _hint(place)):
        for path, read in files_in(Archive(label, {"bytes": size}, "", file)):
            report(Progress(f"unpacking {name}", file.tell(), size))
            inside, _, member = path.rpartition("/")
            if member in (_CONFIG, *FILES):
                folders.add(inside or ".")
                content = read()
                with writing(folder):
                    (folder / member).write_bytes(content)
    if len(folders) > 1:
        raise SenticliError(
            f"{label} holds files of models in several folders: {some(sorted(folders))}",
            "pack each model by itself",
        )
    return actual


def _compare(place: Source, label: str, actual: str, expected: str | None) -> None:
    if expected and expected.lower() != actual:
        again = ", or try again later" if isinstance(place, Url) else ""
        raise SenticliError(
            f"{label} is not what was asked for: SHA-256 expected {expected.lower()}, "
            f"actual {actual}",
            f"compare `sha256` with what its publisher names{again}",
        )


def _try_out(folder: Path, label: str) -> None:
    """Raise SenticliError unless a folder holds a model that is whole and classifies a text."""
    from senticli.model import Model  # ONNX Runtime, which fetching does without

    try:
        bundle = Bundle.open(folder)
        for name in FILES:
            bundle.read(name)
        bundle.history()
        Model(bundle, threads=1).predict("great film")
    except SenticliError as error:
        raise SenticliError(error.message.replace(str(folder), label), error.hint) from error
