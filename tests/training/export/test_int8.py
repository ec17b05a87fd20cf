"""The int8 graph: close to the float32 one, smaller, and independent of the batch."""

import numpy as np
import onnx
import pytest
import torch

from senticli.config import ModelConfig
from senticli.runtime import Network
from senticli.text.vocab import PAD_INDEX
from senticli.training.export import float32
from senticli.training.export.int8 import WEIGHT_LIMIT, to_int8
from senticli.training.network.birnn import BiRNN

VOCAB = 3000


def build(**options: object) -> BiRNN:
    torch.manual_seed(5)
    config = ModelConfig(hidden=64, embedding_dim=50, **options)  # type: ignore[arg-type]
    return BiRNN(config, VOCAB, 1, PAD_INDEX).eval()


def texts() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [
        generator.integers(2, VOCAB, size=length, dtype=np.int32)
        for length in (5, 1, 40, 17, 3, 3, 90)
    ]


@pytest.mark.parametrize("rnn", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("pooling", ["max+attention", "last+mean"])
def test_int8_is_smaller_and_close_to_float32(
    rnn: str, layers: int, bidirectional: bool, pooling: str
) -> None:
    model = build(rnn=rnn, layers=layers, bidirectional=bidirectional, pooling=pooling)
    exact = float32.to_onnx(model).SerializeToString()
    small = to_int8(model).SerializeToString()
    assert len(small) < len(exact) * 0.35
    expected, found = (Network(graph, 1).logits(texts()) for graph in (exact, small))
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("rnn", ["rnn", "lstm", "gru"])
def test_logits_of_a_text_do_not_depend_on_its_batch(rnn: str) -> None:
    network = Network(to_int8(build(rnn=rnn)).SerializeToString(), 1)
    together = network.logits(texts())
    alone = np.concatenate([network.logits([text]) for text in texts()])
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_large_embedding_values_do_not_saturate() -> None:
    model = build(rnn="lstm")
    with torch.no_grad():
        model.embedding.weight[:, 3] *= 40
        model.layers[0][0].weight_ih_l0[:, 3] /= 40  # type: ignore[index]
        model.layers[0][1].weight_ih_l0[:, 3] /= 40  # type: ignore[index]
    exact = Network(float32.to_onnx(model).SerializeToString(), 1).logits(texts())
    small = Network(to_int8(model).SerializeToString(), 1).logits(texts())
    np.testing.assert_allclose(small, exact, atol=0.01)


def test_weights_keep_seven_bits() -> None:
    (scan,) = (node for node in to_int8(build()).graph.node if node.op_type == "Scan")
    (body,) = (attribute.g for attribute in scan.attribute if attribute.name == "body")
    arrays = [onnx.numpy_helper.to_array(value) for value in body.initializer]
    weights = [array for array in arrays if array.dtype == np.int8]
    assert len(weights) == 2
    assert all(np.abs(array.astype(int)).max() == WEIGHT_LIMIT for array in weights)
