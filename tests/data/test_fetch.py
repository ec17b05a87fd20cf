import errno
import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from senticli.data import fetch
from senticli.data.catalogue import Asset, Progress
from senticli.data.fetch import install, install_many, is_installed, provenance
from senticli.data.vectors import cached_vectors
from senticli.errors import SenticliError

HTML = b"<!-- moved -->\n<!DOCTYPE html><html><body>The page has moved.</body></html>"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "RETRY_WAITS", (0, 0, 0))


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def local(tmp_path: Path, body: bytes, name: str = "archive") -> Path:
    path = tmp_path / name
    path.write_bytes(body)
    return path


# --- what is installed


def test_imdb(small, server, home: Path) -> None:
    steps: list[Progress] = []
    assert not is_installed(small["imdb"])
    folder = install(small["imdb"], on_progress=steps.append)
    assert folder == home / "datasets" / "imdb"
    assert sorted(path.name for path in folder.iterdir()) == [
        "source.json",
        "test.jsonl",
        "train.jsonl",
    ]
    train = rows(folder / "train.jsonl")
    assert [row["id"] for row in train] == [
        "train/neg/0_2",
        "train/neg/1_2",
        "train/neg/2_2",
        "train/pos/0_9",
        "train/pos/1_9",
        "train/pos/2_9",
    ]
    assert train[4] == {
        "text": "train pos 1: « brillant »<br />\x85\u2028end",
        "label": "positive",
        "group": "tt0000001",
        "id": "train/pos/1_9",
    }
    source = provenance(small["imdb"])
    assert source.pop("installed").startswith("20")
    assert source == {
        "name": "imdb",
        "url": small["imdb"].url,
        "sha256": small["imdb"].sha256,
        "bytes": small["imdb"].size,
        "verified": True,
        "counts": {"train": 6, "test": 6},
    }
    assert {step.phase for step in steps} == {"downloading", "unpacking"}
    assert Progress("downloading", "aclImdb_v1.tar.gz", source["bytes"], source["bytes"]) in steps
    assert sorted(path.name for path in home.iterdir()) == ["datasets"]


def test_sst2(small) -> None:
    folder = install(small["sst2"])
    assert rows(folder / "train.jsonl") == [
        {"text": 'an " odd quote', "label": "positive"},
        {"text": "the worst", "label": "negative"},
    ]
    assert rows(folder / "valid.jsonl") == [{"text": "it 's charming .", "label": "positive"}]
    assert not (folder / "test.jsonl").exists()
    assert provenance(small["sst2"])["verified"] is True  # by its MD5
    body = provenance(small["sst2"])["sha256"]
    assert len(body) == 64


def test_vectors_share_an_archive(small, server, home: Path) -> None:
    assets = [small["glove.6B.50d"], small["imdb"], small["glove.6B.100d"]]
    folders = list(install_many(assets))
    assert folders == [
        home / "vectors" / "glove.6B.50d",
        home / "datasets" / "imdb",
        home / "vectors" / "glove.6B.100d",
    ]
    assert server.hits == ["/glove.6B.zip", "/aclImdb_v1.tar.gz"]
    cache = cached_vectors("glove.6B.100d")
    assert cache.matrix.shape == (20, 100)
    assert cache.sha256 == small["glove.6B.100d"].sha256
    assert provenance(small["glove.6B.50d"])["dim"] == 50


def test_installed_is_left_alone(small, server) -> None:
    install(small["sst2"])
    install(small["sst2"])
    assert len(server.hits) == 1
    install(small["sst2"], force=True)
    assert len(server.hits) == 2


# --- checksums and content


def test_wrong_checksum_from_the_network(small, server, home: Path) -> None:
    folder = install(small["imdb"])
    before = tree(folder)
    other = b"\x1f\x8b not the official archive"
    server.files["/aclImdb_v1.tar.gz"] = other
    with pytest.raises(SenticliError) as caught:
        install(small["imdb"], force=True)
    assert f"expected {small['imdb'].sha256}" in caught.value.message
    assert f"actual {hashlib.sha256(other).hexdigest()}" in caught.value.message
    assert "--no-verify" in caught.value.hint
    assert tree(folder) == before
    assert tree(home).keys() == {f"datasets/imdb/{name}" for name in before}


