"""``senticli info``: all that a bug report needs, whatever is broken."""

import errno
import json
import re
from importlib.metadata import requires, version
from pathlib import Path

import pytest

from senticli import machine
from senticli.cli.app import run
from senticli.cli.info import PACKAGES


def test_json(home: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "vectors" / "x").mkdir(parents=True)
    (home / "vectors" / "x" / "vectors.npy").write_bytes(bytes(1234))
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example:3128")
    assert run(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["senticli"] == machine.code_version()
    assert found["packages"]["numpy"] == version("numpy")
    assert found["home"] == str(home)
    assert found["default_model"].endswith("models/default")
    assert found["bytes"] == {
        "datasets": 0,
        "vectors": 1234,
        "models": 0,
        "checkpoints": 0,
        "downloads": 0,
        "cache": 0,
    }
    assert found["free"] > 0
    assert found["cpu"]["cores"] >= 1
    assert "CPU" in found["devices"]["onnxruntime"]
    assert found["devices"]["torch"][0].startswith("cpu (")
    assert found["environment"]["SENTICLI_HOME"] == str(home)
    assert found["environment"]["HTTPS_PROXY"] == "http://proxy.example:3128"


def test_for_people(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_torch_devices", lambda: 1 / 0)
    monkeypatch.setattr(machine, "_onnxruntime_devices", lambda: __import__("no_such_module"))
    monkeypatch.setattr(machine, "version", lambda name: {"typer": "1.2"}[name])
    monkeypatch.setattr(machine, "PackageNotFoundError", KeyError)
    assert run(["info"]) == 0
    text = capsys.readouterr().out
    assert f"senticli       {machine.code_version()}\n" in text
    assert "typer 1.2\n" in text
    assert "not installed  rich, platformdirs, numpy" in text
    assert "torch          does not load: ZeroDivisionError" in text
    assert "onnxruntime    not installed (No module named 'no_such_module')" in text
    assert "datasets 0 bytes" in text


def test_a_cpu_that_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", absent)
    found = machine.cpu()
    assert found["features"] is None
    assert found["cores"] >= 1


@pytest.mark.parametrize("model", ["", "mine"])
def test_data_dir_that_cannot_be_read(
    home: Path, capsys, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    real = Path.stat

    def stat(path: Path, **options: bool) -> object:
        if path != home and path.is_relative_to(home):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, **options)

    home.mkdir()
    monkeypatch.setenv("SENTICLI_MODEL", model)
    monkeypatch.setattr(Path, "stat", stat)
    assert run(["info", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["bytes"].values()) == {None}
    assert run(["info"]) == 0
    assert "datasets unknown" in capsys.readouterr().out


def test_all_packages_that_senticli_may_need_are_listed() -> None:
    needed = {
        re.split(r"[^\w-]", line)[0]
        for line in requires("senticli") or ()
        if not re.search("extra == .dev", line)
    }
    assert set(PACKAGES) == needed
