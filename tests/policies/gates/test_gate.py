"""Gates: a table of near-misses, and that what is missing never passes."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.contracts.evaluation import EngineRecord, EvaluationReport, Metric, Outcomes, PairedDifference, SubjectScores
from infra.contracts.gate import GateVerdict
from infra.digest import Digest, sha256
from infra.errors import ConfigError
from infra.rules import read_rule
from policies.gates.evaluation import decide
from policies.gates.gate import GatePolicy, MetricName, parse_gate

GO, NO_GO, INCONCLUSIVE = GateVerdict.GO, GateVerdict.NO_GO, GateVerdict.INCONCLUSIVE
CHAMPION = sha256(b"champion")
RULES = """
name: table
minimum_items: 100
outcomes: {error_at_most: 0.01, truncated_at_most: 0.29}
thresholds:
  - {metric: exact_match, at_least: 0.9}
  - {metric: macro_f1, at_least: 0.8, on: interval}
  - {metric: latency_p50_s, at_most: 2.0, on: interval}
no_worse_than:
  - {metric: exact_match, against: champion, margin: 0.02}
  - {metric: latency_p50_s, against: champion, margin: 0.5}
"""


def gate(text: str = RULES) -> GatePolicy:
    return parse_gate(text, source="table.yaml")


def report(
    *,
    exact: tuple[float, float, float] = (0.9, 0.88, 0.92),
    f1: tuple[float, float, float] = (0.85, 0.8, 0.9),
    latency: tuple[float, float, float] = (1.0, 0.5, 2.0),
    outcomes: tuple[int, int, int, int] = (90, 10, 0, 0),
    difference: tuple[float, float, float] = (0.0, -0.02, 0.02),
    slower: tuple[float, float, float] = (0.0, -0.5, 0.5),
    against: str = "champion",
    leave_out: str = "",
    engine: str = "openvino",
) -> EvaluationReport:
    """A report that just passes the table's rules, but for what a case changes."""
    figures = {"exact_match": exact, "macro_f1": f1, "latency_p50_s": latency}
    metrics = tuple(
        Metric(name=name, value=value, low=low, high=high)
        for name, (value, low, high) in figures.items()
        if name != leave_out
    )
    counts = dict(zip(("correct", "wrong", "truncated", "error"), outcomes, strict=True))
    names = [name for name in ("candidate", "base", "champion") if name != leave_out]
    differences = {"exact_match": difference, "latency_p50_s": slower}
    return EvaluationReport(
        pipeline="table",
        snapshot=sha256(b"snapshot"),
        adapter=sha256(b"adapter"),
        base_model=sha256(b"base"),
        guardrails=sha256(b"guards"),
        engine=EngineRecord(name=engine, precision="exact", version="1"),
        subjects=tuple(
            SubjectScores.model_validate(
                {
                    "subject": name,
                    "model": CHAMPION if name == "champion" else sha256(name.encode()),
                    "metrics": metrics,
                    "outcomes": Outcomes(**counts),
                    "items": sha256(b"items"),
                }
            )
            for name in names
        ),
        differences=tuple(
            PairedDifference.model_validate(
                {"against": against, "metric": name, "difference": value, "low": low, "high": high}
            )
            for name, (value, low, high) in differences.items()
            if f"difference:{name}" != leave_out
        ),
    )


CASES = {
    "everything just met": ({}, GO, ""),
    "a value just below": ({"exact": (0.8999, 0.88, 0.92)}, NO_GO, "thresholds.exact_match"),
    "a low end just below": ({"f1": (0.85, 0.7999, 0.9)}, INCONCLUSIVE, "thresholds.macro_f1"),
    "a high end just below": ({"f1": (0.75, 0.7, 0.7999)}, NO_GO, "thresholds.macro_f1"),
    "an upper bound straddled": ({"latency": (1.0, 0.5, 2.0001)}, INCONCLUSIVE, "thresholds.latency_p50_s"),
    "an upper bound missed": ({"latency": (2.5, 2.0001, 3.0)}, NO_GO, "thresholds.latency_p50_s"),
    "one item too few": ({"outcomes": (89, 10, 0, 0)}, NO_GO, "minimum_items"),
    "errors at the limit": ({"outcomes": (90, 9, 0, 1)}, GO, ""),
    "one error too many": ({"outcomes": (90, 8, 0, 2)}, NO_GO, "outcomes.error"),
    "truncated at the limit": ({"outcomes": (71, 0, 29, 0)}, GO, ""),
    "one truncated too many": ({"outcomes": (70, 0, 30, 0)}, NO_GO, "outcomes.truncated"),
    "the margin straddled": ({"difference": (0.0, -0.0201, 0.02)}, INCONCLUSIVE, "no_worse_than.exact_match"),
    "worse, the margin straddled": ({"difference": (-0.03, -0.05, -0.02)}, INCONCLUSIVE, "no_worse_than.exact_match"),
    "worse beyond the margin": ({"difference": (-0.03, -0.05, -0.0201)}, NO_GO, "no_worse_than.exact_match"),
    "slower, the margin straddled": ({"slower": (0.2, 0.0, 0.51)}, INCONCLUSIVE, "no_worse_than.latency_p50_s"),
    "slower beyond the margin": ({"slower": (0.7, 0.51, 0.9)}, NO_GO, "no_worse_than.latency_p50_s"),
    "much faster": ({"slower": (-0.7, -0.9, -0.51)}, GO, ""),
    "no candidate": ({"leave_out": "candidate"}, NO_GO, "candidate"),
    "a metric missing": ({"leave_out": "macro_f1"}, NO_GO, "thresholds.macro_f1"),
    "a comparison missing": ({"leave_out": "difference:exact_match"}, NO_GO, "no_worse_than.exact_match"),
    "a dry run": ({"engine": "scripted"}, NO_GO, "engine"),
    "no items at all": ({"outcomes": (0, 0, 0, 0)}, NO_GO, "candidate"),
}


