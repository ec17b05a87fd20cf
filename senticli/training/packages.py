"""The packages that training needs, which the plain installation does without."""

from collections.abc import Iterator
from contextlib import contextmanager

from senticli.errors import SenticliError


@contextmanager
def imported(extra: str = "train") -> Iterator[None]:
    """Say which package is missing, or cannot be loaded, where an import in the block fails.

    Raises:
        SenticliError: an import failed; not because of a module of our own.
    """
    try:
        yield
    except (ImportError, OSError) as error:  # OSError: a library of torch's that does not load
        package = (getattr(error, "name", None) or "").partition(".")[0]
        if package == "senticli":
            raise
        if isinstance(error, ModuleNotFoundError):
            raise SenticliError(
                f"training needs the package {package}, which is not installed",
                f'in a checkout of senticli: pip install ".[{extra}]"',
            ) from error
        raise SenticliError(
            f"a package that training needs cannot be loaded: {error}",
            f'repair it: pip install --force-reinstall ".[{extra}]", in a checkout of senticli',
        ) from error
