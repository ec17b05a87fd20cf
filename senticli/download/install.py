"""Download the assets of the catalogue, verify them and convert them to senticli's own form.

Archives are read in place, so nothing in them can be written outside the data dir. Of a zip of
vectors only the member that is needed is downloaded, if the server supports ranges, and it is
converted as it arrives.
"""

import hashlib
import io
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from senticli import paths
from senticli.data.catalogue import Asset, assets_of
from senticli.data.columns import write_columns
from senticli.data.glove import open_text, read_blocks
from senticli.data.vectors import install_vectors
from senticli.download.archives import (
    Archive,
    archive_errors,
    extent,
    files_in,
    open_member,
    open_zip,
    some,
)
from senticli.download.datasets import read_dataset
from senticli.download.everyday import is_file_of
from senticli.download.installed import fetched_bytes, folder, is_installed, write_provenance
from senticli.download.remote import CannotResume, NoRanges, RemoteFile
from senticli.download.sources import Source, Url, elsewhere, open_file, sources_of
from senticli.download.transfer import (
    CHUNK,
    announce,
    lock,
    open_remote,
    read_digests,
    start_again,
)
from senticli.errors import Interrupted, SenticliError, UsageError
from senticli.events import Message, OnEvent, Progress, ignore
from senticli.io.atomic import replace_dir
from senticli.io.disk import require_space, size_text, writing

VECTORS_SHARE = 0.5
"""Bytes that vectors take in the data dir, as a share of their text."""


def install(
    *names: str,
    source: str | None = None,
    verify: bool = True,
    force: bool = False,
    offline: bool = False,
    on_event: OnEvent = ignore,
) -> None:
    """Download data sets and word vectors by name, and install them; see :func:`install_many`.

    ``everyday`` stands for all data sets of everyday texts.

    Raises:
        UsageError: there is no data set or vectors of such a name.
        SenticliError: one cannot be installed.
    """
    for _ in install_many(
        assets_of(names),
        source=source,
        verify=verify,
        force=force,
        offline=offline,
        on_progress=on_event,
    ):
        pass


def install_many(
    assets: Sequence[Asset],
    *,
    source: str | None = None,
    verify: bool = True,
    force: bool = False,
    offline: bool = False,
    on_progress: OnEvent = ignore,
) -> Iterator[Asset]:
    """Download ``assets``, or take them from ``source``, and convert them; yield each when done.

    Installed assets are left alone, unless ``force``. Those of one archive are installed one after
    another; another process that wants one of them waits until they are done.

    Args:
        assets: entries of the catalogue.
        source: where from, see :func:`senticli.download.sources.source_of`.
        verify: refuse an archive whose checksum is not the official one. The content is checked
            in any case.
        force: install again.
        offline: never use the network.
        on_progress: called often while something is read, downloaded or converted.

    Raises:
        Interrupted: the network or the disk failed. The partial download is kept, and the next
            call resumes it.
        SenticliError: something is missing and ``offline``, or has the wrong checksum or content.
            Whatever was installed before stays.
    """
    groups: dict[Source, list[Asset]] = {}
    for asset, place in zip(assets, sources_of(assets, source), strict=True):
        if is_installed(asset) and not force:
            yield asset
        else:
            groups.setdefault(place, []).append(asset)
    if offline:
        _refuse_network(groups, source)
    for place, group in groups.items():
        with lock(group[0].archive, on_progress):
            done = [asset for asset in group if is_installed(asset) and not force]
            todo = [asset for asset in group if asset not in done]
            yield from done  # by the process that was waited for
            if isinstance(place, Url):
                yield from _install_from_url(todo, place, verify, on_progress)
            else:
                with _open_path(place, group[0], on_progress) as archive:
                    for asset in todo:
                        _convert(asset, archive, verify, on_progress)
                        yield asset


def _install_from_url(
    todo: list[Asset], url: Url, verify: bool, report: OnEvent
) -> Iterator[Asset]:
    """Install assets of one archive: member by member if possible, or from the whole."""
    starts = 0
    in_parts = True
    while todo:
        try:
            member = todo[0].member if in_parts else None
            if member:
                _install_member(todo[0], member, url, verify, report)
                yield todo.pop(0)
            else:
                download = _download_files if url.is_folder else _download
                with download(todo[0], url, verify, report) as archive:
                    while todo:
                        _convert(todo[0], archive, verify, report)
                        yield todo.pop(0)
        except NoRanges:
            in_parts = False
            report(Message("info", f"{url} does not support ranges: downloading all of it"))
        except CannotResume:
            starts += 1
            start_again(starts, url, elsewhere(todo[0]), report)


