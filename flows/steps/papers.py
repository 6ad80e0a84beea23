"""Papers: the contracts of one run from snapshot to decision, and the check that each belongs to the next."""

from __future__ import annotations

from dataclasses import dataclass

from flows.pipeline import Pipeline
from infra.contracts.adapter import Adapter
from infra.contracts.dataset import DatasetSnapshot
from infra.contracts.evaluation import EvaluationReport
from infra.contracts.gate import GateDecision
from infra.digest import Digest
from infra.errors import CheckFailed
from infra.rules import read_rule
from infra.stores.blobs import Blobs


@dataclass(frozen=True)
class Papers:
    """What a run made, up to the gate's decision."""

    pipeline: Pipeline
    snapshot: DatasetSnapshot
    adapter: Adapter
    report: EvaluationReport
    decision: GateDecision


@dataclass(frozen=True)
class PolicyDigests:
    """The policies that a version is bound to: the SHA-256 of each text, under which it lies in the blobs."""

    guardrails: Digest
    access: Digest
    gate: Digest


def keep_policies(pipeline: Pipeline, blobs: Blobs) -> PolicyDigests:
    """Keeps the texts of the pipeline's guardrails, access and gate policies. Raises BadInput, StoreError."""
    texts = (
        read_rule("guardrails", pipeline.guardrails).text,
        read_rule("access", pipeline.access).text,
        read_rule("gates", pipeline.gate).text,
    )
    return PolicyDigests(*(blobs.put(text.encode("utf-8")) for text in texts))


def check_papers(papers: Papers, policies: PolicyDigests, blobs: Blobs) -> None:
    """Raises CheckFailed with everything that does not belong to the rest, or is not there whole."""
    snapshot, adapter, report, decision = papers.snapshot, papers.adapter, papers.report, papers.decision
    candidate = report.scores("candidate")
    name = papers.pipeline.name
    checks = (
        (decision.report == report.digest, "the gate decided over another report"),
        (report.adapter == adapter.digest, "the report is about another adapter"),
        (candidate is None or candidate.model == adapter.digest, "the report scored another adapter as candidate"),
        (report.snapshot == snapshot.digest, "the report was made on another snapshot"),
        (adapter.snapshot == snapshot.digest, "the adapter was trained on another snapshot"),
        (report.base_model == adapter.base_model, "report and adapter stand on different base models"),
        (report.guardrails == policies.guardrails, "the guardrails were changed after the evaluation"),
        (decision.gate == policies.gate, "the gate's rules were changed after the decision"),
        (
            {name} == {snapshot.pipeline, adapter.pipeline, report.pipeline, decision.pipeline},
            "the parts are of different pipelines",
        ),
        (all(blobs.has(file.digest) for file in adapter.files), "a file of the adapter is missing"),
    )
    wrong = [what for holds, what in checks if not holds]
    if wrong:
        raise CheckFailed("; ".join(wrong), where=name, cure=f"sluice retrain {name}")
