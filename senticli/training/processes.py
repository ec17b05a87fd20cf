"""Training in several processes that ``torchrun`` starts: ranks and what they exchange.

The first process reads the data, and writes the model; the others get what they need from it, so
that they may run on machines without either. They send each other pickled objects: whoever can
connect to them is trusted, as by ``torchrun`` itself. torch is only loaded where there are several.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from senticli.errors import SenticliError, UsageError
from senticli.events import ignore
from senticli.machine import code_version
from senticli.training.events import OnEvent, Step
from senticli.training.packages import imported

if TYPE_CHECKING:
    import torch

PATIENCE = timedelta(hours=2)  # the others wait while the first one prepares the data
ANSWER = timedelta(minutes=5)  # the most between two processes at the same step, or to connect
GONE = "another process of this training is gone"
WHICH = "torchrun's messages, on each node, say which"
Item = TypeVar("Item")


@dataclass(frozen=True)
class Launch:
    """What ``torchrun`` has started: this is ``rank`` of ``size``, ``local_rank`` on its node."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    nodes: int = 1

    @classmethod
    def of_torchrun(cls) -> "Launch":
        """Return what the environment says. Raises UsageError: it is not that of torchrun."""
        if os.environ.get("WORLD_SIZE", "1") == "1":
            return cls()
        usual = {"LOCAL_RANK": "0", "GROUP_WORLD_SIZE": "1", **os.environ}
        names = "RANK", "WORLD_SIZE", "LOCAL_RANK", "GROUP_WORLD_SIZE", "MASTER_PORT"
        try:
            rank, size, local_rank, nodes, _ = (int(usual[name]) for name in names)
            usual["MASTER_ADDR"]
        except (KeyError, ValueError):
            raise UsageError(
                "WORLD_SIZE is set, but this process was not started by torchrun",
                "unset WORLD_SIZE, or start it with torchrun",
            ) from None
        return cls(rank, size, local_rank, nodes)


@dataclass(frozen=True)
class Processes(Launch):
    """The processes of one training, connected.

    ``patient`` connects them while the first one works for long.
    """

    patient: Any = None

    def all_reduce(self, *values: float) -> list[float]:
        """Return the sum of each value over all processes."""
        if self.size == 1:
            return list(values)
        import torch
        import torch.distributed as dist

        tensor = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(tensor)
        sums: list[float] = tensor.tolist()
        return sums

    def any(self, flag: bool) -> bool:
        """Return True if the flag is set in any process."""
        return self.all_reduce(float(flag))[0] > 0

    def share_of(self, items: Iterator[Item]) -> Iterator[Item]:
        """Return every ``size``-th item, starting at ``rank``."""
        return islice(items, self.rank, None, self.size)

    def from_first(self, make: Callable[[], Item]) -> Item:
        """Return in all processes what ``make`` returns in the first, the only one to call it.

        Raises:
            SenticliError: ``make`` raised it; or another process is gone.
        """
        if self.size == 1:
            return make()
        import torch
        import torch.distributed as dist

        made: list[Any] = [None if self.rank else _attempt(make)]
        with _translated(GONE, WHICH):
            dist.broadcast_object_list(made, group=self.patient, device=torch.device("cpu"))
        item: Item = _result(made[0])
        return item

    def each(self, make: Callable[[], Item]) -> Item:
        """Return what ``make`` returns in this process; raise if it fails in any.

        Raises:
            SenticliError: that of the first process in which ``make`` raised one; or another
                process is gone.
        """
        if self.size == 1:
            return make()
        import torch.distributed as dist

        mine = _attempt(make)
        failures: list[Any] = [None] * self.size
        with _translated(GONE, WHICH):
            dist.all_gather_object(
                failures, mine if isinstance(mine, SenticliError) else None, group=self.patient
            )
        for failure in failures:
            _result(failure)
        return _result(mine)

    def own_device(self, device: "torch.device") -> "torch.device":
        """Return the device of this process: on CUDA, a GPU of its own.

        Raises:
            SenticliError: there are fewer GPUs than processes, or ``device`` allows only one.
        """
        if self.size == 1 or device.type == "cpu":
            return device
        if device.type != "cuda":
            raise UsageError(f"several processes cannot train on {device.type}", "use `device=cpu`")
        import torch

        if self.local_rank >= torch.cuda.device_count():
            raise SenticliError(
                f"process {self.local_rank} has no GPU: there are {torch.cuda.device_count()}",
                "start fewer processes, or use `device=cpu`",
            )
        torch.cuda.set_device(self.local_rank)
        return torch.device("cuda", self.local_rank)


ALONE = Processes()


@contextmanager
def join_processes(on_event: OnEvent) -> Iterator[Processes]:
    """Yield the processes that ``torchrun`` started, connected; without it, just this one.

    Raises:
        UsageError: this is not a process of torchrun.
        SenticliError: they cannot be connected, or run different versions.
    """
    launch = Launch.of_torchrun()
    if launch.size == 1:
        yield ALONE
        return
    on_event(Step(f"connecting {launch.size} processes"))
    with imported():
        import torch
        import torch.distributed as dist

    has_gpu = torch.cuda.is_available() and dist.is_nccl_available()
    try:
        with _translated(
            "the processes of this training cannot be connected",
            "see the messages on the other nodes; their ports have to be open to each other, and "
            "GLOO_SOCKET_IFNAME=eth0 names the network interface between them",
        ):
            dist.init_process_group("cpu:gloo,cuda:nccl" if has_gpu else "gloo", timeout=ANSWER)
            patient = dist.new_group(backend="gloo", timeout=PATIENCE)
        processes = Processes(**vars(launch), patient=patient)
        require_same_versions(processes)
        yield processes
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


@contextmanager
def raised_in_all() -> Iterator[None]:
    """Raise an error of the first process in the others, too, which wait for what it sends."""
    try:
        yield
    except SenticliError as error:
        failure = error

        def fail() -> NoReturn:
            raise failure

        with join_processes(ignore) as processes:
            processes.from_first(fail)


def is_lost_connection(error: RuntimeError) -> bool:
    """Return True if the error is of torch's connections, which for gloo has no class."""
    import torch.distributed as dist

    return isinstance(error, dist.DistError) or "gloo" in str(error)


def require_same_versions(processes: Processes) -> None:
    """Raise SenticliError unless the processes run the same code, so that they do the same."""
    mine = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy"))
    mine = f"senticli {code_version()}, {mine}"
    first = processes.from_first(lambda: mine)

    def compare() -> None:
        if mine != first:
            raise SenticliError(
                f"process {processes.rank} runs {mine}, and the first {first}",
                "install the same versions on each node",
            )

    processes.each(compare)


def _attempt(make: Callable[[], Item]) -> Item | SenticliError:
    try:
        return make()
    except SenticliError as error:
        return error


def _result(made: Item | SenticliError) -> Item:
    if isinstance(made, SenticliError):
        raise made
    return made


@contextmanager
def _translated(message: str, hint: str) -> Iterator[None]:
    """Turn an error of torch's connections into ours."""
    try:
        yield
    except RuntimeError as error:
        raise SenticliError(message, hint) from error
