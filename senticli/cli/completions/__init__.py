"""The completion scripts of bash, zsh and fish, generated from Typer's command tree.

    python -m senticli.cli.completions [DIR]    writes them to DIR, by default ./completions

The scripts are static: at TAB the shell itself reads the names of models and data sets from the
data dir, and nothing starts Python. Commands, options, their help and their choices come from the
tree; :data:`VALUES` says what the other values are.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations
from string import Template
from typing import Any

import typer
from rich.markup import render
from typer.core import TyperArgument, TyperGroup, TyperOption

from senticli.bundle import BUNDLED
from senticli.cli.app import app
from senticli.config import POOLINGS, PRESETS
from senticli.data.catalogue import ASSETS, DATASETS
from senticli.io.formats import TABLE_SUFFIXES


@dataclass(frozen=True)
class Values:
    """What may stand for a value. Nothing at all: free text, for which nothing is offered."""

    words: tuple[str, ...] = ()
    stored: str | None = None
    """The folder of the data dir whose folders' names are offered."""
    files: tuple[str, ...] | None = None
    """Offer files with these endings ("" is any) and folders; ``()`` is folders alone."""


FREE_TEXT, FILE, FOLDER = Values(), Values(files=("",)), Values(files=())

# What the value of a parameter is, by the parameter's name, where its type does not say.
VALUES = {
    "data": Values(DATASETS, stored="datasets", files=(*TABLE_SUFFIXES, ".txt")),
    "init": Values((BUNDLED,), stored="models", files=()),
    "input": FILE,
    "label_column": FREE_TEXT,
    "model": Values((BUNDLED,), stored="models", files=()),
    "models": Values((BUNDLED,), stored="models", files=()),
    "name": FREE_TEXT,
    "names": Values(tuple(ASSETS)),
    "output": FOLDER,
    "plot": Values(files=(".png", ".svg")),
    "pooling": Values((*POOLINGS, *("+".join(pair) for pair in combinations(POOLINGS, 2)))),
    "prefix": FREE_TEXT,
    "preset": Values(tuple(PRESETS)),
    "source": FILE,
    "stored": Values(stored="models"),
    "target": FILE,
    "test": Values(files=("",)),
    "text_column": FREE_TEXT,
    "texts": FREE_TEXT,
    "tune": FREE_TEXT,
    "valid": Values(files=("",)),
    "vectors": Values(
        ("none", *(name for name, asset in ASSETS.items() if asset.kind == "vectors")),
        files=("",),
    ),
}


@dataclass(frozen=True)
class Option:
    """An option, or an argument: one without flags."""

    name: str
    """Of the parameter, as in :data:`VALUES`."""
    flags: tuple[str, ...]
    values: Values | None
    """None where the option takes no value."""
    value_name: str
    help: str
    many: bool
    """May be given more than once."""
    excludes: tuple[str, ...]
    """What cannot be given beside it; itself is meant as well."""


@dataclass(frozen=True)
class Command:
    """A command, or the program itself, with what can follow it."""

    path: tuple[str, ...]
    """Its name, after those of the commands that it is a command of; of the program, nothing."""
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Option, ...]
    commands: tuple["Command", ...] = ()

    @property
    def name(self) -> str:
        """The word that calls it."""
        return self.path[-1]

    def walk(self) -> Iterator["Command"]:
        """Itself, and all commands below."""
        yield self
        for command in self.commands:
            yield from command.walk()

    def flags(self) -> list[str]:
        """The names of all options."""
        return [flag for option in self.options for flag in option.flags]


def scripts() -> dict[str, str]:
    """The three scripts by file name."""
    root = command_tree(app)
    return {"senticli.bash": bash(root), "_senticli": zsh(root), "senticli.fish": fish(root)}


def command_tree(application: typer.Typer) -> Command:
    """The program, with its commands.

    Raises:
        NotImplementedError: the tree has what the scripts do not handle: an option with a value
            before a command.
    """
    group = typer.main.get_command(application)
    if not isinstance(group, TyperGroup):
        raise NotImplementedError("an application of one command")
    return _command((), group, None)


def _command(path: tuple[str, ...], command: Any, parent: typer.Context | None) -> Command:
    name = path[-1] if path else "senticli"
    context = typer.Context(command, info_name=name, parent=parent, **command.context_settings)
    commands = tuple(
        _command((*path, name), below, context)
        for name, below in (command.commands.items() if isinstance(command, TyperGroup) else ())
        if not below.hidden
    )
    options: list[Option] = []
    arguments: list[Option] = []
    for parameter in command.get_params(context):
        if isinstance(parameter, TyperArgument):
            arguments += _options(parameter)
        elif not parameter.hidden:
            options += _options(parameter)
    if commands and any(option.values for option in options):
        raise NotImplementedError(f"an option with a value between {name} and a command")
    help = first_sentence(command.help or "")
    return Command(path, help, tuple(options), tuple(arguments), commands)


