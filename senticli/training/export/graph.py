"""What the float32 and the int8 graph share: collecting nodes, pooling, the output.

Both take ``tokens`` int32 [B, T], padded at the end, and ``lengths`` int32 [B], at least 1, and
give ``logits`` float32 [B, K].
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
CONTRIB = "com.microsoft"  # operators of ONNX Runtime's own
# Where ONNX wants each of torch's gates: i, f, g, o as i, o, f, c; r, z, n as z, r, h.
GATES = {"rnn": [0], "lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}
PADDED = -1e9  # added to what stands for padding: no maximum, and no share of a softmax


class Graph:
    """Collects nodes and initial values; methods return the name of their result.

    ``prefix`` starts every name: those of a graph inside another must differ from the other's.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, value: Any) -> str:
        """A fixed value; numpy scalars and arrays keep their type."""
        name = f"{self.prefix}w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        """A fixed list of numbers, as axes and shapes are given."""
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
        """The checked model whose output is ``logits``."""
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
    x: str,
    last: Callable[[], str],
    unit: float = 1.0,
    zero: float = 0.0,
) -> str:
    """Logits [B, K] from the last layer's states, (x - zero) * unit of x [B, T, D*H].

    ``last`` adds what gives the last state of each direction, [B, D*H], if it is wanted. However
    it is pooled, a shifted x is shifted as much, so that ``unit`` and ``zero`` go into weights.
    """
    padding = _padding(graph)
    pooled = [
        last() if kind == "last" else _pool(graph, kind, model, x, padding, unit)
        for kind in model.config.poolings
    ]
    joined = graph.node("Concat", *pooled, axis=1) if len(pooled) > 1 else pooled[0]
    weight = array(model.output.weight).T * np.float32(unit)
    bias = array(model.output.bias) - np.float32(zero) * weight.sum(axis=0)
    return graph.node(
        "Add", graph.node("MatMul", joined, graph.constant(weight)), graph.constant(bias)
    )


def _pool(graph: Graph, kind: str, model: BiRNN, x: str, padding: str, unit: float) -> str:
    """One vector a text [B, D*H] from the states x [B, T, D*H]; padding is [B, T]."""
    if kind == "max":
        # Adding is quicker than choosing by Where, which goes over the states three times.
        column = graph.node("Unsqueeze", padding, graph.integers(2))
        return graph.node("ReduceMax", graph.node("Add", x, column), axes=[1], keepdims=0)
    if kind == "mean":
        scores = padding  # all real tokens alike
    else:
        weight = array(model.attention.weight).T * np.float32(unit)
        scores = graph.node("MatMul", x, graph.constant(weight))
        scores = graph.node("Add", graph.node("Squeeze", scores, graph.integers(2)), padding)
    weights = graph.node("Unsqueeze", graph.node("Softmax", scores, axis=1), graph.integers(1))
    return graph.node("Squeeze", graph.node("MatMul", weights, x), graph.integers(1))


def _padding(graph: Graph) -> str:
    """Zero for real tokens, a very low number for padding: float32 [B, T]."""
    steps = graph.node("Squeeze", graph.node("Shape", "tokens", start=1, end=2))
    steps = graph.node("Cast", steps, to=TensorProto.INT32)
    zero, one = (graph.constant(np.array(number, dtype=np.int32)) for number in (0, 1))
    lengths = graph.node("Unsqueeze", "lengths", graph.integers(1))
    real = graph.node("Less", graph.node("Range", zero, steps, one), lengths)
    padded = graph.node("Cast", graph.node("Not", real), to=TensorProto.FLOAT)
    return graph.node("Mul", padded, graph.constant(np.array(PADDED, dtype=np.float32)))


def rnn_weights(cells: list[torch.nn.RNNBase], kind: str) -> list[NDArray[np.float32]]:
    """W [D, G*H, in], R [D, G*H, H] and B [D, 2*G*H] of one layer, in ONNX's order of gates."""
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
    """A weight as float32 numbers."""
    return weight.detach().to(torch.float32).numpy()
