"""The documents: the README's examples run, every command parses, every link leads somewhere."""

import doctest
import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from senticli.cli.app import app, run

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FOLDERS = (".github", "completions", "senticli", "tests")
DOCUMENTS = [*ROOT.glob("*.md"), *(path for f in FOLDERS for path in (ROOT / f).rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

SKIPPED = {
    'pip install ".[train]" && echo "great film" | senticli predict     # the main job': (
        "installs packages; .ci/run runs it in a fresh environment"
    ),
    "senticli download imdb                   # 84 MB; verified": (
        "downloads 84 MB and trains for minutes"
    ),
}
"""Examples that do not run here, by their first line, and why."""


def fences(document: Path, *languages: str) -> Iterator[str]:
    """Yield the code in a document."""
    for language, code in FENCE.findall(document.read_text(encoding="utf-8")):
        if language in languages:
            yield code


def commands(code: str) -> Iterator[tuple[str, str]]:
    """Yield each command and its output; without ``$`` each line is a command without output."""
    if not code.startswith("$ "):
        yield from ((line, "") for line in code.replace("\\\n", " ").splitlines())
        return
    for example in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, _, output = example.partition("\n")
        yield command, output


def stages(command: str) -> list[list[str]]:
    """Return the words of each command in a pipeline."""
    words = shlex.shlex(command, posix=True, punctuation_chars="|")
    words.whitespace_split = True
    return [list(stage) for is_pipe, stage in groupby(words, "|".__eq__) if not is_pipe]


class Terminal(io.BytesIO):
    """What stdout and stderr show, in order."""

    def stream(self, *, is_terminal: bool) -> io.TextIOWrapper:
        stream = io.TextIOWrapper(self, encoding="utf-8", write_through=True)
        stream.isatty = lambda: is_terminal  # type: ignore[method-assign]
        return stream


def shown(command: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a pipeline, senticli in this process; return what it shows on a terminal."""
    *first, (program, *args) = stages(command)
    data = b""
    for words in first:
        data = subprocess.run(words, input=data, stdout=subprocess.PIPE, check=True).stdout
    if program != "senticli":
        done = subprocess.run([program, *args], input=data, stdout=subprocess.PIPE, check=True)
        return done.stdout.decode()
    terminal = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        patch.setattr(sys, "stdout", terminal.stream(is_terminal=True))
        patch.setattr(sys, "stderr", terminal.stream(is_terminal=False))  # no live progress
        code = run(args)
        output = terminal.getvalue().decode()
    assert code == 0, output
    return output


def alike(expected: str, output: str) -> bool:
    """Compare, except for numbers, white space, and what … stands for."""
    expected, output = (re.sub(r"\d+", "0", " ".join(text.split())) for text in (expected, output))
    pattern = ".*".join(map(re.escape, expected.split("…")))
    return re.fullmatch(pattern, output) is not None


def write_files() -> None:
    """Write the files that the README's examples read."""
    Path("reviews.csv").write_text(
        'id,review\n1,"Great film, really"\n2,\n3,A mess from start to end\n', encoding="utf-8"
    )
    moods = {"positive": "happy", "negative": "angry"}
    for split, name in (("train", "tickets.csv"), ("test", "more-tickets.csv")):
        sample = (ROOT / f"senticli/data/sample/{split}.jsonl").read_text(encoding="utf-8")
        rows = [row for row in map(json.loads, sample.splitlines()) if row["label"] in moods][:80]
        lines = [f"{json.dumps(row['text'])},{moods[row['label']]}" for row in rows]
        Path(name).write_text("\n".join(["text,mood", *lines]), encoding="utf-8")


def examples() -> Iterator[Any]:
    for code in fences(README, "sh", "console"):
        first = code.partition("\n")[0]
        reason = SKIPPED.get(first, "")
        yield pytest.param(code, id=first, marks=pytest.mark.skipif(bool(reason), reason=reason))


@pytest.mark.skipif(sys.platform == "win32", reason="examples are for a POSIX shell")
@pytest.mark.parametrize("code", [*examples()])
def test_a_readme_example_prints_what_it_shows(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "100")
    write_files()
    for command, expected in commands(code):
        output = shown(command, monkeypatch)
        assert alike(expected, output), f"{command}\n{output}"


def test_only_examples_of_the_readme_are_skipped() -> None:
    assert set(SKIPPED) <= {code.partition("\n")[0] for code in fences(README, "sh", "console")}


@pytest.mark.parametrize("code", [*fences(README, "python")])
def test_readme_python_prints_what_it_shows(code: str) -> None:
    test = doctest.DocTestParser().get_doctest(code, {}, "README.md", str(README), 0)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_of_a_document_parse(document: Path) -> None:
    for code in fences(document, "sh", "console"):
        for command, _ in commands(code):
            for words in stages(command):
                if "senticli" in words[:5]:
                    parse(words[words.index("senticli") + 1 :])


def parse(args: list[str]) -> None:
    """Raise an error unless the program accepts the arguments."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("senticli", args)
    while isinstance(command, TyperGroup) and context._protected_args:
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_a_document_lead_somewhere(document: Path) -> None:
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text):
        target = document.parent / path if path else document
        assert target.exists(), path
        assert not anchor or anchor in headings(target), f"{path}#{anchor}"


def headings(document: Path) -> set[str]:
    """Return the anchors that GitHub gives to a document's headings."""
    titles = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_is_short() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert len(text.split()) <= 900


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_the_picture_shows_what_commands_print_today() -> None:
    from tests.benchmarks import picture

    drawn = picture.PICTURE.read_text(encoding="utf-8")
    assert words_of(drawn) == words_of(picture.draw()), "run: python -m tests.benchmarks.picture"


def words_of(svg: str) -> list[str]:
    """Return the text in a picture, with 0 for every number."""
    return re.sub(r"\d+", "0", " ".join(re.findall(r">([^<>]+)</text>", svg))).split()
