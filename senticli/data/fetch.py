"""Download the assets of the catalogue, verify them and convert them to senticli's own form.

An archive is never unpacked to disk: its members are read in place, by their exact names, so
nothing in it can be written outside the data dir. It is kept in an unnamed temporary file in the
data dir while it is converted, so a killed download leaves nothing behind.
"""

import errno
import hashlib
import json
import os
import shlex
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from senticli import __version__
from senticli.atomic import replace_dir
from senticli.data.archives import Archive, elsewhere, read_imdb, read_sst2
from senticli.data.catalogue import Asset, OnProgress, Progress
from senticli.errors import SenticliError
from senticli.paths import dataset_dir, home, vectors_dir
from senticli.text.files import unreadable

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT = 15.0
"""Seconds until a server that does not answer is given up."""
READ_TIMEOUT = 30.0
"""Seconds without a byte until a stalled download is given up."""
RETRY_WAITS = (1.0, 4.0, 10.0)
"""Seconds before each new try; their number is the number of retries."""

_CHUNK = 1 << 16
_RETRY_STATUSES = {408, 425, 429, 500, 502, 503, 504}


def install(
    asset: Asset,
    *,
    source: Path | None = None,
    verify: bool = True,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> Path:
    """Download ``asset``, or take it from the local archive ``source``, and convert it.

    Returns at once when it is installed already, unless ``force``.

    Args:
        asset: an entry of the catalogue.
        source: a local copy of the archive.
        verify: refuse an archive whose checksum is not the official one. The content is
            checked in any case.
        force: install again.
        on_progress: called often while something is read, downloaded or converted.

    Returns:
        The folder of the data set or the vectors.

    Raises:
        SenticliError: no network, a server's error, a wrong checksum or content, a full disk.
            Whatever was installed before stays as it was.
    """
    (path,) = install_many(
        [asset], source=source, verify=verify, force=force, on_progress=on_progress
    )
    return path


def install_many(
    assets: Sequence[Asset],
    *,
    source: Path | None = None,
    verify: bool = True,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> Iterator[Path]:
    """Install ``assets`` in order, yielding the folder of each; see :func:`install`.

    An archive that several of them share is fetched once.
    """
    report = on_progress or _ignore
    with ExitStack() as stack:
        archives: dict[str, Archive] = {}
        for asset in assets:
            if force or not is_installed(asset):
                if asset.url not in archives:
                    opened = (
                        _local(asset, source, verify, report)
                        if source
                        else _download(asset, verify, report)
                    )
                    archives[asset.url] = stack.enter_context(opened)
                _convert(asset, archives[asset.url], report)
            yield folder(asset)


def folder(asset: Asset) -> Path:
    """Where ``asset`` is installed or would be."""
    return dataset_dir(asset.name) if asset.kind == "dataset" else vectors_dir(asset.name)


def is_installed(asset: Asset) -> bool:
    """Whether ``asset`` is in the data dir."""
    # The folder appears in one step, so one file stands for all of them.
    return (folder(asset) / "source.json").is_file()


def provenance(asset: Asset) -> dict[str, Any]:
    """The ``source.json`` of an installed asset.

    Fields: name, url or from, sha256 and bytes of the archive, verified, installed (ISO 8601),
    and counts (data sets) or words and dim (vectors).

    Raises:
        SenticliError: it cannot be read.
    """
    try:
        source: dict[str, Any] = json.loads((folder(asset) / "source.json").read_bytes())
    except (OSError, ValueError) as error:
        raise SenticliError(
            f"{folder(asset) / 'source.json'} is missing or damaged",
            f"senticli download {asset.name} --force",
        ) from error
    return source


# --- the archive: from the network or from disk, and its checksum


@contextmanager
def _local(asset: Asset, path: Path, verify: bool, report: OnProgress) -> Iterator[Archive]:
    digests = _Digests()
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    with file:
        total = path.stat().st_size
        while chunk := file.read(_CHUNK):
            if not digests.size:
                _refuse_html(chunk, str(path), asset)
            digests.update(chunk)
            report(Progress("checking", path.name, digests.size, total))
        accept = f"senticli download {asset.name} --from {shlex.quote(str(path))} --no-verify"
        verified = _check(asset, digests, str(path), verify, f"to accept it: {accept}")
        source = {"from": str(path.resolve()), **digests.summary(), "verified": verified}
        yield Archive(file, str(path), source)


@contextmanager
def _download(asset: Asset, verify: bool, report: OnProgress) -> Iterator[Archive]:
    if os.environ.get("SENTICLI_OFFLINE", "0") not in ("", "0"):
        raise SenticliError(
            f"{asset.name} is not here, and SENTICLI_OFFLINE forbids to download it",
            elsewhere(asset),
        )
    with _writing(home() / asset.archive):
        home().mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=home())  # noqa: SIM115 - closed below
    with file:
        digests = _fetch(asset, file, report)
        accept = f"senticli download {asset.name} --no-verify"
        verified = _check(
            asset, digests, asset.url, verify, f"try again later, or to accept it: {accept}"
        )
        source = {"url": asset.url, **digests.summary(), "verified": verified}
        yield Archive(file, asset.archive, source)


def _fetch(asset: Asset, file: BinaryIO, report: OnProgress) -> "_Digests":
    """Download the archive of ``asset`` to ``file``, trying again where that may help."""
    import httpx

    waits = list(RETRY_WAITS)
    with httpx.Client(
        follow_redirects=True,
        timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT),
        # The archive itself is wanted, not a server's compression of it.
        headers={"User-Agent": f"senticli/{__version__}", "Accept-Encoding": "identity"},
        event_hooks={"request": [_refuse_plain_http]},
    ) as client:
        while True:
            try:
                with client.stream("GET", asset.url) as response:
                    response.raise_for_status()
                    return _receive(asset, response, file, report)
            except httpx.HTTPError as error:
                if not waits or not _worth_retrying(error):
                    raise _network_error(asset, error) from error
                time.sleep(waits.pop(0))


