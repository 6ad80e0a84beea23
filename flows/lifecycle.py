"""The whole chain on one screen: rows -> snapshot -> adapter -> report -> decision -> version -> approval -> release.

Each stage is a Prefect task around a plain function that takes contracts and returns one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

from flows.evaluate import evaluate
from flows.finetune import finetune
from flows.gate import gate
from flows.ingest import IngestFindings, ingest
from flows.observe import publish_summary, watch_training
from flows.pipeline import Pipeline
from flows.register import PassingDecision, log_refused, register
from flows.release import release
from flows.review import approve_unattended
from flows.workshop import Workshop
from infra.contracts.adapter import Adapter
from infra.contracts.dataset import DatasetSnapshot
from infra.contracts.evaluation import EvaluationReport
from infra.contracts.gate import GateDecision, GateVerdict
from infra.contracts.model_version import ModelVersion
from infra.contracts.release import Release

Args = ParamSpec("Args")
Result = TypeVar("Result")


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
    version: ModelVersion | None = None
    release: Release | None = None


def run_lifecycle(pipeline: Pipeline, shop: Workshop, *, approve_as: str = "") -> Lifecycle:
    """Runs the chain as one Prefect flow run named after the pipeline and the run.

    `approve_as` approves unattended, where the access policy allows it. Raises SluiceError: the stage that failed says
    why.
    """
    from prefect import flow

    from infra.telemetry import PIPELINE, RUN, SHOWN_INPUT, SPAN_TYPE, span

    about = {SPAN_TYPE: "WORKFLOW", PIPELINE: pipeline.name, RUN: shop.run_id, SHOWN_INPUT: f"retrain {pipeline.name}"}

    @flow(name="retrain", flow_run_name=f"{pipeline.name} {shop.run_id}", validate_parameters=False)
    def retrain() -> Lifecycle:
        with span("sluice.retrain", about):
            done = _chain(pipeline, shop, approve_as)
            publish_summary(pipeline, done, shop)
            return done

    done: Lifecycle = retrain()
    return done


def _chain(pipeline: Pipeline, shop: Workshop, approve_as: str) -> Lifecycle:
    findings = stage("dataset", ingest)(pipeline, shop)
    snapshot = findings.snapshot
    adapter = stage("finetune", finetune)(pipeline, snapshot, shop, watch_training(pipeline, shop))
    serving = shop.releases.current(pipeline.name)
    report = stage("evaluate", evaluate)(pipeline, snapshot, adapter, serving.manifest if serving else None, shop)
    decision = stage("gate", gate)(pipeline, report, shop)
    done = Lifecycle(shop.run_id, findings, snapshot, adapter, report, decision)
    if decision.verdict is not GateVerdict.GO:
        stage("log refused", log_refused)(pipeline, snapshot, adapter, report, decision, shop)
        return done
    passing = PassingDecision.of(decision)
    done = replace(done, version=stage("register", register)(pipeline, snapshot, adapter, report, passing, shop))
    if not approve_as or done.version is None:
        return done
    approval = stage("review", approve_unattended)(pipeline, done.version, approve_as, shop)
    return replace(done, release=stage("release", release)(done.version, approval, approve_as, shop))


def stage(name: str, work: Callable[Args, Result]) -> Callable[Args, Result]:
    """Makes a Prefect task of a stage. Prefect keeps its name, times and state, never its inputs or its result."""
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    from infra.telemetry import span

    @task(name=name, task_run_name=name, cache_policy=NO_CACHE, persist_result=False)
    def traced(*args: Args.args, **kwargs: Args.kwargs) -> Result:
        with span(f"sluice.stage {name}"):
            return work(*args, **kwargs)

    return traced
