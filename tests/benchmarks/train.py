"""Measure ``senticli train`` beside the notebook it began as, all in one run.

    python -m tests.benchmarks.train --imdb aclImdb_v1.tar.gz --vectors glove.zip --notebook FILE

A command, not a test. First the rate of training, in real tokens a second and as a share of this
machine's matrix-multiply peak; then, unless ``--quick``, the wall time at which each system first
reaches the notebook's own accuracies on IMDB's test split, from the start of its process. Every
measurement is a process of its own. The Markdown tables go to stdout, the talk to stderr. With
``--json FILE`` figures are kept there as they come, and what is there is not measured again.
``--notebook`` names the script that rebuilds the notebook; without it, senticli is alone.
"""

import argparse
import importlib.util
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.benchmarks.peers import say, setting
from tests.benchmarks.predict import find_imdb

if TYPE_CHECKING:
    from senticli.training.session import Session

TARGETS = (0.8436, 0.8895)  # the notebook's LSTM and GRU on IMDB's test split
WARM_UP = 2  # batches
SAMPLE = 2500  # test reviews by which a course is followed; the clock stands still meanwhile
SYSTEMS = {
    "notebook": ("the notebook, LSTM", ()),
    "notebook-gru": ("the notebook, GRU", ("--rnn", "gru")),
    "preset": ("`--preset notebook`", ("--preset", "notebook")),
    "preset-gru": ("`--preset notebook --rnn gru`", ("--preset", "notebook", "--rnn", "gru")),
    "default": ("default", ()),
    "default-lstm": ("`--rnn lstm`", ("--rnn", "lstm")),
}
TIMED_COURSES = ("notebook", "preset", "default")
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


@dataclass
class Figures:
    """What was measured."""

    setting: dict[str, str] = field(default_factory=dict)
    peaks: list[float] = field(default_factory=list)  # FLOP/s of a matrix product
    rates: dict[str, list[float]] = field(default_factory=dict)  # tokens/s
    flops: dict[str, int] = field(default_factory=dict)  # of training on one token
    courses: dict[str, list[dict[str, float]]] = field(default_factory=dict)


