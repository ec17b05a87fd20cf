"""Several processes that train together."""

import pickle

import pytest

from senticli.errors import ConfigError, SenticliError
from senticli.training.processes import Processes


def test_process_that_waits_for_one_that_is_gone_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("connection reset by peer")

    monkeypatch.setattr("torch.distributed.broadcast_object_list", broken)
    with pytest.raises(SenticliError, match="another process of this training is gone"):
        Processes(rank=1, size=2).from_first(lambda: None)


def test_error_reaches_another_process_whole() -> None:
    error = ConfigError("lr", "is 0", "use `lr=0.001`")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is ConfigError
    assert str(again) == str(error)
    assert (again.message, again.hint, again.setting) == (error.message, error.hint, "lr")
