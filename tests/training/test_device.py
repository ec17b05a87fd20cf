"""Devices and arithmetic: what is not there is told."""

import pytest
import torch

from senticli.errors import SenticliError
from senticli.training import device
from senticli.training.device import choose_device, choose_dtype, name_of

CPU = torch.device("cpu")


def test_auto_is_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == CPU
    with pytest.raises(SenticliError, match="no cuda device") as caught:
        choose_device("cuda")
    assert "`device=cpu`" in caught.value.hint
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"
    assert choose_device("cpu") == CPU


def test_mps_only_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SenticliError, match="no mps device"):
        choose_device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("mps").type == "mps"


def test_bfloat16_needs_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    dtype, why = choose_dtype(CPU, "auto")
    assert dtype == torch.float32
    assert why is not None
    assert "no bfloat16 instructions" in why
    assert choose_dtype(CPU, "float32") == (torch.float32, None)
    with pytest.raises(SenticliError, match="no bfloat16 instructions") as caught:
        choose_dtype(CPU, "bfloat16")
    assert "`precision=float32`" in caught.value.hint


def test_bfloat16_needs_a_network_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("not implemented for 'BFloat16'")

    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    monkeypatch.setattr(device, "run_layer", fails)
    assert choose_dtype(CPU, "auto")[0] == torch.float32


def test_names() -> None:
    assert name_of(CPU).startswith("cpu, ")
    assert name_of(torch.device("mps")) == "mps"
