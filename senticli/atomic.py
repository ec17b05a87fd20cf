"""Atomic writes: a killed process leaves the old file or folder, or the new one, never half."""

import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".partial"


@contextmanager
def replace_dir(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``target`` that takes its place when the block succeeds.

    When the block fails, whatever was at ``target`` stays as it was. A folder cannot be renamed
    onto another, so the old one is first moved aside; if the process is killed between those two
    renames, the next :func:`replace_dir` or :func:`recover` of ``target`` puts it back. Of several
    processes, one after another replaces ``target``.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(target.with_name(f".{target.name}.lock")):
        recover(target)
        leftovers = target.parent.glob(f".{glob.escape(target.name)}.*{PARTIAL}")
        for leftover in (_old(target), *leftovers):
            shutil.rmtree(leftover, ignore_errors=True)
        partial = Path(
            tempfile.mkdtemp(prefix=f".{target.name}.", suffix=PARTIAL, dir=target.parent)
        )
        old = _old(target)
        try:
            yield partial
            partial.chmod(0o755)
            if target.exists():
                target.rename(old)
            partial.rename(target)
        finally:
            recover(target)
            shutil.rmtree(old, ignore_errors=True)
            shutil.rmtree(partial, ignore_errors=True)


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


def recover(target: Path) -> None:
    """Put back the folder that a killed :func:`replace_dir` had moved aside, if there is one."""
    if not target.exists() and _old(target).exists():
        _old(target).rename(target)


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


@contextmanager
def replace_file(target: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of ``target`` when the block succeeds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(target: Path, text: str) -> None:
    """Write ``text`` (UTF-8, file names as they are) to ``target`` in one step."""
    with replace_file(target) as file:
        file.write(text.encode("utf-8", "surrogateescape"))


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