def test_local_archive(small, server, archives, tmp_path: Path) -> None:
    official = local(tmp_path, server.files["/SST-2.zip"], "SST-2.zip")
    install(small["sst2"], source=official)
    assert provenance(small["sst2"])["verified"] is True
    assert provenance(small["sst2"])["from"] == str(official)

    repacked = local(tmp_path, archives.sst2() + b"\0", "my SST-2.zip")
    with pytest.raises(SenticliError, match=r"MD5 expected [0-9a-f]{32}, actual") as caught:
        install(small["sst2"], source=repacked, force=True)
    assert f"senticli download sst2 --from '{repacked}' --no-verify" in caught.value.hint
    install(small["sst2"], source=repacked, force=True, verify=False)
    assert provenance(small["sst2"])["verified"] is False
    assert server.hits == []

    with pytest.raises(SenticliError, match=r"cannot read .*: no such file"):
        install(small["imdb"], source=tmp_path / "absent")
    with pytest.raises(SenticliError, match=r"cannot read .*: is a directory"):
        install(small["imdb"], source=tmp_path)


def test_content_is_checked_without_verification(small, archives, tmp_path: Path) -> None:
    zip_of = archives.zip_of
    cases: list[tuple[str, bytes, str]] = [
        ("imdb", archives.imdb(2), "expected train/neg 3, .* found train/neg 2"),
        ("imdb", archives.imdb(urls=False), "does not name the movie of each review"),
        ("imdb", archives.sst2(), "damaged or not an archive"),
        ("imdb", archives.imdb()[:300], "damaged"),
        ("imdb", archives.imdb()[:-8] + bytes(8), "damaged .* CRC check failed"),
        ("imdb", b"", "damaged"),
        ("imdb", HTML, "is an HTML page where aclImdb_v1.tar.gz should be"),
        ("sst2", archives.imdb(), "damaged or not an archive"),
        ("sst2", zip_of({"SST-2/train.tsv": ""}), "no SST-2/dev.tsv; it holds SST-2/train.tsv"),
        (
            "sst2",
            zip_of({"SST-2/train.tsv": "sentence\tlabel\nx\t2\n", "SST-2/dev.tsv": ""}),
            "SST-2/train.tsv, line 2: expected a sentence, a tab and 0 or 1, found 'x",
        ),
        (
            "sst2",
            zip_of({"SST-2/train.tsv": "sentence\tlabel\nx\t1\n", "SST-2/dev.tsv": ""}),
            "expected train 2, valid 1 texts, found train 1, valid 0",
        ),
        ("glove.6B.50d", archives.sst2(), "no glove.6B.50d.txt"),
        (
            "glove.6B.50d",
            zip_of({"glove.6B.50d.txt": archives.glove(20, 49)}),
            "these are not glove.6B.50d: 20 words of 49 numbers",
        ),
        (
            "glove.6B.50d",
            zip_of({"glove.6B.50d.txt": archives.glove(19, 50)}),
            "19 words of 50 numbers, where at least 20",
        ),
        ("glove.6B.50d", zip_of({"glove.6B.50d.txt": HTML}), "line 1"),
    ]
    for name, body, said in cases:
        with pytest.raises(SenticliError, match=said):
            install(small[name], source=local(tmp_path, body), verify=False)
        assert not is_installed(small[name])


# --- safety


def test_malicious_tar_members(small, archives, tmp_path: Path) -> None:
    def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        info.size = 4 if kind == tarfile.REGTYPE else 0
        return info

    outside = local(tmp_path, b"untouched", "outside.txt")
    bad = [
        member("../outside.txt"),
        member(str(outside)),
        member("aclImdb/train/pos/../../../../outside.txt"),
        member("/aclImdb/train/pos/7_9.txt"),
        member("aclImdb/train/pos/8_9.txt", tarfile.SYMTYPE, str(outside)),
        member("aclImdb/train/pos/9_9.txt", tarfile.LNKTYPE, "../outside.txt"),
        member("aclImdb/train/pos/10_9.txt", tarfile.FIFOTYPE),
        member("aclImdb/train/neg", tarfile.SYMTYPE, str(tmp_path)),
    ]
    archive = local(tmp_path, archives.imdb(extra=tuple((info, b"evil") for info in bad)))
    folder = install(small["imdb"], source=archive, verify=False)
    assert "evil" not in (folder / "train.jsonl").read_text()
    names = {"archive", "outside.txt"}
    names |= {f"home/datasets/imdb/{name}" for name in ("source.json", "train.jsonl", "test.jsonl")}
    assert tree(tmp_path).keys() == names
    assert outside.read_bytes() == b"untouched"


