"""The network: embedding, a bidirectional multi-layer RNN, pooling, a linear output.

Exact on dense batches. A padded bidirectional RNN is wrong unless padding is kept out of it, and
packed sequences are slow on CPU (oneDNN has no kernel for them), so each direction runs densely:
forward over the padded batch, where padding comes last and reaches no real position; backward
over each text reversed within its own length, then reversed back. Pooling masks the padding.
The result equals ``PackedSequence`` with the same weights.

Shapes: B texts, T tokens of the longest, E embedding size, H hidden size of one direction,
D directions, K outputs.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from senticli.config import ModelConfig
from senticli.text.vocab import UNK_INDEX

CELLS: dict[str, Callable[[int, int], nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


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
        width = config.hidden * directions
        self.embedding = nn.Embedding(vocab_size, config.embedding_dim, padding_idx=pad_index)
        self.layers = nn.ModuleList()  # one list of directions a layer, forward first
        for layer in range(config.layers):
            inputs = width if layer else config.embedding_dim
            cells = [CELLS[config.rnn](inputs, config.hidden) for _ in range(directions)]
            self.layers.append(nn.ModuleList(cells))
        self.poolings = config.pooling.split("+")
        if "attention" in self.poolings:
            self.attention = nn.Linear(width, 1, bias=False)
        self.output = nn.Linear(width * len(self.poolings), outputs)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits, float32 [B, K], of ``tokens`` [B, T] whose real ``lengths`` are [B]."""
        config = self.config
        steps = tokens.shape[1]
        if self.training and config.word_dropout:
            dropped = torch.rand(tokens.shape, device=tokens.device) < config.word_dropout
            tokens = tokens.masked_fill(dropped & (tokens != self.embedding.padding_idx), UNK_INDEX)
        x = self.embedding(tokens.t()).to(self.compute_dtype)  # [T, B, E]
        x = F.dropout(x, config.embedding_dropout, self.training)
        order = reversal(lengths, steps)
        for number, cells in enumerate(self.layers):
            assert isinstance(cells, nn.ModuleList)
            if number:
                x = F.dropout(x, config.layer_dropout, self.training)
            outputs = [self._run(cells[0], x)]
            if config.bidirectional:
                outputs.append(_reverse(self._run(cells[1], _reverse(x, order)), order))
            x = torch.cat(outputs, dim=2)  # [T, B, D*H]
        mask = torch.arange(steps, device=lengths.device).unsqueeze(1) < lengths  # [T, B]
        pooled = torch.cat([self._pool(kind, x, mask, lengths) for kind in self.poolings], dim=1)
        pooled = F.dropout(pooled, config.output_dropout, self.training)
        logits: Tensor = self.output(pooled)
        return logits

    def _run(self, cell: nn.Module, x: Tensor) -> Tensor:
        """One direction of one layer over x [T, B, in], in the dtype of x: [T, B, H].

        The functional form lets float32 master weights serve a bfloat16 run.
        """
        assert isinstance(cell, nn.RNNBase)
        weights = [weight.to(x.dtype) for weight in cell._flat_weights if weight is not None]
        state = x.new_zeros(1, x.shape[1], cell.hidden_size)
        options = (True, 1, 0.0, self.training, False, False)  # biases, layers, dropout, …
        if isinstance(cell, nn.LSTM):
            return torch.lstm(x, (state, state), weights, *options)[0]
        run = torch.gru if isinstance(cell, nn.GRU) else torch.rnn_tanh
        return run(x, state, weights, *options)[0]

    def _pool(self, kind: str, x: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        """One vector a text, float32 [B, D*H], from x [T, B, D*H], padding masked out."""
        if kind == "last":  # the last state of each direction
            hidden = self.config.hidden
            ends = x[lengths - 1, torch.arange(x.shape[1], device=x.device), :hidden]
            return torch.cat([ends, x[0, :, hidden:]], dim=1).float()
        mask = mask.unsqueeze(2)
        if kind == "max":
            return x.masked_fill(~mask, float("-inf")).amax(dim=0).float()
        if kind == "mean":
            total = (x * mask).sum(dim=0, dtype=torch.float32)
            return total / lengths.unsqueeze(1)
        scores = F.linear(x, self.attention.weight.to(x.dtype)).float()  # [T, B, 1]
        weights = scores.masked_fill(~mask, float("-inf")).softmax(dim=0)
        return torch.einsum("tbo,tbh->bh", weights.to(x.dtype), x).float()


def _reverse(x: Tensor, order: Tensor) -> Tensor:
    """Each text of x [T, B, F] reversed within its own length."""
    reordered: Tensor = _Permute.apply(x.flatten(0, 1), order)  # type: ignore[no-untyped-call]
    return reordered.view_as(x)