@pytest.mark.parametrize("name", CASES)
def test_near_misses(name: str) -> None:
    changes, verdict, rule = CASES[name]
    decision = decide(gate(), report(**changes), champion=CHAMPION)
    assert decision.verdict == verdict
    failing = [reason.rule for reason in decision.reasons if reason.verdict != GO]
    assert (rule in failing) if rule else not failing


def test_without_a_champion_the_base_takes_its_place() -> None:
    first = report(leave_out="champion", against="base", difference=(-0.1, -0.2, -0.03))
    decision = decide(gate(), first)
    reason = next(reason for reason in decision.reasons if reason.rule == "no_worse_than.exact_match")
    assert decision.verdict == NO_GO and "base (there is no champion yet)" in reason.required
    assert decide(gate(), report(leave_out="champion", against="base")).verdict == GO


def test_a_champion_that_was_not_scored_is_no_go_though_the_base_was() -> None:
    decision = decide(gate(), report(leave_out="champion", against="base"), champion=CHAMPION)
    assert decision.verdict == NO_GO
    assert [reason.rule for reason in decision.reasons if reason.verdict == NO_GO] == ["champion"]


def test_a_champion_that_changed_since_is_no_go() -> None:
    assert decide(gate(), report(), champion=Digest(sha256(b"newer"))).verdict == NO_GO


def test_a_difference_from_a_subject_that_the_report_does_not_hold_counts_for_nothing() -> None:
    rules = gate(RULES.replace("against: champion", "against: base"))
    assert decide(rules, report(against="base")).verdict == GO
    assert decide(rules, report(against="base", leave_out="base")).verdict == NO_GO


def test_no_go_beats_inconclusive() -> None:
    assert decide(gate(), report(exact=(0.1, 0.1, 0.1), f1=(0.85, 0.7, 0.9))).verdict == NO_GO


def test_every_rule_gives_a_reason_with_what_was_measured() -> None:
    decision = decide(gate(), report(), champion=CHAMPION)
    assert [reason.rule for reason in decision.reasons] == [
        "candidate",
        "engine",
        "champion",
        "minimum_items",
        "outcomes.error",
        "outcomes.truncated",
        "thresholds.exact_match",
        "thresholds.macro_f1",
        "thresholds.latency_p50_s",
        "no_worse_than.exact_match",
        "no_worse_than.latency_p50_s",
    ]
    assert all(reason.required and reason.measured for reason in decision.reasons)
    assert decision.gate == gate().digest and decision.report == report().digest


@given(st.sampled_from([*get_args(MetricName)]), st.floats(-100, 100))
@settings(deadline=None)
def test_a_report_without_subjects_passes_no_gate(metric: str, bound: float) -> None:
    text = (
        "name: any\nminimum_items: 1\noutcomes: {error_at_most: 1, truncated_at_most: 1}\n"
        f"thresholds: [{{metric: {metric}, at_least: {bound}}}]"
    )
    empty = report().model_copy(update={"subjects": (), "differences": ()})
    assert decide(gate(text), empty).verdict == NO_GO


@pytest.mark.parametrize("name", ["support-triage", "banking77"])
def test_the_shipped_gates_read_and_their_digest_is_that_of_their_text(name: str) -> None:
    rule = read_rule("gates", name)
    policy = parse_gate(rule.text, source=rule.source)
    assert policy.name == name
    assert policy.digest == sha256(Path(rule.source).read_bytes())
    assert any(comparison.against == "champion" for comparison in policy.rules.no_worse_than)


def test_every_mistake_of_a_gate_is_named_at_once_with_its_line() -> None:
    text = """
name: Bad Name
minimum_items: 0
outcomes: {error_at_most: 2, truncated_at_most: 0.1}
thresholds:
  - {metric: exact_mach, at_least: 0.9}
  - {metric: chrf, at_least: 10, at_most: 20}
no_worse_then: []
"""
    with pytest.raises(ConfigError) as caught:
        gate(text)
    problems = caught.value.problems
    assert {problem.line for problem in problems} == {2, 3, 4, 6, 7, 8}
    assert any("no_worse_than" in problem.cure for problem in problems)


def test_a_gate_that_asks_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="let everything through"):
        gate("name: open\nminimum_items: 1\noutcomes: {error_at_most: 1, truncated_at_most: 1}")
