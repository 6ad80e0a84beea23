"""What a run shows in Prefect and MLflow while it goes on and when it ends: progress, the loss curve, a summary."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from flows.pipeline import Pipeline
from flows.training.step_line import StepLine
from flows.workshop import Workshop
from infra.contracts.evaluation import Subject, SubjectScores
from infra.digest import short
from infra.stores.registry import Registry
from infra.stores.tracking import Figure, Tracking

if TYPE_CHECKING:
    from flows.lifecycle import Lifecycle

_EVERY_S = 5.0
"""How often the servers are told; every step reaches them, in batches."""
_SUBJECTS: tuple[Subject, ...] = ("candidate", "base", "champion")


def watch_training(pipeline: Pipeline, shop: Workshop) -> Callable[[StepLine], None]:
    """A callback for each training step: a progress artifact in Prefect and the curves in the run's MLflow page."""
    tracking = Registry.open(shop.mlflow_url).runs
    return _Watch(tracking, tracking.run(pipeline.name, shop.run_id)).step


class _Watch:
    def __init__(self, tracking: Tracking, mlflow_run: str) -> None:
        self._tracking, self._run = tracking, mlflow_run
        self._waiting: list[StepLine] = []
        self._artifact: UUID | None = None
        self._told_s = 0.0

    def step(self, line: StepLine) -> None:
        self._waiting.append(line)
        if line.step < line.of and time.monotonic() - self._told_s < _EVERY_S:
            return
        self._told_s = time.monotonic()
        figures = [
            Figure(f"train/{name}", value, one.step)
            for one in self._waiting
            for name, value in (
                ("loss", one.loss),
                ("learning_rate", one.learning_rate),
                ("tokens_per_s", one.tokens_per_s),
            )
        ]
        self._waiting.clear()
        self._tracking.log_figures(self._run, figures)
        self._tell_prefect(line)

    def _tell_prefect(self, line: StepLine) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        done = 100.0 * line.step / line.of
        speed = f"{line.tokens_per_s:.0f} tokens/s, {line.eta_s:.0f} s left"
        about = f"step {line.step} of {line.of}, loss {line.loss:.3f}, {speed}"
        if self._artifact is None:
            made = create_progress_artifact(done, key="training", description=about)
            assert isinstance(made, UUID)  # a coroutine only where an event loop runs, and none does here
            self._artifact = made
        else:
            update_progress_artifact(self._artifact, done, description=about)


def publish_summary(pipeline: Pipeline, done: Lifecycle) -> None:
    """Leaves the run's summary in Prefect as a Markdown artifact."""
    from prefect.artifacts import create_markdown_artifact

    create_markdown_artifact(
        summary_markdown(pipeline, done), key="summary", description=f"{pipeline.name} {done.run_id}"
    )


def summary_markdown(pipeline: Pipeline, done: Lifecycle) -> str:
    """The run in Markdown: counts, training, scores and the gate's reasons. No text of a row stands in it."""
    subjects = [scores for subject in _SUBJECTS if (scores := done.report.scores(subject))]
    names = dict.fromkeys(metric.name for scores in subjects for metric in scores.metrics)
    figures = done.adapter.figures
    version = f"version {done.version.version}" if done.version else "no version"
    release = f", release {done.release.sequence}" if done.release else ""
    lines = [
        f"# {pipeline.name}: {done.decision.verdict.value}, {version}{release}",
        f"Snapshot `{short(done.snapshot.digest)}`: {done.snapshot.rows_in:,} rows in, "
        + ", ".join(f"{split.rows:,} kept for {split.name}" for split in done.snapshot.splits)
        + f", {sum(count.rows for count in done.snapshot.quarantined):,} quarantined.",
        f"Training: {figures.steps} steps, {float(figures.tokens_per_s):.0f} tokens/s, "
        f"loss {float(figures.last_loss):.3f}.",
        "| metric | " + " | ".join(scores.subject for scores in subjects) + " |",
        "|---|" + "---:|" * len(subjects),
    ]
    rows = [f"| {name} | " + " | ".join(_cell(scores, name) for scores in subjects) + " |" for name in names]
    reasons = [
        f"- {reason.verdict.value}: {reason.rule}, required {reason.required}, measured {reason.measured}"
        for reason in done.decision.reasons
    ]
    return (
        "\n\n".join(lines[:3]) + "\n\n" + "\n".join([*lines[3:], *rows]) + "\n\n## Gate\n\n" + "\n".join(reasons) + "\n"
    )


def _cell(scores: SubjectScores, name: str) -> str:
    metric = scores.metric(name)
    return metric.in_words if metric else "-"
