"""``senticli predict`` on tables and files: nothing lost, in order, resumable."""

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from senticli.io.sinks import DIGEST
from tests.conftest import LABELS

Run = Callable[..., "subprocess.CompletedProcess[str]"]

REVIEWS = (
    b"id,review,note\r\n"
    b'1,"great film, really",x\r\n'
    b'2,"a ""terrible""\nmess",\r\n'
    b'3,,"y"\r\n'
    b"4\r\n"
    b"5,bad,z,extra\r\n"
    b"6,caf\xe9 bad,z\r\n"
    b"7,the end,z"
)


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    path.write_bytes(REVIEWS)
    return path


def rows(text: str | bytes, delimiter: str = ",") -> list[dict[str, str]]:
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def test_a_table_comes_back_as_it_was(senticli: Run, tiny_model: Path, reviews: Path) -> None:
    target = reviews.with_name("scored.csv")
    done = senticli("predict", "-i", reviews, "-o", target, "-m", tiny_model)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    content = target.read_bytes()
    assert content.startswith(b"id,review,note,label,score,error\r\n")
    for row in REVIEWS.split(b"\r\n")[1:3]:
        assert row + b"," in content
    assert b"6,caf\xe9 bad,z," in content
    found = rows(content)
    assert [row["id"] for row in found] == list("1234567")
    assert [row["error"] for row in found] == [
        *("", "", "no text", "1 field in place of 3", "4 fields in place of 3", "", "")
    ]
    assert [bool(row["label"]) for row in found] == [True, True, False, False, False, True, True]
    assert [bool(row["score"]) for row in found] == [bool(row["label"]) for row in found]
    assert found[4]["note"] == "z,extra"
    assert content.endswith(b"\r\n")
    assert "3 of 7 texts could not be classified, first line 5: no text" in done.stderr
    assert not list(reviews.parent.glob("*.partial*"))


def test_other_columns(senticli: Run, tiny_model: Path, reviews: Path) -> None:
    options = ("--scores", "--polarity", "--top-k", "2", "--prefix", "s_", "--threshold", "1")
    reviews.write_bytes(REVIEWS.replace(b"\xe9", b"e"))
    done = senticli("predict", "-i", reviews, "-m", tiny_model, *options)
    first = rows(done.stdout)[0]
    assert list(first) == [
        *("id", "review", "note", "s_label", "s_score", "s_polarity", "s_label_2", "s_score_2"),
        *("s_score_negative", "s_score_neutral", "s_score_positive", "s_error"),
    ]
    assert first["s_label"] == "unsure"
    scores = {label: float(first[f"s_score_{label}"]) for label in LABELS}
    ranked = sorted(scores.values(), reverse=True)
    assert [float(first["s_score"]), float(first["s_score_2"])] == ranked[:2]
    difference = scores["positive"] - scores["negative"]
    assert float(first["s_polarity"]) == pytest.approx(difference, abs=2e-6)
    assert float(first["s_score"]) >= float(first["s_score_2"])


def test_tsv_by_option_and_from_a_pipe(senticli: Run, tiny_model: Path) -> None:
    content = 'n\ttext\n1\tgood "film"\n2\tbad, film\n'
    done = senticli("predict", "--format", "tsv", "-m", tiny_model, input=content)
    assert done.stdout.startswith('n\ttext\tlabel\tscore\terror\n1\tgood "film"\t')
    assert [row["text"] for row in rows(done.stdout, "\t")] == ['good "film"', "bad, film"]


