"""``senticli predict --output``: one run at a time, and ``--resume`` only with the same input."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from senticli.cli.app import run
from senticli.io import atomic

Predict = Callable[..., tuple[int, str]]


@pytest.fixture
def predict(
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> Predict:
    """``senticli predict --output out`` in this process: exit code and stderr."""

    def call(*args: str | Path, input: bytes = b"", name: str = "out.txt") -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(input)))
        model, target = str(tiny_model), str(tmp_path / name)
        code = run(["predict", "-m", model, "-o", target, *map(str, args)])
        return code, capsysbinary.readouterr().err.decode()

    return call


@pytest.fixture
def stopped(predict: Predict, tmp_path: Path) -> bytes:
    """The first two lines of an input that were answered before a run was stopped."""
    assert predict("--strict", input=b"good\nbad\n\n")[0] == 1
    assert (tmp_path / "out.txt.partial").exists()
    return b"good\nbad\n"


def test_second_run_with_the_same_output_is_refused(predict: Predict, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    with atomic.exclusive(atomic.lock_of(target)):
        for option in ((), ("--resume",), ("--force",)):
            code, error = predict(*option, input=b"good\n")
            assert code == 1
            assert "is being written by another process" in error
    assert not target.exists()
    assert predict(input=b"good\n")[0] == 0
    assert [path.name for path in tmp_path.iterdir() if "lock" in path.name] == []


def test_resume_of_a_pipe_compares_what_was_answered(
    predict: Predict, stopped: bytes, tmp_path: Path
) -> None:
    code, error = predict("--resume", input=b"good\nawful\nend\n")
    assert code == 2
    assert "was made from another input; record 2 differs" in error
    assert "--force" in error
    assert not (tmp_path / "out.txt").exists()
    assert predict("--resume", input=stopped + b"end\n")[0] == 0
    assert len((tmp_path / "out.txt").read_text().splitlines()) == 3


def test_resume_answers_again_what_no_digest_vouches_for(
    predict: Predict, stopped: bytes, tmp_path: Path
) -> None:
    inputs = tmp_path / "out.txt.partial.inputs"
    inputs.write_bytes(inputs.read_bytes()[:11])  # torn within the second
    code, error = predict("--resume", input=stopped + b"end\n")
    assert code == 0
    assert "2 texts after 1 from before" in error
    assert len((tmp_path / "out.txt").read_text().splitlines()) == 3


def test_resume_refuses_a_partial_file_of_unknown_origin(
    predict: Predict, stopped: bytes, tmp_path: Path
) -> None:
    (tmp_path / "out.txt.partial.json").unlink()
    code, error = predict("--resume", input=stopped)
    assert code == 2
    assert "was made with something unknown" in error
    assert predict("--force", input=stopped)[0] == 0


def test_resume_of_a_finished_file_compares_the_input(predict: Predict) -> None:
    assert predict(input=b"good\nbad\n")[0] == 0
    code, error = predict("--resume", input=b"good\nbad\n")
    assert (code, "is complete" in error) == (0, True)
    for other in (b"good\nawful\n", b"good\n", b"good\nbad\nend\n"):
        code, error = predict("--resume", input=other)
        assert code == 2
        assert "was made from another input" in error
    code, error = predict("--resume", "--threshold", "0.9", input=b"good\nbad\n")
    assert (code, "made with other options" in error) == (2, True)


def test_resume_of_a_finished_file_that_changed_or_is_foreign_is_refused(
    predict: Predict, tmp_path: Path
) -> None:
    assert predict(input=b"good\n")[0] == 0
    with (tmp_path / "out.txt").open("a") as file:
        file.write("mine\n")
    code, error = predict("--resume", input=b"good\n")
    assert (code, "was changed" in error) == (2, True)
    (tmp_path / "foreign.txt").write_text("mine\n")
    code, error = predict("--resume", input=b"good\n", name="foreign.txt")
    assert (code, "nothing beside it says that senticli wrote it" in error) == (2, True)
    assert (tmp_path / "foreign.txt").read_text() == "mine\n"


@pytest.mark.parametrize("content", ["", "[]", "[" * 100_000, '{"source": []}'])
def test_resume_of_a_finished_file_refuses_a_damaged_marker(
    predict: Predict, tmp_path: Path, content: str
) -> None:
    assert predict(input=b"good\n")[0] == 0
    (tmp_path / ".out.txt.done").write_text(content)
    code, error = predict("--resume", input=b"good\n")
    assert code == 2
    assert "was made with something unknown" in error


def test_changed_header_is_another_input(predict: Predict) -> None:
    table = b"id,text\n1,good\n2,bad\n3,\n"
    assert predict("-f", "csv", "--strict", input=table, name="out.csv")[0] == 1
    other = table.replace(b"id", b"no")
    code, error = predict("-f", "csv", "--resume", input=other, name="out.csv")
    assert (code, "another input" in error) == (2, True)
    assert predict("-f", "csv", "--resume", input=table, name="out.csv")[0] == 0


def test_options_count_by_what_they_come_to(predict: Predict, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes(b"id;text\n1;good\n2;bad\n3;\n")
    assert predict("-i", file, "--strict", name="out.csv")[0] == 1
    given = ["-f", "csv", "--delimiter", ";", "--text-column", "text", "--output-format", "csv"]
    code, error = predict(*given, "--resume", "-u", input=file.read_bytes(), name="out.csv")
    assert code == 0, error
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4


def test_shorter_input_is_another_input(predict: Predict, stopped: bytes) -> None:
    code, error = predict("--resume", input=b"good\n")
    assert (code, "1 record, and 2 were answered before" in error) == (2, True)


def test_tables_of_any_layout_resume(predict: Predict, tmp_path: Path) -> None:
    cases = {
        "sep.csv": (["-f", "csv"], b'sep=;\nid;text\n1;good\n2;"ba\nd"\n3;\n'),
        "bare.csv": (["-f", "csv", "--no-header", "--text-column", "2"], b"1,good\n2,bad\n3,\n"),
        "plain.tsv": (["-f", "tsv"], b'id\ttext\n1\t"good\n2\tbad"\n3\t\n'),
    }
    for name, (options, table) in cases.items():
        assert predict(*options, input=table, name=f"whole-{name}")[0] == 0
        assert predict(*options, "--strict", input=table, name=name)[0] == 1
        code, error = predict(*options, "--resume", input=table, name=name)
        assert code == 0, error
        assert "1 text after 2 from before" in error
        whole = (tmp_path / f"whole-{name}").read_bytes()
        assert (tmp_path / name).read_bytes() == whole


def test_nothing_beside_the_output_holds_a_text(
    predict: Predict, tmp_path: Path, stopped: bytes
) -> None:
    code, _ = predict("--resume", "secret film", name="other.txt")
    assert code == 0
    marker = json.loads((tmp_path / ".other.txt.done").read_bytes())
    assert marker["records"] == 1
    for path in tmp_path.iterdir():
        if path.is_file() and path.suffix != ".txt":
            assert b"secret" not in path.read_bytes()
            assert b"good" not in path.read_bytes()


def test_resume_of_parquet_compares_every_column(predict: Predict, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def write(**columns: list[object]) -> None:
        parquet.write_table(pyarrow.table(columns), tmp_path / "in.parquet")

    command = ("-i", tmp_path / "in.parquet", "--text-column", "text")
    write(text=["good", "bad", None], n=[1, 2, 3])
    assert predict(*command, "--strict", name="out.parquet")[0] == 1
    write(text=["good", "bad", "end"], n=[1, 5, 3])
    code, error = predict(*command, "--resume", name="out.parquet")
    assert (code, "record 2 differs" in error) == (2, True)
    write(text=["good", "bad", "end"], n=[1, 2, 4])
    assert predict(*command, "--resume", name="out.parquet")[0] == 0
    assert parquet.read_table(tmp_path / "out.parquet")["n"].to_pylist() == [1, 2, 4]
