import json
from pathlib import Path

import pytest

from senticli.download.pieces import Pieces, Version

URL = "https://host/a.zip"
VERSION = Version(100, '"a"')


@pytest.fixture
def pieces(tmp_path: Path) -> Pieces:
    """Bytes 0 to 10 and 50 to 80 of a file of 100 bytes."""
    pieces = Pieces(tmp_path / "a.zip")
    pieces.begin(URL, VERSION)
    for offset in (0, 5, 50, 60, 70):
        pieces.append(offset, bytes(range(offset, offset + (5 if offset < 50 else 10))))
    return pieces


def test_chunks_become_pieces_named_by_their_offset(pieces: Pieces, tmp_path: Path) -> None:
    names = sorted(path.name for path in (tmp_path / "a.zip").iterdir())
    assert names == ["0", "50", "remote.json"]


def test_bytes_are_read_up_to_the_end_of_a_piece(pieces: Pieces) -> None:
    buffer = bytearray(20)
    assert pieces.read_into(buffer, 65) == 15
    assert buffer[:15] == bytes(range(65, 80))
    assert pieces.read_into(buffer, 80) == 0


def test_gaps_end_at_the_next_piece(pieces: Pieces) -> None:
    assert pieces.gap(10, 100) == 50
    assert pieces.gap(10, 30) == 30
    assert pieces.gap(80, 100) == 100


def test_bytes_are_counted_within_a_window(pieces: Pieces) -> None:
    assert pieces.count_bytes() == 40
    assert pieces.count_bytes(8, 55) == 7


def test_another_process_finds_the_pieces(pieces: Pieces, tmp_path: Path) -> None:
    again = Pieces(tmp_path / "a.zip")
    assert (again.url, again.version, again.count_bytes()) == (URL, VERSION, 40)
    again.append(80, bytes(20))
    assert again.count_bytes() == 60


def test_another_version_replaces_the_pieces(pieces: Pieces, tmp_path: Path) -> None:
    pieces.begin(URL, Version(90, '"b"'))
    assert pieces.count_bytes() == 0
    assert Pieces(tmp_path / "a.zip").version == Version(90, '"b"')


@pytest.mark.parametrize(
    "state",
    [
        {"url": URL, "size": 100, "validator": None},
        {"url": URL, "size": "100", "validator": "x"},
        {"url": URL},
    ],
)
def test_pieces_without_a_valid_state_are_not_resumed(
    pieces: Pieces, tmp_path: Path, state: dict[str, object]
) -> None:
    (tmp_path / "a.zip" / "remote.json").write_text(json.dumps(state))
    again = Pieces(tmp_path / "a.zip")
    assert (again.url, again.version, again.count_bytes()) == (None, None, 0)
