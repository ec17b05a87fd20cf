"""What a run over many files reads, writes, keeps and refuses; its workers are in this process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from senticli import SenticliError
from senticli.cluster import engine, manifest
from senticli.cluster.engine import score_files
from senticli.cluster.manifest import FolderSummary, ScoredFile
from senticli.cluster.storage import File, Folder, reaching
from senticli.cluster.worker import MOST_TRIES, Job, Worker
from senticli.errors import UsageError
from senticli.events import Message
from tests.cluster.conftest import results

fsspec = pytest.importorskip("fsspec")
Local = Callable[[Path], dict[str, bytes]]


class Cluster:
    """In place of Ray: one worker in this process, which a test can end early."""

    def __init__(self) -> None:
        self.scored: list[str] = []
        self.ends_after: int | None = None

    @contextmanager
    def connected(self, *_: object) -> Iterator[Any]:
        from types import SimpleNamespace

        errors = SimpleNamespace(RayError=RuntimeError)
        yield SimpleNamespace(exceptions=errors, cluster_resources=lambda: {"CPU": 1})

    def run(self, _: Any, todo: Sequence[File], job: Job, workers: int) -> Iterator[ScoredFile]:
        worker = Worker(job)
        for number, file in enumerate(todo):
            if number == self.ends_after:
                raise KeyboardInterrupt
            self.scored.append(file.name)
            yield ScoredFile.from_json(worker.score(file).to_json())


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    fake = Cluster()
    monkeypatch.setattr(engine, "import_ray", lambda alone: None)
    monkeypatch.setattr(engine, "_connected", fake.connected)
    monkeypatch.setattr(engine, "_scored", fake.run)
    return fake


@pytest.fixture
def score(cluster: Cluster, tiny_model: Path, tmp_path: Path) -> Callable[..., FolderSummary]:
    def run(input: str | Path = tmp_path / "in", **options: Any) -> FolderSummary:
        settings: dict[str, Any] = {"output": tmp_path / "out", "model": tiny_model}
        return score_files(input, **{"text_column": "review"} | settings | options)

    return run


Score = Callable[..., FolderSummary]


def test_results_are_those_of_a_local_run(
    score: Score, local: Local, odd: Path, tmp_path: Path
) -> None:
    events: list[object] = []
    summary = score(on_event=events.append)
    assert results(tmp_path / "out") == local(odd)
    assert [file.name for file in summary.files] == [
        *("odd.csv", "packed.csv.gz", "rows.parquet", "sub/odd.jsonl")
    ]
    assert (summary.rows_in, summary.rows_out, summary.errors) == (17, 17, 7)
    assert sum(summary.labels.values()) == 10
    assert Message("note", "skipped, as no format is known: notes.md") in events
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("_SUCCESS", "_manifest.jsonl", "odd.csv", "packed.csv.gz", "rows.parquet", "sub")
    ]


def test_object_storage_gets_whole_files_and_the_marker_last(
    score: Score, local: Local, odd: Path
) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(f"{odd}/", "/bucket/in/", recursive=True)
    try:
        score("memory://bucket/in", output="memory://bucket/out")
        found = {
            path.removeprefix("/bucket/out/"): memory.cat_file(path)
            for path in memory.find("/bucket/out")
        }
        assert found.pop("_SUCCESS") == b""
        assert len(found.pop("_manifest.jsonl").splitlines()) == 5
        assert found == local(odd)
        assert score("memory://bucket/in", output="memory://bucket/out").was_complete
    finally:
        memory.rm("/bucket", recursive=True)


def test_pattern_or_single_file_can_have_its_results_beside_it(
    score: Score, odd: Path, tmp_path: Path
) -> None:
    score(f"{odd}/*.csv*", output=odd / "scored")
    assert set(results(odd / "scored")) == {"odd.csv", "packed.csv.gz"}
    score(odd / "odd.csv", output=tmp_path / "one", output_format="jsonl")
    assert set(results(tmp_path / "one")) == {"odd.jsonl"}


def test_result_of_another_format_has_its_ending(score: Score, odd: Path, tmp_path: Path) -> None:
    score(output_format="parquet")
    assert set(results(tmp_path / "out")) == {
        *("odd.parquet", "packed.parquet", "rows.parquet", "sub/odd.parquet")
    }


def test_two_inputs_of_one_result_are_refused(score: Score, odd: Path, tmp_path: Path) -> None:
    (odd / "odd.jsonl").write_text("{}\n")
    with pytest.raises(UsageError, match=r"odd.csv and odd.jsonl would both become odd.jsonl"):
        score(output_format="jsonl")
    assert not (tmp_path / "out.partial").exists()


def test_interrupted_run_is_continued(
    score: Score, cluster: Cluster, local: Local, odd: Path, tmp_path: Path
) -> None:
    cluster.ends_after = 2
    with pytest.raises(KeyboardInterrupt):
        score()
    assert not (tmp_path / "out").exists()
    with (tmp_path / "out.partial" / "_manifest.jsonl").open("a") as file:
        file.write('{"name": "cut o')
    finished, cluster.ends_after = cluster.scored[:], None
    summary = score()
    assert summary.before == 2
    assert sorted(cluster.scored) == ["odd.csv", "packed.csv.gz", "rows.parquet", "sub/odd.jsonl"]
    assert cluster.scored[:2] == finished
    assert results(tmp_path / "out") == local(odd)
    assert (summary.rows_in, summary.rows_out) == (17, 17)
    cluster.scored.clear()
    assert score().was_complete
    assert cluster.scored == []


@pytest.mark.parametrize("change", ["input", "result", "touched"])
def test_what_is_not_as_it_was_is_scored_again(
    score: Score, cluster: Cluster, local: Local, odd: Path, tmp_path: Path, change: str
) -> None:
    cluster.ends_after = 3
    with pytest.raises(KeyboardInterrupt):
        score()
    if change == "input":
        (odd / "odd.csv").write_text("review\nanother film\n")
    elif change == "touched":
        os.utime(odd / "odd.csv", (1, 1))
    else:
        (tmp_path / "out.partial" / "odd.csv").unlink()
    cluster.ends_after = None
    cluster.scored.clear()
    score()
    assert sorted(cluster.scored) == ["odd.csv", "sub/odd.jsonl"]
    assert results(tmp_path / "out") == local(odd)


def test_file_that_fails_stops_no_other_and_is_tried_again(
    score: Score, cluster: Cluster, odd: Path, tmp_path: Path
) -> None:
    (odd / "broken.csv.gz").write_bytes(b"no gzip")
    (odd / "other.csv").write_text("a,b\n1,2\n")
    events: list[Any] = []
    with pytest.raises(SenticliError, match=r"2 of 6 files .* first broken.csv.gz: .*damaged"):
        score(on_event=events.append)
    assert [file.name for file in events[-1].failed] == ["broken.csv.gz", "other.csv"]
    assert events[-1].rows_out == 17
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.partial" / "_SUCCESS").exists()
    for name in ("broken.csv.gz", "other.csv"):
        (odd / name).unlink()
    cluster.scored.clear()
    assert score().before == 4
    assert cluster.scored == []
    assert len(results(tmp_path / "out")) == 4


def test_file_whose_worker_was_killed_again_and_again_fails(
    score: Score, odd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(worker: Worker, name: str, result: str) -> None:
        mark = tmp_path / "out.partial" / "_tries" / "odd.csv"
        assert mark.read_bytes() == b"."
        mark.write_bytes(b"." * MOST_TRIES)
        assert "was killed 4 times" in worker.score(File(name, 1, "")).failure
        monkeypatch.undo()

    monkeypatch.setattr(Worker, "_score", kill)
    with pytest.raises(TypeError):
        score(odd / "odd.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "bundled"}, "made with another model"),
        ({"scores": True}, "made with other options: `scores`"),
        ({"header": False}, "made with other options: `header`"),
    ],
)
def test_another_model_or_other_options_start_again_only_with_force(
    score: Score, cluster: Cluster, odd: Path, options: dict[str, Any], message: str
) -> None:
    cluster.ends_after = 1
    with pytest.raises(KeyboardInterrupt):
        score()
    cluster.ends_after = None
    for _ in ("partial", "complete"):
        with pytest.raises(UsageError, match=message) as caught:
            score(**options)
        assert caught.value.hint.endswith("replace it: `force=True`")
        score()
    assert score(polarity=True, force=True).before == 0


def test_complete_output_of_another_input_is_refused(
    score: Score, odd: Path, tmp_path: Path
) -> None:
    score()
    (odd / "new.csv").write_text("review\ngood\n")
    with pytest.raises(UsageError, match=r"another input: new\.csv is new"):
        score()
    (odd / "new.csv").unlink()
    (odd / "odd.csv").unlink()
    with pytest.raises(UsageError, match=r"another input: odd\.csv is gone"):
        score()
    score(force=True)
    assert "odd.csv" not in results(tmp_path / "out")
    assert not list(tmp_path.glob(".out*"))


def test_folder_of_something_else_is_never_replaced(
    score: Score, odd: Path, tmp_path: Path
) -> None:
    for name in ("out", "out.partial"):
        mine = tmp_path / name / "mine.txt"
        mine.parent.mkdir()
        mine.write_text("mine")
        with pytest.raises(UsageError, match="was not written by"):
            score(force=True)
        assert mine.read_text() == "mine"
        mine.unlink()
    score()


@pytest.mark.parametrize("place", ["in", "in/scored", "."])
def test_input_and_output_are_apart(score: Score, odd: Path, tmp_path: Path, place: str) -> None:
    with pytest.raises(UsageError, match="overlap"):
        score(output=tmp_path / place)


@pytest.mark.parametrize(
    ("input", "message"),
    [
        ("nosuch", "does not exist"),
        ("empty", "holds no files"),
        ("unknown", "holds no file whose name tells a format"),
        ("*.nosuch", "no file matches"),
        ("nosuch://bucket/in", "Protocol not known"),
    ],
)
def test_input_that_is_nothing_is_an_error(
    score: Score, tmp_path: Path, input: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "unknown").mkdir()
    (tmp_path / "unknown" / "notes.md").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SenticliError, match=message):
        score(input)
    assert not list(tmp_path.glob("out*"))


def test_bucket_that_does_not_exist_is_named() -> None:
    with (
        pytest.raises(SenticliError, match=r"^cannot use s3://nosuch/out: no such bucket"),
        reaching("s3://key:secret@nosuch/out"),
    ):
        raise FileNotFoundError(2, "no such bucket")


class NoToken(Exception):
    """In place of Ray's error."""


