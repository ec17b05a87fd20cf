"""The device of a training, and its numeric precision."""

import os

import torch

from senticli.errors import SenticliError
from senticli.log import log
from senticli.training.network.cells import CELLS, run_layer


def choose_device(name: str) -> torch.device:
    """Return the device that ``name`` means; auto is a CUDA GPU if there is one, else the CPU.

    Raises:
        SenticliError: torch does not find it.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not found.get(name, True):
        raise SenticliError(f"torch finds no {name} device", "use `device=cpu`")
    if name == "cuda":
        # Without it, results of cuBLAS and cuDNN's RNNs may differ from run to run.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    log("training on %s", name)
    return torch.device(name)


def choose_dtype(
    device: torch.device, precision: str, rnn: str = "lstm"
) -> tuple[torch.dtype, str | None]:
    """Return the dtype to compute an ``rnn`` in, and the reason if ``auto`` is not bfloat16.

    Raises:
        SenticliError: ``precision`` is bfloat16, and the device has no fast arithmetic for it.
    """
    if precision == "float32":
        return torch.float32, None
    missing = _why_not_bfloat16(device, rnn)
    if missing is None:
        return torch.bfloat16, None
    if precision == "bfloat16":
        raise SenticliError(missing, "use `precision=float32`")
    return torch.float32, missing


def _why_not_bfloat16(device: torch.device, rnn: str) -> str | None:
    """Return why an ``rnn`` is not computed in bfloat16 on a device; None if it can be."""
    if device.type == "cpu":
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch has no public ones
        if not any(getattr(torch.cpu, probe, bool)() for probe in probes):
            return "this CPU has no bfloat16 instructions (avx512_bf16 or AMX)"
    if device.type == "cuda" and torch.cuda.get_device_capability(device)[0] < 8:
        return "this GPU has no bfloat16 instructions"
    try:
        cell = CELLS[rnn](8, 8).to(device)
        x = torch.zeros(2, 1, 8, device=device, dtype=torch.bfloat16)
        (hidden_states,) = run_layer([cell], [x])
        hidden_states.float().sum().backward()  # type: ignore[no-untyped-call]
        fast = device.type != "cuda" or "Cudnn" in type(hidden_states.grad_fn).__name__
    except (RuntimeError, TypeError):
        fast = False
    if not fast:
        return f"torch has no bfloat16 {rnn.upper()} on this {device.type} device"
    return None


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a tensor to a device; to CUDA from pinned memory, without waiting for the copy."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def describe_device(device: torch.device) -> str:
    """Return the name of a device for people, such as ``cpu, 2 threads``."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu, {threads} {'thread' if threads == 1 else 'threads'}"
    return str(device)
