"""An evaluation and a gate decision as `retrain` and `review` show them: tables for people, one shape for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from infra.contracts.evaluation import EvaluationReport, Subject
    from infra.contracts.gate import GateDecision

_SUBJECTS: tuple[Subject, ...] = ("candidate", "base", "champion")
_COLOURS = {"GO": "green", "NO_GO": "red", "INCONCLUSIVE": "yellow"}


def metrics_json(report: EvaluationReport) -> dict[str, Any]:
    """`candidate`, `base` and `champion` (null where there was none), each metric as {value, low, high}."""
    found = {subject: report.scores(subject) for subject in _SUBJECTS}
    return {
        subject: scores and {one.name: {"value": one.value, "low": one.low, "high": one.high} for one in scores.metrics}
        for subject, scores in found.items()
    }


def scores_table(report: EvaluationReport) -> Table:
    """Each metric of candidate, base and champion with its 95 % interval, and how the items ended."""
    from rich.table import Table

    subjects = [scores for subject in _SUBJECTS if (scores := report.scores(subject))]
    items = subjects[0].outcomes.items if subjects else 0
    table = Table(title=f"Evaluation on {items:,} held-out items (95 % intervals)", title_justify="left")
    table.add_column("metric")
    for scores in subjects:
        table.add_column(scores.subject, justify="right")
    for name in dict.fromkeys(metric.name for scores in subjects for metric in scores.metrics):
        found = [scores.metric(name) for scores in subjects]
        table.add_row(name, *(metric.in_words if metric else "-" for metric in found))
    ended = [scores.outcomes for scores in subjects]
    table.add_row("correct/wrong/truncated/error", *(f"{o.correct}/{o.wrong}/{o.truncated}/{o.error}" for o in ended))
    return table


def gate_table(decision: GateDecision) -> Table:
    """Each rule of the gate with what it required and what was measured."""
    from rich.markup import escape
    from rich.table import Table

    from infra.digest import short

    title = f"Gate {short(decision.gate)}: {decision.verdict.value}"
    table = Table("rule", "required", "measured", "verdict", title=title, title_justify="left")
    for reason in decision.reasons:
        verdict = reason.verdict.value
        told = (escape(text) for text in (reason.rule, reason.required, reason.measured))
        table.add_row(*told, f"[{_COLOURS[verdict]}]{verdict}[/{_COLOURS[verdict]}]")
    return table
