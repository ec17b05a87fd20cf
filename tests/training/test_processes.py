"""Several processes that train together."""

import pytest

from senticli.errors import SenticliError
from senticli.training.processes import Processes


def test_process_that_waits_for_one_that_is_gone_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("connection reset by peer")

    monkeypatch.setattr("torch.distributed.all_reduce", broken)
    with pytest.raises(SenticliError, match="another process of this training is gone"):
        Processes(rank=1, size=2).wait()
