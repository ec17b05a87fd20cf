"""What senticli reads, writes, fetches and chooses, for the logger ``senticli``.

The logging module costs as much time at the start as a prediction, so it is not imported here: if
nobody has imported it, nobody listens.
"""

import sys


def log(message: str, *values: object) -> None:
    """Log a message, with a %s for each value, at the level INFO."""
    logging = sys.modules.get("logging")
    if logging:
        logging.getLogger("senticli").info(message, *values)
