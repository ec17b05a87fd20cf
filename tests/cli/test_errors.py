"""Settings and steps of the core as options and commands."""

import shlex

import pytest

from senticli.cli.errors import in_options


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("use `encoding=cp1252`", "use --encoding cp1252"),
        ("lower `batch_size` or `lr`", "lower --batch-size or --lr"),
        ("`header=False`, `lowercase=True`, `verify=False`", "--no-header, --uncased, --no-verify"),
        ("`install(imdb, sst2)`", "senticli download imdb sst2"),
        ("`install(imdb, force=True)`", "senticli download imdb --force"),
        ("`train()`", "senticli train"),
        ("`pull(FILE, sha256=HEX)`", "senticli models pull FILE --sha256 HEX"),
        ("`rm` and `sudo(rm)` are no settings", "`rm` and `sudo(rm)` are no settings"),
    ],
)
def test_settings_and_steps_are_shown_as_options(text: str, shown: str) -> None:
    assert in_options(text) == shown


@pytest.mark.parametrize("value", ["my model", "a, b", "it's, so", "plain"])
def test_value_of_a_step_stays_one_word_of_the_shell(value: str) -> None:
    shown = in_options(f"`train(resume=True, name={shlex.quote(value)})`")
    assert shlex.split(shown) == ["senticli", "train", "--resume", "--name", value]
