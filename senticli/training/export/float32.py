"""The weights as safetensors, and the network as an ONNX graph in float32.

The graph uses ONNX's own RNN, LSTM and GRU, which take the lengths of the texts and run both
directions exactly, so it does not reverse texts as :mod:`senticli.training.network.birnn` does.
"""

from typing import Any

import onnx
import safetensors
import safetensors.torch

from senticli.bundle import Bundle
from senticli.errors import SenticliError
from senticli.text.vocab import PAD_INDEX
from senticli.training.export.graph import Graph, array, pool_and_classify, rnn_weights
from senticli.training.network.birnn import BiRNN

OPERATORS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}


def weights_to_bytes(model: BiRNN) -> bytes:
    """Return the weights, float32, as safetensors."""
    state = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    return safetensors.torch.save(state)


def load_model(bundle: Bundle) -> BiRNN:
    """Return the network of a bundle, from ``model.safetensors``, in evaluation mode.

    Raises:
        SenticliError: the weights do not fit the architecture.
    """
    outputs = output_size(len(bundle.config.labels))
    model = BiRNN(bundle.config.model, bundle.config.vocab_size, outputs, PAD_INDEX)
    try:
        model.load_state_dict(safetensors.torch.load(bundle.read("model.safetensors")))
    except (RuntimeError, safetensors.SafetensorError) as error:
        raise SenticliError(
            f"the model {bundle.path} is broken: model.safetensors does not fit config.json",
            "train it again",
        ) from error
    return model.eval()


def output_size(labels: int) -> int:
    """Return the number of logits: one for two labels, else one a label."""
    return 1 if labels == 2 else labels


def to_onnx(model: BiRNN) -> onnx.ModelProto:
    """Return the network as an ONNX graph in float32; see :mod:`senticli.training.export.graph`."""
    config, graph = model.config, Graph()
    token_ids = graph.node("Transpose", "tokens", perm=[1, 0])  # [T, B]
    x = graph.node("Gather", graph.constant(array(model.embedding.weight)), token_ids)
    last = states = ""
    for layer, cells in enumerate(model.layers):
        if layer:  # [T, B, D*H]
            x = _join(graph, graph.node("Transpose", states, perm=[0, 2, 1, 3]))
        weights = rnn_weights(list(cells), config.rnn)  # type: ignore[call-overload]
        options: dict[str, Any] = {"linear_before_reset": 1} if config.rnn == "gru" else {}
        states, last = graph.nodes_of(
            OPERATORS[config.rnn],
            (x, *map(graph.constant, weights), "lengths"),
            2,
            hidden_size=config.hidden,
            direction="bidirectional" if config.bidirectional else "forward",
            **options,
        )  # [T, D, B, H] and [D, B, H]

    def last_states() -> str:
        rows = graph.node("Transpose", last, perm=[1, 0, 2])  # [B, D, H]
        return graph.node("Reshape", rows, graph.integers(0, -1))

    x = _join(graph, graph.node("Transpose", states, perm=[2, 0, 1, 3]))  # [B, T, D*H]
    return graph.finish(pool_and_classify(graph, model, x, last_states))


def _join(graph: Graph, states: str) -> str:
    """Join the last two of four dimensions."""
    return graph.node("Reshape", states, graph.integers(0, 0, -1))
