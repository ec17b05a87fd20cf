"""Several processes that train together."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from senticli.errors import ConfigError, SenticliError
from senticli.training.processes import Processes, is_lost_connection, require_same_versions


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
