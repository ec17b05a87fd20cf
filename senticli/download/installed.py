"""The assets in the data dir: which are installed, where they came from."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from senticli import paths
from senticli.data.catalogue import ASSETS, Asset
from senticli.download.pieces import Pieces
from senticli.errors import SenticliError
from senticli.io import jsonfile
from senticli.io.atomic import recover

Verified = Literal["sha256", "md5", "crc32"] | None
"""The checksum that was compared: the official one, or only the zip's own; None: none was."""


def folder(asset: Asset) -> Path:
    """Return the folder that ``asset`` is installed in, or would be."""
    if asset.kind == "dataset":
        return paths.dataset_dir(asset.name)
    return paths.vectors_dir(asset.name)


def is_installed(asset: Asset) -> bool:
    """Return True if ``asset`` is in the data dir."""
    recover(folder(asset))
    # The folder appears in one step, so one file stands for all of them.
    return (folder(asset) / "source.json").is_file()


def not_downloaded(names: Sequence[str]) -> SenticliError:
    """Return the error for assets that are needed and not installed."""
    return SenticliError(f"not downloaded: {', '.join(names)}", f"`install({', '.join(names)})`")


def require(names: Iterable[str]) -> None:
    """Raise SenticliError if assets among ``names`` are not installed; it names all of them."""
    wanted = [ASSETS[name] for name in dict.fromkeys(names) if name in ASSETS]
    missing = [asset.name for asset in wanted if not is_installed(asset)]
    if missing:
        raise not_downloaded(missing)


def provenance(asset: Asset) -> dict[str, Any]:
    """Return the ``source.json`` of an installed asset.

    Fields: name; url or from; bytes (of the archive, or of all files) and, from the network,
    fetched; sha256 (of a data set's archive, of the vectors' text) or files (the SHA-256 of each);
    verified (see :data:`Verified`); installed (ISO 8601); and counts and hashes by split (data
    sets), or words and dim (vectors).

    Raises:
        SenticliError: it is missing or damaged.
    """
    path = folder(asset) / "source.json"
    try:
        fields = jsonfile.parse(path.read_bytes())
        _check(fields, asset)
    except (OSError, *jsonfile.INVALID) as error:
        raise SenticliError(
            f"{path} is missing or damaged", f"`install({asset.name}, force=True)`"
        ) from error
    return fields


def _check(fields: dict[str, Any], asset: Asset) -> None:
    """Raise one of jsonfile.INVALID unless ``fields`` has what every ``source.json`` has."""
    kinds: dict[str, Any] = {"verified": Verified, "bytes": int | None}
    if asset.kind == "vectors":
        kinds |= {"words": int, "dim": int}
    else:
        kinds |= {"counts": Mapping[str, int], "hashes": Mapping[str, str]}
        if fields["counts"].keys() != fields["hashes"].keys():
            raise ValueError("counts, hashes")
    if not all(jsonfile.has_type(fields[name], kind) for name, kind in kinds.items()):
        raise TypeError(", ".join(kinds))


def write_provenance(folder: Path, fields: Mapping[str, Any]) -> None:
    """Write ``source.json``, with the time of installation (UTC) added."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    text = json.dumps({**fields, "installed": now}, indent=2)
    (folder / "source.json").write_text(text + "\n", encoding="utf-8")


def fetched_bytes(asset: Asset) -> int:
    """Return the bytes of an unfinished download of ``asset`` that the next one need not fetch."""
    names = {asset.archive, *(part.archive for part in asset.downloads), asset.member} - {None}
    return sum(Pieces(paths.downloads_dir() / str(name)).count_bytes() for name in names)
