"""Ray, which the plain installation does without."""

import os
from typing import Any

from senticli.io.formats import missing_package

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported home
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # its processes write to stderr what is in their logs, too
}


def import_ray() -> Any:
    """Return the module with ``data``, imported with its usage statistics off.

    Raises:
        SenticliError: it is not installed, or cannot be imported.
    """
    os.environ.update(QUIET)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise missing_package("ray", "`engine=ray` needs", "ray", error) from error
    return ray
