"""Measure what each stage of ``senticli predict`` costs, in CPU seconds for 1,000 texts.

    senticli download imdb semeval-tweets
    python -m tests.benchmarks.stages

A command, not a test. From the figures follows how many cores a billion texts take. CPU time,
unlike the clock, hardly depends on what else the machine does: each figure is the least of some
runs, over a Parquet file of one column, in one thread. Networks of other widths have random
weights, which does not change their speed. "The rest" is what the whole of it takes beyond its
parts: writing and packing the answers. The Markdown tables go to stdout, the talk to stderr.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from senticli import Model, load, score_file
from senticli.config import ModelConfig, TrainConfig
from senticli.data.splits import UNLABELLED, Sources
from senticli.io.inputs import open_input
from senticli.io.layout import Layout
from senticli.model import WINDOW
from senticli.runtime import Network
from tests.benchmarks.peers import say, setting

TEXTS = {"imdb": ("reviews", UNLABELLED), "semeval-tweets": ("tweets", "train")}
A_BILLION = 10**9
HOUR = 3600


@dataclass
class Costs:
    """Of one kind of text: CPU seconds of each stage for 1,000 texts, and bytes for a text."""

    name: str
    tokens: float = 0.0  # a text, on average
    seconds: dict[str, float] = field(default_factory=dict)
    networks: dict[int, float] = field(default_factory=dict)  # by hidden size
    read: float = 0.0
    written: float = 0.0

    @property
    def bundled(self) -> float:
        """CPU seconds of the whole of it, with the bundled model."""
        return self.seconds["in all"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--texts", type=int, default=8192, metavar="N", help="of each kind (%(default)s)")
    add("--hidden", default="32,64,128,256", metavar="N,...", help="other networks (%(default)s)")
    add("--repeats", type=int, default=3, metavar="N", help="(%(default)s)")
    args = parser.parse_args()
    sizes = [int(size) for size in args.hidden.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        found = [measure(name, args.texts, sizes, args.repeats, Path(folder)) for name in TEXTS]
    print("\n".join(report(found)))
    print(f"\n{'; '.join(setting().values())}. {args.texts:,} texts of each kind, one thread.")


def measure(name: str, count: int, sizes: Sequence[int], repeats: int, folder: Path) -> Costs:
    """Return the costs of the texts of one data set."""
    kind, split = TEXTS[name]
    examples = Sources().get(name, split, TrainConfig(data=(name,))).examples[:count]
    source, target = folder / f"{kind}.parquet", folder / f"{kind}-scored.parquet"
    pq.write_table(pa.table({"text": [example.text for example in examples]}), source)
    model = load("bundled", threads=1)
    costs = Costs(kind)

    def seconds(work: Callable[[], object]) -> float:
        spent = []
        for _ in range(repeats):
            start = time.process_time()
            work()
            spent.append(time.process_time() - start)
        return min(spent) * 1000 / len(examples)

    def read() -> list[str]:
        with open_input(source, None, Layout()) as opened:
            return [record.text for record in opened.records]

    texts, encode = read(), model.bundle.encoder()
    say(f"{kind}: reading, tokenizing, all of it")
    costs.seconds["reading"] = seconds(read)
    token_ids = [encode(text) for text in texts]  # from here on, the encoder has seen the words
    costs.tokens = sum(map(len, token_ids)) / len(texts)
    costs.seconds["tokenizing"] = seconds(lambda: [encode(text) for text in texts])
    windows = [token_ids[start : start + WINDOW] for start in range(0, len(texts), WINDOW)]

    def run(network: Network) -> None:
        for _ in network.stream(windows):
            pass

    networks = {size: Network(network_of(model, size), threads=1) for size in sizes}
    bundled = Network(model.bundle.read("model.onnx"), threads=1)
    costs.seconds["network"] = seconds(partial(run, bundled))
    whole = seconds(lambda: score_file(source, target, model=model, force=True))
    costs.seconds["the rest"] = whole - sum(costs.seconds.values())
    costs.seconds["in all"] = whole
    for size, network in networks.items():
        say(f"{kind}: a network of hidden size {size}")
        costs.networks[size] = seconds(partial(run, network))
    costs.read = source.stat().st_size / len(texts)
    costs.written = target.stat().st_size / len(texts)
    return costs


def network_of(model: Model, hidden: int) -> bytes:
    """Return an int8 graph like the model's, of another width, with random weights."""
    from senticli.training.export.float32 import output_size
    from senticli.training.export.int8 import to_int8
    from senticli.training.network.birnn import BiRNN

    config: ModelConfig = replace(model.bundle.config.model, hidden=hidden)
    network = BiRNN(config, len(model.bundle.vocab), output_size(len(model.labels)), 1)
    content: bytes = to_int8(network).SerializeToString()
    return content


def report(found: Sequence[Costs]) -> Iterator[str]:
    """Yield the lines of the Markdown tables."""
    yield f"| CPU seconds for 1,000 | {' | '.join(cost.name for cost in found)} |"
    yield "|---" + "|--:" * len(found) + "|"
    for stage in found[0].seconds:
        yield row(stage, [f"{cost.seconds[stage]:.3f}" for cost in found])
    yield row("tokens in a text", [f"{cost.tokens:.0f}" for cost in found])
    yield row("bytes read of a text", [f"{cost.read:,.0f}" for cost in found])
    yield row("bytes written", [f"{cost.written:,.0f}" for cost in found])
    yield ""
    names = [f"{cost.name}: {what}" for cost in found for what in ("network", "core hours for 10⁹")]
    yield f"| hidden size | {' | '.join(names)} |"
    yield "|--:" * (len(names) + 1) + "|"
    for size in found[0].networks:
        cells = []
        for cost in found:
            in_all = cost.bundled - cost.seconds["network"] + cost.networks[size]
            hours = in_all / 1000 * A_BILLION / HOUR
            cells += [f"{cost.networks[size]:.3f}", f"{hours:,.0f}"]
        yield row(str(size), cells)


def row(name: str, cells: Sequence[str]) -> str:
    """Return a line of a table."""
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
