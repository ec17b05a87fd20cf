"""Ray, which the plain installation does without."""

import os
from typing import Any

from senticli.io.formats import missing_package

PRIVATE = {"RAY_USAGE_STATS_ENABLED": "0"}
"""The environment in which Ray reports nothing home."""


# With it, Ray listens on 127.0.0.1 alone, as it does on macOS and Windows by default.
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


def import_ray(*, alone: bool = False) -> Any:
    """Return the module with ``data``, imported with its usage statistics off.

    Only variables set before the import decide; where the host program has imported Ray already,
    that program has decided.

    Args:
        alone: use no other machine, and let none reach this one.

    Raises:
        SenticliError: it is not installed, or cannot be imported.
    """
    os.environ.update(PRIVATE | LOOPBACK if alone else PRIVATE)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise missing_package(
            "ray", "`engine=ray` needs", "ray", error, requirement='"ray[data]"'
        ) from error
    return ray
