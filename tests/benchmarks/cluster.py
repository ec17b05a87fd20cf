"""Measure ``--engine ray`` beside a local run, on the same files of the same machine.

    python -m tests.benchmarks.cluster --work /tmp/work

A command, not a test. The texts are those of data sets that are installed. Local runs, and runs
with one worker and with two, take turns; each is a whole process, start-up apart. The Markdown
table goes to stdout, the talk to stderr. Linux only (/proc).
"""

import argparse
import itertools
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from senticli.config import TrainConfig
from senticli.data.splits import load_training_data
from tests.benchmarks.peers import Failure, last_line, say, setting

DATA = ("semeval-tweets", "goemotions", "fdu-mtl", "imdb")
LOCAL = """
import sys, time
from pathlib import Path
from senticli import load, score_file

model = load("bundled")
started = time.time()
for path in sorted(Path(sys.argv[1]).iterdir()):
    score_file(path, Path(sys.argv[2], path.name), model=model)
print(time.time() - started)
"""
ROLES = {"ray::MapWorker": "a worker", "raylet/raylet": "raylet", "gcs_server": "GCS"}


@dataclass
class Run:
    """What one run took: in all, while it scored, and of memory by role, in MiB."""

    seconds: float
    scoring: float
    peaks: dict[str, float] = field(default_factory=dict)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--work", type=Path, required=True, help="folder of the files, kept for the next time")
    add("--rows", type=int, default=200_000, help="texts (%(default)s)")
    add("--files", type=int, default=20, help="files that hold them (%(default)s)")
    add("--repeats", type=int, default=1, help="runs of each kind (%(default)s)")
    args = parser.parse_args()
    source = args.work / f"in-{args.rows}-{args.files}"
    if not source.exists():
        write_files(source, args.rows, args.files)
    runs: dict[str, list[Run]] = defaultdict(list)
    for number in range(args.repeats):
        for workers in (0, 1, 2):
            name = f"Ray, {workers} worker{'s' * (workers > 1)}" if workers else "local"
            say(f"{name}, {number + 1}/{args.repeats}")
            runs[name].append(run(source, args.work / f"out-{workers}", workers))
            if workers:
                compare(args.work / "out-0", args.work / f"out-{workers}", args.rows)
    print("\n".join(report(runs, args.rows, args.files)))


def texts() -> Iterator[str]:
    """Yield the texts of the data sets in turn, one of each, again and again."""
    sets = []
    for name in DATA:
        data = load_training_data(TrainConfig(data=(name,)))
        sets.append(itertools.cycle([example.text for example in data.train.examples]))
    while True:
        yield from map(next, sets)


def write_files(folder: Path, rows: int, files: int) -> None:
    """Write the texts to files of Parquet."""
    import pyarrow
    import pyarrow.parquet

    say(f"writing {folder}")
    folder.mkdir(parents=True)
    source = enumerate(texts())
    for number in range(files):
        some = list(itertools.islice(source, rows // files))
        table = pyarrow.table({"id": [n for n, _ in some], "text": [text for _, text in some]})
        pyarrow.parquet.write_table(table, folder / f"{number:03}.parquet")


def run(source: Path, output: Path, workers: int) -> Run:
    """Score the files once."""
    subprocess.run(["rm", "-rf", str(output), f"{output}.partial"], check=True)
    command = [sys.executable, "-c", LOCAL, str(source), str(output)]
    if workers:
        options = ["--workers", str(workers), "--address", "local", "--model", "bundled", "--quiet"]
        files = ["--input", str(source), "--output", str(output)]
        command = [sys.executable, "-m", "senticli", "predict", "--engine", "ray", *options, *files]
    else:
        output.mkdir()
    started = time.time()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peaks: dict[str, float] = defaultdict(float)
    while process.poll() is None:
        for role, size in memory_of(process.pid).items():
            peaks[role] = max(peaks[role], size)
        time.sleep(0.5)
    seconds = time.time() - started
    shown, errors = process.communicate()
    if process.returncode:
        raise Failure(last_line(errors))
    return Run(seconds, scoring_of(output) if workers else float(shown), dict(peaks))


def scoring_of(output: Path) -> float:
    """Return the seconds from the first file's start to the last one's end."""
    files = [json.loads(line) for line in (output / "_manifest.jsonl").open()][1:]
    begun = min(file["ended"] - file["seconds"] for file in files)
    return float(max(file["ended"] for file in files) - begun)


def memory_of(root: int) -> dict[str, float]:
    """Return the resident memory of a process and those below it, in MiB, by role.

    Of workers it is that of the largest; ``all`` counts what several share once.
    """
    found: dict[str, float] = defaultdict(float)
    for pid in [root, *descendants(root)]:
        with suppress(OSError, ValueError):
            command = Path(f"/proc/{pid}/cmdline").read_text()
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
            sizes = {line.split()[0]: int(line.split()[1]) / 1024 for line in lines}
            role = next((role for mark, role in ROLES.items() if mark in command), "others")
            role = "the command" if pid == root else role
            size = sizes["Rss:"]
            found[role] = max(found[role], size) if role == "a worker" else found[role] + size
            found["all"] += sizes["Pss:"]
    return found


def descendants(root: int) -> set[int]:
    """Return all processes below one."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {root}


def compare(one: Path, other: Path, rows: int) -> None:
    """Raise Failure unless two folders hold the same files, and the manifest all rows."""
    names = sorted(path.name for path in one.glob("*.parquet"))
    differ = [name for name in names if (one / name).read_bytes() != (other / name).read_bytes()]
    files = [json.loads(line) for line in (other / "_manifest.jsonl").open()][1:]
    read, written = (sum(file[key] for file in files) for key in ("rows_in", "rows_out"))
    say(f"{len(names)} files, {len(differ)} differ; {read:,} rows in, {written:,} rows out")
    if differ or len(files) != len(names) or not read == written == rows:
        raise Failure(f"{other} differs from {one}: {differ}")


def report(runs: dict[str, list[Run]], rows: int, files: int) -> Iterator[str]:
    """Yield the lines of the Markdown table and of the note below it."""
    roles = ["the command", "a worker", "raylet", "GCS", "others", "all"]
    yield f"| | reviews/s | start-up | {' | '.join(roles)} |"
    yield "|---" * (len(roles) + 3) + "|"
    for name, some in runs.items():
        rate = median(rows / one.scoring for one in some)
        start = median(one.seconds - one.scoring for one in some)
        peaks = [max(one.peaks.get(role, 0.0) for one in some) for role in roles]
        cells = [f"{peak:,.0f}" if peak else "" for peak in peaks]
        yield f"| {name} | {rate:,.0f} | {start:.1f} s | {' | '.join(cells)} |"
    yield ""
    yield f"{'; '.join(setting().values())}. {rows:,} texts in {files} files of Parquet."
    yield "Peak resident memory in MiB; in all, shared memory is counted once."


if __name__ == "__main__":
    main()