def _refuse_network(groups: dict[Source, list[Asset]], source: str | None) -> None:
    missing = [asset for place in groups if isinstance(place, Url) for asset in groups[place]]
    if missing and source:
        raise UsageError("`offline` forbids the URL that `source` names", "leave one of them out")
    if missing:
        names = ", ".join(asset.name for asset in missing)
        raise SenticliError(
            f"not downloaded, and the network is off (`offline`, SENTICLI_OFFLINE): {names}",
            elsewhere(missing[0]),
        )


# --- from the disk


@contextmanager
def _open_path(path: Path, asset: Asset, report: OnEvent) -> Iterator[Archive]:
    """Open an archive on disk, or the folder that it was unpacked to."""
    call = f"`install({asset.name}, source={shlex.quote(str(path))}, verify=False)`"
    accept = f"to accept it: {call}"
    if path.is_dir() and path.name == asset.folder:
        problem = f"{path} is unpacked, so it has no checksum to verify"
        provenance = {"from": str(path), "bytes": None, "verified": None}
        yield Archive(str(path), provenance, accept, folder=path, problem=problem)
        return
    with open_file(path, asset.archive, elsewhere(asset)) as file:
        archive = Archive(str(path), {"from": str(path)}, accept, file)
        yield _with_checksum(archive, asset, path.name, path.stat().st_size, report)


# --- from the network


@contextmanager
def _download(asset: Asset, url: Url, verify: bool, report: OnEvent) -> Iterator[Archive]:
    """Download a whole archive."""
    with _open_url(asset, url, asset.archive, verify, report) as remote:
        announce(remote, 0, remote.size, asset.unpacked, asset.name, report)
        remote.fetch_all()
        file = cast(BinaryIO, io.BufferedReader(remote, CHUNK))
        provenance = {"url": remote.url, "fetched": remote.size}
        archive = Archive(remote.url, provenance, _try_again(asset), file)
        yield _with_checksum(archive, asset, asset.archive, remote.size, report)


@contextmanager
def _download_files(asset: Asset, url: Url, verify: bool, report: OnEvent) -> Iterator[Archive]:
    """Download the files of a data set. All are kept until it is installed."""
    contents: dict[str, bytes] = {}
    done = 0

    def report_sum(event: object) -> None:
        if isinstance(event, Progress):
            event = Progress(f"downloading {asset.name}", done + event.done, asset.size)
        report(event)

    require_space(paths.home(), (asset.size or 0) + asset.unpacked, asset.name)
    amount = f"{size_text(asset.size or 0)} in {len(asset.files)} files"
    if fetched := fetched_bytes(asset):
        amount += f", {size_text(fetched)} of it already downloaded"
    report(Message("info", f"downloading {asset.name}, {amount}, from {url}"))
    with ExitStack() as stack:
        for part, file in zip(asset.downloads, asset.files, strict=True):
            place = Url(url.secret + file.path)
            opened = _open_url(part, place, part.archive, verify=False, report=report_sum)
            remote = stack.enter_context(opened)
            remote.expect(0, remote.size)
            remote.fetch_all()
            content = remote.read() or b""
            actual = hashlib.sha256(content).hexdigest()
            if verify and actual != file.sha256:
                remote.discard()
                # The other files are kept.
                problem = _mismatch(remote.url, file.path, "SHA-256", file.sha256, actual)
                raise Interrupted(problem, _try_again(asset))
            contents[f"{asset.folder}/{file.path}"] = content
            done += len(content)
        yield Archive(
            str(url), {"url": str(url), "fetched": done}, _try_again(asset), contents=contents
        )


def _install_member(asset: Asset, member: str, url: Url, verify: bool, report: OnEvent) -> None:
    """Download and install one member of a zip.

    Raises:
        NoRanges: the server does not support ranges.
    """
    with _open_url(asset, url, member, verify, report) as remote:
        label = f"{remote.url} ({member})"
        file = cast(BinaryIO, io.BufferedReader(remote, 1 << 16))
        with open_zip(file, label) as archive:
            start, stop = extent(archive, label, member)
            size = archive.getinfo(member).file_size
            space = int(size * VECTORS_SHARE)
            announce(remote, start, stop, space, asset.name, report, part_of=asset.archive)
            provenance = {"url": remote.url, "bytes": remote.size, "fetched": stop - start}
            provenance["verified"] = "crc32"  # which zipfile compares at the end of the member
            source = Archive(label, provenance, _try_again(asset))
            with open_member(archive, label, member) as text:
                _install_vectors(asset, text, size, source, verify)


@contextmanager
def _open_url(
    asset: Asset, url: Url, name: str, verify: bool, report: OnEvent
) -> Iterator[RemoteFile]:
    """Open an archive on a server, or only its member ``name``; see :func:`open_remote`."""
    folder, in_parts = paths.downloads_dir() / name, name != asset.archive
    hint = elsewhere(asset)
    with open_remote(url, folder, only_parts=in_parts, hint=hint, report=report) as remote:
        official = None if asset.is_folder else asset.size
        if verify and official and remote.size and remote.size != official:
            raise SenticliError(
                f"{remote.url} is not the official {asset.archive}: expected "
                f"{official:,} bytes, actual {remote.size:,}",
                _try_again(asset),
            )
        yield remote


