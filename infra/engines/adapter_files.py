"""A LoRA adapter's two files, as an engine needs them: checked against the base model, with the scale worked out."""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.base_model import BaseModel
from infra.errors import CheckFailed, StoreError

_NAME = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")
_HEADER_BYTES = 100_000_000
_CURE = "train the adapter again"


@dataclass(frozen=True)
class AdapterFiles:
    """Where PEFT's two files lie; they may have any names (blobs are named by digest)."""

    weights: Path
    config: Path


def adapter_scale(files: AdapterFiles) -> float:
    """The strength at which PEFT applies the adapter: alpha / r, or alpha / sqrt(r) for rsLoRA.

    OpenVINO reads no adapter_config.json: without this number the adapter is applied at the wrong strength, silently.
    Raises StoreError when the file cannot be read, CheckFailed for what an engine would apply differently from PEFT.
    """
    try:
        fields = json.loads(files.config.read_text(encoding="utf-8"))
        rank, alpha = int(fields["r"]), float(fields["lora_alpha"])
    except (OSError, ValueError, KeyError, TypeError):
        raise StoreError("the adapter's configuration cannot be read", where=str(files.config), cure=_CURE) from None
    unusual = [name for name in ("rank_pattern", "alpha_pattern", "use_dora", "modules_to_save") if fields.get(name)]
    if fields.get("bias", "none") != "none":
        unusual.append("bias")
    if unusual or rank < 1:
        raise CheckFailed(
            f"the adapter uses {', '.join(unusual) or 'a rank of zero'}, which the engine would apply wrongly",
            where=str(files.config),
            cure="train a plain LoRA adapter",
        )
    return alpha / (math.sqrt(rank) if fields.get("use_rslora") else rank)


def check_adapter(files: AdapterFiles, base: BaseModel) -> None:
    """Raises CheckFailed unless every tensor is a LoRA matrix of a layer that the base model has, in pairs.

    The engine would pass over an unknown name in silence and answer like the base model.
    """
    layers = {name.removesuffix(".weight") for name in _tensor_names(base.folder / "model.safetensors")}
    names = _tensor_names(files.weights)
    found = [_NAME.fullmatch(name) for name in names]
    halves = [{match[1] for match in found if match and match[2] == side} for side in "AB"]
    if not names or not all(found) or halves[0] != halves[1] or not halves[0] <= layers:
        raise CheckFailed("the adapter does not fit the base model's layers", where=str(files.weights), cure=_CURE)


def _tensor_names(path: Path) -> list[str]:
    """Names in the header of a safetensors file: 8 bytes of length, then JSON."""
    try:
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            if size > _HEADER_BYTES:
                raise ValueError
            header: dict[str, Any] = json.loads(file.read(size))
    except (OSError, ValueError, struct.error):
        raise StoreError("not a safetensors file", where=str(path), cure=_CURE) from None
    return [name for name in header if name != "__metadata__"]
