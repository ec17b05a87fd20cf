"""Atomic writes: a killed process leaves the old file or folder, or the new one, never half."""

import glob
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from senticli.log import log

PARTIAL = ".partial"
DAY = 86_400.0  # seconds


@contextmanager
def replace_dir(target: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``target`` when the block succeeds.

    When the block fails, whatever was at ``target`` stays as it was. A folder cannot be renamed
    onto another, so the old one is first moved aside; if the process is killed between those two
    renames, the next :func:`replace_dir` or :func:`recover` of ``target`` puts it back. Of several
    processes, one after another replaces ``target``; where it is a link, what it leads to.
    """
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(lock_of(target)):
        _put_back(target)
        partial, old = partial_of(target), _old(target)
        for leftover in (partial, old):
            remove(leftover)
        partial.mkdir()
        try:
            yield partial
            if target.exists():
                target.rename(old)
            partial.rename(target)
            log("wrote %s", target)
        finally:
            _put_back(target)
            for leftover in (partial, old):
                remove(leftover)


def recover(target: Path) -> None:
    """Put back the folder that a killed :func:`replace_dir` had moved aside, if there is one."""
    target = target.resolve()
    if not target.exists() and _old(target).exists():
        # A folder that cannot be written is left as it is.
        with suppress(OSError), exclusive(lock_of(target)):
            _put_back(target)


def partial_of(target: Path) -> Path:
    """Return the hidden sibling in which ``target`` is written, or from which it is removed."""
    return target.with_name(f".{target.name}{PARTIAL}")


def remove(path: Path) -> None:
    """Remove a folder, a file or a link, as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def keep_newest(paths: Iterable[Path], count: int) -> None:
    """Remove all of some files or folders but the ``count`` that were changed last."""
    for old in sorted(paths, key=lambda path: path.stat().st_mtime)[:-count]:
        remove(old)


def _put_back(target: Path) -> None:
    if not target.exists() and _old(target).exists():
        _old(target).rename(target)


def lock_of(target: Path) -> Path:
    """Return the lock file of whoever replaces ``target``."""
    return target.with_name(f".{target.name}.lock")


@contextmanager
def exclusive(path: Path, on_wait: Callable[[], object] | None = None) -> Iterator[None]:
    """Hold the lock file ``path``, which other processes wait for; a crash leaves it free.

    ``on_wait`` is called if another one holds it.
    """
    import filelock  # 30 ms, which reading does without

    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        if on_wait:
            on_wait()
        lock.acquire()
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while it is held: who waits for it notices, and makes a new one
        lock.release()


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


@contextmanager
def replace_file(target: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of ``target`` when the block succeeds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in target.parent.glob(f".{glob.escape(target.name)}-*"):
        with suppress(OSError):
            if time.time() - leftover.stat().st_mtime > DAY:
                leftover.unlink()  # of a process that was killed
    # Unlike tempfile's, opened so that the mode follows the umask.
    temporary = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a crash may leave an empty file under the new name
        temporary.replace(target)
        log("wrote %s", target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(target: Path, text: str) -> None:
    """Write ``text`` (UTF-8, file names as they are) to ``target`` in one step."""
    with replace_file(target) as file:
        file.write(text.encode("utf-8", "surrogateescape"))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
