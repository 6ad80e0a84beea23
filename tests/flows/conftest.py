"""A small pipeline, whole sets of contracts that belong together, and one MLflow server for the session."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flows.desk import ReviewDesk
from flows.pipeline import GeneratedData, Pipeline
from flows.progress import Silent
from flows.steps.papers import Papers, keep_policies
from infra.contracts.adapter import Adapter, AdapterFile, SanityCheck, TrainingFigures
from infra.contracts.base import now
from infra.contracts.dataset import DatasetSnapshot, QuarantineCount, RedactionCount, SourceFile, Split
from infra.contracts.evaluation import (
    EngineRecord,
    EvaluationReport,
    ItemResult,
    Metric,
    Outcomes,
    PairedDifference,
    Subject,
    SubjectScores,
)
from infra.contracts.gate import GateDecision, GateReason, GateVerdict
from infra.contracts.model_version import ModelVersion, PromptSpec
from infra.digest import Digest, sha256
from infra.home import Home
from infra.processes import ensure, stop
from infra.settings import Settings, read_settings
from infra.stores.blobs import Blobs

MakePapers = Callable[..., Papers]
MakeVersion = Callable[..., ModelVersion]


@pytest.fixture
def settings(home: Home) -> Settings:
    return replace(read_settings({"SLUICE_HOME": str(home.root)}), home=home)


@pytest.fixture
def desk(settings: Settings) -> ReviewDesk:
    """A desk without an MLflow server."""
    return ReviewDesk.open(settings, progress=Silent())


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """A pipeline whose policies are files of its own, so that a test can change them."""
    for name, text in {
        "guardrails": "name: made-up\n",
        "gate": "name: made-up-gate\n",
        "access": "name: open\nallow_unattended_approval: true\n",
    }.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return Pipeline(
        name="tickets",
        description="Sorts made-up tickets | by intent.",
        data=GeneratedData(kind="support-tickets", rows=100, expectations="none"),
        prompt=PromptSpec(system="Sort the ticket.", answer_format="text", max_new_tokens=16),
        gate=str(tmp_path / "gate.yaml"),
        guardrails=str(tmp_path / "guardrails.yaml"),
        access=str(tmp_path / "access.yaml"),
    )


@pytest.fixture
def make_papers(pipeline: Pipeline) -> MakePapers:
    """Makes contracts that belong together and keeps them in the blobs; another `seed` makes another set."""

    def make(blobs: Blobs, seed: int = 1, verdict: GateVerdict = GateVerdict.GO) -> Papers:
        policies = keep_policies(pipeline, blobs)
        snapshot = _snapshot(seed)
        adapter = _adapter(seed, snapshot, blobs)
        report = EvaluationReport(
            pipeline=pipeline.name,
            snapshot=snapshot.digest,
            adapter=adapter.digest,
            base_model=adapter.base_model,
            guardrails=policies.guardrails,
            engine=EngineRecord(name="openvino", precision="exact", version="1"),
            subjects=(
                _scores("candidate", adapter.digest, 0.9, blobs),
                _scores("base", adapter.base_model, 0.1, blobs),
            ),
            differences=(PairedDifference(against="base", metric="exact_match", difference=0.8, low=0.7, high=0.9),),
        )
        reason = GateReason(rule="thresholds.exact_match", verdict=verdict, required="at least 0.5", measured="0.9")
        decision = GateDecision(
            pipeline=pipeline.name, report=report.digest, gate=policies.gate, verdict=verdict, reasons=(reason,)
        )
        for contract in (snapshot, adapter, report, decision):
            blobs.put(contract.to_json())
        return Papers(pipeline, snapshot, adapter, report, decision)

    return make


@pytest.fixture
def make_version(make_papers: MakePapers) -> MakeVersion:
    """Signs the manifest of a version as `register` does, without MLflow."""

    def make(desk: ReviewDesk, version: int, verdict: GateVerdict = GateVerdict.GO) -> ModelVersion:
        papers = make_papers(desk.blobs, version, verdict)
        policies = keep_policies(papers.pipeline, desk.blobs)
        manifest = ModelVersion(
            pipeline=papers.pipeline.name,
            version=version,
            run_id=f"{version:032x}",
            base_model=papers.adapter.base_model,
            adapter=papers.adapter.digest,
            snapshot=papers.snapshot.digest,
            report=papers.report.digest,
            decision=papers.decision.digest,
            guardrails=policies.guardrails,
            access=policies.access,
            prompt=papers.pipeline.prompt,
            created=now(),
        )
        desk.releases.put_manifest(manifest)
        return manifest

    return make


@pytest.fixture(scope="session")
def mlflow_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home whose MLflow server runs for the session (30 s to start, so it is shared: use names of your own)."""
    settings = read_settings({"SLUICE_HOME": str(tmp_path_factory.mktemp("mlflow-home"))})
    ensure(settings, ("mlflow",))
    yield settings
    stop(settings.home)


