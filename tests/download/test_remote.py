"""Downloads against a server that cuts off, stalls, lies and changes its mind."""

import email.utils
import hashlib
import io
import logging
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from senticli.data.catalogue import ASSETS, Asset
from senticli.data.vectors import cached_vectors
from senticli.download import http, remote
from senticli.download.installed import fetched_bytes, is_installed, provenance
from senticli.errors import Interrupted, SenticliError
from senticli.events import Message, Progress

Install = Callable[..., Path]
HTML = b"<!DOCTYPE html>\n<html><body>Please log in.</body></html>"
ZIP = "/glove.6B.zip"


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


@pytest.fixture
def large(small, server, archives, monkeypatch: pytest.MonkeyPatch) -> dict[str, Asset]:
    """glove.6B as a zip of four members of a megabyte or so, packed no better than real ones."""
    texts = {}
    for dim in (50, 100, 200, 300):
        digits = random.Random(dim)
        lines = (
            f"w{word} " + " ".join(f"{digits.uniform(-1, 1):.5f}" for _ in range(dim))
            for word in range(60_000 // dim)
        )
        texts[f"glove.6B.{dim}d.txt"] = "\n".join(lines) + "\n"
    body = server.files[ZIP] = archives.zip_of(texts)
    for dim in (50, 100, 200, 300):
        name = f"glove.6B.{dim}d"
        known = hashlib.sha256(texts[f"{name}.txt"].encode()).hexdigest()
        asset = replace(
            ASSETS[name],
            url=f"{server.url}{ZIP}",
            sha256=hashlib.sha256(body).hexdigest(),
            member_sha256=known if dim == 100 else None,
            size=len(body),
            expect={"words": 60_000 // dim},
        )
        monkeypatch.setitem(ASSETS, name, asset)
    return ASSETS


def opening(asset: Asset, faulty) -> list[Callable[..., None]]:
    """Good answers to what is asked before a member: the size and the end of the zip."""
    return [faulty(), faulty()] if asset.member else []


def check(asset: Asset) -> None:
    """That ``asset`` is whole."""
    cache = cached_vectors(asset.name)
    assert len(cache.tokens) == asset.expect["words"]
    assert asset.member_sha256 in (None, cache.sha256)


# --- only what is needed


def test_only_the_member_is_downloaded(large, server, install: Install) -> None:
    asset = large["glove.6B.100d"]
    whole = len(server.files[ZIP])
    steps: list[Progress | Message] = []
    install(asset, on_progress=steps.append)
    check(asset)
    assert server.sent < whole / 3
    source = provenance(asset)
    assert source["fetched"] < whole / 3
    assert (source["bytes"], source["verified"]) == (whole, "sha256")
    notice, *rest = steps
    assert isinstance(notice, Message)
    assert "downloading glove.6B.100d.txt, " in notice.text
    assert " kB of glove.6B.zip (" in notice.text
    done = [step.done for step in rest if isinstance(step, Progress)]
    assert done == sorted(done)
    assert rest[-1] == Progress(
        "downloading glove.6B.100d.txt", source["fetched"], source["fetched"]
    )


def test_all_members_together_cost_one_archive(large, server, install: Install) -> None:
    for dim in (300, 50, 200, 100):
        install(large[f"glove.6B.{dim}d"])
        check(large[f"glove.6B.{dim}d"])
    assert server.sent < len(server.files[ZIP]) + 4 * remote.TAIL


def test_without_ranges_the_whole_archive_is_downloaded(
    large, server, home: Path, install: Install
) -> None:
    server.ranges = False
    asset = large["glove.6B.100d"]
    steps: list[Progress | Message] = []
    install(asset, on_progress=steps.append)
    check(asset)
    assert server.hits == [ZIP, ZIP]
    assert provenance(asset)["verified"] == "sha256"
    assert any("does not support ranges" in s.text for s in steps if isinstance(s, Message))
    assert tree(home / "downloads") == {}


def test_damaged_member_is_not_kept(large, server, home: Path, install: Install) -> None:
    asset = replace(large["glove.6B.50d"], sha256=None)
    body = bytearray(server.files[ZIP])
    body[50_000] ^= 1
    server.files[ZIP] = bytes(body)
    with pytest.raises(SenticliError, match="damaged"):
        install(asset)
    assert tree(home) == {}


# --- going on


@pytest.mark.parametrize("name", ["glove.6B.100d", "imdb"])
def test_progress_renews_the_retries(
    large, server, archives, faulty, home: Path, install: Install, monkeypatch, name: str
) -> None:
    monkeypatch.setattr(http, "PROGRESS", 10_000)
    asset = large[name]
    if name == "imdb":
        asset = large_imdb(server, archives, asset)
    path = asset.url.removeprefix(server.url)
    server.faults[path] = [faulty(cut=40_000) for _ in range(9)]
    install(asset)
    tail = 1 + remote.TAIL if asset.member else 0
    size = provenance(asset)["fetched"]
    assert size <= server.sent <= size + tail
    starts = [int(wanted[6:].partition("-")[0]) for wanted in server.asked if wanted and tail == 0]
    assert starts == sorted(starts)
    assert tree(home / "downloads") == {}


def large_imdb(server, archives, asset: Asset, seed: int = 0) -> Asset:
    """imdb in an archive of 400 kB, served from now on."""
    info = tarfile.TarInfo("aclImdb/README")
    info.size = 400_000
    body = archives.imdb(extra=((info, random.Random(seed).randbytes(info.size)),))
    server.files["/aclImdb_v1.tar.gz"] = body
    return replace(asset, size=len(body), sha256=hashlib.sha256(body).hexdigest())


@pytest.mark.parametrize("name", ["glove.6B.100d", "imdb"])
def test_next_process_resumes(large, server, archives, faulty, install: Install, name: str) -> None:
    asset = large_imdb(server, archives, large[name]) if name == "imdb" else large[name]
    path = asset.url.removeprefix(server.url)
    server.faults[path] = [*opening(asset, faulty), *[faulty(cut=10_000)] * 4]
    with pytest.raises(Interrupted, match="cut off") as caught:
        install(asset)
    assert "run it again to resume" in caught.value.hint
    here = fetched_bytes(asset)
    assert here >= 40_000
    sent, server.sent = server.sent, 0
    steps: list[Progress | Message] = []
    install(asset, on_progress=steps.append)
    assert isinstance(steps[0], Message)
    assert "of it already downloaded" in steps[0].text
    assert sent + server.sent <= provenance(asset)["fetched"] + 1 + remote.TAIL
    assert fetched_bytes(asset) == 0


@pytest.mark.parametrize("tags", [True, False])
def test_changed_archive_is_not_spliced(
    large, server, archives, faulty, install: Install, tags: bool
) -> None:
    server.tags = tags
    asset = large_imdb(server, archives, large["imdb"])
    path = "/aclImdb_v1.tar.gz"
    server.faults[path] = [faulty(cut=100_000), *[faulty(cut=0)] * 3]
    with pytest.raises(Interrupted):
        install(asset)
    again = large_imdb(server, archives, asset, seed=1)
    assert again.sha256 != asset.sha256
    install(again)
    assert provenance(again)["verified"] == "sha256"


def test_changed_member_is_not_spliced(large, server, faulty, archives, install) -> None:
    asset = replace(large["glove.6B.100d"], size=None, member_sha256=None, expect={"words": 5})
    server.faults[ZIP] = [*opening(asset, faulty), faulty(cut=50_000), *[faulty(cut=0)] * 3]
    with pytest.raises(Interrupted):
        install(asset)
    text = archives.glove(20_000, 100)
    server.files[ZIP] = archives.zip_of({"glove.6B.100d.txt": text})
    steps: list[Progress | Message] = []
    install(asset, on_progress=steps.append)
    assert cached_vectors(asset.name).sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert any("has changed" in step.text for step in steps if isinstance(step, Message))


def test_archive_that_keeps_changing_is_given_up(large, server, faulty, install: Install) -> None:
    asset = replace(large["glove.6B.100d"], size=None)

    def change(handler) -> None:
        server.files[ZIP] += b"\0"
        faulty(cut=70_000)(handler)

    server.faults[ZIP] = [change] * 100
    with pytest.raises(Interrupted, match="keeps changing"):
        install(asset)
    assert len(server.hits) < 20


def test_damaged_pieces_are_downloaded_again(large, server, faulty, home, install) -> None:
    """As after a power cut: the pieces are there, but not what was written."""
    asset = large["glove.6B.100d"]
    server.faults[ZIP] = [*opening(asset, faulty), faulty(cut=50_000), *[faulty(cut=0)] * 3]
    with pytest.raises(Interrupted):
        install(asset)
    pieces = [path for path in (home / "downloads").rglob("*") if path.name.isdigit()]
    assert len(pieces) == 3
    for piece in pieces:
        piece.write_bytes(bytes(piece.stat().st_size))
    install(asset)
    check(asset)


@pytest.mark.parametrize(
    "content", ["{", "[]", "[" * 100_000, '{"url": "URL", "size": "1", "validator": "x"}']
)
def test_damaged_remote_json_is_ignored(
    large, server, faulty, home, install: Install, content: str
) -> None:
    asset = large["glove.6B.100d"]
    server.faults[ZIP] = [*opening(asset, faulty), faulty(cut=50_000), *[faulty(cut=0)] * 3]
    with pytest.raises(Interrupted):
        install(asset)
    (state,) = (home / "downloads").rglob("remote.json")
    state.write_text(content.replace("URL", server.url + ZIP))
    install(asset)
    check(asset)


# --- faults


def test_transient_faults_are_survived(
    large, server, answer, faulty, install: Install, monkeypatch
) -> None:
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.3)
    asset = large["glove.6B.100d"]
    date = email.utils.formatdate(time.time() - 5, usegmt=True)
    cases = {
        "503 twice": [answer(b"busy", status=503)] * 2,
        "429": [answer(b"slow", status=429, Retry_After="0")],
        "429 with a date": [answer(b"slow", status=429, Retry_After=date)],
        "a stall": [*opening(asset, faulty), faulty(cut=70_000, stall=1)],
        "nothing": [answer(b"", length=10)],
        "a redirect": [answer(b"", status=302, Location="/moved.zip")],
        "another range": [faulty(shift=5)],  # it is a liar, so the whole is fetched
        "no ranges for a while": [answer(b"", status=416)],
    }
    server.files["/moved.zip"] = server.files[ZIP]
    for what, faults in cases.items():
        server.faults[ZIP] = list(faults)
        install(asset, force=True)
        check(asset)
        assert server.faults[ZIP] == [], what


def test_permanent_faults_are_errors(small, server, answer, home: Path, install: Install) -> None:
    asset = small["sst2"]
    body = server.files["/SST-2.zip"]
    other = body[:-1] + b"?"
    loop = answer(b"", status=302, Location="/SST-2.zip")
    cut = answer(body[:100], length=len(body))
    size = rf"expected {len(body):,} bytes, actual {len(body) + 2_000:,}"
    cases = [
        ([answer(b"no", status=404)], 1, "answers 404 Not Found"),
        ([answer(b"no", status=403)], 1, "answers 403 Forbidden"),
        ([answer(b"no", status=503)] * 4, 4, "answers 503 Service Unavailable"),
        ([answer(b"no", status=429, Retry_After="9999")], 1, r"asks to wait 9,999 s"),
        ([cut] * 4, 4, r"cut off SST-2\.zip"),
        ([answer(HTML)], 1, r"http://127.* is an HTML page, not SST-2\.zip"),
        ([answer(body, length=len(body) + 7)] * 4, 4, r"cut off SST-2\.zip"),
        ([answer(body + bytes(2_000))], 1, size),
        ([answer(body[:9])], 1, "bytes, actual 9"),
        ([answer(other)], 1, "is not the official SST-2.zip: MD5 expected"),
        ([loop] * 25, 21, "redirects too many times"),
    ]
    for faults, hits, said in cases:
        server.hits.clear()
        server.faults["/SST-2.zip"] = list(faults)
        with pytest.raises(SenticliError, match=said) as caught:
            install(asset)
        assert len(server.hits) == hits, said
        assert caught.value.hint
        assert not is_installed(asset)
        assert fetched_bytes(asset) == 0, said


def test_retries_are_reported(large, server, answer, install: Install) -> None:
    server.faults[ZIP] = [answer(b"busy", status=503)]
    steps: list[Progress | Message] = []
    install(large["glove.6B.50d"], on_progress=steps.append)
    assert isinstance(steps[0], Message)
    assert "503 Service Unavailable; trying again" in steps[0].text


def test_retry_after_is_obeyed(large, server, answer, install: Install, monkeypatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    server.faults[ZIP] = [answer(b"slow", status=429, Retry_After="7")]
    install(large["glove.6B.50d"])
    assert 7 in waited


@pytest.mark.parametrize("name", ["sst2", "glove.6B.50d"])
def test_html_page_is_refused_without_verification(
    small, server, answer, install: Install, name: str
) -> None:
    path = f"/{small[name].archive}"
    server.faults[path] = [answer(HTML)] * 2
    with pytest.raises(SenticliError, match="HTML page"):
        install(small[name], verify=False)


def test_stalled_download_is_resumed_and_given_up(
    small, server, faulty, install: Install, monkeypatch
) -> None:
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.2)
    monkeypatch.setattr(http, "RETRY_WAITS", (0,))
    server.files["/SST-2.zip"] += bytes(5_000)
    server.faults["/SST-2.zip"] = [faulty(cut=2_000, stall=1)] * 2
    with pytest.raises(Interrupted, match=r"127\.0\.0\.1 did not answer in time"):
        install(replace(small["sst2"], size=None))
    assert len(server.hits) == 2
    assert server.asked == [None, "bytes=2000-"]


def test_unknown_host_is_an_error(small, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    asset = replace(small["sst2"], url="https://dl.example.invalid/SST-2.zip")
    with pytest.raises(Interrupted, match=r"no network, or dl\.example\.invalid is unknown"):
        install(asset)


def test_refused_connection_is_an_error(small, install: Install) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/SST-2.zip"
        with pytest.raises(Interrupted, match=f"cannot reach {url}"):
            install(replace(small["sst2"], url=url))


HTMLS = {
    "plain": HTML,
    "with a BOM": b"\xef\xbb\xbf" + HTML,
    "after a comment": b"<!-- " + b"x" * 400 + b" -->\n" + HTML,
    "an error of S3": b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>',
}


@pytest.mark.parametrize("page", HTMLS.values(), ids=HTMLS.keys())
def test_web_pages_are_recognized_by_their_start(
    small, server, answer, install: Install, page: bytes
) -> None:
    server.faults["/SST-2.zip"] = [answer(page)]
    with pytest.raises(Interrupted, match="HTML page"):
        install(small["sst2"])


def test_web_pages_are_recognized_by_their_type(small, server, answer, install: Install) -> None:
    server.faults["/SST-2.zip"] = [answer(b"\x1f\x8b packed", Content_Type="text/html; charset=x")]
    with pytest.raises(Interrupted, match="HTML page"):
        install(small["sst2"])


@pytest.mark.parametrize("name", ["glove.6B.100d", "imdb"])
def test_captive_portal_keeps_the_pieces(
    large, server, archives, faulty, answer, install: Install, name: str
) -> None:
    asset = large_imdb(server, archives, large[name]) if name == "imdb" else large[name]
    path = asset.url.removeprefix(server.url)
    server.faults[path] = [*opening(asset, faulty), faulty(cut=100_000), *[faulty(cut=0)] * 3]
    with pytest.raises(Interrupted):
        install(asset)
    here = fetched_bytes(asset)
    assert here >= 100_000
    server.faults[path] = [answer(HTML)]
    with pytest.raises(Interrupted, match="HTML page"):
        install(asset)
    assert fetched_bytes(asset) == here
    server.sent = 0
    install(asset)
    assert server.sent <= provenance(asset)["fetched"] - 100_000 + remote.TAIL


def test_whole_file_in_place_of_a_part_is_retried(large, server, faulty, answer, install) -> None:
    """As of a cache that has not got the file yet."""
    asset = large["glove.6B.100d"]
    body = server.files[ZIP]
    tag = f'"{hashlib.md5(body).hexdigest()}"'
    server.faults[ZIP] = [*opening(asset, faulty), faulty(cut=100_000), answer(body, ETag=tag)]
    install(asset)
    check(asset)
    assert server.asked[-2:] == [server.asked[-1]] * 2
    assert len(server.hits) == 5


def test_whole_file_in_place_of_every_part_is_downloaded_as_such(
    large, server, faulty, answer, install
) -> None:
    """Of a server that no longer supports ranges."""
    asset = large["glove.6B.100d"]
    body = server.files[ZIP]
    tag = f'"{hashlib.md5(body).hexdigest()}"'
    server.faults[ZIP] = [*opening(asset, faulty), *[answer(body, ETag=tag)] * 9]
    install(asset)
    check(asset)
    assert server.asked[-1] is None


def test_end_of_a_zip_is_requested_by_offset(large, server, install: Install) -> None:
    """Some servers take ``bytes=-N`` for the first N bytes."""
    install(large["glove.6B.100d"])
    size = len(server.files[ZIP])
    assert server.asked[:2] == ["bytes=0-0", f"bytes={size - remote.TAIL}-"]


def test_download_of_unknown_size_is_resumed(large, server, archives, faulty, install) -> None:
    """As of a chunked answer that was cut off: that to the next request has the size."""
    asset = replace(large_imdb(server, archives, large["imdb"]), size=None)
    body = server.files["/aclImdb_v1.tar.gz"]

    def chunked(handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("ETag", f'"{hashlib.md5(body).hexdigest()}"')
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n" % (100_000, body[:100_000]))
        handler.close_connection = True

    server.faults["/aclImdb_v1.tar.gz"] = [chunked]
    install(asset)
    assert server.asked == [None, "bytes=100000-"]


@pytest.mark.parametrize("name", ["glove.6B.50d", "sst2"])
def test_endless_416_is_an_error(small, server, answer, install: Install, name: str) -> None:
    server.faults[f"/{small[name].archive}"] = [answer(b"", status=416)] * 99
    with pytest.raises(Interrupted, match="answers 416"):
        install(small[name])
    assert len(server.hits) <= 2


def test_invalid_headers_are_survived(small, server, faulty, answer, install: Install) -> None:
    """None of them is a traceback."""
    body = server.files["/SST-2.zip"]
    cases = [
        [answer(body[:99], length=447, ETag='"\xe9"'), faulty()],
        [answer(b"", status=503, Retry_After="\xb2"), faulty()],
        [answer(b"", status=503, Retry_After="9" * 5000), faulty()],
        [answer(b"x", status=206, Content_Range="bytes 0-1/" + "9" * 5000), faulty()],
    ]
    for faults in cases:
        server.faults["/SST-2.zip"] = faults
        install(small["sst2"], force=True)


def test_nothing_is_kept_without_a_validator(small, server, answer, home, install) -> None:
    body = bytes(9_000)
    server.faults["/SST-2.zip"] = [answer(body[:5_000], length=9_000)] * 9
    server.tags = False
    with pytest.raises(Interrupted, match="cannot be resumed"):
        install(replace(small["sst2"], size=None))
    assert tree(home) == {}


def test_too_slow_download_is_given_up(small, server, install: Install, monkeypatch) -> None:
    monkeypatch.setattr(http, "RATE_WINDOW", 0.2)
    monkeypatch.setattr(http, "LEAST_RATE", 1_000_000)
    server.files["/SST-2.zip"] += bytes(500_000)
    server.rate = 100_000
    with pytest.raises(Interrupted, match="did not answer in time"):
        install(replace(small["sst2"], size=None))


@pytest.mark.parametrize("damage", ["directory", "offset"])
def test_damaged_zip_is_downloaded_again_once_repaired(
    large, server, home, install, damage: str
) -> None:
    """Once the server has the right one, the next try fetches it."""
    asset = replace(large["glove.6B.100d"], size=None, sha256=None)
    good = server.files[ZIP]
    bad = bytearray(good)
    if damage == "directory":
        at = good.rindex(b"PK\1\2")
        bad[at : at + 40] = bytes(40)
    else:
        bad[-6:-2] = b"\xff\xff\xff\x7f"  # where the directory begins
    server.files[ZIP] = bytes(bad)
    with pytest.raises(SenticliError, match="damaged"):
        install(asset)
    assert tree(home) == {}
    server.files[ZIP] = good
    install(asset)
    check(asset)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_of_any_compression_are_read(
    large, server, archives, install: Install, method: int
) -> None:
    asset = replace(large["glove.6B.50d"], size=None, sha256=None, expect={"words": 3_000})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as zip_:
        zip_.writestr("glove.6B.50d.txt", archives.glove(3_000, 50))
    good = packed.getvalue()
    bad = bytearray(good)
    bad[200:230] = bytes(30)
    server.files[ZIP] = bytes(bad)
    with pytest.raises(SenticliError):
        install(asset)
    server.files[ZIP] = good
    install(asset)
    check(asset)


# --- proxies and certificates


def test_proxy_is_used(small, server, install: Install, monkeypatch) -> None:
    url = "http://dl.example.invalid/SST-2.zip"
    server.files[url] = server.files["/SST-2.zip"]  # a proxy is asked for the whole address
    monkeypatch.setenv("HTTP_PROXY", server.url)
    install(replace(small["sst2"], url=url))
    assert server.hits == [url]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "gopher://127.0.0.1:1"),
        ("HTTPS_PROXY", "http://proxy:port"),
        ("NO_PROXY", "fe80::/10"),
        ("SSL_CERT_FILE", "/nowhere.pem"),
    ],
)
def test_invalid_network_variables_are_errors(
    small, install: Install, monkeypatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv(variable, value)
    with pytest.raises(SenticliError, match="network cannot be set up") as caught:
        install(small["sst2"])
    assert variable.removeprefix("HTTPS_") in caught.value.hint


def test_redirects_to_nowhere_are_errors(small, server, answer, install: Install) -> None:
    for place in ("http://exa..mple/x", "ftp://127.0.0.1/x", "http://127.0.0.1:1/x"):
        server.faults["/SST-2.zip"] = [answer(b"", status=302, Location=place)] * 4
        with pytest.raises(Interrupted):
            install(small["sst2"])


def test_redirect_to_an_invalid_url_quotes_no_password(
    small, server, answer, install: Install
) -> None:
    place = "http://me:qqx/zz@host/x"
    server.faults["/SST-2.zip"] = [answer(b"", status=302, Location=place)] * 9
    steps: list[Progress | Message] = []
    with pytest.raises(Interrupted, match="invalid URL") as caught:
        install(small["sst2"], on_progress=steps.append)
    assert "qqx" not in f"{steps} {caught.value.message} {caught.value.hint}"


def test_url_with_a_control_character_is_an_error(small, server, install: Install) -> None:
    with pytest.raises(Interrupted, match="invalid URL"):
        install(small["sst2"], source=server.url + "/a\x01b")


def test_passwords_are_neither_shown_nor_kept(
    small, server, home, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "senticli")
    address = server.url.replace("http://", "http://me:p@ss:word@") + "/SST-2.zip"
    steps: list[Progress | Message] = []
    install(small["sst2"], source=address, on_progress=steps.append)
    with pytest.raises(Interrupted) as caught:
        install(small["sst2"], source=address + "x", force=True)
    said = f"{steps} {caught.value.message} {caught.value.hint} {provenance(small['sst2'])}"
    logged = [entry.getMessage() for entry in caplog.records if entry.name == "senticli"]
    assert any(message.startswith(f"fetching {server.url}") for message in logged)
    assert "ss:word" not in f"{said} {logged}"
    assert all(b"ss:word" not in content for content in tree(home).values())


def test_certificates_are_verified(
    small, server, answer, tmp_path: Path, install: Install, monkeypatch
) -> None:
    """Over real TLS: an unknown authority is refused, one that SSL_CERT_FILE names is trusted."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    asset = replace(small["sst2"], url=small["sst2"].url.replace("http:", "https:"))
    with pytest.raises(Interrupted, match=r"certificate of 127\.0\.0\.1 is not trusted") as caught:
        install(asset)
    assert "SSL_CERT_FILE" in caught.value.hint
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(trusted)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    plain = answer(b"", status=302, Location="http://localhost:1/x.zip")
    server.faults["/SST-2.zip"] = [plain]
    with pytest.raises(SenticliError, match="refused a redirect from HTTPS to plain HTTP"):
        install(asset)
    install(asset)
    assert is_installed(asset)


# --- several processes, and kills

COMMAND = ["-m", "senticli", "download", "glove.6B.50d", "--no-verify"]


@pytest.fixture
def mirror(server, archives, monkeypatch: pytest.MonkeyPatch) -> str:
    """The real catalogue's glove.6B.zip, for the real command line: its text's SHA-256."""
    digits = random.Random(1)
    text = "".join(
        f"w{word} " + " ".join(f"{digits.uniform(-1, 1):.4f}" for _ in range(50)) + "\n"
        for word in range(6_000)
    )
    other = archives.glove(9, 100)
    server.files["/data/glove.6B.zip"] = archives.zip_of(
        {"glove.6B.50d.txt": text, "glove.6B.100d.txt": other}
    )
    monkeypatch.setenv("SENTICLI_MIRROR", server.url)
    return hashlib.sha256(text.encode()).hexdigest()


def start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_two_processes_download_once(server, mirror: str, home: Path) -> None:
    server.rate = 2_000_000
    both = [start(), start()]
    talks = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], talks
    assert {answer for answer, _ in talks} == {f"{home / 'vectors' / 'glove.6B.50d'}\n"}
    assert server.sent < len(server.files["/data/glove.6B.zip"]) + remote.TAIL
    assert cached_vectors("glove.6B.50d").sha256 == mirror


def test_killed_process_leaves_no_lock(server, mirror: str) -> None:
    server.rate = 200_000
    first = start()
    while server.sent < 200_000:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    server.rate = 0
    second = start()
    talk = second.communicate(timeout=30)
    assert second.returncode == 0, talk
    assert "waiting" not in talk[1]
    assert "of it already downloaded" in talk[1]


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_kill_at_any_moment_leaves_nothing_half_installed(server, mirror: str, home: Path) -> None:
    """However much was sent, the asset is absent, resumable or whole, and the end is the same."""
    kills = 50 if os.environ.get("SENTICLI_TEST_FULL") else 12
    server.rate = 1_500_000
    asset = ASSETS["glove.6B.50d"]
    size = len(server.files["/data/glove.6B.zip"])
    rng = random.Random(os.environ.get("SENTICLI_TEST_SEED", "4"))
    outcomes: list[str] = []
    whole = None
    while len(outcomes) < kills:
        enough = server.sent + rng.uniform(0, 0.6) * size
        process = start()
        while process.poll() is None and server.sent < enough:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        shown = {path.name for path in (home / "vectors").glob("[!.]*")}
        if is_installed(asset):
            outcomes.append("whole")
            assert cached_vectors(asset.name).sha256 == mirror
            files = tree(home / "vectors" / asset.name)
            files.pop("source.json")
            assert whole in (None, files)
            whole = files
            shutil.rmtree(home / "vectors" / asset.name)
        else:
            assert shown == set()
            outcomes.append("resumable" if fetched_bytes(asset) else "absent")
    last = start()
    assert last.wait(60) == 0, last.communicate()
    assert cached_vectors(asset.name).sha256 == mirror
    assert [path.name for path in (home / "vectors").iterdir()] == [asset.name]
    assert not fetched_bytes(asset)
    print({outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))})
    assert "resumable" in outcomes
