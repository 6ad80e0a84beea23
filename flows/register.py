"""Decision -> model version: an MLflow version with its card and a signed manifest. Only a GO gets in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import ClassVar

from flows.pipeline import Pipeline
from flows.steps.card import model_card
from flows.steps.log_run import log_run, pretty, tags_of
from flows.steps.mirror import follow
from flows.steps.papers import Papers, PolicyDigests, check_papers, keep_policies
from flows.steps.record_stage import record_stage
from flows.steps.review_state import review_state
from flows.workshop import Workshop
from infra.contracts.adapter import Adapter
from infra.contracts.base import Contract, DigestStr, now
from infra.contracts.dataset import DatasetSnapshot
from infra.contracts.evaluation import EvaluationReport
from infra.contracts.gate import GateDecision, GateVerdict
from infra.contracts.model_version import ModelVersion
from infra.digest import short
from infra.errors import CheckFailed, Refused, SluiceError
from infra.stores.registry import Registry
from infra.stores.tracking import RUN_NAME


@dataclass(frozen=True)
class PassingDecision:
    """A gate's decision that says GO. There is no other way to have one."""

    decision: GateDecision

    def __post_init__(self) -> None:
        if self.decision.verdict is not GateVerdict.GO:
            raise CheckFailed(
                f"the gate said {self.decision.verdict.value}: the model is kept for the record and never a candidate",
                where=self.decision.pipeline,
                cure=f"see the reasons of the decision, then: sluice retrain {self.decision.pipeline}",
            )

    @classmethod
    def of(cls, decision: GateDecision) -> PassingDecision:
        """Takes a decision that says GO. Raises CheckFailed for any other."""
        return cls(decision)


class RefusedRun(Contract):
    """Where a model that the gate turned away is kept for the record."""

    schema_id: ClassVar[str] = "sluice/refused-run/1"

    decision: DigestStr
    mlflow_run: str


def register(
    pipeline: Pipeline,
    snapshot: DatasetSnapshot,
    adapter: Adapter,
    report: EvaluationReport,
    decision: PassingDecision,
    shop: Workshop,
) -> ModelVersion:
    """Registers a candidate that passed: run, model, version, card, signed manifest, alias `candidate`.

    A version with the very same parents is given again rather than made twice. Raises CheckFailed when the parts do not
    belong together, PartFailed when MLflow does not answer; then nothing was signed.
    """
    papers = Papers(pipeline, snapshot, adapter, report, decision.decision)
    policies = _checked(papers, shop)
    known = _registered_before(papers, policies, shop)
    if known is not None:
        shop.progress.say(f"Version {known.version} has these very parents already; it stands.")
        _record(known, shop)
        return known
    registry = Registry.open(shop.mlflow_url)
    with _mlflow_run(papers, registry, shop) as run_id:
        work = shop.settings.home.folder(shop.settings.home.runs / shop.run_id)
        model_id = log_run(papers, policies, run_id, registry.runs, shop.blobs, work)
        tags = tags_of(papers, policies)
        version = registry.create_version(pipeline.name, run_id, model_id, about=pipeline.description, tags=tags)
        manifest = _manifest(papers, policies, version, run_id)
        _describe(papers, manifest, registry)
        shop.blobs.put(manifest.to_json())
        signed = shop.releases.put_manifest(manifest)
        registry.runs.log_text(run_id, pretty(signed.to_json()), "manifest.json")
    follow(pipeline.name, shop)
    _record(manifest, shop)
    return manifest