def _options(parameter: TyperOption | TyperArgument) -> Iterator[Option]:
    """The parameter; one of two sides (``--verify/--no-verify``) as the two options it is."""
    sides: list[tuple[str, ...]] = [()]
    values: Values | None = _values(parameter)
    if isinstance(parameter, TyperOption):
        sides = [tuple(sorted(parameter.opts, key=lambda flag: (-len(flag), flag)))]
        if parameter.secondary_opts:
            sides.append(tuple(parameter.secondary_opts))
        if parameter.is_flag or parameter.count:
            values = None
    name = parameter.name or ""
    help = first_sentence(parameter.help or "")
    for flags in sides:
        yield Option(
            name=name,
            flags=flags,
            values=values,
            value_name=re.sub(r"^\[(.*)\]\.\.\.$", r"\1", parameter.metavar or name),
            help=help if flags is sides[0] else f"The opposite of {sides[0][0]}",
            many=parameter.multiple or parameter.nargs == -1,
            excludes=("-", "*") if parameter.is_eager else tuple(chain(*sides)),
        )


def _values(parameter: TyperOption | TyperArgument) -> Values:
    choices = getattr(parameter.type, "choices", None)
    if choices is not None:
        return Values(tuple(str(getattr(choice, "value", choice)) for choice in choices))
    return VALUES.get(parameter.name or "", FREE_TEXT)


def first_sentence(help: str) -> str:
    """The first sentence of a help text in Rich's markup, plain and without its full stop."""
    paragraph = render(help.strip().split("\n\n")[0]).plain
    text = " ".join(paragraph.replace("`", "").split())
    return re.split(r"(?<=\.)\s+(?=[A-Z])", text)[0].removesuffix(".")


# --- bash

BASH = Template(r"""# bash completion for senticli.
# Generated by `python -m senticli.cli.completions`: edit that, not this.

# Offer the words that begin with $$value.
_senticli_words() {
    local word
    for word; do
        [[ $$word == "$$value"* ]] && COMPREPLY+=("$$word")
    done
}

# Offer the names in the folder $$1 of the data dir.
_senticli_stored() {
    compopt -o filenames 2>/dev/null
    local home=$${SENTICLI_HOME-} path
    if [[ -z $$home ]]; then
        home=$$HOME/.local/share
        [[ $$OSTYPE == darwin* ]] && home="$$HOME/Library/Application Support"
        home=$${XDG_DATA_HOME:-$$home}/senticli
    fi
    [[ $$home == "~/"* ]] && home=$$HOME/$${home:2}
    for path in "$$home/$$1"/*; do
        [[ -d $$path ]] && _senticli_words "$${path##*/}"
    done
}

# Offer folders, and files that end in one of the arguments.
_senticli_paths() {
    compopt -o filenames 2>/dev/null
    local start=$$value path suffix
    [[ $$value == "~/"* ]] && start=$$HOME/$${value:2}
    for path in "$$start"*; do
        if [[ -d $$path ]]; then
            COMPREPLY+=("$$value$${path:$${#start}}")
        elif [[ -e $$path ]]; then
            for suffix; do
                [[ $$path == *"$$suffix" ]] && COMPREPLY+=("$$value$${path:$${#start}}")
            done
        fi
    done
}

_senticli() {
    COMPREPLY=()
    # Bash divides words at = and : too. Put --model=a:b together again.
    local words=() word glue= i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=$${COMP_WORDS[i]}
        if [[ $$i -gt 0 && ( -n $$glue || $$word =~ ^[=:@]+$$ ) ]]; then
            words[$${#words[@]} - 1]+=$$word
        else
            words+=("$$word")
        fi
        glue=
        [[ $$word =~ ^[=:@]+$$ ]] && glue=1
    done
    [[ -n $$glue ]] && word=
    local current=$${words[$${#words[@]} - 1]}
    local option=$${words[$${#words[@]} - 2]}
    local value=$$current before=$${current%"$$word"} prefix=
    if [[ $$current == --*=* ]]; then
        option=$${current%%=*} value=$${current#*=} before=$${before#*=}
        [[ $$word == --*=* ]] && prefix=$$option=
    fi
    value=$${value#[\"\']}
    value=$${value//\\/}
    before=$${before//\\/}

    local command=
    for word in "$${words[@]:1:$${#words[@]} - 2}"; do
        [[ $$word == -* ]] && continue
        command+=$${command:+ }$$word
        case $$command in
            $groups) ;; # another command follows
            *) break ;;
        esac
    done

    local options=()
    case "$$command $$option" in
$values
        *)
            case $$command in
$commands
            esac
            if [[ $$value == -* || ( -z $$value && $${#COMPREPLY[@]} -eq 0 ) ]]; then
                _senticli_words "$${options[@]}"
            fi
            ;;
    esac
    # What stands before the last = or : is not bash's to replace.
    for i in "$${!COMPREPLY[@]}"; do
        COMPREPLY[i]=$$prefix$${COMPREPLY[i]#"$$before"}
    done
}

complete -F _senticli senticli
""")


