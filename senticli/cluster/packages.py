"""Ray, which the plain installation does without."""

import os
from typing import Any

from senticli.io.formats import missing_package

PRIVATE = {"RAY_USAGE_STATS_ENABLED": "0"}
"""The environment in which Ray reports nothing home."""


def import_ray() -> Any:
    """Return the module with ``data``, imported with its usage statistics off.

    Raises:
        SenticliError: it is not installed, or cannot be imported.
    """
    os.environ.update(PRIVATE)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise missing_package("ray", "`engine=ray` needs", "ray", error) from error
    return ray
