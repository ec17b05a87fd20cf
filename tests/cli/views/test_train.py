"""How a training looks."""

from senticli.cli.views.train import Live
from senticli.events import Progress


def test_file_names_are_no_markup() -> None:
    with Live() as live:
        live.render(Progress("labelling [/red].csv", 1, 2))