def bash(root: Command) -> str:
    """The bash script."""
    values = []
    for command in root.walk():
        for option in command.options:
            if option.values is not None:
                cases = " | ".join(f'"{" ".join(command.path)} {flag}"' for flag in option.flags)
                values.append(f"        {cases}) {_bash(option)} ;;".replace(")  ;;", ") ;;"))
    lines = []
    for command in root.walk():
        name = shlex.quote(" ".join(command.path))
        lines += [f"                {name})", f"{' ' * 20}options=({shlex.join(command.flags())})"]
        if command.commands:
            names = shlex.join(below.name for below in command.commands)
            lines.append(f"{' ' * 20}_senticli_words {names}")
        lines += [f"{' ' * 20}{body}" for body in map(_bash, command.arguments) if body]
        lines.append(f"{' ' * 20};;")
    return BASH.substitute(
        values="\n".join(values),
        commands="\n".join(lines),
        groups=" | ".join(shlex.quote(group) for group in _groups(root)),
    )


def _groups(root: Command) -> list[str]:
    """The commands that have commands."""
    return [" ".join(command.path) for command in root.walk() if command.path and command.commands]


def _bash(option: Option) -> str:
    """The commands that offer the option's values."""
    values = option.values or FREE_TEXT
    parts = []
    if values.words:
        parts.append(f"_senticli_words {shlex.join(values.words)}")
    if values.stored:
        parts.append(f"_senticli_stored {values.stored}")
    if values.files is not None:
        parts.append(shlex.join(["_senticli_paths", *values.files]))
    return "; ".join(parts)


# --- zsh

ZSH = Template(r"""#compdef senticli
# zsh completion for senticli.
# Generated by `python -m senticli.cli.completions`: edit that, not this.

# Offer the names in a folder of the data dir, the last argument.
_senticli_stored() {
  local home=$$SENTICLI_HOME
  if [[ -z $$home ]]; then
    home=$$HOME/.local/share
    [[ $$OSTYPE == darwin* ]] && home="$$HOME/Library/Application Support"
    home=$${XDG_DATA_HOME:-$$home}/senticli
  fi
  [[ $$home == "~/"* ]] && home=$$HOME/$${home[3,-1]}
  local -a names=("$$home/$$argv[-1]"/*(-/N:t))
  compadd "$${(@)argv[1,-2]}" -a names
}

$functions
$groups
if [[ $$funcstack[1] == _senticli ]]; then
  _senticli "$$@"
else
  compdef _senticli senticli
fi
""")


ZSH_GROUP = Template(r"""$function() {
  local curcontext=$$curcontext state line ret=1
  local -A opt_args
  local -a commands=(
$commands
  )
  _arguments -C -S \
$options
    ': :->command' \
    '*:: :->rest' && ret=0
  case $$state in
    command) _describe -t commands 'command' commands && ret=0 ;;
    rest)
      curcontext=$${curcontext%:*}-$$line[1]:
      case $$line[1] in
$cases
      esac
      ;;
  esac
  return ret
}
""")


def zsh(root: Command) -> str:
    """The zsh script."""
    functions = {}
    for command in root.walk():
        for option in (*command.options, *command.arguments):
            action, function = _zsh_action(option)
            functions[action] = function
    groups = [_zsh_group(command) for command in root.walk() if command.commands]
    return ZSH.substitute(functions="".join(functions.values()), groups="\n".join(groups))


def _zsh_group(group: Command) -> str:
    """The function that completes a command with commands, or the program."""
    options = [spec for option in group.options for spec in _zsh_option(option)]
    cases = []
    for command in group.commands:
        cases.append(f"        {command.name})")
        if command.commands:
            cases.append(f"          {_zsh_function(command)} && ret=0\n          ;;")
            continue
        specs = [spec for option in command.options for spec in _zsh_option(option)]
        specs += [_zsh_argument(option) for option in command.arguments]
        cases.append("          _arguments -S \\")
        cases += [f"            {shlex.quote(spec)} \\" for spec in specs]
        cases.append("            && ret=0\n          ;;")
    return ZSH_GROUP.substitute(
        function=_zsh_function(group),
        commands="\n".join(f"    {shlex.quote(f'{c.name}:{c.help}')}" for c in group.commands),
        options="\n".join(f"    {shlex.quote(spec)} \\" for spec in options),
        cases="\n".join(cases),
    )


def _zsh_function(group: Command) -> str:
    return "_".join(["_senticli", *(f"command_{name}" for name in group.path)])


