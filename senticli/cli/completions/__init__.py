"""The completion scripts of bash, zsh and fish, generated from Typer's command tree.

    python -m senticli.cli.completions [DIR]    writes them to DIR, by default ./completions

The scripts are static: at TAB the shell itself reads the names of models and data sets from the
data dir, and nothing starts Python.
"""

from senticli.cli.app import app
from senticli.cli.completions import bash, fish, zsh
from senticli.cli.completions.tree import command_tree


def scripts() -> dict[str, str]:
    """Return the three scripts by file name."""
    root = command_tree(app)
    return {
        "senticli.bash": bash.script(root),
        "_senticli": zsh.script(root),
        "senticli.fish": fish.script(root),
    }
