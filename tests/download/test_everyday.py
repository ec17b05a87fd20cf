"""The data sets of everyday texts: several files at pinned addresses, under one name."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from senticli.data.catalogue import ASSETS, Asset, File, assets_of
from senticli.data.columns import Columns, read_columns
from senticli.download.everyday import is_file_of, read_everyday
from senticli.download.install import install_many
from senticli.download.installed import fetched_bytes, provenance
from senticli.download.sources import source_of
from senticli.errors import Interrupted, SenticliError

Install = Callable[..., Path]


def splits_of(name: str, files: Mapping[str, str]) -> dict[str, Columns]:
    contents = {path: text.encode() for path, text in files.items()}
    return read_everyday(name, contents, "here.zip")


def rows(columns: Columns) -> list[dict[str, str]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


# --- what the files hold


def test_every_published_file_is_read() -> None:
    for asset in assets_of(["everyday"]):
        assert all(is_file_of(asset.name, file.path) for file in asset.files)


def test_goemotions_keeps_rows_of_one_clear_group() -> None:
    lines = ["bad\t1\ta", "so\t2\tb", '"say ""yes"" "\t3\tc', "both\t1,3\td", "hm\t0\te"]
    splits = splits_of("goemotions", {"data/group/train.tsv": "\n".join(lines) + "\n"})
    assert rows(splits["train"]) == [
        {"text": "bad", "id": "a", "label": "negative"},
        {"text": "so", "id": "b", "label": "neutral"},
        {"text": 'say "yes"', "id": "c", "label": "positive"},
    ]


def test_crowdflower_train_is_the_whole_file_without_the_test_split() -> None:
    header = "textID,text,sentiment\n"
    files = {
        "Files/kaggle_test.csv": header
        + 'a," I`m glad, yes",positive\nb,meh,neutral\nc,no,negative\n',
        "Files/kaggle_train.csv": header + "b,meh,neutral\n",
    }
    splits = splits_of("crowdflower-tweets", files)
    assert splits["train"]["id"] == ["a", "c"]
    assert splits["train"]["text"] == ["I'm glad, yes", "no"]
    assert splits["test"]["id"] == ["b"]


def test_semeval_joins_its_files_and_restores_the_text() -> None:
    files = {
        "dataset/train/twitter-2013train-A.txt": '1\tpositive\t"\\""Tomorrow\\u2019s\\"" day"\n',
        "dataset/train/twitter-2016test-A.txt": '1\tpositive\tx\n2\tneutral\t"R &amp; ""B"""\t\n',
        "dataset/test/SemEval2017-task4-test.subtask-A.english.txt": "3\tnegative\tno\n",
    }
    splits = splits_of("semeval-tweets", files)
    assert splits["train"]["text"] == ['"Tomorrow’s" day', 'R & "B"']
    assert splits["test"] == {"text": ["no"], "id": ["3"], "label": ["negative"]}


def test_semeval_quotes_are_single_however_often_they_were_doubled() -> None:
    texts = [r'"say \""""hi\"""" ""now"""', '"one" and "two"', 'an """"a"""" b "']
    lines = "".join(f"{n}\tneutral\t{text}\n" for n, text in enumerate(texts))
    train = splits_of("semeval-tweets", {"train.tsv": lines})["train"]
    assert train["text"] == ['say "hi" "now"', '"one" and "two"', 'an "a" b "']


def test_sst5_has_three_classes_and_no_token_spacing() -> None:
    lines = [f"{stars} it 's {stars} ." for stars in range(5)]
    splits = splits_of(
        "sst5", {"data/stsa.fine.train": "\n".join(lines), "stsa.fine.dev": lines[0]}
    )
    assert splits["train"]["label"] == ["negative"] * 2 + ["neutral"] + ["positive"] * 2
    assert rows(splits["valid"]) == [
        {"text": "it's 0.", "id": "valid/1", "label": "negative"},
    ]


def test_fdu_mtl_keeps_unlabelled_texts_apart() -> None:
    files = {
        "data/fdu-mtl/books.task.train": "0\ti do n't like it .\n1\tgood !\n",
        "data/fdu-mtl/books.task.unlabel": "As &lt; it was. \n",
        "data/fdu-mtl/dvd.task.train": "1\tfun\n",
    }
    splits = splits_of("fdu-mtl", files)
    assert list(splits) == ["train", "unlabelled"]
    assert rows(splits["train"]) == [
        {"text": "i don't like it.", "id": "books/train/1", "label": "negative"},
        {"text": "good!", "id": "books/train/2", "label": "positive"},
        {"text": "fun", "id": "dvd/train/1", "label": "positive"},
    ]
    assert splits["unlabelled"] == {"text": ["As < it was."], "id": ["books/unlabelled/1"]}


