"""``senticli predict``: texts in, labels out."""

import shutil
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senticli.cli.console import one_line, print_json, say, styled
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
    width = max(len(label) for label in labels)
    empty = _Count("have no word, and so no label")
    truncated = _Count("are very long and were read by their head and tail alone")
    for number, prediction in enumerate(predictions, start=1):
        if prediction.error:
            empty.add(number)
        if prediction.truncated:
            truncated.add(number)
        if as_json:
            print_json(_record(prediction, labels))
        elif terminal:
            print(_coloured(prediction, width))
        else:
            score = "" if prediction.score is None else f"{prediction.score:.4f}"
            print(f"{prediction.label}\t{score}")
    sys.stdout.flush()  # the answer before the talk
    for count in (empty, truncated):
        if count.texts:
            say(f"warning: texts that {count.what}: {count.texts:,}, first text {count.first:,}")


@dataclass
class _Count:
    """How many texts were odd in one way, and which was the first."""

    what: str
    texts: int = 0
    first: int = 0

    def add(self, number: int) -> None:
        self.texts += 1
        self.first = self.first or number


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
    text = one_line(prediction.text)
    if len(text) > room > 1:
        text = text[: room - 1] + "…"
    label = styled(label, f"1;{COLOURS.get(prediction.label, '36')}", sys.stdout)
    return f"{label}  {score}  {text}"
