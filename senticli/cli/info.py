"""``senticli info``: versions, places, sizes and the machine, for bug reports."""

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from senticli.cli.options import Json
from senticli.errors import SenticliError

EXAMPLES = ("senticli info", "senticli info --json")

PACKAGES = (
    *("typer", "rich", "platformdirs", "numpy", "onnxruntime", "httpx", "filelock"),
    *("torch", "torchtext", "spacy", "safetensors", "onnx", "gensim", "pyarrow", "zstandard"),
    *("matplotlib", "optuna", "jinja2", "ray"),
)
PARTS = ("datasets", "vectors", "models", "checkpoints", "downloads", "cache")
VARIABLES = (
    *("SENTICLI_HOME", "SENTICLI_MODEL", "SENTICLI_OFFLINE", "SENTICLI_MIRROR", "SENTICLI_DEBUG"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("NO_COLOR", "OMP_NUM_THREADS"),
)


def info(as_json: Json = False) -> None:
    """Show versions, paths, sizes, CPU features and devices, to paste into a bug report.

    JSON fields: senticli, python, platform, packages, executable, package, home, default_model,
    bytes (by part of the data dir; null where it cannot be read), free, cpu (name, cores,
    features, memory), devices, environment.
    """
    from senticli.cli.console import print_facts, print_json, status

    with status("asking torch and ONNX Runtime"):
        found = _gather()
    if as_json:
        print_json(found)
    else:
        print_facts(_lines(found))


def _gather() -> dict[str, Any]:
    import senticli
    from senticli import machine, paths
    from senticli.io.disk import free_space

    try:
        home: Path | None = paths.home()
    except paths.NoHomeError:
        home = None
    environment = {
        name: _without_secrets(name, os.environ[name])
        for variable in VARIABLES
        for name in (variable, variable.lower())
        if name in os.environ
    }
    return {
        "senticli": machine.code_version(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "packages": machine.versions(PACKAGES),
        "home": str(home) if home else None,
        "package": str(Path(senticli.__file__).parent),
        "executable": sys.executable,
        "default_model": _default_model(),
        "bytes": {part: _size(home / part) if home else 0 for part in PARTS},
        "free": free_space(home) if home else None,
        "cpu": machine.cpu(),
        "devices": machine.devices(),
        "environment": environment,
    }


def _size(path: Path) -> int | None:
    from senticli.io.disk import size_of

    try:
        return size_of(path)
    except OSError:
        return None


def _without_secrets(name: str, value: str) -> str:
    from senticli.download.urls import is_url, proxy_without_password, without_password

    if name.upper().endswith("_PROXY"):
        return proxy_without_password(value)
    return without_password(value) if is_url(value) else value


def _default_model() -> str:
    from senticli import registry

    try:
        return str(registry.default_path())
    except (SenticliError, OSError) as error:  # a bug report is wanted most where all is broken
        return str(error)


def _lines(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from senticli.io.disk import size_text

    def size(value: int | None) -> str:
        return "unknown" if value is None else size_text(value)

    for name in ("senticli", "python", "platform"):
        yield name, found[name]
    packages = found["packages"].items()
    yield "packages", ", ".join(f"{name} {version}" for name, version in packages if version)
    absent = [name for name, version in packages if not version]
    if absent:
        yield "not installed", ", ".join(absent)
    for name in ("executable", "package", "home"):
        yield name, found[name] or "none: set SENTICLI_HOME"
    yield "  holds", ", ".join(f"{part} {size(value)}" for part, value in found["bytes"].items())
    yield "  free", size(found["free"])
    yield "default model", found["default_model"]
    cpu = found["cpu"]
    yield "cpu", f"{cpu['name']}, {cpu['cores']} cores, {size(cpu['memory'])} of memory"
    features = cpu["features"]
    yield "  features", "unknown" if features is None else " ".join(features) or "none that matter"
    for engine, devices in found["devices"].items():
        yield engine, devices if isinstance(devices, str) else ", ".join(devices)
    for name, value in found["environment"].items():
        yield name, value
