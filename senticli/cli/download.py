"""``senticli download``: get data sets and word vectors."""

import difflib
from typing import Annotated

import typer

from senticli.cli.console import say
from senticli.cli.options import Json
from senticli.data.catalogue import ASSETS, Asset
from senticli.errors import UsageError

EXAMPLES = (
    "senticli download imdb glove.6B.100d",
    "senticli download --list",
    "senticli download imdb --from aclImdb_v1.tar.gz",
    "senticli download imdb sst2 --from https://mirror.example/data/ --dry-run",
)


def download(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            show_default=False,
            help="imdb, sst2, glove.6B.{50,100,200,300}d, glove.840B.300d or "
            "glove.twitter.27B.{25,50,100,200}d.",
        ),
    ] = None,
    list_all: Annotated[
        bool,
        typer.Option("--list", "-l", help="Show what there is, its size, and whether it is here."),
    ] = False,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE|DIR|URL",
            show_default=False,
            help="Take the archive from this file, folder or address. A folder, or an address "
            "that ends in /, holds it under its official name.",
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
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            envvar="SENTICLI_OFFLINE",
            help="Never use the network; say what is missing.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only show what would be got: addresses, sizes, targets."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Download data sets and word vectors into the data dir.

    Of a zip of vectors only what is wanted is fetched, where the server gives parts of a file. A
    download that was cut off or killed goes on where it stopped. Checksum and content are
    verified. The folder of each is printed on stdout.
    """
    assets = [_asset(name) for name in dict.fromkeys(names or ASSETS if list_all else names or ())]
    if not assets:
        raise UsageError("say what to download", "senticli download --list")
    from senticli.cli.views import download as view
    from senticli.download.installed import is_installed, origin, partly_fetched
    from senticli.download.urls import is_url

    if list_all and (source or force or dry_run):
        raise UsageError(
            "--from, --force and --dry-run have no meaning with --list", "leave them out"
        )
    if list_all:
        view.show_list(assets, as_json=as_json)
        return
    origins = {asset.name: origin(asset, source) for asset in assets}
    if len(set(origins.values())) < len({asset.archive for asset in assets}):
        raise UsageError(
            f"--from names one archive, but {', '.join(origins)} come in several",
            "name the folder that holds them, or run senticli download once for each",
        )
    if source and is_url(source) and offline:
        raise UsageError("--offline forbids the address that --from names", "leave one of them out")
    if dry_run:
        view.show_plan(assets, origins, as_json=as_json)
        return
    from senticli.download.install import install_many

    here = {asset.name for asset in assets if not force and is_installed(asset)}
    done: set[str] = set()
    try:
        with view.progress() as report:
            for asset in install_many(
                assets,
                source=source,
                verify=verify,
                force=force,
                network=not offline,
                on_progress=report,
            ):
                done.add(asset.name)
    except KeyboardInterrupt:
        if any(map(partly_fetched, assets)):
            say("what was fetched is kept: the same command goes on where it stopped")
        raise
    finally:  # what is done is said, even if the next one fails; never while a bar is drawn
        for asset in assets:
            if asset.name in done:
                view.show(asset, new=asset.name not in here, as_json=as_json)


def _asset(name: str) -> Asset:
    if name in ASSETS:
        return ASSETS[name]
    known = {known.lower(): known for known in ASSETS}
    close = difflib.get_close_matches(name.lower(), known, n=1)
    raise UsageError(
        f"cannot download {name!r}: the known names are {', '.join(ASSETS)}",
        f"did you mean {known[close[0]]}?" if close else "senticli download --list",
    )
