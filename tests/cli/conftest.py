"""Signals that come at a certain step of a training, whatever the clock says."""

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@contextmanager
def before_each_step(act: Callable[[int], object]) -> Iterator[None]:
    """Call ``act`` with 1, 2 … before the steps of whatever is trained in this process."""
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    step = 0

    def count(*_: object) -> None:
        nonlocal step
        step += 1
        act(step)

    hook = register_optimizer_step_pre_hook(count)
    try:
        yield
    finally:
        hook.remove()


@pytest.fixture
def stop(senticli: Run) -> Run:
    """The command line, which gets signals before a step: ``stop(30, [signal.SIGINT], *args)``."""

    def call(
        step: int, signals: Sequence[signal.Signals], *args: str | Path
    ) -> "subprocess.CompletedProcess[str]":
        came = []

        def act(now: int) -> None:
            if now == step:
                for number in signals:
                    came.append(number)
                    signal.raise_signal(number)

        with before_each_step(act):
            done = senticli(*args)
        assert came == list(signals), done.stderr
        return done

    return call


@pytest.fixture
def step_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For a search, every step of the optimizer takes a tenth of a second, and all else none."""
    from types import SimpleNamespace

    from senticli.training import search

    now = 0.0

    def act(_: int) -> None:
        nonlocal now
        now += 0.1

    monkeypatch.setattr(search, "time", SimpleNamespace(monotonic=lambda: now))
    with before_each_step(act):
        yield
