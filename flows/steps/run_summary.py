"""A run's summary in Markdown for Prefect: where to look, what a reviewer does next, scores, gate, data, training.

Made from contracts and addresses alone, so it holds no text of a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.steps.markdown import table
from infra.contracts.evaluation import EvaluationReport, Subject, SubjectScores

if TYPE_CHECKING:
    from flows.lifecycle import Lifecycle

_SUBJECTS: tuple[Subject, ...] = ("candidate", "base", "champion")


@dataclass(frozen=True)
class Addresses:
    """Where a person reads more in MLflow; '' where there is nothing to read."""

    run: str = ""
    version: str = ""
    comparison: str = ""


def summary_markdown(pipeline: str, done: Lifecycle, addresses: Addresses) -> str:
    """The whole summary. No text of a row stands in it."""
    sections = (
        f"# {headline(pipeline, done)}",
        f"## Where to look\n\n{_places(pipeline, done, addresses)}",
        f"## Review\n\n{review_markdown(pipeline, done)}",
        f"## Scores\n\n{_scores(done.report)}",
        f"## Gate: {done.decision.verdict.value}\n\n{_gate(done)}",
        f"## Data\n\n{_data(done)}",
        f"## Training\n\n{_training(done)}",
        f"## Digests\n\n{_digests(done)}",
    )
    return "\n\n".join(sections) + "\n"


def headline(pipeline: str, done: Lifecycle) -> str:
    """The outcome in one line."""
    if done.version is None:
        return f"{pipeline}: {done.decision.verdict.value}, nothing was registered"
    if done.release is None:
        return f"{pipeline} version {done.version.version}: {done.decision.verdict.value}, waits for a review"
    return f"{pipeline} version {done.version.version}: released (number {done.release.sequence})"


def review_markdown(pipeline: str, done: Lifecycle) -> str:
    """What a reviewer can do now, as commands to copy."""
    if done.version is None:
        return "Nothing to decide: the gate turned the model away. It is kept for the record as a run in MLflow."
    which = f"{pipeline} {done.version.version}"
    if done.release is not None:
        back = _commands(f'sluice release rollback {pipeline} --reason "WHY"')
        return f"Approved by {done.release.actor} and in force. The way back:\n\n{back}"
    commands = _commands(
        f"sluice review show {which}",
        f'sluice review approve {which} --by NAME --reason "WHY"',
        f'sluice review reject {which} --by NAME --reason "WHY"',
    )
    return (
        f"A person decides, with a key of their own (`sluice reviewer add NAME` makes one):\n\n{commands}\n\n"
        "Setting the alias `champion` to this version in MLflow asks for the release too: it is done where a valid "
        "approval exists, and refused and put back where none does."
    )


def _commands(*lines: str) -> str:
    return "```bash\n" + "\n".join(lines) + "\n```"


def _places(pipeline: str, done: Lifecycle, addresses: Addresses) -> str:
    places = [
        ("the run in MLflow: card, curves, pictures, contracts", _link("MLflow run", addresses.run)),
        ("the model version in MLflow", _link("MLflow model version", addresses.version)),
        ("candidate beside champion in MLflow", _link("MLflow comparison", addresses.comparison)),
        ("Data Docs of Great Expectations, a folder", f"`{done.findings.data_docs}`"),
        ("this run's events in the ledger", f"`sluice audit show {done.run_id}/gate`"),
        ("everything recorded of the pipeline", f"`sluice audit query --pipeline {pipeline}`"),
    ]
    return table(["what", "where"], [(what, where) for what, where in places if where])


def _link(title: str, address: str) -> str:
    return f"[{title}]({address})" if address else ""


def _scores(report: EvaluationReport) -> str:
    subjects = [scores for subject in _SUBJECTS if (scores := report.scores(subject))]
    names = dict.fromkeys(metric.name for scores in subjects for metric in scores.metrics)
    rows = [[name, *(_metric(scores, name) for scores in subjects)] for name in names]
    rows += [[f"items {name}", *_outcome(subjects, name)] for name in ("correct", "wrong", "truncated", "error")]
    items = subjects[0].outcomes.items if subjects else 0
    scored = table(["metric", *(scores.subject for scores in subjects)], rows)
    paired = [
        [f"candidate − {one.against}", one.metric, f"{one.difference:+.3f} ({one.low:+.3f} to {one.high:+.3f})"]
        for one in report.differences
    ]
    told = f"On {items:,} held-out items, with 95 % intervals:\n\n{scored}"
    if not paired:
        return told
    return f"{told}\n\nOn the same items, paired:\n\n{table(['difference', 'metric', 'value'], paired)}"


def _metric(scores: SubjectScores, name: str) -> str:
    metric = scores.metric(name)
    return metric.in_words if metric else "–"


def _outcome(subjects: list[SubjectScores], name: str) -> Iterator[str]:
    return (f"{getattr(scores.outcomes, name):,}" for scores in subjects)


def _gate(done: Lifecycle) -> str:
    rows = [[one.rule, one.required, one.measured, one.verdict.value] for one in done.decision.reasons]
    return table(["rule", "required", "measured", "verdict"], rows)


def _data(done: Lifecycle) -> str:
    snapshot = done.snapshot
    rows = [
        ["rows in", f"{snapshot.rows_in:,}"],
        *([f"quarantined: {one.reason}", f"{one.rows:,}"] for one in snapshot.quarantined),
        ["exact duplicates", f"{snapshot.duplicates_exact:,}"],
        ["near duplicates", f"{snapshot.duplicates_near:,}"],
        [f"left out of training: {snapshot.leakage_measure}", f"{snapshot.leaked:,}"],
        *([f"kept for {split.name}", f"{split.rows:,}"] for split in snapshot.splits),
        ["spans of personal data redacted", f"{sum(one.spans for one in snapshot.redacted):,}"],
    ]
    return table(["rows", "count"], rows)


def _training(done: Lifecycle) -> str:
    figures = done.adapter.figures
    rows = [
        ["optimiser steps", f"{figures.steps:,}"],
        ["tokens computed", f"{figures.tokens:,}"],
        ["time", f"{float(figures.seconds):,.0f} s"],
        ["speed", f"{float(figures.tokens_per_s):,.0f} tokens/s"],
        ["loss, first", f"{float(figures.first_loss):.3f} nats per answer token"],
        ["loss, last", f"{float(figures.last_loss):.3f} nats per answer token"],
    ]
    return table(["training", "value"], rows)


def _digests(done: Lifecycle) -> str:
    rows = [
        ["dataset snapshot", done.snapshot.digest],
        ["adapter", done.adapter.digest],
        ["evaluation report", done.report.digest],
        ["gate decision", done.decision.digest],
    ]
    if done.version:
        rows.append(["signed manifest", done.version.digest])
    if done.release:
        rows.append(["release", done.release.digest])
    return table(["contract", "SHA-256"], [[name, f"`{digest}`"] for name, digest in rows])
