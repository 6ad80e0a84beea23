"""A home with one whole life in it: rows, adapter, report, decision, version, approval, release and requests."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from flows.provenance_evidence import Archive
from infra.contracts.adapter import Adapter, AdapterFile, SanityCheck, TrainingFigures
from infra.contracts.base import Contract
from infra.contracts.dataset import DatasetSnapshot, SourceFile
from infra.contracts.evaluation import EngineRecord, EvaluationReport, Metric, Outcomes, SubjectScores
from infra.contracts.gate import GateDecision, GateReason, GateVerdict
from infra.contracts.lifecycle_events import Released, ReviewDecided, StageFinished
from infra.contracts.model_version import ModelVersion, PromptSpec
from infra.contracts.release import Approval, Release
from infra.contracts.request_events import CheckRecord, RequestAdmitted, RequestCompleted, RequestRefused
from infra.contracts.row import SnapshotRow
from infra.digest import Digest, sha256
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.vault import Vault
from infra.stores.blobs import Blobs
from infra.stores.datasets import Datasets
from infra.stores.releases import Releases
from infra.stores.reviewers import Reviewers

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PIPELINE = "support-triage"
PROMPT = "[EMAIL] cannot log in"


@dataclass(frozen=True)
class Life:
    """What was made, and the stores it lies in."""

    home: Home
    ledger: Ledger
    vault: Vault
    releases: Releases
    blobs: Blobs
    snapshot: DatasetSnapshot
    adapter: Adapter
    report: EvaluationReport
    decision: GateDecision
    manifest: ModelVersion
    approval: Approval
    release: Release

    @property
    def archive(self) -> Archive:
        return Archive.open(self.home)

    def serve(self, manifest: ModelVersion, response_id: str, /, **record: object) -> Release:
        """Signs, approves and releases another version, and records one request that it took."""
        self.blobs.put(manifest.to_json())
        self.releases.put_manifest(manifest)
        self.ledger.append(_finished(f"register/{manifest.digest}", manifest.digest))
        _, release = _review_and_release(self.home, manifest, self.releases, self.ledger, sequence=2)
        admitted = self.ledger.query(AuditFilter(response_id="resp-1"))[0].event
        changed = {
            "event_id": f"{response_id}/admitted",
            "response_id": response_id,
            "version": manifest.version,
            "release": release.digest,
            "manifest": manifest.digest,
            **record,
        }
        self.ledger.append(admitted.model_copy(update=changed))
        return release

    def keep(self, contract: Contract) -> Digest:
        """Stores a contract and records that a stage handed it on."""
        self.ledger.append(_finished(f"gate/{contract.digest}", contract.digest))
        return self.blobs.put(contract.to_json())


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Made once; each test works on a copy."""
    return _live(Home.open(tmp_path_factory.mktemp("lived")))


@pytest.fixture
def life(lived: Life, home: Home) -> Life:
    """Version 1 answered `resp-1`; `resp-2` was blocked, `resp-3` turned away, `resp-4` is a dry run."""
    shutil.copytree(lived.home.root, home.root, dirs_exist_ok=True)
    return replace(
        lived,
        home=home,
        ledger=Ledger.open(home),
        vault=Vault.open(home),
        releases=Releases(home),
        blobs=Blobs(home.blobs),
    )


def _live(home: Home) -> Life:
    blobs, vault, ledger, releases = Blobs(home.blobs), Vault.open(home), Ledger.open(home), Releases(home)
    snapshot = _snapshot(Datasets(home, blobs, vault), vault)
    weights, curve = blobs.put(b"weights" * 1_000), blobs.put(b"curve")
    adapter = _adapter(snapshot.digest, weights, curve)
    guardrails, access = blobs.put(b"name: guards"), blobs.put(b"name: open")
    report = _report(snapshot.digest, adapter, guardrails)
    reason = GateReason(rule="exact_match", verdict=GateVerdict.GO, required=">= 0.5", measured="0.900")
    decision = GateDecision(
        pipeline=PIPELINE, report=report.digest, gate=sha256(b"gate"), verdict=GateVerdict.GO, reasons=(reason,)
    )
    manifest = ModelVersion(
        pipeline=PIPELINE,
        version=1,
        run_id="mlflow-run",
        base_model=adapter.base_model,
        adapter=adapter.digest,
        snapshot=snapshot.digest,
        report=report.digest,
        decision=decision.digest,
        guardrails=guardrails,
        access=access,
        prompt=PromptSpec(system="Sort.", answer_format="text", max_new_tokens=8),
        created=AT,
    )
    stages: tuple[tuple[str, Contract], ...] = (
        ("dataset", snapshot),
        ("finetune", adapter),
        ("evaluate", report),
        ("gate", decision),
        ("register", manifest),
    )
    for stage, contract in stages:
        blobs.put(contract.to_json())
        ledger.append(_finished(stage, contract.digest))
    releases.put_manifest(manifest)
    approval, release = _review_and_release(home, manifest, releases, ledger)
    _requests(ledger, vault, release, guardrails)
    return Life(home, ledger, vault, releases, blobs, snapshot, adapter, report, decision, manifest, approval, release)