def test_malicious_zip_members(small, archives, tmp_path: Path) -> None:
    body = {
        "../evil.txt": "evil",
        "/evil.txt": "evil",
        str(tmp_path / "evil.txt"): "evil",
        "glove.6B.50d.txt": archives.glove(20, 50),
    }
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    archive = local(inside, archives.zip_of(body))
    install(small["glove.6B.50d"], source=archive, verify=False)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("name", ["imdb", "glove.6B.50d"])
@pytest.mark.parametrize("phase", ["downloading", "unpacking"])
def test_interrupted(small, home: Path, name: str, phase: str) -> None:
    def interrupt(step: Progress) -> None:
        if step.phase == phase:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install(small[name], on_progress=interrupt)
    assert tree(home) == {}
    folder = install(small[name])
    before = tree(home)
    with pytest.raises(KeyboardInterrupt):
        install(small[name], force=True, on_progress=interrupt)
    assert tree(home) == before
    assert is_installed(small[name])
    assert folder.is_dir()


def test_killed_download_leaves_nothing(small, server, answer, home: Path) -> None:
    """SIGKILL while the body arrives: no partial file stays in the data dir."""
    server.faults["/SST-2.zip"] = [answer(b"PK\3\4" + bytes(200_000), length=900_000, stall=20)]
    code = (
        "import os, signal, sys\n"
        "from dataclasses import replace\n"
        "from senticli.data.catalogue import ASSETS\n"
        "from senticli.data.fetch import install\n"
        "def kill(step):\n"
        "    if step.done > 100_000: os.kill(os.getpid(), signal.SIGKILL)\n"
        "install(replace(ASSETS['sst2'], url=sys.argv[1]), on_progress=kill)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, small["sst2"].url], timeout=20)
    assert done.returncode == -9
    assert tree(home) == {}


@pytest.mark.parametrize("where", ["download", "conversion"])
def test_full_disk(small, home: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    folder = install(small["imdb"])
    before = tree(home)
    full = OSError(errno.ENOSPC, "No space left on device")

    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise full

    def dumps(*_: object, **__: object) -> str:
        raise full

    if where == "download":
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
        target = home / "aclImdb_v1.tar.gz"
    else:
        monkeypatch.setattr(json, "dumps", dumps)
        target = folder
    with pytest.raises(SenticliError) as caught:
        install(small["imdb"], force=True)
    assert caught.value.message == f"no space left on the disk for {target}"
    assert "SENTICLI_HOME" in caught.value.hint
    assert tree(home) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_data_dir_not_writable(small, home: Path) -> None:
    home.mkdir(mode=0o500)
    with pytest.raises(SenticliError, match="cannot write"):
        install(small["sst2"])


# --- the network


def test_retries_then_succeeds(small, server, answer) -> None:
    body = server.files["/SST-2.zip"]
    server.faults["/SST-2.zip"] = [
        answer(b"busy", status=503),
        answer(body[:100], length=len(body)),
        answer(b"busy", status=503),
    ]
    install(small["sst2"])
    assert len(server.hits) == 4
    assert provenance(small["sst2"])["bytes"] == len(body)


def test_redirect(small, server, answer) -> None:
    server.files["/moved.zip"] = server.files["/SST-2.zip"]
    server.faults["/SST-2.zip"] = [answer(b"", status=302, Location="/moved.zip")]
    install(small["sst2"])
    assert server.hits == ["/SST-2.zip", "/moved.zip"]


def test_network_faults(small, server, answer, home: Path) -> None:
    body = server.files["/SST-2.zip"]
    loop = answer(b"", status=302, Location="/SST-2.zip")
    plain = answer(b"", status=302, Location=f"http://localhost:{server.server_port}/x.zip")
    cut = answer(body[:100], length=len(body))
    cases = [
        ([answer(b"no", status=404)], 1, "answers 404 Not Found"),
        ([answer(b"no", status=503)] * 4, 4, "answers 503 Service Unavailable"),
        ([cut] * 4, 4, r"127\.0\.0\.1 cut off SST-2\.zip: .*received 100 bytes"),
        ([answer(HTML)], 1, r"http://127.* is an HTML page where SST-2\.zip should be"),
        ([answer(b"PK\3\4 wrong")], 1, "is not the official SST-2.zip: MD5 expected"),
        ([loop] * 25, 21, "redirect"),
        ([plain], 1, "refused to download over plain HTTP: http://localhost"),
    ]
    for faults, hits, said in cases:
        server.hits.clear()
        server.faults["/SST-2.zip"] = list(faults)
        with pytest.raises(SenticliError, match=said) as caught:
            install(small["sst2"])
        assert len(server.hits) == hits, said
        assert caught.value.hint
        assert tree(home) == {}


def test_html_page_is_refused_without_verification(small, server, answer) -> None:
    server.faults["/SST-2.zip"] = [answer(HTML)]
    with pytest.raises(SenticliError, match="HTML page"):
        install(small["sst2"], verify=False)


def test_stalled_server(small, server, answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "READ_TIMEOUT", 0.2)
    monkeypatch.setattr(fetch, "RETRY_WAITS", (0,))
    server.faults["/SST-2.zip"] = [answer(b"PK\3\4", length=100, stall=1)] * 2
    with pytest.raises(SenticliError, match=r"127\.0\.0\.1 did not answer in time"):
        install(small["sst2"])
    assert len(server.hits) == 2


def test_no_network(small, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    asset = replace(small["sst2"], url="https://dl.example.invalid/SST-2.zip")
    with pytest.raises(SenticliError, match=r"no network, or dl\.example\.invalid is unknown"):
        install(asset)


def test_connection_refused(small) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/SST-2.zip"
        with pytest.raises(SenticliError, match=f"cannot download {url}"):
            install(replace(small["sst2"], url=url))


def test_offline(small, server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTICLI_OFFLINE", "1")
    with pytest.raises(SenticliError, match="SENTICLI_OFFLINE") as caught:
        install(small["sst2"])
    assert "senticli download sst2 --from" in caught.value.hint
    assert server.hits == []
    install(small["sst2"], source=local(tmp_path, server.files["/SST-2.zip"]))
    install(small["sst2"])  # what is here needs no network


def test_damaged_source_json(small, home: Path) -> None:
    folder = install(small["sst2"])
    (folder / "source.json").write_text("{")
    with pytest.raises(SenticliError, match=r"source\.json is missing or damaged"):
        provenance(small["sst2"])


# --- the real data


def test_real_imdb(test_data: Path) -> None:
    from senticli.data.catalogue import ASSETS

    archive = test_data / "aclImdb_v1.tar.gz"
    with pytest.raises(SenticliError) as caught:
        install(ASSETS["imdb"], source=archive)
    assert f"expected {ASSETS['imdb'].sha256}, actual" in caught.value.message
    folder = install(ASSETS["imdb"], source=archive, verify=False)
    assert provenance(ASSETS["imdb"])["counts"] == {"train": 25_000, "test": 25_000}
    train = rows(folder / "train.jsonl")
    assert len(train) == len({row["id"] for row in train}) == 25_000
    assert sum(row["label"] == "positive" for row in train) == 12_500
    assert [row["id"] for row in train[:2]] == ["train/neg/0_3", "train/neg/1_1"]
    assert all(row["group"].startswith("tt") for row in train)
    # Reviews of one movie come together in the archive; 30 a movie at most, say its authors.
    movies = {row["group"] for row in train}
    assert 2_000 < len(movies) < 10_000


def test_real_sst2(test_data: Path) -> None:
    from senticli.data.catalogue import ASSETS

    install(ASSETS["sst2"], source=test_data / "SST-2.zip", verify=False)
    assert provenance(ASSETS["sst2"])["counts"] == {"train": 67_349, "valid": 872}


def test_real_glove(test_data: Path) -> None:
    from senticli.data.catalogue import ASSETS

    asset: Asset = ASSETS["glove.6B.50d"]
    install(asset, source=test_data / "glove.6B.50d.top50k-q8.zip", verify=False)
    cache = cached_vectors("glove.6B.50d")
    assert cache.matrix.shape == (50_000, 50)
    assert "film" in cache.words
    assert provenance(asset)["verified"] is False
