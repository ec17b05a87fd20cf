"""``python -m senticli.cli.completions [DIR]`` writes the scripts."""

import sys
from pathlib import Path

from senticli.cli.completions import scripts

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "completions")
for name, script in scripts().items():
    (folder / name).write_text(script, encoding="utf-8", newline="\n")
    print(folder / name)
