"""``senticli eval``: how good a model is on labelled examples."""

from dataclasses import asdict, replace
from typing import Annotated, Literal

import typer

from senticli.cli.console import print_evaluation, print_json, say, track
from senticli.cli.options import Json, LabelColumn, Model, TextColumn, Threads, with_default
from senticli.errors import SenticliError, UsageError

EXAMPLES = (
    "senticli eval --split test",
    "senticli eval --model bundled --data sample",
    "senticli eval --data reviews.csv --label-column stars --json",
)


def evaluate(
    model: Model = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            "-d",
            metavar="NAME|FILE",
            help=with_default(
                "Data set; or a file or folder as for train, which is taken whole.",
                "what the model was trained on",
            ),
        ),
    ] = None,
    split: Annotated[
        Literal["train", "valid", "test"] | None,
        typer.Option("--split", help=with_default("Split of the data set.", "test")),
    ] = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    as_json: Json = False,
    threads: Threads = None,
) -> None:
    """Measure a model on labelled examples: loss, accuracy, precision, recall, F1, confusion."""
    # Heavy imports stay inside: --help and completion do without numpy and onnxruntime.
    import numpy as np

    from senticli import metrics, store
    from senticli.data.catalogue import DATASETS
    from senticli.data.datasets import existing_file, load_split
    from senticli.data.labelled import read_labelled
    from senticli.predictor import Predictor

    opened = store.find(model)
    trained = opened.training
    trained = replace(
        trained,
        text_column=text_column or trained.text_column,
        label_column=label_column or trained.label_column,
    )
    if data is None or data in DATASETS:
        trained = replace(trained, data=(data,), valid=(), test=()) if data else trained
        found = load_split(trained, split or "test")
        examples = found.examples
        what = f"{', '.join(found.names)} {split or 'test'}"
        recorded = opened.config.provenance["sha256"]["data"]
        if any(recorded.get(name, digest) != digest for name, digest in found.hashes.items()):
            say("warning: the data has changed since the model was trained on it")
    elif split:
        raise UsageError(f"--split {split} is for data sets, and {data} is a file", "leave it out")
    else:
        read = read_labelled(existing_file(data), trained.text_column, trained.label_column)
        examples = read.examples
        if read.problems:
            first = read.problems[0]
            say(
                f"warning: {len(read.problems):,} rows left out, the first for {first.what}: "
                f"{first.where}"
            )
        what = data
    numbers = {label: number for number, label in enumerate(opened.config.labels)}
    for example in examples:
        if example.label not in numbers:
            raise SenticliError(
                f"the label {example.label!r} is not one of the model's: {', '.join(numbers)}",
                "use data with the model's labels, or a model trained on these: --model NAME",
            )
    predictor = Predictor(opened, threads)
    texts = (example.text for example in examples)
    rows = track(predictor.probabilities(texts), len(examples), f"evaluating on {what}")
    probabilities = np.stack(list(rows))
    truth = np.array([numbers[example.label] for example in examples])
    result = metrics.evaluate(probabilities, truth, opened.config.labels)
    if as_json:
        print_json({"model": opened.name, "data": what, **asdict(result)})
    else:
        print_evaluation(result, f"{opened.name} on {what}")
