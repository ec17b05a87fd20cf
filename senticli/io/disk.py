"""Disk space: errors of writing, room left, sizes."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from senticli.errors import Interrupted

_MOVE = "set SENTICLI_HOME to a folder"


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn the errors of writing ``target`` into an Interrupted that names it."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Interrupted(
                f"no space left on the disk for {target}", f"free some, or {_MOVE} on another disk"
            ) from error
        raise Interrupted(
            f"cannot write {target}: {error.strerror or error}",
            f"check its permissions, or {_MOVE} that can be written",
        ) from error


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise Interrupted unless the disk of ``folder`` has ``needed`` bytes of room for ``what``."""
    free = free_space(folder)
    if free is not None and free < needed:
        raise Interrupted(
            f"{what} needs {size_text(needed)}, and {size_text(free)} are left for {folder}",
            f"free some, or {_MOVE} on another disk",
        )


def free_space(folder: Path) -> int | None:
    """Return the bytes left on the disk of a folder, which need not exist; None if unknown."""
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; 0 where there is nothing.

    Raises:
        OSError: it cannot be known.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return 0
    if not stat.S_ISDIR(status.st_mode):
        return status.st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += (Path(folder) / name).lstat().st_size
            except FileNotFoundError:  # removed meanwhile
                continue
    return total


def size_text(size: float) -> str:
    """Return a number of bytes for people: ``134.3 MB``."""
    if size < 1000:
        return f"{size:.0f} bytes"
    for unit in ("kB", "MB"):
        size /= 1000
        if round(size, 1) < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:,.1f} GB"
