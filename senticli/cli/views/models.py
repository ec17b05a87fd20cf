"""How ``senticli models`` looks: the list, one model whole, which files are damaged."""

import platform
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from senticli import machine, paths, registry
from senticli.bundle import BUNDLED, Bundle
from senticli.cli.console import (
    counted,
    markup,
    one_line,
    print_answer,
    print_facts,
    print_json,
    print_table,
    say,
    sparkline,
    stdout_console,
)
from senticli.config import PROPORTIONAL, STARTS_OWN
from senticli.errors import SenticliError
from senticli.io.disk import size_of, size_text


def show_list(*, as_json: bool) -> None:
    """Print every model: the bundled one, then those of the data dir, the newest first."""
    rows = [_row(BUNDLED), *map(_row, registry.trained())]
    rows.sort(key=lambda row: row["created"] or "", reverse=True)
    if as_json:
        for row in rows:
            print_json(row)
        return
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("", "model", "accuracy", "network", "labels", "size", "age"):
        table.add_column(column, justify="right" if column in ("accuracy", "size") else "left")
    for row in rows:
        mark = "*" if row["default"] else ""
        if row["error"]:
            table.add_row(mark, markup(row["name"]), "", "[red]broken[/]")
            say(f"warning: {row['error']}")
            continue
        table.add_row(
            mark,
            markup(row["name"]),
            f"{row['accuracy']:.2%}",
            f"{row['rnn'].upper()} {row['layers']} × {row['hidden']}",
            markup(", ".join(row["labels"])),
            size_text(row["bytes"]),
            _age(row["created"]),
            style="bold" if row["default"] else "",
        )
    print_table(table)
    say("accuracy is that on validation; * is the default of predict and eval")


def _row(name: str) -> dict[str, Any]:
    path = paths.BUNDLED_MODEL if name == BUNDLED else paths.models_dir() / name
    row: dict[str, Any] = {
        "name": name,
        "path": str(path),
        "default": registry.is_default(path),
        "accuracy": None,
        "rnn": None,
        "layers": None,
        "hidden": None,
        "labels": None,
        "bytes": size_of(path),
        "created": None,
        "error": None,
    }
    try:
        config = Bundle.open(path).config
    except SenticliError as error:
        return {**row, "error": error.message}
    return {
        **row,
        "accuracy": config.provenance["valid"]["accuracy"],
        "rnn": config.model.rnn,
        "layers": config.model.layers,
        "hidden": config.model.hidden,
        "labels": config.labels,
        "created": config.created,
    }


def show_one(model: Bundle, *, as_json: bool) -> None:
    """Print a model's architecture, provenance and metrics."""
    default = registry.is_default(model.path)
    if as_json:
        print_json(
            {
                "name": model.name,
                "path": str(model.path),
                "bytes": model.size,
                "default": default,
                "licences": model.licences,
                **asdict(model.config),
                "history": model.history(),
            }
        )
        return

    star = "  (the default of predict and eval)" if default else ""
    stdout_console().print(f"[bold]{markup(model.name)}[/]{star}", soft_wrap=True)
    print_facts(_facts(model))


