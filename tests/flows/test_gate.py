"""The gate stage: the rules that the pipeline names decide, and the decision is kept, recorded and explained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.gate import gate
from flows.pipeline import Pipeline
from flows.progress import Silent
from flows.review import add_reviewer, approve_and_release
from flows.steps.papers import Papers
from flows.workshop import Workshop
from infra.contracts.gate import GateDecision, GateVerdict
from infra.contracts.lifecycle_events import StageFinished
from infra.contracts.model_version import ModelVersion
from infra.digest import sha256
from infra.errors import BadInput, ConfigError
from infra.settings import Settings

RULES = """
name: tickets
minimum_items: 10
outcomes: {error_at_most: 0, truncated_at_most: 0}
thresholds: [{metric: exact_match, at_least: 0.8}]
no_worse_than: [{metric: exact_match, against: base, margin: 0}]
"""
MakePapers = Callable[..., Papers]


class Told(Silent):
    """Keeps the sentences."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def shop(settings: Settings, told: Told) -> Workshop:
    return Workshop.open(settings, run_id="run-1", progress=told, mlflow_url="")


def write(pipeline: Pipeline, text: str) -> None:
    Path(pipeline.gate).write_text(text, encoding="utf-8")


def test_a_decision_is_kept_with_its_rules_and_recorded_once(
    shop: Workshop, pipeline: Pipeline, make_papers: MakePapers
) -> None:
    write(pipeline, RULES)
    report = make_papers(shop.blobs).report
    decision = gate(pipeline, report, shop)
    assert decision.verdict is GateVerdict.GO
    assert gate(pipeline, report, shop) == decision
    assert GateDecision.from_json(shop.blobs.get(decision.digest)) == decision
    assert shop.blobs.get(decision.gate) == RULES.encode() and decision.gate == sha256(RULES.encode())
    entry = shop.ledger.get("run-1/gate")
    assert entry is not None
    event = entry.event
    assert isinstance(event, StageFinished)
    assert (event.stage, event.produced, event.verdict) == ("gate", decision.digest, GateVerdict.GO)


def test_a_no_go_says_which_rule_and_what_was_measured(
    shop: Workshop, pipeline: Pipeline, make_papers: MakePapers, told: Told
) -> None:
    write(pipeline, RULES.replace("0.8", "0.95"))
    decision = gate(pipeline, make_papers(shop.blobs).report, shop)
    assert decision.verdict is GateVerdict.NO_GO
    assert told.sentences[0] == "Gate tickets: NO_GO"
    assert told.sentences[1:] == ["  NO_GO thresholds.exact_match: at least 0.95; 0.9 [0.85, 0.95]"]


def test_a_champion_that_the_report_did_not_score_is_no_go(
    shop: Workshop, pipeline: Pipeline, make_papers: MakePapers, make_version: Callable[..., ModelVersion]
) -> None:
    write(pipeline, RULES)
    add_reviewer("ana", shop)
    approve_and_release(make_version(shop, 1), "ana", "looks right", shop)
    decision = gate(pipeline, make_papers(shop.blobs, seed=2).report, shop)
    assert decision.verdict is GateVerdict.NO_GO
    assert [reason.rule for reason in decision.reasons if reason.verdict is GateVerdict.NO_GO] == ["champion"]


def test_another_pipelines_report_and_unreadable_rules_are_refused_and_nothing_is_recorded(
    shop: Workshop, pipeline: Pipeline, make_papers: MakePapers
) -> None:
    write(pipeline, RULES)
    report = make_papers(shop.blobs).report
    with pytest.raises(BadInput, match="about 'other'"):
        gate(pipeline, report.model_copy(update={"pipeline": "other"}), shop)
    write(pipeline, RULES + "extra: 1\n")
    with pytest.raises(ConfigError, match="extra"):
        gate(pipeline, report, shop)
    assert shop.ledger.get("run-1/gate") is None
