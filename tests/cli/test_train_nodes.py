"""``senticli train`` on two nodes, each with a network and a data dir of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from senticli import paths
from senticli.cli.train import resume_command

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SETTINGS = (
    *("train", "--data", "sample", "--vectors", "none", "--hidden", "8", "--embedding-dim", "8"),
    *("--layers", "2", "--batch-size", "16", "--precision", "float32", "--epochs", "2", "--json"),
)
KILLED = """
import os
from torch.optim.optimizer import register_optimizer_step_pre_hook
from senticli.cli.app import main

steps = []

def count(*_):
    steps.append(1)
    if os.environ["RANK"] == "1" and len(steps) == 40:  # 30 are an epoch
        os.kill(os.getpid(), 9)

register_optimizer_step_pre_hook(count)
main()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs network namespaces")


@dataclass(frozen=True)
class Node:
    """A machine: how a command is started there, and what it has of its own."""

    start: tuple[str, ...]
    interface: str
    address: str
    home: Path


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    """Two network namespaces with a cable between them; unless root runs this, one loopback."""
    homes = [tmp_path / f"home-{number}" for number in (1, 2)]
    if os.geteuid():
        yield [Node((), "lo", "127.0.0.1", home) for home in homes]
        return
    names = [f"s{os.getpid()}n{number}" for number in (1, 2)]  # an interface's has 15 characters
    with ExitStack() as stack:
        for name in names:
            ip("netns", "add", name)
            stack.callback(ip, "netns", "delete", name)
        first, second = names
        ip("link", "add", first, "netns", first, "type", "veth", "peer", second, "netns", second)
        found = []
        for number, (name, home) in enumerate(zip(names, homes, strict=True), start=1):
            address = f"10.99.0.{number}"
            ip("-n", name, "addr", "add", f"{address}/24", "dev", name)
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", name, "up")
            found.append(Node(("ip", "netns", "exec", name), name, address, home))
        yield found


def torchrun(nodes: list[Node], *command: str | Path) -> "list[subprocess.CompletedProcess[str]]":
    """Run a command in one process on each node."""
    processes = []
    for number, node in enumerate(nodes):
        words = (
            *(*node.start, sys.executable, "-m", "torch.distributed.run", "--rdzv-id", "reviews"),
            *("--nnodes", "2", "--nproc-per-node", "1", "--rdzv-backend", "c10d"),
            *("--rdzv-endpoint", f"{nodes[0].address}:29400", "--local-addr", node.address),
            # By default torchrun finds out by the host's name where it is.
            *("--rdzv-conf", f"is_host={int(number == 0)}", *map(str, command)),
        )
        mine = {
            "SENTICLI_HOME": str(node.home),
            "GLOO_SOCKET_IFNAME": node.interface,
            "OMP_NUM_THREADS": "1",
            "RES_OPTIONS": "timeout:1 attempts:1",  # torch looks up names, without a name server
        }
        pipe = subprocess.PIPE
        processes.append(
            subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env={**os.environ, **mine})
        )
    try:
        ended = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *streams)
        for process, streams in zip(processes, ended, strict=True)
    ]


def test_resuming_on_several_nodes_is_a_command_on_each(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "MASTER_PORT"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("MASTER_ADDR", "10.0.0.1")
    for name in ("WORLD_SIZE", "GROUP_WORLD_SIZE"):
        monkeypatch.setenv(name, "2")
    command = resume_command(paths.models_dir() / "mine", None)
    assert command == "torchrun … -m senticli train --resume --name mine, on each node"


def losses(output: str) -> list[list[float]]:
    rows = [json.loads(line) for line in output.splitlines()]
    return [[row["train_loss"], row["valid_loss"]] for row in rows if row["event"] == "epoch"]


def test_training_on_two_nodes_survives_a_killed_process(
    nodes: list[Node], senticli: Run, tmp_path: Path
) -> None:
    alone = losses(senticli(*SETTINGS, "--name", "alone").stdout)
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    first, second = torchrun(nodes, script, *SETTINGS, "--name", "mine")
    assert (first.returncode, second.returncode) == (1, 1)
    assert "error: another process of this training is gone\nhint: torchrun's" in first.stderr
    assert "connecting 2 processes …" in first.stderr
    assert "SIGKILL" in second.stderr
    assert "joining the training: " in second.stderr

    again, _ = torchrun(nodes, "-m", "senticli", "train", "--resume", "--json")
    assert again.returncode == 0, again.stderr
    both = losses(first.stdout) + losses(again.stdout)
    assert len(both) == 2
    assert both == [pytest.approx(epoch, rel=1e-4) for epoch in alone]
    model = nodes[0].home / "models" / "mine"
    assert senticli("predict", "good", "--model", model).returncode == 0
    assert not nodes[1].home.exists()


@pytest.mark.parametrize("option", ["--data", "--teacher"])
def test_error_of_the_first_process_is_seen_on_each_node(nodes: list[Node], option: str) -> None:
    for done in torchrun(nodes, "-m", "senticli", "train", option, "missing.csv"):
        assert done.returncode == 1
        assert done.stderr.count("error: cannot read missing.csv") == 1
