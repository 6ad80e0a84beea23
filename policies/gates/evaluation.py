"""May this candidate go on? A gate policy applied to an evaluation report: every rule gives a reason with what was
measured.

NO_GO beats INCONCLUSIVE beats GO. What is missing (a subject, a metric, a comparison) is NO_GO. INCONCLUSIVE means
that a 95 % interval lies on both sides of what is required: more items would settle it. Only GO lets a model on.
"""

from __future__ import annotations

from infra.contracts.evaluation import EvaluationReport, Metric, PairedDifference, SubjectScores
from infra.contracts.gate import GateDecision, GateReason, GateVerdict
from infra.digest import Digest, short
from policies.gates.gate import LOWER_IS_BETTER, GatePolicy, NoWorseThan, OutcomeLimits, Threshold

_ORDER = {GateVerdict.GO: 0, GateVerdict.INCONCLUSIVE: 1, GateVerdict.NO_GO: 2}
_NOTHING = "not measured"
_SCRIPTED = "scripted"
"""The engine of dry runs: it answers without any model."""


def decide(policy: GatePolicy, report: EvaluationReport, *, champion: Digest | None = None) -> GateDecision:
    """Applies every rule of the policy to the report and combines the verdicts, the strictest first.

    `champion` is the digest of the ModelVersion that is released now: a report that did not score this very one is
    NO_GO.
    """
    rules = policy.rules
    candidate = report.scores("candidate")
    reasons = [_candidate_rule(candidate), _engine_rule(report), *_champion_rule(report, champion)]
    if candidate is not None:
        reasons.append(_items_rule(rules.minimum_items, candidate))
        reasons += _outcome_rules(rules.outcomes, candidate)
    reasons += [_threshold_rule(threshold, candidate) for threshold in rules.thresholds]
    reasons += [_comparison_rule(rule, report) for rule in rules.no_worse_than]
    verdict = max((reason.verdict for reason in reasons), key=_ORDER.__getitem__)
    return GateDecision(
        pipeline=report.pipeline, report=report.digest, gate=policy.digest, verdict=verdict, reasons=tuple(reasons)
    )


def _candidate_rule(candidate: SubjectScores | None) -> GateReason:
    items = candidate.outcomes.items if candidate is not None else 0
    measured = f"{items} items" if items else "the report holds no candidate, or not one item of it"
    return GateReason(
        rule="candidate", verdict=_go_if(items > 0), required="scores of the candidate", measured=measured
    )


def _engine_rule(report: EvaluationReport) -> GateReason:
    name = report.engine.name
    return GateReason(
        rule="engine",
        verdict=_go_if(name != _SCRIPTED),
        required="answers of the model itself",
        measured=f"engine {name}",
    )


def _champion_rule(report: EvaluationReport, champion: Digest | None) -> list[GateReason]:
    """The champion that was scored is the one that is released; no reason where there is neither."""
    scored = report.scores("champion")
    if champion is None:
        return []
    measured = f"scores of version {short(scored.model)}" if scored is not None else "no scores of a champion"
    same = scored is not None and scored.model == champion
    required = f"scores of the present champion, version {short(champion)}"
    return [GateReason(rule="champion", verdict=_go_if(same), required=required, measured=measured)]


def _items_rule(minimum: int, candidate: SubjectScores) -> GateReason:
    items = candidate.outcomes.items
    return GateReason(
        rule="minimum_items",
        verdict=_go_if(items >= minimum),
        required=f"at least {minimum} items",
        measured=f"{items} items",
    )


def _outcome_rules(limits: OutcomeLimits, candidate: SubjectScores) -> list[GateReason]:
    outcomes = candidate.outcomes
    rows = (
        ("error", outcomes.error, limits.error_at_most),
        ("truncated", outcomes.truncated, limits.truncated_at_most),
    )
    return [
        GateReason(
            rule=f"outcomes.{name}",
            # The share itself is compared: 0.29 * 100 is less than 29 in floating point, 29 / 100 is 0.29.
            verdict=_go_if(count / max(1, outcomes.items) <= limit),
            required=f"at most {limit:.2%} of the items",
            measured=f"{count} of {outcomes.items} ({count / max(1, outcomes.items):.2%})",
        )
        for name, count, limit in rows
    ]


def _threshold_rule(threshold: Threshold, candidate: SubjectScores | None) -> GateReason:
    found = candidate.metric(threshold.metric) if candidate is not None else None
    least = threshold.at_least is not None
    bound = threshold.at_least if threshold.at_least is not None else threshold.at_most
    assert bound is not None  # the policy's own validator: exactly one of the two
    whole = "all of the 95 % interval " if threshold.on == "interval" else ""
    required = f"{whole}at {'least' if least else 'most'} {bound:g}"
    rule = f"thresholds.{threshold.metric}"
    if found is None:
        return GateReason(rule=rule, verdict=GateVerdict.NO_GO, required=required, measured=_NOTHING)
    low, high = (found.low, found.high) if threshold.on == "interval" else (found.value, found.value)
    # Turned so that more is better: the worse end and the better end of what was measured, beyond the bound.
    worse, better = (low - bound, high - bound) if least else (bound - high, bound - low)
    return GateReason(rule=rule, verdict=_straddle(worse, better), required=required, measured=_figure(found))


def _comparison_rule(rule: NoWorseThan, report: EvaluationReport) -> GateReason:
    against = rule.against
    if against == "champion" and report.scores("champion") is None:
        against = "base"
    stand_in = " (there is no champion yet)" if against != rule.against else ""
    required = f"no worse than the {against}{stand_in} by more than {rule.margin:g}"
    name = f"no_worse_than.{rule.metric}"
    found = next((d for d in report.differences if d.against == against and d.metric == rule.metric), None)
    if found is None or report.scores(against) is None:
        return GateReason(rule=name, verdict=GateVerdict.NO_GO, required=required, measured=_NOTHING)
    low, high = (-found.high, -found.low) if rule.metric in LOWER_IS_BETTER else (found.low, found.high)
    verdict = _straddle(low + rule.margin, high + rule.margin)
    return GateReason(rule=name, verdict=verdict, required=required, measured=_difference(found))


def _straddle(worse: float, better: float) -> GateVerdict:
    """GO when both ends meet what is required (0 or more), NO_GO when neither does, INCONCLUSIVE between."""
    if worse >= 0:
        return GateVerdict.GO
    return GateVerdict.INCONCLUSIVE if better >= 0 else GateVerdict.NO_GO


def _go_if(met: bool) -> GateVerdict:
    return GateVerdict.GO if met else GateVerdict.NO_GO


def _figure(metric: Metric) -> str:
    return f"{metric.value:.4g} [{metric.low:.4g}, {metric.high:.4g}]"


def _difference(found: PairedDifference) -> str:
    return f"candidate - {found.against} = {found.difference:+.4g} [{found.low:+.4g}, {found.high:+.4g}]"
