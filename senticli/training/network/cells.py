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
        hidden = w_hh[0].shape[1]
        rz = slice(2 * hidden)  # r and z, as they stand in the weights; n comes after them
        gates = inputs[0].new_empty(count, steps, texts, 3 * hidden)
        candidates = inputs[0].new_empty(count, steps, texts, hidden)
        for number, (x, weight, b, c) in enumerate(zip(inputs, w_ih, b_ih, b_hh, strict=True)):
            flat, gate = x.flatten(0, 1), gates[number].flatten(0, 1)
            torch.addmm((b + c)[rz], flat, weight[rz].t(), out=gate[:, rz])
            gate[:, 2 * hidden :] = c[2 * hidden :]
            n = candidates[number].flatten(0, 1)
            torch.addmm(b[2 * hidden :], flat, weight[2 * hidden :].t(), out=n)
        recurrent = torch.stack(list(w_hh))
        states = _gru_forward(gates, candidates, recurrent.transpose(1, 2).contiguous())
        ctx.save_for_backward(*inputs, *w_ih, recurrent, states, candidates, gates)
        return tuple(states[:, 1:].unbind(0))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        count = len(grads)
        saved = ctx.saved_tensors
        inputs, w_ih = saved[:count], saved[count : 2 * count]
        recurrent, states, candidates, gates = saved[2 * count :]
        rz = slice(2 * recurrent.shape[2])
        n = slice(rz.stop, None)
        # Before the gates: n of the input; and r, z, n of the state, of which r and z are also
        # those of the input.
        of_n, of_rzn = _gru_backward(torch.stack(grads), states, candidates, gates, recurrent)
        of_inputs, of_w_ih, of_w_hh, of_b_ih, of_b_hh = [], [], [], [], []
        for x, weight, state, dn, drzn in zip(
            inputs, w_ih, states, of_n.flatten(1, 2), of_rzn.flatten(1, 2), strict=True
        ):
            flat, drz, sums = x.flatten(0, 1), drzn[:, rz], drzn.sum(dim=0)
            of_inputs.append(torch.addmm(dn @ weight[n], drz, weight[rz]).view_as(x))
            of_w_ih.append(torch.cat([drz.t() @ flat, dn.t() @ flat]))
            of_w_hh.append(drzn.t() @ state[:-1].flatten(0, 1))
            of_b_ih.append(torch.cat([sums[rz], dn.sum(dim=0)]))
            of_b_hh.append(sums)
        return None, *of_inputs, *of_w_ih, *of_w_hh, *of_b_ih, *of_b_hh


def _in_groups(values: Sequence[Tensor], size: int) -> list[Sequence[Tensor]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def _forward_steps(gates: Tensor, candidates: Tensor, weight: Tensor) -> Tensor:
    """The states [D, T + 1, B, H], the first of zeros, with U [D, H, 3H].

    ``gates`` [D, T, B, 3H] hold W x + b + c of r and z, and c of n; they become r, z, U_n h + c_n.
    ``candidates`` [D, T, B, H] hold W x + b of n, and become n.
    """
    directions, steps, texts, hidden = candidates.shape
    states = torch.empty([directions, steps + 1, texts, hidden], dtype=gates.dtype)
    states[:, 0] = 0
    for t in range(steps):
        state, gate, n = states[:, t], gates[:, t], candidates[:, t]
        gate.baddbmm_(state, weight)
        gate[:, :, : 2 * hidden].sigmoid_()
        n.addcmul_(gate[:, :, :hidden], gate[:, :, 2 * hidden :])
        n.tanh_()
        torch.lerp(n, state, gate[:, :, hidden : 2 * hidden], out=states[:, t + 1])
    return states


def _backward_steps(
    grads: Tensor, states: Tensor, candidates: Tensor, gates: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradients before the gates, from those of the states [D, T, B, H].

    Of n, as the input reaches it [D, T, B, H]; and of r, z, n, as the state does [D, T, B, 3H].
    """
    directions, steps, texts, hidden = grads.shape
    of_n = torch.empty_like(candidates)
    of_rzn = torch.empty_like(gates)
    carried = torch.zeros([directions, texts, hidden], dtype=grads.dtype)
    d = torch.empty([directions, texts, hidden], dtype=grads.dtype)
    outer = torch.empty([directions, texts, 2 * hidden], dtype=grads.dtype)  # of r and z
    of_r, of_z = outer[:, :, :hidden], outer[:, :, hidden:]
    for i in range(steps):
        t = steps - 1 - i
        n, gate, dn, drzn = candidates[:, t], gates[:, t], of_n[:, t], of_rzn[:, t]
        rz = gate[:, :, : 2 * hidden]
        torch.add(carried, grads[:, t], out=d)
        torch.sub(states[:, t], n, out=of_z)
        of_z.mul_(d)
        torch.mul(d, gate[:, :, hidden : 2 * hidden], out=carried)
        d.sub_(carried)
        torch.ops.aten.tanh_backward(d, n, grad_input=dn)
        torch.mul(dn, gate[:, :, 2 * hidden :], out=of_r)
        torch.ops.aten.sigmoid_backward(outer, rz, grad_input=drzn[:, :, : 2 * hidden])
        torch.mul(dn, gate[:, :, :hidden], out=drzn[:, :, 2 * hidden :])
        carried.baddbmm_(drzn, weight)
    return of_n, of_rzn


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