def _receive(
    asset: Asset, response: "httpx.Response", file: BinaryIO, report: OnProgress
) -> "_Digests":
    digests = _Digests()
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdigit() else asset.size
    file.seek(0)
    file.truncate()
    report(Progress("downloading", asset.archive, 0, total))
    for chunk in response.iter_raw(_CHUNK):  # httpx raises when the body ends early
        if not digests.size:
            _refuse_html(chunk, str(response.url), asset)
        with _writing(home() / asset.archive):
            file.write(chunk)
        digests.update(chunk)
        report(Progress("downloading", asset.archive, digests.size, total))
    with _writing(home() / asset.archive):
        file.flush()
    return digests


def _refuse_plain_http(request: "httpx.Request") -> None:
    # Also called for each redirect. Plain HTTP to this machine serves the tests.
    if request.url.scheme != "https" and request.url.host != "127.0.0.1":
        raise SenticliError(
            f"refused to download over plain HTTP: {request.url}", "senticli uses HTTPS only"
        )


def _worth_retrying(error: "httpx.HTTPError") -> bool:
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _RETRY_STATUSES
    # An unknown host or an untrusted certificate will be the same a second later.
    return isinstance(error, httpx.TransportError) and not isinstance(
        _cause(error), (socket.gaierror, ssl.SSLCertVerificationError)
    )


