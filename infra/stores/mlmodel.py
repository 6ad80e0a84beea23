"""The folder of an MLflow model: MLmodel file, signature, input example and the adapter's files.

JSON, YAML and safetensors; nothing is pickled.

The flavour is our own: a version is served by Sluice, behind its guardrails, and not by `mlflow models serve`.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from infra.digest import Digest, sha256_file
from infra.errors import StoreError

ADAPTER_FOLDER = "adapter"
FLAVOUR = "sluice"
_EXAMPLE = "Hello! Where can I see what my subscription costs?"
"""Made up for the input example; never the text of a row."""


@dataclass(frozen=True)
class ModelFile:
    """One file of the adapter: its name in the model's folder, where it lies now, and what it must hash to."""

    name: str
    path: Path
    digest: Digest


@dataclass(frozen=True)
class ModelDescription:
    """What stands in the MLmodel file beside the files."""

    pipeline: str
    base_model: str
    adapter: Digest
    max_tokens: int


def write_model_folder(
    folder: Path, files: tuple[ModelFile, ...], description: ModelDescription, *, run_id: str
) -> None:
    """Fills an empty folder with a model that MLflow lists with its signature and input example.

    Raises StoreError when a file of the adapter is not what its digest says.
    """
    adapter = folder / ADAPTER_FOLDER
    adapter.mkdir(parents=True)
    for file in files:
        copy = adapter / Path(file.name).name
        try:
            shutil.copyfile(file.path, copy)
        except OSError as error:
            raise StoreError(
                f"cannot read a file of the adapter: {error.strerror}", where=file.name, cure="sluice doctor"
            ) from None
        if sha256_file(copy) != file.digest:
            raise StoreError(
                "a file of the adapter is not what its digest says",
                where=file.name,
                cure="retrain; the blob was changed",
            )
    example = _example(description)
    _write_json(folder / "input_example.json", example)
    _write_json(folder / "serving_input_example.json", example)
    _write_mlmodel(folder, description, run_id)


def _example(description: ModelDescription) -> dict[str, object]:
    messages = [{"role": "user", "content": _EXAMPLE}]
    return {"model": description.pipeline, "messages": messages, "max_tokens": description.max_tokens}


def _write_mlmodel(folder: Path, description: ModelDescription, run_id: str) -> None:
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array, Object, Property

    turn = Object([Property("role", DataType.string), Property("content", DataType.string)])
    inputs = Schema(
        [
            ColSpec(DataType.string, "model"),
            ColSpec(Array(turn), "messages"),
            ColSpec(DataType.long, "max_tokens", required=False),
        ]
    )
    outputs = Schema(
        [ColSpec(Array(Object([Property("message", turn), Property("finish_reason", DataType.string)])), "choices")]
    )
    model = Model(
        run_id=run_id,
        artifact_path="model",
        signature=ModelSignature(inputs=inputs, outputs=outputs),
        saved_input_example_info={
            "artifact_path": "input_example.json",
            "serving_input_path": "serving_input_example.json",
            "type": "json_object",
        },
        metadata={"adapter": description.adapter, "base_model": description.base_model},
    )
    model.add_flavor(
        FLAVOUR,
        adapter=ADAPTER_FOLDER,
        base_model=description.base_model,
        format="PEFT LoRA, safetensors",
        served_by="sluice up",
    )
    model.save(str(folder / "MLmodel"))


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
