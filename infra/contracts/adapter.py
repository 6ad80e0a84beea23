"""Adapter: what fine-tuning leaves, with the record of how it was made and that it was checked."""

from __future__ import annotations

from typing import ClassVar, Literal

from infra.contracts.base import Contract, DigestStr, FloatStr, Frozen, Name


class AdapterFile(Frozen):
    """One file of the adapter (`adapter_model.safetensors`, `adapter_config.json`), kept as a blob."""

    name: str
    digest: DigestStr
    size_bytes: int


class TrainingFigures(Frozen):
    """What training measured."""

    steps: int
    tokens: int
    """Tokens that were computed: no padding, a shared prefix counted once a step."""
    label_tokens: int
    epochs: FloatStr
    first_loss: FloatStr
    last_loss: FloatStr
    """Mean over the last tenth of the steps, in nats per answer token."""
    tokens_per_s: FloatStr
    seconds: FloatStr
    loss_curve: DigestStr
    """Blob: JSON lines of step, loss, learning rate, tokens/s."""


class SanityCheck(Frozen):
    """What an adapter showed before it was let out (policies/gates/adapter.py)."""

    tensors: int
    zero_tensors: int
    reload_max_logit_difference: FloatStr
    base_max_logit_difference: FloatStr


class Adapter(Contract):
    """A LoRA adapter for one base model, trained on one snapshot by one recipe."""

    schema_id: ClassVar[str] = "sluice/adapter/1"

    pipeline: Name
    snapshot: DigestStr
    base_model: DigestStr
    recipe: DigestStr
    """Digest of the full training specification that the code built from the pipeline."""
    objective: Literal["sft"]
    method: Literal["lora"]
    rank: int
    alpha: int
    files: tuple[AdapterFile, ...]
    figures: TrainingFigures
    sanity: SanityCheck
