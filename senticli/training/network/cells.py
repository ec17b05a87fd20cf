"""One layer of an RNN over dense batches: all directions, forward and backward.

The LSTM is oneDNN's (on CUDA, cuDNN's). torch has no kernel to train a GRU on CPU and records
every step of it for the gradient; the GRU in this module runs the steps of both directions
together and computes its gradient by formulas.

Shapes: T steps, B texts, I inputs, H hidden size, D directions.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

CELLS: dict[str, Callable[[int, int], nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def run_layer(cells: Sequence[nn.RNNBase], inputs: Sequence[Tensor]) -> list[Tensor]:
    """Return the hidden states [T, B, H] of each cell over its own input [T, B, I].

    They start from zeros, and are computed in the dtype of the inputs whatever that of the weights:
    so float32 master weights serve a bfloat16 run.
    """
    dtype = inputs[0].dtype
    # weight_ih [G*H, I], weight_hh [G*H, H], bias_ih, bias_hh [G*H], for G gates
    weights = [[weight.to(dtype) for weight in cell.parameters()] for cell in cells]
    if isinstance(cells[0], nn.GRU) and inputs[0].device.type == "cpu":
        by_kind = chain.from_iterable(zip(*weights, strict=True))
        return list(_Gru.apply(len(cells), *inputs, *by_kind))  # type: ignore[no-untyped-call]
    return [_run_torch(*each) for each in zip(cells, inputs, weights, strict=True)]


def _run_torch(cell: nn.RNNBase, x: Tensor, weights: list[Tensor]) -> Tensor:
    h = x.new_zeros(1, x.shape[1], cell.hidden_size)
    options = (True, 1, 0.0, torch.is_grad_enabled(), False, False)  # biases, layers, dropout, …
    with _without_cudnn_warning() if x.is_cuda else nullcontext():
        if isinstance(cell, nn.LSTM):
            return torch.lstm(x, (h, h), weights, *options)[0]
        run = torch.gru if isinstance(cell, nn.GRU) else torch.rnn_tanh
        return run(x, h, weights, *options)[0]


@contextmanager
def _without_cudnn_warning() -> Iterator[None]:
    """Ignore that cuDNN has to copy the weights into one block: they are cast for every batch."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous")
        yield


