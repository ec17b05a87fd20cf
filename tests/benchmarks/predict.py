"""Measure ``senticli predict`` beside other ways to tell sentiment, all in one run.

    python -m tests.benchmarks.predict --imdb aclImdb_v1.tar.gz

A command, not a test. Every system is timed as whole processes; but for the notebook, they read one
text a line and write one line a text. The Markdown table goes to stdout, the talk to stderr.
Virtual environments and trained peers are kept in ``--cache``, timings never are. The notebook's
rebuild runs in this Python, which needs senticli's ``train`` extra for it. POSIX only (os.wait4).
"""

import argparse
import json
import os
import re
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from tests.benchmarks.peers import (
    PEERS,
    ROOT,
    Failure,
    Run,
    bundle_size,
    call,
    digest,
    install_peer,
    make_model,
    measure,
    one_line,
    polarity,
    say,
    setting,
    size,
    write_rows,
)

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
KEYS = ("senticli", "notebook", *PEERS, "reference")


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
        rows = write_rows(work / "rows.jsonl", read_train(imdb))
        systems = [set_up(key, args, imdb, rows) for key in args.only]
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
                print(one_line(path.read_text(encoding="utf-8")), file=file)
                labels.append(label)
    (work / "text").write_text(f"{TEXT}\n", encoding="utf-8")
    return labels


def read_train(imdb: Path) -> Iterator[tuple[str, str]]:
    """Yield the training reviews and their labels."""
    for label, folder in CLASSES:
        for path in sorted((imdb / "train" / folder).iterdir()):
            yield path.read_text(encoding="utf-8"), label


def set_up(key: str, args: argparse.Namespace, imdb: Path, rows: Path) -> System:
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
            peer = install_peer(key, args.cache, rows)
            trained = ", trained on IMDB" if PEERS[key].train else ""
            system.name = f"{PEERS[key].name}{trained} ({peer.version})"
            system.start = system.stream = peer.command
            system.model_bytes = peer.model_bytes
    return system


def set_up_senticli(system: System) -> None:
    """This checkout, with the bundled model."""
    senticli = [sys.executable, "-m", "senticli"]
    system.name = f"{call([*senticli, '--version'])}, bundled model"
    system.start = system.stream = [*senticli, "predict", "--model", "bundled"]
    system.model_bytes = bundle_size(DEFAULT_MODEL)


def set_up_notebook(system: System, args: argparse.Namespace, imdb: Path) -> None:
    """The notebook's pipeline as rebuilt by ``--notebook FILE``, with a checkpoint."""
    system.name = "the notebook, rebuilt"
    if not args.notebook:
        raise Failure("not measured, for lack of --notebook FILE")
    script = args.notebook.resolve()
    command = [sys.executable, str(script)]
    model = args.cache / f"notebook-{digest(script.read_text(encoding='utf-8'))}" / "model.pt"
    train = [*command, "train", "--imdb", str(imdb), "--batches", "1", "--checkpoint"]
    make_model(system.name, train, model)
    checkpoint = ["--checkpoint", str(model)]
    texts = min(NOTEBOOK_TEXTS, args.limit or NOTEBOOK_TEXTS)
    system.start = [*command, "predict", *checkpoint, "--text", TEXT]
    system.stream = [*command, "stream", "--imdb", str(imdb), "--texts", str(texts), *checkpoint]
    system.prints_rate = True
    system.model_bytes = size([model])
    system.accuracy = NOTEBOOK_ACCURACY
    system.notes["rate"] = f"over {texts} reviews, start-up not counted, which favours it"
    system.notes["accuracy"] = "the notebook's own published figure, not measured here"


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
    found = map(polarity, lines) if system.key in PEERS else (s.split("\t")[0] for s in lines)
    right = sum(answer == label for answer, label in zip(found, labels, strict=True))
    system.rates.append(len(labels) / run.seconds)
    system.accuracy = right / len(labels)


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


@contextmanager
def recorded(system: System) -> Iterator[None]:
    """Keep a failure as the system's error, so that the run goes on with the others."""
    try:
        yield
    except Failure as error:
        system.error = str(error)
        say(f"{system.name}: {error}")


if __name__ == "__main__":
    main()
