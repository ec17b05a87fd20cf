"""How a training looks."""

from io import StringIO

import pytest
from rich.console import Console

from senticli.cli.views.train import Live, epoch_table
from senticli.events import Progress
from senticli.training.events import EpochResult

EPOCH = EpochResult(
    epoch=10,
    epochs=12,
    train_loss=0.6912,
    train_accuracy=1.0,
    valid_loss=0.7,
    valid_accuracy=0.5,
    lr=2e-3,
    tokens_per_s=123_456.0,
    seconds=1000.0,
    best=True,
)


def test_file_names_are_no_markup() -> None:
    with Live() as live:
        live.render(Progress("labelling [/red].csv", 1, 2))


@pytest.mark.parametrize(("width", "has_speed"), [(60, False), (80, True)])
def test_table_of_epochs_is_whole_on_a_narrow_terminal(width: int, has_speed: bool) -> None:
    console = Console(file=StringIO(), width=width)
    with console.capture() as shown:
        console.print(epoch_table([EPOCH], width))
    assert "…" not in shown.get()
    assert "0.6912" in shown.get()
    assert ("123,456" in shown.get()) == has_speed
