"""Output of ``senticli download``: progress, installed assets, the list, the plan."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from senticli.cli import console
from senticli.cli.console import print_answer, print_json, print_table, printable, say
from senticli.data.catalogue import Asset
from senticli.download.installed import fetched_bytes, folder, is_installed, provenance
from senticli.download.sources import Source, Url
from senticli.errors import SenticliError
from senticli.events import Message, OnEvent, Progress
from senticli.io.disk import size_of, size_text

CHECKSUMS = {"sha256": "SHA-256", "md5": "MD5", "crc32": "CRC-32", None: "no"}
"""The name of each way of verification."""


@contextmanager
def progress() -> Iterator[OnEvent]:
    """Yield a callback that draws bars on a terminal and prints plain lines elsewhere."""
    seen: dict[str, Any] = {}
    if not console.stderr_is_terminal():

        def report_line(event: Progress | Message) -> None:
            if isinstance(event, Message):
                say(event.text)
            elif not event.step.startswith("downloading") and event.step not in seen:
                seen[event.step] = True
                say(event.step + (f", {size_text(event.total)}" if event.total else ""))

        yield report_line
        return

    from rich.progress import DownloadColumn, TransferSpeedColumn

    with console.progress(DownloadColumn(), TransferSpeedColumn()) as bar:

        def report_bar(event: Progress | Message) -> None:
            if isinstance(event, Message):
                bar.console.print(printable(event.text), markup=False, soft_wrap=True)
                return
            if event.step not in seen:
                for task in seen.values():
                    bar.update(task, visible=False)
                seen[event.step] = bar.add_task(console.markup(event.step), total=event.total)
            bar.update(seen[event.step], completed=event.done, total=event.total)

        yield report_bar


def show_installed(asset: Asset, *, new: bool, as_json: bool) -> None:
    """Describe an installed asset on stderr, and print its folder, or JSON, on stdout."""
    source = provenance(asset)
    if asset.kind == "dataset":
        size: dict[str, Any] = {"counts": source["counts"]}
        content = ", ".join(f"{count:,} {split}" for split, count in source["counts"].items())
    else:
        size = {"words": source["words"]}
        content = f"{source['words']:,} words, {source['dim']}-dimensional"
    if not new:
        say(f"{asset.name} is already installed; --force downloads it again")
    else:
        say(f"{asset.name}: {content}")
        if source["verified"] is None:
            say(f"{asset.name}: not verified: its checksum is not the official one, or not known")
        elif source["verified"] == "crc32":
            say(f"{asset.name}: verified by the CRC-32 in its zip; no SHA-256 of it is known")
    path = str(folder(asset))
    if as_json:
        fields = {key: source[key] for key in ("verified", "bytes")}
        print_json({"name": asset.name, "path": path, **fields, **size})
    else:
        print_answer(path)


def show_list(assets: Sequence[Asset], *, as_json: bool) -> None:
    """Print a table of assets: their sizes, and which are installed and verified."""
    rows = [_state(asset) for asset in assets]
    if as_json:
        for row in rows:
            print_json(row)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "archive", "installed", "verified"):
        right = column in ("archive", "installed")
        table.add_column(column, justify="right" if right else "left", no_wrap=True)
    table.add_column("description")  # the only one that is cut where a terminal is narrow
    for row in rows:
        installed = size_text(row["on_disk"]) if row["here"] else _so_far(row["fetched"]) or "–"
        table.add_row(
            row["name"],
            size_text(row["bytes"]) if row["bytes"] else "?",
            installed,
            CHECKSUMS[row["verified"]] if row["here"] else "",
            Text(row["description"], no_wrap=True, overflow="ellipsis"),
            style="bold" if row["here"] else "",
        )
    print_table(table)


def _state(asset: Asset) -> dict[str, Any]:
    here = is_installed(asset)
    verified = None
    if here:
        try:
            verified = provenance(asset)["verified"]
        except SenticliError as error:
            say(f"warning: {error.message}; {error.hint}")
            here = False
    return {
        "name": asset.name,
        "kind": asset.kind,
        "description": asset.description,
        "url": asset.url,
        "member": asset.member,
        "licence": asset.licence,
        "bytes": asset.size,
        "here": here,
        "verified": verified,
        "path": str(folder(asset)),
        "on_disk": size_of(folder(asset)) if here else 0,
        "fetched": fetched_bytes(asset),
    }


def show_plan(assets: Sequence[Asset], sources: Sequence[Source], *, as_json: bool) -> None:
    """Print what would be downloaded from where, without using the network."""
    for asset, source in zip(assets, sources, strict=True):
        plan: dict[str, Any] = {
            "name": asset.name,
            "from": str(source),
            "member": asset.member,
            "files": [file.path for file in asset.files],
            "bytes": size_of(source) if isinstance(source, Path) else asset.size,
            "path": str(folder(asset)),
            "here": is_installed(asset),
            "fetched": fetched_bytes(asset),
        }
        if as_json:
            print_json(plan)
            continue
        size = size_text(plan["bytes"]) if plan["bytes"] else "unknown"
        if asset.member and isinstance(source, Url):
            size += f"; only {asset.member} of it, if the server supports ranges"
        print_answer(asset.name)
        print_answer(f"  from       {source}")
        for file in plan["files"]:
            print_answer(f"  file       {file}")
        print_answer(f"  size       {size}")
        print_answer(f"  to         {plan['path']}")
        print_answer(f"  installed  {'yes' if plan['here'] else _so_far(plan['fetched']) or 'no'}")


def _so_far(fetched: int) -> str:
    return f"{size_text(fetched)} so far" if fetched else ""
