"""What the float32 and the int8 graph share: collecting nodes, pooling, the output.

Both take ``tokens``, the token ids int32 [B, T] padded at the end, and ``lengths`` int32 [B], at
least 1, and return ``logits`` float32 [B, K].
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from senticli.training.network.birnn import BiRNN

OPSET, IR_VERSION = 17, 8  # read by every ONNX Runtime since 1.13
CONTRIB = "com.microsoft"  # ONNX Runtime's own operators
# ONNX's order of torch's gates: i, f, g, o become i, o, f, c; r, z, n become z, r, h.
GATES = {"rnn": [0], "lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}
MASKED = -1e9  # added to padding, which is then no maximum and has no share of a softmax


class Graph:
    """Collect nodes and constants; methods return the name of their result.

    Args:
        prefix: starts every name, to tell the names of a graph inside another from the other's.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, value: Any) -> str:
        """Add a constant; numpy scalars and arrays keep their type."""
        name = f"{self.prefix}w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        """Add a constant list of int64, such as axes or a shape."""
        return self.constant(np.array(values, dtype=np.int64))

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator with one result."""
        return self.nodes_of(operator, inputs, 1, **attributes)[0]

    def nodes_of(
        self, operator: str, inputs: tuple[str, ...], outputs: int, **attributes: Any
    ) -> list[str]:
        """Add an operator with several results."""
        names = [f"{self.prefix}n{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names

    def finish(self, logits: str) -> onnx.ModelProto:
        """Return the checked model whose output is ``logits``."""
        self.nodes.append(helper.make_node("Identity", [logits], ["logits"]))
        value = helper.make_tensor_value_info
        proto = helper.make_model(
            helper.make_graph(
                self.nodes,
                "senticli",
                [
                    value("tokens", TensorProto.INT32, ["B", "T"]),
                    value("lengths", TensorProto.INT32, ["B"]),
                ],
                [value("logits", TensorProto.FLOAT, ["B", "K"])],
                self.initializers,
            ),
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)],
            ir_version=IR_VERSION,
            producer_name="senticli",
        )
        onnx.checker.check_model(proto)
        return proto


def pool_and_classify(
    graph: Graph,
    model: BiRNN,
    hidden_states: str,
    last: Callable[[], str],
    unit: float = 1.0,
    zero: float = 0.0,
) -> str:
    """Add pooling and the output layer; return logits [B, K].

    Every pooling commutes with a shift, so ``unit`` and ``zero`` go into the weights.

    Args:
        graph: to add to.
        model: has the weights.
        hidden_states: of the last layer [B, T, D*H], as (hidden_states - zero) * unit.
        last: adds the last hidden state of each direction [B, D*H]; called if it is needed.
        unit: the step between two quantized values.
        zero: the quantized value of 0.
    """
    mask = _padding_mask(graph)
    pooled = [
        last() if kind == "last" else _pool(graph, kind, model, hidden_states, mask, unit)
        for kind in model.config.poolings
    ]
    joined = graph.node("Concat", *pooled, axis=1) if len(pooled) > 1 else pooled[0]
    weight = array(model.output.weight).T * np.float32(unit)
    bias = array(model.output.bias) - np.float32(zero) * weight.sum(axis=0)
    return graph.node(
        "Add", graph.node("MatMul", joined, graph.constant(weight)), graph.constant(bias)
    )


def _pool(graph: Graph, kind: str, model: BiRNN, states: str, mask: str, unit: float) -> str:
    """Return one vector a text [B, D*H] from hidden states [B, T, D*H]; the mask is [B, T]."""
    if kind == "max":
        # Adding is faster than Where, which reads the states three times.
        column = graph.node("Unsqueeze", mask, graph.integers(2))
        return graph.node("ReduceMax", graph.node("Add", states, column), axes=[1], keepdims=0)
    if kind == "mean":
        scores = mask  # the same for all tokens
    else:
        weight = array(model.attention.weight).T * np.float32(unit)
        scores = graph.node("MatMul", states, graph.constant(weight))
        scores = graph.node("Add", graph.node("Squeeze", scores, graph.integers(2)), mask)
    weights = graph.node("Unsqueeze", graph.node("Softmax", scores, axis=1), graph.integers(1))
    return graph.node("Squeeze", graph.node("MatMul", weights, states), graph.integers(1))


def _padding_mask(graph: Graph) -> str:
    """Return 0 for tokens and :data:`MASKED` for padding, float32 [B, T]."""
    steps = graph.node("Squeeze", graph.node("Shape", "tokens", start=1, end=2))
    steps = graph.node("Cast", steps, to=TensorProto.INT32)
    zero, one = (graph.constant(np.array(value, dtype=np.int32)) for value in (0, 1))
    lengths = graph.node("Unsqueeze", "lengths", graph.integers(1))
    is_token = graph.node("Less", graph.node("Range", zero, steps, one), lengths)
    is_padding = graph.node("Cast", graph.node("Not", is_token), to=TensorProto.FLOAT)
    return graph.node("Mul", is_padding, graph.constant(np.array(MASKED, dtype=np.float32)))


def rnn_weights(cells: list[torch.nn.RNNBase], kind: str) -> list[NDArray[np.float32]]:
    """Return W [D, G*H, I], R [D, G*H, H], B [D, 2*G*H] of a layer, in ONNX's order of G gates."""
    order = GATES[kind]

    def gates(name: str, cell: torch.nn.RNNBase) -> NDArray[np.float32]:
        parts = np.split(array(getattr(cell, name)), len(order))
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


def array(weight: torch.Tensor) -> NDArray[np.float32]:
    """Return a weight in float32."""
    return weight.detach().to(torch.float32).numpy()
