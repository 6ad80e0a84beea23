"""Trainer: the model under DeepSpeed, one optimiser step at a time, and its whole state as plain named tensors.

State goes out and in through DeepSpeed's public functions for partitioned parameters, so that the same tensors come out
whatever the ZeRO stage and the number of ranks. Imported by the training process only (it loads torch).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from flows.pipeline import TrainingSpec
from flows.training.batches import PackedBatch
from flows.training.objectives import AnswerLoss
from flows.training.precision import Precision, dtype_of

Tensors = dict[str, torch.Tensor]

_MOMENTS = ("exp_avg", "exp_avg_sq")
_BETAS = (0.9, 0.999)
_WEIGHT_DECAY = 0.01
_LARGEST_NORM = 1.0


@dataclass(frozen=True)
class TrainerState:
    """All that a continuation needs: trained weights and AdamW's moments in fp32 by parameter name, and steps done."""

    weights: Tensors
    first_moments: Tensors
    second_moments: Tensors
    step: int


def build_model(base_folder: Path, spec: TrainingSpec, precision: Precision) -> Any:
    """The base model with a fresh adapter on every linear layer; the seed alone decides the adapter's weights."""
    from peft import LoraConfig, get_peft_model

    base = load_base(base_folder, precision)
    torch.manual_seed(spec.seed)
    config = LoraConfig(
        r=spec.rank,
        lora_alpha=spec.alpha,
        target_modules="all-linear",
        lora_dropout=0.0,
        bias="none",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(base, config, autocast_adapter_dtype=False)


def load_base(base_folder: Path, precision: Precision) -> Any:
    """The base model from its folder, safetensors only, nothing looked up anywhere else."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        base_folder,
        dtype=dtype_of(precision),
        attn_implementation="sdpa",
        local_files_only=True,
        use_safetensors=True,
    )


class Trainer:
    """One rank's part of the training."""

    def __init__(self, loss: AnswerLoss, spec: TrainingSpec, *, precision: Precision, ranks: int) -> None:
        import deepspeed

        self._ranks = ranks
        self._trained = [parameter for parameter in loss.parameters() if parameter.requires_grad]
        self._engine, *_ = deepspeed.initialize(
            model=loss, model_parameters=self._trained, config=_config(spec, precision, ranks)
        )
        self.device = torch.device(self._engine.device)

    @property
    def loss(self) -> AnswerLoss:
        """The module being trained."""
        module: AnswerLoss = self._engine.module
        return module

    def step(self, batch: PackedBatch, *, labels: int, learning_rate: float) -> float:
        """Makes one step on this rank's share. `labels` counts those of all ranks. Returns the mean loss over them."""
        for group in self._engine.optimizer.param_groups:
            group["lr"] = learning_rate
        summed = self._engine(self.loss.tensors(batch, self.device))
        # DeepSpeed takes the mean over the ranks; what we want is the mean over all labels.
        self._engine.backward(summed * (self._ranks / labels))
        self._engine.step()
        total = summed.detach().float()
        if self._ranks > 1:
            torch.distributed.all_reduce(total)
        return float(total) / labels

    def weights(self) -> Tensors:
        """The trained weights, whole, in fp32 on the CPU. Every rank must call it."""
        return {name: self._whole(parameter) for name, parameter in self._named()}

    def state(self, step: int) -> TrainerState:
        """The whole state after `step` steps. Every rank must call it."""
        first, second = (
            {name: self._whole(parameter, moment) for name, parameter in self._named()} for moment in _MOMENTS
        )
        return TrainerState(self.weights(), first, second, step)

    def restore(self, state: TrainerState, any_batch: PackedBatch) -> None:
        """Goes back to a state. AdamW makes its moments with its first step, so one of rate and gradient 0 is made."""
        for group in self._engine.optimizer.param_groups:
            group["lr"] = 0.0
        self._engine.backward(self._engine(self.loss.tensors(any_batch, self.device)) * 0.0)
        self._engine.step()
        for name, parameter in self._named():
            self._put(parameter, state.weights[name], None)
            for moment, tensors in zip(_MOMENTS, (state.first_moments, state.second_moments), strict=True):
                self._put(parameter, tensors[name], moment)
        for kept in self._adam.state.values():
            kept["step"].fill_(state.step)

    @property
    def _adam(self) -> Any:
        """AdamW itself; a ZeRO optimiser wraps it."""
        return getattr(self._engine.optimizer, "optimizer", self._engine.optimizer)

    def _named(self) -> list[tuple[str, Any]]:
        return [(name, parameter) for name, parameter in self.loss.model.named_parameters() if parameter.requires_grad]

    def _whole(self, parameter: Any, moment: str | None = None) -> torch.Tensor:
        from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state

        if not _is_partitioned(parameter):
            found = parameter.data if moment is None else self._adam.state[parameter][moment]
        elif moment is None:
            found = safe_get_full_fp32_param(parameter)
        else:
            found = safe_get_full_optimizer_state(parameter, moment)
        return found.detach().float().cpu().clone()

    def _put(self, parameter: Any, value: torch.Tensor, moment: str | None) -> None:
        from deepspeed.utils import safe_set_full_fp32_param, safe_set_full_optimizer_state

        value = value.to(self.device)
        if not _is_partitioned(parameter):
            (parameter.data if moment is None else self._adam.state[parameter][moment]).copy_(value)
        elif moment is None:
            safe_set_full_fp32_param(parameter, value)
            if not hasattr(parameter, "ds_id"):
                # The copy that computes; ZeRO-3 keeps it in the partitions that were just set.
                parameter.data.copy_(value)
        else:
            safe_set_full_optimizer_state(parameter, value, moment)


def _is_partitioned(parameter: Any) -> bool:
    return hasattr(parameter, "ds_id") or hasattr(parameter, "_hp_mapping")


def put_weights(model: Any, weights: Mapping[str, torch.Tensor]) -> None:
    """Puts trained weights into a model that DeepSpeed has not taken over yet."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in weights.items():
            parameters[name].copy_(value)


def _config(spec: TrainingSpec, precision: Precision, ranks: int) -> dict[str, object]:
    """DeepSpeed's configuration. `torch_adam`: its own Adam would compile a C++ extension on first use."""
    adam = {"lr": spec.learning_rate, "betas": list(_BETAS), "weight_decay": _WEIGHT_DECAY, "torch_adam": True}
    return {
        "train_micro_batch_size_per_gpu": max(1, spec.batch_rows // ranks),
        "gradient_accumulation_steps": 1,
        "gradient_clipping": _LARGEST_NORM,
        "optimizer": {"type": "AdamW", "params": adam},
        "zero_optimization": {"stage": spec.zero_stage},
        "bf16": {"enabled": precision == "bf16"},
        "steps_per_print": 2**31 - 1,
    }
