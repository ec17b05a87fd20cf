"""``senticli eval``: how good a model is on labelled examples."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from senticli.cli.console import one_line, print_evaluation, print_json, say, track
from senticli.cli.options import (
    READING,
    Json,
    Model,
    Settings,
    Threads,
    with_default,
    with_settings,
)
from senticli.config import TrainConfig
from senticli.data.catalogue import ASSETS, DATASETS
from senticli.errors import SenticliError, UsageError

if TYPE_CHECKING:
    from senticli.bundle import Bundle
    from senticli.data.labelled import Example

EXAMPLES = (
    "senticli eval --split test",
    "senticli eval --model bundled --data sample",
    "senticli eval --data reviews.csv --label-column stars --json",
)


@with_settings(*READING)
def evaluate(
    model: Model = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            "-d",
            metavar="NAME|FILE|DIR",
            help=with_default(
                "Data set, file, folder or `-`, as for train; one without splits is taken whole. "
                "Repeatable.",
                "what the model was trained on",
            ),
        ),
    ] = None,
    split: Annotated[
        Literal["train", "valid", "test"] | None,
        typer.Option("--split", help=with_default("Split of the data set.", "test")),
    ] = None,
    *,
    settings: Settings,
    as_json: Json = False,
    threads: Threads = None,
) -> None:
    """Measure a model on labelled examples: loss, accuracy, precision, recall, F1, confusion."""
    # Heavy imports stay inside: --help and completion do without numpy and onnxruntime.
    import numpy as np

    from senticli import evaluation, registry
    from senticli.model import Predictor

    opened = registry.find(model)
    given = {name: value for name, value in settings.items() if value is not None}
    found, what = _examples(opened, data, split, given)
    numbers = {label: number for number, label in enumerate(opened.config.labels)}
    for example in found:
        if example.label not in numbers:
            raise SenticliError(
                f"the label {example.label!r} is not one of the model's: {', '.join(numbers)}",
                "use data with the model's labels, or a model trained on these: --model NAME",
            )
    predictor = Predictor(opened, threads)
    texts = (example.text for example in found)
    rows = track(predictor.probabilities(texts), len(found), f"evaluating on {one_line(what)}")
    probabilities = np.stack(list(rows))
    truth = np.array([numbers[example.label] for example in found])
    result = evaluation.evaluate(probabilities, truth, opened.config.labels)
    if as_json:
        print_json({"model": opened.name, "data": what, **asdict(result)})
    else:
        print_evaluation(result, f"{opened.name} on {what}")


def _examples(
    opened: "Bundle", data: "Sequence[str] | None", split: str | None, given: dict[str, Any]
) -> "tuple[Sequence[Example], str]":
    """Return the examples to measure on, and what they are called.

    Rows that are not examples are reported, also where an error follows that they may explain.
    """
    from senticli.data.checks import rows_of
    from senticli.data.labelled import PIPE, is_pipe
    from senticli.data.splits import Sources, check_reading, load_split, splits_of
    from senticli.download import installed
    from senticli.io.formats import STANDARD_INPUT

    trained, part, what = opened.training, split or "test", ""
    sources = Sources()
    if not data:
        pipe = next((n for n in trained.data if n not in DATASETS and is_pipe(Path(n))), None)
        if pipe and not trained.test:
            raise SenticliError(
                f"{opened.name} was trained from a pipe, which cannot be read again",
                "name the data: --data FILE",
            )
        config = replace(trained, **given)
    else:
        names = []
        for name in data:
            splits = splits_of(name)
            whole = name not in DATASETS and splits == {"train"}
            if whole and split:
                raise UsageError(
                    f"--split {split} is for data with splits, and {name} has none", "leave it out"
                )
            if not whole and part not in splits and part != "valid":
                raise SenticliError(
                    f"{name} has no {part} split", f"it has: --split {' or '.join(sorted(splits))}"
                )
            names.append(f"{STANDARD_INPUT if name == PIPE else name}{'' if whole else f' {part}'}")
        what = ", ".join(names)
        # Of how the files of the training were read, only the columns' names may fit another.
        usual = {name: getattr(TrainConfig(), name) for name in READING}
        own = {"data": tuple(data), "valid": (), "test": () if split else tuple(data)}
        config = replace(trained, **{**usual, **own, **given})
        sources = Sources(trained.text_column, trained.label_column)
    check_reading(config)
    installed.require(config.data)
    try:
        found = load_split(config, part, sources)
    finally:
        for finding in rows_of(sources.problems):
            say(f"warning: {finding.what}: {finding.count:,}; the first: {finding.example}")
    _compare_with_training(opened, found.names, found.hashes)
    return found.examples, what or f"{', '.join(found.names)} {part}"


def _compare_with_training(
    opened: "Bundle", names: "Sequence[str]", hashes: dict[str, str]
) -> None:
    """Say if data that the model was trained on have changed, or that this cannot be known."""
    from senticli.download import installed

    recorded = opened.config.provenance["sha256"]["data"]
    for name in names:
        now = dict(hashes)
        if name in ASSETS:  # also its other splits
            now |= {
                f"{name}/{s}": h for s, h in installed.provenance(ASSETS[name])["hashes"].items()
            }
        known = [source for source in now if source in recorded]
        if any(recorded[source] != now[source] for source in known):
            say(f"warning: {name} has changed since the model was trained on it")
        elif name in opened.training.data and name in ASSETS and not known:
            say(f"note: the model does not record what {name} was when it was trained on it")
