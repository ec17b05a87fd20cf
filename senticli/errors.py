"""The errors people see: one line that says what, one line that says what to do."""


class SenticliError(Exception):
    """Something that failed and that the user can mend.

    ``message`` says what is wrong and ``hint`` names the command or change that mends it. The
    command line prints both, one line each, and exits with ``exit_code``.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SenticliError):
    """The command was asked for something impossible: wrong usage, exit code 2."""

    exit_code = 2


class Interrupted(SenticliError):
    """Ended from outside: the network, a full disk. What was fetched so far is kept."""
