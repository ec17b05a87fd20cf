"""Get the assets of the catalogue, verify them and convert them to senticli's own form.

An archive is never unpacked to disk: its members are read in place, by their exact names, so
nothing in it can be written outside the data dir. Of a zip of vectors, only the member that is
wanted is fetched where the server gives parts of a file, and it is unpacked as it arrives.
"""

import hashlib
import io
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from senticli import paths
from senticli.data.catalogue import Asset
from senticli.data.columns import write_columns
from senticli.data.vectors import install_vectors, open_text, read_blocks, write_source
from senticli.download.archives import (
    Archive,
    archive_errors,
    elsewhere,
    extent,
    open_member,
    open_zip,
    read_dataset,
)
from senticli.download.installed import Address, folder, is_installed, origin
from senticli.download.remote import NoRanges, RemoteFile, StartAgain
from senticli.download.urls import PAGE, is_page
from senticli.errors import Interrupted, SenticliError
from senticli.io.atomic import exclusive, replace_dir
from senticli.io.disk import require_space, size_text, writing
from senticli.io.formats import unreadable
from senticli.progress import Notice, OnProgress, Progress

STARTS = 3
"""Times that a file is fetched from its start, if it changes on the way."""
VECTORS_SHARE = 0.5
"""Bytes that vectors take in the data dir, as a share of their text."""

_CHUNK = 1 << 20


def install_many(
    assets: Sequence[Asset],
    *,
    source: str | None = None,
    verify: bool = True,
    force: bool = False,
    network: bool = True,
    on_progress: OnProgress | None = None,
) -> Iterator[Asset]:
    """Download ``assets``, or take them from ``source``, and convert them; yield each when done.

    What is installed already is left alone, unless ``force``. Those of one archive come one after
    another; another process that wants something of it waits until they are done.

    Args:
        assets: entries of the catalogue.
        source: where from, as :func:`senticli.download.installed.origin` understands it.
        verify: refuse an archive whose checksum is not the official one. The content is checked
            in any case.
        force: install again.
        network: whether it may be used.
        on_progress: called often while something is read, downloaded or converted.

    Raises:
        Interrupted: the network or the disk failed. What was fetched is kept, and the next call
            goes on with it.
        SenticliError: the network is forbidden; a wrong checksum or content. Whatever was
            installed before stays.
    """
    report = on_progress or _ignore
    wanted = [asset for asset in assets if force or not is_installed(asset)]
    yield from (asset for asset in assets if asset not in wanted)
    groups: dict[Address | Path, list[Asset]] = {}
    for asset in wanted:
        groups.setdefault(origin(asset, source), []).append(asset)
    if not network:
        _refuse_network(groups)
    for place, group in groups.items():
        with _lock(group[0].archive, report):
            todo = [asset for asset in group if force or not is_installed(asset)]
            yield from (asset for asset in group if asset not in todo)
            if isinstance(place, Path):
                with _local(place, group[0], verify, report) as archive:
                    for asset in todo:
                        _convert(asset, archive, report)
                        yield asset
            else:
                yield from _install_remote(todo, place, verify, report)


def _install_remote(
    todo: list[Asset], place: Address, verify: bool, report: OnProgress
) -> Iterator[Asset]:
    """Install what comes from one address: in parts where that does, or the whole of it."""
    starts = 0
    in_parts = True
    while todo:
        asset = todo[0]
        try:
            if asset.member and in_parts:
                _install_member(asset, place.url, verify, report)
                yield todo.pop(0)
            else:
                with _download(asset, place.url, verify, report) as archive:
                    while todo:
                        _convert(todo[0], archive, report)
                        yield todo.pop(0)
        except NoRanges:
            in_parts = False
            report(Notice(f"{place} is not to be had in parts, so all of it is fetched"))
        except StartAgain:
            starts += 1
            if starts == STARTS:
                raise Interrupted(
                    f"{place} changes whenever it is fetched, or cannot be gone on with",
                    elsewhere(asset),
                ) from None
            report(Notice(f"{place} has changed, or cannot be gone on with: starting again"))


def _refuse_network(groups: dict[Address | Path, list[Asset]]) -> None:
    missing = [
        asset for place, group in groups.items() if isinstance(place, Address) for asset in group
    ]
    if missing:
        names = ", ".join(asset.name for asset in missing)
        raise SenticliError(
            f"not here, and the network is forbidden (`offline=True`, SENTICLI_OFFLINE): {names}",
            elsewhere(missing[0]),
        )


