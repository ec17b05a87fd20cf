"""What is here of the catalogue's assets, and where the rest would come from."""

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from senticli import paths
from senticli.data.catalogue import ASSETS, Asset
from senticli.download.remote import bytes_kept
from senticli.download.urls import check_url, is_url, without_password
from senticli.errors import SenticliError
from senticli.io import jsonfile
from senticli.io.atomic import recover
from senticli.io.formats import unreadable


def folder(asset: Asset) -> Path:
    """Where ``asset`` is installed or would be."""
    if asset.kind == "dataset":
        return paths.dataset_dir(asset.name)
    return paths.vectors_dir(asset.name)


def is_installed(asset: Asset) -> bool:
    """Whether ``asset`` is in the data dir."""
    recover(folder(asset))
    # The folder appears in one step, so one file stands for all of them.
    return (folder(asset) / "source.json").is_file()


def not_downloaded(names: Sequence[str]) -> SenticliError:
    """Return the error for assets that are wanted and not installed."""
    return SenticliError(f"not downloaded: {', '.join(names)}", f"`download({', '.join(names)})`")


def require(names: Iterable[str]) -> None:
    """Raise one SenticliError that names every asset among ``names`` that is not installed."""
    wanted = [ASSETS[name] for name in dict.fromkeys(names) if name in ASSETS]
    missing = [asset.name for asset in wanted if not is_installed(asset)]
    if missing:
        raise not_downloaded(missing)


def provenance(asset: Asset) -> dict[str, Any]:
    """The ``source.json`` of an installed asset.

    Fields: name; url or from; bytes (of the archive) and, from the network, fetched; sha256 (of a
    data set's archive, of the vectors' text); verified (``sha256`` or ``md5`` where that is the
    official one, ``crc32`` where only the zip's own could be compared, or null); installed (ISO
    8601); and counts and hashes by split (data sets), or words and dim (vectors).

    Raises:
        SenticliError: it cannot be read.
    """
    path = folder(asset) / "source.json"
    try:
        source = jsonfile.parse(path.read_bytes())
        _check(source, asset)
    except (OSError, *jsonfile.INVALID) as error:
        raise SenticliError(
            f"{path} is missing or damaged", f"`download({asset.name}, force=True)`"
        ) from error
    return source


def _check(source: dict[str, Any], asset: Asset) -> None:
    """Raise one of several errors unless ``source`` has what every ``source.json`` has."""
    if source["verified"] not in ("sha256", "md5", "crc32", None):
        raise ValueError("verified")
    if asset.kind == "vectors":
        numbers = [source["words"], source["dim"]]
    else:
        numbers = list(source["counts"].values())
        if source["counts"].keys() != source["hashes"].keys():
            raise ValueError("counts, hashes")
    if not all(isinstance(number, int) for number in [*numbers, source["bytes"] or 0]):
        raise TypeError("counts, words, dim, bytes")


def partly_fetched(asset: Asset) -> int:
    """Bytes that are here of a download of ``asset``, and that the next can go on with."""
    names = (asset.archive, asset.member) if asset.member else (asset.archive,)
    return sum(bytes_kept(paths.downloads_dir() / name) for name in names)


@dataclass(frozen=True)
class Address:
    """A URL that an archive is fetched from."""

    url: str

    def __str__(self) -> str:
        return without_password(self.url)


def origin(asset: Asset, source: str | None = None) -> Address | Path:
    """Where ``asset`` comes from, from ``source`` if that is given.

    A folder, or an address that ends in ``/``, is taken for one that holds the archive under its
    official name; a folder also for one that holds its content, unpacked. ``SENTICLI_MIRROR``
    replaces the scheme and host of the official address.

    Raises:
        UsageError: an address that is none.
        SenticliError: there is no such path, or nothing of ``asset`` in the folder.
    """
    if source is None:
        mirror = os.environ.get("SENTICLI_MIRROR")
        if not mirror:
            return Address(asset.url)
        check_url(mirror, "SENTICLI_MIRROR")
        return Address(mirror.rstrip("/") + urlsplit(asset.url).path)
    if is_url(source):
        check_url(source, "`source`")
        return Address(source + asset.archive if source.endswith("/") else source)
    path = Path(os.path.expanduser(source)).absolute()  # noqa: PTH111
    try:
        kind = path.stat().st_mode
        if stat.S_ISREG(kind):
            return path
        if not stat.S_ISDIR(kind):
            raise SenticliError(f"{path} is no regular file", "save it to one, and name that")
        path = path.resolve()  # its name may be "."
    except OSError as error:
        raise unreadable(path, error) from error
    content = asset.member or asset.folder or asset.archive
    if path.name == content:
        return path
    for name in (asset.archive, content):
        if (path / name).exists():
            return path / name
    raise SenticliError(
        f"{path} holds neither {asset.archive} nor {content}", "name the archive: `source=FILE`"
    )
