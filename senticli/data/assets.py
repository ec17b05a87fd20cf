"""What is here of the catalogue's assets, and where the rest would come from."""

import errno
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from senticli import paths
from senticli.data.catalogue import Asset
from senticli.disk import size_of
from senticli.errors import SenticliError, UsageError
from senticli.text.files import unreadable


def folder(asset: Asset) -> Path:
    """Where ``asset`` is installed or would be."""
    if asset.kind == "dataset":
        return paths.dataset_dir(asset.name)
    return paths.vectors_dir(asset.name)


def is_installed(asset: Asset) -> bool:
    """Whether ``asset`` is in the data dir."""
    # The folder appears in one step, so one file stands for all of them.
    return (folder(asset) / "source.json").is_file()


def provenance(asset: Asset) -> dict[str, Any]:
    """The ``source.json`` of an installed asset.

    Fields: name; url or from; bytes (of the archive) and, from the network, fetched; sha256 (of a
    data set's archive, of the vectors' text); verified (``sha256`` or ``md5`` where that is the
    official one, ``crc32`` where only the zip's own could be compared, or null); installed (ISO
    8601); and counts and hashes by split (data sets), or words and dim (vectors).

    Raises:
        SenticliError: it cannot be read.
    """
    try:
        source: dict[str, Any] = json.loads((folder(asset) / "source.json").read_bytes())
        return {"verified": None, "bytes": None, **source}
    except (OSError, ValueError, TypeError) as error:
        raise SenticliError(
            f"{folder(asset) / 'source.json'} is missing or damaged",
            f"senticli download {asset.name} --force",
        ) from error


def partial_places(asset: Asset) -> tuple[Path, ...]:
    """Where a download of ``asset`` that is not done is kept: of the archive, of its member."""
    names = (asset.archive, asset.member) if asset.member else (asset.archive,)
    return tuple(paths.downloads_dir() / name for name in names)


def partly_fetched(asset: Asset) -> int:
    """Bytes that are here of a download of ``asset`` that is not done."""
    return sum(size_of(place) for place in partial_places(asset))


@dataclass(frozen=True)
class Address:
    """A URL that an archive is fetched from."""

    url: str

    def __str__(self) -> str:
        return without_password(self.url)


def origin(asset: Asset, source: str | None = None) -> Address | Path:
    """Where ``asset`` comes from, ``source`` being what ``--from`` names.

    A folder, or an address that ends in ``/``, is taken for one that holds the archive under its
    official name; a folder also for one that holds its content, unpacked. ``SENTICLI_MIRROR``
    replaces the scheme and host of the official address.

    Raises:
        UsageError: the mirror is no address.
        SenticliError: there is no such path, or nothing of ``asset`` in the folder.
    """
    if source is None:
        mirror = os.environ.get("SENTICLI_MIRROR")
        if not mirror:
            return Address(asset.url)
        if not is_url(mirror):
            raise UsageError(
                f"SENTICLI_MIRROR is no address: {mirror}", "set it to one like https://host/path"
            )
        return Address(mirror.rstrip("/") + urlsplit(asset.url).path)
    if is_url(source):
        return Address(source + asset.archive if source.endswith("/") else source)
    path = Path(os.path.expanduser(source)).resolve()  # noqa: PTH111
    if not path.exists():
        raise unreadable(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
    content = asset.member or asset.folder or asset.archive
    if not path.is_dir() or path.name == content:
        return path
    for name in (asset.archive, content):
        if (path / name).exists():
            return path / name
    raise SenticliError(
        f"{path} holds neither {asset.archive} nor {content}", "name the archive: --from FILE"
    )


def without_password(url: str) -> str:
    """An address as it may be shown and stored."""
    return re.sub(r"//[^/@]*@", "//", url)


def is_url(source: str) -> bool:
    """Whether it is an address rather than a path."""
    return source.startswith(("https://", "http://"))
