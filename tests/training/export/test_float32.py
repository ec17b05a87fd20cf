"""The ONNX graph equals torch, and the safetensors file restores the network."""

from pathlib import Path

import numpy as np
import pytest
import torch

from senticli.config import ModelConfig
from senticli.runtime import Network
from senticli.text.vocab import PAD_INDEX
from senticli.training.export import float32
from senticli.training.network.birnn import BiRNN

VOCAB = 60


def build(outputs: int = 1, **options: object) -> BiRNN:
    torch.manual_seed(5)
    config = ModelConfig(hidden=8, embedding_dim=7, **options)  # type: ignore[arg-type]
    return BiRNN(config, VOCAB, outputs, PAD_INDEX).eval()


def texts() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [
        generator.integers(2, VOCAB, size=length, dtype=np.int32)
        for length in (5, 1, 40, 17, 3, 3, 90)
    ]


def torch_logits(model: BiRNN, token_ids: list[np.ndarray]) -> np.ndarray:
    with torch.inference_mode():
        rows = [
            model(torch.from_numpy(text.astype(np.int64))[None], torch.tensor([len(text)]))
            for text in token_ids
        ]
    return torch.cat(rows).numpy()


@pytest.mark.parametrize("rnn", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_onnx_equals_torch(rnn: str, layers: int, bidirectional: bool) -> None:
    model = build(rnn=rnn, layers=layers, bidirectional=bidirectional, pooling="max+attention")
    network = Network(float32.to_onnx(model).SerializeToString(), threads=1)
    token_ids = texts()
    np.testing.assert_allclose(network.logits(token_ids), torch_logits(model, token_ids), atol=1e-5)


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "attention", "last+mean"])
@pytest.mark.parametrize("outputs", [1, 4])
def test_onnx_equals_torch_for_every_pooling(pooling: str, outputs: int) -> None:
    model = build(outputs, pooling=pooling)
    network = Network(float32.to_onnx(model).SerializeToString(), threads=1)
    token_ids = texts()
    logits = network.logits(token_ids)
    assert logits.shape == (len(token_ids), outputs)
    np.testing.assert_allclose(logits, torch_logits(model, token_ids), atol=1e-5)


def test_both_files_of_a_trained_bundle_give_equal_probabilities(tiny_model: Path) -> None:
    from senticli.bundle import Bundle

    bundle = Bundle.open(tiny_model)
    assert bundle.config.onnx == "float32"
    token_ids = [text % bundle.config.vocab_size for text in texts()]
    exact = torch_logits(float32.load_model(bundle), token_ids)
    assert np.isfinite(exact).all()
    run = Network(bundle.read("model.onnx"), threads=1).logits(token_ids)
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    np.testing.assert_allclose(sigmoid(run), sigmoid(exact), atol=1e-5)
