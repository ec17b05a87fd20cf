"""Several processes that train together."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from senticli.errors import ConfigError, SenticliError, UsageError
from senticli.training.processes import (
    Launch,
    Processes,
    is_lost_connection,
    require_same_versions,
)

TORCHRUN = {
    "RANK": "1",
    "WORLD_SIZE": "2",
    "LOCAL_RANK": "0",
    "GROUP_WORLD_SIZE": "2",
    "MASTER_ADDR": "10.0.0.1",
    "MASTER_PORT": "29500",
}


def test_environment_of_torchrun_says_which_process_this_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Launch.of_torchrun() == Launch(rank=0, size=1)
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    assert Launch.of_torchrun() == Launch(rank=1, size=2, local_rank=0, nodes=2)


@pytest.mark.parametrize(
    ("name", "value"),
    [("RANK", None), ("MASTER_ADDR", None), ("MASTER_PORT", ""), ("WORLD_SIZE", "x")],
)
def test_environment_of_something_else_than_torchrun_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    for each, usual in TORCHRUN.items():
        monkeypatch.setenv(each, usual)
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="was not started by torchrun"):
        Launch.of_torchrun()


def test_process_that_waits_for_one_that_is_gone_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("connection reset by peer")

    monkeypatch.setattr("torch.distributed.broadcast_object_list", broken)
    with pytest.raises(SenticliError, match="another process of this training is gone"):
        Processes(rank=1, size=2).from_first(lambda: None)


def test_bug_is_not_taken_for_a_lost_connection() -> None:
    lost = "[gloo/transport/tcp/pair.cc:525] Connection closed by peer [10.0.0.2]:40536"
    assert is_lost_connection(RuntimeError(lost))
    assert not is_lost_connection(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_processes_of_other_versions_do_not_train_together() -> None:
    class Second(Processes):
        def from_first(self, make: Callable[[], Any]) -> Any:
            return make().replace("torch ", "torch 0.")

        def each(self, make: Callable[[], Any]) -> Any:
            return make()

    with pytest.raises(SenticliError, match=r"process 1 runs senticli .*, and the first senticli"):
        require_same_versions(Second(rank=1, size=2))


def test_error_reaches_another_process_whole() -> None:
    error = ConfigError("lr", "is 0", "use `lr=0.001`")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is ConfigError
    assert str(again) == str(error)
    assert (again.message, again.hint, again.setting) == (error.message, error.hint, "lr")
