"""Measure models beside other ways to tell sentiment, on every kind of text in the catalogue.

    senticli download everyday imdb sst2
    python -m tests.benchmarks.breadth

A command, not a test. The sets are what ``senticli train`` validates on with the same data and
seed. fastText and TF-IDF learn from what it trains on with ``--drop-leaks``: no text of any set.
Each system runs once over all texts as a whole process, one text a line, for its rate.

Over two classes, the rows labelled negative or positive count, and the answer is the likelier of
these two; where both are as likely, it is positive, as of VADER and TextBlob where they find no
word. Over three, it is the mean of the recall of each label. The calibration error of a model is
the expected one, in 15 bins of the likeliest label's score, over all texts of all sets.
The intervals are those of 95 %: Wilson's of one share, a bootstrap's of a mean of several.
The Markdown table goes to stdout, the talk to stderr.
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from senticli import load, measures, paths
from senticli.bundle import Bundle
from senticli.config import TrainConfig
from senticli.data.catalogue import ASSETS, GROUPS
from senticli.data.columns import read_columns
from senticli.data.splits import Part, TrainingData, load_training_data
from senticli.download import installed
from senticli.errors import SenticliError
from senticli.measures import wilson
from tests.benchmarks.peers import (
    LABELS,
    PEERS,
    Failure,
    bundle_size,
    install_peer,
    measure,
    one_line,
    say,
    setting,
    write_rows,
)

DATA = (*GROUPS["everyday"], "imdb", "sst2")
KINDS = {"cad-imdb": ("orig", "new")}
"""Data sets whose topics are sets of their own; of others, the topics are averaged."""
RESAMPLES = 10_000

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TextSet:
    """What a source validates on; ``topics`` are kinds of products, or one."""

    name: str
    texts: list[str]
    labels: list[str]
    topics: list[str]

    @property
    def has_neutral(self) -> bool:
        """True if it has neutral texts."""
        return "neutral" in self.labels


@dataclass(frozen=True)
class Figure:
    """A share, its interval, and the shares that it is the mean of, if of several."""

    value: float
    low: float
    high: float
    parts: dict[str, float] = field(default_factory=dict)


@dataclass
class System:
    """A classifier and its figures."""

    name: str
    model_bytes: int = 0
    texts_per_s: float = 0.0
    two: dict[str, Figure] = field(default_factory=dict)
    three: dict[str, Figure] = field(default_factory=dict)
    calibration_error: float | None = None
    error: str = ""


def main() -> None:
    """Read, train, measure, print."""
    args = arguments()
    try:
        models = {name: load(name).bundle for name in args.model}
        config = TrainConfig(data=args.data, seed=args.seed, vectors="none", drop_leaks=True)
        installed.require(config.data)
        data = load_training_data(config)
    except SenticliError as error:
        raise SystemExit(f"error: {error.message}\nhint: {error.hint}") from error
    for name, bundle in models.items():
        warn_of_leaks(name, bundle, config)
    sets = [
        one for pair in zip(config.data, data.valid.parts, strict=True) for one in sets_of(*pair)
    ]
    rows = training_rows(data, args.limit)
    say(f"{len(rows):,} texts to train on, {sum(len(one.texts) for one in sets):,} to measure on")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        lines = [text for one in sets for text in one.texts]
        (work / "texts").write_text("\n".join(lines) + "\n", encoding="utf-8")
        systems = [run_model(name, bundle, sets, work) for name, bundle in models.items()]
        write_rows(work / "rows", rows)
        systems += [run_peer(key, args.cache, sets, work) for key in args.only]
    print("\n".join(report(systems, sets, len(rows))))
    if args.json:
        figures = {
            **setting(),
            "trained_on": len(rows),
            "texts": {one.name: len(one.texts) for one in sets},
            "systems": [asdict(system) for system in systems],
        }
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    cache = Path(tempfile.gettempdir(), "senticli-benchmark")
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--model", action="append", metavar="NAME|DIR", help="repeatable (bundled)")
    add("--data", action="append", metavar="NAME|FILE", help=f"repeatable ({', '.join(DATA)})")
    add("--seed", type=int, default=1, help="of the split into train and validation (%(default)s)")
    add("--limit", type=int, metavar="N", help="train peers on N texts only, for trying")
    add("--only", metavar="NAME,...", default=",".join(PEERS), help="peers, of %(default)s")
    add("--cache", type=Path, metavar="DIR", default=cache, help="environments, trained peers")
    add("--json", type=Path, metavar="FILE", help="write the raw figures too")
    args = parser.parse_args()
    args.model = args.model or ["bundled"]
    args.data = tuple(args.data or DATA)
    args.only = [key for key in args.only.split(",") if key]
    if unknown := [key for key in args.only if key not in PEERS]:
        parser.error(f"--only {','.join(unknown)}: the known names are {', '.join(PEERS)}")
    if args.limit is not None and args.limit < 1:
        parser.error("--limit is at least 1")
    args.cache = args.cache.resolve()
    return args


def warn_of_leaks(name: str, bundle: Bundle, config: TrainConfig) -> None:
    """Say so if a model may have learned what is measured on here."""
    trained = bundle.training
    same = all(getattr(trained, one) == getattr(config, one) for one in ("seed", "valid_fraction"))
    if not (same and trained.drop_leaks and set(config.data) <= set(trained.data)):
        say(
            f"warning: {name} may have learned some of these texts; if it was trained with "
            f"--drop-leaks --seed {config.seed} on the same data, it has not"
        )


def training_rows(data: TrainingData, limit: int | None) -> list[tuple[str, str]]:
    """Return the texts and labels that are trained on, or so many drawn from them."""
    rows = [(example.text, example.label) for example in data.train.examples]
    return random.Random(1).sample(rows, min(limit, len(rows))) if limit else rows


def sets_of(name: str, part: Part) -> Iterator[TextSet]:
    """Yield the sets that a source validates on."""
    examples, topics = part.examples, topics_of(name, part)
    for kind in KINDS.get(name, ("",)):
        rows = [row for row, topic in enumerate(topics) if kind in ("", topic)]
        yield TextSet(
            f"{name} {kind}".strip(),
            [one_line(examples[row].text) for row in rows],
            [examples[row].label for row in rows],
            [topics[row] for row in rows],
        )


def topics_of(name: str, part: Part) -> list[str]:
    """Return the topic of each row, which its id begins with: ``books/train/12``."""
    if name not in ASSETS:
        return [""] * len(part.rows)
    split = part.source.name.rpartition("/")[2]
    columns = read_columns(paths.dataset_dir(name) / "examples.npz", split, part.source.sha256)
    if "id" not in columns:
        return [""] * len(part.rows)
    ids = [(columns["id"][row] or "").split("/") for row in part.rows]
    return [one[0] if len(one) == 3 else "" for one in ids]


def run_model(name: str, bundle: Bundle, sets: Sequence[TextSet], work: Path) -> System:
    """Measure a model of senticli."""
    system = System(f"senticli, {name}", bundle_size(bundle.path))
    say(f"running {system.name}")
    command = [sys.executable, "-m", "senticli", "predict", "--model", str(bundle.path)]
    time_texts(system, command, sets, work)
    model = load(bundle.path)  # scores with all their digits
    known = model.predict_proba(text for one in sets for text in one.texts)
    scores = np.zeros((len(known), len(LABELS)))
    scores[:, [LABELS.index(label) for label in model.labels]] = known
    judge(system, scores, sets)
    system.calibration_error = calibration_error(scores, sets)
    return system


def run_peer(key: str, cache: Path, sets: Sequence[TextSet], work: Path) -> System:
    """Measure a peer; if that fails, its error says why."""
    system = System(PEERS[key].name)
    try:
        peer = install_peer(key, cache, work / "rows")
        system.name, system.model_bytes = f"{system.name} ({peer.version})", peer.model_bytes
        say(f"running {system.name}")
        time_texts(system, peer.command, sets, work)
        judge(system, np.loadtxt(work / "answers", delimiter="\t", ndmin=2), sets)
    except Failure as error:
        system.error = str(error)
        say(f"{system.name}: {error}")
    return system


def time_texts(system: System, command: list[str], sets: Sequence[TextSet], work: Path) -> None:
    """Run a command over all texts; what it prints is left in ``work/answers``."""
    run = measure(command, work / "texts", work / "answers")
    system.texts_per_s = sum(len(one.texts) for one in sets) / run.seconds


def judge(system: System, scores: Floats, sets: Sequence[TextSet]) -> None:
    """Take the figures from the scores of all sets' texts."""
    if len(scores) != sum(len(one.texts) for one in sets):
        raise Failure(f"{len(scores)} answers to {sum(len(one.texts) for one in sets)} texts")
    start = 0
    for one in sets:
        own = scores[start : (start := start + len(one.texts))]
        labels = np.array(one.labels)
        clear = labels != "neutral"
        positive = own[:, 2] >= own[:, 0]
        hits = positive == (labels == "positive")
        system.two[one.name] = mean_share(np.array(one.topics)[clear], hits[clear])
        if one.has_neutral:
            hits = np.array(LABELS)[own.argmax(axis=1)] == labels
            system.three[one.name] = mean_share(labels, hits)


