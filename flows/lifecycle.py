"""The whole chain on one screen: rows -> snapshot -> adapter -> report -> decision -> version -> approval -> release.

Each stage is a Prefect task around a plain function that takes contracts and returns one; a stage whose inputs have the
digests of an earlier run hands on what that run made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from flows.evaluate import adopt_report, evaluate
from flows.failures import only_our_words
from flows.finetune import adopt_adapter, finetune, plan_training, tidy_training
from flows.gate import adopt_decision, gate
from flows.ingest import IngestFindings, adopt_findings, ingest
from flows.observe import publish_summary, watch_training
from flows.opponent import opponent
from flows.pipeline import Pipeline
from flows.register import PassingDecision, RefusedRun, adopt_refused, adopt_version, log_refused, register
from flows.release import release
from flows.review import approve_unattended
from flows.stage_inputs import dataset_inputs, evaluate_inputs, finetune_inputs, gate_inputs, register_inputs
from flows.stages import NOTHING_FRESH, Fresh, StageRun, Stages, step
from flows.workshop import Workshop
from infra.contracts.adapter import Adapter
from infra.contracts.dataset import DatasetSnapshot
from infra.contracts.evaluation import EvaluationReport
from infra.contracts.gate import GateDecision, GateVerdict
from infra.contracts.model_version import ModelVersion
from infra.contracts.release import Release


@dataclass(frozen=True)
class Lifecycle:
    """What a run handed on.

    `version` is None unless the verdict is GO; `release` is None while a review is waited for.
    """

    run_id: str
    findings: IngestFindings
    snapshot: DatasetSnapshot
    adapter: Adapter
    report: EvaluationReport
    decision: GateDecision
    stages: tuple[StageRun, ...]
    """Which stages did their work in this run, and which handed on what an earlier run made."""
    version: ModelVersion | None = None
    release: Release | None = None

    @property
    def nothing_new(self) -> bool:
        """Whether no stage had anything to do."""
        return all(stage.origin == "reused" for stage in self.stages)


def run_lifecycle(
    pipeline: Pipeline, shop: Workshop, *, approve_as: str = "", fresh: Fresh = NOTHING_FRESH
) -> Lifecycle:
    """Runs the chain as one Prefect flow run named after the pipeline and the run.

    `approve_as` approves unattended, where the access policy allows it; `fresh` names the stages that must do their
    work again. Raises SluiceError: the stage that failed says why.
    """
    from prefect import flow

    from infra.telemetry import PIPELINE, RUN, SHOWN_INPUT, SPAN_TYPE, span

    about = {SPAN_TYPE: "WORKFLOW", PIPELINE: pipeline.name, RUN: shop.run_id, SHOWN_INPUT: f"retrain {pipeline.name}"}

    @flow(name="retrain", flow_run_name=f"{pipeline.name} {shop.run_id}", validate_parameters=False)
    def retrain() -> Lifecycle:
        with span("sluice.retrain", about), only_our_words("the run", shop.settings.home):
            done = _chain(pipeline, shop, approve_as, Stages(pipeline.name, shop, fresh))
            publish_summary(pipeline, done, shop)
            return done

    done: Lifecycle = retrain()
    return done


def _chain(pipeline: Pipeline, shop: Workshop, approve_as: str, stages: Stages) -> Lifecycle:
    findings = stages.run(
        dataset_inputs(pipeline), IngestFindings, partial(ingest, pipeline, shop), partial(adopt_findings, shop=shop)
    )
    snapshot = findings.snapshot
    recipe = plan_training(pipeline, snapshot, shop)
    adapter = stages.run(
        finetune_inputs(recipe),
        Adapter,
        lambda: finetune(recipe, snapshot, shop, watch_training(pipeline, shop)),
        partial(adopt_adapter, snapshot=snapshot, shop=shop),
    )
    tidy_training(recipe, shop)
    champion = opponent(pipeline, adapter.digest, shop)
    report = stages.run(
        evaluate_inputs(pipeline, snapshot, adapter, champion, shop.settings.engine),
        EvaluationReport,
        partial(evaluate, pipeline, snapshot, adapter, champion, shop, fresh=stages.fresh.covers("evaluate")),
        partial(adopt_report, shop=shop),
    )
    decision = stages.run(
        gate_inputs(pipeline, report, champion),
        GateDecision,
        partial(gate, pipeline, report, shop),
        partial(adopt_decision, shop=shop),
    )
    passed = decision.verdict is GateVerdict.GO
    inputs = register_inputs(pipeline, decision, passed=passed)
    if not passed:
        refuse = partial(log_refused, pipeline, snapshot, adapter, report, decision, shop)
        stages.run(inputs, RefusedRun, refuse, adopt_refused)
        return Lifecycle(shop.run_id, findings, snapshot, adapter, report, decision, tuple(stages.runs))
    candidate = partial(register, pipeline, snapshot, adapter, report, PassingDecision.of(decision), shop)
    version = stages.run(inputs, ModelVersion, candidate, partial(adopt_version, shop=shop))
    done = Lifecycle(shop.run_id, findings, snapshot, adapter, report, decision, tuple(stages.runs), version)
    if not approve_as:
        return replace(done, release=standing_release(version, shop))
    approval = step("review", shop, lambda: approve_unattended(pipeline, version, approve_as, shop))
    return replace(done, release=step("release", shop, lambda: release(version, approval, approve_as, shop)))


def standing_release(version: ModelVersion, shop: Workshop) -> Release | None:
    """The release in force, when it is this very version's: nothing is left to review."""
    serving = shop.releases.current(version.pipeline)
    return serving.release if serving and serving.manifest.digest == version.digest else None
