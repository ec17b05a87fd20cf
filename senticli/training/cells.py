"""One layer of an RNN over dense batches: every direction, forward and backward, as fast as here.

The LSTM is oneDNN's (on CUDA, cuDNN's). torch has no kernel to train a GRU on CPU and records
every step of it for the gradient; the GRU here runs the steps of both directions together and
writes its gradient out.

Shapes: T steps, B texts, I inputs, H hidden size, D directions.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

CELLS: dict[str, Callable[[int, int], nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def run_layer(cells: Sequence[nn.RNNBase], inputs: Sequence[Tensor]) -> list[Tensor]:
    """The states [T, B, H] of each cell over its own input [T, B, I], from a state of zeros.

    Computed in the dtype of the inputs, whatever that of the weights: so float32 master weights
    serve a bfloat16 run.
    """
    dtype = inputs[0].dtype
    # weight_ih [G*H, I], weight_hh [G*H, H], bias_ih, bias_hh [G*H], for G gates
    weights = [[weight.to(dtype) for weight in cell.parameters()] for cell in cells]
    if isinstance(cells[0], nn.GRU) and inputs[0].device.type == "cpu":
        flat = [weight for kind in zip(*weights, strict=True) for weight in kind]
        states = _Gru.apply(len(cells), *inputs, *flat)  # type: ignore[no-untyped-call]
        return list(states)
    return [
        _run_torch(cell, x, parts) for cell, x, parts in zip(cells, inputs, weights, strict=True)
    ]


def _run_torch(cell: nn.RNNBase, x: Tensor, weights: list[Tensor]) -> Tensor:
    state = x.new_zeros(1, x.shape[1], cell.hidden_size)
    options = (True, 1, 0.0, torch.is_grad_enabled(), False, False)  # biases, layers, dropout, …
    if isinstance(cell, nn.LSTM):
        return torch.lstm(x, (state, state), weights, *options)[0]
    run = torch.gru if isinstance(cell, nn.GRU) else torch.rnn_tanh
    return run(x, state, weights, *options)[0]


# cuDNN copies weights together that are not: they are cast anew for every batch.
warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk")


class _Gru(torch.autograd.Function):
    """torch's GRU: r, z = σ(…), n = tanh(W_n x + b_n + r (U_n h + c_n)), h' = (1 - z) n + z h.

    Arguments: D, then D inputs [T, B, I], D of each weight_ih, weight_hh, bias_ih, bias_hh.
    Results: D states [T, B, H].
    """

    @staticmethod
    def forward(ctx: Any, count: int, *arguments: Tensor) -> tuple[Tensor, ...]:
        inputs, w_ih, w_hh, b_ih, b_hh = _in_groups(arguments, count)
        steps, texts, _ = inputs[0].shape
        projected = inputs[0].new_empty(count, steps * texts, w_ih[0].shape[0])
        for one, x, weight, bias in zip(projected, inputs, w_ih, b_ih, strict=True):
            torch.addmm(bias, x.flatten(0, 1), weight.t(), out=one)
        recurrent = torch.stack(list(w_hh))
        states, candidates, gates = _gru_forward(
            projected.view(count, steps, texts, -1),
            recurrent.transpose(1, 2).contiguous(),
            torch.stack(list(b_hh)).unsqueeze(1),
        )
        ctx.save_for_backward(*inputs, *w_ih, recurrent, states, candidates, gates)
        return tuple(states[:, 1:].unbind(0))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        count = len(grads)
        saved = ctx.saved_tensors
        inputs, w_ih = saved[:count], saved[count : 2 * count]
        recurrent, states, candidates, gates = saved[2 * count :]
        hidden = recurrent.shape[2]
        # Gradients before the gates: n of the input, r, z, n of the state, side by side, so that
        # those of the input and those of the state are both a slice of it.
        before = _gru_backward(torch.stack(grads), states, candidates, gates, recurrent)
        of_inputs, of_w_ih, of_w_hh, of_b_ih, of_b_hh = [], [], [], [], []
        for one, x, weight, state in zip(before.flatten(1, 2), inputs, w_ih, states, strict=True):
            nrz, rzn = one[:, : 3 * hidden], one[:, hidden:]
            of_inputs.append((nrz @ weight.roll(hidden, 0)).view_as(x))
            of_w_ih.append((nrz.t() @ x.flatten(0, 1)).roll(-hidden, 0))
            of_w_hh.append(rzn.t() @ state[:-1].flatten(0, 1))
            sums = one.sum(dim=0)
            of_b_ih.append(sums[: 3 * hidden].roll(-hidden))
            of_b_hh.append(sums[hidden:])
        return None, *of_inputs, *of_w_ih, *of_w_hh, *of_b_ih, *of_b_hh


def _in_groups(values: Sequence[Tensor], size: int) -> list[Sequence[Tensor]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def _forward_steps(
    projected: Tensor, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """From W x + b [D, T, B, 3H], U [D, H, 3H] and c [D, 1, 3H] to what the gradient needs.

    States [D, T + 1, B, H], the first of zeros; n [D, T, B, H]; and r, z, U_n h + c_n
    [D, T, B, 3H].
    """
    directions, steps, texts, width = projected.shape
    hidden = width // 3
    states = torch.empty([directions, steps + 1, texts, hidden], dtype=projected.dtype)
    states[:, 0] = 0
    candidates = torch.empty([directions, steps, texts, hidden], dtype=projected.dtype)
    gates = torch.empty([directions, steps, texts, width], dtype=projected.dtype)
    for t in range(steps):
        x = projected[:, t]
        h = torch.baddbmm(bias, states[:, t], weight)
        gate = gates[:, t]
        rz = gate[:, :, : 2 * hidden]
        torch.add(x[:, :, : 2 * hidden], h[:, :, : 2 * hidden], out=rz)
        rz.sigmoid_()
        gate[:, :, 2 * hidden :] = h[:, :, 2 * hidden :]
        n = candidates[:, t]
        torch.addcmul(x[:, :, 2 * hidden :], rz[:, :, :hidden], h[:, :, 2 * hidden :], out=n)
        n.tanh_()
        torch.lerp(n, states[:, t], rz[:, :, hidden:], out=states[:, t + 1])
    return states, candidates, gates


def _backward_steps(
    grads: Tensor, states: Tensor, candidates: Tensor, gates: Tensor, weight: Tensor
) -> Tensor:
    """The gradients before the gates [D, T, B, 4H], from those of the states [D, T, B, H]."""
    directions, steps, texts, hidden = grads.shape
    before = torch.empty([directions, steps, texts, 4 * hidden], dtype=grads.dtype)
    carried = torch.zeros([directions, texts, hidden], dtype=grads.dtype)
    d = torch.empty([directions, texts, hidden], dtype=grads.dtype)
    square = torch.empty([directions, texts, hidden], dtype=grads.dtype)
    outer = torch.empty([directions, texts, 2 * hidden], dtype=grads.dtype)  # of r and z
    rzn = torch.empty([directions, texts, 3 * hidden], dtype=grads.dtype)
    for i in range(steps):
        t = steps - 1 - i
        n = candidates[:, t]
        rz = gates[:, t, :, : 2 * hidden]
        torch.add(carried, grads[:, t], out=d)
        of_z = outer[:, :, hidden:]
        torch.sub(states[:, t], n, out=of_z)
        of_z.mul_(d)
        torch.mul(d, rz[:, :, hidden:], out=carried)
        d.sub_(carried)
        torch.mul(n, n, out=square)
        dn = before[:, t, :, :hidden]
        torch.addcmul(d, d, square, value=-1.0, out=dn)
        torch.mul(dn, gates[:, t, :, 2 * hidden :], out=outer[:, :, :hidden])
        torch.ops.aten.sigmoid_backward(outer, rz, grad_input=rzn[:, :, : 2 * hidden])
        torch.mul(dn, rz[:, :, :hidden], out=rzn[:, :, 2 * hidden :])
        before[:, t, :, hidden:] = rzn
        carried = torch.baddbmm(carried, rzn, weight)
    return before


def _compiled(steps: Any) -> Any:
    """The function as TorchScript: its many small steps then run beside other threads.

    It is deprecated in favour of compilers that need a C++ compiler here; without it, the function
    runs as it is, slower.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return torch.jit.script(steps)
        except (RuntimeError, OSError, AttributeError):
            return steps


_gru_forward, _gru_backward = _compiled(_forward_steps), _compiled(_backward_steps)
