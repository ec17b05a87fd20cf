import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from senticli.cli.app import run
from senticli.data.fetch import install


def out(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], str]:
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err


def test_paths_on_stdout_in_the_order_asked(small, server, home: Path, capsys) -> None:
    names = ["glove.6B.100d", "imdb", "glove.6B.50d", "imdb"]
    assert run(["download", *names]) == 0
    answer, talk = out(capsys)
    assert answer == [
        str(home / "vectors" / "glove.6B.100d"),
        str(home / "datasets" / "imdb"),
        str(home / "vectors" / "glove.6B.50d"),
    ]
    assert talk.splitlines() == [
        "downloading glove.6B.zip (0.0 MB)",
        "unpacking glove.6B.100d (0.0 MB)",
        "downloading aclImdb_v1.tar.gz (0.0 MB)",
        "unpacking imdb (0.0 MB)",
        "unpacking glove.6B.50d (0.0 MB)",
        "glove.6B.100d: 20 words of 100 numbers",
        "imdb: 6 train, 6 test",
        "glove.6B.50d: 20 words of 50 numbers",
    ]


def test_json(small, home: Path, capsys) -> None:
    assert run(["download", "sst2", "glove.6B.50d", "--json"]) == 0
    answer, _ = out(capsys)
    assert [json.loads(line) for line in answer] == [
        {
            "name": "sst2",
            "path": str(home / "datasets" / "sst2"),
            "verified": True,
            "bytes": small["sst2"].size,
            "counts": {"train": 2, "valid": 1},
        },
        {
            "name": "glove.6B.50d",
            "path": str(home / "vectors" / "glove.6B.50d"),
            "verified": True,
            "bytes": small["glove.6B.50d"].size,
            "words": 20,
        },
    ]


def test_already_here(small, server, home: Path, capsys) -> None:
    install(small["sst2"])
    assert run(["download", "sst2"]) == 0
    answer, talk = out(capsys)
    assert answer == [str(home / "datasets" / "sst2")]
    assert talk == "sst2 is already here; --force gets it again\n"
    assert run(["download", "sst2", "--force"]) == 0
    assert len(server.hits) == 2


def test_local_archive(small, archives, tmp_path: Path, capsys) -> None:
    archive = tmp_path / "mine.zip"
    archive.write_bytes(archives.sst2() + b"\0")
    command = ["download", "sst2", "--from", str(archive)]
    assert run(command) == 1
    answer, talk = out(capsys)
    assert answer == []
    assert talk.splitlines()[-2:] == [
        f"error: {archive} is not the official SST-2.zip: MD5 expected {small['sst2'].md5}, "
        f"actual {hashlib.md5(archive.read_bytes()).hexdigest()}",
        f"hint: to accept it: senticli download sst2 --from {archive} --no-verify",
    ]
    assert run([*command, "--no-verify", "--json"]) == 0
    answer, talk = out(capsys)
    assert json.loads(answer[0])["verified"] is False
    assert "not verified" in talk.splitlines()[-1]
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in talk


def test_what_is_done_is_said_before_a_failure(small, server, home: Path, capsys) -> None:
    del server.files["/aclImdb_v1.tar.gz"]
    assert run(["download", "sst2", "imdb"]) == 1
    answer, talk = out(capsys)
    assert answer == [str(home / "datasets" / "sst2")]
    assert "error: http" in talk
    assert "404" in talk


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["IMBD"], "error: cannot download 'IMBD': the known names are imdb, sst2", "mean imdb?"),
        (["glove.6b.100d"], "glove.twitter.27B.200d", "hint: did you mean glove.6B.100d?"),
        (["qqq"], "the known names", "hint: senticli download --help"),
        (["imdb", "sst2", "--from", "x"], "error: --from names one archive", "once for each"),
        ([], "error: Missing argument", "hint: senticli download --help"),
    ],
)
def test_wrong_usage(capsys, arguments: list[str], error: str, hint: str, home: Path) -> None:
    assert run(["download", *arguments]) == 2
    answer, talk = out(capsys)
    assert answer == []
    first, second = talk.splitlines()
    assert error in first
    assert hint in second
    assert not home.exists()


def test_several_names_from_one_archive(small, server, tmp_path: Path, capsys) -> None:
    archive = tmp_path / "glove.6B.zip"
    archive.write_bytes(server.files["/glove.6B.zip"])
    assert run(["download", "glove.6B.50d", "glove.6B.100d", "--from", str(archive)]) == 0
    assert len(out(capsys)[0]) == 2
    assert server.hits == []


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_bar_on_a_terminal_keeps_stdout_clean(small, server, tmp_path: Path, home: Path) -> None:
    """The bar is drawn on stderr alone: rich would redirect what is printed while it is live."""
    archive = tmp_path / "SST-2.zip"
    archive.write_bytes(server.files["/SST-2.zip"])
    code = (
        "import sys\n"
        "from dataclasses import replace\n"
        "from senticli.data.catalogue import ASSETS\n"
        "from senticli.cli.app import run\n"
        "ASSETS['sst2'] = replace(ASSETS['sst2'], expect={'train': 2, 'valid': 1})\n"
        "sys.exit(run(['download', 'sst2', '--no-verify', '--from', sys.argv[1]]))\n"
    )
    terminal, stderr = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.Popen(
        [sys.executable, "-c", code, str(archive)],
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=environment,
        text=True,
    )
    os.close(stderr)
    talk = b""
    while chunk := _read(terminal):
        talk += chunk
    os.close(terminal)
    answer, _ = done.communicate(timeout=30)
    assert done.returncode == 0, talk
    assert answer == f"{home / 'datasets' / 'sst2'}\n"
    assert b"checking SST-2.zip" in talk
    assert b"sst2: 2 train, 1 valid" in talk


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other end is closed
        return b""


def test_import_is_light() -> None:
    code = (
        "import sys, senticli.cli.download\n"
        "print(*{'numpy', 'httpx', 'rich.progress', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_help_has_examples(capsys) -> None:
    assert run(["download", "--help"]) == 0
    text = " ".join(out(capsys)[0])
    assert "senticli download imdb --from aclImdb_v1.tar.gz --no-verify" in text
