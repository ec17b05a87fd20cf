"""Learning curves as a picture, with matplotlib."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from senticli.errors import SenticliError, UsageError
from senticli.io.atomic import replace_file
from senticli.io.formats import missing_package
from senticli.paths import cache_dir

if TYPE_CHECKING:
    from senticli.training.events import EpochResult

SUFFIXES = (".png", ".svg")


def check_plot(path: Path) -> Path:
    """Return the full path of a picture that can be drawn, checked before the long work starts."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--plot {str(path)!r} is not a picture", "use a name in .png or .svg")
    try:
        # Its cache of fonts goes to the data dir, like everything else that is written.
        os.environ.setdefault("MPLCONFIGDIR", str(cache_dir() / "matplotlib"))
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise missing_package("matplotlib", "--plot needs", "plot", error) from error
    if not path.absolute().parent.is_dir():
        raise SenticliError(f"there is no folder {path.absolute().parent}", "create it first")
    if path.is_dir():
        raise SenticliError(f"{path} is a folder", "choose another name")
    return path.absolute()


def draw(history: "Sequence[EpochResult]", title: str, path: Path) -> None:
    """Draw loss and accuracy by epoch, on training and on validation, into ``path``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False)
    epochs = [result.epoch for result in history]
    best = min(history, key=lambda result: result.valid_loss)
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for split, colour in (("train", "tab:gray"), ("valid", "tab:blue")):
            values = [getattr(result, f"{split}_{name}") for result in history]
            axes.plot(epochs, values, marker="o", markersize=3, color=colour, label=split)
        value = getattr(best, f"valid_{name}")
        shown = f"{value:.2%}" if name == "accuracy" else f"{value:.4f}"
        axes.plot(best.epoch, value, "o", color="tab:orange", label=f"best, {shown}")
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if name == "accuracy":
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.grid(alpha=0.3)
        axes.legend()
    with replace_file(path) as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=150)
