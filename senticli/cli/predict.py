"""``senticli predict``: texts in, labels out."""

import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senticli.cli.console import print_json, say
from senticli.cli.options import Input, Json, Model, Threads
from senticli.errors import UsageError

if TYPE_CHECKING:
    from senticli.predictor import Prediction

EPILOG = """
[bold]Examples[/]

  echo "great film" | senticli predict

  senticli predict "what a mess" "not bad at all" --json

  senticli predict --input reviews.txt > labels.tsv
"""

COLOURS = {"positive": "32", "negative": "31"}  # of other labels: cyan


def predict(
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Texts to classify; `-` reads standard input."),
    ] = None,
    input: Input = None,
    model: Model = None,
    as_json: Json = False,
    threads: Threads = None,
) -> None:
    """Classify texts: arguments, a file, or standard input, one text a line.

    In a pipe the answer is `label<TAB>probability`, one line a text, in order. A text without a
    word gets an empty label.
    """
    source = _source(texts or [], input)
    # Heavy imports stay inside: --help and completion do without numpy and onnxruntime.
    from senticli import bundle
    from senticli.predictor import Predictor
    from senticli.text.readers import Lines, unreadable

    predictor = Predictor(bundle.find(model), threads)
    if isinstance(source, list):
        _print(predictor.stream(source), predictor.labels, as_json)
        return
    try:
        stream = source.open("rb") if source else nullcontext(sys.stdin.buffer)
    except OSError as error:
        assert source
        raise unreadable(source, error) from error
    with stream as file:
        lines = Lines(file)
        _print(predictor.stream(lines), predictor.labels, as_json)
    if lines.replaced:
        say(
            f"warning: bytes that are not UTF-8 were replaced in {lines.replaced:,} of the lines, "
            f"the first of them line {lines.first_replaced:,}"
        )


def _source(texts: list[str], input: Path | None) -> list[str] | Path | None:
    """Where the texts come from: the arguments, a file, or (None) standard input."""
    if texts and input:
        raise UsageError("texts are given both as arguments and by --input", "use one of the two")
    if texts and texts != ["-"]:
        return texts
    if input and str(input) != "-":
        return input
    if not texts and not input and sys.stdin.isatty():
        raise UsageError("there is no text to classify", 'echo "great film" | senticli predict')
    return None


def _print(predictions: Iterable["Prediction"], labels: tuple[str, ...], as_json: bool) -> None:
    """Write the predictions to stdout, and on stderr what was odd about some of them."""
    terminal = sys.stdout.isatty()
    empty: list[int] = []
    truncated: list[int] = []
    for number, prediction in enumerate(predictions, start=1):
        if prediction.error:
            empty.append(number)
        if prediction.truncated:
            truncated.append(number)
        if as_json:
            print_json(_record(prediction, labels))
        elif terminal:
            print(_coloured(prediction, max(len(label) for label in labels)))
        else:
            score = "" if prediction.score is None else f"{prediction.score:.4f}"
            print(f"{prediction.label}\t{score}")
    for numbers, what in (
        (empty, "without a word have no label"),
        (truncated, "were very long and were read by their head and tail alone"),
    ):
        if numbers:
            sys.stdout.flush()
            say(f"warning: texts that {what}: {len(numbers):,}, the first is text {numbers[0]:,}")


def _record(prediction: "Prediction", labels: tuple[str, ...]) -> dict[str, object]:
    """The documented JSON fields of a prediction."""
    record: dict[str, object] = {
        "text": prediction.text,
        "label": prediction.label or None,
        "score": None if prediction.score is None else round(prediction.score, 6),
        "scores": {
            label: round(score, 6) for label, score in zip(labels, prediction.scores, strict=False)
        },
    }
    if prediction.truncated:
        record["truncated"] = True
    if prediction.error:
        record["error"] = prediction.error
    return record


def _coloured(prediction: "Prediction", width: int) -> str:
    """Label, probability and as much of the text as fits on one line of the terminal."""
    label = (prediction.label or "-").ljust(width)
    score = "     -" if prediction.score is None else f"{prediction.score:6.1%}"
    room = shutil.get_terminal_size().columns - width - 10
    text = " ".join(prediction.text.split())
    if len(text) > room > 1:
        text = text[: room - 1] + "…"
    if not os.environ.get("NO_COLOR"):
        label = f"\033[1;{COLOURS.get(prediction.label, '36')}m{label}\033[0m"
    return f"{label}  {score}  {text}"
