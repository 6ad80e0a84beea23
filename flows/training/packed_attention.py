"""Attention over a packed batch: each row sees the shared prefix and itself. For transformers' attention interface.

Only attention mixes tokens; every other layer takes the batch as one long sequence. So this one function is all that a
model of the library needs to train without padding and without computing the shared prefix more than once, gradients
through the prefix included. Imported by the training process only (it loads torch).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from flows.training.batches import Group, PackedBatch

NAME = "sluice_packed"


@dataclass(frozen=True)
class Layout:
    """Where the parts of a packed batch are; one mask for each part, `True` where a query may look."""

    sizes: tuple[int, ...]
    """Tokens of the prefix, then of each group."""
    groups: tuple[Group, ...]
    masks: tuple[torch.Tensor, ...]


def layout_of(batch: PackedBatch, *, heads_per_key: int, device: torch.device) -> Layout:
    """The layout of a batch. Query heads that share a key head stand below each other, so keys are never repeated."""
    sizes = (batch.prefix, *(group.rows * group.tokens for group in batch.groups))
    masks = [_causal(0, batch.prefix, heads_per_key, device)]
    masks += [_causal(batch.prefix, group.tokens, heads_per_key, device) for group in batch.groups]
    return Layout(sizes, batch.groups, tuple(masks))


def register() -> None:
    """Makes the function known to transformers under NAME. It asks for no mask of the library's own."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(NAME, _attend)


def _causal(seen: int, tokens: int, heads_per_key: int, device: torch.device) -> torch.Tensor:
    mask = torch.ones(tokens, seen + tokens, dtype=torch.bool, device=device).tril(seen)
    return mask.repeat(heads_per_key, 1)


def _attend(
    module: Any,  # noqa: ARG001
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: object,  # noqa: ARG001
    *,
    scaling: float,
    layout: Layout,
    **more: object,  # noqa: ARG001
) -> tuple[torch.Tensor, None]:
    """Query [1, heads, tokens, width], key and value [1, key heads, tokens, width] -> [1, tokens, heads, width]."""
    queries, keys, values = (part[0].split(layout.sizes, dim=1) for part in (query, key, value))
    outputs = [_rows(queries[0], keys[0][None], values[0][None], layout.masks[0], scaling, 1)]
    for number, group in enumerate(layout.groups, start=1):
        all_keys = _after_prefix(keys[0], keys[number], group)
        all_values = _after_prefix(values[0], values[number], group)
        outputs.append(_rows(queries[number], all_keys, all_values, layout.masks[number], scaling, group.rows))
    return torch.cat(outputs)[None], None


def _after_prefix(prefix: torch.Tensor, own: torch.Tensor, group: Group) -> torch.Tensor:
    """[key heads, rows * tokens, width] -> [rows, key heads, prefix + tokens, width]."""
    heads, _, width = own.shape
    rows = own.reshape(heads, group.rows, group.tokens, width).transpose(0, 1)
    return torch.cat([prefix.expand(group.rows, -1, -1, -1), rows], dim=2)


def _rows(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, scaling: float, rows: int
) -> torch.Tensor:
    """Attention of one part: query [heads, rows * tokens, width] -> [rows * tokens, heads, width]."""
    heads, count, width = query.shape
    tokens = count // rows
    if not count:
        return query.transpose(0, 1)
    below = query.reshape(heads, rows, tokens, width).transpose(0, 1).reshape(rows, key.shape[1], -1, width)
    found = functional.scaled_dot_product_attention(below, key, value, attn_mask=mask, scale=scaling)
    return found.view(rows, heads, tokens, width).transpose(1, 2).reshape(count, heads, width)
