"""``senticli download``: download data sets and word vectors."""

from typing import Annotated

import typer

from senticli.cli.console import say
from senticli.cli.options import Json, Offline
from senticli.data.catalogue import ASSETS, assets_of
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
            help="imdb, sst2, goemotions, crowdflower-tweets, semeval-tweets, sst5, fdu-mtl, "
            "cad-imdb, everyday (the last six), glove.6B.{50,100,200,300}d, glove.840B.300d or "
            "glove.twitter.27B.{25,50,100,200}d.",
        ),
    ] = None,
    list_all: Annotated[
        bool,
        typer.Option("--list", "-l", help="List assets with their sizes and what is installed."),
    ] = False,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE|DIR|URL",
            show_default=False,
            help="Take the archive from this file, folder or URL. A folder, or a URL that ends "
            "in /, holds it under its official name. Data sets of several files come from a zip, "
            "or a folder, with a folder of each.",
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
        bool, typer.Option("--force", help="Download again what is already installed.")
    ] = False,
    offline: Offline = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print what would be downloaded, from where and to where."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Download data sets and word vectors into the data dir.

    From a zip of vectors, only the file that is needed is downloaded, if the server supports
    ranges. An interrupted download is resumed. Checksums and content are verified. The folder of
    each asset is printed on stdout.
    """
    assets = assets_of(names or (ASSETS if list_all else ()))
    if not assets:
        raise UsageError("name what to download", "senticli download --list")
    if list_all and (source or force or dry_run):
        raise UsageError(
            "--from, --force and --dry-run have no meaning with --list", "leave them out"
        )
    from senticli.cli.views import download as view
    from senticli.download.sources import sources_of

    if list_all:
        view.show_list(assets, as_json=as_json)
        return
    if dry_run:
        view.show_plan(assets, sources_of(assets, source), as_json=as_json)
        return
    from senticli.download.install import install_many
    from senticli.download.installed import fetched_bytes, is_installed

    old = {asset.name for asset in assets if not force and is_installed(asset)}
    done: set[str] = set()
    try:
        with view.progress() as report:
            for asset in install_many(
                assets,
                source=source,
                verify=verify,
                force=force,
                offline=offline,
                on_progress=report,
            ):
                done.add(asset.name)
    except KeyboardInterrupt:
        if any(map(fetched_bytes, assets)):
            say("the partial download is kept: run the command again to resume")
        raise
    finally:  # even if a later asset fails, and never while a bar is drawn
        for asset in assets:
            if asset.name in done:
                view.show_installed(asset, new=asset.name not in old, as_json=as_json)
