"""The transformer as a teacher, on a tiny one."""

import json
import sys
from pathlib import Path

import pytest
import torch

from senticli.models.recipe import transformer
from senticli.training.batches import Batch


def test_loss_is_over_the_labels_of_the_source() -> None:
    logits = torch.tensor([[1.0, 5.0, 2.0]])
    batch = Batch(
        token_ids=torch.zeros(1, 1),
        lengths=torch.ones(1),
        labels=torch.tensor([[0.25, 0.0, 0.75]]),
        known=torch.tensor([[True, False, True]]),
    )
    expected = torch.nn.functional.cross_entropy(logits[:, [0, 2]], batch.labels[:, [0, 2]])
    assert transformer.loss_of(logits, batch).item() == pytest.approx(expected.item())


@pytest.mark.parametrize(("limit", "kept"), [(4, [1, 2, 6, 7]), (3, [1, 2, 7]), (7, range(1, 8))])
def test_long_text_keeps_its_head_and_tail(limit: int, kept: list[int]) -> None:
    assert transformer.head_and_tail(list(range(1, 8)), limit) == list(kept)


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    transformers = pytest.importorskip("transformers")
    folder = tmp_path / "pretrained"
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "film", "good", "bad"]
    (folder / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def test_saved_transformer_gives_the_same_answers(
    pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again = tmp_path / "first.jsonl", tmp_path / "again.jsonl"
    common = ["transformer", "--data", "sample", "--output", str(tmp_path / "tuned")]
    learn = ["--model", str(pretrained), "--limit", "64", "--max-length", "12"]
    for more in ([*learn, "--answers", str(first)], ["--answer-only", "--answers", str(again)]):
        monkeypatch.setattr(sys, "argv", [*common, *more])
        transformer.main()
    assert first.read_bytes() == again.read_bytes()
    lines = [json.loads(line) for line in first.read_text().splitlines()]
    assert len(lines) == 480
    assert set(lines[0]["scores"]) == {"negative", "neutral", "positive"}