def log_refused(
    pipeline: Pipeline,
    snapshot: DatasetSnapshot,
    adapter: Adapter,
    report: EvaluationReport,
    decision: GateDecision,
    shop: Workshop,
) -> RefusedRun:
    """Keeps a model that the gate turned away as an MLflow run with its card.

    It gets no version, no alias and no manifest. Raises CheckFailed when the parts do not belong together.
    """
    papers = Papers(pipeline, snapshot, adapter, report, decision)
    if decision.verdict is GateVerdict.GO:
        raise CheckFailed("the gate said GO: nothing was refused", where=pipeline.name, cure="register it")
    policies = _checked(papers, shop)
    registry = Registry.open(shop.mlflow_url)
    with _mlflow_run(papers, registry, shop) as run_id:
        work = shop.settings.home.folder(shop.settings.home.runs / shop.run_id)
        log_run(papers, policies, run_id, registry.runs, shop.blobs, work)
        card = model_card(papers, None)
        registry.runs.log_text(run_id, card, "card.md")
        registry.runs.describe(run_id, card)
    # No StageFinished: the gate's own event has the verdict, and nothing was registered.
    refused = RefusedRun(decision=decision.digest, mlflow_run=run_id)
    shop.blobs.put(refused.to_json())
    return refused


def adopt_version(found: ModelVersion, shop: Workshop) -> ModelVersion:
    """Takes over a version. Raises SluiceError when its signed manifest does not verify any more, or when nobody
    reviewed it in time: then the model is to be registered anew.
    """
    kept = shop.releases.manifest(found.digest)
    if review_state(kept, shop) == "expired":
        raise Refused(f"the review of version {kept.version} expired", cure=f"sluice retrain {kept.pipeline}")
    return kept


def adopt_refused(found: RefusedRun) -> RefusedRun:
    """Takes over the record of a refusal as it is."""
    return found


def _checked(papers: Papers, shop: Workshop) -> PolicyDigests:
    """Keeps the policies' texts and whatever contract is not yet there, and checks that all belongs together."""
    policies = keep_policies(papers.pipeline, shop.blobs)
    check_papers(papers, policies, shop.blobs)
    for contract in (papers.snapshot, papers.adapter, papers.report, papers.decision):
        if not shop.blobs.has(contract.digest):
            shop.blobs.put(contract.to_json())
    return policies


def _registered_before(papers: Papers, policies: PolicyDigests, shop: Workshop) -> ModelVersion | None:
    for known in shop.releases.manifests(papers.pipeline.name):
        again = _manifest(papers, policies, known.version, known.run_id)
        if known == again.model_copy(update={"created": known.created}) and review_state(known, shop) != "expired":
            return known
    return None


def _manifest(papers: Papers, policies: PolicyDigests, version: int, run_id: str) -> ModelVersion:
    return ModelVersion(
        pipeline=papers.pipeline.name,
        version=version,
        run_id=run_id,
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


def _describe(papers: Papers, manifest: ModelVersion, registry: Registry) -> None:
    card = model_card(papers, manifest)
    tags = {"sluice.manifest": short(manifest.digest), "sluice.version": str(manifest.version)}
    registry.runs.log_text(manifest.run_id, card, "card.md")
    registry.runs.describe(manifest.run_id, card)
    registry.runs.tag(manifest.run_id, {**tags, RUN_NAME: f"{manifest.pipeline} version {manifest.version}"})
    registry.describe(manifest.pipeline, manifest.version, card)
    registry.tag(manifest.pipeline, manifest.version, {**tags, "sluice.review": "waiting"})


@contextmanager
def _mlflow_run(papers: Papers, registry: Registry, shop: Workshop) -> Iterator[str]:
    """The MLflow run of this `sluice` run, closed at the end; a run that broke off is marked as failed."""
    run_id = registry.runs.run(papers.pipeline.name, shop.run_id)
    try:
        yield run_id
    except BaseException:
        with suppress(SluiceError):  # the first failure is the one to tell
            registry.runs.end(run_id, failed=True)
        raise
    registry.runs.end(run_id)


def _record(manifest: ModelVersion, shop: Workshop) -> None:
    name, verdict = manifest.pipeline, GateVerdict.GO
    record_stage(shop, name, "register", manifest.digest, verdict=verdict, version=manifest.version)
