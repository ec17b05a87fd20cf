"""The errors that callers see: one line that says what is wrong, one that says what to do.

A setting stands between backquotes, as a keyword argument with or without a value: `lr`,
`encoding=cp1252`; a step as a call: `install(imdb, force=True)`. The command line shows its own
options and commands instead.
"""

from typing import Any


class SenticliError(Exception):
    """Something failed, and the caller can fix it.

    Args:
        message: what is wrong.
        hint: what to do.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        # To be sent to other processes: subclasses take other arguments than those of Exception.
        return type(self).__new__, (type(self), *self.args), self.__dict__

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(SenticliError):
    """What was asked for is impossible, whatever the files hold."""


class ConfigError(UsageError, ValueError):
    """The value of a setting makes no sense.

    Args:
        setting: its name.
        problem: what is wrong with its value.
        hint: what to do.
    """

    def __init__(self, setting: str, problem: str, hint: str) -> None:
        super().__init__(f"`{setting}` {problem}", hint)
        self.setting = setting


class Interrupted(SenticliError):
    """Ended from outside: the network, a full disk. What was fetched so far is kept."""
