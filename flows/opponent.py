"""The opponent: the released version that a candidate must be no worse than."""

from __future__ import annotations

from flows.pipeline import Pipeline
from flows.workshop import Workshop
from infra.contracts.evaluation import EvaluationReport
from infra.contracts.model_version import ModelVersion
from infra.digest import Digest


def opponent(pipeline: Pipeline, adapter: Digest, shop: Workshop) -> ModelVersion | None:
    """The version in force; where that is the candidate itself, the one that it was compared with at the time.

    So a retraining in which nothing changed asks the same question again and finds its answer. None where no version
    is in force, or none was when this one was evaluated. Raises StoreError when a contract is gone.
    """
    serving = shop.releases.current(pipeline.name)
    if serving is None:
        return None
    manifest = serving.manifest
    if (manifest.adapter, manifest.prompt) != (adapter, pipeline.prompt):
        return manifest
    report = EvaluationReport.from_json(shop.blobs.get(manifest.report))
    scored = report.scores("champion")
    return ModelVersion.from_json(shop.blobs.get(scored.model)) if scored else None
