"""May this adapter leave the training? Judges what was measured on it; reads nothing itself.

DeepSpeed and PEFT together are known to save adapters that are empty or all zero (weights that were partitioned when
they were saved), and such an adapter answers exactly as the base model does, without any error. So it is looked for.
"""

from __future__ import annotations

from typing import Literal

from infra.contracts.base import FloatStr, Frozen
from infra.errors import CheckFailed

_RELATIVE_TOLERANCE = {"fp32": 1e-3, "bf16": 5e-2}
"""Largest difference between the trained and the reloaded model's logits, as a share of the largest logit: the two
compute in another order. An adapter that is not applied at all, or at the wrong strength, differs by far more."""
_SHOWN = 3


class AdapterMeasurements(Frozen):
    """What was measured on an exported adapter. Lists name tensors."""

    tensors: int
    zero: tuple[str, ...]
    """Tensors that hold nothing but zeros. A B matrix starts so and was not trained then; an A matrix never is."""
    not_finite: tuple[str, ...]
    missing: tuple[str, ...]
    """Tensors that the adapter's own configuration requires and the file lacks."""
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]
    precision: Literal["fp32", "bf16"]
    largest_logit: FloatStr
    reload_difference: FloatStr
    """Largest absolute difference of logits on held rows: the trained model against base model plus exported files."""
    base_difference: FloatStr
    """The same, exported files against the base model alone."""


def adapter_faults(measured: AdapterMeasurements) -> tuple[str, ...]:
    """Every reason why the adapter must not leave; () where there is none. What is not a number counts as a fault."""
    faults = [] if measured.tensors else ["it holds no tensors"]
    for names, what in (
        (measured.zero, "hold nothing but zeros"),
        (measured.not_finite, "hold values that are not finite"),
        (measured.missing, "are required by its configuration and missing"),
        (measured.unexpected, "are not known to its configuration"),
        (measured.misshapen, "have another shape than its configuration requires"),
    ):
        if names:
            more = ", ..." if len(names) > _SHOWN else ""
            faults.append(f"{len(names)} tensors {what}: {', '.join(names[:_SHOWN])}{more}")
    tolerance = _RELATIVE_TOLERANCE[measured.precision] * float(measured.largest_logit)
    reloaded, changed = float(measured.reload_difference), float(measured.base_difference)
    if not reloaded <= tolerance:
        faults.append(
            f"reloaded, its logits differ from the trained model's by {reloaded:.3g}, allowed {tolerance:.3g}"
        )
    if not changed > tolerance:
        faults.append(f"its logits differ from the base model's by {changed:.3g} only: it changes nothing")
    return tuple(faults)


def require_sound(measured: AdapterMeasurements) -> None:
    """Lets a sound adapter pass. Raises CheckFailed with every fault."""
    if faults := adapter_faults(measured):
        raise CheckFailed(
            "the trained adapter fails its sanity check: " + "; ".join(faults),
            cure="nothing was kept; train longer (training.epochs, training.max_tokens) or lower training.zero_stage",
        )