def test_cad_imdb_holds_originals_and_edits() -> None:
    header = "Sentiment\tText\n"
    files = {
        "sentiment/orig/train.tsv": header + 'Positive\t"A ""great"" film"\n',
        "sentiment/new/train.tsv": header + "Negative\tA poor film\n",
    }
    assert rows(splits_of("cad-imdb", files)["train"]) == [
        {"text": "A poor film", "id": "new/train/1", "label": "negative"},
        {"text": 'A "great" film', "id": "orig/train/1", "label": "positive"},
    ]


def test_file_of_few_examples_is_an_error() -> None:
    with pytest.raises(SenticliError, match=r"here.zip: stsa.fine.train: only 1 of 3 rows are exa"):
        splits_of("sst5", {"stsa.fine.train": "0 bad\nno label\nnor here\n"})


def test_line_without_its_cells_is_an_error() -> None:
    with pytest.raises(SenticliError, match=r"group.train.tsv: row 2: expected three cells"):
        splits_of("goemotions", {"group.train.tsv": "bad\t1\ta\n<html>\n"})


def test_data_set_without_training_texts_is_an_error() -> None:
    with pytest.raises(SenticliError, match=r"here.zip has no training texts of sst5"):
        splits_of("sst5", {"stsa.fine.dev": "0 bad\n"})


# --- from the network, a zip or a folder


FILES = {
    "data/stsa.fine.train": b"0 it 's bad .\n3 good\n",
    "data/stsa.fine.dev": b"2 so so\n" * 1000,
    "data/stsa.fine.test": b"4 great\n",
}


@pytest.fixture
def sst5(server, monkeypatch: pytest.MonkeyPatch) -> Asset:
    """sst5 as three small files, served by ``server``."""
    server.files |= {f"/repository/{path}": body for path, body in FILES.items()}
    files = tuple(
        File(path, len(body), hashlib.sha256(body).hexdigest()) for path, body in FILES.items()
    )
    asset = replace(
        ASSETS["sst5"],
        url=f"{server.url}/repository/",
        files=files,
        size=sum(map(len, FILES.values())),
        unpacked=0,
    )
    monkeypatch.setitem(ASSETS, "sst5", asset)
    return asset


def zipped(archives, files: Mapping[str, bytes], tmp_path: Path) -> str:
    path = tmp_path / "everyday.zip"
    path.write_bytes(archives.zip_of({f"sst5/{name}": body for name, body in files.items()}))
    return str(path)


def test_each_file_is_downloaded_and_verified(sst5, server, home: Path, install: Install) -> None:
    folder = install(sst5)
    source = provenance(sst5)
    assert source["verified"] == "sha256"
    assert source["files"] == {file.path: file.sha256 for file in sst5.files}
    assert source["bytes"] == source["fetched"] == sst5.size
    assert source["counts"] == {"train": 2, "valid": 1000, "test": 1}
    train = read_columns(folder / "examples.npz", "train", source["hashes"]["train"])
    assert train["text"] == ["it's bad.", "good"]
    assert sorted(server.hits) == sorted(f"/repository/{path}" for path in FILES)
    assert not [path for path in (home / "downloads").rglob("*") if path.suffix != ".lock"]


def test_interrupted_files_are_resumed(sst5, server, faulty, install: Install) -> None:
    dev = "/repository/data/stsa.fine.dev"
    server.faults[dev] = [faulty(cut=5000), *[faulty(cut=0)] * 4]
    with pytest.raises(Interrupted):
        install(sst5)
    assert fetched_bytes(sst5) == len(FILES["data/stsa.fine.train"]) + 5000
    server.faults.clear()
    server.hits.clear()
    server.asked.clear()
    install(sst5)
    assert server.hits == [dev, "/repository/data/stsa.fine.test"]
    assert server.asked == ["bytes=5000-", None]
    assert fetched_bytes(sst5) == 0


