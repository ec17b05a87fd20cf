from senticli.data.catalogue import ASSETS, assets_of

EVERYDAY = ("goemotions", "crowdflower-tweets", "semeval-tweets", "sst5", "fdu-mtl", "cad-imdb")


def test_catalogue_is_complete() -> None:
    assert list(ASSETS) == [
        "imdb",
        "sst2",
        *EVERYDAY,
        *(f"glove.6B.{dim}d" for dim in (50, 100, 200, 300)),
        "glove.840B.300d",
        *(f"glove.twitter.27B.{dim}d" for dim in (25, 50, 100, 200)),
    ]
    for name, asset in ASSETS.items():
        assert asset.url.startswith("https://")
        for part in asset.downloads:
            assert len(part.sha256 or "") == 64 or len(part.md5 or "") == 32
        assert (asset.kind == "vectors") == name.startswith("glove") == bool(asset.member)
    assert ASSETS["glove.840B.300d"].archive == "glove.840B.300d.zip"
    assert ASSETS["glove.twitter.27B.25d"].archive == "glove.twitter.27B.zip"
    assert ASSETS["glove.6B.50d"].archive == "glove.6B.zip"


def test_group_names_its_assets_once() -> None:
    assert [asset.name for asset in assets_of(["everyday", "sst5"])] == list(EVERYDAY)


def test_each_file_is_a_download_of_its_own_at_a_pinned_address() -> None:
    asset = ASSETS["fdu-mtl"]
    downloads = asset.downloads
    assert len(downloads) == len({part.archive for part in downloads}) == 42
    assert sum(part.size or 0 for part in downloads) == asset.size
    assert downloads[0].url == (
        "https://raw.githubusercontent.com/ccsasuke/man/"
        "b57b4c14340db1ca7bffb5d9737b7c2601dc8df2/data/fdu-mtl/apparel.task.test"
    )
    assert downloads[0].archive == "fdu-mtl.data.fdu-mtl.apparel.task.test"
