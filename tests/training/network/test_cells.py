"""One layer of an RNN: our GRU equals torch's, in its values and its gradients."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from senticli.training.network import cells
from senticli.training.network.cells import CELLS, run_layer


@pytest.fixture(params=["compiled", "not compiled"])
def steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without TorchScript."""
    if request.param == "not compiled":
        monkeypatch.setattr(cells, "_gru_forward", cells._forward_steps)
        monkeypatch.setattr(cells, "_gru_backward", cells._backward_steps)


Shape = tuple[int, int, int]
Tensors = list[torch.Tensor]


def run_both(directions: int, shape: Shape) -> tuple[Tensors, Tensors, Tensors]:
    """The hidden states by our GRU and by torch's, and what both depend on."""
    torch.manual_seed(0)
    layer = [nn.GRU(shape[2], 7) for _ in range(directions)]
    inputs = [torch.randn(shape, requires_grad=True) for _ in layer]
    expected = [cell(x)[0] for cell, x in zip(layer, inputs, strict=True)]
    weights = [weight for cell in layer for weight in cell.parameters()]
    return run_layer(layer, inputs), expected, [*inputs, *weights]


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("shape", [(9, 3, 5), (1, 1, 5), (2, 40, 3)])
def test_gru_equals_torch(directions: int, shape: Shape) -> None:
    states, expected, _ = run_both(directions, shape)
    torch.testing.assert_close(states, expected, atol=1e-6, rtol=0)


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("shape", [(9, 3, 5), (1, 1, 5), (2, 40, 3)])
def test_gru_gradients_equal_torch(directions: int, shape: Shape) -> None:
    states, expected, variables = run_both(directions, shape)
    upstream = [torch.randn_like(state) for state in expected]
    torch.testing.assert_close(
        torch.autograd.grad(states, variables, upstream),
        torch.autograd.grad(expected, variables, upstream),
        atol=2e-6,
        rtol=1e-5,
    )


@pytest.mark.parametrize("rnn", list(CELLS))
def test_bfloat16_inputs_give_bfloat16_states_close_to_float32(rnn: str) -> None:
    torch.manual_seed(0)
    cell, x = CELLS[rnn](8, 16), torch.randn(20, 4, 8)
    (exact,) = run_layer([cell], [x])
    (rough,) = run_layer([cell], [x.bfloat16()])
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, atol=3e-2, rtol=0)


@pytest.mark.parametrize("rnn", list(CELLS))
def test_float32_weights_learn_from_bfloat16_inputs(rnn: str) -> None:
    cell = CELLS[rnn](8, 16)
    (states,) = run_layer([cell], [torch.randn(20, 4, 8).bfloat16()])
    states.float().sum().backward()
    gradients = [weight.grad for weight in cell.parameters()]
    assert all(gradient is not None and gradient.dtype == torch.float32 for gradient in gradients)


def test_importing_cells_changes_no_warning_filter() -> None:
    code = (
        "import torch, torch.jit, warnings\n"
        "before = list(warnings.filters)\n"
        "import senticli.training.network.cells\n"
        "print(warnings.filters == before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr
