"""What a command imports decides how fast it starts: modules are checked, not milliseconds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TRAINING = {"torch", "spacy", "torchtext", "onnx", "safetensors", "thinc", "gensim"}
CLUSTER = {"ray", "fsspec"}
HEAVY = {*TRAINING, *CLUSTER, "numpy", "onnxruntime", "httpx"}


def loaded(*args: str) -> set[str]:
    """The top-level modules in memory after a command has run, in a process of its own."""
    code = (
        "import sys, json\n"
        "from senticli.cli.app import run\n"
        f"code = run({list(args)!r})\n"
        "names = sorted({name.partition('.')[0] for name in sys.modules})\n"
        "sys.stderr.write('\\n' + json.dumps([code, names]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, input="")
    code_and_names = json.loads(done.stderr.splitlines()[-1])
    assert code_and_names[0] == 0, done.stderr
    return set(code_and_names[1])


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["eval", "--help"],
        ["predict", "--help"],
        ["download", "--help"],
        ["download", "--list"],
        ["download", "imdb", "--dry-run"],
        ["models"],
        ["models", "--help"],
        ["models", "show", "--help"],
        ["info", "--help"],
    ],
)
def test_help_and_version_import_nothing_heavy(args: list[str]) -> None:
    assert not loaded(*args) & HEAVY


def test_predict_runs_on_numpy_and_onnxruntime_alone(tiny_model: Path) -> None:
    modules = loaded("predict", "great film", "--model", str(tiny_model))
    assert not modules & (TRAINING | CLUSTER | {"httpx", "rich", "jinja2"})
    assert {"numpy", "onnxruntime"} <= modules


def test_eval_runs_on_numpy_and_onnxruntime_alone(tiny_model: Path) -> None:
    modules = loaded("eval", "--data", "sample", "--model", str(tiny_model), "--json")
    assert not modules & (TRAINING | CLUSTER | {"httpx", "rich", "jinja2"})


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import senticli, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert not set(done.stdout.split()) & (HEAVY | {"typer", "rich"})


def test_loading_a_model_in_python(tiny_model: Path) -> None:
    code = (
        "import sys, senticli\n"
        "before = 'numpy' in sys.modules\n"
        f"model = senticli.load({str(tiny_model)!r})\n"
        "results = model.predict(['great film', ''])\n"
        "print(before, [type(result) is senticli.Prediction for result in results])\n"
        "print(sorted({'torch', 'spacy', 'typer', 'rich'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["False [True, True]", "[]"], done.stderr