def _snapshot(seed: int) -> DatasetSnapshot:
    return DatasetSnapshot(
        pipeline="tickets",
        sources=(SourceFile(role="generated", digest=sha256(f"source {seed}".encode()), rows=100),),
        expectations=sha256(b"suite"),
        redaction_policy=sha256(b"redaction"),
        splits=(
            Split(name="train", rows=80, manifest=sha256(f"train {seed}".encode())),
            Split(name="test", rows=10, manifest=sha256(f"test {seed}".encode())),
        ),
        rows_in=100,
        quarantined=(QuarantineCount(reason="empty text", rows=4),),
        duplicates_exact=3,
        duplicates_near=2,
        leaked=1,
        leakage_measure="word-set Jaccard >= 0.7",
        redacted=(RedactionCount(entity="EMAIL_ADDRESS", spans=7), RedactionCount(entity="PERSON", spans=5)),
    )


def _adapter(seed: int, snapshot: DatasetSnapshot, blobs: Blobs) -> Adapter:
    files = {"adapter_model.safetensors": f"weights {seed}".encode() * 99, "adapter_config.json": b'{"r": 16}'}
    curve = [{"step": step, "loss": 2.0 / (step + 1), "lr": 1e-3, "tokens_per_s": 400.0} for step in range(1_200)]
    return Adapter(
        pipeline="tickets",
        snapshot=snapshot.digest,
        base_model=sha256(b"base"),
        recipe=sha256(b"recipe"),
        objective="sft",
        method="lora",
        rank=16,
        alpha=32,
        files=tuple(AdapterFile(name=n, digest=blobs.put(data), size_bytes=len(data)) for n, data in files.items()),
        figures=TrainingFigures(
            steps=1_200,
            tokens=99_000,
            label_tokens=9_000,
            epochs="2.0",
            first_loss="2.0",
            last_loss="0.0017",
            tokens_per_s="401.5",
            seconds="246.6",
            loss_curve=blobs.put(b"".join(json.dumps(row).encode() + b"\n" for row in curve)),
        ),
        sanity=SanityCheck(
            tensors=420, zero_tensors=0, reload_max_logit_difference="0.0", base_max_logit_difference="7.25"
        ),
    )


def _scores(subject: Subject, model: Digest, exact: float, blobs: Blobs) -> SubjectScores:
    right = round(10 * exact)
    items = [_item(number, number < right) for number in range(10)]
    return SubjectScores(
        subject=subject,
        model=model,
        metrics=(
            Metric(name="exact_match", value=exact, low=exact - 0.05, high=exact + 0.05),
            Metric(name="latency_p50_s", value=0.25, low=0.2, high=0.3),
        ),
        outcomes=Outcomes(correct=right, wrong=10 - right, truncated=0, error=0),
        items=blobs.put(b"".join(item.model_dump_json().encode() + b"\n" for item in items)),
    )


def _item(number: int, right: bool) -> ItemResult:
    label = "refund" if number % 2 else "delivery"
    return ItemResult(
        row_id=f"row-{number}",
        outcome="correct" if right else "wrong",
        label=label,
        predicted=label if right else "<other>",
        exact_match=float(right),
        json_valid=None,
        rouge_l=float(right),
        chrf=100.0 * right,
        seconds=0.25,
        output_tokens=3,
        mean_logprob=None,
        answer=sha256(b"answer"),
    )
