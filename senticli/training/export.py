"""From a trained network to the files of a bundle, and back.

The ONNX graph is built by hand: ONNX's RNN, LSTM and GRU operators take the lengths of the texts
and run both directions exactly, so the graph needs none of the reversals of
:mod:`senticli.training.model`.
"""

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from senticli.bundle import Bundle
from senticli.errors import SenticliError
from senticli.text.vocab import PAD_INDEX
from senticli.training.model import BiRNN

OPSET, IR_VERSION = 17, 8  # read by every ONNX Runtime since 1.13
OPERATORS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
# Where ONNX wants each of torch's gates: i, f, g, o as i, o, f, c; r, z, n as z, r, h.
GATES = {"rnn": [0], "lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}


def weights_to_bytes(model: BiRNN) -> bytes:
    """The weights, float32, as safetensors."""
    state = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    return safetensors.torch.save(state)


def load_model(bundle: Bundle) -> BiRNN:
    """The network of a bundle, from ``model.safetensors``, ready to evaluate or go on training.

    Raises:
        SenticliError: names or shapes of the weights are not those of the architecture.
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
    """One logit for two labels, K for K."""
    return 1 if labels == 2 else labels


class _Graph:
    """Collects nodes and initial values; methods return the name of their result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, value: Any) -> str:
        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        return self.nodes_of(operator, inputs, 1, **attributes)[0]

    def nodes_of(
        self, operator: str, inputs: tuple[str, ...], outputs: int, **attributes: Any
    ) -> list[str]:
        names = [f"n{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names


def to_onnx(model: BiRNN) -> onnx.ModelProto:
    """The network as an ONNX graph in float32.

    Inputs ``tokens`` int32 [B, T], padded at the end, and ``lengths`` int32 [B], at least 1;
    output ``logits`` float32 [B, K].
    """
    config, graph = model.config, _Graph()
    embedding = graph.constant(_array(model.embedding.weight))
    steps_first = graph.node("Transpose", "tokens", perm=[1, 0])  # [T, B]
    x = graph.node("Gather", embedding, steps_first)  # [T, B, E]
    keep_all = graph.constant(np.array([0, 0, -1], dtype=np.int64))
    for cells in model.layers:
        weights = [graph.constant(value) for value in _rnn_weights(list(cells), config.rnn)]  # type: ignore[call-overload]
        options: dict[str, Any] = {"linear_before_reset": 1} if config.rnn == "gru" else {}
        states, last = graph.nodes_of(
            OPERATORS[config.rnn],
            (x, *weights, "lengths"),
            2,
            hidden_size=config.hidden,
            direction="bidirectional" if config.bidirectional else "forward",
            **options,
        )  # [T, D, B, H] and [D, B, H]
        x = graph.node("Reshape", graph.node("Transpose", states, perm=[0, 2, 1, 3]), keep_all)
    pooled = [_pool(graph, kind, model, x, last) for kind in model.poolings]
    joined = graph.node("Concat", *pooled, axis=1) if len(pooled) > 1 else pooled[0]
    output = graph.constant(_array(model.output.weight).T)
    bias = graph.constant(_array(model.output.bias))
    logits = graph.node("Add", graph.node("MatMul", joined, output), bias)
    graph.nodes.append(helper.make_node("Identity", [logits], ["logits"]))
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "senticli",
            [
                helper.make_tensor_value_info("tokens", TensorProto.INT32, ["B", "T"]),
                helper.make_tensor_value_info("lengths", TensorProto.INT32, ["B"]),
            ],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["B", "K"])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="senticli",
    )
    onnx.checker.check_model(proto)
    return proto


def quantize(proto: onnx.ModelProto) -> bytes:
    """The same graph with int8 weights, quantised dynamically by ONNX Runtime.

    It has int8 kernels for the embedding, the LSTM and matrix products; other recurrent layers
    stay float32.
    """
    from onnxruntime.quantization import quantize_dynamic

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it recommends a preparation that changes nothing here
    try:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "model.onnx"
            quantize_dynamic(proto, target)
            return target.read_bytes()
    finally:
        root.setLevel(level)


def _pool(graph: _Graph, kind: str, model: BiRNN, x: str, last: str) -> str:
    """One vector a text [B, D*H] from the states x [T, B, D*H] and the last ones [D, B, H]."""
    if kind == "last":
        rows = graph.node("Transpose", last, perm=[1, 0, 2])  # [B, D, H]
        return graph.node("Reshape", rows, graph.constant(np.array([0, -1], dtype=np.int64)))
    real = _mask(graph)
    zero = graph.constant(np.array([0], dtype=np.int64))
    least = graph.constant(np.array(-np.inf, dtype=np.float32))
    if kind == "max":
        masked = graph.node("Where", real, x, least)
        return graph.node("ReduceMax", masked, axes=[0], keepdims=0)
    if kind == "mean":
        masked = graph.node("Where", real, x, graph.constant(np.array(0, dtype=np.float32)))
        total = graph.node("ReduceSum", masked, zero, keepdims=0)
        count = graph.node("Cast", "lengths", to=TensorProto.FLOAT)
        one = graph.constant(np.array([1], dtype=np.int64))
        return graph.node("Div", total, graph.node("Unsqueeze", count, one))
    scores = graph.node("MatMul", x, graph.constant(_array(model.attention.weight).T))
    weights = graph.node("Softmax", graph.node("Where", real, scores, least), axis=0)
    return graph.node("ReduceSum", graph.node("Mul", x, weights), zero, keepdims=0)


def _mask(graph: _Graph) -> str:
    """True for real tokens, False for padding: [T, B, 1]."""
    steps = graph.node("Squeeze", graph.node("Shape", "tokens", start=1, end=2))
    steps = graph.node("Cast", steps, to=TensorProto.INT32)
    first = graph.constant(np.array(0, dtype=np.int32))
    step = graph.constant(np.array(1, dtype=np.int32))
    one = graph.constant(np.array([1], dtype=np.int64))
    time = graph.node("Unsqueeze", graph.node("Range", first, steps, step), one)
    two = graph.constant(np.array([2], dtype=np.int64))
    return graph.node("Unsqueeze", graph.node("Less", time, "lengths"), two)


def _rnn_weights(cells: list[torch.nn.RNNBase], kind: str) -> list[NDArray[np.float32]]:
    """W [D, G*H, in], R [D, G*H, H] and B [D, 2*G*H] of one layer, in ONNX's order of gates."""
    order = GATES[kind]

    def gates(name: str, cell: torch.nn.RNNBase) -> NDArray[np.float32]:
        parts = np.split(_array(getattr(cell, name)), len(order))
        return np.concatenate([parts[gate] for gate in order])

    return [
        np.stack([gates("weight_ih_l0", cell) for cell in cells]),
        np.stack([gates("weight_hh_l0", cell) for cell in cells]),
        np.stack(
            [
                np.concatenate([gates("bias_ih_l0", cell), gates("bias_hh_l0", cell)])
                for cell in cells
            ]
        ),
    ]


def _array(weight: torch.Tensor) -> NDArray[np.float32]:
    return weight.detach().to(torch.float32).numpy()
