from senticli.data.catalogue import ASSETS


def test_catalogue_is_complete() -> None:
    assert list(ASSETS) == [
        "imdb",
        "sst2",
        *(f"glove.6B.{dim}d" for dim in (50, 100, 200, 300)),
        "glove.840B.300d",
        *(f"glove.twitter.27B.{dim}d" for dim in (25, 50, 100, 200)),
    ]
    for name, asset in ASSETS.items():
        assert asset.url.startswith("https://")
        assert len(asset.sha256 or "") == 64 or len(asset.md5 or "") == 32
        assert (asset.kind == "vectors") == name.startswith("glove") == bool(asset.member)
    assert ASSETS["glove.840B.300d"].archive == "glove.840B.300d.zip"
    assert ASSETS["glove.twitter.27B.25d"].archive == "glove.twitter.27B.zip"
    assert ASSETS["glove.6B.50d"].archive == "glove.6B.zip"
