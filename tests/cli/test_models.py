"""``senticli models``: what is listed, shown, verified, exported, installed, removed."""

import hashlib
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
    assert (second["rnn"], second["layers"], second["hidden"]) == ("gru", 1, 16)
    assert second["labels"] == ["negative", "neutral", "positive"]
    assert 0.3 < second["accuracy"] < 1
    assert second["bytes"] == sum(path.stat().st_size for path in (stored / "second").iterdir())
    assert "config.json is not that" in rows["first"]["error"]
    assert run(["models"]) == 0
    answer, talk = out(capsys)
    assert any("second" in line and "GRU 1 × 16" in line and line[0] == "*" for line in answer)
    assert any(line.split() == ["first", "broken"] for line in answer)
    assert f"warning: the model {stored / 'first'} is broken: config.json is not that" in talk
    assert all(line == line.rstrip() for line in answer)


def test_show(stored: Path, tiny_model: Path, capsys) -> None:
    assert run(["models", "show"]) == 0
    text = "\n".join(out(capsys)[0])
    assert text.startswith("second  (the default of predict and eval)\n")
    for part in (
        f"path        {stored / 'second'}",
        "GRU, 1 × 16, both directions, max+attention pooling",
        "labels      negative, neutral, positive",
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
    origin["licences"] = {"sst5": "none stated"}  # of a teacher
    path.write_text(json.dumps(config))
    assert run(["models", "show", "second", "--json"]) == 0
    ((line,), _) = out(capsys)
    assert json.loads(line)["licences"] == {
        "imdb": "none stated; citation requested",
        "fdu-mtl": "MIT (repository); Amazon reviews",
        "glove.6B.100d": "PDDL 1.0",
        "sst5": "none stated",
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
    assert answer.stdout.startswith(("negative", "neutral", "positive"))


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
    assert run(["models", "export", "first", "-o", str(tmp_path / "mine.zip")]) == 2
    assert "ends in .tar.gz" in out(capsys)[1]
    assert not (tmp_path / "mine.zip").exists()
    (stored / "second" / "model.onnx").write_bytes(b"")
    before = (target / "model.onnx").read_bytes()
    assert run(["models", "export", "second", "-o", str(target), "--force"]) == 1
    assert "model.onnx is not what config.json recorded" in out(capsys)[1]
    assert (target / "model.onnx").read_bytes() == before
    assert run(["models", "export", "bundled", "-o", str(Path(__file__).parent)]) == 1
    assert "is there and is not a model" in out(capsys)[1]


def test_an_archive_is_exported_with_its_hash_and_installed_elsewhere(
    stored: Path, senticli: Run, tmp_path: Path
) -> None:
    target = tmp_path / "my model.tar.gz"
    done = senticli("models", "export", "first", "--output", target)
    sha256 = hashlib.sha256(target.read_bytes()).hexdigest()
    assert (done.returncode, done.stdout) == (0, f"{sha256}  {target}\n")
    line = f"senticli models pull 'my model.tar.gz' --sha256 {sha256}"
    assert done.stderr == f"install it elsewhere: {line}\n"
    elsewhere = {"SENTICLI_HOME": str(tmp_path / "elsewhere")}
    pulled = senticli("models", "pull", target, "--sha256", sha256.upper(), env=elsewhere)
    path = tmp_path / "elsewhere" / "models" / "my model"
    assert (pulled.returncode, pulled.stdout) == (0, f"{path}\n")
    assert pulled.stderr.splitlines()[-1] == "use it: senticli predict --model 'my model'"
    answer = senticli("predict", "--model", "my model", "great film", env=elsewhere)
    assert answer.returncode == 0


def test_archive_of_a_model_is_the_same_bytes_every_time(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = registry.find("first")
    first = registry.export(model, tmp_path / "a" / "mine.tar.gz").read_bytes()
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert registry.export(model, tmp_path / "b" / "mine.tar.gz").read_bytes() == first


def test_archive_that_is_there_is_replaced_by_force_only(
    stored: Path, tmp_path: Path, capsys
) -> None:
    target = tmp_path / "mine.tar.gz"
    target.write_text("mine")
    command = ["models", "export", "first", "--output", str(target)]
    assert run(command) == 1
    assert "hint: replace it with --force, or choose another place" in out(capsys)[1]
    assert run([*command, "--force", "--json"]) == 0
    sha256 = hashlib.sha256(target.read_bytes()).hexdigest()
    (line,), _ = out(capsys)
    assert json.loads(line) == {"name": "first", "path": str(target), "sha256": sha256}
    target.unlink()
    target.mkdir()
    assert run([*command, "--force"]) == 1


def test_archive_of_a_damaged_model_is_not_written(stored: Path, tmp_path: Path, capsys) -> None:
    (stored / "first" / "model.onnx").write_bytes(b"")
    assert run(["models", "export", "first", "-o", str(tmp_path / "out" / "mine.tar.gz")]) == 1
    assert "model.onnx is not what config.json recorded" in out(capsys)[1]
    assert list((tmp_path / "out").iterdir()) == []


def test_pull_prints_json(stored: Path, home: Path, tiny_model: Path, capsys) -> None:
    assert run(["models", "pull", str(tiny_model), "--json"]) == 0
    (line,), talk = out(capsys)
    sha256 = hashlib.sha256((tiny_model / "config.json").read_bytes()).hexdigest()
    path = str(stored / "tiny")
    assert json.loads(line) == {"name": "tiny", "path": path, "sha256": sha256, "verified": None}
    assert talk.splitlines() == [
        f"tiny: not verified: no SHA-256 was given; it is {sha256}",
        "use it: senticli predict --model tiny",
    ]
    assert registry.find(None).name == "second"


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        (
            ["https://me:s3cret@x.example/m.tar.gz?k=s3cret"],
            2,
            "no SHA-256 to verify https://x.example/m.tar.gz by",
            "senticli models pull https://x.example/m.tar.gz --sha256 HEX; or to accept it: "
            "senticli models pull https://x.example/m.tar.gz --no-verify",
        ),
        (["https://x.example/m/", "--offline"], 2, "network is off (--offline,", "pull FILE"),
        (["ftp://x.example/m/"], 2, "only http and https are supported", "https://host/path"),
        (["https://x.example/", "--no-verify"], 2, "--name '' cannot be", "--name NAME"),
        (["TINY", "--sha256", "12"], 2, "--sha256 is not 64 hexadecimal digits", "copy all of it"),
        (["TINY", "--sha256", "0" * 64], 1, "SHA-256 expected 000", "compare --sha256"),
        (["TINY", "--name", "first"], 1, "there is a model at", "--force, or choose another name"),
        (["/nosuch/model.tar.gz"], 1, "cannot read /nosuch/model.tar.gz", "check the file's name"),
    ],
)
def test_pull_errors(
    stored: Path, tiny_model: Path, capsys, arguments: list[str], code: int, error: str, hint: str
) -> None:
    arguments = [str(tiny_model) if one == "TINY" else one for one in arguments]
    assert run(["models", "pull", *arguments]) == code
    answer, talk = out(capsys)
    assert answer == []
    assert error in talk.splitlines()[-2]
    assert hint in talk.splitlines()[-1]
    assert "s3cret" not in talk
    assert {path.name for path in stored.iterdir() if path.is_dir()} == {"first", "second"}


def test_pull_obeys_the_variable_for_offline(server, capsys, monkeypatch) -> None:
    monkeypatch.setenv("SENTICLI_OFFLINE", "1")
    assert run(["models", "pull", f"{server.url}/mine/", "--sha256", "0" * 64]) == 2
    assert server.hits == []


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


@pytest.mark.parametrize("command", ["show", "verify", "export", "pull", "remove", "reproduce"])
def test_help_has_examples(capsys, command: str) -> None:
    assert run(["models", command, "--help"]) == 0
    text = " ".join(out(capsys)[0])
    assert text.count(f"senticli models {command}") >= 2