def calibration_error(scores: Floats, sets: Sequence[TextSet]) -> float:
    """Return the expected calibration error [0, 1], of each text over the labels of its set."""
    has_neutral = np.repeat([one.has_neutral for one in sets], [len(one.texts) for one in sets])
    known = scores * np.stack([np.ones(len(scores)), has_neutral, np.ones(len(scores))], axis=1)
    known /= known.sum(axis=1, keepdims=True)
    truth = np.array([LABELS.index(label) for one in sets for label in one.labels])
    return measures.measure(known, truth, LABELS).figures["calibration_error"].value


def mean_share(groups: npt.NDArray[np.str_], hits: Bools) -> Figure:
    """Return the mean over groups of the share of hits."""
    of_each = {str(group): hits[groups == group] for group in np.unique(groups)}
    shares = {group: float(own.mean()) for group, own in of_each.items()}
    if len(of_each) == 1:
        return Figure(float(hits.mean()), *wilson(int(hits.sum()), len(hits)))
    generator = np.random.default_rng(1)
    drawn = [
        generator.binomial(len(own), shares[group], RESAMPLES) / len(own)
        for group, own in of_each.items()
    ]
    low, high = np.percentile(np.mean(drawn, axis=0), (2.5, 97.5))
    return Figure(sum(shares.values()) / len(shares), float(low), float(high), shares)


