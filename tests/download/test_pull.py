"""Models from archives and folders, on the disk and on a server."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from senticli import load, registry
from senticli.bundle import FILES, Bundle
from senticli.download import http
from senticli.download.pull import Pulled, pull
from senticli.errors import ConfigError, Interrupted, SenticliError, UsageError
from senticli.events import Message, Progress

MEMBERS = ("config.json", *FILES)


def sha256_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def packed(files: dict[str, bytes], *others: tarfile.TarInfo) -> bytes:
    """A tar.gz of files, and of members without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in others:
            tar.addfile(member)
    return buffer.getvalue()


def link(name: str, to: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, to
    return member


def left_in(home: Path) -> list[str]:
    """The files of the data dir, without the locks."""
    return [path.name for path in home.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "RETRY_WAITS", (0, 0))


@pytest.fixture(scope="module")
def files(tiny_model: Path) -> dict[str, bytes]:
    """The content of a model, by name."""
    return {name: (tiny_model / name).read_bytes() for name in MEMBERS}


@pytest.fixture
def archive(tiny_model: Path, tmp_path: Path) -> Path:
    return registry.export(Bundle.open(tiny_model), tmp_path / "tiny.tar.gz")


@pytest.fixture
def served(archive: Path, server) -> dict[str, Any]:
    """The arguments for the archive on the server."""
    server.files["/tiny.tar.gz"] = body = archive.read_bytes()
    return {"source": f"{server.url}/tiny.tar.gz", "sha256": sha256_of(body)}


@pytest.fixture
def served_folder(files: dict[str, bytes], server) -> dict[str, Any]:
    """The arguments for the folder on the server."""
    server.files |= {f"/models/tiny/{name}": content for name, content in files.items()}
    return {"source": f"{server.url}/models/tiny/", "sha256": sha256_of(files["config.json"])}


# --- what is installed


def test_local_archive_is_installed_and_is_not_the_default(archive: Path, home: Path) -> None:
    sha256 = sha256_of(archive.read_bytes())
    assert pull(archive) == Pulled("tiny", home / "models" / "tiny", sha256, None)
    assert load("tiny").predict("great film").label in ("negative", "positive")
    assert registry.find(None).name == "bundled"


def test_local_folder_is_copied(tiny_model: Path, files: dict[str, bytes]) -> None:
    sha256 = sha256_of(files["config.json"])
    pulled = pull(tiny_model, sha256=sha256, name="mine")
    assert (pulled.name, pulled.sha256, pulled.verified) == ("mine", sha256, "sha256")
    assert {path.name: path.read_bytes() for path in pulled.path.iterdir()} == files


def test_archive_is_downloaded_and_verified(served: dict[str, Any], home: Path, server) -> None:
    events: list[Any] = []
    pulled = pull(**served, on_event=events.append)
    assert (pulled.name, pulled.verified) == ("tiny", "sha256")
    assert sorted(left_in(home)) == sorted(MEMBERS)
    assert isinstance(events[0], Message)
    assert served["source"] in events[0].text
    steps = [event.step for event in events if isinstance(event, Progress)]
    assert list(dict.fromkeys(steps)) == ["downloading tiny", "checking tiny", "unpacking tiny"]


def test_folder_is_downloaded_and_verified_by_its_config(
    served_folder: dict[str, Any], files: dict[str, bytes], home: Path, server
) -> None:
    pulled = pull(**served_folder)
    assert {path.name: path.read_bytes() for path in pulled.path.iterdir()} == files
    assert server.hits == [f"/models/tiny/{name}" for name in MEMBERS]
    assert sorted(left_in(home)) == sorted(MEMBERS)


def test_query_of_a_folder_is_sent_for_each_file_and_never_shown(
    served_folder: dict[str, Any], server
) -> None:
    server.files |= {f"{path}?key=s3cret": body for path, body in server.files.items()}
    del server.files["/models/tiny/vocab.txt?key=s3cret"]
    with pytest.raises(SenticliError, match=r"tiny/vocab.txt answers 404") as caught:
        pull(served_folder["source"] + "?key=s3cret", verify=False)
    assert "s3cret" not in str(caught.value)
    assert server.hits[0] == "/models/tiny/config.json?key=s3cret"


@pytest.mark.parametrize("top", ["", "./", "folder/"])
def test_archive_packed_by_hand_is_installed(
    files: dict[str, bytes], archives, tmp_path: Path, top: str
) -> None:
    others = {f"{top}README.md": b"A model.", f"{top}more/notes.txt": b"Notes."}
    members = {f"{top}{name}": content for name, content in files.items()} | others
    for name, body in (("one.tgz", packed(members)), ("two.zip", archives.zip_of(members))):
        (tmp_path / name).write_bytes(body)
        pulled = pull(tmp_path / name)
        assert pulled.name == Path(name).stem
        assert {path.name for path in pulled.path.iterdir()} == set(MEMBERS)


# --- what is refused


def test_wrong_hash_keeps_nothing(served: dict[str, Any], home: Path) -> None:
    with pytest.raises(SenticliError, match=f"SHA-256 expected {'0' * 64}, actual") as caught:
        pull(served["source"], sha256="0" * 64)
    assert served["source"] in caught.value.message
    assert left_in(home) == []


def test_wrong_hash_of_a_config_stops_the_download(
    served_folder: dict[str, Any], home: Path, server
) -> None:
    with pytest.raises(SenticliError, match=r"config.json of http.*SHA-256 expected"):
        pull(served_folder["source"], sha256="0" * 64)
    assert server.hits == ["/models/tiny/config.json"]
    assert left_in(home) == []


def test_file_of_a_folder_with_another_hash_is_refused(
    served_folder: dict[str, Any], home: Path, server
) -> None:
    server.files["/models/tiny/vocab.txt"] += b"more\n"
    with pytest.raises(SenticliError, match=r"the model http\S* is broken: vocab.txt is not what"):
        pull(**served_folder)
    assert left_in(home) == []


def test_url_needs_a_hash_or_verify_false(served: dict[str, Any], server) -> None:
    with pytest.raises(UsageError, match="no SHA-256 to verify") as caught:
        pull(served["source"].replace("http://", "http://me:s3cret@"))
    assert caught.value.hint == (
        f"ask its publisher, then: `pull({served['source']}, sha256=HEX)`; or to accept it: "
        f"`pull({served['source']}, verify=False)`"
    )
    assert "s3cret" not in caught.value.message
    assert server.hits == []
    assert pull(served["source"], verify=False).verified is None


def test_offline_forbids_urls_only(served: dict[str, Any], archive: Path, server) -> None:
    with pytest.raises(UsageError, match="network is off"):
        pull(**served, offline=True)
    assert server.hits == []
    assert pull(archive, offline=True).name == "tiny"


def test_hash_must_be_one(archive: Path) -> None:
    with pytest.raises(ConfigError, match="`sha256` is not 64 hexadecimal digits"):
        pull(archive, sha256="2c26b46b")
    with pytest.raises(UsageError, match="leave one of them out"):
        pull(archive, sha256="0" * 64, verify=False)


@pytest.mark.parametrize("name", ["bundled", "a/b", ".hidden", ""])
def test_name_must_be_a_plain_word(archive: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a model's name"):
        pull(archive, name=name)


def test_taken_name_is_refused_before_the_download(
    served: dict[str, Any], tiny_model: Path, home: Path, server
) -> None:
    taken = shutil.copytree(tiny_model, home / "models" / "tiny")
    (taken / "mark").touch()
    with pytest.raises(SenticliError, match="there is a model at") as caught:
        pull(**served)
    assert "`force=True`" in caught.value.hint
    assert "`name=NAME`" in caught.value.hint
    assert server.hits == []
    pull(**served, force=True)
    assert not (taken / "mark").exists()


@pytest.mark.parametrize(
    ("member", "what"),
    [
        (tarfile.TarInfo("../outside.txt"), "a path that leads out of it"),
        (tarfile.TarInfo("/outside.txt"), "an absolute path"),
        (link("tiny/vocab.txt", "/etc/passwd"), "a link or a device"),
        (link("tiny", "/tmp"), "a link or a device"),
    ],
)
def test_harmful_members_are_refused(
    files: dict[str, bytes], tmp_path: Path, home: Path, member: tarfile.TarInfo, what: str
) -> None:
    (tmp_path / "bad.tar.gz").write_bytes(packed(files, member))
    with pytest.raises(SenticliError, match=f"is refused: its member .* is {what}"):
        pull(tmp_path / "bad.tar.gz")
    assert left_in(home) == []
    assert not list(tmp_path.rglob("outside*"))


def test_archive_that_unpacks_to_absurd_sizes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bomb.tar.gz").write_bytes(packed({"vocab.txt": bytes(5_000_000)}))
    with pytest.raises(SenticliError, match="unpacks to more than 200 times its size"):
        pull(tmp_path / "bomb.tar.gz")


def without(name: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda files: {key: content for key, content in files.items() if key != name}


def with_hash_of(name: str, content: bytes) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    """Replace a file, and its hash in config.json."""

    def change(files: dict[str, bytes]) -> dict[str, bytes]:
        config = json.loads(files["config.json"])
        config["files"][name] = sha256_of(content)
        return {**files, name: content, "config.json": json.dumps(config).encode()}

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (without("config.json"), "is not a senticli model"),
        (without("model.safetensors"), "is broken: model.safetensors: No such file"),
        (lambda files: {**files, "config.json": b"{}"}, "is broken: config.json is not that of"),
        (lambda files: {**files, "history.jsonl": b"{}"}, "history.jsonl is not what config.json"),
        (with_hash_of("model.onnx", b"no graph"), "cannot be run"),
        (with_hash_of("vocab.txt", b"one\n"), "is broken: vocab.txt"),
        (with_hash_of("history.jsonl", b"{}\n"), "history.jsonl holds no epochs"),
        (lambda files: {**files, "other/vocab.txt": b""}, "in several folders: ., other"),
    ],
)
def test_broken_model_is_not_installed(
    files: dict[str, bytes],
    tmp_path: Path,
    home: Path,
    change: Callable[[dict[str, bytes]], dict[str, bytes]],
    problem: str,
) -> None:
    path = tmp_path / "broken.tar.gz"
    path.write_bytes(packed(change(files)))
    with pytest.raises(SenticliError, match=problem) as caught:
        pull(path)
    assert str(path) in caught.value.message
    assert ".partial" not in str(caught.value)
    assert left_in(home) == []


def test_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_text("no archive")
    with pytest.raises(SenticliError, match="damaged or not an archive"):
        pull(tmp_path / "model.tar.gz")


def test_hints_for_a_local_place_speak_of_no_download(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "junk.zip").write_text("junk")
    (tmp_path / "page.tar.gz").write_text("<!DOCTYPE html><html>")
    for name, problem, sha256 in (
        ("empty", "is not a senticli model", None),
        ("junk.zip", "damaged or not an archive", None),
        ("page.tar.gz", "is an HTML page", None),
        (archive.name, "SHA-256 expected", "0" * 64),
    ):
        with pytest.raises(SenticliError, match=problem) as caught:
            pull(tmp_path / name, sha256=sha256)
        assert "download" not in caught.value.hint
        assert "later" not in caught.value.hint


# --- interrupted


def test_interrupted_archive_is_resumed(served: dict[str, Any], server, faulty) -> None:
    size = len(server.files["/tiny.tar.gz"])
    server.faults["/tiny.tar.gz"] = [faulty(cut=size // 2), *[faulty(cut=0)] * 2]
    with pytest.raises(Interrupted, match="cut off") as caught:
        pull(**served)
    assert "run it again to resume" in caught.value.hint
    server.sent = 0
    pull(**served)
    assert server.sent == size - size // 2


def test_interrupted_folder_keeps_the_files_that_came(
    served_folder: dict[str, Any], server, faulty
) -> None:
    path = "/models/tiny/model.safetensors"
    server.faults[path] = [faulty(cut=2_000), *[faulty(cut=0)] * 2]
    with pytest.raises(Interrupted):
        pull(**served_folder)
    server.hits.clear()
    server.asked.clear()
    pull(**served_folder)
    assert server.hits == [path, "/models/tiny/model.onnx", "/models/tiny/history.jsonl"]
    assert server.asked[0] == "bytes=2000-"


def test_model_that_changed_meanwhile_is_downloaded_again(
    served_folder: dict[str, Any], files: dict[str, bytes], server, faulty
) -> None:
    good = server.files["/models/tiny/vocab.txt"]
    server.files["/models/tiny/vocab.txt"] = good + b"old\n"
    server.faults["/models/tiny/model.onnx"] = [faulty(cut=0)] * 3
    with pytest.raises(Interrupted):
        pull(**served_folder)
    server.files["/models/tiny/vocab.txt"] = good
    messages: list[Any] = []
    pulled = pull(**served_folder, on_event=messages.append)
    assert (pulled.path / "vocab.txt").read_bytes() == files["vocab.txt"]
    assert any("starting again" in one.text for one in messages if isinstance(one, Message))
