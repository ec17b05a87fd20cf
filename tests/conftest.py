"""What all tests share: a data dir of their own, small archives, and a server on 127.0.0.1."""

import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from senticli.cli import app
from senticli.data.catalogue import ASSETS, Asset
from senticli.download import http
from senticli.download.install import install_many
from senticli.download.installed import folder

LABELS = ("negative", "neutral", "positive")  # of the sample


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh data dir (not created yet), no colour, no settings of the person testing."""
    path = tmp_path / "home"
    monkeypatch.setenv("SENTICLI_HOME", str(path))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("SENTICLI_MODEL", "SENTICLI_OFFLINE", "SENTICLI_MIRROR", "SENTICLI_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return path


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data; tests that need it are skipped without it."""
    folder = os.environ.get("SENTICLI_TEST_DATA")
    if not folder:
        pytest.skip("SENTICLI_TEST_DATA is not set: it names the folder of real data")
    return Path(folder)


# --- the command line

Run = Callable[..., subprocess.CompletedProcess[str]]


def run_senticli(
    *args: str | Path, input: str | bytes = b"", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, its streams no terminal."""
    stdin = io.BytesIO(input.encode() if isinstance(input, str) else input)
    stdout, stderr = io.BytesIO(), io.BytesIO()
    words = list(map(str, args))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["senticli", *words])
        patch.setattr(sys, "stdin", io.TextIOWrapper(stdin))
        for name, stream in (("stdout", stdout), ("stderr", stderr)):
            text = io.TextIOWrapper(stream, "utf-8", errors="replace", write_through=True)
            patch.setattr(sys, name, text)
        for name, value in (env or {}).items():
            patch.setenv(name, value)
        code = app.run(words)
        # Wrappers close what they wrap when they go.
        return subprocess.CompletedProcess(
            words, code, stdout.getvalue().decode(), stderr.getvalue().decode()
        )


def run_process(
    *args: str | Path, input: str | bytes = b"", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m senticli`` as a process of its own, without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "senticli", *map(str, args)],
        input=input.encode() if isinstance(input, str) else input,
        capture_output=True,
        env={**os.environ, **(env or {})},
        timeout=300,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


@pytest.fixture
def senticli() -> Run:
    """The command line: ``senticli("predict", "great film")``."""
    return run_senticli


@pytest.fixture
def senticli_process() -> Run:
    """The command line as a process, where streams, signals or imports matter."""
    return run_process


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start_senticli() -> Iterator[Start]:
    """The command line as a process that is still running; killed when the test is over."""
    started: list[subprocess.Popen[str]] = []

    def start(*args: str | Path, module: Sequence[str] = ("senticli",)) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", *module, *map(str, args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that runs the tests in the background has its children ignore the signal.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle trained on the bundled sample in seconds, float32, by the command line itself."""
    folder = tmp_path_factory.mktemp("model")
    done = run_senticli(
        "train",
        *("--data", "sample", "--vectors", "none", "--quantize", "none"),
        *("--hidden", "16", "--embedding-dim", "16", "--epochs", "3", "--batch-size", "16"),
        *("--output", folder / "tiny"),
        env={"SENTICLI_HOME": str(folder / "home")},
    )
    assert done.returncode == 0, done.stderr
    return folder / "tiny"


# --- small archives in the publishers' layout


class Archives:
    """Builds archives of a few kilobytes with the members of the official ones."""

    @staticmethod
    def imdb(
        reviews: int = 3, extra: tuple[tuple[tarfile.TarInfo, bytes], ...] = (), urls: bool = True
    ) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:

            def add(name: str, text: str) -> None:
                data = text.encode()
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))

            for split in ("test", "train"):
                for label, rating in (("pos", 9), ("neg", 2), ("unsup", 0)):
                    if (split, label) == ("test", "unsup"):
                        continue
                    if urls:
                        lines = (
                            f"http://www.imdb.com/title/tt{number:07}/usercomments"
                            for number in range(reviews)
                        )
                        add(f"aclImdb/{split}/urls_{label}.txt", "\n".join(lines) + "\n")
                    for number in reversed(range(reviews)):
                        name = f"aclImdb/{split}/{label}/{number}_{rating}.txt"
                        add(name, f"{split} {label} {number}: « brillant »<br />\x85\u2028end")
            for info, data in extra:
                tar.addfile(info, io.BytesIO(data))
        return buffer.getvalue()

    @staticmethod
    def zip_of(members: dict[str, str | bytes]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return buffer.getvalue()

    @staticmethod
    def sst2() -> bytes:
        return Archives.zip_of(
            {
                "SST-2/train.tsv": 'sentence\tlabel\nan " odd quote \t1\nthe worst \t0\n',
                "SST-2/dev.tsv": "sentence\tlabel\nit 's charming . \t1\n",
                "SST-2/test.tsv": "index\tsentence\n0\tno label\n",
            }
        )

    @staticmethod
    def glove(words: int, dim: int) -> str:
        rows = (f"w{word} " + " ".join([f"{word / 8:.4f}"] * dim) for word in range(words))
        return "\n".join(rows) + "\n"


@pytest.fixture
def archives() -> type[Archives]:
    return Archives


# --- a server that behaves well or badly


Fault = Callable[["_Handler"], None]


class Server(ThreadingHTTPServer):
    """Serves ``files`` by path, after the ``faults`` of that path, one a request, are used up.

    Set ``ranges`` or ``tags`` to False for a server that knows no ranges or no ETag, and ``rate``
    to so many bytes a second.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.ranges = self.tags = True
        self.rate = 0
        self.hits: list[str] = []
        self.asked: list[str | None] = []  # the ranges
        self.sent = 0  # bytes of bodies

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.hits.append(self.path)
        self.server.asked.append(self.headers["Range"])
        faults = self.server.faults[self.path]
        if faults:
            faults.pop(0)(self)
        elif self.path in self.server.files:
            serve()(self)
        else:
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass

    def write(self, body: bytes) -> None:
        size = 1 << 14
        for start in range(0, len(body), size):
            self.wfile.write(body[start : start + size])
            self.server.sent += len(body[start : start + size])
            if self.server.rate:
                time.sleep(size / self.server.rate)


def serve(*, cut: int | None = None, stall: float = 0, shift: int = 0) -> Fault:
    """Answer as a good server, but for a body that ends after ``cut`` bytes, after which it stalls
    for so many seconds, or for a range that is another by ``shift`` than was asked."""

    def fault(handler: _Handler) -> None:
        server = handler.server
        body = server.files[handler.path]
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", handler.headers["Range"] or "")
        status, start, stop = 200, 0, len(body)
        if server.ranges and wanted and handler.headers["If-Range"] in (None, tag):
            if wanted[1]:
                start, stop = int(wanted[1]), int(wanted[2] or stop - 1) + 1
            else:
                start = max(0, stop - int(wanted[2]))
            start, stop = start + shift, min(stop, len(body))
            status = 206 if start < len(body) else 416
        handler.send_response(status)
        if status == 206:
            handler.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(body)}")
        handler.send_header("Content-Length", str(max(0, stop - start)))
        if server.tags:
            handler.send_header("ETag", tag)
        handler.end_headers()
        handler.write(body[start:stop][:cut])
        time.sleep(stall)

    return fault


def send(
    body: bytes,
    *,
    status: int = 200,
    length: int | None = None,
    stall: float = 0,
    **headers: str,
) -> Fault:
    """Answer with ``body``, promising ``length`` bytes and waiting ``stall`` seconds after it."""

    def fault(handler: _Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.write(body)
        time.sleep(stall)

    return fault


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Installs one asset and returns its folder; no retry waits."""
    monkeypatch.setattr(http, "RETRY_WAITS", (0, 0, 0))

    def install_one(asset: Asset, **options: Any) -> Path:
        (done,) = install_many([asset], **options)
        return folder(done)

    return install_one


@pytest.fixture
def answer() -> Callable[..., Fault]:
    return send


@pytest.fixture
def faulty() -> Callable[..., Fault]:
    return serve


@pytest.fixture
def small(
    server: Server, archives: type[Archives], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Asset]:
    """The catalogue with small archives, served by ``server``: imdb, sst2, two of glove.6B."""
    glove = archives.zip_of({f"glove.6B.{dim}d.txt": archives.glove(20, dim) for dim in (50, 100)})
    server.files = {
        "/aclImdb_v1.tar.gz": archives.imdb(),
        "/SST-2.zip": archives.sst2(),
        "/glove.6B.zip": glove,
    }
    expect = {
        "imdb": dict.fromkeys(ASSETS["imdb"].expect, 3),
        "sst2": {"train": 2, "valid": 1},
        "glove.6B.50d": {"words": 20},
        "glove.6B.100d": {"words": 20},
    }
    for name, counts in expect.items():
        asset = ASSETS[name]
        body = server.files[f"/{asset.archive}"]
        sums: dict[str, Any] = {
            "sha256": hashlib.sha256(body).hexdigest() if asset.sha256 else None,
            "md5": hashlib.md5(body).hexdigest() if asset.md5 else None,
        }
        url = f"{server.url}/{asset.archive}"
        if asset.member:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                known = hashlib.sha256(archive.read(asset.member)).hexdigest()
            sums["member_sha256"] = known if asset.member_sha256 else None
        small = replace(asset, url=url, size=len(body), expect=counts, unpacked=0, **sums)
        monkeypatch.setitem(ASSETS, name, small)
    return ASSETS