@pytest.mark.parametrize(
    ("address", "message"),
    [("head:port", "not HOST:PORT"), ("http://head:8265", "not HOST:PORT"), ("auto", "no token")],
)
def test_cluster_that_cannot_be_used_is_an_error(
    monkeypatch: pytest.MonkeyPatch, address: str, message: str
) -> None:
    from types import SimpleNamespace

    def init(**_: object) -> None:
        raise NoToken

    ray = SimpleNamespace(
        is_initialized=lambda: False,
        init=init,
        exceptions=SimpleNamespace(AuthenticationError=NoToken),
    )
    monkeypatch.setattr(engine, "import_ray", lambda: ray)
    with (
        pytest.raises(SenticliError, match=f"cannot connect to Ray at {address}: {message}"),
        engine._connected(address, None),
    ):
        pass


def test_texts_none_of_which_can_be_classified_are_an_error(score: Score, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("id,review\n1,\n2,\n")
    with pytest.raises(SenticliError, match="no text could be classified"):
        score()
    assert results(tmp_path / "out")["a.csv"].count(b"no text") == 2
    (tmp_path / "in" / "b.csv").write_text("id,review\n1,good\n")
    assert score(force=True).errors == 2


def test_result_that_the_driver_does_not_see_is_a_failure(
    score: Score, odd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(self: Worker, file: File) -> ScoredFile:
        return ScoredFile(name=file.name, size=1, version="", output=file.name, written=7)

    monkeypatch.setattr(Worker, "score", elsewhere)
    with pytest.raises(SenticliError, match="not visible on this machine"):
        score()


def test_manifest_that_is_no_manifest_is_refused(score: Score, odd: Path, tmp_path: Path) -> None:
    score()
    (tmp_path / "out" / manifest.MANIFEST).write_text("mine\nmine\n")
    with pytest.raises(UsageError, match="made with unknown settings"):
        score()


def test_second_run_with_the_same_output_is_refused(
    score: Score, cluster: Cluster, odd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object) -> Iterator[ScoredFile]:
        with pytest.raises(SenticliError, match="is being written by another run"):
            score()
        yield from ()

    monkeypatch.setattr(engine, "_scored", run)
    score()


def test_node_of_another_version_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    from senticli.config import OutputConfig
    from senticli.io.layout import Layout

    folder = Folder.at(str(tmp_path))
    job = Job(
        version="0",
        model={},
        inputs=folder,
        output=folder,
        format=None,
        layout=Layout(),
        options=OutputConfig(),
        window=1,
    )
    with pytest.raises(SenticliError, match="a node of the cluster has senticli"):
        Worker(job)


def test_names_of_any_bytes_come_through(score: Score, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    name = os.fsdecode(b"caf\xe9 \xe2\x98\x83 [1] #?.csv")
    (folder / name).write_text("review\ngood\n")
    score()
    assert set(results(tmp_path / "out")) == {name}
    entry = (tmp_path / "out" / manifest.MANIFEST).read_text().splitlines()[1]
    assert json.loads(entry)["name"] == name


def test_engine_without_ray_names_the_extra(odd: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nsys.modules['ray'] = None\n"
        "from senticli.cli.app import run\n"
        f"sys.exit(run(['predict', '--engine', 'ray', '-i', {str(odd)!r}, '-o', 'out']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "--engine ray needs ray" in done.stderr
    assert 'pip install ".[ray]"; or: pip install "ray[data]"' in done.stderr
    assert not (tmp_path / "out.partial").exists()
