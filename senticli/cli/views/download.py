"""How ``senticli download`` looks: progress, the list of assets, the plan."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from senticli.cli import console
from senticli.cli.console import print_answer, print_json, print_table, printable, say
from senticli.data.catalogue import Asset, Notice, OnProgress, Progress
from senticli.download.installed import (
    Address,
    folder,
    is_installed,
    partly_fetched,
    provenance,
)
from senticli.errors import SenticliError
from senticli.io.disk import size_of, size_text

CHECKSUMS = {"sha256": "SHA-256", "md5": "MD5", "crc32": "CRC-32", None: "no"}
"""How each way of verification is called."""


@contextmanager
def progress() -> Iterator[OnProgress]:
    """Yield a callback that draws a bar on a terminal and prints plain lines elsewhere."""
    seen: dict[tuple[str, str], Any] = {}
    if not console.stderr_is_terminal():

        def report_line(step: Progress | Notice) -> None:
            if isinstance(step, Notice):
                say(step.message)
            elif step.phase != "downloading" and (step.phase, step.name) not in seen:
                seen[step.phase, step.name] = True
                say(
                    f"{step.phase} {step.name}"
                    + (f", {size_text(step.total)}" if step.total else "")
                )

        yield report_line
        return

    from rich.progress import DownloadColumn, TransferSpeedColumn

    with console.progress(DownloadColumn(), TransferSpeedColumn()) as bar:

        def report_bar(step: Progress | Notice) -> None:
            if isinstance(step, Notice):
                bar.console.print(printable(step.message), markup=False, soft_wrap=True)
                return
            key = (step.phase, step.name)
            if key not in seen:
                for task in seen.values():
                    bar.update(task, visible=False)
                seen[key] = bar.add_task(f"{step.phase} {step.name}", total=step.total)
            bar.update(seen[key], completed=step.done, total=step.total)

        yield report_bar


def show(asset: Asset, *, new: bool, as_json: bool) -> None:
    """Say what is in the data dir on stderr, and print the answer on stdout."""
    source = provenance(asset)
    if asset.kind == "dataset":
        size: dict[str, Any] = {"counts": source["counts"]}
        what = ", ".join(f"{count:,} {split}" for split, count in source["counts"].items())
    else:
        size = {"words": source["words"]}
        what = f"{source['words']:,} words of {source['dim']} numbers"
    say(f"{asset.name}: {what}" if new else f"{asset.name} is already here; --force gets it again")
    if new and source["verified"] is None:
        say(f"{asset.name}: not verified, its checksum is not the official one or not known")
    if new and source["verified"] == "crc32":
        say(f"{asset.name}: verified by the CRC-32 in its zip; its official SHA-256 is not known")
    path = str(folder(asset))
    if as_json:
        fields = {key: source[key] for key in ("verified", "bytes")}
        print_json({"name": asset.name, "path": path, **fields, **size})
    else:
        print_answer(path)


def show_list(assets: Sequence[Asset], *, as_json: bool) -> None:
    """Print the assets, their size, and which are installed and verified."""
    rows = [_state(asset) for asset in assets]
    if as_json:
        for row in rows:
            print_json(row)
        return
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "archive", "here", "verified", "what it is"):
        justify: Literal["left", "right"] = "right" if column in ("archive", "here") else "left"
        table.add_column(column, justify=justify, no_wrap=True)
    for row in rows:
        here, checked = "–", ""
        if row["here"]:
            here, checked = size_text(row["on_disk"]), CHECKSUMS[row["verified"]]
        elif row["fetched"]:
            here = f"{size_text(row['fetched'])} fetched"
        archive = size_text(row["bytes"]) if row["bytes"] else "?"
        style = "bold" if row["here"] else ""
        table.add_row(row["name"], archive, here, checked, row["description"], style=style)
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
        "bytes": asset.size,
        "here": here,
        "verified": verified,
        "path": str(folder(asset)),
        "on_disk": size_of(folder(asset)) if here else 0,
        "fetched": partly_fetched(asset),
    }


def show_plan(
    assets: Sequence[Asset], origins: Mapping[str, Address | Path], *, as_json: bool
) -> None:
    """Print what would be downloaded from where, without the network."""
    for asset in assets:
        place = origins[asset.name]
        size = size_of(place) if isinstance(place, Path) else asset.size
        here, fetched = is_installed(asset), partly_fetched(asset)
        if as_json:
            print_json(
                {
                    "name": asset.name,
                    "from": str(place),
                    "member": asset.member,
                    "bytes": size,
                    "path": str(folder(asset)),
                    "here": here,
                    "fetched": fetched,
                }
            )
            continue
        amount = size_text(size) if size else "unknown"
        if asset.member and isinstance(place, Address):
            amount += f"; only {asset.member} of it, where the server gives parts"
        state = "yes" if here else f"{size_text(fetched)} of it" if fetched else "no"
        print_answer(f"{asset.name}\n  from  {place}\n  size  {amount}")
        print_answer(f"  to    {folder(asset)}\n  here  {state}")
