"""Measure ``senticli predict`` beside other ways to tell sentiment, all in one run.

    python -m tests.benchmarks.predict --imdb aclImdb_v1.tar.gz

A command, not a test. Every system is timed as whole processes; but for the notebook, they read one
text a line and write one label a line. The Markdown table goes to stdout, the talk to stderr.
Virtual environments and trained peers are kept in ``--cache``, timings never are. The notebook's
rebuild runs in this Python, which needs senticli's ``train`` extra for it. POSIX only (os.wait4).
"""

import argparse
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
DEFAULT_MODEL = ROOT / "senticli" / "models" / "default"
CLASSES = (("positive", "pos"), ("negative", "neg"))
TEXT = "great film"
REFERENCE = "import typer, onnxruntime"
COLUMNS = {
    "start": "cold start",
    "rate": "reviews/s",
    "accuracy": "IMDB test accuracy",
    "size": "model on disk",
    "memory": "peak memory, start / reviews",
}
MARKS = "¹²³⁴⁵⁶⁷⁸⁹"
SLOW = 120.0  # seconds: a throughput run that takes longer is not repeated
NOTEBOOK_TEXTS = 200
NOTEBOOK_ACCURACY = 0.8436

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

READ_TRAIN = """
import sys
from pathlib import Path

rows = []
for label, folder in ("positive", "pos"), ("negative", "neg"):
    for path in sorted((Path(sys.argv[1]) / "train" / folder).iterdir()):
        rows.append((" ".join(path.read_text(encoding="utf-8").splitlines()), label))
"""

VADER = """
import sys
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

scores = SentimentIntensityAnalyzer().polarity_scores
for line in sys.stdin:
    print("positive" if scores(line)["compound"] >= 0 else "negative")
"""

TEXTBLOB = """
import sys
from textblob import TextBlob

for line in sys.stdin:
    print("positive" if TextBlob(line).polarity > 0 else "negative")
"""

# min_df, sublinear_tf and C were chosen on the last tenth of train, after training on the rest.
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
    print(*model.predict(lines), sep="\\n")
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
    labels, _ = model.predict([prepare(line)])
    print(labels[0][0].removeprefix("__label__"))
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
        name="TF-IDF(1,2) + logistic regression, trained on IMDB",
        distributions=("scikit-learn",),
        module="sklearn",
        predict=SKLEARN,
        train=READ_TRAIN + SKLEARN_TRAIN,
        model="model.joblib",
    ),
    "fasttext": Peer(
        name="fastText, trained on IMDB",
        distributions=("fasttext", "fasttext-wheel"),
        module="fasttext",
        predict=FASTTEXT_PREPARE + FASTTEXT,
        train=READ_TRAIN + FASTTEXT_PREPARE + FASTTEXT_TRAIN,
        model="model.bin",
    ),
}
KEYS = ("senticli", "notebook", *PEERS, "reference")


class Failure(Exception):
    """One system cannot be measured; the others still can."""


