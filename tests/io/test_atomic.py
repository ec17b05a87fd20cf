"""Atomic writes: the old or the new, never half."""

import os
import threading
from pathlib import Path
from typing import Any

import filelock
import pytest

from senticli.io import atomic


def write(folder: Path, text: str) -> None:
    with atomic.replace_dir(folder) as partial:
        (partial / "file").write_text(text)


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "target"
    write(target, "one")
    write(target, "two")
    assert (target / "file").read_text() == "two"
    assert [path.name for path in target.parent.iterdir()] == ["target"]


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once somebody finds that another one holds a lock."""
    event, acquire = threading.Event(), filelock.FileLock.acquire

    def noted(lock: filelock.FileLock, *args: Any, **options: Any) -> Any:
        try:
            return acquire(lock, *args, **options)
        except filelock.Timeout:
            event.set()
            raise

    monkeypatch.setattr(filelock.FileLock, "acquire", noted)
    return event


def test_two_at_once_take_turns(tmp_path: Path, waiting: threading.Event) -> None:
    """The second does not take the first one's unfinished folder for a leftover of a crash."""
    target = tmp_path / "target"
    second = threading.Thread(target=write, args=(target, "two"))
    with atomic.replace_dir(target) as partial:
        second.start()
        assert waiting.wait(30)
        (partial / "file").write_text("one")
    second.join(30)
    assert (target / "file").read_text() == "two"
    assert [path.name for path in tmp_path.glob("*target*")] == ["target"]


def test_a_failure_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "target"
    write(target, "one")

    def fail() -> None:
        with atomic.replace_dir(target) as partial:
            (partial / "file").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (target / "file").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_kill_between_the_renames_is_recovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    write(target, "one")
    rename = Path.rename

    class Killed(BaseException): ...

    def killed_at_the_second(self: Path, to: Path) -> Path:
        if self.name.endswith(atomic.PARTIAL):
            raise Killed
        return rename(self, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed_at_the_second)
        patch.setattr(atomic, "_put_back", lambda target: None)  # as if the process were gone
        patch.setattr(atomic, "remove", lambda path: None)
        with pytest.raises(Killed):
            write(target, "two")
    assert not target.exists()
    atomic.recover(target)
    assert (target / "file").read_text() == "one"


def test_text_is_replaced_in_one_step(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file"
    atomic.write_text(target, "one\n")
    with pytest.raises(UnicodeEncodeError):
        atomic.write_text(target, "\ud800")
    assert target.read_text() == "one\n"
    assert list(target.parent.iterdir()) == [target]


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert atomic.sha256_of(tmp_path / "file").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_a_name_that_another_begins_with(tmp_path: Path) -> None:
    with atomic.replace_dir(tmp_path / "exp.2") as partial:
        (partial / "file").write_text("two")
        write(tmp_path / "exp", "one")
    assert (tmp_path / "exp" / "file").read_text() == "one"
    assert (tmp_path / "exp.2" / "file").read_text() == "two"


def test_what_a_link_leads_to_is_replaced(tmp_path: Path) -> None:
    """The data dir's folders may lie on a larger disk."""
    (tmp_path / "disk").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "disk" / "real")
    for text in ("one", "two", "three"):
        write(link, text)
        assert link.is_symlink()
        assert (tmp_path / "disk" / "real" / "file").read_text() == text
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["real"]


def test_a_file_is_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("a file")
    for text in ("one", "two"):
        write(tmp_path / "target", text)
    assert (tmp_path / "target" / "file").read_text() == "two"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_reader_waits_for_the_writer(
    tmp_path: Path, waiting: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the writer's two renames, a reader does not put the old one back."""
    target, between = tmp_path / "target", threading.Event()
    write(target, "one")
    rename = Path.rename

    def slow(self: Path, to: Path) -> Path:
        if self.name.endswith(atomic.PARTIAL):
            between.set()
            assert waiting.wait(30)
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", slow)
    writer = threading.Thread(target=write, args=(target, "two"))
    writer.start()
    assert between.wait(30)
    assert not target.exists()
    atomic.recover(target)
    writer.join(30)
    assert (target / "file").read_text() == "two"


def test_leftovers_of_a_killed_process_go(tmp_path: Path) -> None:
    old, new = tmp_path / ".name-aaaaaaaa", tmp_path / ".name-bbbbbbbb"
    for path in (old, new):
        path.write_text("half")
    os.utime(old, (1, 1))
    atomic.write_text(tmp_path / "name", "whole")
    assert not old.exists()
    assert new.exists()  # another process may be at it


@pytest.mark.skipif(os.name == "nt", reason="needs a umask")
@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_new_files_follow_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        atomic.write_text(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode
