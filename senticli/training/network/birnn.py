"""The network: embedding, a bidirectional multi-layer RNN, pooling, a linear output.

Exact on dense batches. A padded bidirectional RNN is wrong unless padding is kept out of it, and
packed sequences are slow on CPU (oneDNN has no kernel for them), so each direction runs densely:
forward over the padded batch, where padding comes last and reaches no real position; backward
over each text reversed within its own length, then reversed back. Pooling masks the padding.
The result equals ``PackedSequence`` with the same weights.

Shapes: B texts, T tokens of the longest, E embedding size, H hidden size of one direction,
D directions, K outputs.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from senticli.config import ModelConfig
from senticli.text.vocab import UNK_INDEX
from senticli.training.network.cells import CELLS, run_layer
from senticli.training.network.dropout import Masks


class _Permute(torch.autograd.Function):
    """Rows of ``x`` in another order, where the order is its own inverse.

    The gradient is then the same gather again, which is far cheaper than the scatter-add of
    ``index_select``.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor) -> Tensor:
        ctx.save_for_backward(order)
        return x.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (order,) = ctx.saved_tensors
        return grads[0].index_select(0, order), None


def reversal(lengths: Tensor, steps: int) -> Tensor:
    """The order of the T*B rows of a [T, B, ...] batch that reverses each text in place.

    Padding stays where it is, so that applying the order twice changes nothing.
    """
    time = torch.arange(steps, device=lengths.device).unsqueeze(1)  # [T, 1]
    source = torch.where(time < lengths, lengths - 1 - time, time)  # [T, B]
    batch = torch.arange(len(lengths), device=lengths.device)
    return (source * len(lengths) + batch).flatten()


class BiRNN(nn.Module):
    """Logits of a batch of texts, from word numbers.

    Args:
        config: the architecture.
        vocab_size: number of words, ``<unk>`` and ``<pad>`` included.
        outputs: K; 1 for two labels, else the number of labels.
        pad_index: the word number of ``<pad>``, whose vector is zero and stays zero.
    """

    def __init__(self, config: ModelConfig, vocab_size: int, outputs: int, pad_index: int) -> None:
        super().__init__()
        self.config = config
        self.compute_dtype = torch.float32
        directions = 2 if config.bidirectional else 1
        self.embedding = nn.Embedding(vocab_size, config.embedding_dim, padding_idx=pad_index)
        self.layers = nn.ModuleList()  # one list of directions a layer, forward first
        for layer in range(config.layers):
            inputs = config.width if layer else config.embedding_dim
            cells = [CELLS[config.rnn](inputs, config.hidden) for _ in range(directions)]
            self.layers.append(nn.ModuleList(cells))
        if "attention" in config.poolings:
            self.attention = nn.Linear(config.width, 1, bias=False)
        self.output = nn.Linear(config.width * len(config.poolings), outputs)

    def forward(self, tokens: Tensor, lengths: Tensor, masks: Masks | None = None) -> Tensor:
        """Logits, float32 [B, K], of ``tokens`` [B, T] whose real ``lengths`` are [B].

        ``masks`` is what dropout takes away, in training.
        """
        if masks and masks.words is not None:
            dropped = masks.words & (tokens != self.embedding.padding_idx)
            tokens = tokens.masked_fill(dropped, UNK_INDEX)
        x = self.embedding(tokens.t()).to(self.compute_dtype)  # [T, B, E]
        if masks:
            x = _drop(x, masks.embedding)
        order = reversal(lengths, tokens.shape[1])
        for number, cells in enumerate(self.layers):
            assert isinstance(cells, nn.ModuleList)
            if masks and number:
                x = _drop(x, masks.layers[number - 1])
            inputs = [x, _reverse(x, order)] if self.config.bidirectional else [x]
            outputs = run_layer(list(cells), inputs)  # type: ignore[arg-type]
            if self.config.bidirectional:
                outputs[1] = _reverse(outputs[1], order)
            x = torch.cat(outputs, dim=2)  # [T, B, D*H]
        time = torch.arange(tokens.shape[1], device=lengths.device).unsqueeze(1)
        outside = (time >= lengths).unsqueeze(2)  # [T, B, 1]
        pooled = [self._pool(kind, x, outside, lengths) for kind in self.config.poolings]
        logits: Tensor = self.output(
            _drop(torch.cat(pooled, dim=1), masks.output if masks else None)
        )
        return logits

    def _pool(self, kind: str, x: Tensor, outside: Tensor, lengths: Tensor) -> Tensor:
        """One vector a text, float32 [B, D*H], from x [T, B, D*H], what is ``outside`` left out.

        Written as they are because ``amax`` and ``einsum`` have far slower gradients.
        """
        if kind == "last":  # the last state of each direction
            hidden = self.config.hidden
            ends = x[lengths - 1, torch.arange(x.shape[1], device=x.device), :hidden]
            return torch.cat([ends, x[0, :, hidden:]], dim=1).float()
        if kind == "max":
            return x.masked_fill(outside, float("-inf")).max(dim=0).values.float()
        if kind == "mean":
            return x.masked_fill(outside, 0).sum(dim=0, dtype=torch.float32) / lengths.unsqueeze(1)
        scores = F.linear(x, self.attention.weight.to(x.dtype)).float()  # [T, B, 1]
        weights = scores.masked_fill(outside, float("-inf")).softmax(dim=0)
        return (weights.to(x.dtype) * x).sum(dim=0, dtype=torch.float32)


def _drop(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask.to(x.dtype)


def _reverse(x: Tensor, order: Tensor) -> Tensor:
    """Each text of x [T, B, F] reversed within its own length."""
    reordered: Tensor = _Permute.apply(x.flatten(0, 1), order)  # type: ignore[no-untyped-call]
    return reordered.view_as(x)