@dataclass(frozen=True)
class Run:
    """What one whole process took."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass
class System:
    """A system to be measured, and its figures."""

    key: str
    name: str
    start: list[str] = field(default_factory=list)  # the command that answers one text
    stream: list[str] = field(default_factory=list)  # the one that answers many; may be none
    prints_rate: bool = False  # the stream command has its own texts and prints how fast it was
    model_bytes: int | None = None
    accuracy: float | None = None
    notes: dict[str, str] = field(default_factory=dict)  # footnotes by column
    error: str = ""
    starts: list[Run] = field(default_factory=list)
    streams: list[Run] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)  # reviews/s


def main() -> None:
    """Prepare, measure and print."""
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        imdb = find_imdb(args.imdb, work)
        labels = write_reviews(imdb, args.limit, work)
        systems = [set_up(key, args, imdb) for key in args.only]
        measure_starts(systems, args.runs, work)
        measure_streams(systems, args.repeats, work, labels)
    print("\n".join(report(systems, args, len(labels))))
    if args.json:
        figures = {**setting(), "reviews": len(labels), "systems": [asdict(s) for s in systems]}
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    data = os.environ.get("SENTICLI_TEST_DATA")
    archive = Path(data, "aclImdb_v1.tar.gz") if data else None
    cache = Path(tempfile.gettempdir(), "senticli-benchmark")
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--imdb", type=Path, default=archive, required=not archive, help="archive or its folder")
    add("--notebook", type=Path, metavar="FILE", help="the script that rebuilds the notebook")
    add("--cache", type=Path, metavar="DIR", default=cache, help="environments, trained peers")
    add("--only", metavar="NAME,...", default=",".join(KEYS), help="of %(default)s")
    add("--runs", type=int, default=11, help="cold starts of each system (%(default)s)")
    add("--repeats", type=int, default=3, help="throughput runs of each system (%(default)s)")
    add("--limit", type=int, metavar="N", help="only N test reviews of each class, for trying")
    add("--json", type=Path, metavar="FILE", help="write the raw figures too")
    args = parser.parse_args()
    args.only = args.only.split(",")
    if unknown := [key for key in args.only if key not in KEYS]:
        parser.error(f"--only {','.join(unknown)}: the known names are {', '.join(KEYS)}")
    if min(args.runs, args.repeats, args.limit or 1) < 1:
        parser.error("--runs, --repeats and --limit are at least 1")
    args.cache = args.cache.resolve()
    return args


def find_imdb(path: Path, work: Path) -> Path:
    """The folder that holds train/ and test/; an archive is extracted below ``work``."""
    for folder in (path, path / "aclImdb"):
        if (folder / "test" / "pos").is_dir():
            return folder.resolve()
    if not path.is_file():
        raise SystemExit(f"{path} is neither aclImdb_v1.tar.gz nor its folder")
    say(f"extracting {path}")
    wanted = re.compile(r"aclImdb/(?:train|test)/(?:pos|neg)/\w+\.txt")
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            if wanted.fullmatch(member.name) and (content := archive.extractfile(member)):
                target = work / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
    return work / "aclImdb"


def write_reviews(imdb: Path, limit: int | None, work: Path) -> list[str]:
    """Write the test reviews, one a line, to ``work/reviews``; return their labels."""
    labels = []
    with (work / "reviews").open("w", encoding="utf-8", newline="\n") as file:
        for label, folder in CLASSES:
            for path in sorted((imdb / "test" / folder).iterdir())[:limit]:
                print(*path.read_text(encoding="utf-8").splitlines(), file=file)
                labels.append(label)
    (work / "text").write_text(f"{TEXT}\n", encoding="utf-8")
    return labels


def set_up(key: str, args: argparse.Namespace, imdb: Path) -> System:
    """Make a system ready to run; if that fails, its error says why."""
    system = System(key, PEERS[key].name if key in PEERS else key)
    with recorded(system):
        if key == "senticli":
            set_up_senticli(system)
        elif key == "reference":
            system.name = f'`python -c "{REFERENCE}"`, to compare'
            system.start = [sys.executable, "-c", REFERENCE]
        elif key == "notebook":
            set_up_notebook(system, args, imdb)
        else:
            set_up_peer(system, PEERS[key], args.cache, imdb)
    return system


def set_up_senticli(system: System) -> None:
    """This checkout, with the bundled model."""
    senticli = [sys.executable, "-m", "senticli"]
    system.name = f"{call([*senticli, '--version'])}, bundled model"
    system.start = system.stream = [*senticli, "predict", "--model", "bundled"]
    names = ("model.onnx", "vocab.txt", "tokenizer.json")
    system.model_bytes = size(DEFAULT_MODEL / name for name in names)


def set_up_notebook(system: System, args: argparse.Namespace, imdb: Path) -> None:
    """The notebook's pipeline as rebuilt by ``--notebook FILE``, with a checkpoint."""
    system.name = "the notebook, rebuilt"
    if not args.notebook:
        raise Failure("not measured, for lack of --notebook FILE")
    script = args.notebook.resolve()
    command = [sys.executable, str(script)]
    model = args.cache / f"notebook-{digest(script.read_text(encoding='utf-8'))}" / "model.pt"
    train = [*command, "train", "--imdb", str(imdb), "--batches", "1", "--checkpoint"]
    make_model(system, train, model)
    checkpoint = ["--checkpoint", str(model)]
    texts = min(NOTEBOOK_TEXTS, args.limit or NOTEBOOK_TEXTS)
    system.start = [*command, "predict", *checkpoint, "--text", TEXT]
    system.stream = [*command, "stream", "--imdb", str(imdb), "--texts", str(texts), *checkpoint]
    system.prints_rate = True
    system.model_bytes = size([model])
    system.accuracy = NOTEBOOK_ACCURACY
    system.notes["rate"] = f"over {texts} reviews, start-up not counted, which favours it"
    system.notes["accuracy"] = "the notebook's own published figure, not measured here"


def set_up_peer(system: System, peer: Peer, cache: Path, imdb: Path) -> None:
    """A peer in a virtual environment of its own, trained if it needs to be."""
    home = cache / f"{system.key}-{digest(sys.version, repr(peer.distributions), peer.train)}"
    python = home / "venv" / "bin" / "python"
    version = home / "version"
    if not version.exists():
        version.write_text(install(peer, home / "venv"), encoding="utf-8")
    system.name = f"{peer.name} ({version.read_text(encoding='utf-8')})"
    program = home / "predict.py"
    program.write_text(peer.predict, encoding="utf-8")
    system.start = system.stream = [str(python), str(program)]
    if peer.train:
        model = home / peer.model
        (home / "train.py").write_text(peer.train, encoding="utf-8")
        make_model(system, [str(python), str(home / "train.py"), str(imdb)], model)
        system.start.append(str(model))
        system.model_bytes = size([model])
    else:
        system.model_bytes = size(home.glob(f"venv/lib/python*/site-packages/{peer.model}"))


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


