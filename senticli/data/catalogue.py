"""The assets that can be downloaded: names, official URLs, checksums, expected content.

Standard library only and quick to import: the shell completions are generated from these names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from senticli.errors import UsageError


@dataclass(frozen=True)
class Asset:
    """A data set or a file of word vectors, and the official archive that holds it."""

    name: str
    kind: Literal["dataset", "vectors"]
    description: str
    url: str
    sha256: str | None = None
    """Official SHA-256 of the archive, hexadecimal."""
    md5: str | None = None
    """Official MD5, used where the publisher gives no SHA-256."""
    size: int | None = None
    """Size of the archive in bytes, where known."""
    member: str | None = None
    """The file inside the archive that holds the vectors."""
    member_sha256: str | None = None
    """Official SHA-256 of that file, where known."""
    folder: str | None = None
    """The folder inside the archive that holds the data set."""
    unpacked: int = 0
    """Approximate size in bytes of an installed data set."""
    dim: int = 0
    """Dimensions of the vectors; 0 for a data set."""
    expect: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Number of examples in each part of a data set; for vectors ``{"words": minimum}``."""

    @property
    def archive(self) -> str:
        """File name of the archive, such as ``glove.6B.zip``."""
        return self.url.rpartition("/")[2]


def _glove(
    release: str,
    dims: tuple[int, ...],
    trained_on: str,
    sha256: str,
    size: int | None = None,
    members: Mapping[int, str] | None = None,
) -> list[Asset]:
    return [
        Asset(
            name=f"glove.{release}.{dim}d",
            kind="vectors",
            description=f"GloVe, {dim}-dimensional, trained on {trained_on}",
            # The archive of the one-size 840B release carries its size in its name.
            url=f"https://nlp.stanford.edu/data/glove.{release}"
            + (".zip" if len(dims) > 1 else f".{dim}d.zip"),
            sha256=sha256,
            size=size,
            member=f"glove.{release}.{dim}d.txt",
            member_sha256=(members or {}).get(dim),
            dim=dim,
            expect={"words": 5_000},
        )
        for dim in dims
    ]


ASSETS: dict[str, Asset] = {
    asset.name: asset
    for asset in (
        Asset(
            name="imdb",
            kind="dataset",
            description="50,000 film reviews, Large Movie Review Dataset v1 (Maas et al., 2011)",
            url="https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
            sha256="c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
            md5="7c2ac02c03563afcf9b574c7e56c153a",
            size=84_125_825,
            folder="aclImdb",
            unpacked=138_000_000,
            expect={
                "train/neg": 12_500,
                "train/pos": 12_500,
                "train/unsup": 50_000,
                "test/neg": 12_500,
                "test/pos": 12_500,
            },
        ),
        Asset(
            name="sst2",
            kind="dataset",
            description="68,221 phrases and sentences of film reviews, GLUE's SST-2",
            url="https://dl.fbaipublicfiles.com/glue/data/SST-2.zip",
            md5="9f81648d4199384278b86e315dac217c",
            folder="SST-2",
            unpacked=6_000_000,
            expect={"train": 67_349, "valid": 872},
        ),
        *_glove(
            "6B",
            (50, 100, 200, 300),
            "Wikipedia 2014 and Gigaword 5",
            "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
            862_182_613,
            {100: "95dde4dfd627ab26608d33e76d1195ec059734bd29089ea52cadb08d07c64544"},
        ),
        *_glove(
            "840B",
            (300,),
            "Common Crawl",
            "c06db255e65095393609f19a4cfca20bf3a71e20cc53e892aafa490347e3849f",
        ),
        *_glove(
            "twitter.27B",
            (25, 50, 100, 200),
            "Twitter",
            "792af52f795d1a32c9842a3240f5f3fe5e941a8ff6df5eb0f9d668092ebc019c",
        ),
    )
}

DATASETS = ("sample", *(name for name, asset in ASSETS.items() if asset.kind == "dataset"))
"""Names of data sets: the one in the package, and those to download."""


def asset_of(name: str) -> Asset:
    """Return the asset of a name. Raises UsageError if there is none."""
    if name in ASSETS:
        return ASSETS[name]
    import difflib

    known = {known.lower(): known for known in ASSETS}
    close = difflib.get_close_matches(name.lower(), known, n=1)
    raise UsageError(
        f"cannot download {name!r}: the known names are {', '.join(ASSETS)}",
        f"did you mean {known[close[0]]}?" if close else "use one of these",
    )
