"""senticli: train a sentiment classifier on a laptop, classify text in a shell pipe."""

__version__ = "0.1.0"