@contextmanager
def _lock(archive: str, report: OnProgress) -> Iterator[None]:
    """Keep other processes from fetching ``archive``. A crash leaves nothing locked."""
    downloads = paths.downloads_dir()
    waiting = Notice(f"another senticli is fetching {archive}: waiting for it")
    with ExitStack() as stack:
        with writing(downloads):
            downloads.mkdir(parents=True, exist_ok=True)
            lock = exclusive(downloads / f".{archive}.lock", lambda: report(waiting))
            stack.enter_context(lock)
        yield


# --- from the disk


@contextmanager
def _local(path: Path, asset: Asset, verify: bool, report: OnProgress) -> Iterator[Archive]:
    """An archive on disk, or the folder that it was unpacked to."""
    accept = f"`download({asset.name}, source={shlex.quote(str(path))}, verify=False)`"
    hint = f"to accept it: {accept}"
    if path.is_dir() and path.name == asset.folder:
        refusal = None
        if verify:
            refusal = SenticliError(f"{path} is unpacked, so it has no checksum to verify", hint)
        source = {"from": str(path), "bytes": None, "verified": None}
        yield Archive(str(path), source, folder=path, refusal=refusal)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    with file:
        if is_page(file.read(PAGE)):
            raise SenticliError(
                f"{path} is an HTML page where {asset.archive} should be", elsewhere(asset)
            )
        file.seek(0)
        digests = _Digests(file, path.name, path.stat().st_size, report)
        yield digests.judge(asset, str(path), {"from": str(path)}, file, hint if verify else None)


# --- from the network


@contextmanager
def _download(asset: Asset, url: str, verify: bool, report: OnProgress) -> Iterator[Archive]:
    """A whole archive from ``url``. What was fetched is removed when it was used, or is wrong."""
    with _remote(asset, url, report, asset.archive, ranges=False) as remote, _doubted(remote):

        def check() -> None:
            _check_size(asset, remote, verify)
            missing = (remote.size or 0) - remote.held()
            require_space(paths.home(), missing + asset.unpacked, asset.name)
            report(Notice(_announce(asset.archive, remote, remote.size)))

        remote.fetch_all(check)
        file = cast(BinaryIO, io.BufferedReader(remote, _CHUNK))
        digests = _Digests(file, asset.archive, remote.size, report)
        source = {"url": remote.name, "fetched": digests.size}
        yield digests.judge(asset, remote.name, source, file, _try_again(asset) if verify else None)
        remote.discard()


def _install_member(asset: Asset, url: str, verify: bool, report: OnProgress) -> None:
    """Fetch and install the one member of a zip that is wanted.

    Raises:
        NoRanges: the server gives only the whole of it.
    """
    member = asset.member or ""
    with _remote(asset, url, report, member, ranges=True) as remote, _doubted(remote):
        label = f"{remote.name} ({member})"
        size = remote.find_size()
        _check_size(asset, remote, verify)
        file = cast(BinaryIO, io.BufferedReader(remote, 1 << 16))
        with ExitStack() as stack:
            with archive_errors(label):
                archive = stack.enter_context(open_zip(file, label))
                start, stop = extent(archive, label, member)
                info = archive.getinfo(member)
            remote.will_read(start, stop)
            missing = stop - start - remote.held()
            unpacked = int(info.file_size * VECTORS_SHARE)
            require_space(paths.home(), missing + unpacked, asset.name)
            of = f" of {asset.archive} ({size_text(size)})"
            report(Notice(_announce(member, remote, stop - start, of)))
            source = {"url": remote.name, "bytes": size, "fetched": stop - start}
            source["verified"] = "crc32"  # zipfile compares it before all is read
            hint = _try_again(asset) if verify else None
            with archive_errors(label):
                text = stack.enter_context(open_member(archive, label, member))
            _install_vectors(asset, text, info.file_size, Archive(label, source), hint, _ignore)
        remote.discard()


def _remote(asset: Asset, url: str, report: OnProgress, name: str, *, ranges: bool) -> RemoteFile:
    return RemoteFile(
        url,
        paths.downloads_dir() / name,
        label=name,
        hint=elsewhere(asset),
        report=report,
        ranges=ranges,
    )


def _announce(name: str, remote: RemoteFile, size: int | None, of: str = "") -> str:
    """What is about to be fetched, and how much."""
    here = remote.held() if remote.resumed else 0
    rest = f", {size_text(here)} of it here already" if here else ""
    amount = size_text(size) if size is not None else "of unknown size"
    return f"fetching {name}, {amount}{of}{rest}, from {remote.name}"


