"""The adapter as PEFT's two files, and what is measured on them before anyone may use them.

Measured on the files themselves: they are read back into a fresh base model, as whoever serves them will do. The
trained model's logits come from the very code that trained it, so the check also compares that code with the library's
own layers.
Imported by the training process only (it loads torch).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from flows.pipeline import TrainingSpec
from flows.training.batches import PackedBatch
from flows.training.precision import Precision
from flows.training.trainer import Tensors, build_model, load_base
from policies.gates.adapter import AdapterMeasurements

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


def export_adapter(model: Any, weights: Tensors, folder: Path, *, base_name: str) -> None:
    """Writes the two files. The same weights give the same bytes."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    named = get_peft_model_state_dict(model, state_dict=dict(weights))
    save_file(dict(sorted(named.items())), folder / WEIGHTS, metadata={"format": "pt"})
    config = model.peft_config["default"]
    config.inference_mode = True
    config.save_pretrained(folder)
    fields = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    # A set, which PEFT writes in another order each time, and this machine's path.
    fields |= {"target_modules": sorted(fields["target_modules"]), "base_model_name_or_path": base_name}
    (folder / CONFIG).write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def measure_adapter(
    folder: Path,
    *,
    base_folder: Path,
    spec: TrainingSpec,
    precision: Precision,
    trained_logits: Sequence[torch.Tensor],
    batches: Sequence[PackedBatch],
) -> AdapterMeasurements:
    """Reads the files back and measures. `trained_logits[i]` are the trained model's for `batches[i]`.

    Files that do not fit the recipe are not loaded: their differences are `nan`.
    """
    from safetensors.torch import load_file

    tensors = load_file(folder / WEIGHTS)
    required = _required(base_folder, spec, precision)
    missing = required.keys() - tensors.keys()
    misshapen = [name for name in tensors.keys() & required.keys() if tuple(tensors[name].shape) != required[name]]
    reload_difference = base_difference = math.nan
    if not missing and not misshapen:
        reloaded, base = _reloaded_logits(folder, base_folder, precision, batches)
        reload_difference = _largest_difference(trained_logits, reloaded)
        base_difference = _largest_difference(reloaded, base)
    return AdapterMeasurements(
        tensors=len(tensors),
        zero=tuple(sorted(name for name, tensor in tensors.items() if not tensor.any())),
        not_finite=tuple(sorted(name for name, tensor in tensors.items() if not tensor.isfinite().all())),
        missing=tuple(sorted(missing)),
        unexpected=tuple(sorted(tensors.keys() - required.keys())),
        misshapen=tuple(sorted(misshapen)),
        precision=precision,
        largest_logit=repr(max(float(part.abs().max()) for part in trained_logits)),
        reload_difference=repr(reload_difference),
        base_difference=repr(base_difference),
    )


def _required(base_folder: Path, spec: TrainingSpec, precision: Precision) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors that this recipe's adapter has."""
    from peft import get_peft_model_state_dict

    state = get_peft_model_state_dict(build_model(base_folder, spec, precision))
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _reloaded_logits(
    folder: Path, base_folder: Path, precision: Precision, batches: Sequence[PackedBatch]
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Logits at the labels with the files and without, by the library's own layers, row by row without packing."""
    from peft import PeftModel

    model = PeftModel.from_pretrained(load_base(base_folder, precision), folder, autocast_adapter_dtype=False).eval()
    with torch.no_grad():
        reloaded = [_plain_logits(model, batch) for batch in batches]
        with model.disable_adapter():
            return reloaded, [_plain_logits(model, batch) for batch in batches]


def _plain_logits(model: Any, batch: PackedBatch) -> torch.Tensor:
    """The logits at the labels of a packed batch, each row computed whole and alone: [labels, vocabulary]."""
    parts: list[torch.Tensor] = []
    start = batch.prefix
    for group in batch.groups:
        for _ in range(group.rows):
            end = start + group.tokens
            ids = torch.tensor([[*batch.ids[: batch.prefix], *batch.ids[start:end]]])
            places = [place - start + batch.prefix for place in batch.label_positions if start <= place < end]
            parts.append(model(input_ids=ids, use_cache=False).logits[0, places].float())
            start = end
    return torch.cat(parts)


def _largest_difference(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))
