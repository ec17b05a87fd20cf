"""Training in several processes, as ``torchrun`` starts them: who is who, what they agree on."""

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

PATIENCE = timedelta(hours=2)
Item = TypeVar("Item")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Processes:
    """The processes of one training: this is ``rank`` of ``size``."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    def sum(self, *values: float) -> list[float]:
        """The sums of values over all processes."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        sums: list[float] = tensor.tolist()
        return sums

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any of the processes."""
        return self.sum(float(flag))[0] > 0

    def share_of(self, items: Iterator[Item]) -> Iterator[Item]:
        """Every so-manieth of the items, for this process."""
        return islice(items, self.rank, None, self.size)

    def wait(self) -> None:
        """Until all processes have come here."""
        self.any(False)


ALONE = Processes()


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """The processes that ``torchrun`` started, joined; just this one without it.

    On CUDA each process takes a GPU of its own.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Processes(device=device)
        return
    if "RANK" not in os.environ:
        raise UsageError(
            "WORLD_SIZE is set, but this is no process of torchrun",
            "unset WORLD_SIZE, or start it by torchrun",
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
    # The others wait while the first cuts the texts into words.
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Processes(rank, size, device)
    finally:
        dist.destroy_process_group()
