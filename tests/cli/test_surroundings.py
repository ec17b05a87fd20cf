"""Homes that do not exist, terminals that understand nothing, causes that are asked for."""

import json
import os
import pwd
import sys
from pathlib import Path

import pytest

from senticli.cli.app import run
from senticli.cli.console import markup, one_line, printable, styled

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A container's user: no entry in the list of users, no HOME, nothing set."""

    def unknown(_: int) -> object:
        raise KeyError("uid not found")

    for name in ("HOME", "SENTICLI_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "args",
    [
        ["predict", "great film"],
        ["predict", "great film", "--model", "bundled"],
        ["eval", "--data", "sample", "--json"],
        ["models", "--json"],
        ["models", "show", "--json"],
        ["info", "--json"],
    ],
)
def test_bundled_model_needs_no_home(no_home: None, capfd: Captured, args: list[str]) -> None:
    assert run(args) == 0, capfd.readouterr().err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "args",
    [
        ["download", "--list"],
        ["download", "imdb", "--offline"],
        ["train", "--data", "sample", "--vectors", "none", "--name", "x"],
        ["train", "--resume"],
        ["eval", "--data", "imdb"],
    ],
)
def test_what_needs_a_home_says_so(no_home: None, capfd: Captured, args: list[str]) -> None:
    assert run(args) == 1
    error = capfd.readouterr().err
    assert "this user has no home folder" in error
    assert "hint: set SENTICLI_HOME" in error
    assert "Traceback" not in error
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("model", [".", "./", "..", "sub/", "./sub"])
def test_path_of_a_model_is_no_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured, model: str
) -> None:
    from senticli import registry

    registry.export(registry.find("bundled"), tmp_path / "work" / "sub")
    registry.export(registry.find("bundled"), tmp_path / "work2")
    (home / "models" / "sub").mkdir(parents=True)  # no model, and not meant
    here = {".": "work/sub", "./": "work/sub", "..": "work2/in"}.get(model, "work")
    (tmp_path / here).mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / here)
    assert run(["predict", "great film", "--model", model]) == 0, capfd.readouterr().err


def test_debug_shows_the_whole_chain_of_causes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    (tmp_path / "config.json").write_text("{")
    command = ["predict", "great film", "--model", str(tmp_path)]
    assert run(command) == 1
    assert "Traceback" not in capfd.readouterr().err
    monkeypatch.setenv("SENTICLI_DEBUG", "1")
    assert run(command) == 1
    error = capfd.readouterr().err
    assert "JSONDecodeError" in error
    assert "The above exception was the direct cause" in error
    assert error.splitlines()[-1].startswith("hint: ")


def test_unexpected_error_is_one_line_and_a_hint(
    monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    from senticli import registry

    def fail(_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(registry, "find", fail)
    assert run(["predict", "great film"]) == 1
    error = capfd.readouterr().err.splitlines()
    assert error[0] == "error: unexpected ZeroDivisionError: by zero"
    assert "SENTICLI_DEBUG=1" in error[1]


def test_deep_json_is_a_broken_model(tmp_path: Path, capfd: Captured) -> None:
    (tmp_path / "config.json").write_text("[" * 100_000)
    assert run(["predict", "great film", "--model", str(tmp_path)]) == 1
    assert "is broken: config.json" in capfd.readouterr().err


def test_info_lists_every_part(home: Path, capfd: Captured) -> None:
    (home / "checkpoints").mkdir(parents=True)
    (home / "checkpoints" / "x.safetensors").write_bytes(b"12345")
    assert run(["info", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["bytes"]["checkpoints"] == 5


@pytest.mark.parametrize(
    "password", ["secret", "se/cret", "se@cret", "se?cret#", "1/2", ":secret:"]
)
def test_info_shows_no_password_of_a_proxy(
    monkeypatch: pytest.MonkeyPatch, capfd: Captured, password: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{password}@proxy:8080")
    assert run(["info", "--json"]) == 0
    environment = json.loads(capfd.readouterr().out)["environment"]
    assert environment["HTTPS_PROXY"] == "http://proxy:8080"


@pytest.mark.parametrize("text", ["-5/10, awful", "-bad film", "-1"])
def test_text_that_begins_with_a_dash_gets_a_hint(capfd: Captured, text: str) -> None:
    import shlex

    assert run(["predict", text]) == 2
    assert f"senticli predict -- {shlex.quote(text)}" in capfd.readouterr().err
    assert run(["predict", "--", text]) == 0


# --- text from outside, on a terminal

HARMFUL = "a\x1b[2Jb\x9b3J\u202ec\u200bd"


def test_harmful_characters_are_blanks() -> None:
    assert printable(HARMFUL) == "a [2Jb 3J c d"
    assert printable("a\tb\nc") == "a\tb\nc"
    assert one_line(HARMFUL + "\n") == "a [2Jb 3J c d"
    assert markup("[bold]") == r"\[bold]"


class Terminal:
    def isatty(self) -> bool:
        return True


def test_colour_where_it_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert styled("x", "1", Terminal()) == "\033[1mx\033[0m"  # type: ignore[arg-type]
    monkeypatch.setenv("TERM", "dumb")
    assert styled("x", "1", Terminal()) == "x"  # type: ignore[arg-type]


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    "args", [[], ["--explain"], ["--json"], ["--output-format", "csv"], ["--top-k", "2"]]
)
def test_terminal_is_sent_no_escape_from_texts_and_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str]
) -> None:
    import pty
    import subprocess

    from senticli import registry

    model = tmp_path / "model"
    registry.export(registry.find("bundled"), model)
    config = json.loads((model / "config.json").read_text())
    config["labels"] = ["neg\x1b[2J", "neutral\x1b[2J", "pos\x1b[2J"]
    (model / "config.json").write_text(json.dumps(config))
    (tmp_path / "in.csv").write_text(f"text\nbad {HARMFUL} film\n")
    monkeypatch.setenv("TERM", "xterm")
    primary, secondary = pty.openpty()
    command = [sys.executable, "-m", "senticli", "predict", "-i", str(tmp_path / "in.csv")]
    done = subprocess.run(
        [*command, "-m", str(model), *args], stdout=secondary, stderr=secondary, check=False
    )
    os.close(secondary)
    shown = os.read(primary, 1 << 16).decode()
    os.close(primary)
    assert done.returncode == 0, shown
    assert "film" in shown
    assert not set("\x9b\u202e\u200b") & set(shown)
    assert "\x1b[2J" not in shown
