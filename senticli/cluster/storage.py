"""Folders of files, on a disk or on object storage: what they hold, files from and into them.

Addresses are paths, or URLs of a file system that fsspec knows. A folder on a disk is read and
written in place, and files appear there by rename. Those of object storage are copied to a
temporary folder of the machine that works on them, and appear when they are uploaded as a whole.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from senticli.download.urls import without_password
from senticli.errors import SenticliError, UsageError
from senticli.io.atomic import PARTIAL
from senticli.io.formats import format_of, missing_package

_MAGIC = re.compile(r"[*?\[]")
IGNORED = (".", "_")  # how the names begin of what is not data, as Spark and Hadoop have it
VERSIONS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created")
"""What file systems call that which changes with a file's content, the surest first."""


@dataclass(frozen=True)
class File:
    """A file of a folder.

    Args:
        name: its path within the folder, with slashes.
        size: its bytes.
        version: another one if the content is another one.
    """

    name: str
    size: int
    version: str


@dataclass(frozen=True)
class Folder:
    """A folder, which need not be there. It can be pickled, to be used in another process.

    Args:
        system: a file system of fsspec.
        path: the path in it.
    """

    system: Any
    path: str

    @classmethod
    def at(cls, url: str) -> "Folder":
        """Return the folder with an address. Raises SenticliError for a file system unknown."""
        with reaching(url):
            system, path = _import_fsspec().core.url_to_fs(url)
        return cls(system, str(path).rstrip("/") or "/")

    @property
    def is_local(self) -> bool:
        """True for a folder on a disk, where files can be renamed."""
        return isinstance(self.system, _import_fsspec().implementations.local.LocalFileSystem)

    @property
    def shown(self) -> str:
        """The address as it may be shown."""
        return (
            self.path
            if self.is_local
            else without_password(self.system.unstrip_protocol(self.path))
        )

    def place(self, name: str) -> str:
        """Return the path of a file in it."""
        return f"{self.path.rstrip('/')}/{name}"

    def within(self, name: str) -> "Folder":
        """Return a folder in it."""
        return Folder(self.system, self.place(name))

    def partial(self) -> "Folder":
        """Return the folder in which this one is made; itself, where folders cannot be renamed."""
        return Folder(self.system, self.path + PARTIAL) if self.is_local else self

    def overlaps(self, other: "Folder") -> bool:
        """Return True if one of the two is, or is within, the other."""
        mine, others = (os.path.realpath(f.path) if f.is_local else f.path for f in (self, other))
        return self.system == other.system and (
            f"{mine}/".startswith(f"{others}/") or f"{others}/".startswith(f"{mine}/")
        )

    def files(self) -> dict[str, File]:
        """Return all files in it by name, sorted; none if it is not there."""
        with reaching(self.shown):
            self.system.invalidate_cache()
            found = self.system.find(self.path, detail=True)
        return _files(self.path, found)

    def size_of(self, name: str) -> int | None:
        """Return the bytes of a file as they are now; None if it is not there."""
        with reaching(self.shown):
            self.system.invalidate_cache()
            try:
                return int(self.system.info(self.place(name))["size"])
            except FileNotFoundError:
                return None

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        with reaching(self.shown):
            content: bytes = self.system.cat_file(self.place(name))
            return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""
        with reaching(self.shown):
            if self.is_local:
                Path(self.place(name)).parent.mkdir(parents=True, exist_ok=True)
            self.system.pipe_file(self.place(name), content)

    def remove(self) -> None:
        """Remove it with all that is in it, or the file at its place, if it is there."""
        with reaching(self.shown):
            if self.system.exists(self.path):
                self.system.rm(self.path, recursive=True)

    @contextmanager
    def fetched(self, name: str) -> Iterator[Path]:
        """Yield a file of this machine with the content of a file."""
        if self.is_local:
            yield Path(self.place(name))
            return
        with TemporaryDirectory() as folder:
            path = Path(folder, PurePosixPath(name).name)
            with reaching(self.shown):
                self.system.get_file(self.place(name), str(path))
            yield path

    @contextmanager
    def receiving(self, name: str) -> Iterator[Path]:
        """Yield a path for a file, which becomes ``name`` when the block succeeds."""
        target = Path(self.place(name))
        # Within the folder on a disk: a rename does not leave the disk.
        with TemporaryDirectory(prefix=".", dir=self.path if self.is_local else None) as folder:
            path = Path(folder, target.name)
            yield path
            with reaching(self.shown):
                if self.is_local:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    path.replace(target)
                else:
                    self.system.put_file(str(path), self.place(name))