def report(systems: Sequence[System], sets: Sequence[TextSet], rows: int) -> Iterator[str]:
    """Yield the lines of the Markdown table and of the notes below it."""
    found = [system for system in systems if not system.error]
    yield f"| | {' | '.join(system.name for system in found)} |"
    yield "|---" * (len(found) + 1) + "|"
    for what, figures in (
        ("two classes, accuracy", [system.two for system in found]),
        ("three classes, macro-averaged recall", [system.three for system in found]),
    ):
        yield f"| **{what}** |" + " |" * len(found)
        for one in sets:
            if all(one.name in own for own in figures):
                topics = len(set(one.topics))
                name = f"{one.name}, mean of {topics} topics" if topics > 1 else one.name
                yield f"| {name} | {' | '.join(shown(own[one.name]) for own in figures)} |"
        means = [np.mean([figure.value for figure in own.values()]) for own in figures]
        yield f"| mean | {' | '.join(f'{mean:.1%}'.replace('%', ' %') for mean in means)} |"
    errors = [system.calibration_error for system in found]
    cells = ["" if error is None else f"{100 * error:.1f} %" for error in errors]
    yield f"| calibration error | {' | '.join(cells)} |"
    yield f"| texts/s | {' | '.join(f'{system.texts_per_s:,.0f}' for system in found)} |"
    sizes = [f"{system.model_bytes / 1e6:,.1f} MB" for system in found]
    yield f"| model on disk | {' | '.join(sizes)} |"
    total = sum(len(one.texts) for one in sets)
    length = sum(len(text) for one in sets for text in one.texts) / total
    yield ""
    yield f"{'; '.join(setting().values())}. In brackets: 95 % intervals. {total:,} texts of"
    yield f"{length:,.0f} characters on average; rates with start-up, one run. Peers that learn"
    yield f"were trained on {rows:,} texts."
    for system in systems:
        if system.error:
            yield f"{system.name}: {system.error}"


def shown(figure: Figure) -> str:
    """Return a figure as the table has it, in percent."""
    value, low, high = (f"{100 * share:.1f}" for share in (figure.value, figure.low, figure.high))
    return f"{value} ({low}–{high})"


if __name__ == "__main__":
    main()
