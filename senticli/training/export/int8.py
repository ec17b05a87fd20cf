"""The network as an ONNX graph in int8, for all three cells.

ONNX Runtime's quantized LSTM scales its inputs by what else is in the batch and all weights of a
layer by one factor, and it has no quantized GRU. This graph scans the steps of a batch itself, with
one integer matrix product a step and direction, whose scales are static:

- a hidden state is between -1 and 1, so it is quantized to uint8 as 128 + 127 h, from step to step
  and layer to layer;
- an embedding is quantized to uint8 with a scale for each dimension, which is multiplied into the
  weights;
- weights have a scale for each column. They keep 7 bits: with 8, a CPU without VNNI saturates when
  it adds two products of bytes in 16 bits.

So the scores of a text do not depend on its batch.

Shapes: B texts, T steps, D directions, I inputs, H hidden size, N columns of gates.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from senticli.training.export.graph import CONTRIB, Graph, array, pool_and_classify, rnn_weights
from senticli.training.network.birnn import BiRNN

ZERO = np.uint8(128)  # stands for 0
UNIT = np.float32(1 / 127)  # the step between two quantized values
WEIGHT_LIMIT = 63

Floats = NDArray[np.float32]


def to_int8(model: BiRNN) -> onnx.ModelProto:
    """Return the network as an ONNX graph in int8; see :mod:`senticli.training.export.graph`."""
    config, graph = model.config, Graph()
    directions = 2 if config.bidirectional else 1
    lengths = graph.node("Cast", "lengths", to=TensorProto.INT64)

    def reverse(x: str) -> str:
        """Reverse each text of x [T, B, …] within its own length."""
        return graph.node("ReverseSequence", x, lengths, time_axis=0, batch_axis=1)

    def split_directions(states: str) -> list[str]:
        """Return the states [T, B, H] of each direction, in its own order of steps."""
        parts = graph.nodes_of("Split", (states,), directions, axis=1)
        return [graph.node("Squeeze", part, graph.integers(1)) for part in parts]

    def in_order(states: str) -> list[str]:
        """Return the states [T, B, H] of each direction, in the order of the text."""
        forward, *backward = split_directions(states)
        return [forward, *map(reverse, backward)]

    def last_states() -> str:
        """Return the last state of each direction, [B, D*H]."""
        # Reversed, the last state of a text comes first, whatever its length.
        ends = [
            graph.node("Gather", reverse(part), graph.constant(np.int64(0)), axis=0)
            for part in split_directions(states)
        ]
        return graph.node("Cast", graph.node("Concat", *ends, axis=1), to=TensorProto.FLOAT)

    embedding = array(model.embedding.weight)
    ranges = np.maximum(np.abs(embedding).max(axis=0), 1e-12)  # [I], of each dimension
    quantized = graph.constant((np.rint(embedding / ranges / UNIT) + ZERO).astype(np.uint8))
    x = graph.node("Transpose", "tokens", perm=[1, 0])
    states = ""
    for layer, cells in enumerate(model.layers):
        inputs, recurrent, biases = rnn_weights(list(cells), config.rnn)  # type: ignore[call-overload]
        if layer:
            x = graph.node("Concat", *in_order(states), axis=2)
        both = [x, reverse(x)][:directions]
        columns = [graph.node("Unsqueeze", part, graph.integers(1)) for part in both]
        x = graph.node("Concat", *columns, axis=1)
        if layer == 0:  # reversing ids is cheaper than reversing embeddings
            x = graph.node("Gather", quantized, x)
            inputs = inputs * ranges
        states = _scan(graph, config.rnn, x, inputs, recurrent, biases)
    x = graph.node("Transpose", graph.node("Concat", *in_order(states), axis=2), perm=[1, 0, 2])
    x = graph.node("Cast", x, to=TensorProto.FLOAT)  # [B, T, D*H]
    unit, zero = float(UNIT), float(ZERO)
    return graph.finish(pool_and_classify(graph, model, x, last_states, unit, zero))


def _scan(graph: Graph, rnn: str, x: str, inputs: Floats, recurrent: Floats, biases: Floats) -> str:
    """Return the hidden states [T, D, B, H] of a layer from its input x [T, D, B, I], both uint8.

    Args:
        graph: to add to.
        rnn: the kind of cell.
        x: the input.
        inputs: weights of the input, [D, G*H, I].
        recurrent: weights of the hidden state, [D, G*H, H].
        biases: [D, 2*G*H].
    """
    directions, _, hidden = recurrent.shape
    width = inputs.shape[2]
    arrange, step = CELLS[rnn]
    body = Graph("step_")
    joined = body.node("Concat", "x", "h", axis=2)
    rows = body.nodes_of("Split", (joined,), directions, axis=0)  # [1, B, I+H]
    unit, zero = body.constant(UNIT), body.constant(ZERO)
    sums = []
    for row, w, r, b in zip(rows, inputs, recurrent, biases, strict=True):
        columns, bias = arrange(w, r, *np.split(b, 2))
        scales = np.maximum(np.abs(columns).max(axis=0) / WEIGHT_LIMIT, 1e-12).astype(np.float32)
        quantized = body.constant(np.rint(columns / scales).astype(np.int8))
        operands = (row, quantized, unit, body.constant(scales), zero, "", body.constant(bias))
        sums.append(body.node("MatMulIntegerToFloat", *operands, domain=CONTRIB))
    state, memory = step(body, body.node("Concat", *sums, axis=0), hidden)
    state = body.node("QuantizeLinear", state, unit, zero)
    output = body.node("Identity", state)

    def value(name: str, size: int, kind: int = TensorProto.UINT8) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, [directions, None, size])

    step_graph = helper.make_graph(
        body.nodes,
        "step",
        [value("h", hidden), value("memory", hidden, TensorProto.FLOAT), value("x", width)],
        [value(state, hidden), value(memory, hidden, TensorProto.FLOAT), value(output, hidden)],
        body.initializers,
    )
    batch = graph.node("Shape", "tokens", start=0, end=1)
    sizes = (graph.integers(directions), batch, graph.integers(hidden))
    shape = graph.node("Concat", *sizes, axis=0)
    start = [graph.node("Expand", graph.constant(value), shape) for value in (ZERO, np.float32(0))]
    return graph.nodes_of("Scan", (*start, x), 3, body=step_graph, num_scan_inputs=1)[2]


# Two functions for each kind of cell: one arranges its weights as the columns [I+H, N] and bias [N]
# of one product with [x, h]; the other adds the nodes from that product to the new hidden state and
# the new memory, both float32 [D, B, H].


def _rnn_columns(w: Floats, r: Floats, wb: Floats, rb: Floats) -> tuple[Floats, Floats]:
    return np.concatenate([w, r], axis=1).T, wb + rb


def _rnn_step(body: Graph, sums: str, hidden: int) -> tuple[str, str]:
    return body.node("Tanh", sums), body.node("Identity", "memory")


def _lstm_columns(w: Floats, r: Floats, wb: Floats, rb: Floats) -> tuple[Floats, Floats]:
    columns, bias = _rnn_columns(w, r, wb, rb)
    # tanh(x) = 2 sigmoid(2x) - 1: so the candidate, the last of the four, shares one operator with
    # the gates.
    twice = np.repeat(np.array([1, 1, 1, 2], dtype=np.float32), len(bias) // 4)
    return columns * twice, bias * twice


def _lstm_step(body: Graph, sums: str, hidden: int) -> tuple[str, str]:
    gates = body.node("Sigmoid", sums)
    into, out, keep, half = body.nodes_of("Split", (gates,), 4, axis=2)
    scaled = body.node("Mul", into, half)
    new = body.node("Sub", body.node("Add", scaled, scaled), into)  # in * (2 half - 1)
    memory = body.node("Add", body.node("Mul", keep, "memory"), new)
    return body.node("Mul", out, body.node("Tanh", memory)), memory


def _gru_columns(w: Floats, r: Floats, wb: Floats, rb: Floats) -> tuple[Floats, Floats]:
    # The candidate's two halves stay apart: the reset gate applies to that of the state only.
    w_z, w_r, w_h = np.split(w, 3)
    r_z, r_r, r_h = np.split(r, 3)
    w = np.concatenate([w_z, w_r, w_h, np.zeros_like(w_h)])
    r = np.concatenate([r_z, r_r, np.zeros_like(r_h), r_h])
    size = 2 * len(r_h)
    bias = np.concatenate([wb[:size] + rb[:size], wb[size:], rb[size:]])
    return np.concatenate([w, r], axis=1).T, bias


def _gru_step(body: Graph, sums: str, hidden: int) -> tuple[str, str]:
    sizes = body.integers(2 * hidden, hidden, hidden)
    gates, from_x, from_h = body.nodes_of("Split", (sums, sizes), 3, axis=2)
    update, reset = body.nodes_of("Split", (body.node("Sigmoid", gates),), 2, axis=2)
    candidate = body.node("Tanh", body.node("Add", from_x, body.node("Mul", reset, from_h)))
    kept = body.node("Mul", update, body.node("Sub", "memory", candidate))
    state = body.node("Add", candidate, kept)
    return state, body.node("Identity", state)


CELLS = {
    "rnn": (_rnn_columns, _rnn_step),
    "lstm": (_lstm_columns, _lstm_step),
    "gru": (_gru_columns, _gru_step),
}
