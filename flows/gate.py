"""Report -> decision: the pipeline's gate rules applied, with a reason for each rule."""

from __future__ import annotations

from flows.opponent import opponent
from flows.pipeline import Pipeline
from flows.steps.record_stage import record_stage
from flows.workshop import Workshop
from infra.contracts.evaluation import EvaluationReport
from infra.contracts.gate import GateDecision, GateVerdict
from infra.errors import BadInput
from infra.rules import read_rule
from policies.gates.evaluation import decide
from policies.gates.gate import parse_gate


def gate(pipeline: Pipeline, report: EvaluationReport, shop: Workshop) -> GateDecision:
    """Decides whether the candidate may go to review, keeps the decision and the rules' text, and records both.

    The opponent is asked for anew: a report that did not score the version that is released now is NO_GO.
    Raises BadInput (another pipeline's report, no such rules), ConfigError (rules that cannot be read), StoreError.
    """
    if report.pipeline != pipeline.name:
        raise BadInput(
            f"the report is about {report.pipeline!r}",
            where=f"pipeline {pipeline.name}",
            cure=f"evaluate {pipeline.name!r} first",
        )
    rule = read_rule("gates", pipeline.gate)
    policy = parse_gate(rule.text, source=rule.source)
    champion = opponent(pipeline, report.adapter, shop)
    decision = decide(policy, report, champion=champion.digest if champion else None)
    shop.blobs.put(rule.text.encode("utf-8"))
    shop.blobs.put(decision.to_json())
    record_stage(shop, pipeline.name, "gate", decision.digest, verdict=decision.verdict)
    shop.progress.say(f"Gate {policy.name}: {decision.verdict.value}")
    for reason in decision.reasons:
        if reason.verdict is not GateVerdict.GO:
            shop.progress.say(f"  {reason.verdict.value} {reason.rule}: {reason.required}; {reason.measured}")
    return decision


def adopt_decision(found: GateDecision, shop: Workshop) -> GateDecision:
    """Takes over an earlier decision. Raises StoreError when the text of its rules is gone."""
    shop.blobs.check(found.gate)
    return found
