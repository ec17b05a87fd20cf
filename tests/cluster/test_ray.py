"""Runs on Ray: a cluster of two nodes on this machine, and processes of a run's own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from senticli import score_files
from senticli.cluster.manifest import ScoredFile
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


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one CPU each; the second can be removed."""
    ray = import_ray()
    from ray.cluster_utils import Cluster

    settings = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")
        running = Cluster(initialize_head=True, head_node_args=settings)
        running.second = running.add_node(num_cpus=1, object_store_memory=STORE)
        ray.init(address=running.address, log_to_driver=False, logging_level="ERROR")
        yield running
        ray.shutdown()
        running.shutdown()


def processes() -> dict[int, tuple[int, str]]:
    """The parent and the command of each process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            found[int(folder.name)] = (parent, (folder / "cmdline").read_text().replace("\0", " "))
    return found


def descendants(pid: int) -> set[int]:
    """All processes below one."""
    running, found = processes(), {pid}
    while more := {child for child, (parent, _) in running.items() if parent in found} - found:
        found |= more
    return found - {pid}


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def in_the_making(folder: Path, name: str) -> list[Path]:
    """What a worker writes at the moment."""
    return [path for path in folder.glob(f".*/{name}.partial") if path.stat().st_size]


def score(folder: Path, model: Path, after_first: Callable[[], object]) -> tuple[ScoredFile, ...]:
    """Score a folder slowly by two workers, and do something when a file is finished."""
    acts = [after_first]

    def on_event(event: object) -> None:
        if isinstance(event, Progress) and event.done and acts:
            acts.pop()()

    output = folder.with_name("out")
    summary = score_files(
        folder,
        output,
        model=model,
        text_column="review",
        workers=2,
        batch_size=1,
        on_event=on_event,
    )
    assert not acts
    assert summary.rows_in == summary.rows_out == 1500 + 3 * 150
    assert sorted(path.name for path in output.iterdir() if path.name[0] in "._") == [
        *("_SUCCESS", "_manifest.jsonl")
    ]
    return summary.files


def test_results_are_those_of_a_local_run(
    cluster: Any, tiny_model: Path, local: Local, odd: Path, tmp_path: Path
) -> None:
    summary = score_files(odd, tmp_path / "out", model=tiny_model, text_column="review")
    assert results(tmp_path / "out") == local(odd)
    assert summary.rows_in == summary.rows_out == 17


def test_files_of_killed_workers_are_scored_by_others(
    cluster: Any, tiny_model: Path, local: Local, long: Path
) -> None:
    def kill() -> None:
        wait_for(lambda: in_the_making(long.with_name("out.partial"), "long.jsonl"))
        pids = [pid for pid, (_, name) in processes().items() if "MapBatches(Worker)" in name]
        assert len(pids) == 2
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    score(long, tiny_model, kill)
    assert results(long.with_name("out")) == local(long)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_ended_run_leaves_no_process_and_is_continued(
    start_senticli: Start,
    cluster: Any,
    tiny_model: Path,
    local: Local,
    long: Path,
    number: signal.Signals,
    code: int,
) -> None:
    args = ("--input", long, "--output", long.with_name("out"), "--text-column", "review")
    process = start_senticli(
        *("predict", "--engine", "ray", "--workers", "2", "--batch-size", "1"),
        *("--model", tiny_model, "--address", "local", *args),
    )
    making = long.with_name("out.partial")
    manifest = making / "_manifest.jsonl"

    def lines() -> list[str]:
        assert process.poll() is None, process.communicate()
        return manifest.read_text().splitlines() if manifest.exists() else []

    wait_for(lambda: len(lines()) > 1 and in_the_making(making, "long.jsonl"))
    begun = descendants(process.pid)
    assert len(begun) > 3
    before = {ScoredFile.from_json(line).name for line in lines()[1:]}
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    if number == signal.SIGINT:
        note = f"note: what is finished is in {making}, and another run continues it"
        assert errors.splitlines() == [note, "interrupted"]
    wait_for(lambda: not begun & processes().keys(), 60)
    stamps = {name: (making / name).stat().st_mtime_ns for name in before}
    score(long, tiny_model, lambda: None)
    out = long.with_name("out")
    assert stamps == {name: (out / name).stat().st_mtime_ns for name in before}
    assert results(out) == local(long)


def test_files_of_a_removed_node_are_scored_by_others(
    cluster: Any, tiny_model: Path, local: Local, long: Path
) -> None:
    def remove() -> None:
        cluster.remove_node(cluster.second, allow_graceful=False)

    score(long, tiny_model, remove)
    assert results(long.with_name("out")) == local(long)
