"""Other classifiers, each in a virtual environment of its own, and how whole processes are timed.

A peer reads one text a line and prints its scores, one line a text: those of :data:`LABELS`, with
tabs between. It is trained on a file of rows, JSON objects with ``text`` and ``label``. POSIX only
(os.wait4).
"""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LABELS = ("negative", "neutral", "positive")

# Linux counts into a process's peak memory that of the process which started it, so a small one
# does. Its own start-up is not timed.
MEASURE = """
import os, sys, time

stdin, stdout, stderr, *command = sys.argv[1:]
write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
files = (stdin, os.O_RDONLY), (stdout, write), (stderr, write)
opened = [(os.POSIX_SPAWN_OPEN, number, *file, 0o600) for number, file in enumerate(files)]
started = time.perf_counter()
process = os.posix_spawn(command[0], command, os.environ, file_actions=opened)
_, status, usage = os.wait4(process, 0)
print(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, status)
"""

READ_ROWS = """
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    rows = [(row["text"], row["label"]) for row in map(json.loads, file)]
"""

PRINT_SCORES = """
def print_scores(scores):
    print(*(scores.get(label, 0.0) for label in ("negative", "neutral", "positive")), sep="\\t")
"""

# Positive from a compound score of 0.05, negative from -0.05, as its authors say; it has 4 digits.
VADER = """
import sys
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

scores = SentimentIntensityAnalyzer().polarity_scores
for line in sys.stdin:
    compound = scores(line)["compound"]
    print(-compound, 0.04995, compound, sep="\\t")
"""

# Its authors name no limits: only 0 is neutral.
TEXTBLOB = """
import sys
from textblob import TextBlob

for line in sys.stdin:
    polarity = TextBlob(line).polarity
    print(-polarity, 1e-9, polarity, sep="\\t")
"""

# min_df, sublinear_tf and C were chosen on the last tenth of IMDB's train, after training on the
# rest.
SKLEARN_TRAIN = """
import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

model = make_pipeline(
    TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
    LogisticRegression(C=10, max_iter=1000),
)
model.fit(*zip(*rows))
joblib.dump(model, sys.argv[2])
"""

SKLEARN = """
import sys
from itertools import islice
import joblib

model = joblib.load(sys.argv[1])
while lines := list(islice(sys.stdin, 1000)):
    for row in model.predict_proba(lines).tolist():
        print_scores(dict(zip(model.classes_, row)))
"""

# fastText itself splits at spaces only; its own examples prepare text much like this.
FASTTEXT_PREPARE = r"""
import re
import sys
import fasttext

def prepare(line):
    line = line.replace("<br />", " ").lower()
    return re.sub(r"([.!?,'\"/():;])", r" \1 ", line).strip()
"""

# The dimension is that of fastText's paper; rate and epochs were chosen in that way too.
FASTTEXT_TRAIN = """
import random
from pathlib import Path

random.Random(1).shuffle(rows)
prepared = Path(sys.argv[2] + ".txt")
prepared.write_text(
    "".join(f"__label__{label} {prepare(text)}\\n" for text, label in rows), encoding="utf-8"
)
model = fasttext.train_supervised(
    str(prepared), wordNgrams=2, dim=10, lr=0.25, epoch=10, thread=1, verbose=0
)
model.save_model(sys.argv[2])
prepared.unlink()
"""

FASTTEXT = """
model = fasttext.load_model(sys.argv[1])
for line in sys.stdin:
    [labels], [scores] = model.predict([prepare(line)], k=-1)
    print_scores({label.removeprefix("__label__"): score for label, score in zip(labels, scores)})
"""


@dataclass(frozen=True)
class Peer:
    """A classifier from PyPI: how to install it, train it and run it."""

    name: str
    distributions: tuple[str, ...]  # tried in turn
    module: str
    predict: str
    train: str = ""
    model: str = ""  # the trained file; of an untrained peer, what of site-packages it reads


PEERS = {
    "vader": Peer(
        name="VADER",
        distributions=("vaderSentiment",),
        module="vaderSentiment",
        predict=VADER,
        model="vaderSentiment/*lexicon.txt",
    ),
    "textblob": Peer(
        name="TextBlob",
        distributions=("textblob",),
        module="textblob",
        predict=TEXTBLOB,
        model="textblob/en/en-sentiment.xml",
    ),
    "sklearn": Peer(
        name="TF-IDF(1,2) + logistic regression",
        distributions=("scikit-learn",),
        module="sklearn",
        predict=PRINT_SCORES + SKLEARN,
        train=READ_ROWS + SKLEARN_TRAIN,
        model="model.joblib",
    ),
    "fasttext": Peer(
        name="fastText",
        distributions=("fasttext", "fasttext-wheel"),
        module="fasttext",
        predict=FASTTEXT_PREPARE + PRINT_SCORES + FASTTEXT,
        train=READ_ROWS + FASTTEXT_PREPARE + FASTTEXT_TRAIN,
        model="model.bin",
    ),
}


