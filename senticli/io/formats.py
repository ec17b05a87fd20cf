"""Files of text: their formats and compression by name, and how they are opened."""

import gzip
import io
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast, get_args

from senticli.config import Format
from senticli.errors import SenticliError
from senticli.log import log

FORMATS: tuple[str, ...] = get_args(Format)
LINES, CSV, TSV, JSONL, PARQUET = FORMATS
SUFFIXES = {
    ".csv": CSV,
    ".tsv": TSV,
    ".jsonl": JSONL,
    ".ndjson": JSONL,
    ".json": JSONL,
    ".parquet": PARQUET,
    ".txt": LINES,
}
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
COMPRESSED = (".gz", ".zst")
STANDARD_INPUT = "standard input"  # the name of the input that has none
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)  # of what is packed
DELIMITERS = {CSV: ",", TSV: "\t"}


def format_of(path: Path) -> str | None:
    """Return the format that a file's name tells, if it tells one."""
    return SUFFIXES.get(_inner(path).suffix.lower())


def compression_of(path: Path) -> str | None:
    """``.gz`` or ``.zst``, where the name says so."""
    suffix = path.suffix.lower()
    return suffix if suffix in COMPRESSED else None


def _inner(path: Path) -> Path:
    return path.with_suffix("") if compression_of(path) else path


# --- opening


@contextmanager
def open_bytes(path: Path) -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
    """Yield a file, unpacked if its name says so, and a function that tells how far it is read.

    Raises:
        SenticliError: it cannot be opened.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    log("reading %s", path)
    with file:
        yield _decompressed(file, compression_of(path)), file.tell


def _decompressed(file: BinaryIO, compression: str | None) -> BinaryIO:
    if compression == ".gz":
        return cast(BinaryIO, gzip.open(file))
    if compression == ".zst":
        return io.BufferedReader(_ZstdReader(file), 1 << 17)
    return file


class _ZstdReader(io.RawIOBase):
    """Unpacks zstd, and unlike the package's own reader notices where it was cut off.

    Raises EOFError for what is cut off or damaged, as gzip does.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._zstandard = file, import_zstandard()
        # Of files made with --long=31, such as Reddit's: by default, 128 MiB are the limit.
        self._decompressor = self._zstandard.ZstdDecompressor(max_window_size=2**31)
        self._frame: Any = None
        self._packed = self._unpacked = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._unpacked:
            self._packed = self._packed or self._file.read(1 << 17)
            if not self._packed:
                if self._frame:
                    raise EOFError("its last frame has no end")
                return 0
            self._frame = self._frame or self._decompressor.decompressobj()
            try:
                self._unpacked = self._frame.decompress(self._packed)
            except self._zstandard.ZstdError as error:
                raise EOFError(str(error)) from error
            self._packed = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
        size = min(len(buffer), len(self._unpacked))
        buffer[:size], self._unpacked = self._unpacked[:size], self._unpacked[size:]
        return size


def compress(source: BinaryIO, target: BinaryIO, compression: str) -> None:
    """Write ``source`` to ``target``, packed."""
    if compression == ".gz":
        with gzip.GzipFile(filename="", fileobj=target, mode="wb", mtime=0) as packed:
            shutil.copyfileobj(source, packed, 1 << 20)
    else:
        import_zstandard().ZstdCompressor().copy_stream(source, target)


def import_zstandard() -> Any:
    """Return the module. Raises SenticliError if it is not installed."""
    try:
        import zstandard
    except ImportError as error:
        raise missing_package("zstandard", ".zst files need", "zst", error) from error
    return zstandard


def import_pyarrow() -> Any:
    """Return the module with ``parquet``. Raises SenticliError if it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise missing_package("pyarrow", "Parquet needs", "parquet", error) from error
    return pyarrow


def missing_package(
    package: str, needed_by: str, extra: str, error: ImportError, requirement: str = ""
) -> SenticliError:
    """Return the error for a package that is not installed, or is and cannot be imported.

    Args:
        package: what is imported.
        needed_by: the feature, and its verb.
        extra: of senticli, which installs the package.
        error: of the import.
        requirement: what pip installs, if it is not called like the package.
    """
    requirement = requirement or package
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == package:
        return SenticliError(
            f"{needed_by} {package}, which is not installed",
            f'in a checkout of senticli: pip install ".[{extra}]"; or: pip install {requirement}',
        )
    return SenticliError(
        f"{needed_by} {package}, which cannot be imported: {error}",
        f"repair it: pip install --force-reinstall {requirement}",
    )


def read_bytes(path: Path) -> bytes:
    """Return the content of a file. Raises SenticliError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path | str, error: OSError) -> SenticliError:
    """Return the error for a file that cannot be opened or read."""
    return SenticliError(
        f"cannot read {path}: {(error.strerror or str(error)).lower()}",
        "check the file's name and permissions",
    )


def damaged(name: str, error: Exception) -> SenticliError:
    """Return the error for a file that ends too early or makes no sense."""
    return SenticliError(f"{name} is damaged or cut off: {error}", "fetch it again")
