"""The machine's hardware and packages, for bug reports."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from senticli import __version__

CPU_FEATURES = (
    "avx2",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimddp",
    "i8mm",
    "bf16",
    "sve",
)
"""Those that the speed of training and prediction depends on, as Linux names them."""


def code_version() -> str:
    """Return the version of this code; in a checkout with its commit: ``0.1.0+6ff0ef4-dirty``."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return __version__
    git = ("git", "--no-optional-locks", f"--git-dir={root / '.git'}", f"--work-tree={root}")
    describe = (*git, "describe", "--always", "--dirty", "--exclude=*")
    try:
        done = subprocess.run(describe, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # no git, or no commit
        return __version__
    return f"{__version__}+{done.stdout.strip()}"


def versions(packages: Iterable[str]) -> dict[str, str | None]:
    """Return the installed version of each package; None where there is none."""
    found: dict[str, str | None] = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def cpu() -> dict[str, Any]:
    """Return name, cores that this process may use, features, and bytes of memory, where known."""
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        cpuinfo = ""
    name = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    held = set(flags[1].split()) if flags else set()
    usable = getattr(os, "sched_getaffinity", None)
    memory = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "name": name[1] if name else platform.processor() or platform.machine(),
        "cores": len(usable(0)) if usable else os.cpu_count(),
        "features": [feature for feature in CPU_FEATURES if feature in held] if held else None,
        "memory": memory,
    }


def devices() -> dict[str, Any]:
    """Return the devices of ONNX Runtime and torch, or why one of these failed to load."""
    return {"onnxruntime": _or_reason(_onnxruntime_devices), "torch": _or_reason(_torch_devices)}


def _or_reason(ask: Any) -> list[str] | str:
    try:
        return list(ask())
    except ImportError as error:
        return f"not installed ({error})"
    except Exception as error:  # whatever is wrong with it, a bug report should say it
        return f"does not load: {type(error).__name__}: {error}"


def _onnxruntime_devices() -> list[str]:
    from senticli.runtime import import_onnxruntime

    return [
        name.removesuffix("ExecutionProvider")
        for name in import_onnxruntime().get_available_providers()
    ]


def _torch_devices() -> list[str]:
    import torch

    found = [f"cpu ({torch.get_num_threads()} threads)"]
    for index in range(torch.cuda.device_count()):
        found.append(f"cuda:{index} ({torch.cuda.get_device_name(index)})")
    if torch.backends.mps.is_available():
        found.append("mps")
    return found