class Failure(Exception):
    """One system cannot be measured; the others still can."""


@dataclass(frozen=True)
class Installed:
    """A peer that is ready to run."""

    version: str
    command: list[str]
    model_bytes: int


@dataclass(frozen=True)
class Run:
    """What one whole process took."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def write_rows(path: Path, rows: Iterable[tuple[str, str]]) -> Path:
    """Write texts and labels for peers to be trained on; return the path."""
    with path.open("w", encoding="utf-8") as file:
        for text, label in rows:
            file.write(json.dumps({"text": one_line(text), "label": label}) + "\n")
    return path


def one_line(text: str) -> str:
    """Return a text without line breaks."""
    return " ".join(text.splitlines())


def polarity(line: str) -> str:
    """Return what a line of scores answers where only two labels count; a tie is positive."""
    negative, _, positive = map(float, line.split("\t"))
    return "positive" if positive >= negative else "negative"


def install_peer(key: str, cache: Path, rows: Path) -> Installed:
    """Return a peer in a virtual environment of its own, trained on ``rows`` if it needs to be."""
    peer = PEERS[key]
    home = cache / f"{key}-{digest(sys.version, repr(peer.distributions))}"
    python = home / "venv" / "bin" / "python"
    version = home / "version"
    if not version.exists():
        version.write_text(install(peer, home / "venv"), encoding="utf-8")
    program = home / "predict.py"
    program.write_text(peer.predict, encoding="utf-8")
    command = [str(python), str(program)]
    models = list(home.glob(f"venv/lib/python*/site-packages/{peer.model}"))
    if peer.train:
        trained = home / digest(peer.train, rows.read_text(encoding="utf-8"))
        trained.mkdir(exist_ok=True)
        models = [trained / peer.model]
        (trained / "train.py").write_text(peer.train, encoding="utf-8")
        make_model(peer.name, [str(python), str(trained / "train.py"), str(rows)], models[0])
        command.append(str(models[0]))
    return Installed(version.read_text(encoding="utf-8"), command, size(models))


def install(peer: Peer, venv: Path) -> str:
    """Install the first of the peer's distributions that will; return its name and version."""
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    errors = []
    for distribution in peer.distributions:
        say(f"installing {distribution}")
        ask = f"import {peer.module}, importlib.metadata as m; print(m.version({distribution!r}))"
        try:
            call([sys.executable, "-m", "venv", "--clear", str(venv)])
            call([*pip, distribution])
            return f"{distribution} {call([python, '-c', ask])}"
        except Failure as error:
            errors.append(str(error))
    raise Failure(f"did not install: {'; '.join(errors)}")


def make_model(name: str, command: list[str], model: Path) -> None:
    """Run ``command FILE`` for a model unless the cache has it; it appears whole or not at all."""
    if not model.exists():
        say(f"training {name}")
        model.parent.mkdir(parents=True, exist_ok=True)
        part = model.with_suffix(".part")
        call([*command, str(part)])
        part.replace(model)


def measure(command: list[str], stdin: Path, stdout: Path) -> Run:
    """Run a whole process between two files."""
    talk = stdout.with_suffix(".stderr")
    files = [str(file) for file in (stdin, stdout, talk)]
    figures = call([sys.executable, "-I", "-S", "-c", MEASURE, *files, *command]).split()
    seconds, cpu_seconds, peak, status = (float(figure) for figure in figures)
    if status:
        raise Failure(f"failed: {last_line(talk.read_text(encoding='utf-8', errors='replace'))}")
    return Run(seconds, cpu_seconds, int(peak) * (1 if sys.platform == "darwin" else 1024))


def call(command: list[str]) -> str:
    """Run a command that is not timed here; return what it prints."""
    env = {**os.environ, "PYTHONUTF8": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise Failure(last_line(done.stderr or done.stdout))
    return done.stdout.strip()


def setting() -> dict[str, str]:
    """Return what the figures depend on besides the systems."""
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and (found := re.search(r"model name\s*: (.+)", cpuinfo.read_text())):
        cpu = found[1]
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    threads = os.environ.get("OMP_NUM_THREADS")
    return {
        "cpu": f"{cpu}, {cores} cores",
        "python": f"{platform.system()}, Python {platform.python_version()}",
        **({"threads": f"OMP_NUM_THREADS={threads}"} if threads else {}),
    }


def size(paths: Iterable[Path]) -> int:
    """Return the bytes of some files."""
    return sum(path.stat().st_size for path in paths)


def bundle_size(model: Path) -> int:
    """Return the bytes of what ``senticli predict`` reads of a model."""
    return size(model / name for name in ("model.onnx", "vocab.txt", "tokenizer.json"))


def digest(*parts: str) -> str:
    """Return a short name for what a cached thing was made from."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]


def last_line(talk: str) -> str:
    """Return the line that most likely says what went wrong."""
    lines = [line.strip() for line in talk.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["it did not say why"])[-1]


def say(message: str) -> None:
    """Talk, on stderr."""
    print(message, file=sys.stderr, flush=True)