def _try_again(asset: Asset) -> str:
    return f"try again later, or to accept it: `install({asset.name}, verify=False)`"


# --- checksums


def _with_checksum(
    archive: Archive, asset: Asset, name: str, total: int | None, report: OnEvent
) -> Archive:
    """Read an archive to its end, and compare its checksum with the official one."""
    assert archive.file is not None
    size, sha256, md5 = read_digests(archive.file, name, total, report)
    kind, expected, actual = "MD5", asset.md5 or "unknown", md5
    if asset.sha256:
        kind, expected, actual = "SHA-256", asset.sha256, sha256
    problem = None
    if actual != expected:
        problem = _mismatch(archive.label, asset.archive, kind, expected, actual)
    checked = {
        "bytes": size,
        "sha256": sha256,
        "verified": None if problem else "sha256" if asset.sha256 else "md5",
    }
    return replace(archive, provenance={**archive.provenance, **checked}, problem=problem)


def _with_checksums_of_files(archive: Archive, asset: Asset, report: OnEvent) -> Archive:
    """Read the files of a data set, and compare the checksum of each with the official ones.

    A file with an official checksum gets its official path, whatever its name is here.
    """
    report(Progress(f"checking {asset.name}", 0, None))
    official = {file.sha256: file.path for file in asset.files}
    contents, sums, others = {}, {}, []
    with archive_errors(archive.label):
        for name, read in files_in(archive):
            folder, _, inside = name.partition("/")
            if folder != asset.folder or not is_file_of(asset.name, inside):
                continue
            content = read()
            sha256 = hashlib.sha256(content).hexdigest()
            if sha256 not in official:
                others.append(f"{name} (SHA-256 {sha256})")
            inside = official.get(sha256, inside)
            contents[inside], sums[inside] = content, sha256
    problem = None
    if others:
        problem = f"{archive.label}: not official files of {asset.name}: {some(others)}"
    checked = {
        "bytes": sum(map(len, contents.values())),
        "files": sums,
        "verified": None if problem else "sha256",
    }
    provenance = {**archive.provenance, **checked}
    provenance.pop("sha256", None)  # of a zip that holds the files, which is none of the official
    return replace(archive, contents=contents, provenance=provenance, problem=problem)


def _mismatch(label: str, official: str, kind: str, expected: str, actual: str) -> str:
    return f"{label} is not the official {official}: {kind} expected {expected}, actual {actual}"


# --- the content: from the archive to senticli's own form


def _convert(asset: Asset, archive: Archive, verify: bool, report: OnEvent) -> None:
    if archive.file:
        archive.file.seek(0)
    if asset.files:
        archive = _with_checksums_of_files(archive, asset, report)
    # A member whose own checksum is known needs no official archive.
    if verify and archive.problem and not asset.member_sha256:
        raise SenticliError(archive.problem, archive.accept)
    if asset.kind == "vectors":
        assert archive.file is not None  # only a data set's folder is taken in its place
        with open_text(archive.file, archive.label, asset.member) as (text, total):
            _install_vectors(asset, text, total, archive, verify, report)
        return
    splits = read_dataset(asset, archive, report)
    counts = {split: len(columns["text"]) for split, columns in splits.items()}
    target = folder(asset)
    require_space(paths.home(), asset.unpacked, asset.name)
    with writing(target), replace_dir(target) as partial:
        with (partial / "examples.npz").open("wb") as file:
            hashes = write_columns(file, splits)
        fields = {"name": asset.name, **archive.provenance, "counts": counts, "hashes": hashes}
        write_provenance(partial, fields)


def _install_vectors(
    asset: Asset,
    text: BinaryIO,
    total: int | None,
    archive: Archive,
    verify: bool,
    report: OnEvent = ignore,
) -> None:
    """Install vectors from their text, which is ``total`` bytes long."""
    digest = hashlib.sha256()

    def provenance() -> dict[str, Any]:
        verified, actual = archive.provenance["verified"], digest.hexdigest()
        if actual == asset.member_sha256:
            verified = "sha256"
        elif asset.member_sha256 and verified in (None, "crc32"):
            verified = None
            if verify:
                member = asset.member or ""
                label = f"{member} of {archive.label}"
                problem = _mismatch(label, member, "SHA-256", asset.member_sha256, actual)
                raise SenticliError(problem, archive.accept)
        return {"name": asset.name, **archive.provenance, "sha256": actual, "verified": verified}

    require_space(paths.home(), int((total or 0) * VECTORS_SHARE), asset.name)
    blocks = read_blocks(text, archive.label, total, digest, on_progress=report, name=asset.name)
    with writing(folder(asset)):
        install_vectors(folder(asset), blocks, provenance, asset)
