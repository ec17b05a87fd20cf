"""The network: embedding, a bidirectional multi-layer RNN, pooling, a linear output.

Exact on dense batches. A padded bidirectional RNN is wrong unless padding is kept out of it, and
packed sequences are slow on CPU (oneDNN has no kernel for them), so each direction runs densely:
forward over the padded batch, where padding comes last and reaches no token; backward over each
text reversed within its own length, then reversed back. Pooling masks the padding.
The result equals ``PackedSequence`` with the same weights.

Shapes: B texts, T tokens of the longest, E embedding size, H hidden size of one direction,
D directions, P pooled features (D*H of each pooling), K logits.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from senticli.config import ModelConfig
from senticli.text.vocab import UNK_INDEX
from senticli.training.network.cells import CELLS, run_layer
from senticli.training.network.dropout import Masks


class BiRNN(nn.Module):
    """The logits of a batch of texts, from token ids.

    Args:
        config: the architecture.
        vocab_size: the number of tokens, ``<unk>`` and ``<pad>`` included.
        outputs: K; 1 for two labels, else the number of labels.
        pad_index: the token id of ``<pad>``, whose embedding is zero and stays zero.
    """

    def __init__(self, config: ModelConfig, vocab_size: int, outputs: int, pad_index: int) -> None:
        super().__init__()
        self.config = config
        self.compute_dtype = torch.float32
        directions = 2 if config.bidirectional else 1
        self.embedding = nn.Embedding(vocab_size, config.embedding_dim, padding_idx=pad_index)
        self.layers = nn.ModuleList()  # of each layer, one cell a direction, forward first
        for layer in range(config.layers):
            inputs = config.width if layer else config.embedding_dim
            cells = [CELLS[config.rnn](inputs, config.hidden) for _ in range(directions)]
            self.layers.append(nn.ModuleList(cells))
        if "attention" in config.poolings:
            self.attention = nn.Linear(config.width, 1, bias=False)
        self.output = nn.Linear(config.width * len(config.poolings), outputs)

    def forward(self, token_ids: Tensor, lengths: Tensor, masks: Masks | None = None) -> Tensor:
        """Return logits, float32 [B, K].

        Args:
            token_ids: [B, T], padded at the end.
            lengths: the number of tokens of each text, [B].
            masks: dropout, in training.
        """
        x = self._embed(token_ids, masks)  # [T, B, E]
        hidden_states = self._run_layers(x, lengths, masks)  # [T, B, D*H]
        pooled = self._pool(hidden_states, lengths)  # [B, P]
        if masks:
            pooled = _drop(pooled, masks.output)
        logits: Tensor = self.output(pooled)  # [B, K]
        return logits

    def _embed(self, token_ids: Tensor, masks: Masks | None) -> Tensor:
        """Return the embeddings [T, B, E] of token_ids [B, T], in the dtype to compute in."""
        if masks and masks.token_mask is not None:
            is_unknown = masks.token_mask & (token_ids != self.embedding.padding_idx)
            token_ids = token_ids.masked_fill(is_unknown, UNK_INDEX)
        x: Tensor = self.embedding(token_ids.t()).to(self.compute_dtype)
        return _drop(x, masks.embedding) if masks else x

    def _run_layers(self, x: Tensor, lengths: Tensor, masks: Masks | None) -> Tensor:
        """Return the hidden states of the last layer, [T, B, D*H]."""
        order = _reversed_order(lengths, steps=len(x))
        for layer, cells in enumerate(self.layers):
            assert isinstance(cells, nn.ModuleList)
            if masks and layer:
                x = _drop(x, masks.layers[layer - 1])
            inputs = [x]
            if self.config.bidirectional:
                inputs.append(_reverse(x, order))
            hidden_states = run_layer(list(cells), inputs)  # type: ignore[arg-type]  # D × [T, B, H]
            if self.config.bidirectional:
                hidden_states[1] = _reverse(hidden_states[1], order)
            x = torch.cat(hidden_states, dim=2)  # [T, B, D*H]
        return x

    def _pool(self, hidden_states: Tensor, lengths: Tensor) -> Tensor:
        """Return one vector a text from hidden_states [T, B, D*H], float32 [B, P]."""
        time = torch.arange(len(hidden_states), device=lengths.device).unsqueeze(1)  # [T, 1]
        is_padding = (time >= lengths).unsqueeze(2)  # [T, B, 1]
        pooled = [
            self._pool_by(kind, hidden_states, lengths, is_padding) for kind in self.config.poolings
        ]  # of [B, D*H]
        return torch.cat(pooled, dim=1)

    def _pool_by(self, kind: str, states: Tensor, lengths: Tensor, is_padding: Tensor) -> Tensor:
        """Return one vector a text, float32 [B, D*H], by one kind of pooling.

        Written like this because ``amax`` and ``einsum`` have far slower gradients.
        """
        if kind == "last":  # the last state of each direction
            hidden = self.config.hidden
            text = torch.arange(len(lengths), device=lengths.device)
            forward = states[lengths - 1, text, :hidden]
            backward = states[0, :, hidden:]
            return torch.cat([forward, backward], dim=1).float()
        if kind == "max":
            return states.masked_fill(is_padding, float("-inf")).max(dim=0).values.float()
        if kind == "mean":
            total = states.masked_fill(is_padding, 0).sum(dim=0, dtype=torch.float32)
            return total / lengths.unsqueeze(1)
        scores = F.linear(states, self.attention.weight.to(states.dtype)).float()  # [T, B, 1]
        weights = scores.masked_fill(is_padding, float("-inf")).softmax(dim=0)
        return (weights.to(states.dtype) * states).sum(dim=0, dtype=torch.float32)


def _drop(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask.to(x.dtype)


def _reversed_order(lengths: Tensor, steps: int) -> Tensor:
    """Return the order of the T*B rows of a [T, B, ...] batch that reverses each text in place.

    Padding stays where it is, so that applying the order twice changes nothing.
    """
    time = torch.arange(steps, device=lengths.device).unsqueeze(1)  # [T, 1]
    source = torch.where(time < lengths, lengths - 1 - time, time)  # [T, B]
    text = torch.arange(len(lengths), device=lengths.device)  # [B]
    return (source * len(lengths) + text).flatten()


def _reverse(x: Tensor, order: Tensor) -> Tensor:
    """Reverse each text of x [T, B, F] within its own length."""
    reordered: Tensor = _Reorder.apply(x.flatten(0, 1), order)  # type: ignore[no-untyped-call]
    return reordered.view_as(x)


class _Reorder(torch.autograd.Function):
    """The rows of x in an order that is its own inverse.

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