def _check_size(asset: Asset, remote: RemoteFile, verify: bool) -> None:
    """Raise SenticliError if the archive's size alone tells that it is not the official one."""
    if verify and asset.size and remote.size and remote.size != asset.size:
        raise SenticliError(
            f"{remote.name} is not the official {asset.archive}: expected {asset.size:,} bytes, "
            f"actual {remote.size:,}",
            _try_again(asset),
        )


def _try_again(asset: Asset) -> str:
    return f"try again later, or to accept it: `download({asset.name}, verify=False)`"


@contextmanager
def _doubted(remote: RemoteFile) -> Iterator[None]:
    """Discard what was fetched where it turns out to be of no use.

    Raises:
        StartAgain: a part of it is from an earlier process, so that a fresh start may be right.
    """
    try:
        yield
    except Interrupted:
        raise  # the network or the disk: what was fetched is good
    except Exception as error:
        remote.discard()
        if remote.resumed and isinstance(error, SenticliError):
            raise StartAgain from error
        raise


# --- checksums


class _Digests:
    """SHA-256, MD5 and size of an archive, read to its end."""

    def __init__(self, file: BinaryIO, name: str, total: int | None, report: OnProgress) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        # Against accidents, not attacks: the only official checksum some archives have.
        self._md5 = hashlib.md5(usedforsecurity=False)
        while chunk := file.read(_CHUNK):
            self.size += len(chunk)
            self._sha256.update(chunk)
            self._md5.update(chunk)
            report(Progress("checking", name, self.size, total))

    def judge(
        self, asset: Asset, label: str, source: dict[str, Any], file: BinaryIO, hint: str | None
    ) -> Archive:
        """The archive in ``file``, with whether its checksum is the official one.

        ``hint`` is that of its refusal, None where it is accepted in any case.
        """
        if asset.sha256:
            kind, expected, actual = "SHA-256", asset.sha256, self._sha256.hexdigest()
        else:
            kind, expected, actual = "MD5", asset.md5 or "unknown", self._md5.hexdigest()
        official = actual == expected
        source = {**source, "bytes": self.size, "sha256": self._sha256.hexdigest()}
        source["verified"] = kind.replace("-", "").lower() if official else None
        refusal = None
        if hint and not official:
            refusal = _wrong(label, asset.archive, kind, expected, actual, hint)
        return Archive(label, source, file, refusal=refusal)


def _wrong(
    label: str, official: str, kind: str, expected: str, actual: str, hint: str
) -> SenticliError:
    return SenticliError(
        f"{label} is not the official {official}: {kind} expected {expected}, actual {actual}",
        hint,
    )


# --- the content: from the archive to senticli's own form


def _convert(asset: Asset, archive: Archive, report: OnProgress) -> None:
    if archive.refusal and not asset.member_sha256:
        raise archive.refusal
    if archive.file:
        archive.file.seek(0)
    if asset.kind == "vectors":
        assert archive.file is not None  # only a data set's folder is taken in its place
        hint = archive.refusal.hint if archive.refusal else None
        with open_text(archive.file, archive.label, asset.member) as (text, total):
            _install_vectors(asset, text, total, archive, hint, report)
        return
    splits = read_dataset(asset, archive, report)
    counts = {split: len(columns["text"]) for split, columns in splits.items()}
    target = folder(asset)
    require_space(paths.home(), asset.unpacked, asset.name)
    with writing(target), replace_dir(target) as partial:
        with (partial / "examples.npz").open("wb") as file:
            hashes = write_columns(file, splits)
        source = {"name": asset.name, **archive.source, "counts": counts, "hashes": hashes}
        write_source(partial, source)


def _install_vectors(
    asset: Asset,
    text: BinaryIO,
    total: int | None,
    archive: Archive,
    hint: str | None,
    report: OnProgress,
) -> None:
    """Install vectors from their text; ``hint`` as in :meth:`_Digests.judge`."""
    digest = hashlib.sha256()

    def source() -> dict[str, Any]:
        verified, actual = archive.source["verified"], digest.hexdigest()
        if actual == asset.member_sha256:
            verified = "sha256"
        elif asset.member_sha256 and verified in (None, "crc32"):
            if hint:
                member = asset.member or ""
                label = f"{member} of {archive.label}"
                raise _wrong(label, member, "SHA-256", asset.member_sha256, actual, hint)
            verified = None
        return {"name": asset.name, **archive.source, "sha256": actual, "verified": verified}

    require_space(paths.home(), int((total or 0) * VECTORS_SHARE), asset.name)
    blocks = read_blocks(text, archive.label, total, digest, on_progress=report, name=asset.name)
    with writing(folder(asset)):
        install_vectors(folder(asset), blocks, source, asset)


def _ignore(_: Progress | Notice) -> None:
    pass
