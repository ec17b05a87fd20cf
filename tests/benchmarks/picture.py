"""The picture in the README, drawn from what the commands really print on a terminal.

    python -m tests.benchmarks.picture    writes .github/senticli.svg

POSIX only (pty).
"""

import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parents[2] / ".github" / "senticli.svg"
COLUMNS = 84
REVIEWS = """id,review
1,"Great film, really"
2,
3,A mess from start to end
"""
COMMANDS = (
    'senticli predict "what a mess" "not bad at all" "My order arrived on Tuesday."',
    'senticli predict "A stupid film with a great ending" --explain',
    "senticli predict --input reviews.csv",
    "senticli eval --data sample",
)


def draw() -> str:
    """Run the commands and return the picture."""
    console = Console(record=True, file=StringIO(), width=COLUMNS, height=100)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "reviews.csv").write_text(REVIEWS, encoding="utf-8")
        for command in COMMANDS:
            console.print(f"[bold green]$[/] [bold]{command}[/]", highlight=False)
            console.print(Text.from_ansi(on_terminal(command, folder)), end="\n\n")
    svg = console.export_svg(title="senticli", unique_id="senticli")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # fetched from elsewhere


def on_terminal(command: str, folder: str) -> str:
    """Return what a command prints on a terminal, with the bundled model."""
    reader, terminal = pty.openpty()
    words = shlex.split(command)[1:]
    settings = {
        "SENTICLI_HOME": folder,
        "PYTHONPATH": str(PICTURE.parents[1]),
        "TERM": "xterm",
        "COLUMNS": str(COLUMNS),
    }
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "SENTICLI_MODEL")}
    with subprocess.Popen(
        [sys.executable, "-m", "senticli", *words],
        cwd=folder,
        env=environment | settings,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.PIPE,  # no progress bars
    ) as process:
        os.close(terminal)
        output = b""
        while piece := _read(reader):
            output += piece
        messages = process.communicate()[1]
    os.close(reader)
    return (output.replace(b"\r\n", b"\n") + messages).decode().rstrip()


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 65536)
    except OSError:  # Linux: nobody has the terminal open any more
        return b""


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