def test_missing_file_on_the_server_is_an_error(sst5, server, install: Install) -> None:
    del server.files["/repository/data/stsa.fine.test"]
    with pytest.raises(SenticliError, match="404") as caught:
        install(sst5)
    assert "into a folder called sst5" in caught.value.hint


@pytest.mark.parametrize("size", [1000, 900])
def test_file_with_wrong_checksum_is_refused(
    sst5, server, home: Path, install: Install, size: int
) -> None:
    server.files["/repository/data/stsa.fine.dev"] = b"3 so so\n" * size
    with pytest.raises(SenticliError, match=r"is not the official data/stsa.fine.dev: SHA-256"):
        install(sst5)
    assert not (home / "datasets").exists()
    assert len(server.hits) == 2
    assert fetched_bytes(sst5) == len(FILES["data/stsa.fine.train"])  # what is good is kept
    install(sst5, verify=False)
    assert provenance(sst5)["verified"] is None


def test_mirror_holds_files_under_their_paths(sst5, server, install, monkeypatch) -> None:
    server.files |= {f"/copy/r/{path}": body for path, body in FILES.items()}
    monkeypatch.setenv("SENTICLI_MIRROR", f"{server.url}/copy")
    install(replace(sst5, url="https://raw.example.invalid/r/"))
    assert all(hit.startswith("/copy/r/data/") for hit in server.hits)


def test_zip_of_official_files_is_verified_file_by_file(
    sst5, archives, tmp_path: Path, install: Install
) -> None:
    files = {path.rpartition("/")[2]: body for path, body in FILES.items()}
    install(sst5, source=zipped(archives, files, tmp_path))
    assert provenance(sst5)["verified"] == "sha256"
    assert provenance(sst5)["files"].keys() == FILES.keys()


def test_zip_at_a_url_is_verified_file_by_file(
    sst5, server, archives, tmp_path: Path, install: Install
) -> None:
    server.files["/a/everyday.zip"] = Path(zipped(archives, FILES, tmp_path)).read_bytes()
    install(sst5, source=f"{server.url}/a/")
    assert server.hits == ["/a/everyday.zip"]
    assert provenance(sst5)["verified"] == "sha256"


def test_zip_of_other_files_needs_verify_false(
    sst5, archives, tmp_path: Path, install: Install
) -> None:
    source = zipped(archives, {"stsa.fine.train": b"0 bad\n"}, tmp_path)
    with pytest.raises(SenticliError, match="not official files of sst5") as caught:
        install(sst5, source=source)
    assert "verify=False" in caught.value.hint
    install(sst5, source=source, verify=False)
    assert provenance(sst5)["counts"] == {"train": 1}


def test_missing_files_in_a_folder_are_absent_splits(
    sst5, server, tmp_path: Path, install: Install
) -> None:
    (tmp_path / "sst5").mkdir()
    (tmp_path / "sst5" / "stsa.fine.train").write_bytes(FILES["data/stsa.fine.train"])
    (tmp_path / "sst5" / "LICENCE").write_text("not a part of it")
    for folder in (tmp_path, tmp_path / "sst5"):
        install(sst5, source=str(folder), force=True)
        assert provenance(sst5)["counts"] == {"train": 2}
        assert provenance(sst5)["verified"] == "sha256"
    assert server.hits == []


def test_all_come_from_one_zip(tmp_path: Path) -> None:
    (tmp_path / "everyday.zip").touch()
    assets = assets_of(["everyday"])
    assert {source_of(asset, str(tmp_path)) for asset in assets} == {tmp_path / "everyday.zip"}


# --- real data


def test_real_files_are_installed(test_data: Path) -> None:
    archive = test_data / "everyday.zip"
    if not archive.exists():
        pytest.skip(f"{archive} is not there")
    assets = assets_of(["everyday"])
    assert len(list(install_many(assets, source=str(archive), verify=False))) == 6
    assert {asset.name: provenance(asset)["counts"] for asset in assets} == {
        "goemotions": {"train": 35_681, "valid": 4_483},
        "crowdflower-tweets": {"train": 27_210},
        "semeval-tweets": {"train": 48_041},
        "sst5": {"train": 8_253, "valid": 1_072},
        "fdu-mtl": {"train": 21_450, "unlabelled": 25_940},
        "cad-imdb": {"train": 3_414, "valid": 490},
    }
    # The only ones that are as they were published.
    assert [asset.name for asset in assets if provenance(asset)["verified"]] == ["cad-imdb"]