def _facts(model: Bundle) -> Iterator[tuple[str, str]]:
    """Yield the facts about a model, name and value."""
    config, origin = model.config, model.config.provenance
    network, train = config.model, origin["train"]
    way = "both directions" if network.bidirectional else "one direction"
    yield "path", str(model.path)
    graph = size_text(size_of(model.path / "model.onnx"))
    yield "size", f"{size_text(model.size)}, of which model.onnx {graph} ({config.onnx})"
    yield "labels", ", ".join(config.labels)
    yield (
        "network",
        f"{network.rnn.upper()}, {network.layers} × {network.hidden}, {way}, "
        f"{network.pooling} pooling, {origin['parameters']:,} parameters",
    )
    case = "lower case" if config.lowercase else "with capitals"
    case += f", normalisation {config.normalization}"
    dim = f"{network.embedding_dim}-dimensional"
    yield "vocabulary", f"{config.vocab_size:,} tokens, {case}, embedding {dim}"
    if train.get("init"):
        yield "base model", str(train["init"])
    found = origin.get("vectors_found")
    which = "new tokens" if train.get("init") else "tokens"
    share = f" ({found:.1%} of the {which} found)" if found is not None else ""
    yield "vectors", f"{train.get('vectors', '?')}{share}"
    yield "data", ", ".join(train.get("data", ["?"]))
    if len(train.get("data", ())) > 1:
        yield "mix", train.get("mix") or PROPORTIONAL
    if train.get("teacher"):
        teachers = counted(train["teacher"])
        yield "teachers", f"{teachers}, weight {train['teacher_weight']:g}"
    for name, licence in model.licences.items():
        yield "licence", f"{name}: {licence}"

    from senticli.measures import wilson  # numpy, which the rest does without

    valid = origin["valid"]
    low, high = wilson(round(valid["accuracy"] * valid["examples"]), valid["examples"])
    yield (
        "validation",
        f"accuracy {valid['accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%}), "
        f"loss {valid['loss']:.4f}, {valid['examples']:,} examples",
    )
    for name, result in source_results(model):
        yield f"  {name}", result
    epochs = model.history()
    if epochs:
        best = max(epoch["epoch"] for epoch in epochs if epoch["best"])
        yield (
            "epochs",
            f"{len(epochs)} in {_duration(origin['seconds'])}, the best is {best}",
        )
        for name, form in (("accuracy", ".2%"), ("loss", ".4f")):
            curve = [epoch[f"valid_{name}"] for epoch in epochs]
            ends = f"{curve[0]:{form}} at first, {curve[best - 1]:{form}} in epoch {best}"
            yield f"  {name}", f"{sparkline(curve)}  {ends}"
    yield "created", f"{config.created} ({_age(config.created)})"
    yield "command", str(origin.get("command") or "from Python")
    versions = origin["versions"].items()
    yield "versions", ", ".join(f"{name} {version}" for name, version in versions)
    for name, digest in origin["sha256"]["data"].items():
        yield "sha256", f"{digest}  {name}"
    if origin["sha256"].get("vectors"):
        file = train.get("vectors", "vectors").removesuffix(STARTS_OWN)
        yield "sha256", f"{origin['sha256']['vectors']}  {file}"
    if origin["sha256"].get("own_vectors"):
        yield "sha256", f"{origin['sha256']['own_vectors']}  own vectors"
    teachers = origin["sha256"].get("teachers", ())
    for name, digest in zip(train.get("teacher", ()), teachers, strict=False):
        yield "sha256", f"{digest}  teacher {name}"


def source_results(model: Bundle) -> Iterator[tuple[str, str]]:
    """Yield the name of each source of validation, if several, and how well a model does on it."""
    for source in model.config.provenance["valid"].get("sources", ()):
        known = source["labels"]
        among = f", among {', '.join(known)}" if len(known) < len(model.config.labels) else ""
        yield (
            one_line(source["name"]),
            f"accuracy {source['accuracy']:.2%}, loss {source['loss']:.4f}, "
            f"{source['examples']:,} examples{among}",
        )


def show_command(model: Bundle, command: str, *, as_json: bool) -> None:
    """Print the command, and on stderr what differs from when the model was trained."""
    then = model.config.provenance["versions"]
    now = {
        **machine.versions(then),
        "senticli": machine.code_version(),
        "python": platform.python_version(),
    }
    differs = {name: [version, now[name]] for name, version in then.items() if now[name] != version}
    if as_json:
        print_json({"name": model.name, "command": command, "differs": differs})
        return
    for name, (before, here) in differs.items():
        say(f"warning: {name} was {before} and is {here or 'not installed'}")
    print_answer(command)


def show_verified(name: str, *, as_json: bool) -> bool:
    """Print which files of a model are damaged; return True if none is."""
    try:
        model = registry.find(name)
        path, damaged = str(model.path), model.damaged()
    except SenticliError as error:
        path, damaged = None, {"config.json": error.message}
    if as_json:
        print_json({"name": name, "path": path, "ok": not damaged, "damaged": damaged})
    elif not damaged:
        print(f"{one_line(name)}: ok")
    else:
        for file, what in damaged.items():
            print(f"{one_line(name)}: {one_line(file)}: {one_line(what)}")
    return not damaged


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _age(created: str) -> str:
    """Return how long ago that was, in the largest unit that it fills."""
    seconds = (datetime.now(timezone.utc) - datetime.fromisoformat(created)).total_seconds()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
