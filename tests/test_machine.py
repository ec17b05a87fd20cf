"""The version of the code: with its commit in a checkout, without git anywhere else."""

import re
import subprocess
from pathlib import Path

import pytest

from senticli import __version__, machine


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that senticli is imported from."""
    (tmp_path / "senticli").mkdir()
    (tmp_path / "senticli" / "machine.py").write_text("first\n")
    monkeypatch.setattr(machine, "__file__", str(tmp_path / "senticli" / "machine.py"))
    return tmp_path


def git(root: Path, *args: str) -> None:
    author = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", *author, *args], cwd=root, check=True, capture_output=True)


@pytest.fixture
def checkout(root: Path) -> Path:
    git(root, "init")
    git(root, "add", "senticli")
    git(root, "commit", "-m", "First")
    git(root, "tag", "v9")
    return root


def test_installed_code_has_a_version_and_runs_no_git(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object, **__: object) -> None:
        pytest.fail("git was run")

    monkeypatch.setattr(subprocess, "run", run)
    assert machine.code_version() == __version__


def test_checkout_adds_the_commit(checkout: Path) -> None:
    assert re.fullmatch(re.escape(__version__) + r"\+[0-9a-f]{7,}", machine.code_version())


def test_changed_checkout_is_dirty(checkout: Path) -> None:
    (checkout / "senticli" / "machine.py").write_text("second\n")
    assert re.search(r"\+[0-9a-f]{7,}-dirty$", machine.code_version())


def test_commit_is_that_of_the_code_wherever_git_is_told_to_look(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = machine.code_version()
    other = tmp_path_factory.mktemp("other")
    git(other, "init")
    git(other, "commit", "--allow-empty", "-m", "Other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.chdir(other)
    assert machine.code_version() == expected


def test_checkout_without_git_or_commits_has_the_plain_version(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(root, "init")
    assert machine.code_version() == __version__
    monkeypatch.setenv("PATH", "")
    assert machine.code_version() == __version__
