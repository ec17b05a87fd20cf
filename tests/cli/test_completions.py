"""The completion scripts: as generated, and in the real shells."""

import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperArgument, TyperGroup

from senticli.cli.app import app
from senticli.cli.completions import scripts, tree
from senticli.data.catalogue import DATASETS

FOLDER = Path(__file__).parents[2] / "completions"
FILES = {"bash": "senticli.bash", "zsh": "_senticli", "fish": "senticli.fish"}
MODELS = ("plain-lstm", "my model", "a:b=c", "it's", "$HOME & co", "été & (co)")


def missing(shell: str) -> pytest.MarkDecorator:
    # In CI a shell that is missing is a failure, not a skip.
    absent = not shutil.which(shell) and not os.environ.get("CI")
    return pytest.mark.skipif(absent, reason=f"{shell} is not installed")


each_shell = pytest.mark.parametrize(
    "shell", [pytest.param(shell, marks=missing(shell)) for shell in FILES]
)


# --- the generated text


def test_the_checked_in_scripts_are_current() -> None:
    current = scripts()
    assert sorted(current) == sorted(FILES.values())
    for name, script in current.items():
        found = (FOLDER / name).read_text(encoding="utf-8")
        assert found == script, "run: python -m senticli.cli.completions"


def test_the_scripts_do_not_depend_on_the_environment(tmp_path: Path) -> None:
    (tmp_path / "home" / "models" / "mine").mkdir(parents=True)
    environment = {
        **os.environ,
        "SENTICLI_HOME": str(tmp_path / "home"),
        "SENTICLI_MODEL": "mine",
        "COLUMNS": "20",
        "TERM": "dumb",
        "PYTHONHASHSEED": "7",
    }
    command = [sys.executable, "-m", "senticli.cli.completions", str(tmp_path)]
    subprocess.run(command, env=environment, check=True)
    for name in FILES.values():
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_no_heavy_import() -> None:
    program = (
        "import sys, senticli.cli.completions\n"
        "print([m for m in ('numpy', 'torch', 'spacy', 'onnxruntime') if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "[]\n"


def test_it_is_known_how_every_value_is_completed() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    names = set()
    models = group.commands["models"]
    assert isinstance(models, TyperGroup)
    for command in (*group.commands.values(), *models.commands.values()):
        for parameter in command.params:
            assert isinstance(parameter, typer.core.TyperOption | TyperArgument)
            names.add(parameter.name)
            free = parameter.type.name in ("text", "path", "file path", "directory path")
            if free and not hasattr(parameter.type, "choices"):
                assert parameter.name in tree.VALUES, (
                    f"{command.name}: how is {parameter.name} completed? "
                    "Say it in senticli.cli.completions.tree.VALUES"
                )
    assert set(tree.VALUES) <= names, "of parameters that are gone"


def test_first_sentence() -> None:
    help = "Print [bold]all[/] of `it`, e.g. this,\nas JSON. Nothing else.\n\nMore."
    assert tree.first_sentence(help) == "Print all of it, e.g. this, as JSON"


def test_options_and_commands_come_from_the_tree() -> None:
    extended = typer.Typer()

    @extended.callback()
    def root() -> None: ...

    @extended.command("measure")
    def measure(wide: bool = True, depth: int = 1) -> None:
        """How big. It is."""

    [command] = tree.command_tree(extended).commands
    assert (command.name, command.help) == ("measure", "How big")
    assert command.flags() == ["--wide", "--no-wide", "--depth", "--help"]
    assert [option.values is None for option in command.options] == [True, True, False, True]


# --- real shells


class Shells:
    """Runs the shells in a folder with files, with a Python and a senticli that tell on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.marker = folder / "python-was-started"
        (folder / "bin").mkdir()
        for name in ("python", "python3", "senticli"):
            stub = folder / "bin" / name
            stub.write_text(f'#!/bin/sh\n: > "{self.marker}"\n')
            stub.chmod(0o755)
        for model in MODELS:
            (folder / "home" / "models" / model).mkdir(parents=True)
        (folder / "home" / "models" / ".partial").mkdir()
        (folder / "home" / "models" / "a-file").touch()
        (folder / "home" / "datasets" / "kept").mkdir(parents=True)
        self.films = folder / "films"
        (self.films / "a folder").mkdir(parents=True)
        for name in ("good films.csv", "notes.txt", "a folder/in it.txt"):
            (self.films / name).touch()
        self.environment = {
            "HOME": str(folder),
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "SENTICLI_HOME": str(folder / "home"),
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
        }

    def run(self, *command: str) -> list[str]:
        done = subprocess.run(
            command,
            cwd=self.films,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        assert done.stderr == ""
        return done.stdout.splitlines()

    def candidates(self, shell: str, line: str) -> list[str]:
        """What the shell offers at the end of ``line``, sorted."""
        return sorted(set(getattr(self, f"_{shell}")(line)))

    def _bash(self, line: str) -> list[str]:
        """Ask the function, given the words as bash divides them."""
        words = line.replace("=", " = ").split(" ")
        program = (
            'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; '
            '_senticli; ((${#COMPREPLY[@]})) && printf "%s\\n" "${COMPREPLY[@]}"; true'
        )
        return self.run("bash", "-c", program, "bash", str(FOLDER / "senticli.bash"), *words)

    def _fish(self, line: str) -> list[str]:
        program = 'source $argv[1]; complete -C "$argv[2]"'
        script = str(FOLDER / "senticli.fish")
        found = self.run("fish", "--no-config", "-c", program, script, line)
        before = line.rpartition(" ")[2].partition("=")
        names = [name.partition("\t")[0] for name in found]
        return [name.removeprefix(before[0] + "=") if before[1] else name for name in names]

    def _zsh(self, line: str) -> list[str]:
        """Press TAB in a real zsh, in which compadd also notes what it adds."""
        self.press("zsh", line)
        return (self.folder / "zsh-added").read_text(encoding="utf-8").split("\0")[:-1]

    def press(self, shell: str, line: str) -> str:
        """What the line becomes when TAB is pressed at its end in an interactive shell."""
        result = self.folder / "line"
        result.unlink(missing_ok=True)
        start = {"bash": self._start_bash, "zsh": self._start_zsh}[shell](result)
        import pty

        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.films)
            os.execvpe(start[0], start, self.environment)
        shown = b""
        typed = False
        deadline = time.monotonic() + 30
        try:
            while not result.exists():
                assert time.monotonic() < deadline, shown.decode(errors="replace")
                if select.select([terminal], [], [], 0.02)[0]:
                    shown += os.read(terminal, 65536)
                if b"ready>" in shown and not typed:
                    os.write(terminal, f"{line}\t\x07".encode())
                    typed = True
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)
            os.close(terminal)
        return result.read_text(encoding="utf-8").removesuffix("\n")

    def _start_bash(self, result: Path) -> list[str]:
        rc = self.folder / "bashrc"
        rc.write_text(
            f"PS1='ready>'; source '{FOLDER / 'senticli.bash'}'\n"
            "bind 'set bell-style none'; bind 'set completion-query-items 0'\n"
            f"note() {{ printf '%s\\n' \"$READLINE_LINE\" > '{result}.new'; "
            f"mv '{result}.new' '{result}'; }}\n"
            "bind -x '\"\\C-g\": note'\n"
        )
        return ["bash", "--rcfile", str(rc), "-i"]

    def _start_zsh(self, result: Path) -> list[str]:
        self.environment["ZDOTDIR"] = str(self.folder)
        (self.folder / "zsh-added").write_text("")
        (self.folder / ".zshrc").write_text(
            f"""PS1='ready>'; fpath=('{FOLDER}' $fpath)
autoload -Uz compinit; compinit -u -d '{self.folder}/zcompdump'
compadd() {{
    local -a added
    if [[ ${{@[1,(i)(-|--)]}} != *-(O|A|D)\\ * ]]; then
        builtin compadd -A added "$@"
        (( $#added )) && print -rN -- ${{(Q)added}} >> '{self.folder}/zsh-added'
    fi
    builtin compadd "$@"
}}
note() {{ print -r -- "$BUFFER" > '{result}.new'; mv '{result}.new' '{result}' }}
zle -N note; bindkey '^G' note; bindkey '^I' complete-word
""",
            encoding="utf-8",
        )
        return ["zsh", "-d", "-i"]


@pytest.fixture
def shells(tmp_path: Path) -> Iterator[Shells]:
    shells = Shells(tmp_path)
    yield shells
    assert not shells.marker.exists(), "Python was started at TAB"


@each_shell
def test_syntax(shells: Shells, shell: str) -> None:
    assert shells.run(shell, "-n", str(FOLDER / FILES[shell])) == []


@missing("bash")
def test_python_at_tab_would_be_noticed(shells: Shells) -> None:
    shells.run("bash", "-c", "senticli predict")
    assert shells.marker.exists()
    shells.marker.unlink()


SETS = sorted([*DATASETS, "kept"])
CASES = {
    "senticli tr": ["train"],
    "senticli train --rnn ": ["gru", "lstm", "rnn"],
    "senticli train --rnn l": ["lstm"],
    "senticli train --rnn=": ["gru", "lstm", "rnn"],
    "senticli eval --split ": ["test", "train", "valid"],
    "senticli eval --data train --json --sp": ["--split"],
    "senticli train --pre": ["--precision", "--preset"],
    "senticli train --preset n": ["notebook"],
    "senticli train --seed ": [],
    "senticli train --pooling max+": ["max+attention", "max+mean"],
    "senticli eval --model ": sorted(["bundled", "a folder", *MODELS]),
    "senticli predict -m ": sorted(["bundled", "a folder", *MODELS]),
    "senticli train --data ": sorted(["a folder", "good films.csv", "notes.txt", *SETS]),
    "senticli train -d sst2 -d s": ["sample", "semeval-tweets", "sst2", "sst5"],
    "senticli eval --data=good": ["good films.csv"],
    "senticli train --vectors no": ["none", "notes.txt"],
    "senticli predict --input ": ["a folder", "good films.csv", "notes.txt"],
    "senticli download --from n": ["notes.txt"],
    "senticli train -o ": ["a folder"],
    "senticli download glove.8": ["glove.840B.300d"],
    "senticli download sst2 imd": ["imdb"],
    "senticli download ever": ["everyday"],
    "senticli in": ["info"],
    "senticli models ": ["export", "pull", "remove", "reproduce", "show", "verify"],
    "senticli models --js": ["--json"],
    "senticli models sh": ["show"],
    "senticli models show b": ["bundled"],
    "senticli models remove ": sorted(MODELS),
    "senticli models remove bundled p": ["plain-lstm"],
    "senticli models export plain-lstm --output ": ["a folder"],
    "senticli models export --fo": ["--force"],
    "senticli models pull n": ["notes.txt"],
    "senticli predict models --thr": ["--threads", "--threshold"],
}


@each_shell
def test_completions_offer_values(shells: Shells, shell: str) -> None:
    for line, expected in CASES.items():
        found = [name.rstrip("/") for name in shells.candidates(shell, line)]
        assert found == expected, line


@each_shell
def test_the_commands(shells: Shells, shell: str) -> None:
    assert shells.candidates(shell, "senticli ") == [
        "download",
        "eval",
        "info",
        "models",
        "predict",
        "train",
    ]


LINES = {
    "senticli tr": "senticli train ",
    "senticli eval --spl": "senticli eval --split",
    "senticli eval --split=te": "senticli eval --split=test ",
    "senticli predict -i good": r"senticli predict -i good\ films.csv ",
    "senticli predict --input=good": r"senticli predict --input=good\ films.csv ",
    r"senticli predict -i a\ folder/": r"senticli predict -i a\ folder/in\ it.txt ",
    "senticli eval -m my": r"senticli eval -m my\ model ",
    "senticli eval -m it": r"senticli eval -m it\'s ",
    "senticli eval -m été": r"senticli eval -m été\ \&\ \(co\) ",
    "senticli predict -i ~/films/good": r"senticli predict -i ~/films/good\ films.csv ",
    "senticli predict -i 'good": "senticli predict -i 'good films.csv' ",
}


@pytest.mark.parametrize("shell", [pytest.param(s, marks=missing(s)) for s in ("bash", "zsh")])
def test_what_tab_types(shells: Shells, shell: str) -> None:
    for line, expected in LINES.items():
        # zsh and bash differ in the = or space after an option and in what they add at the end.
        assert shells.press(shell, line).rstrip(" =") == expected.rstrip(), line


@missing("bash")
def test_bash_keeps_what_stands_before_a_colon(shells: Shells) -> None:
    assert shells.press("bash", "senticli eval -m a:") == r"senticli eval -m a:b\=c "
    assert shells.press("bash", "senticli eval --model=a:b=") == "senticli eval --model=a:b=c "


@each_shell
@pytest.mark.parametrize(
    ("variable", "folder"), [("XDG_DATA_HOME", "data"), ("HOME", ".local/share")]
)
@pytest.mark.skipif(sys.platform != "linux", reason="another platform's data dir")
def test_models_of_the_platforms_data_dir(
    shells: Shells, shell: str, variable: str, folder: str
) -> None:
    (shells.folder / folder / "senticli" / "models" / "elsewhere").mkdir(parents=True)
    del shells.environment["SENTICLI_HOME"]
    if variable != "HOME":
        shells.environment[variable] = str(shells.folder / folder)
    assert shells.candidates(shell, "senticli eval --model el") == ["elsewhere"]


@each_shell
def test_no_data_dir_at_all(shells: Shells, shell: str) -> None:
    shells.environment["SENTICLI_HOME"] = str(shells.folder / "nowhere")
    assert shells.candidates(shell, "senticli eval --model b") == ["bundled"]
