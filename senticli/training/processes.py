"""Training in several processes that ``torchrun`` starts: ranks and what they exchange."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TypeVar

import torch
import torch.distributed as dist

from senticli.errors import SenticliError, UsageError

PATIENCE = timedelta(hours=2)  # the others wait while the first one prepares the data
GONE = "another process of this training is gone"
Item = TypeVar("Item")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Processes:
    """The processes of one training: this is ``rank`` of ``size``."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    def all_reduce(self, *values: float) -> list[float]:
        """Return the sum of each value over all processes."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        sums: list[float] = tensor.tolist()
        return sums

    def any(self, flag: bool) -> bool:
        """Return True if the flag is set in any process."""
        return self.all_reduce(float(flag))[0] > 0

    def share_of(self, items: Iterator[Item]) -> Iterator[Item]:
        """Return every ``size``-th item, starting at ``rank``."""
        return islice(items, self.rank, None, self.size)

    def wait(self) -> None:
        """Wait until all processes get here. Raises SenticliError if another is gone."""
        try:
            self.any(False)
        except RuntimeError as error:
            raise SenticliError(GONE, "see its message") from error


ALONE = Processes()


@contextmanager
def join_processes(device: torch.device) -> Iterator[Processes]:
    """Yield the processes that ``torchrun`` started, connected; without it, just this one.

    On CUDA each process takes a GPU of its own.

    Raises:
        UsageError: this is not a process of torchrun, or ``device`` allows only one.
        SenticliError: there are fewer GPUs than processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Processes(device=device)
        return
    if "RANK" not in os.environ:
        raise UsageError(
            "WORLD_SIZE is set, but this process was not started by torchrun",
            "unset WORLD_SIZE, or start it with torchrun",
        )
    if device.type == "mps":
        raise UsageError("several processes cannot train on mps", "use `device=cpu`")
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    if device.type == "cuda":
        if local >= torch.cuda.device_count():
            raise SenticliError(
                f"process {local} has no GPU: there are {torch.cuda.device_count()}",
                "start fewer processes, or use `device=cpu`",
            )
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Processes(rank, size, device)
    finally:
        dist.destroy_process_group()
