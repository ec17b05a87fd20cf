"""Every location senticli reads or writes. Nothing here creates a folder.

``SENTICLI_HOME`` overrides the platform's user data dir::

    SENTICLI_HOME/
      datasets/NAME/examples.npz  source.json  tokens-*.npz
      vectors/NAME/words.txt  vectors.npy  source.json
      models/NAME/               a bundle, see senticli.bundle
      checkpoints/NAME.safetensors  a training that is not done
      checkpoints/NAME.tune.jsonl   the trials of a search
      downloads/NAME/            what was fetched of a download that is not done
      downloads/models/NAME/     the same, of a model
      cache/                     what can be made again
      last-model                 path of the model trained last
"""

import os
from pathlib import Path

from senticli.errors import SenticliError

BUNDLED_MODEL = Path(__file__).parent / "models" / "default"
SAMPLE_DATASET = Path(__file__).parent / "data" / "sample"
BUNDLED_CHECKS = Path(__file__).parent / "evaluation" / "checks.jsonl"


class NoHomeError(SenticliError):
    """There is no place for user data."""


def home() -> Path:
    """Return the data dir: ``SENTICLI_HOME``, or the platform's place for user data.

    Raises:
        NoHomeError: there is neither.
    """
    override = os.environ.get("SENTICLI_HOME")
    if override:
        # os.path's, unlike Path's, leaves alone what it does not know
        return Path(os.path.expanduser(override)).absolute()  # noqa: PTH111
    from platformdirs import user_data_path

    cause = None
    try:
        path = user_data_path("senticli", appauthor=False)
        if path.is_absolute():  # older platformdirs leave a ~ that means nothing as it is
            return path
    except RuntimeError as error:
        cause = error
    raise NoHomeError(
        "this user has no home folder, and SENTICLI_HOME is not set",
        "set SENTICLI_HOME to a folder for data sets, vectors and models",
    ) from cause


def dataset_dir(name: str) -> Path:
    """Return the folder of a data set; the bundled sample comes with the package."""
    return SAMPLE_DATASET if name == "sample" else home() / "datasets" / name


def vectors_dir(name: str) -> Path:
    """Return the folder of word vectors."""
    return home() / "vectors" / name


def downloads_dir() -> Path:
    """Return the folder of unfinished downloads, which are resumed."""
    return home() / "downloads"


def cache_dir() -> Path:
    """Return the folder of results that can be computed again."""
    return home() / "cache"


def models_dir() -> Path:
    """Return the folder of trained models."""
    return home() / "models"


def checkpoints_dir() -> Path:
    """Return the folder of unfinished trainings, which are resumed."""
    return home() / "checkpoints"


def last_model_file() -> Path:
    """Return the text file that holds the path of the model trained last."""
    return home() / "last-model"