def make_model(system: System, command: list[str], model: Path) -> None:
    """Run ``command FILE`` for a model unless the cache has it; it appears whole or not at all."""
    if not model.exists():
        say(f"training {system.name}")
        model.parent.mkdir(parents=True, exist_ok=True)
        part = model.with_suffix(".part")
        call([*command, str(part)])
        part.replace(model)


def measure_starts(systems: list[System], runs: int, work: Path) -> None:
    """Time each system on one text, in turn, as machines are noisy; the first round warms up."""
    for number in range(runs + 1):
        say(f"cold start {number}/{runs}" if number else "warming up")
        for system in (system for system in systems if not system.error):
            with recorded(system):
                run = measure(system.start, work / "text", work / "answers")
                system.starts += [run] if number else []


def measure_streams(systems: list[System], repeats: int, work: Path, labels: list[str]) -> None:
    """Time each system on many reviews, in turn, and score its answers."""
    for number in range(1, repeats + 1):
        for system in (system for system in systems if system.stream and not system.error):
            if all(run.seconds < SLOW for run in system.streams):
                say(f"throughput {number}/{repeats}: {system.name}")
                with recorded(system):
                    run = measure(system.stream, work / "reviews", work / "answers")
                    system.streams.append(run)
                    read_answers(system, run, work / "answers", labels)


def read_answers(system: System, run: Run, answers: Path, labels: list[str]) -> None:
    """Take rate and accuracy from what a throughput run wrote."""
    lines = answers.read_text(encoding="utf-8").splitlines()
    if system.prints_rate:
        system.rates.append(json.loads(lines[-1])["texts_per_s"])
        return
    if len(lines) != len(labels):
        raise Failure(f"failed: {len(labels)} reviews in, {len(lines)} answers out")
    right = sum(line.split("\t")[0] == label for line, label in zip(lines, labels, strict=True))
    system.rates.append(len(labels) / run.seconds)
    system.accuracy = right / len(labels)


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


def report(systems: list[System], args: argparse.Namespace, reviews: int) -> Iterator[str]:
    """Yield the lines of the Markdown table and of the notes below it."""
    footnotes: list[str] = []
    yield f"| | {' | '.join(COLUMNS.values())} |"
    yield "|---" * (len(COLUMNS) + 1) + "|"
    for system in systems:
        figures = cells(system)
        for column, note in system.notes.items():
            if figures[column] and not system.error:
                footnotes.append(note)
                figures[column] += MARKS[len(footnotes) - 1]
        yield f"| {system.name} | {' | '.join(figures.values())} |"
    yield ""
    if footnotes:
        yield "; ".join(map("{} {}".format, MARKS, footnotes)) + ".\n"
    yield f"{'; '.join(setting().values())}. Whole processes. Cold start: median of {args.runs}."
    yield f"Reviews: {reviews:,} of IMDB's test split, start-up included, median of {args.repeats},"
    yield f"or one run where that takes over {SLOW:.0f} s."
    starts = {s.key: median(run.seconds for run in s.starts) for s in systems if s.starts}
    if starts.keys() >= {"senticli", "reference"}:
        ratio = starts["senticli"] / starts["reference"]
        yield f"\nsenticli's cold start is {ratio:.2f} times that of `{REFERENCE}`."


def cells(system: System) -> dict[str, str]:
    """The figures of a system, as text by column."""
    found = dict.fromkeys(COLUMNS, "")
    if system.error:
        found["start"] = system.error.replace("|", "\\|")
        return found
    measured = [runs for runs in (system.starts, system.streams) if runs]
    peaks = [max(run.peak_bytes for run in runs) for runs in measured]
    found["start"] = f"{median(run.seconds for run in system.starts):.2f} s"
    found["memory"] = " / ".join(f"{peak / 2**20:,.0f}" for peak in peaks) + " MiB"
    if system.rates:
        found["rate"] = f"{median(system.rates):,.0f}"
    if system.accuracy is not None:
        found["accuracy"] = f"{system.accuracy:.2%}".replace("%", " %")
    if system.model_bytes is not None:
        found["size"] = f"{system.model_bytes / 1e6:,.1f} MB"
    return found


def setting() -> dict[str, str]:
    """What the figures depend on besides the systems."""
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


@contextmanager
def recorded(system: System) -> Iterator[None]:
    """Keep a failure as the system's error, so that the run goes on with the others."""
    try:
        yield
    except Failure as error:
        system.error = str(error)
        say(f"{system.name}: {error}")


def size(paths: Iterable[Path]) -> int:
    """Bytes of some files."""
    return sum(path.stat().st_size for path in paths)


def digest(*parts: str) -> str:
    """A short name for what a cached thing was made from."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]


def last_line(talk: str) -> str:
    """The line that most likely says what went wrong."""
    lines = [line.strip() for line in talk.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["it did not say why"])[-1]


def say(message: str) -> None:
    """Talk, on stderr."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