def _snapshot(datasets: Datasets, vault: Vault) -> DatasetSnapshot:
    with datasets.writer(PIPELINE) as writer:
        for number in range(12):
            writer.add(
                SnapshotRow(
                    row_id=f"row-{number}",
                    split="test" if number % 4 == 0 else "train",
                    subject=vault.pseudonym(f"person {number}"),
                    language="es" if number % 2 else "en",
                    text=f"secret text {number}",
                    answer="refund",
                    label="refund",
                    salt=f"{number:032x}",
                )
            )
        splits = writer.publish()
    return DatasetSnapshot(
        pipeline=PIPELINE,
        sources=(SourceFile(role="generated", digest=sha256(b"recipe"), rows=12),),
        expectations=sha256(b"suite"),
        redaction_policy=sha256(b"guards"),
        splits=splits,
        rows_in=12,
        quarantined=(),
        duplicates_exact=0,
        duplicates_near=0,
        leaked=0,
        leakage_measure="none",
        redacted=(),
    )


def _adapter(snapshot: Digest, weights: Digest, curve: Digest) -> Adapter:
    return Adapter(
        pipeline=PIPELINE,
        snapshot=snapshot,
        base_model=sha256(b"base"),
        recipe=sha256(b"recipe"),
        objective="sft",
        method="lora",
        rank=16,
        alpha=32,
        files=(AdapterFile(name="adapter_model.safetensors", digest=weights, size_bytes=7_000),),
        figures=TrainingFigures(
            steps=10,
            tokens=1_000,
            label_tokens=100,
            epochs="1.0",
            first_loss="2.5",
            last_loss="0.2",
            tokens_per_s="300.0",
            seconds="3.3",
            loss_curve=curve,
        ),
        sanity=SanityCheck(
            tensors=2, zero_tensors=0, reload_max_logit_difference="0.0", base_max_logit_difference="3.0"
        ),
    )


def _report(snapshot: Digest, adapter: Adapter, guardrails: Digest) -> EvaluationReport:
    scores = SubjectScores(
        subject="candidate",
        model=adapter.digest,
        metrics=(Metric(name="exact_match", value=0.9, low=0.8, high=0.95),),
        outcomes=Outcomes(correct=3, wrong=0, truncated=0, error=0),
        items=sha256(b"items"),
    )
    return EvaluationReport(
        pipeline=PIPELINE,
        snapshot=snapshot,
        adapter=adapter.digest,
        base_model=adapter.base_model,
        guardrails=guardrails,
        engine=EngineRecord(name="openvino", precision="exact", version="2026.4"),
        subjects=(scores,),
        differences=(),
    )


def _finished(name: str, produced: Digest) -> StageFinished:
    stage = name.split("/")[0]
    return StageFinished.model_validate(
        {
            "event_id": f"run/{name}",
            "at": AT,
            "pipeline": PIPELINE,
            "stage": stage,
            "run_id": "run",
            "produced": produced,
            "verdict": None,
            "version": None,
        }
    )


def _review_and_release(
    home: Home, manifest: ModelVersion, releases: Releases, ledger: Ledger, sequence: int = 1
) -> tuple[Approval, Release]:
    version = manifest.version
    approval = Approval(
        pipeline=PIPELINE,
        version=version,
        manifest=manifest.digest,
        decision="approved",
        reviewer="ana",
        reason="looked at it",
        unattended=False,
        decided=AT,
    )
    releases.put_approval(approval, Reviewers(home).add("ana"))
    release = Release(
        pipeline=PIPELINE,
        sequence=sequence,
        kind="release",
        version=version,
        manifest=manifest.digest,
        approval=approval.digest,
        previous=None,
        actor="ana",
        reason="first",
        released=AT,
    )
    releases.put_release(release)
    common = {"at": AT, "pipeline": PIPELINE, "manifest": manifest.digest, "version": version}
    ledger.append(
        ReviewDecided(
            event_id=f"review/{approval.digest}",
            approval=approval.digest,
            decision="approved",
            reviewer="ana",
            unattended=False,
            **common,
        )
    )
    ledger.append(
        Released(
            event_id=f"release/{release.digest}",
            release=release.digest,
            sequence=sequence,
            release_kind="release",
            actor="ana",
            **common,
        )
    )
    return approval, release


def _requests(ledger: Ledger, vault: Vault, release: Release, guardrails: Digest) -> None:
    subject = vault.pseudonym("ana@example.com")
    sealed = vault.seal(subject, PROMPT.encode())
    for number, scripted in ((1, False), (2, False), (4, True)):
        ledger.append(
            RequestAdmitted(
                event_id=f"resp-{number}/admitted",
                at=AT,
                pipeline=PIPELINE,
                response_id=f"resp-{number}",
                tenant="acme",
                key_id="key-1",
                subject=subject,
                engine="scripted" if scripted else "openvino",
                scripted=scripted,
                version=0 if scripted else 1,
                release=None if scripted else release.digest,
                manifest=None if scripted else release.manifest,
                guardrails=guardrails,
                streamed=False,
            )
        )
        blocked = number == 2
        check = CheckRecord(
            rule="injection", direction="input", verdict="block" if blocked else "allow", score=0.5, milliseconds=1.0
        )
        ledger.append(
            RequestCompleted(
                event_id=f"resp-{number}/completed",
                at=AT,
                pipeline=PIPELINE,
                response_id=f"resp-{number}",
                tenant="acme",
                key_id="key-1",
                subject=subject,
                version=0 if scripted else 1,
                manifest=None if scripted else release.manifest,
                guardrails=guardrails,
                outcome="blocked" if blocked else "answered",
                refusal_rule="injection" if blocked else "",
                checks=(check,),
                prompt_tokens=5,
                completion_tokens=0 if blocked else 3,
                seconds=0.1,
                sealed=sha256(sealed),
            ),
            payload=sealed,
        )
    ledger.append(
        RequestRefused(
            event_id="resp-3/refused",
            at=AT,
            pipeline=PIPELINE,
            response_id="resp-3",
            tenant="",
            key_id="",
            code="invalid_api_key",
        )
    )
