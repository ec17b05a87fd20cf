"""Word vectors learned from the texts themselves: skip-gram with negative sampling, by gensim.

The cache in the data dir is found by the texts and the settings, so that a second training of the
same texts starts at once.
"""

import dataclasses
import hashlib
import json
import time
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from senticli import paths
from senticli.data.glove import Matrix
from senticli.data.splits import Part
from senticli.data.vectors import VectorCache, install_vectors, load_vectors
from senticli.errors import SenticliError
from senticli.events import Progress
from senticli.io import jsonfile
from senticli.io.atomic import keep_newest
from senticli.training.corpus import Corpus
from senticli.training.events import OnEvent, Step, VectorsLearned
from senticli.training.packages import imported

STEP = "learning word vectors"
CHUNK = 500  # texts between two reports of progress
LONGEST = 10_000  # tokens of a text, of which gensim would ignore the rest
KEPT = 4  # of all texts and settings; those of IMDB's reviews take 19 MB
RATES = 0.025, 0.0001  # learning rate, at first and at the end


@dataclass(frozen=True, kw_only=True)
class SkipGram:
    """Settings of the learning (Mikolov et al. 2013)."""

    dim: int
    window: int
    seed: int
    min_count: int = 5
    negative: int = 5
    sample: float = 1e-4
    passes: int = 3


@dataclass(frozen=True)
class OwnVectors:
    """Learned vectors, and how they were made."""

    vectors: VectorCache
    settings: SkipGram
    texts: int
    seconds: float  # that it took to learn them, also where they come from the cache

    @property
    def facts(self) -> dict[str, Any]:
        """Settings, number of texts and time, for a model's provenance."""
        return {**dataclasses.asdict(self.settings), "texts": self.texts, "seconds": self.seconds}


def own_vectors(
    parts: Sequence[Part],
    corpora: Mapping[str, Corpus],
    fingerprint: str,
    settings: SkipGram,
    on_event: OnEvent,
    start: VectorCache | None = None,
) -> OwnVectors:
    """Return word vectors of the texts in ``parts``: from the cache, or learned and cached now.

    Args:
        parts: the texts.
        corpora: their tokens, by the name of the source.
        fingerprint: that of the tokenizer.
        settings: of the learning.
        on_event: called with each event.
        start: vectors of ``settings.dim`` dimensions to start from; None: from noise.

    Raises:
        SenticliError: no token occurs often enough.
    """
    folder = paths.cache_dir() / f"vectors-{_key(parts, fingerprint, settings, start)}"
    texts = [(corpora[part.source.name], row) for part in parts for row in part.rows]
    is_cached = True
    try:
        vectors, seconds = _read(folder)
    except SenticliError:
        is_cached = False
        on_event(Step(STEP))
        before = time.perf_counter()
        tokens, matrix = learn(texts, settings, on_event, start)
        seconds = round(time.perf_counter() - before, 1)
        sha256 = _hash(tokens, matrix)
        vectors = VectorCache(tokens, matrix, "own", sha256)
        facts = {"name": "own", "sha256": sha256, "seconds": seconds}
        with suppress(OSError):  # the cache only saves time
            install_vectors(folder, [(tokens, matrix)], lambda: facts)
            keep_newest(folder.parent.glob("vectors-*"), KEPT)
    on_event(
        VectorsLearned(len(texts), len(vectors.tokens), settings.dim, seconds, cached=is_cached)
    )
    return OwnVectors(vectors, settings, len(texts), seconds)


