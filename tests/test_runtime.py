"""Batches are within their limits; nothing is sent, or written outside the data dir."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senticli.runtime import BATCH_TEXTS, BATCH_TOKENS, _batches

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void note(const char *what) {
    int file = open(getenv("SOCKET_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (write(file, what, strlen(what)) < 0) abort();
    close(file);
}
int socket(int domain, int type, int protocol) {
    note("socket\n");
    return ((int (*)(int, int, int))dlsym(RTLD_NEXT, "socket"))(domain, type, protocol);
}
int getaddrinfo(const char *node, const char *service, const void *hints, void *result) {
    note("getaddrinfo\n");
    return ((int (*)(const char *, const char *, const void *, void *))
            dlsym(RTLD_NEXT, "getaddrinfo"))(node, service, hints, result);
}
"""
COMMANDS = (["predict", "great film"], ["eval", "--data", "sample", "--json"], ["info", "--json"])


def bare_environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of somebody who has set nothing, and in which no CI is detected."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SENTICLI", "XDG", "ORT", "CI", "GITHUB", "BUILD", "TF_"))
    }
    return {**kept, "HOME": str(home), **more}


@pytest.mark.parametrize("args", COMMANDS)
def test_nothing_is_written_to_the_home_folder(tmp_path: Path, args: list[str]) -> None:
    home = tmp_path / "empty"
    home.mkdir()
    command = [sys.executable, "-m", "senticli", *args]
    done = subprocess.run(command, env=bare_environment(home), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(home.rglob("*")) == []


def test_python_api_writes_nothing_to_the_home_folder(tmp_path: Path) -> None:
    code = "import senticli; print(senticli.load('bundled').predict('great film').label)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=bare_environment(tmp_path), capture_output=True, text=True)
    assert done.stdout == "positive\n", done.stderr
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="watches sockets by LD_PRELOAD")
def test_no_socket_is_opened(tmp_path: Path) -> None:
    source, shim, log = tmp_path / "shim.c", tmp_path / "shim.so", tmp_path / "log"
    source.write_text(SHIM)
    try:
        compiler = ["cc", "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl"]
        subprocess.run(compiler, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no C compiler")
    environment = bare_environment(tmp_path, LD_PRELOAD=str(shim), SOCKET_LOG=str(log))
    for args in COMMANDS[:2]:
        subprocess.run([sys.executable, "-m", "senticli", *args], env=environment, check=True)
        assert not log.exists(), args
    code = "import socket; socket.socket()"  # which the watcher must notice
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert log.read_text() == "socket\n"


@given(st.lists(st.integers(1, 20_000), max_size=100))
def test_batches_hold_every_text_once_within_the_limits(lengths: list[int]) -> None:
    batches = list(_batches(lengths))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= BATCH_TEXTS
        padded = len(batch) * max(lengths[row] for row in batch)
        assert padded <= BATCH_TOKENS or len(batch) == 1
