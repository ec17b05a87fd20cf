"""Installation: content, sources, checksums, safety. Faults of the network: test_remote.py."""

import errno
import hashlib
import io
import json
import os
import random
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from senticli.data import vectors
from senticli.data.catalogue import ASSETS, Asset
from senticli.data.columns import read_columns
from senticli.data.vectors import cached_vectors
from senticli.download import pieces
from senticli.download.install import install_many
from senticli.download.installed import is_installed, provenance
from senticli.download.sources import source_of, sources_of
from senticli.errors import SenticliError, UsageError
from senticli.events import Message, Progress

Install = Callable[..., Path]
HTML = b"<!-- moved -->\n<!DOCTYPE html><html><body>The page has moved.</body></html>"


def tree(folder: Path) -> dict[str, bytes]:
    """Every file but the locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def rows(folder: Path, split: str) -> list[dict[str, str]]:
    sha256 = json.loads((folder / "source.json").read_bytes())["hashes"][split]
    columns = read_columns(folder / "examples.npz", split, sha256)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def local(tmp_path: Path, body: bytes, name: str = "archive") -> str:
    path = tmp_path / name
    path.write_bytes(body)
    return str(path)


# --- what is installed


def test_imdb_is_installed_with_labels_movies_and_ids(
    small, server, home: Path, install: Install
) -> None:
    steps: list[Progress | Message] = []
    assert not is_installed(small["imdb"])
    folder = install(small["imdb"], on_progress=steps.append)
    assert folder == home / "datasets" / "imdb"
    assert sorted(path.name for path in folder.iterdir()) == ["examples.npz", "source.json"]
    train = rows(folder, "train")
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
    assert rows(folder, "unlabelled")[2] == {
        "text": "train unsup 2: « brillant »<br />\x85\u2028end",
        "group": "tt0000002",
        "id": "train/unsup/2_0",
    }
    source = provenance(small["imdb"])
    assert source.pop("installed").startswith("20")
    assert {len(digest) for digest in source.pop("hashes").values()} == {64}
    assert source == {
        "name": "imdb",
        "url": small["imdb"].url,
        "sha256": small["imdb"].sha256,
        "bytes": small["imdb"].size,
        "fetched": small["imdb"].size,
        "verified": "sha256",
        "counts": {"train": 6, "unlabelled": 3, "test": 6},
    }
    size = source["bytes"]
    phases = [step.step.split()[0] for step in steps if isinstance(step, Progress)]
    assert list(dict.fromkeys(phases)) == ["downloading", "checking", "unpacking"]
    assert Progress("downloading aclImdb_v1.tar.gz", size, size) in steps
    assert steps[0] == Message(
        "info", f"downloading aclImdb_v1.tar.gz, {size} bytes, from {small['imdb'].url}"
    )
    assert tree(home / "downloads") == {}


def test_sst2_is_installed_with_its_validation_split(small, install: Install) -> None:
    folder = install(small["sst2"])
    assert rows(folder, "train") == [
        {"text": 'an " odd quote', "label": "positive"},
        {"text": "the worst", "label": "negative"},
    ]
    assert rows(folder, "valid") == [{"text": "it 's charming .", "label": "positive"}]
    source = provenance(small["sst2"])
    assert source["verified"] == "md5"
    assert source["counts"] == {"train": 2, "valid": 1}
    assert len(source["sha256"]) == 64


def test_assets_of_one_archive_are_installed_one_after_another(
    small, server, home: Path, install: Install
) -> None:
    assets = [small["glove.6B.50d"], small["imdb"], small["glove.6B.100d"]]
    assert list(install_many(assets)) == [
        small["glove.6B.50d"],
        small["glove.6B.100d"],
        small["imdb"],
    ]
    cache = cached_vectors("glove.6B.100d")
    assert cache.matrix.shape == (20, 100)
    assert cache.sha256 == small["glove.6B.100d"].member_sha256
    assert provenance(small["glove.6B.100d"])["verified"] == "sha256"
    assert provenance(small["glove.6B.50d"])["verified"] == "crc32"  # no checksum of it is known
    assert provenance(small["glove.6B.50d"])["dim"] == 50


def test_installed_assets_are_left_alone_without_force(small, server, install: Install) -> None:
    install(small["sst2"])
    install(small["sst2"])
    assert len(server.hits) == 1
    install(small["sst2"], force=True)
    assert len(server.hits) == 2


# --- where from


def test_mirror_replaces_scheme_and_host(
    small, server, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTICLI_MIRROR", f"{server.url}/copy/")
    asset = replace(small["sst2"], url="https://dl.example.invalid/glue/data/SST-2.zip")
    server.files["/copy/glue/data/SST-2.zip"] = server.files["/SST-2.zip"]
    install(asset)
    assert server.hits == ["/copy/glue/data/SST-2.zip"]
    assert provenance(asset)["url"] == f"{server.url}/copy/glue/data/SST-2.zip"


@pytest.mark.parametrize(
    ("mirror", "problem"), [("/srv/mirror", "/srv/mirror is not a URL"), ("https://", "no host")]
)
def test_invalid_mirror_is_wrong_usage(small, monkeypatch, mirror: str, problem: str) -> None:
    monkeypatch.setenv("SENTICLI_MIRROR", mirror)
    with pytest.raises(UsageError, match=f"SENTICLI_MIRROR .*{problem}"):
        source_of(small["sst2"])


def test_source_url_is_an_archive_or_ends_in_a_slash(small, server, install: Install) -> None:
    server.files["/a/SST-2.zip"] = server.files["/b.zip"] = server.files["/SST-2.zip"]
    install(small["sst2"], source=f"{server.url}/a/")
    install(small["sst2"], source=f"{server.url}/b.zip", force=True)
    assert server.hits == ["/a/SST-2.zip", "/b.zip"]


def test_source_folder_holds_the_archives(small, server, tmp_path: Path, install: Install) -> None:
    for path, body in server.files.items():
        local(tmp_path, body, path[1:])
    wanted = [small[name] for name in ("imdb", "sst2", "glove.6B.50d", "glove.6B.100d")]
    assert len(list(install_many(wanted, source=str(tmp_path)))) == 4
    assert server.hits == []


def test_source_folder_without_the_archive_is_an_error(small, tmp_path: Path) -> None:
    with pytest.raises(SenticliError, match=r"holds neither glove.6B.zip nor glove.6B.50d.txt"):
        source_of(small["glove.6B.50d"], str(tmp_path))


def test_source_of_one_archive_for_several_is_wrong_usage(small) -> None:
    with pytest.raises(UsageError, match="`source` names one archive, but imdb, sst2 are in"):
        sources_of([small["imdb"], small["sst2"]], __file__)


def test_unpacked_data_sets_are_installed_without_verification(
    small, server, tmp_path: Path, install: Install
) -> None:
    with tarfile.open(fileobj=io.BytesIO(server.files["/aclImdb_v1.tar.gz"])) as tar:
        tar.extractall(tmp_path, filter="data")
    with zipfile.ZipFile(io.BytesIO(server.files["/SST-2.zip"])) as zip_:
        zip_.extractall(tmp_path)
    for name, source in (("imdb", tmp_path), ("imdb", tmp_path / "aclImdb"), ("sst2", tmp_path)):
        with pytest.raises(SenticliError, match="unpacked, so it has no checksum") as caught:
            install(small[name], source=str(source), force=True)
        assert "verify=False" in caught.value.hint
        folder = install(small[name], source=str(source), verify=False, force=True)
        unpacked = (folder / "examples.npz").read_bytes()
        assert provenance(small[name])["verified"] is None
        install(small[name], force=True)
        assert (folder / "examples.npz").read_bytes() == unpacked


def test_unpacked_vectors_are_verified_by_their_own_checksum(
    small, server, tmp_path: Path, install: Install
) -> None:
    with zipfile.ZipFile(io.BytesIO(server.files["/glove.6B.zip"])) as zip_:
        zip_.extractall(tmp_path)
    install(small["glove.6B.100d"], source=str(tmp_path))
    assert provenance(small["glove.6B.100d"])["verified"] == "sha256"
    with pytest.raises(SenticliError, match=r"is not the official glove.6B.zip: SHA-256 expected"):
        install(small["glove.6B.50d"], source=str(tmp_path))


# --- checksums and content


def test_archive_with_wrong_checksum_is_refused(
    small, server, home: Path, install: Install
) -> None:
    folder = install(small["imdb"])
    before = tree(home)
    other = bytearray(server.files["/aclImdb_v1.tar.gz"])
    other[len(other) // 2] ^= 1
    server.files["/aclImdb_v1.tar.gz"] = bytes(other)
    with pytest.raises(SenticliError) as caught:
        install(small["imdb"], force=True)
    assert f"expected {small['imdb'].sha256}" in caught.value.message
    assert f"actual {hashlib.sha256(other).hexdigest()}" in caught.value.message
    assert "verify=False" in caught.value.hint
    assert tree(home) == before
    assert folder.is_dir()


def test_archive_of_another_size_is_not_downloaded(small, server, home, install) -> None:
    server.files["/aclImdb_v1.tar.gz"] = b"\x1f\x8b not the official archive"
    with pytest.raises(SenticliError, match=r"expected [\d,]+ bytes, actual 27"):
        install(small["imdb"])
    assert tree(home) == {}


def test_member_with_wrong_checksum_is_refused(
    small, server, archives, home: Path, install: Install
) -> None:
    members = {f"glove.6B.{dim}d.txt": archives.glove(20, dim) for dim in (50, 100)}
    members["glove.6B.100d.txt"] = members["glove.6B.100d.txt"].replace("w7 ", "w_ ")
    server.files["/glove.6B.zip"] = archives.zip_of(members)
    asset = replace(small["glove.6B.100d"], size=None)
    with pytest.raises(SenticliError, match=r"not the official glove\.6B\.100d\.txt: SHA-256 exp"):
        install(asset)
    assert tree(home) == {}
    install(asset, verify=False)
    assert provenance(asset)["verified"] is None


def test_local_archive_is_verified(
    small, server, archives, tmp_path: Path, install: Install
) -> None:
    official = local(tmp_path, server.files["/SST-2.zip"], "SST-2.zip")
    install(small["sst2"], source=official)
    assert provenance(small["sst2"])["verified"] == "md5"
    assert provenance(small["sst2"])["from"] == official
    assert server.hits == []


def test_repacked_local_archive_needs_verify_false(
    small, server, archives, tmp_path: Path, install: Install
) -> None:
    repacked = local(tmp_path, archives.sst2() + b"\0", "my SST-2.zip")
    with pytest.raises(SenticliError, match=r"MD5 expected [0-9a-f]{32}, actual") as caught:
        install(small["sst2"], source=repacked, force=True)
    assert f"`install(sst2, source='{repacked}', verify=False)`" in caught.value.hint
    install(small["sst2"], source=repacked, force=True, verify=False)
    assert provenance(small["sst2"])["verified"] is None
    assert server.hits == []


def test_data_set_in_another_kind_of_archive_is_installed(
    small, server, archives, tmp_path: Path, install: Install
) -> None:
    with tarfile.open(fileobj=io.BytesIO(server.files["/aclImdb_v1.tar.gz"])) as tar:
        members = {info.name: tar.extractfile(info) for info in tar if info.isreg()}
        contents = {name: file.read() for name, file in members.items() if file}
    repacked = local(tmp_path, archives.zip_of(contents), "aclImdb.zip")
    folder = install(small["imdb"], source=repacked, verify=False)
    assert len(rows(folder, "train")) == 6


def test_content_is_checked_without_verification(
    small, archives, tmp_path: Path, install: Install
) -> None:
    zip_of = archives.zip_of
    cases: list[tuple[str, bytes, str]] = [
        ("imdb", archives.imdb(2), "expected train/neg 3, .* found train/neg 2"),
        ("imdb", archives.imdb(urls=False), "does not name the movie of each review"),
        ("imdb", archives.sst2(), "expected train/neg 3, .* found train/neg 0"),
        ("imdb", archives.imdb()[:300], "damaged"),
        ("imdb", archives.imdb()[:-8] + bytes(8), "damaged .* CRC check failed"),
        ("imdb", b"", "damaged"),
        ("imdb", HTML, "is an HTML page, not aclImdb_v1.tar.gz"),
        ("sst2", archives.imdb(), "no SST-2/train.tsv; it holds aclImdb/"),
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
            "these are not glove.6B.50d: 20 words, 49-dimensional",
        ),
        (
            "glove.6B.50d",
            zip_of({"glove.6B.50d.txt": archives.glove(19, 50)}),
            "19 words, 50-dimensional, where at least 20",
        ),
        ("glove.6B.50d", zip_of({"glove.6B.50d.txt": HTML}), "line 1"),
    ]
    for name, body, said in cases:
        with pytest.raises(SenticliError, match=said):
            install(small[name], source=local(tmp_path, body), verify=False)
        assert not is_installed(small[name])


# --- safety


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = 4 if kind == tarfile.REGTYPE else 0
    return info


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (member("../outside.txt"), "a path that leads out of it"),
        (member("/outside.txt"), "an absolute path"),
        (member("aclImdb/train/pos/../../../../outside.txt"), "a path that leads out of it"),
        (member("aclImdb/train/pos/8_9.txt", tarfile.SYMTYPE, "/etc/passwd"), "a link or a device"),
        (member("aclImdb/train/pos/9_9.txt", tarfile.LNKTYPE, "../x"), "a link or a device"),
        (member("aclImdb/train/pos/10_9.txt", tarfile.FIFOTYPE), "a link or a device"),
        (member("aclImdb/dev", tarfile.CHRTYPE), "a link or a device"),
    ],
)
def test_harmful_tar_members_are_refused(
    small, archives, tmp_path: Path, bad, what: str, install: Install
) -> None:
    archive = local(tmp_path, archives.imdb(extra=((bad, b"evil"),)))
    with pytest.raises(SenticliError, match=f"is refused: its member .* is {what}"):
        install(small["imdb"], source=archive, verify=False)
    assert not is_installed(small["imdb"])
    assert not list(tmp_path.rglob("*outside*"))


def test_tar_bomb_is_refused(small, archives, tmp_path: Path, install: Install) -> None:
    info = tarfile.TarInfo("aclImdb/zeros.txt")
    info.size = 5_000_000
    archive = local(tmp_path, archives.imdb(extra=((info, bytes(info.size)),)))
    with pytest.raises(SenticliError, match=r"it unpacks to more than 200 times"):
        install(small["imdb"], source=archive, verify=False)


def test_harmful_zip_members_are_refused(
    small, server, archives, tmp_path: Path, install: Install
) -> None:
    link = zipfile.ZipInfo("SST-2/link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    body = io.BytesIO(archives.sst2())
    with zipfile.ZipFile(body, "a") as zip_:
        zip_.writestr(link, "/etc/passwd")
    with pytest.raises(SenticliError, match="'SST-2/link' is a link"):
        install(small["sst2"], source=local(tmp_path, body.getvalue()), verify=False)


def test_harmful_zip_members_are_refused_on_the_server(
    small, server, archives, tmp_path: Path, install: Install
) -> None:
    glove = {"../evil.txt": "evil", "glove.6B.50d.txt": archives.glove(20, 50)}
    server.files["/glove.6B.zip"] = archives.zip_of(glove)
    with pytest.raises(SenticliError, match="leads out of it"):
        install(small["glove.6B.50d"], verify=False)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("name", ["imdb", "glove.6B.50d"])
def test_interrupted_conversion_changes_nothing(
    small, home: Path, name: str, monkeypatch, install: Install
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("senticli.download.install.write_provenance", interrupt)
        patch.setattr(vectors, "write_provenance", interrupt)
        with pytest.raises(KeyboardInterrupt):
            install(small[name])
    assert not [path for path in tree(home) if path.startswith(("datasets", "vectors"))]
    assert install(small[name]).is_dir()
    before = tree(home)
    with monkeypatch.context() as patch:
        patch.setattr("senticli.download.install.write_provenance", interrupt)
        patch.setattr(vectors, "write_provenance", interrupt)
        with pytest.raises(KeyboardInterrupt):
            install(small[name], force=True)
    after = tree(home)
    assert {path: after[path] for path in before} == before
    assert is_installed(small[name])


@pytest.mark.parametrize("where", ["download", "conversion"])
def test_full_disk_keeps_the_installed_asset(
    small, home: Path, monkeypatch: pytest.MonkeyPatch, where: str, install: Install
) -> None:
    folder = install(small["imdb"])
    before = tree(home)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if where == "download":
            patch.setattr(pieces, "_append", full)
            target = home / "downloads" / "aclImdb_v1.tar.gz"
        else:
            patch.setattr("senticli.download.install.write_columns", full)
            target = folder
        with pytest.raises(SenticliError) as caught:
            install(small["imdb"], force=True)
    assert caught.value.message == f"no space left on the disk for {target}"
    assert "SENTICLI_HOME" in caught.value.hint
    after = tree(home)
    assert {path: after[path] for path in before} == before
    install(small["imdb"], force=True)
    assert tree(home).keys() == before.keys()


@pytest.mark.parametrize("name", ["imdb", "glove.6B.50d"])
def test_too_little_space_is_found_before_the_download(
    small, server, name: str, monkeypatch, install: Install
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000))
    asset = replace(small[name], unpacked=5_000)
    with pytest.raises(SenticliError, match=f"{name} needs .*, and 1.0 kB are left") as caught:
        install(asset)
    assert "SENTICLI_HOME" in caught.value.hint
    assert not is_installed(asset)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_data_dir_is_an_error(small, home: Path, install: Install) -> None:
    home.mkdir(mode=0o500)
    with pytest.raises(SenticliError, match="cannot write"):
        install(small["sst2"])


# --- without the network


def test_offline_names_the_missing_assets(small, server) -> None:
    with pytest.raises(SenticliError, match=r"network is off .*: imdb, sst2") as caught:
        list(install_many([small["imdb"], small["sst2"]], offline=True))
    assert "`install(imdb, source=FILE)`" in caught.value.hint
    assert server.hits == []


def test_offline_takes_local_archives(small, server, tmp_path: Path, install: Install) -> None:
    install(small["sst2"], source=local(tmp_path, server.files["/SST-2.zip"]), offline=True)
    install(small["sst2"], offline=True)  # it is installed
    assert server.hits == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"verified": "sha512"}'])
def test_damaged_source_json_is_replaced_by_force(
    small, home: Path, content: str, install: Install
) -> None:
    for name in ("sst2", "glove.6B.50d"):
        folder = install(small[name])
        (folder / "source.json").write_text(content)
        with pytest.raises(SenticliError, match=r"source\.json is missing or damaged") as caught:
            provenance(small[name])
        assert caught.value.hint == f"`install({name}, force=True)`"
        install(small[name], force=True)
        assert provenance(small[name])


def test_folder_moved_aside_by_a_killed_process_is_restored(
    small, server, install: Install
) -> None:
    folder = install(small["sst2"])
    folder.rename(folder.with_name(".sst2.old"))
    server.hits.clear()
    install(small["sst2"], offline=True)
    assert folder.is_dir()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_truncated_archives_are_refused(
    small, server, tmp_path: Path, share: float, install: Install
) -> None:
    for name in ("imdb", "sst2", "glove.6B.50d"):
        body = server.files[f"/{small[name].archive}"]
        cut = local(tmp_path, body[: int(len(body) * share)])
        with pytest.raises(SenticliError, match=r"damaged|expected|no word vectors"):
            install(small[name], source=cut, verify=False)


def test_flipped_bytes_raise_senticli_errors_only(
    small, server, tmp_path: Path, install: Install
) -> None:
    """Whatever is wrong in an archive, it is one error."""
    flips = random.Random(0)
    for name in ("imdb", "sst2", "glove.6B.50d"):
        body = server.files[f"/{small[name].archive}"]
        for _ in range(60):
            bad = bytearray(body)
            bad[flips.randrange(len(bad))] ^= 1 << flips.randrange(8)
            with suppress(SenticliError):
                install(small[name], source=local(tmp_path, bytes(bad)), verify=False, force=True)


def test_endless_tar_header_is_refused(small, archives, tmp_path: Path, install: Install) -> None:
    info = tarfile.TarInfo("x" * 5_000_000)
    archive = local(tmp_path, archives.imdb(extra=((info, b""),)))
    with pytest.raises(SenticliError, match="it unpacks to more than 200 times its size"):
        install(small["imdb"], source=archive, verify=False)


def test_zip_after_a_program_is_read(small, server, tmp_path: Path, install: Install) -> None:
    body = b"#!/bin/sh\n" + server.files["/glove.6B.zip"]
    install(small["glove.6B.50d"], source=local(tmp_path, body), verify=False)


def test_missing_member_error_names_few_of_many(
    small, archives, tmp_path: Path, install: Install
) -> None:
    body = archives.zip_of({f"member-{number}": "" for number in range(3_000)})
    with pytest.raises(
        SenticliError, match=r"no glove.6B.50d.txt; it holds .*member-9, …"
    ) as error:
        install(small["glove.6B.50d"], source=local(tmp_path, body), verify=False)
    assert len(error.value.message) < 500


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("absent", "cannot read .*: no such file"),
        ("fifo", "is not a regular file"),
        ("loop", "cannot read"),
        ("a" * 9_000, "cannot read"),
        ("http://127.0.0.1:abc/x", "is not a URL"),
        ("http://[::1", "is not a URL"),
        ("http://exa..mple/x", "is not a URL"),
        ("http://", "names no host"),
        ("ftp://me:secret@host/x", "ftp://host/x is not a URL: only"),
    ],
)
def test_invalid_sources_are_errors(
    small, tmp_path: Path, monkeypatch, source: str, problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    Path("loop").symlink_to("loop")
    with pytest.raises(SenticliError, match=problem) as caught:
        source_of(small["sst2"], source)
    assert "secret" not in caught.value.message


# --- the real data


def test_real_imdb(test_data: Path, install: Install) -> None:
    archive = str(test_data / "aclImdb_v1.tar.gz")
    with pytest.raises(SenticliError) as caught:
        install(ASSETS["imdb"], source=archive)
    assert f"expected {ASSETS['imdb'].sha256}, actual" in caught.value.message
    folder = install(ASSETS["imdb"], source=archive, verify=False)
    counts = {"train": 25_000, "unlabelled": 50_000, "test": 25_000}
    assert provenance(ASSETS["imdb"])["counts"] == counts
    train = rows(folder, "train")
    assert len(train) == len({row["id"] for row in train}) == 25_000
    assert sum(row["label"] == "positive" for row in train) == 12_500
    assert [row["id"] for row in train[:2]] == ["train/neg/0_3", "train/neg/1_1"]
    assert all(row["group"].startswith("tt") for row in train)
    # Reviews of one movie come together in the archive; 30 a movie at most, say its authors.
    movies = {row["group"] for row in train}
    assert 2_000 < len(movies) < 10_000


def test_real_sst2(test_data: Path, install: Install) -> None:
    install(ASSETS["sst2"], source=str(test_data), verify=False)
    assert provenance(ASSETS["sst2"])["counts"] == {"train": 67_349, "valid": 872}


def test_real_glove(test_data: Path, install: Install) -> None:
    asset: Asset = ASSETS["glove.6B.50d"]
    install(asset, source=str(test_data / "glove.6B.50d.top50k-q8.zip"), verify=False)
    cache = cached_vectors("glove.6B.50d")
    assert cache.matrix.shape == (50_000, 50)
    assert "film" in cache.tokens
    assert provenance(asset)["verified"] is None