def test_objects_keep_every_byte(senticli: Run, tiny_model: Path) -> None:
    lines = [
        '{"b":{"t":"good \\u00e9"},  "n": 1.0, "big": 123456789012345678901234567890 }',
        '{"b": {"t": "bad"}, "x": [{}, null]}',
        "{}",
        "torn {",
        "",
        '{"b": {"t": "\\ud800 lone"}}',
    ]
    done = senticli(
        *("predict", "-f", "jsonl", "--text-column", "b.t", "-m", tiny_model),
        input="\n".join(lines),
    )
    found = done.stdout.splitlines()
    assert len(found) == len(lines)
    for line, answer in zip(lines, found, strict=True):
        if line.startswith("{"):
            assert answer.startswith(line.rstrip("}").rstrip() if line != "{}" else "{")
            kept = json.loads(line)
            assert {name: json.loads(answer)[name] for name in kept} == kept
        else:
            assert json.loads(answer)["line"] == line
    answers = [json.loads(answer) for answer in found]
    assert [answer["label"] is None for answer in answers] == [
        *(False, False, True, True, True, False)
    ]
    assert [answer.get("error", "")[:8] for answer in answers] == [
        *("", "", "no field", "not JSON", "a blank ", "")
    ]
    assert "first line 3" in done.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.csv", b"text,label\na,b\n"),
        ("in.tsv", b"text\terror\na\tb\n"),
        ("in.jsonl", b'{"text": "a", "score": 1}\n{"text": "a"}\n'),
    ],
)
def test_a_name_that_is_taken(
    senticli: Run, tiny_model: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    done = senticli("predict", "-i", tmp_path / name, "-m", tiny_model)
    assert done.returncode == 2
    assert "already" in done.stderr
    assert "--prefix" in done.stderr
    done = senticli("predict", "-i", tmp_path / name, "-m", tiny_model, "--prefix", "my_")
    assert done.returncode == 0
    assert "my_label" in done.stdout


def test_formats_turn_into_each_other(senticli: Run, tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "a.txt").write_text('good "film"\n\nbad, film\n')
    names = ["a.csv", "b.tsv", "c.jsonl", "d.parquet", "e.csv", "f.jsonl", "g.parquet", "h.parquet"]
    names += ["i.jsonl.gz", "j.tsv.zst", "k.txt"]
    source = tmp_path / "a.txt"
    for number, name in enumerate(names):
        target = tmp_path / name
        options: tuple[str, ...] = ("--prefix", f"{number}_", "--text-column", "text")
        if number == 0:
            options = options[:2]
        if name == "k.txt":
            options = options[2:]
        done = senticli("predict", "-i", source, "-o", target, "-m", tiny_model, *options)
        assert done.returncode == 0, (name, done.stderr)
        source = target
    lines = (tmp_path / "k.txt").read_text().splitlines()
    plain = senticli("predict", "-m", tiny_model, input=(tmp_path / "a.txt").read_bytes())
    assert lines == plain.stdout.splitlines()
    last = senticli("predict", "-i", tmp_path / "j.tsv.zst", "--json", "-m", tiny_model)
    records = [json.loads(line) for line in last.stdout.splitlines()]
    assert [record["text"] for record in records] == ['good "film"', "", "bad, film"]
    assert [bool(record["0_label"]) for record in records] == [True, False, True]
    assert len({record["0_score"] for record in records}) == 3


def test_parquet_keeps_its_types(senticli: Run, tiny_model: Path, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table(
        {
            "when": pyarrow.array([1, 2, 3], pyarrow.timestamp("ms")),
            "nested": [{"text": "good"}, {"text": None}, None],
            "kind": pyarrow.array(["a", "b", "a"]).dictionary_encode(),
        }
    )
    parquet.write_table(table, tmp_path / "in.parquet")
    out = tmp_path / "out.parquet"
    options = ("--text-column", "nested.text", "--explain", "--scores")
    done = senticli("predict", "-i", tmp_path / "in.parquet", "-o", out, "-m", tiny_model, *options)
    assert done.returncode == 0, done.stderr
    found = parquet.read_table(out)
    assert found.select(table.column_names).equals(table)
    assert found["error"].to_pylist() == [None, "nested.text is null", "no field nested.text"]
    assert found["score"].type == pyarrow.float64()
    assert found["score"][0].as_py() > 0.5
    assert json.loads(found["explanation"][0].as_py())[0]["token"] == "good"


def test_strict_stops_at_the_first(senticli: Run, tiny_model: Path, reviews: Path) -> None:
    reviews.write_bytes(REVIEWS.replace(b"\xe9", b"e"))
    done = senticli("predict", "-i", reviews, "-m", tiny_model, "--strict")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "error: line 5: no text"
    assert len(rows(done.stdout)) == 2


def test_quiet(senticli: Run, tiny_model: Path, reviews: Path) -> None:
    target = reviews.with_name("out.csv")
    done = senticli("predict", "-i", reviews, "-o", target, "-m", tiny_model, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", ["in.txt.gz", "in.txt.zst"])
def test_a_damaged_archive_is_answered_as_far_as_it_goes(
    senticli: Run, tiny_model: Path, tmp_path: Path, name: str
) -> None:
    lines = "".join(f"good film number {n * n}\n" for n in range(50_000)).encode()
    if name.endswith(".zst"):
        packed = pytest.importorskip("zstandard").ZstdCompressor().compress(lines)
    else:
        packed = gzip.compress(lines)
    (tmp_path / name).write_bytes(packed[: len(packed) * 3 // 4])
    done = senticli("predict", "-i", tmp_path / name, "-m", tiny_model)
    assert done.returncode == 1
    assert 0 < len(done.stdout.splitlines()) < 50_000
    assert f"{name} is damaged or cut off" in done.stderr
    (tmp_path / name).write_bytes(b"this is not packed at all")
    done = senticli("predict", "-i", tmp_path / name, "-m", tiny_model)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{name} is damaged or cut off" in done.stderr


def test_what_fails_at_once_leaves_nothing(senticli: Run, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "good", "label": 1}\n')
    command = ("predict", "-i", tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl")
    assert senticli(*command, "-m", tiny_model).returncode == 2
    (tmp_path / "in.jsonl").write_text('{"text": "good"}\n')
    assert senticli(*command, "-m", tiny_model, "--text-column", "no", "--strict").returncode == 1
    assert [path.name for path in tmp_path.glob("*out*")] == []


def test_a_file_is_not_replaced_unasked(senticli: Run, tiny_model: Path, reviews: Path) -> None:
    target = reviews.with_name("out.csv")
    target.write_text("mine")
    command = ("predict", "-i", reviews, "-o", target, "-m", tiny_model)
    done = senticli(*command)
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert target.read_text() == "mine"
    assert senticli(*command, "--force").returncode == 0
    assert len(rows(target.read_bytes())) == 7
    done = senticli(*command, "--resume")
    assert done.returncode == 0
    assert "nothing to resume" in done.stderr


Start = Callable[..., "subprocess.Popen[str]"]


def wait_until(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Wait for something that a running process does."""
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.005)


def write(process: "subprocess.Popen[str]", text: str) -> None:
    """Write to the standard input of a process, which stays open."""
    assert process.stdin
    process.stdin.write(text)
    process.stdin.flush()


@pytest.fixture
def many() -> str:
    """A table of 800 rows."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["text", "n"])
    for number in range(800):
        writer.writerow([f"good film,\nnumber {number} " + "bad " * (number % 9), number])
    return file.getvalue()


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.txt", "out.tsv.gz", "out.parquet"])
def test_killed_run_resumes_to_the_same_file(
    senticli: Run, start_senticli: Start, tiny_model: Path, many: str, tmp_path: Path, name: str
) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    whole, target = tmp_path / f"whole-{name}", tmp_path / name
    partial = tmp_path / f"{name}.partial"
    command = ("predict", "-f", "csv", "-m", tiny_model, "--scores", "-o")
    assert senticli(*command, whole, input=many).returncode == 0
    process = start_senticli(*command, target, "--unbuffered")
    write(process, many[: len(many) * 3 // 4])
    wait_until(lambda: partial.exists() and partial.stat().st_size > 5_000, process)
    process.kill()
    process.wait()
    content = partial.read_bytes()
    partial.write_bytes(content[: len(content) - 7])  # torn within a record
    done = senticli(*command, target, input=many)
    assert done.returncode == 2
    assert "--resume" in done.stderr
    done = senticli(*command, target, "--resume", "--threshold", "0.9", input=many)
    assert done.returncode == 2
    assert "made with other options" in done.stderr
    done = senticli(*command, target, "--resume", input=many)
    assert done.returncode == 0, done.stderr
    assert "from before" in done.stderr
    assert target.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("*.partial*"))


def test_interrupt_keeps_what_is_answered(
    start_senticli: Start, tiny_model: Path, tmp_path: Path
) -> None:
    target, partial = tmp_path / "out.txt", tmp_path / "out.txt.partial"
    inputs = tmp_path / "out.txt.partial.inputs"
    process = start_senticli("predict", "-m", tiny_model, "--unbuffered", "-o", target)
    write(process, "good\nbad\n")
    wait_until(lambda: inputs.exists() and inputs.stat().st_size == 2 * DIGEST, process)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "--resume" in error
    assert "Traceback" not in error
    assert len(partial.read_text().splitlines()) == 2
    assert not target.exists()


def test_unbuffered_answers_before_it_reads_on(start_senticli: Start, tiny_model: Path) -> None:
    process = start_senticli("predict", "-u", "-m", tiny_model)
    assert process.stdout
    for text in ("good\n", "\n", "bad\n"):
        write(process, text)
        assert "\t" in process.stdout.readline()
    process.communicate()
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs /dev/shm")
def test_a_full_disk_names_the_file(senticli: Run, tiny_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from senticli.cli.app import run\n"
        f"sys.exit(run(['predict', '-m', {str(tiny_model)!r}, '-o', {str(target)!r}]))\n"
    )
    lines = b"good film\n" * 4000
    full = subprocess.run([sys.executable, "-c", code], input=lines, capture_output=True)
    assert full.returncode == 1
    error = full.stderr.decode()
    assert f"cannot write {target}.partial: file too large" in error
    assert "Traceback" not in error
    kept = (tmp_path / "out.txt.partial").read_bytes()
    assert 10_000 < len(kept) <= 20_000
    done = senticli("predict", "-m", tiny_model, "-o", target, "--resume", input=lines)
    assert done.returncode == 0, done.stderr
    assert len(target.read_text().splitlines()) == 4000


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (["--resume"], "--output"),
        (["--json", "--output-format", "csv"], "differ"),
        (["--top-k", "4"], "--top-k 4"),
        (["--threshold", "1.5"], "--threshold"),
        (["--output-format", "parquet"], "--output FILE.parquet"),
        (["--text-column", "a"], "plain lines"),
        (["--output", "nosuch/dir/x.csv"], "nosuch/dir/x.csv"),
    ],
)
def test_wrong_usage(senticli: Run, tiny_model: Path, args: list[str], error: str) -> None:
    done = senticli("predict", *args, "-m", tiny_model, input="good\n")
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert error in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_missing_packages_are_named(tiny_model: Path, tmp_path: Path) -> None:
    for package, name in (("pyarrow", "x.parquet"), ("zstandard", "x.csv.zst")):
        (tmp_path / name).write_bytes(b"anything")
        code = (
            f"import sys; sys.modules[{package!r}] = None\n"
            "from senticli.cli.app import run\n"
            f"sys.exit(run(['predict', '-i', {str(tmp_path / name)!r}]))\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 1
        assert 'pip install ".[' in done.stderr


def test_pipes_and_devices_are_written_as_they_are(tiny_model: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = subprocess.Popen(["cat", str(fifo)], stdout=subprocess.PIPE, text=True)
    command = [*("predict", "good", "-m", str(tiny_model), "-o", str(fifo))]
    subprocess.run([sys.executable, "-m", "senticli", *command], check=True, capture_output=True)
    answer: Any = reader.communicate()[0]
    assert answer.count("\t") == 1


ODD = {
    "blank": b"\n",
    "spaces": b" \t \n",
    "CRLF": b"great film\r\n",
    "CR": b"great\rfilm\n",
    "NUL": b"great\0film\n",
    "other ends of line": "great\u2028film\x85\x0b\x0cend\n".encode(),
    "not UTF-8": b"caf\xe9 \xff\xfe \xed\xa0\x80 great\n",
    "emoji": "great film 👍🏽 👩‍👩‍👧\n".encode(),
    "right to left": "فيلم رائع ‏great\n".encode(),
    "ten megabytes": b"great film, " * 870_000 + b"\n",
    "ten megabytes of one sign": b"=" * 10_000_000 + b"\n",
    "escape codes": b"\x1b[31mgreat\x1b[0m film\n",
    "no end": b"the last line",
}


@pytest.mark.parametrize("format", ["lines", "jsonl"])
def test_every_unusual_line_gets_an_answer(senticli: Run, tiny_model: Path, format: str) -> None:
    content = b"".join(ODD.values())
    done = senticli("predict", "-m", tiny_model, "--output-format", format, input=content)
    assert done.returncode == 0
    lines = done.stdout.split("\n")[:-1]
    assert len(lines) == len(ODD)
    for name, line in zip(ODD, lines, strict=True):
        label = json.loads(line)["label"] if format == "jsonl" else line.split("\t")[0]
        assert bool(label) == (name not in ("blank", "spaces")), name
    assert "2 of 13 texts could not be classified, first line 1: no text" in done.stderr
    assert "2 of 13 texts were too long" in done.stderr
    assert "1 of 13 texts had bytes that are not UTF-8" in done.stderr


def test_parquet_from_json_changes_no_value(
    senticli: Run, tiny_model: Path, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [
        b'{"text": "good", "n": 4, "o": {"a": 1}, "b": true, "l": [], "big": 1}',
        b'{"text": "b\xff \\udc80", "n": 4.5, "o": {"b": [2]}, "b": null, "l": [1], "big": 1e3}',
        b'{"text": "c", "n": null, "o": null, "b": "x", "l": "y", "big": 99999999999999999999999}',
        b"torn",
    ]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(rows))
    out = tmp_path / "out.parquet"
    done = senticli("predict", "-i", tmp_path / "in.jsonl", "-o", out, "-m", tiny_model)
    assert done.returncode == 0, done.stderr
    found = parquet.read_table(out).to_pydict()
    assert found["n"] == [4.0, 4.5, None, None]
    assert found["o"] == ['{"a": 1}', '{"b": [2]}', None, None]
    assert found["b"] == ["true", None, "x", None]
    assert found["l"] == ["[]", "[1]", "y", None]
    assert found["big"] == ["1", "1000.0", "99999999999999999999999", None]
    assert found["line"] == [None, None, None, "torn"]
    assert found["label"][3] == ""


def test_parquet_of_any_type_and_by_pipe(senticli: Run, tiny_model: Path, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table(
        {
            "ns": pyarrow.array([1577836800000000123] * 2, pyarrow.timestamp("ns")),
            "far": pyarrow.array([2**60] * 2, pyarrow.timestamp("us")),
            "text": pyarrow.array([b"good", b"a \xff"]),
            "map": pyarrow.array([[("a", 1)], []], pyarrow.map_(pyarrow.string(), pyarrow.int8())),
        }
    )
    parquet.write_table(table, tmp_path / "in.parquet")
    content = (tmp_path / "in.parquet").read_bytes()
    out = tmp_path / "out.parquet"
    done = senticli("predict", "-f", "parquet", "-o", out, "-m", tiny_model, input=content)
    assert done.returncode == 0, done.stderr
    assert parquet.read_table(out).select(table.column_names).equals(table)
    done = senticli("predict", "-i", tmp_path / "in.parquet", "--json", "-m", tiny_model)
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["ns"].startswith("2020-01-01 00:00:00.000000123")
    assert second["text"] == "a \ufffd"
    for name, damaged in (
        ("cut.parquet", content[:-100]),
        ("cut.parquet.gz", gzip.compress(content)[:-200]),
        ("foot.parquet", content[:-150] + b"\xff" * 142 + content[-8:]),
    ):
        (tmp_path / name).write_bytes(damaged)
        done = senticli("predict", "-i", tmp_path / name, "-m", tiny_model)
        assert done.returncode == 1
        assert name in done.stderr
        assert len(done.stderr.splitlines()) == 2


def test_an_input_in_the_way_of_the_output(senticli: Run, tiny_model: Path, tmp_path: Path) -> None:
    source = tmp_path / "out.txt.partial"
    source.write_text("good\n")
    done = senticli(
        "predict", "-i", source, "-o", tmp_path / "out.txt", "-m", tiny_model, "--force"
    )
    assert done.returncode == 2
    assert source.read_text() == "good\n"


def test_an_output_by_a_link_leaves_the_link(
    senticli: Run, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    done = senticli("predict", "good", "-o", tmp_path / "link.txt", "-m", tiny_model, "--force")
    assert done.returncode == 0
    assert (tmp_path / "link.txt").is_symlink()
    assert "\t" in (tmp_path / "real.txt").read_text()


def test_run_stopped_by_strict_resumes_without_it(
    senticli: Run, tiny_model: Path, reviews: Path
) -> None:
    command = ("predict", "-i", reviews, "-o", reviews.with_name("out.csv"), "-m", tiny_model)
    assert senticli(*command, "--strict").returncode == 1
    done = senticli(*command, "--resume")
    assert done.returncode == 0
    assert "5 texts after 2 from before" in done.stderr


def test_ends_of_line_within_fields_and_no_header(senticli: Run, tiny_model: Path) -> None:
    content = '{"text": "good\\rfilm"}\n{"text": "\\udc80 bad"}\n'
    done = senticli(
        *("predict", "-f", "jsonl", "--output-format", "csv", "-m", tiny_model), input=content
    )
    again = senticli(
        *("predict", "-f", "csv", "--prefix", "x_", "-m", tiny_model), input=done.stdout
    )
    assert len(rows(again.stdout)) == 2
    assert "could not" not in again.stderr
    done = senticli("predict", "-f", "csv", "-m", tiny_model, input="")
    assert (done.returncode, done.stdout) == (0, "label,score,error\n")
    done = senticli("predict", "-f", "csv", "-m", tiny_model, input="id,text\n1,great film\r")
    assert rows(done.stdout)[0]["label"]


def test_parquet_from_json_overwrites_no_field(
    senticli: Run, tiny_model: Path, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "in.jsonl").write_text('{"text": "good"}\n{"text": "bad", "label": 1}\n')
    command = ("predict", "-i", tmp_path / "in.jsonl", "-o", tmp_path / "out.parquet")
    done = senticli(*command, "-m", tiny_model)
    assert done.returncode == 0
    assert "1 record had a field label of their own, now input_label" in done.stderr
    found = parquet.read_table(tmp_path / "out.parquet").to_pydict()
    assert found["input_label"] == [None, 1]
    assert all(found["label"])
