"""The core's settings, steps and errors in the words of the command line."""

import re

from senticli.config import EvalConfig, ModelConfig, OutputConfig, TrainConfig, settings_of
from senticli.errors import SenticliError, UsageError

CONFIGS = (TrainConfig, ModelConfig, OutputConfig, EvalConfig)
SETTINGS = {name: about for one in CONFIGS for name, about in settings_of(one).items()}
_FLAGS = {"source": "--from", "label_map": "--labels", "slice_column": "--slice"}
"""Options that are not called as in the core."""
_OTHERS = {
    *("address", "engine", "force", "group_by", "input", "model", "name", "offline", "output"),
    *("preset", "report", "resume", "sha256", "slice_column", "source", "split", "strict"),
    *("tune", "verify", "workers"),
}
"""Settings of functions, not of a training."""
_STEPS = {
    "export": "models export",
    "install": "download",
    "pull": "models pull",
    "train": "train",
}
"""The commands of the core's functions."""
_SETTING = re.compile(r"`([a-z_][a-z0-9_]*)(?:=([^`]*))?`")
_STEP = re.compile(r"`([a-z]+)\(([^`]*)\)`")
_ARGUMENT = re.compile(r"""(?:"[^"]*"|'[^']*'|[^,"' ])+""")  # with what a shell has in quotes


def exit_code_of(error: SenticliError) -> int:
    """Return 2 for wrong usage, 1 for what failed."""
    return 2 if isinstance(error, UsageError) else 1


def flag_of(name: str, *, on: bool = True) -> str:
    """Return the option of a setting; of one that is a switch, that which turns it on or off."""
    switch = SETTINGS[name].switch if name in SETTINGS else None
    if switch:
        return f"--{switch[0 if on else -1]}"
    plain = _FLAGS.get(name, f"--{name.replace('_', '-')}")
    return plain if on else plain.replace("--", "--no-", 1)


def in_options(text: str) -> str:
    """Return a text of the core with options and commands in place of settings and steps."""

    def command(step: re.Match[str]) -> str:
        if step[1] not in _STEPS:
            return step[0]
        return f"senticli {_STEPS[step[1]]} {_options(step[2])}".rstrip()

    def option(setting: re.Match[str]) -> str:
        known = setting[1] in SETTINGS or setting[1] in _OTHERS
        return _option(setting[1], setting[2]) if known else setting[0]

    return _SETTING.sub(option, _STEP.sub(command, text))


def _options(arguments: str) -> str:
    """Return the arguments of a step as a shell takes them."""
    parts = [argument.partition("=") for argument in _ARGUMENT.findall(arguments)]
    return " ".join(_option(name, value) if equals else name for name, equals, value in parts)


def _option(name: str, value: str | None) -> str:
    if value in ("True", "False"):
        return flag_of(name, on=value == "True")
    return flag_of(name) if value is None else f"{flag_of(name)} {value}"