def _network_error(asset: Asset, error: "httpx.HTTPError") -> SenticliError:
    import httpx

    cause = _cause(error)
    host = error.request.url.host
    hint = elsewhere(asset)
    if isinstance(error, httpx.HTTPStatusError):
        response = error.response
        what = f"{response.url} answers {response.status_code} {response.reason_phrase}"
    elif isinstance(cause, socket.gaierror):
        what = f"no network, or {host} is unknown: {cause.strerror}"
        hint = f"check the connection; {hint}"
    elif isinstance(cause, ssl.SSLCertVerificationError):
        what = f"the certificate of {host} is not trusted: {cause.verify_message}"
        hint = "behind a proxy that inspects traffic, set SSL_CERT_FILE to its certificate"
    elif isinstance(error, httpx.TimeoutException):
        what = f"{host} did not answer in time"
    elif isinstance(error, httpx.RemoteProtocolError):
        what = f"{host} cut off {asset.archive}: {error}"
    else:
        what = f"cannot download {error.request.url}: {error or type(error).__name__}"
    return SenticliError(what, hint)


def _cause(error: BaseException) -> BaseException:
    """The first error of a chain: httpx and httpcore wrap the socket's own."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


class _Digests:
    """SHA-256, MD5 and size of an archive, computed as it streams by."""

    def __init__(self) -> None:
        self.size = 0
        self.sha256 = hashlib.sha256()
        # Against accidents, not attacks: the only official checksum some archives have.
        self.md5 = hashlib.md5(usedforsecurity=False)

    def update(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.sha256.update(chunk)
        self.md5.update(chunk)

    def summary(self) -> dict[str, Any]:
        return {"sha256": self.sha256.hexdigest(), "bytes": self.size}


def _check(asset: Asset, digests: _Digests, label: str, verify: bool, hint: str) -> bool:
    """Whether the checksum is the official one.

    Raises:
        SenticliError: it is not, and ``verify`` is on.
    """
    if asset.sha256:
        name, expected, actual = "SHA-256", asset.sha256, digests.sha256.hexdigest()
    else:
        name, expected, actual = "MD5", asset.md5 or "unknown", digests.md5.hexdigest()
    if actual == expected:
        return True
    if verify:
        raise SenticliError(
            f"{label} is not the official {asset.archive}: "
            f"{name} expected {expected}, actual {actual}",
            hint,
        )
    return False


def _refuse_html(start: bytes, label: str, asset: Asset) -> None:
    start = start[:1024].lower()
    if start.lstrip().startswith(b"<") and (b"<html" in start or b"<!doctype html" in start):
        raise SenticliError(
            f"{label} is an HTML page where {asset.archive} should be", elsewhere(asset)
        )


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Turn the errors of writing ``target`` into a SenticliError that names it."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SenticliError(
                f"no space left on the disk for {target}",
                "free some, or set SENTICLI_HOME to a folder on another disk",
            ) from error
        raise SenticliError(
            f"cannot write {target}: {error.strerror or error}",
            "check its permissions, or set SENTICLI_HOME to another folder",
        ) from error


# --- the content: from the archive to senticli's own form


def _convert(asset: Asset, archive: Archive, report: OnProgress) -> None:
    from senticli.data.vectors import install_vectors, read_blocks

    archive.file.seek(0)
    with _writing(folder(asset)):
        if asset.kind == "vectors":
            blocks = read_blocks(archive.file, archive.label, asset.member, report, asset.name)
            source = {"name": asset.name, **archive.source}
            install_vectors(folder(asset), blocks, source, asset)
        else:
            read = read_imdb if asset.name == "imdb" else read_sst2
            _install_dataset(asset, archive, read(asset, archive, report))


def _install_dataset(
    asset: Asset, archive: Archive, splits: dict[str, list[dict[str, str]]]
) -> None:
    from senticli.data.vectors import write_source

    with replace_dir(folder(asset)) as partial:
        for split, examples in splits.items():
            with (partial / f"{split}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
                for example in examples:
                    file.write(json.dumps(example, ensure_ascii=False) + "\n")
        counts = {split: len(examples) for split, examples in splits.items()}
        write_source(partial, {"name": asset.name, **archive.source, "counts": counts})


def _ignore(_: Progress) -> None:
    pass
