"""Downloads and starts, measured: ``python -m tests.benchmarks.download --work DIR [--imdb FILE]``.

A zip of four members of GloVe's size and layout (numbers at random, 900 MB or so) is made in DIR
once, and served on 127.0.0.1 with and without ranges. Printed are the bytes fetched for
``glove.6B.100d``, how long vectors take to load, and, with ``--imdb`` naming aclImdb_v1.tar.gz, how
long ``senticli train`` takes until its first batch begins.
"""

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np

from tests.conftest import Server

DIMS = (50, 100, 200, 300)
WORDS = 400_000
RUNS = 5

LOAD = """
import time
from collections import Counter
import torch
from senticli.data.vectors import cached_vectors
from senticli.training.embeddings import CachedVectors, initial_embedding
from senticli.training.vocabulary import build_vocab
counts = Counter({f"w{word}": 1 for word in range(0, 400_000, 16)})
vocab = build_vocab(counts, 25_000)
start = time.perf_counter()
vectors = CachedVectors(cached_vectors("glove.6B.100d"))
initial_embedding(vocab, vectors, vectors.dim, torch.Generator().manual_seed(1))
print(time.perf_counter() - start)
"""

TRAIN = """
import sys
import senticli
from senticli.training.events import Started
def begin(event):
    if isinstance(event, Started):
        sys.exit()
senticli.train(vectors="glove.6B.100d", on_event=begin)
"""


def make_zip(path: Path) -> None:
    """A zip as GloVe's, with numbers at random."""
    rng = np.random.default_rng(0)
    pool = np.array([f"{number:.5f}" for number in rng.normal(0, 0.4, 50_000)], dtype=object)
    partial = path.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for dim in DIMS:
            with archive.open(f"glove.6B.{dim}d.txt", "w", force_zip64=True) as member:
                for first in range(0, WORDS, 1_000):
                    rows = pool[rng.integers(0, len(pool), (1_000, dim))]
                    lines = [f"w{first + row} {' '.join(rows[row])}\n" for row in range(1_000)]
                    member.write("".join(lines).encode())
    partial.replace(path)


def senticli(home: Path, *arguments: str, code: str | None = None, **env: str) -> tuple[str, float]:
    """Run the command line, or Python code, and return its stdout and seconds."""
    command = ["-c", code] if code else ["-m", "senticli", *arguments]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "SENTICLI_HOME": str(home), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout, time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--imdb", type=Path)
    options = parser.parse_args()
    work: Path = options.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    archive = work / "glove.6B.zip"
    if not archive.exists():
        make_zip(archive)
    home = work / "home"
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.files["/data/glove.6B.zip"] = archive.read_bytes()
        print(f"a zip of four members, {archive.stat().st_size:,} bytes")
        for ranges in (False, True):
            server.ranges, server.sent = ranges, 0
            _, seconds = senticli(
                home,
                *("download", "glove.6B.100d", "--no-verify", "--force"),
                SENTICLI_MIRROR=server.url,
            )
            how = "with ranges" if ranges else "without ranges"
            print(f"glove.6B.100d {how}: {server.sent:,} bytes sent, {seconds:.1f} s")
        server.shutdown()
    loads = [float(senticli(home, code=LOAD)[0]) for _ in range(RUNS)]
    print(
        f"vectors for 25,000 of {WORDS:,} words: {statistics.median(loads):.3f} s "
        f"({min(loads):.3f} to {max(loads):.3f}), {RUNS} processes"
    )
    if options.imdb:
        imdb = str(options.imdb.absolute())
        senticli(home, "download", "imdb", "--from", imdb, "--no-verify", "--force")
        for kept in (*(home / "cache").glob("*"), *(home / "datasets" / "imdb").glob("tokens*")):
            kept.unlink()
        starts = [senticli(home, code=TRAIN)[1] for _ in range(1 + RUNS)]
        first, *later = starts
        print(
            f"train, process start to first batch: {first:.2f} s, then "
            f"{statistics.median(later):.2f} s ({min(later):.2f} to {max(later):.2f})"
        )


if __name__ == "__main__":
    main()
