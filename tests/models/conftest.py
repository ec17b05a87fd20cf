"""The scripts that rebuild the bundled model are found in the checkout: they are not installed."""

from pathlib import Path

import senticli

senticli.__path__.append(str(Path(__file__).parents[2] / "senticli"))
