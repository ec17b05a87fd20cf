"""senticli: train a sentiment classifier on a laptop, classify text in a shell pipe.

    >>> from senticli import load
    >>> model = load()
    >>> model.predict("great film").label
    'positive'

``README.md`` beside this file shows all of the API. Importing it costs nothing: each name is
imported, with numpy and ONNX Runtime where it needs them, when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from senticli.cluster.engine import score_files
    from senticli.config import ModelConfig, TrainConfig
    from senticli.download.install import install
    from senticli.download.pull import pull
    from senticli.errors import SenticliError
    from senticli.evaluation.assess import assess
    from senticli.evaluation.checks import check
    from senticli.evaluation.run import evaluate
    from senticli.io.scoring import score_file
    from senticli.measures import Evaluation
    from senticli.model import Model, Prediction, load
    from senticli.training.run import train

__version__ = "0.1.0"
__all__ = [
    "Evaluation",
    "Model",
    "ModelConfig",
    "Prediction",
    "SenticliError",
    "TrainConfig",
    "assess",
    "check",
    "evaluate",
    "install",
    "load",
    "pull",
    "score_file",
    "score_files",
    "train",
]
_MODULES = {
    "Evaluation": "measures",
    "Model": "model",
    "ModelConfig": "config",
    "Prediction": "model",
    "SenticliError": "errors",
    "TrainConfig": "config",
    "assess": "evaluation.assess",
    "check": "evaluation.checks",
    "evaluate": "evaluation.run",
    "install": "download.install",
    "load": "model",
    "pull": "download.pull",
    "score_file": "io.scoring",
    "score_files": "cluster.engine",
    "train": "training.run",
}
"""The module that each name is imported from."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
