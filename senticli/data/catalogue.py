"""What ``senticli download`` can get: names, official addresses, checksums, expected content.

Standard library only and quick to import: the shell completions are generated from these names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Asset:
    """A data set or a set of word vectors, and the official archive that holds it."""

    name: str
    kind: Literal["dataset", "vectors"]
    description: str
    url: str
    sha256: str | None = None
    """Official SHA-256 of the archive, hexadecimal."""
    md5: str | None = None
    """Official MD5, used where the publisher gives no SHA-256."""
    size: int | None = None
    """Bytes of the archive, where known."""
    member: str | None = None
    """The file inside the archive that holds the vectors."""
    member_sha256: str | None = None
    """Official SHA-256 of that file, where known."""
    folder: str | None = None
    """The folder inside the archive that holds the data set."""
    unpacked: int = 0
    """Bytes that a data set takes in the data dir, about."""
    dim: int = 0
    """Numbers in each vector; 0 for a data set."""
    expect: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Examples in each part of a data set, exactly; ``{"words": N}``, at least, for vectors."""

    @property
    def archive(self) -> str:
        """The archive's file name, such as ``glove.6B.zip``."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Progress:
    """How far a long step is. ``done`` and ``total`` count bytes; an unknown total is None."""

    phase: Literal["downloading", "checking", "unpacking"]
    name: str
    done: int
    total: int | None


@dataclass(frozen=True)
class Notice:
    """Something worth a line while a long step runs: what it does, a retry, a wait."""

    message: str


OnProgress = Callable[[Progress | Notice], None]


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
            description=f"GloVe, {dim} numbers a word, trained on {trained_on}",
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
"""The data sets that have a name: the one that comes with the package, and those to download."""
