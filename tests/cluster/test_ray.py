"""Runs on Ray: a cluster of two nodes on this machine, and processes of a run's own."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest

from senticli import score_files
from senticli.cluster.packages import import_ray
from senticli.events import Progress
from tests.cluster.conftest import results

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]
Local = Callable[[Path], dict[str, bytes]]
Start = Callable[..., "subprocess.Popen[str]"]
STORE = 80_000_000
T = TypeVar("T")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without a CPU, and two nodes of one each, of which one can be removed."""
    ray = import_ray()
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")
        running = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(2):
            running.add_node(num_cpus=1, object_store_memory=STORE)
        ray.init(address=running.address, log_to_driver=False, logging_level="ERROR")
        yield running
        ray.shutdown()
        running.shutdown()


def processes() -> dict[int, tuple[int, str]]:
    """The parent and the command of each process that runs."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_text().replace("\0", " ")
            if state != "Z":
                found[int(folder.name)] = (int(parent), command)
    return found


def descendants(pid: int) -> set[int]:
    """All processes below one."""
    running, found = processes(), {pid}
    while more := {child for child, (parent, _) in running.items() if parent in found} - found:
        found |= more
    return found - {pid}


def wait_for(condition: Callable[[], T], seconds: float = 120) -> T:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)
    return found


def addresses_of(pids: set[int]) -> set[str]:
    """The addresses at which some processes listen."""
    inodes = set()
    for pid in pids:
        with suppress(OSError):
            inodes |= {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, state, inode = (line.split()[column] for column in (1, 3, 9))
            if state == "0A" and f"socket:[{inode}]" in inodes:
                words = bytes.fromhex(local.partition(":")[0])[-4:]
                found.add(socket.inet_ntoa(words[::-1]))
    return found


class Slow:
    """A folder of three files, and a pipe that is a file for as long as the test writes to it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.making = folder, folder.with_name("out.partial")
        self.pipe = folder / "slow.jsonl"
        self.content = b"".join(
            b'{"n": %d, "review": "film %d was great"}\n' % (n, n) for n in ROWS
        )
        folder.mkdir()
        for name in "abc":
            (folder / f"{name}.jsonl").write_bytes(self.content)
        os.mkfifo(self.pipe)

    def open(self) -> int:
        """Wait until a worker reads the pipe, and return what writes it."""

        def try_open() -> int | None:
            with suppress(OSError):  # nobody reads it
                return os.open(self.pipe, os.O_WRONLY | os.O_NONBLOCK)
            return None

        pipe = wait_for(try_open)
        assert pipe
        return pipe

    def write_half(self) -> int:
        """Write one half, wait until some of it is answered, and return the process that did."""
        self.half = self.open()
        os.write(self.half, self.content[: len(self.content) // 2])
        wait_for(
            lambda: [one for one in self.making.glob(".*/slow*.partial") if one.stat().st_size]
        )
        reader = next(pid for pid in processes() if pid != os.getpid() and self._reads(pid))
        self.pipe.unlink()
        os.mkfifo(self.pipe)  # the next worker gets one of its own
        return reader

    def _reads(self, pid: int) -> bool:
        with suppress(OSError):
            files = Path(f"/proc/{pid}/fd").iterdir()
            return any(file.readlink() == self.pipe for file in files)
        return False

    def write_all(self) -> None:
        """Write the whole, when another worker reads it."""
        pipe = self.open()
        os.set_blocking(pipe, True)
        with os.fdopen(pipe, "wb") as file:
            file.write(self.content)

    def end(self) -> None:
        """Put a plain file in the place of the pipe, for the next run."""
        self.pipe.unlink()
        self.pipe.write_bytes(self.content)


ROWS = range(1200)  # of 40 bytes: half of it fits into a pipe, and an answer into no buffer


@pytest.fixture
def slow(tmp_path: Path) -> Slow:
    return Slow(tmp_path / "in")


def score(slow: Slow, model: Path, act: Callable[[], object] = lambda: None) -> None:
    """Score the files, and do something when the first of them is finished."""
    acts = [act]

    def on_event(event: object) -> None:
        if isinstance(event, Progress) and event.step == "scoring files" and acts:
            acts.pop()()

    output = slow.folder.with_name("out")
    summary = score_files(
        slow.folder, output, model=model, text_column="review", batch_size=1, on_event=on_event
    )
    assert not acts
    rows = sum(len(path.read_bytes().splitlines()) for path in slow.folder.glob("?.jsonl"))
    assert summary.rows_in == summary.rows_out == rows + len(ROWS)
    assert sorted(path.name for path in output.iterdir() if path.name[0] in "._") == [
        *("_SUCCESS", "_manifest.jsonl")
    ]


def continued(slow: Slow) -> None:
    """Write the pipe for the next worker that reads it, beside what is going on."""
    threading.Thread(target=slow.write_all, daemon=True).start()


def test_results_are_those_of_a_local_run(
    cluster: Any, tiny_model: Path, local: Local, odd: Path, tmp_path: Path
) -> None:
    summary = score_files(odd, tmp_path / "out", model=tiny_model, text_column="review")
    assert results(tmp_path / "out") == local(odd)
    assert summary.rows_in == summary.rows_out == 17


def test_file_of_a_killed_worker_is_scored_by_another(
    cluster: Any, tiny_model: Path, local: Local, slow: Slow
) -> None:
    def kill() -> None:
        os.kill(slow.write_half(), signal.SIGKILL)
        continued(slow)

    score(slow, tiny_model, kill)
    slow.end()
    assert results(slow.folder.with_name("out")) == local(slow.folder)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_ended_run_leaves_no_process_and_is_continued(
    start_senticli: Start,
    cluster: Any,
    tiny_model: Path,
    local: Local,
    slow: Slow,
    number: signal.Signals,
    code: int,
) -> None:
    output = slow.folder.with_name("out")
    process = start_senticli(
        *("predict", "--engine", "ray", "--workers", "1", "--address", "local"),
        *("--batch-size", "1", "--model", tiny_model, "--text-column", "review"),
        *("--input", slow.folder, "--output", output),
    )
    slow.write_half()
    wait_for(lambda: len((slow.making / "_manifest.jsonl").read_text().splitlines()) == 4)
    begun = descendants(process.pid)
    assert len(begun) > 3
    assert addresses_of(begun) == {"127.0.0.1"}
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    if number == signal.SIGINT:
        kept = f"finished files are in {slow.making}; the same command continues from there"
        assert errors.splitlines() == [f"note: {kept}", "interrupted"]

    def left() -> list[str]:
        names = [name for pid, (_, name) in processes().items() if pid in begun]
        # Of a killed run, two agents of Ray end only when they have given up to report it.
        return [name for name in names if number != signal.SIGKILL or "Agent" not in name]

    wait_for(lambda: not left(), 60)
    finished = {path: path.stat().st_mtime_ns for path in slow.making.glob("?.jsonl")}
    slow.end()
    score(slow, tiny_model)
    assert finished == {slow.making / p.name: p.stat().st_mtime_ns for p in output.glob("?.jsonl")}
    assert results(output) == local(slow.folder)


def test_file_of_a_removed_node_is_scored_by_another(
    cluster: Any, tiny_model: Path, local: Local, slow: Slow
) -> None:
    def remove() -> None:
        parent, _ = processes()[slow.write_half()]
        (node,) = (node for node in cluster.worker_nodes if raylet_of(node) == parent)
        cluster.remove_node(node, allow_graceful=False)
        continued(slow)

    score(slow, tiny_model, remove)
    slow.end()
    assert results(slow.folder.with_name("out")) == local(slow.folder)


def raylet_of(node: Any) -> int:
    pid: int = node.all_processes["raylet"][0].process.pid
    return pid