@dataclass(frozen=True)
class Inputs:
    """The files to score.

    Args:
        folder: what their names are relative to.
        files: by name, sorted.
        others: names of files in the folder that no format is known for.
        is_whole: True for all files of the folder, False for one, or those of a pattern.
    """

    folder: Folder
    files: dict[str, File]
    others: tuple[str, ...] = ()
    is_whole: bool = False


def find_inputs(url: str, format: str | None) -> Inputs:
    """Return the files that an address means: one, all of a folder, or those of a pattern.

    Args:
        url: of a file or a folder, or a pattern with ``*``.
        format: of all files; None: of a folder, only those whose name tells it.

    Raises:
        SenticliError: there are none, or the file system cannot be reached.
    """
    place = Folder.at(url)
    folder, is_folder = place.path, False
    with reaching(url):
        place.system.invalidate_cache()
        if place.system.isfile(place.path):
            folder = folder.rpartition("/")[0]
            one = _files(folder, {place.path: place.system.info(place.path)})
            return Inputs(Folder(place.system, folder), one)
        is_folder = place.system.isdir(place.path)
        look = place.system.find if is_folder else place.system.glob
        found = look(place.path, detail=True)
    while _MAGIC.search(folder) and not is_folder:
        folder = folder.rpartition("/")[0]
    files, others = {}, []
    for name, file in _files(folder, found).items():
        if any(part.startswith(IGNORED) for part in name.split("/")):
            continue
        if format or format_of(Path(name)) or not is_folder:
            files[name] = file
        else:
            others.append(name)
    if not files:
        raise _nothing(place, is_folder, bool(others))
    return Inputs(Folder(place.system, folder), files, tuple(others), is_whole=is_folder)


def _nothing(place: Folder, is_folder: bool, has_others: bool) -> SenticliError:
    """Return the error for an address that means no file."""
    if has_others:
        return SenticliError(
            f"{place.shown} holds no file whose name tells a format", "name it: `format=csv`"
        )
    if is_folder:
        return SenticliError(f"{place.shown} holds no files", "name another `input`")
    if _MAGIC.search(place.path):
        return SenticliError(f"no file matches {place.shown}", "check the pattern")
    return SenticliError(f"{place.shown} does not exist", "check the path")


def _files(folder: str, found: dict[str, dict[str, Any]]) -> dict[str, File]:
    files = {}
    for path, about in sorted(found.items()):
        if about.get("type") != "directory":
            name = str(path).removeprefix(folder.rstrip("/")).lstrip("/")
            version = next((str(about[key]) for key in VERSIONS if about.get(key)), "")
            files[name] = File(name, int(about.get("size") or 0), version)
    return files


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turn the errors of a file system into a SenticliError that names the address."""
    shown = without_password(url) if "://" in url else url
    try:
        yield
    except SenticliError:
        raise
    except ImportError as error:
        raise SenticliError(
            f"{shown} needs a package that is not installed: {error}",
            "install it, on a cluster on every node",
        ) from error
    except Exception as error:  # each file system has its own
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SenticliError(
            f"cannot use {shown}: {why}",
            "check the address, the permissions and the credentials",
        ) from error


def check_apart(inputs: Inputs, output: Folder) -> None:
    """Raise UsageError if the output would be an input, or the other way round."""
    inside = inputs.folder.overlaps(output) and not (
        # Of some files of a folder, the results can be in a folder beside them.
        not inputs.is_whole and output.path.startswith(f"{inputs.folder.path}/")
    )
    if inside:
        raise UsageError(f"{output.shown} and the input overlap", "choose another `output`")


def _import_fsspec() -> Any:
    try:
        import fsspec.core
        import fsspec.implementations.local
    except ImportError as error:
        raise missing_package("fsspec", "`engine=ray` needs", "ray", error) from error
    return fsspec
