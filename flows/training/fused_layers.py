"""The layers of a LoRA model, the same mathematics in fewer passes over memory. For fp32 on a CPU, where passes cost.

Each is an autograd function with a gradient written by hand and tested against the plain layers. Frozen weights get no
gradient. They read the weights of their neighbours directly, so they do not go with ZeRO-3, which takes weights away.
Imported by the training process only (it loads torch).
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch.nn import functional

_LOGIT_ROWS = 64
"""Rows of logits at once: 64 x 49,152 x 4 bytes stay in a cache of 32 MB."""


def fuse(model: Any) -> int:
    """Replaces the forward of every layer that it knows, in place. Returns how many; what it does not know stays."""
    from peft.tuners.lora.layer import Linear
    from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm

    count = 0
    for module in model.modules():
        forward = None
        if isinstance(module, Linear) and _is_plain(module):
            forward = _lora_forward
        elif isinstance(module, LlamaRMSNorm):
            forward = _norm_forward
        elif isinstance(module, LlamaMLP) and module.config.hidden_act == "silu":
            forward = _mlp_forward
        if forward is not None:
            module.forward = MethodType(forward, module)
            count += 1
    return count


def answer_loss(hidden: torch.Tensor, head: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy summed over the labels, without ever holding all logits.

    Shapes: hidden [labels, width], head [vocabulary, width] (frozen), labels [labels].
    """
    loss: torch.Tensor = _AnswerLoss.apply(hidden, head, labels)
    return loss


def _is_plain(layer: Any) -> bool:
    """One LoRA adapter without dropout, bias or variant, over a linear layer without bias."""
    adapters = layer.active_adapters
    return (
        len(adapters) == 1
        and not layer.fan_in_fan_out
        and not layer.lora_variant
        and not layer.lora_bias[adapters[0]]
        and layer.base_layer.bias is None
        and isinstance(layer.lora_dropout[adapters[0]], torch.nn.Identity)
    )


def _lora_forward(self: Any, x: torch.Tensor) -> torch.Tensor:
    name = self.active_adapters[0]
    weights = self.base_layer.weight, self.lora_A[name].weight, self.lora_B[name].weight
    y: torch.Tensor = _LoraLinear.apply(x, *weights, self.scaling[name])
    return y


def _norm_forward(self: Any, x: torch.Tensor) -> torch.Tensor:
    y: torch.Tensor = _RMSNorm.apply(x, self.weight, self.variance_epsilon)
    return y


def _mlp_forward(self: Any, x: torch.Tensor) -> Any:
    return self.down_proj(_SwiGLU.apply(self.gate_proj(x), self.up_proj(x)))


class _LoraLinear(torch.autograd.Function):  # type: ignore[misc]
    """y = x W' + scale * (x A') B' (Hu et al. 2021, "LoRA"); gradients of x, A and B."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scale: float
    ) -> torch.Tensor:
        flat = x.reshape(-1, x.shape[-1])
        low = flat @ a.t()
        y = (flat @ weight.t()).addmm_(low, b.t(), alpha=scale)
        ctx.save_for_backward(flat, weight, a, b, low)
        ctx.scale, ctx.shape = scale, x.shape
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        flat, weight, a, b, low = ctx.saved_tensors
        dy = gradients[0].reshape(-1, gradients[0].shape[-1])
        dlow = (dy @ b).mul_(ctx.scale)
        # The first layer's input is the frozen embedding: nobody asks for its gradient.
        dx = (dy @ weight).addmm_(dlow, a).view(ctx.shape) if ctx.needs_input_grad[0] else None
        return dx, None, dlow.t() @ flat, (dy.t() @ low).mul_(ctx.scale), None


class _RMSNorm(torch.autograd.Function):  # type: ignore[misc]
    """y = w x / sqrt(mean(x^2) + eps) (Zhang and Sennrich 2019), w frozen."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        inverse = norm.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        unit = x * inverse
        ctx.save_for_backward(unit, inverse, weight)
        return unit * weight

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        unit, inverse, weight = ctx.saved_tensors
        scaled = gradients[0] * weight
        along = torch.linalg.vecdot(scaled, unit).unsqueeze(-1).div_(unit.shape[-1])
        return scaled.addcmul_(unit, along, value=-1).mul_(inverse), None, None


class _SwiGLU(torch.autograd.Function):  # type: ignore[misc]
    """y = silu(gate) * up (Shazeer 2020); keeps gate and up only, and computes silu again on the way back."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up)
        return functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gate, up = ctx.saved_tensors
        dup = functional.silu(gate).mul_(gradients[0])
        return torch.ops.aten.silu_backward(gradients[0] * up, gate), dup


class _AnswerLoss(torch.autograd.Function):  # type: ignore[misc]
    """The gradient by the hidden states is made with the logits in hand, so that they are computed once and dropped."""

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, head: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        total = hidden.new_zeros(())
        gradient = torch.empty_like(hidden)
        for start in range(0, len(hidden), _LOGIT_ROWS):
            part = slice(start, start + _LOGIT_ROWS)
            logits, wanted = hidden[part] @ head.t(), labels[part, None]
            log_sum = logits.logsumexp(dim=-1, keepdim=True)
            total += (log_sum - logits.gather(1, wanted)).sum()
            chances = logits.sub_(log_sum).exp_()
            chances.scatter_add_(1, wanted, -torch.ones_like(log_sum))
            gradient[part] = chances @ head
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return ctx.saved_tensors[0] * gradients[0], None, None
