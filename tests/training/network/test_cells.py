"""The layers: our GRU is torch's, value for value and gradient for gradient."""

import pytest
import torch
from torch import nn

from senticli.training.network import cells
from senticli.training.network.cells import CELLS, run_layer


@pytest.fixture(params=["compiled", "as it is"])
def steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without TorchScript."""
    if request.param == "as it is":
        monkeypatch.setattr(cells, "_gru_forward", cells._forward_steps)
        monkeypatch.setattr(cells, "_gru_backward", cells._backward_steps)


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("shape", [(9, 3, 5), (1, 1, 5), (2, 40, 3)])
def test_the_gru_equals_torchs(directions: int, shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    layer = [nn.GRU(shape[2], 7) for _ in range(directions)]
    inputs = [torch.randn(shape, requires_grad=True) for _ in layer]
    expected = [cell(x)[0] for cell, x in zip(layer, inputs, strict=True)]
    states = run_layer(layer, inputs)
    torch.testing.assert_close(states, expected, atol=1e-6, rtol=0)
    wanted = [*inputs, *(weight for cell in layer for weight in cell.parameters())]
    upstream = [torch.randn_like(state) for state in expected]
    torch.testing.assert_close(
        torch.autograd.grad(states, wanted, upstream),
        torch.autograd.grad(expected, wanted, upstream),
        atol=2e-6,
        rtol=1e-5,
    )


@pytest.mark.parametrize("rnn", list(CELLS))
def test_bfloat16_inputs_over_float32_weights(rnn: str) -> None:
    torch.manual_seed(0)
    cell, x = CELLS[rnn](8, 16), torch.randn(20, 4, 8)
    (exact,) = run_layer([cell], [x])
    (rough,) = run_layer([cell], [x.bfloat16()])
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, atol=3e-2, rtol=0)
    rough.float().sum().backward()
    assert all(weight.grad is not None for weight in cell.parameters())
