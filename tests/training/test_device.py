"""Devices and precision: what is not available is an error, or has a reason."""

import pytest
import torch

from senticli.errors import SenticliError
from senticli.training import device
from senticli.training.device import choose_device, choose_dtype, describe_device

CPU = torch.device("cpu")


@pytest.fixture
def no_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)


@pytest.mark.parametrize(("has_gpu", "kind"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_the_gpu_if_there_is_one(
    has_gpu: bool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert choose_device("auto").type == kind


def test_cpu_is_chosen_beside_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("cpu") == CPU


@pytest.mark.parametrize(("name", "backend"), [("cuda", torch.cuda), ("mps", torch.backends.mps)])
def test_a_missing_device_is_an_error(
    name: str, backend: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "is_available", lambda: False)
    with pytest.raises(SenticliError, match=f"no {name} device") as caught:
        choose_device(name)
    assert "`device=cpu`" in caught.value.hint


def test_mps_is_chosen_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("mps").type == "mps"


def test_float32_needs_no_reason() -> None:
    assert choose_dtype(CPU, "float32") == (torch.float32, None)


@pytest.mark.usefixtures("no_bfloat16")
def test_auto_without_bfloat16_is_float32_with_the_reason() -> None:
    dtype, reason = choose_dtype(CPU, "auto")
    assert dtype == torch.float32
    assert reason is not None
    assert "no bfloat16 instructions" in reason


@pytest.mark.usefixtures("no_bfloat16")
def test_bfloat16_on_a_cpu_without_it_is_an_error() -> None:
    with pytest.raises(SenticliError, match="no bfloat16 instructions") as caught:
        choose_dtype(CPU, "bfloat16")
    assert "`precision=float32`" in caught.value.hint


def test_auto_is_float32_if_torch_cannot_run_the_rnn_in_bfloat16(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("not implemented for 'BFloat16'")

    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    monkeypatch.setattr(device, "run_layer", fail)
    assert choose_dtype(CPU, "auto")[0] == torch.float32


def test_cpu_is_described_with_its_threads() -> None:
    assert describe_device(CPU).startswith("cpu, ")


def test_other_devices_are_described_by_their_name() -> None:
    assert describe_device(torch.device("mps")) == "mps"
