"""``senticli models``: what is listed, shown, verified, exported, removed."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from senticli import registry
from senticli.bundle import FILES
from senticli.cli.app import run
from senticli.machine import code_version

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def stored(tiny_model: Path, home: Path) -> Path:
    """The models folder with ``first`` and ``second``, the default."""
    for name in ("first", "second"):
        shutil.copytree(tiny_model, home / "models" / name)
    registry.remember(home / "models" / "second")
    return home / "models"


def out(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], str]:
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err


def test_without_any_the_bundled_one_is_listed(home: Path, capsys) -> None:
    assert run(["models"]) == 0
    answer, talk = out(capsys)
    assert answer[0].split() == ["model", "accuracy", "network", "labels", "size", "age"]
    assert answer[1].split()[:2] == ["*", "bundled"]
    assert len(answer) == 2
    assert "* is the default" in talk
    assert not home.exists()


def test_list(stored: Path, capsys) -> None:
    (stored / "first" / "config.json").write_text("{")
    assert run(["models", "--json"]) == 0
    rows = {row["name"]: row for row in map(json.loads, out(capsys)[0])}
    assert set(rows) == {"bundled", "first", "second"}
    assert [name for name, row in rows.items() if row["default"]] == ["second"]
    second = rows["second"]
    assert second["path"] == str(stored / "second")
    assert (second["rnn"], second["layers"], second["hidden"]) == ("lstm", 1, 16)
    assert second["labels"] == ["negative", "positive"]
    assert 0.4 < second["accuracy"] < 1
    assert second["bytes"] == sum(path.stat().st_size for path in (stored / "second").iterdir())
    assert "config.json is not that" in rows["first"]["error"]
    assert run(["models"]) == 0
    answer, talk = out(capsys)
    assert any("second" in line and "LSTM 1 × 16" in line and line[0] == "*" for line in answer)
    assert any(line.split() == ["first", "broken"] for line in answer)
    assert f"warning: the model {stored / 'first'} is broken: config.json is not that" in talk
    assert all(line == line.rstrip() for line in answer)


def test_show(stored: Path, tiny_model: Path, capsys) -> None:
    assert run(["models", "show"]) == 0
    text = "\n".join(out(capsys)[0])
    assert text.startswith("second  (the default of predict and eval)\n")
    for part in (
        f"path        {stored / 'second'}",
        "LSTM, 1 × 16, both directions, max+attention pooling",
        "labels      negative, positive",
        "data        sample",
        "epochs      3 in ",
        "senticli train --data sample --vectors none",
        f"versions    senticli {code_version()}, python 3.",
        "torch 2.",
        "sample/train",
    ):
        assert part in text, part
    assert any(block in text for block in "▂▃▄▅▆▇█")
    assert run(["models", "show", str(tiny_model), "--json"]) == 0
    (line,), _ = out(capsys)
    shown = json.loads(line)
    config = json.loads((tiny_model / "config.json").read_text())
    assert {key: shown[key] for key in config} == config
    assert shown["name"] == str(tiny_model)
    assert [epoch["epoch"] for epoch in shown["history"]] == [1, 2, 3]
    assert shown["default"] is False


def test_show_names_the_licences_of_data_and_vectors(stored: Path, capsys) -> None:
    path = stored / "second" / "config.json"
    config = json.loads(path.read_text())
    origin = config["provenance"]
    origin["sha256"]["data"] |= {"imdb/train": "", "fdu-mtl/unlabelled": "", "mine.csv": ""}
    origin["train"]["vectors"] = "glove.6B.100d+own"
    path.write_text(json.dumps(config))
    assert run(["models", "show", "second", "--json"]) == 0
    ((line,), _) = out(capsys)
    assert json.loads(line)["licences"] == {
        "imdb": "none stated; citation requested",
        "fdu-mtl": "MIT (repository); Amazon reviews",
        "glove.6B.100d": "PDDL 1.0",
    }
    assert run(["models", "show", "second"]) == 0
    assert "licence     glove.6B.100d: PDDL 1.0" in out(capsys)[0]


def test_verify(stored: Path, capsys) -> None:
    assert run(["models", "verify"]) == 0
    assert out(capsys)[0] == ["bundled: ok", "first: ok", "second: ok"]
    weights = stored / "first" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    (stored / "first" / "vocab.txt").unlink()
    assert run(["models", "verify", "second", "first", "--json"]) == 1
    answer, talk = out(capsys)
    good, bad = map(json.loads, answer)
    assert good == {"name": "second", "path": str(stored / "second"), "ok": True, "damaged": {}}
    assert bad["ok"] is False
    assert bad["damaged"] == {
        "model.safetensors": "model.safetensors is not what config.json recorded",
        "vocab.txt": "No such file or directory",
    }
    assert "error: missing or damaged: first" in talk
    assert run(["models", "verify", "absent"]) == 1
    assert "there is no model 'absent'" in out(capsys)[0][0]


def test_an_exported_model_is_all_that_predict_needs(
    stored: Path, senticli: Run, tmp_path: Path
) -> None:
    target = tmp_path / "to" / "mine"
    done = senticli("models", "export", "first", "--output", target)
    assert (done.returncode, done.stdout) == (0, f"{target}\n")
    assert {path.name for path in target.iterdir()} == {"config.json", *FILES}
    for name in FILES:
        assert (target / name).read_bytes() == (stored / "first" / name).read_bytes()
    shutil.rmtree(stored)
    answer = senticli("predict", "--model", target, "great film")
    assert answer.returncode == 0
    assert answer.stdout.startswith(("positive", "negative"))


def test_exported_model_names_no_folders(
    home: Path, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config_file = stored / "first" / "config.json"
    config = json.loads(config_file.read_text())
    own = str(tmp_path / "home of mine" / "reviews.csv")
    config["provenance"] |= {
        "command": f"senticli train --data '{own}' --valid=/x/y/v.csv --vectors ~/g.txt --lr 0.1",
        "sha256": {"data": {own: "1", "/else/reviews.csv": "2", "imdb/train": "3"}, "vectors": "4"},
    }
    config["provenance"]["train"] |= {"data": [own], "vectors": "/a/g.txt", "init": "/b/model"}
    config_file.write_text(json.dumps(config))
    registry.export(registry.find("first"), tmp_path / "mine")
    origin = json.loads((tmp_path / "mine" / "config.json").read_text())["provenance"]
    assert origin["command"] == (
        "senticli train --data reviews.csv --valid=v.csv --vectors g.txt --lr 0.1"
    )
    assert origin["sha256"]["data"] == {"reviews.csv": "1", "reviews.csv'": "2", "imdb/train": "3"}
    train = origin["train"]
    assert (train["data"], train["vectors"], train["init"]) == (["reviews.csv"], "g.txt", "model")
    assert registry.find(str(tmp_path / "mine")).recipe.train.data == ("reviews.csv",)
    assert own in config_file.read_text()


def test_export_errors(stored: Path, tmp_path: Path, capsys) -> None:
    target = tmp_path / "mine"
    assert run(["models", "export", "first", "-o", str(target)]) == 0
    assert run(["models", "export", "second", "-o", str(target)]) == 1
    assert "replace it with --force" in out(capsys)[1]
    out(capsys)
    assert run(["models", "export", "second", "-o", str(target), "--force", "--json"]) == 0
    assert json.loads(out(capsys)[0][0]) == {"name": "second", "path": str(target)}
    assert run(["models", "export", "first", "-o", str(stored / "first"), "--force"]) == 2
    assert "onto itself" in out(capsys)[1]
    (stored / "second" / "model.onnx").write_bytes(b"")
    before = (target / "model.onnx").read_bytes()
    assert run(["models", "export", "second", "-o", str(target), "--force"]) == 1
    assert "model.onnx is not what config.json recorded" in out(capsys)[1]
    assert (target / "model.onnx").read_bytes() == before
    assert run(["models", "export", "bundled", "-o", str(Path(__file__).parent)]) == 1
    assert "is there and is not a model" in out(capsys)[1]


def test_the_environment_names_the_default(stored: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("SENTICLI_MODEL", "first")
    assert run(["models", "--json"]) == 0
    rows = map(json.loads, out(capsys)[0])
    assert [row["name"] for row in rows if row["default"]] == ["first"]
    assert run(["models", "show"]) == 0
    assert out(capsys)[0][0] == "first  (the default of predict and eval)"


def test_a_link_is_removed_and_not_what_it_leads_to(stored: Path, home: Path, capsys) -> None:
    (stored / "link").symlink_to("second")
    assert run(["models", "remove", "link", "link", "--yes"]) == 0
    assert {path.name for path in stored.iterdir()} == {"first", "second"}
    assert (home / "last-model").exists()


@pytest.mark.parametrize("content", [b"nul\0", b"", None])
def test_where_the_default_is_unreadable(home: Path, capsys, content: bytes | None) -> None:
    home.mkdir()
    if content is None:
        (home / "last-model").mkdir()
    else:
        (home / "last-model").write_bytes(content)
    assert run(["models"]) == 0
    assert run(["info"]) == 0
    assert any("default model cannot read" in " ".join(line.split()) for line in out(capsys)[0])
    assert run(["models", "show"]) == 1
    assert "hint: name a model, such as bundled" in out(capsys)[1]


def test_names_that_cannot_be(tmp_path: Path, capsys) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert run(["models", "show", "a" * 9_000]) == 1
    assert run(["models", "show", str(tmp_path / "loop")]) == 1
    assert run(["models", "verify", "esc\033[31m"]) == 1
    assert "\033" not in "".join(out(capsys)[0])
    assert run(["models", "export", "bundled", "--output", str(tmp_path / "loop")]) == 1
    assert "is no place for a model" in out(capsys)[1]


def test_remove(stored: Path, home: Path, capsys) -> None:
    assert run(["models", "remove", "first"]) == 2
    assert "hint: senticli models remove first --yes" in out(capsys)[1]
    assert run(["models", "remove", "first", "absent", "--yes"]) == 1
    assert "there is no model 'absent'" in out(capsys)[1]
    assert run(["models", "remove", "bundled", "--yes"]) == 2
    assert "part of senticli" in out(capsys)[1]
    assert run(["models", "remove", "../models/first", "--yes"]) == 1
    assert {path.name for path in stored.iterdir()} == {"first", "second"}
    assert run(["models", "remove", "first", "--yes"]) == 0
    assert (home / "last-model").exists()
    assert out(capsys)[0] == []
    assert run(["models", "remove", "second", "--yes", "--json"]) == 0
    assert out(capsys)[0] == ['{"name": "second", "removed": true}']
    assert list(stored.iterdir()) == []
    # The default is gone: the bundled model takes its place.
    assert registry.find(None).name == "bundled"


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("typed", "code", "left"), [("n", 1, 1), ("y", 0, 0), ("\x03", 130, 1)])
def test_remove_asks(stored: Path, typed: str, code: int, left: int) -> None:
    import pty

    child, terminal = pty.fork()
    if child == 0:
        # Ignored, Ctrl-C would stay so: as where the tests themselves run in the background.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        arguments = ["-m", "senticli", "models", "remove", "first"]
        os.execv(sys.executable, [sys.executable, *arguments])
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(terminal, 1000)
    assert str(stored / "first").encode() in shown
    os.write(terminal, f"{typed}\n".encode())
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == code
    assert (stored / "first").exists() == bool(left)


def test_json_before_a_command(capsys) -> None:
    assert run(["models", "--json", "show"]) == 2
    assert "hint: senticli models show … --json" in out(capsys)[1]


def test_reproduce(stored: Path, senticli: Run, capsys, monkeypatch) -> None:
    """The command trains the same weights again."""
    assert run(["models", "reproduce", "first"]) == 0
    (command,), talk = out(capsys)
    assert talk == ""
    words = shlex.split(command)
    assert words[:2] == ["senticli", "train"]
    done = senticli(*words[1:])
    assert done.returncode == 0, done.stderr
    weights = [stored / name / "model.safetensors" for name in ("first", "first-again")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    config = json.loads((stored / "first" / "config.json").read_text())
    config["provenance"]["versions"] |= {"senticli": "0.0.1+abcdef0", "torch": "1.0"}
    (stored / "first" / "config.json").write_text(json.dumps(config))
    assert run(["models", "reproduce", "first", "--json"]) == 0
    shown = json.loads(out(capsys)[0][0])
    assert shown["command"] == command
    assert shown["differs"] == {
        "senticli": ["0.0.1+abcdef0", code_version()],
        "torch": ["1.0", version("torch")],
    }
    assert run(["models", "reproduce", "first"]) == 0
    assert "warning: torch was 1.0 and is 2." in out(capsys)[1]


@pytest.mark.parametrize("command", ["show", "verify", "export", "remove", "reproduce"])
def test_help_has_examples(capsys, command: str) -> None:
    assert run(["models", command, "--help"]) == 0
    text = " ".join(out(capsys)[0])
    assert text.count(f"senticli models {command}") >= 2