def _key(
    parts: Sequence[Part], fingerprint: str, settings: SkipGram, start: VectorCache | None
) -> str:
    """Return what the vectors depend on, as 16 hex digits."""
    digest = hashlib.sha256()
    facts = {
        **dataclasses.asdict(settings),
        "code": [CHUNK, LONGEST, RATES],
        "gensim": version("gensim"),
        "tokenizer": fingerprint,
        "start": start and start.sha256,
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for part in parts:
        digest.update(part.source.digest.encode())
        digest.update(np.array(part.rows, dtype="<i8").tobytes())
    return digest.hexdigest()[:16]


def _read(folder: Path) -> tuple[VectorCache, float]:
    """Return cached vectors, and the seconds that they took. Raises SenticliError if damaged."""
    vectors = load_vectors(folder, "own", f"remove the folder {folder}")
    facts = jsonfile.parse((folder / "source.json").read_bytes())
    return vectors, facts["seconds"]


def _hash(tokens: Sequence[str], matrix: Matrix) -> str:
    return hashlib.sha256("\n".join(tokens).encode() + matrix.tobytes()).hexdigest()


def learn(
    texts: Sequence[tuple[Corpus, int]],
    settings: SkipGram,
    on_event: OnEvent,
    start: VectorCache | None = None,
) -> tuple[list[str], Matrix]:
    """Return the tokens that occur often enough, the most frequent first, and their vectors.

    gensim runs one worker: several write to the same matrix as they come, so that no two runs are
    alike. It is called for some texts at a time, so that progress is reported, and an interrupt
    taken, in between.

    Raises:
        SenticliError: no token occurs often enough.
    """
    with imported():
        from gensim.models import Word2Vec

    model = Word2Vec(
        vector_size=settings.dim,
        window=settings.window,
        min_count=settings.min_count,
        sg=1,
        negative=settings.negative,
        sample=settings.sample,
        seed=settings.seed,
        alpha=RATES[0],
        min_alpha=RATES[1],
        workers=1,
    )
    counts: Counter[str] = Counter()
    for corpus, row in texts:
        counts.update(corpus.text(row))
    if max(counts.values(), default=0) < settings.min_count:
        raise SenticliError(
            f"these are too few texts to learn word vectors: no token occurs {settings.min_count} "
            "times",
            "add texts, `unlabelled=FILE`; or use `vectors=none`",
        )
    model.build_vocab_from_freq(counts, corpus_count=len(texts))
    rare: list[str] = []
    published = np.empty((0, settings.dim), dtype="f4")
    if start:
        rare, published = _start_from(start, counts, model.wv.key_to_index, model.wv.vectors)
    total, done = len(texts) * settings.passes, 0
    for chunk in _chunks(texts, settings):
        on_event(Progress(STEP, done, total, "texts"))
        pieces = [text[at : at + LONGEST] for text in chunk for at in range(0, len(text), LONGEST)]
        if pieces:  # gensim warns of none, and of another number than it was given
            model.train(
                pieces,
                total_examples=len(pieces),
                epochs=1,
                start_alpha=_rate(done / total),
                end_alpha=_rate((done + len(chunk)) / total),
            )
        done += len(chunk)
    return [*model.wv.index_to_key, *rare], np.concatenate([model.wv.vectors, published])


def _start_from(
    start: VectorCache, texts: Container[str], row_of: Mapping[str, int], matrix: Matrix
) -> tuple[list[str], Matrix]:
    """Write the vectors of ``start``, of length 1 on average, to the rows of their tokens.

    Learning moves vectors by about as much, whatever their length: GloVe's, of length 5, would
    stay what they are. Return the tokens of ``texts`` that have no row, and their vectors.
    """
    found = [
        (token, row)
        for row, token in enumerate(start.tokens)
        if token in texts and start.matrix[row].any()  # learning would not move zeros
    ]
    vectors = start.matrix[[row for _, row in found]]
    if found:
        vectors /= np.linalg.norm(vectors, axis=1).mean()
    rows = np.array([row_of.get(token, -1) for token, _ in found], dtype=int)
    matrix[rows[rows >= 0]] = vectors[rows >= 0]
    return [token for token, _ in found if token not in row_of], vectors[rows < 0]


def _rate(progress: float) -> float:
    first, last = RATES
    return first + (last - first) * progress


def _chunks(texts: Sequence[tuple[Corpus, int]], settings: SkipGram) -> Iterator[list[list[str]]]:
    """Yield the tokens of some texts at a time, each pass in another order."""
    random = np.random.default_rng(settings.seed)
    for _ in range(settings.passes):
        order = random.permutation(len(texts)).tolist()
        for start in range(0, len(texts), CHUNK):
            chosen = (texts[index] for index in order[start : start + CHUNK])
            yield [corpus.text(row) for corpus, row in chosen]
