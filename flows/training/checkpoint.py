"""Checkpoints of a training: safetensors and JSON, whole or not there at all, the last two kept.

    FOLDER/step-00000050/tensors.safetensors    weight/NAME, first/NAME, second/NAME in fp32
    FOLDER/step-00000050/state.json             which recipe, which step, what was measured so far, the tensors' digest

A checkpoint is written beside its place, synced to the disk and renamed, so that a crash leaves the old one or the new.
One that another recipe made, or whose bytes are not what its JSON says, is passed over. Nothing is unpickled:
DeepSpeed's own checkpoints are, so they are not used.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import ValidationError

from flows.training.step_line import StepLine
from infra.contracts.base import Contract, DigestStr
from infra.digest import Digest, sha256_file
from infra.errors import BadInput, StoreError
from infra.faults import named_fault

if TYPE_CHECKING:
    import torch

    from flows.training.trainer import TrainerState

_TENSORS, _STATE = "tensors.safetensors", "state.json"
_KEPT = 2


class CheckpointState(Contract):
    """What stands beside the tensors. The order of the rows follows from the recipe's seed and the step."""

    schema_id: ClassVar[str] = "sluice/training-checkpoint/1"

    recipe: DigestStr
    step: int
    precision: Literal["fp32", "bf16"]
    seconds: float
    label_tokens: int
    curve: tuple[StepLine, ...]
    tensors: DigestStr


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found whole."""

    state: CheckpointState
    folder: Path

    def load(self) -> TrainerState:
        """Reads the tensors, on the CPU."""
        from safetensors.torch import load_file

        from flows.training.trainer import TrainerState

        tensors = load_file(self.folder / _TENSORS)
        weights, first, second = (_part(tensors, part) for part in ("weight", "first", "second"))
        return TrainerState(weights, first, second, self.state.step)


def save_checkpoint(folder: Path, tensors: TrainerState, state: CheckpointState) -> Path:
    """Writes a checkpoint and removes all but the last two. `state.tensors` is filled in here. Raises StoreError."""
    from safetensors import SafetensorError

    place = folder / f"step-{state.step:08d}"
    temporary = folder / f".{place.name}.{os.getpid()}.tmp"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True, mode=0o700)
        _write_tensors(temporary / _TENSORS, tensors)
        filled = state.model_copy(update={"tensors": sha256_file(temporary / _TENSORS)})
        (temporary / _STATE).write_bytes(filled.to_json())
        for path in (temporary / _TENSORS, temporary / _STATE, temporary):
            _sync(path)
        if place.exists():
            shutil.rmtree(place)
        temporary.rename(place)
        _sync(folder)
        for old in sorted(folder.glob("step-*"))[:-_KEPT]:
            shutil.rmtree(old)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        fault = named_fault(error)
        raise StoreError(
            f"cannot write a checkpoint: {fault.what if fault else type(error).__name__}",
            where=str(folder),
            cure="free some disk space; the same command then goes on after the checkpoint before",
        ) from None
    return place


def last_checkpoint(folder: Path, recipe: Digest) -> Checkpoint | None:
    """The latest whole checkpoint of this recipe, None where there is none."""
    for place in sorted(folder.glob("step-*"), reverse=True):
        try:
            state = CheckpointState.from_json((place / _STATE).read_bytes())
            if state.recipe == recipe and sha256_file(place / _TENSORS) == state.tensors:
                return Checkpoint(state, place)
        except (OSError, BadInput, ValidationError):
            continue
    return None


def _write_tensors(path: Path, state: TrainerState) -> None:
    from safetensors.torch import save_file

    parts = {"weight": state.weights, "first": state.first_moments, "second": state.second_moments}
    save_file({f"{part}/{name}": tensor for part, named in parts.items() for name, tensor in named.items()}, path)


def _part(tensors: dict[str, torch.Tensor], part: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(f"{part}/"): value for name, value in tensors.items() if name.startswith(f"{part}/")}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