def _zsh_option(option: Option) -> Iterator[str]:
    """What ``_arguments`` is told about an option, once for each of its names."""
    help = re.sub(r"([\[\]:\\])", r"\\\1", option.help)
    before = "*" if option.many else f"({' '.join(option.excludes)})"
    for flag in option.flags:
        if option.values is None:
            yield f"{before}{flag}[{help}]"
        else:
            # The value follows as the next word, or at once: after = or, of a short name, directly.
            joint = "=" if flag.startswith("--") else "+"
            yield f"{before}{flag}{joint}[{help}]{_zsh_value(option)}"


def _zsh_argument(option: Option) -> str:
    return f"{'*' if option.many else ''}{_zsh_value(option)}"


def _zsh_value(option: Option) -> str:
    name = option.value_name.replace(":", r"\:")
    return f":{name}:{_zsh_action(option)[0]}"


def _zsh_action(option: Option) -> tuple[str, str]:
    """The action that offers the option's values, and the function that it calls, if any."""
    values = option.values or FREE_TEXT
    parts = {}
    if values.stored:
        parts[values.stored] = f"_senticli_stored {values.stored}"
    if values.words:
        parts["names"] = f"({shlex.join(values.words)})"
    if values.files is not None:
        endings = "|".join(re.sub(r"(\W)", r"\\\1", ending) for ending in values.files)
        parts["files"] = f"_files -g '*({endings})(-.)'" if endings else "_files"
        if not values.files:
            parts["files"] = "_files -/"
    if len(parts) < 2:
        return next(iter(parts.values()), " "), ""
    action = f"_senticli_{option.name}"
    lines = [shlex.quote(f"{tag}:{tag}:{part}") for tag, part in parts.items()]
    body = " \\\n    ".join(["_alternative", *lines])
    return action, f"{action}() {{\n  {body}\n}}\n\n"


# --- fish

FISH = Template(r"""# fish completion for senticli.
# Generated by `python -m senticli.cli.completions`: edit that, not this.

# Whether the command is $$argv; without an argument, whether there is none yet.
function __senticli_command
    set -l words (commandline -opc)
    set -l command
    for word in $$words[2..-1]
        string match -q -- '-*' $$word; and continue
        set -a command $$word
        contains -- "$$command" $groups; or break
    end
    test "$$command" = "$$argv"
end

# Offer the names in the folder $$argv of the data dir.
function __senticli_stored
    set -l home $$SENTICLI_HOME
    if test -z "$$home"
        set home $$XDG_DATA_HOME
        if test -z "$$home"
            set home $$HOME/.local/share
            test (uname) = Darwin; and set home "$$HOME/Library/Application Support"
        end
        set home $$home/senticli
    end
    set home (string replace -r '^~/' "$$HOME/" -- $$home)
    set -l paths $$home/$$argv/*/
    string replace -r '^.*/([^/]+)/$$' '$$1' -- $$paths
end

# Offer folders, and files that end in one of the arguments.
function __senticli_paths
    set -l start (commandline -ct | string replace -r '^--[^=]*=' '')
    set -l endings (string join '|' / (string escape --style=regex -- $$argv))
    complete -C "'' $$start" | string match -r "^.*(?:$$endings)\$$"
end

complete -c senticli -f
$lines
""")


def fish(root: Command) -> str:
    """The fish script."""
    lines = []
    for command in root.walk():
        name = "".join(f" {word}" for word in command.path)
        start = ["complete", "-c", "senticli", "-n", f"__senticli_command{name}"]
        lines.append(f"\n# senticli{name}")
        lines += [_fish(*start, "-a", below.name, "-d", below.help) for below in command.commands]
        for values in filter(None, map(_fish_values, command.arguments)):
            lines.append(_fish(*start, *values))
        for option in command.options:
            words = list(start)
            for flag in option.flags:
                words += ["-l" if flag.startswith("--") else "-s", flag.strip("-")]
            if option.values is not None:
                words += ["-x", *_fish_values(option)]
            lines.append(_fish(*words, "-d", option.help))
    return FISH.substitute(lines="\n".join(lines), groups=_fish(*_groups(root)))


def _fish_values(option: Option) -> list[str]:
    """The words that offer the option's values, if there are any."""
    values = option.values or FREE_TEXT
    parts = [_fish(word) for word in values.words]
    if values.stored:
        parts.append(f"(__senticli_stored {values.stored})")
    if values.files is not None:
        parts.append(f"({_fish('__senticli_paths', *values.files)})")
    return ["-a", " ".join(parts)] if parts else []


def _fish(*words: str) -> str:
    """The words as fish reads them, quoted where it must be."""
    return " ".join(map(_fish_quoted, words))


def _fish_quoted(word: str) -> str:
    if re.fullmatch(r"[\w@%+=:,./-]+", word, re.ASCII):
        return word
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"
