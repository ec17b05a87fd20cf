"""Steps of every download: one process at a time, a file on a server, another start, digests."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from senticli import paths
from senticli.download.http import open_client
from senticli.download.remote import CannotResume, RemoteFile
from senticli.download.sources import Url
from senticli.errors import Interrupted, SenticliError
from senticli.events import Message, OnEvent, Progress
from senticli.io.atomic import exclusive
from senticli.io.disk import require_space, size_text, writing

STARTS = 3
"""Times that a download is started, if it cannot be resumed."""
CHUNK = 1 << 20


@contextmanager
def lock(name: str, report: OnEvent) -> Iterator[None]:
    """Keep other processes from downloading ``name``. A crash leaves nothing locked."""
    downloads = paths.downloads_dir()
    waiting = Message("info", f"another process is downloading {name}: waiting for it")
    with ExitStack() as stack:
        with writing(downloads):
            downloads.mkdir(parents=True, exist_ok=True)
            stack.enter_context(exclusive(downloads / f".{name}.lock", lambda: report(waiting)))
        yield


@contextmanager
def open_remote(
    url: Url, folder: Path, *, only_parts: bool = False, hint: str, report: OnEvent
) -> Iterator[RemoteFile]:
    """Open a file on a server; its arguments are those of :class:`RemoteFile`.

    The download is removed once it was used, or if it is of no use.

    Raises:
        CannotResume: it is of no use, and a part of it is from an earlier process.
    """
    with (
        open_client(url.secret) as client,
        RemoteFile(
            client, url.secret, folder, only_parts=only_parts, hint=hint, report=report
        ) as remote,
    ):
        try:
            remote.connect()
            yield remote
            remote.discard()
        except Interrupted:
            raise  # the network or the disk: what was downloaded is good
        except Exception as error:
            remote.discard()
            if remote.resumed and isinstance(error, SenticliError):
                raise CannotResume from error
            raise


def announce(
    remote: RemoteFile,
    start: int,
    stop: int | None,
    unpacked: int,
    name: str,
    report: OnEvent,
    part_of: str | None = None,
) -> None:
    """Require space for what is about to be downloaded, and report it.

    Args:
        remote: the file.
        start: where in the file that begins.
        stop: where it ends; None: nobody knows.
        unpacked: the bytes that it will take in the data dir.
        name: names it in errors.
        report: called with a message.
        part_of: the file's name, where that is a part of it.
    """
    on_disk = remote.expect(start, stop)
    missing = 0 if stop is None else stop - start - on_disk
    require_space(paths.home(), missing + unpacked, name)
    amount = "of unknown size" if stop is None else size_text(stop - start)
    if part_of:
        amount += f" of {part_of} ({size_text(remote.size or 0)})"
    if remote.resumed and on_disk:
        amount += f", {size_text(on_disk)} of it already downloaded"
    report(Message("info", f"downloading {remote.name}, {amount}, from {remote.url}"))


def start_again(starts: int, url: Url, hint: str, report: OnEvent) -> None:
    """Report that a download is started again; after :data:`STARTS`, raise Interrupted."""
    if starts >= STARTS:
        raise Interrupted(f"{url} keeps changing, or cannot be resumed", hint) from None
    report(Message("info", f"{url} has changed, or cannot be resumed: starting again"))


def read_digests(
    file: BinaryIO, name: str, total: int | None, report: OnEvent
) -> tuple[int, str, str]:
    """Read a file to its end; return its bytes, its SHA-256 and its MD5."""
    size, sha256 = 0, hashlib.sha256()
    # Against accidents, not attacks: the only official checksum some archives have.
    md5 = hashlib.md5(usedforsecurity=False)
    while chunk := file.read(CHUNK):
        size += len(chunk)
        sha256.update(chunk)
        md5.update(chunk)
        report(Progress(f"checking {name}", size, total))
    return size, sha256.hexdigest(), md5.hexdigest()
