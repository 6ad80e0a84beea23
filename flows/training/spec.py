"""What a training is told: the recipe, which decides the adapter, and the job, which says where things lie.

No text of a row stands in either.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import ClassVar

from flows.pipeline import Pipeline, TrainingSpec
from flows.stage_code import stage_code
from infra.contracts.base import Contract, DigestStr, Frozen, Name
from infra.contracts.dataset import DatasetSnapshot
from infra.digest import Digest
from infra.settings import TelemetrySettings

_LIBRARIES = ("deepspeed", "peft", "safetensors", "tokenizers", "torch", "transformers")


class Recipe(Contract):
    """The full training specification: the same recipe on the same kind of machine gives the same adapter."""

    schema_id: ClassVar[str] = "sluice/training-recipe/2"

    pipeline: Name
    rows: DigestStr
    """Digest of the manifest of the training rows: what else a snapshot holds changes no adapter."""
    base_model: DigestStr
    base_name: Name
    system: str
    """The system prompt, which every training row begins with."""
    training: TrainingSpec
    libraries: tuple[str, ...]
    """Names and versions of what computes."""
    code: DigestStr
    """Digest of the training program's own modules."""


class Job(Frozen):
    """One training as the worker is given it, in a file."""

    recipe: Recipe
    snapshot: DigestStr
    """Digest of a snapshot with the recipe's rows."""
    home: str
    base_folder: str
    folder: str
    """Working folder: checkpoints, the adapter before its check."""
    telemetry: TelemetrySettings
    mlflow_url: str
    traceparent: str


def recipe_of(pipeline: Pipeline, snapshot: DatasetSnapshot, base_model: Digest) -> Recipe:
    """Builds the recipe from the pipeline and the versions that are installed."""
    return Recipe(
        pipeline=pipeline.name,
        rows=snapshot.split("train").manifest,
        base_model=base_model,
        base_name=pipeline.base_model,
        system=pipeline.prompt.system,
        training=pipeline.training,
        libraries=tuple(f"{name} {version(name)}" for name in _LIBRARIES),
        code=stage_code("flows.training.worker"),
    )
