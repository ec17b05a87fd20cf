"""The recipes of the Python README for other engines run, and answer as the model does."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import senticli
from senticli import load

README = Path(senticli.__file__).with_name("README.md")
SESSION = """
from pyspark.sql import SparkSession
settings = {"spark.ui.enabled": "false", "spark.driver.bindAddress": "127.0.0.1"}
spark = SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
"""
NEEDS = {"pandas": ("pandas",), "polars": ("polars",), "spark": ("pyspark", "pandas")}
TEXTS = ("great film", None, "What a mess.", "")


def recipe(engine: str) -> str:
    """Return the code of the README for an engine."""
    section = README.read_text(encoding="utf-8").split("## In other engines")[1].split("\n## ")[0]
    (code,) = re.findall(rf"(?s)With {engine}.*?```python\n(.*?)```", section, re.IGNORECASE)
    return str(code)


@pytest.mark.parametrize("engine", NEEDS)
def test_recipe_answers_as_the_model_does(engine: str, tmp_path: Path) -> None:
    for package in NEEDS[engine]:
        pytest.importorskip(package)
    if engine == "spark" and not shutil.which("java"):
        pytest.skip("Spark needs a JVM")
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    table = pa.table({"id": range(len(TEXTS)), "text": TEXTS})
    parquet.write_table(table, tmp_path / "reviews.parquet")
    done = subprocess.run(
        [sys.executable, "-c", (SESSION if engine == "spark" else "") + recipe(engine)],
        cwd=tmp_path,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (written,) = (path for path in tmp_path.iterdir() if path.name.startswith("scored"))
    rows = sorted(parquet.read_table(written).to_pylist(), key=lambda row: row["id"])
    assert [row["text"] for row in rows] == list(TEXTS)
    for row, expected in zip(
        rows, load("bundled").predict(text or "" for text in TEXTS), strict=True
    ):
        assert (row["label"], row["error"]) == (expected.label, expected.error)
        assert row["score"] == pytest.approx(expected.score, abs=1e-6)
