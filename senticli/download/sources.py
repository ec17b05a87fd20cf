"""The source of an archive: its official URL, a mirror, another URL, or the disk."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from senticli.data.catalogue import Asset
from senticli.download.urls import PAGE, check_url, is_page, is_url, without_password
from senticli.errors import SenticliError, UsageError
from senticli.io.formats import unreadable


@dataclass(frozen=True)
class Url:
    """A URL that an archive is downloaded from; shown without its password."""

    secret: str

    @property
    def is_folder(self) -> bool:
        """True for the folder that holds the files of a data set, False for an archive."""
        return self.secret.endswith("/")

    def __str__(self) -> str:
        return without_password(self.secret)


Source = Url | Path
"""A URL, an archive on disk, or the folder or file that was unpacked from it."""


def elsewhere(asset: Asset) -> str:
    """Return the hint for what cannot be downloaded, or is not what it should be."""
    if asset.files:
        return (
            f"put its files into a folder called {asset.folder} by other means, then: "
            f"`install({asset.name}, source=DIR)`"
        )
    return f"download {asset.archive} by other means, then: `install({asset.name}, source=FILE)`"


def sources_of(assets: Sequence[Asset], source: str | None = None) -> list[Source]:
    """Return where each asset comes from, see :func:`source_of`.

    Raises:
        UsageError: ``source`` is one archive, but the assets are in several.
    """
    sources = [source_of(asset, source) for asset in assets]
    if len(set(sources)) < len({asset.archive for asset in assets}):
        names = ", ".join(asset.name for asset in assets)
        raise UsageError(
            f"`source` names one archive, but {names} are in several",
            "name the folder that holds them, or download them one by one",
        )
    return sources


def source_of(asset: Asset, source: str | None = None) -> Source:
    """Return where ``asset`` comes from: from ``source``, if that is given.

    A folder, or a URL that ends in ``/``, is taken for one that holds the archive under its
    official name; a folder also for one that holds its content, unpacked. ``SENTICLI_MIRROR``
    replaces the scheme and host of the official URL. The URL of files ends in ``/``.

    Raises:
        UsageError: an invalid URL.
        SenticliError: there is no such path, or nothing of ``asset`` in the folder.
    """
    if source is None:
        mirror = os.environ.get("SENTICLI_MIRROR")
        if not mirror:
            return Url(asset.url)
        check_url(mirror, "SENTICLI_MIRROR")
        return Url(mirror.rstrip("/") + urlsplit(asset.url).path)
    if is_url(source):
        check_url(source, "`source`")
        return Url(source + asset.archive if source.endswith("/") else source)
    path = local(source)
    if path.is_file():
        return path
    content = asset.member or asset.folder or asset.archive
    if path.name == content:
        return path
    for name in (asset.archive, content):
        if (path / name).exists():
            return path / name
    raise SenticliError(
        f"{path} holds neither {asset.archive} nor {content}", "name the archive: `source=FILE`"
    )


def local(source: str) -> Path:
    """Return the full path of a file or folder that is there. Raises SenticliError."""
    path = Path(os.path.expanduser(source)).absolute()  # noqa: PTH111
    try:
        mode = path.stat().st_mode
        path = path.resolve() if stat.S_ISDIR(mode) else path  # its name may be "."
    except OSError as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise SenticliError(f"{path} is not a regular file", "save it as one, and name that")
    return path


@contextmanager
def open_file(path: Path, what: str, hint: str) -> Iterator[BinaryIO]:
    """Open a file that should be ``what``; where it is a web page, ``hint`` says what to do."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    with file:
        if is_page(file.read(PAGE)):
            raise SenticliError(f"{path} is an HTML page, not {what}", hint)
        file.seek(0)
        yield file
