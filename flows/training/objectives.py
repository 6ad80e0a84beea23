"""Objectives: what a batch is asked to become. `sft`: the answer's tokens, given everything before them.

Imported by the training process only (it loads torch).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from flows.training import packed_attention
from flows.training.batches import PackedBatch
from flows.training.fused_layers import answer_loss, fuse
from flows.training.packed_attention import Layout, layout_of


@dataclass(frozen=True)
class BatchTensors:
    """A packed batch on the device."""

    ids: torch.Tensor
    """[1, tokens]"""
    positions: torch.Tensor
    """[1, tokens]"""
    layout: Layout
    label_positions: torch.Tensor
    """[labels]"""
    labels: torch.Tensor
    """[labels]"""


class AnswerLoss(torch.nn.Module):  # type: ignore[misc]
    """A causal language model with LoRA, as one module from a packed batch to the summed loss of its answers.

    Logits are computed where there is a label, and nowhere else. `fused` replaces the model's layers in place (see
    fused_layers).
    """

    def __init__(self, peft_model: Any, *, fused: bool) -> None:
        super().__init__()
        packed_attention.register()
        self.model = peft_model
        self.fused = fused
        causal = peft_model.get_base_model()
        causal.set_attn_implementation(packed_attention.NAME)
        self._heads_per_key = causal.config.num_attention_heads // causal.config.num_key_value_heads
        if fused:
            fuse(peft_model)

    def tensors(self, batch: PackedBatch, device: torch.device) -> BatchTensors:
        """Puts a batch on the device."""

        def whole(values: tuple[int, ...]) -> torch.Tensor:
            return torch.tensor(values, device=device)

        layout = layout_of(batch, heads_per_key=self._heads_per_key, device=device)
        return BatchTensors(
            whole(batch.ids)[None],
            whole(batch.positions)[None],
            layout,
            whole(batch.label_positions),
            whole(batch.labels),
        )

    def hidden(self, batch: BatchTensors) -> torch.Tensor:
        """The last hidden states where there is a label: [labels, width]."""
        backbone = self.model.get_base_model().base_model
        states = backbone(
            input_ids=batch.ids, position_ids=batch.positions, use_cache=False, layout=batch.layout
        ).last_hidden_state
        return states[0].index_select(0, batch.label_positions)

    def logits(self, batch: BatchTensors) -> torch.Tensor:
        """The logits where there is a label: [labels, vocabulary]."""
        return self.model.get_base_model().get_output_embeddings()(self.hidden(batch))

    def forward(self, batch: BatchTensors) -> torch.Tensor:
        """The cross-entropy summed over the batch's labels, in nats."""
        if self.fused:
            head = self.model.get_base_model().get_output_embeddings().weight
            return answer_loss(self.hidden(batch), head, batch.labels)
        return functional.cross_entropy(self.logits(batch).float(), batch.labels, reduction="sum")
