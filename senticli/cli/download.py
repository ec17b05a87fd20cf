"""``senticli download``: get data sets and word vectors."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from senticli.cli.console import print_json, progress, say, stderr_is_terminal
from senticli.cli.options import Json
from senticli.data.catalogue import ASSETS, Asset, OnProgress, Progress
from senticli.errors import UsageError

EPILOG = """
[bold]Examples[/]

  senticli download imdb glove.6B.100d

  senticli download sst2 --json

  senticli download imdb --from aclImdb_v1.tar.gz --no-verify
"""


def download(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME",
            show_default=False,
            help="imdb, sst2, glove.6B.{50,100,200,300}d, glove.840B.300d or "
            "glove.twitter.27B.{25,50,100,200}d.",
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            show_default=False,
            help="Take the archive from this file; the network is not used.",
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify",
            help="Refuse an archive whose checksum is not the official one. With --no-verify "
            "only its content is checked.",
        ),
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Get it again, even if it is already here.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Download data sets and word vectors into the data dir.

    Each archive's checksum and content are verified. The folder of each is printed on stdout.
    JSON fields: name, path, verified, bytes (of the archive), and counts (by split) or words.
    """
    assets = [_asset(name) for name in dict.fromkeys(names)]
    if source and len({asset.url for asset in assets}) > 1:
        raise UsageError(
            f"--from names one archive, but {', '.join(names)} come in several",
            "run senticli download once for each archive",
        )
    from senticli.data.fetch import install_many, is_installed

    here = {asset.name for asset in assets if not force and is_installed(asset)}
    done: list[Asset] = []
    try:
        with _progress() as report:
            paths = install_many(
                assets, source=source, verify=verify, force=force, on_progress=report
            )
            for _, asset in zip(paths, assets, strict=True):
                done.append(asset)
    finally:  # what is done is said, even if the next one fails; never while a bar is drawn
        for asset in done:
            _show(asset, new=asset.name not in here, as_json=as_json)


def _asset(name: str) -> Asset:
    if name in ASSETS:
        return ASSETS[name]
    known = {known.lower(): known for known in ASSETS}
    close = difflib.get_close_matches(name.lower(), known, n=1)
    raise UsageError(
        f"cannot download {name!r}: the known names are {', '.join(ASSETS)}",
        f"did you mean {known[close[0]]}?" if close else "senticli download --help",
    )


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """Yield a callback that draws a bar on a terminal and prints plain lines elsewhere."""
    seen: dict[tuple[str, str], Any] = {}
    if not stderr_is_terminal():

        def report_line(step: Progress) -> None:
            if (step.phase, step.name) not in seen:
                seen[step.phase, step.name] = True
                size = f" ({step.total / 1e6:,.1f} MB)" if step.total else ""
                say(f"{step.phase} {step.name}{size}")

        yield report_line
        return

    from rich.progress import DownloadColumn, TransferSpeedColumn

    with progress(DownloadColumn(), TransferSpeedColumn()) as bar:

        def report_bar(step: Progress) -> None:
            key = (step.phase, step.name)
            if key not in seen:
                seen[key] = bar.add_task(f"{step.phase} {step.name}", total=step.total)
            bar.update(seen[key], completed=step.done, total=step.total)

        yield report_bar


def _show(asset: Asset, *, new: bool, as_json: bool) -> None:
    """Say what is in the data dir on stderr, and print the answer on stdout."""
    from senticli.data.fetch import folder, provenance

    source = provenance(asset)
    if asset.kind == "dataset":
        size: dict[str, Any] = {"counts": source["counts"]}
        what = ", ".join(f"{count:,} {split}" for split, count in source["counts"].items())
    else:
        size = {"words": source["words"]}
        what = f"{source['words']:,} words of {source['dim']} numbers"
    say(f"{asset.name}: {what}" if new else f"{asset.name} is already here; --force gets it again")
    if new and not source["verified"]:
        say(
            f"{asset.name}: not verified, the checksum of its archive is not the official one "
            f"(SHA-256 {source['sha256']})"
        )
    path = str(folder(asset))
    if as_json:
        fields = {key: source[key] for key in ("verified", "bytes")}
        print_json({"name": asset.name, "path": path, **fields, **size})
    else:
        print(path)
