"""Atomic writes: the old or the new, never half."""

import threading
import time
from pathlib import Path

import pytest

from senticli import atomic


def write(folder: Path, text: str) -> None:
    with atomic.replace_dir(folder) as partial:
        (partial / "file").write_text(text)


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "target"
    write(target, "one")
    write(target, "two")
    assert (target / "file").read_text() == "two"
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_two_at_once_take_turns(tmp_path: Path) -> None:
    """The second does not take the first one's unfinished folder for a leftover of a crash."""
    target = tmp_path / "target"
    second = threading.Thread(target=write, args=(target, "two"))
    with atomic.replace_dir(target) as partial:
        second.start()
        time.sleep(0.2)
        (partial / "file").write_text("one")
    second.join(10)
    assert (target / "file").read_text() == "two"
    assert [path.name for path in tmp_path.glob("*target*")] == ["target"]


def test_a_failure_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "target"
    write(target, "one")
    with pytest.raises(RuntimeError), atomic.replace_dir(target) as partial:
        (partial / "file").write_text("half")
        raise RuntimeError
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
        patch.setattr(atomic, "recover", lambda target: None)  # as if the process were gone
        patch.setattr(atomic.shutil, "rmtree", lambda *args, **options: None)
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
