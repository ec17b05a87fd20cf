"""senticli: train a sentiment classifier on a laptop, classify text in a shell pipe.

    >>> from senticli import load
    >>> model = load()
    >>> [prediction] = model.predict(["great film"])
    >>> prediction.label
    'positive'

Importing it costs nothing: numpy and ONNX Runtime are imported by the first :func:`load`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from senticli.model import Prediction, Predictor

__version__ = "0.1.0"
__all__ = ["Prediction", "Predictor", "load"]


def load(model: str | None = None, *, threads: int | None = None) -> "Predictor":
    """The model called ``model``, ready to predict.

    Args:
        model: a name in the data dir, a folder, or ``bundled``; None means the model trained
            last, or the bundled one before anything was trained.
        threads: CPU threads of the network; None takes every core.

    Raises:
        senticli.errors.SenticliError: there is no such model, or it is broken.
    """
    from senticli import registry
    from senticli.model import Predictor

    return Predictor(registry.find(model), threads)


def __getattr__(name: str) -> object:
    if name in ("Prediction", "Predictor"):
        from senticli import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