def main() -> None:
    """Measure and print."""
    args = arguments()
    if args.worker:
        work(args)
        return
    figures = Figures(setting())
    if args.json and args.json.exists():
        figures = Figures(**json.loads(args.json.read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SENTICLI_HOME"] = folder
        imdb = find_imdb(args.imdb, Path(folder))
        for number in range(args.repeats):
            measure_rates(figures, args, imdb, number)
        if not args.quick:
            senticli("download", "imdb", "--from", imdb, "--no-verify")
            for key in TIMED_COURSES:
                if key in args.only and key not in figures.courses:
                    course(figures, args, key, imdb)
    print("\n".join(report(figures, args)))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    data = os.environ.get("SENTICLI_TEST_DATA")
    archive = Path(data, "aclImdb_v1.tar.gz") if data else None
    vectors = Path(data, "glove.6B.100d.zip") if data else None
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--imdb", type=Path, default=archive, required=not archive, help="archive or its folder")
    add("--vectors", type=Path, default=vectors, required=not vectors, help="GloVe text in a zip")
    add("--notebook", type=Path, metavar="FILE", help="the script that rebuilds the notebook")
    add("--quick", action="store_true", help="only the rates, on few batches")
    add("--only", metavar="NAME,...", help=f"of {','.join(SYSTEMS)}")
    add("--repeats", type=int, help="runs of each rate (3; with --quick, 1)")
    add("--minutes", type=float, default=60, help="of training at most, a course (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="keep the figures here as they come")
    add("--worker", choices=("peak", "rate", "course"), help=argparse.SUPPRESS)
    add("--batches", type=int, help=argparse.SUPPRESS)
    add("--started", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    quick = [key for key in SYSTEMS if key != "notebook-gru"]
    args.only = args.only.split(",") if args.only else quick if args.quick else list(SYSTEMS)
    args.repeats = args.repeats or (1 if args.quick else 3)
    if unknown := [key for key in args.only if key not in SYSTEMS]:
        parser.error(f"--only {','.join(unknown)}: the known names are {', '.join(SYSTEMS)}")
    if not args.notebook:
        args.only = [key for key in args.only if not is_notebook(key)]
    return args


def is_notebook(key: str) -> bool:
    """Whether a system is the notebook's rebuild."""
    return key.startswith("notebook")


def senticli(*args: str | Path) -> None:
    """Run a command of senticli."""
    subprocess.run([sys.executable, "-m", "senticli", *map(str, args)], check=True)


def run_worker(args: argparse.Namespace, *options: str | Path) -> Iterator[dict[str, Any]]:
    """The JSON lines of a process of this module."""
    command = [sys.executable, "-m", "tests.benchmarks.train", "--vectors", args.vectors]
    if args.notebook:
        command += ["--notebook", args.notebook]
    command += [*options, "--started", time.time()]
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")


def keep(figures: Figures, args: argparse.Namespace) -> None:
    """Write what there is so far."""
    if args.json:
        args.json.write_text(json.dumps(asdict(figures), indent=2) + "\n", encoding="utf-8")


def measure_rates(figures: Figures, args: argparse.Namespace, imdb: Path, number: int) -> None:
    """One run of each rate, and of the peak."""
    if len(figures.peaks) <= number:
        (row,) = run_worker(args, "--worker", "peak", "--imdb", imdb)
        figures.peaks.append(row["flops"])
    for key in args.only:
        rates = figures.rates.setdefault(key, [])
        if len(rates) > number:
            continue
        counts = (2, 30) if args.quick else (8, 100)  # a batch of the notebook takes long
        batches = counts[0 if is_notebook(key) else 1]
        options = ("--worker", "rate", "--only", key, "--imdb", imdb, "--batches", str(batches))
        (row,) = run_worker(args, *options, *(("--quick",) if args.quick else ()))
        rates.append(row["rate"])
        figures.flops[key] = row["flops"]
        say(f"{key}: {row['rate']:,.0f} tokens/s")
        keep(figures, args)


def course(figures: Figures, args: argparse.Namespace, key: str, imdb: Path) -> None:
    """Follow a training until it is as accurate as the notebook's best, or the time is up."""
    options = ("--worker", "course", "--only", key, "--imdb", imdb, "--minutes", str(args.minutes))
    points = []
    for row in run_worker(args, *options):
        points.append(row)
        say(f"{key}: {row['accuracy']:.2%} after {row['seconds']:.0f} s")
    figures.courses[key] = points
    keep(figures, args)


def report(figures: Figures, args: argparse.Namespace) -> Iterator[str]:
    """The tables."""
    runs = "one run" if args.repeats == 1 else f"medians of {args.repeats} runs"
    yield ", ".join(figures.setting.values()) + f"; {runs} each"
    peak = median(figures.peaks)
    yield f"matrix product: {peak / 1e12:.2f} TFLOP/s (bfloat16 where the CPU has it)"
    yield ""
    yield "| training | tokens/s | × the notebook | GFLOP/s | of the peak |"
    yield "|---|---|---|---|---|"
    for key, rates in figures.rates.items():
        rate, base = median(rates), figures.rates.get("notebook" + "-gru" * key.endswith("-gru"))
        times = f"{rate / median(base):.1f}" if base else "–"
        flops = rate * figures.flops[key]
        yield (
            f"| {SYSTEMS[key][0]} | {rate:,.0f} ({min(rates):,.0f}–{max(rates):,.0f}) | {times} | "
            f"{flops / 1e9:,.0f} | {flops / peak:.0%} |"
        )
    if not figures.courses:
        return
    yield ""
    yield "| training | " + " | ".join(f"to {target:.2%}" for target in TARGETS) + " | at most |"
    yield "|---|" + "---|" * (len(TARGETS) + 1)
    for key, points in figures.courses.items():
        cells = []
        for target in TARGETS:
            reached = [row["seconds"] for row in points if row["accuracy"] >= target]
            cells.append(f"{reached[0]:,.0f} s" if reached else "not reached")
        most = max(points, key=lambda row: row["accuracy"])
        cells.append(f"{most['accuracy']:.2%} after {most['seconds']:,.0f} s")
        yield f"| {SYSTEMS[key][0]} | " + " | ".join(cells) + " |"


# --- in a process of its own


def work(args: argparse.Namespace) -> None:
    """Measure one thing, and print JSON lines."""
    if args.worker == "peak":
        tell(flops=peak())
        return
    (key,) = args.only
    if args.worker == "rate":
        measure = notebook_rate if is_notebook(key) else senticli_rate
    else:
        measure = notebook_course if is_notebook(key) else senticli_course
    measure(key, args)


def tell(**values: float) -> None:
    """Print a JSON line."""
    print(json.dumps(values), flush=True)


def peak() -> float:
    """FLOP/s of a large matrix product, in the dtype that training uses."""
    import torch

    from senticli.training.device import choose_dtype

    size = 4096
    dtype = choose_dtype(torch.device("cpu"), "auto")[0]
    a, b = torch.randn(size, size, dtype=dtype), torch.randn(size, size, dtype=dtype)
    times = []
    for _ in range(8):
        started = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - started)
    return 2 * size**3 / median(times[3:])


def flops_of(layers: list[tuple[int, int]], rnn: str) -> int:
    """Multiplications and additions to train on one token: forward, and twice that backward."""
    return 3 * sum(2 * GATES[rnn] * hidden * (inputs + hidden) for inputs, hidden in layers)


def some_reviews(imdb: Path, count: int) -> Path:
    """A folder of few training reviews, as senticli takes it and as the notebook does."""
    folder = Path(os.environ["SENTICLI_HOME"], f"reviews-{count}")
    for label in ("pos", "neg"):
        (folder / "train" / label).mkdir(parents=True, exist_ok=True)
        for path in sorted((imdb / "train" / label).iterdir())[:count]:
            link = folder / "train" / label / path.name
            if not link.exists():
                link.symlink_to(path)
    return folder


def rate_data(args: argparse.Namespace) -> Path:
    """The folder whose train/ is read for a rate."""
    return some_reviews(args.imdb, 500) if args.quick else args.imdb


def prepared(key: str, data: str, args: argparse.Namespace) -> "Session":
    """A session of senticli."""
    from senticli.config import PRESETS
    from senticli.data.splits import load_training_data
    from senticli.data.vectors import cached_vectors
    from senticli.training.session import build_session, encode_data

    options = _pairs(SYSTEMS[key][1])
    recipe = PRESETS[options.pop("preset", "default")].with_settings(
        {**options, "data": (data,), "vectors": str(args.vectors), "batch_size": 64}
    )
    vectors = cached_vectors(recipe.train.vectors)
    encoded = encode_data(recipe, load_training_data(recipe.train), vectors)
    return build_session(recipe, encoded)


def _pairs(options: tuple[str, ...]) -> dict[str, str]:
    values = iter(options)
    return {flag.removeprefix("--"): next(values) for flag in values}


class _Enough(Exception):
    """As many batches as wanted were seen."""


def train(session: "Session", on_batch: Callable[[Any], None]) -> None:
    """Train until ``on_batch`` has seen enough, or to the end."""
    with suppress(_Enough):
        for _ in session.trainer(on_batch).fit():
            pass


def senticli_rate(key: str, args: argparse.Namespace) -> None:
    """Real tokens trained on a second."""
    session = prepared(key, str(rate_data(args) / "train"), args)
    lengths = iter(
        int(batch.lengths.sum())
        for epoch in itertools.count(1)
        for batch in session.train.epoch(epoch)
    )
    seen: list[tuple[float, int, int]] = []

    def on_batch(result: Any) -> None:
        seen.append((time.perf_counter(), next(lengths), result.epoch))
        if len(seen) == WARM_UP + args.batches:
            raise _Enough

    train(session, on_batch)
    timed = seen[WARM_UP - 1 :]
    model = session.recipe.model
    inputs = [model.embedding_dim, *[model.width] * (model.layers - 1)]
    layers = [(size, model.hidden) for size in inputs for _ in range(model.width // model.hidden)]
    tokens, seconds = 0, 0.0
    for (before, _, last), (after, count, epoch) in itertools.pairwise(timed):
        if epoch == last:  # else the time of validation would count
            tokens, seconds = tokens + count, seconds + after - before
    tell(rate=tokens / seconds, flops=flops_of(layers, model.rnn))


def senticli_course(key: str, args: argparse.Namespace) -> None:
    """Accuracy on some of test by the time of training."""
    from senticli.text.encoder import Encoder
    from senticli.text.tokenizer import Tokenizer
    from senticli.training.batches import Batches
    from senticli.training.parallel import Parallel
    from senticli.training.processes import ALONE

    session = prepared(key, "imdb", args)
    paused = time.time()
    tokenizer = Tokenizer(session.data.rules)
    encode = Encoder(tokenizer, session.data.vocab.token_id)
    reviews = sample(args.imdb)
    test = Batches(
        [encode(text) for text, _ in reviews],
        [truth for _, truth in reviews],
        batch_size=64,
        pad_index=1,
    )
    parallel = Parallel(session.model, None, ALONE)
    stopped = time.time() - paused  # the time that does not count

    def on_batch(result: Any) -> None:
        nonlocal stopped
        if result.batch % 50 and result.batch != result.batches:
            return
        now = time.time()
        seconds = now - args.started - stopped
        accuracy = parallel.evaluate(test.epoch()).accuracy
        tell(seconds=seconds, accuracy=accuracy)
        stopped += time.time() - now
        if accuracy >= TARGETS[-1] or seconds > args.minutes * 60:
            raise _Enough

    train(session, on_batch)


def sample(imdb: Path) -> list[tuple[str, int]]:
    """Some test reviews, and whether each is positive."""
    paths = [
        (path, truth)
        for truth, label in enumerate(("neg", "pos"))
        for path in sorted((imdb / "test" / label).iterdir())
    ]
    chosen = random.Random(1).sample(paths, SAMPLE)
    return [(path.read_text(encoding="utf-8"), truth) for path, truth in chosen]


def notebook_module(args: argparse.Namespace, key: str) -> tuple[Any, argparse.Namespace]:
    """The rebuilt notebook, and the options that it wants."""
    spec = importlib.util.spec_from_file_location("notebook", args.notebook)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    options = _pairs(SYSTEMS[key][1])
    return module, argparse.Namespace(rnn=options.get("rnn", "lstm"), packed=False)


class _Endless:
    """The batches of an iterator, again and again, going on where the last loop stopped."""

    def __init__(self, batches: Any) -> None:
        self._batches = (batch for _ in itertools.count() for batch in batches)

    def __iter__(self) -> Iterator[Any]:
        return self._batches


def notebook_rate(key: str, args: argparse.Namespace) -> None:
    """Real tokens trained on a second."""
    import torch

    module, options = notebook_module(args, key)
    torch.manual_seed(module.SEED)
    text, iterators, _ = module.load(rate_data(args), ("train",))
    model = module.build(options, text)
    optimizer, criterion = torch.optim.Adam(model.parameters()), torch.nn.BCEWithLogitsLoss()
    batches = _Endless(iterators[0])
    module.run_epoch(model, batches, criterion, optimizer, batches=WARM_UP)
    result = module.run_epoch(model, batches, criterion, optimizer, batches=args.batches)
    layers = [(module.EMBED, module.HIDDEN)] * 2 + [(2 * module.HIDDEN, module.HIDDEN)] * 2
    tell(rate=result["tokens_per_s"], flops=flops_of(layers, options.rnn))


def notebook_course(key: str, args: argparse.Namespace) -> None:
    """Accuracy on some of test by the time of training."""
    import torch

    module, options = notebook_module(args, key)
    torch.manual_seed(module.SEED)
    vectors = Path(os.environ["SENTICLI_HOME"], "vectors.txt")
    paused = time.time()
    with zipfile.ZipFile(args.vectors) as archive:
        vectors.write_bytes(archive.read(archive.namelist()[0]))
    stopped = time.time() - paused
    text, iterators, _ = module.load(args.imdb, ("train",), vectors=vectors)
    model = module.build(options, text)
    optimizer, criterion = torch.optim.Adam(model.parameters()), torch.nn.BCEWithLogitsLoss()
    paused = time.time()
    reviews = [
        ([text.vocab.stoi[word] for word in module.tokenize(review)], truth)
        for review, truth in sample(args.imdb)
    ]
    reviews.sort(key=lambda review: len(review[0]))
    stopped += time.time() - paused
    batches, reached, seconds = _Endless(iterators[0]), 0.0, 0.0
    while reached < TARGETS[-1] and seconds < args.minutes * 60:
        module.run_epoch(model, batches, criterion, optimizer, batches=50)
        now = time.time()
        seconds = now - args.started - stopped
        right = 0
        model.eval()
        for start in range(0, len(reviews), 64):
            part = reviews[start : start + 64]
            longest = max(len(words) for words, _ in part)
            padded = [words + [1] * (longest - len(words)) for words, _ in part]
            lengths = torch.tensor([len(words) for words, _ in part])
            with torch.no_grad():
                logits = model(torch.tensor(padded).t(), lengths).squeeze(1)
            right += int(((logits > 0).long() == torch.tensor([t for _, t in part])).sum())
        # Which of its two labels is positive, the notebook's own vocabulary says; it is the same
        # for all reviews.
        reached = max(right, len(reviews) - right) / len(reviews)
        tell(seconds=seconds, accuracy=reached)
        stopped += time.time() - now


if __name__ == "__main__":
    main()
