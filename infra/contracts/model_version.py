"""ModelVersion: the manifest of one registered model: everything needed to serve it, and every parent's digest."""

from __future__ import annotations

from typing import ClassVar, Literal

from infra.contracts.base import Contract, DigestStr, Frozen, Name, Utc


class PromptSpec(Frozen):
    """How the model is asked and what it answers: the same for training, evaluation and serving."""

    system: str
    """The system prompt. Callers cannot change it."""
    answer_format: Literal["text", "json"]
    """text: as it comes. json: the engine writes only what fits `json_schema`."""
    max_new_tokens: int
    """An answer that is not at its end by then counts as truncated."""
    json_schema: str = ""
    """The JSON schema of the answer as JSON text, or '' for free text."""


class ModelVersion(Contract):
    """One version of the pipeline's model. Its signed form is the only thing that a release may name."""

    schema_id: ClassVar[str] = "sluice/model-version/1"

    pipeline: Name
    version: int
    """The MLflow version number of the registered model, which has the pipeline's name."""
    run_id: str
    """The MLflow run that holds the card, the plots and the figures."""
    base_model: DigestStr
    adapter: DigestStr
    snapshot: DigestStr
    report: DigestStr
    decision: DigestStr
    guardrails: DigestStr
    access: DigestStr
    prompt: PromptSpec
    created: Utc