class _Gru(torch.autograd.Function):
    """torch's GRU, for all directions at once.

    With W, b = weight_ih, bias_ih and U, c = weight_hh, bias_hh, each of them for r, z and n in
    this order, and h' the hidden state of the step before:

        r = σ(a_r)     a_r = W_r x + b_r + U_r h' + c_r
        z = σ(a_z)     a_z = W_z x + b_z + U_z h' + c_z
        n = tanh(a_n)  a_n = W_n x + b_n + r u,  u = U_n h' + c_n
        h = (1 - z) n + z h'

    Arguments: D, then D inputs [T, B, I], D weight_ih, D weight_hh, D bias_ih, D bias_hh.
    Results: D hidden states [T, B, H].
    """

    @staticmethod
    def forward(ctx: Any, directions: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        inputs, w_ih, w_hh, b_ih, b_hh = (
            tensors[start : start + directions] for start in range(0, len(tensors), directions)
        )
        steps, texts, _ = inputs[0].shape
        rz, n = _gate_slices(w_hh[0].shape[1])
        # What does not depend on h': of a_r, a_z and u [D, T, B, 3H], and of a_n [D, T, B, H]
        rzu = inputs[0].new_empty(directions, steps, texts, n.stop)
        a_n = inputs[0].new_empty(directions, steps, texts, n.stop - n.start)
        for d, (x, w, b, c) in enumerate(zip(inputs, w_ih, b_ih, b_hh, strict=True)):
            rows = x.flatten(0, 1)  # [T*B, I]
            rzu_rows = rzu[d].flatten(0, 1)
            torch.addmm((b + c)[rz], rows, w[rz].t(), out=rzu_rows[:, rz])  # W x + b + c
            rzu_rows[:, n] = c[n]
            torch.addmm(b[n], rows, w[n].t(), out=a_n[d].flatten(0, 1))  # W_n x + b_n
        stacked = torch.stack(list(w_hh))  # [D, 3H, H]
        states = _gru_forward(rzu, a_n, stacked.transpose(1, 2).contiguous())
        ctx.save_for_backward(*inputs, *w_ih, stacked, states, rzu, a_n)  # a_n holds n by now
        return tuple(states[:, 1:].unbind(0))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        *inputs_and_w_ih, w_hh, states, rzu, n = ctx.saved_tensors
        inputs, w_ih = inputs_and_w_ih[: len(grads)], inputs_and_w_ih[len(grads) :]
        da_rzu, da_n = _gru_backward(torch.stack(grads), states, rzu, n, w_hh)
        h_before, da_rzu, da_n = (
            tensor.flatten(1, 2) for tensor in (states[:, :-1], da_rzu, da_n)
        )  # [D, T*B, …]
        each = zip(inputs, h_before, w_ih, da_rzu, da_n, strict=True)
        gradients = [_input_and_weight_gradients(*direction) for direction in each]
        return None, *chain.from_iterable(zip(*gradients, strict=True))


def _gate_slices(hidden: int) -> tuple[slice, slice]:
    """Return where r and z, and where n, stand in the weights of a GRU."""
    return slice(0, 2 * hidden), slice(2 * hidden, 3 * hidden)


def _input_and_weight_gradients(
    x: Tensor, h_before: Tensor, w: Tensor, da_rzu: Tensor, da_n: Tensor
) -> tuple[Tensor, ...]:
    """Return the gradients of one direction's x, W, U, b, c.

    From x [T, B, I], h' [T*B, H], W [3H, I], dL/da_r, dL/da_z, dL/du [T*B, 3H], dL/da_n [T*B, H].
    """
    rz, n = _gate_slices(h_before.shape[1])
    rows, da_rz = x.flatten(0, 1), da_rzu[:, rz]
    sums = da_rzu.sum(dim=0)
    return (
        # dL/dx = W_rᵀ dL/da_r + W_zᵀ dL/da_z + W_nᵀ dL/da_n
        torch.addmm(da_n @ w[n], da_rz, w[rz]).view_as(x),
        # dL/dW = Σ [dL/da_r, dL/da_z, dL/da_n] xᵀ
        torch.cat([da_rz.t() @ rows, da_n.t() @ rows]),
        # dL/dU = Σ [dL/da_r, dL/da_z, dL/du] h'ᵀ
        da_rzu.t() @ h_before,
        # dL/db = Σ [dL/da_r, dL/da_z, dL/da_n]
        torch.cat([sums[rz], da_n.sum(dim=0)]),
        # dL/dc = Σ [dL/da_r, dL/da_z, dL/du]
        sums,
    )


def _forward_steps(rzu: Tensor, a_n: Tensor, w_hh_t: Tensor) -> Tensor:
    """Return the hidden states [D, T + 1, B, H], the first of them zeros.

    Args:
        rzu: a_r, a_z, u without their U h' [D, T, B, 3H]; becomes r, z, u.
        a_n: without its r u [D, T, B, H]; becomes n.
        w_hh_t: Uᵀ [D, H, 3H].
    """
    directions, steps, texts, hidden = a_n.shape
    states = torch.empty([directions, steps + 1, texts, hidden], dtype=a_n.dtype)
    states[:, 0] = 0
    for t in range(steps):
        h_before, step_rzu, n = states[:, t], rzu[:, t], a_n[:, t]
        step_rz = step_rzu[:, :, : 2 * hidden]
        r = step_rzu[:, :, :hidden]
        z = step_rzu[:, :, hidden : 2 * hidden]
        u = step_rzu[:, :, 2 * hidden :]
        # a_r, a_z, u += U h'
        step_rzu.baddbmm_(h_before, w_hh_t)
        # r, z = σ(a_r), σ(a_z)
        step_rz.sigmoid_()
        # a_n += r u
        n.addcmul_(r, u)
        # n = tanh(a_n)
        n.tanh_()
        # h = (1 - z) n + z h'
        torch.lerp(n, h_before, z, out=states[:, t + 1])
    return states


def _backward_steps(
    grads: Tensor, states: Tensor, rzu: Tensor, n: Tensor, w_hh: Tensor
) -> tuple[Tensor, Tensor]:
    """Return dL/da_r, dL/da_z, dL/du [D, T, B, 3H], and dL/da_n [D, T, B, H].

    Args:
        grads: dL/dh by way of the results alone, not of later steps [D, T, B, H].
        states: h, from the one before the first step [D, T + 1, B, H].
        rzu: r, z, u [D, T, B, 3H].
        n: [D, T, B, H].
        w_hh: U [D, 3H, H].
    """
    directions, steps, texts, hidden = grads.shape
    all_da_rzu = torch.empty_like(rzu)
    all_da_n = torch.empty_like(n)
    carried = torch.zeros([directions, texts, hidden], dtype=grads.dtype)  # dL/dh by later steps
    dh = torch.empty([directions, texts, hidden], dtype=grads.dtype)
    drz = torch.empty([directions, texts, 2 * hidden], dtype=grads.dtype)
    dr, dz = drz[:, :, :hidden], drz[:, :, hidden:]
    for i in range(steps):
        t = steps - 1 - i
        h_before, step_rzu, step_n = states[:, t], rzu[:, t], n[:, t]
        step_rz = step_rzu[:, :, : 2 * hidden]
        r = step_rzu[:, :, :hidden]
        z = step_rzu[:, :, hidden : 2 * hidden]
        u = step_rzu[:, :, 2 * hidden :]
        da_rzu, da_n = all_da_rzu[:, t], all_da_n[:, t]
        da_rz, du = da_rzu[:, :, : 2 * hidden], da_rzu[:, :, 2 * hidden :]
        # dL/dh, by way of the results and of later steps
        torch.add(carried, grads[:, t], out=dh)
        # dL/dz = dL/dh (h' - n)
        torch.sub(h_before, step_n, out=dz)
        dz.mul_(dh)
        # dL/dh z, the first part of dL/dh'
        torch.mul(dh, z, out=carried)
        # dL/dn = dL/dh (1 - z)
        dn = dh.sub_(carried)
        # dL/da_n = dL/dn (1 - n²)
        torch.ops.aten.tanh_backward(dn, step_n, grad_input=da_n)
        # dL/dr = dL/da_n u
        torch.mul(da_n, u, out=dr)
        # dL/da_r = dL/dr r (1 - r),  dL/da_z = dL/dz z (1 - z)
        torch.ops.aten.sigmoid_backward(drz, step_rz, grad_input=da_rz)
        # dL/du = dL/da_n r
        torch.mul(da_n, r, out=du)
        # dL/dh' = dL/dh z + U_rᵀ dL/da_r + U_zᵀ dL/da_z + U_nᵀ dL/du
        carried.baddbmm_(da_rzu, w_hh)
    return all_da_rzu, all_da_n


def _compiled(steps: Any) -> Any:
    """Return the function as TorchScript: its many small steps then run beside other threads.

    TorchScript is deprecated in favour of compilers that need a C++ compiler. Without it, the
    function runs as it is, slower.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return torch.jit.script(steps)
        except (RuntimeError, OSError, AttributeError):
            return steps


# Compiled once, before there are threads; it takes some 20 ms.
_gru_forward, _gru_backward = _compiled(_forward_steps), _compiled(_backward_steps)
