"""What a run shows in Prefect and MLflow while it goes on and when it ends: progress, the loss curve, a summary."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from flows.pipeline import Pipeline
from flows.steps.run_summary import Addresses, headline, review_markdown, summary_markdown
from flows.training.step_line import StepLine
from flows.workshop import Workshop
from infra.contracts.base import now
from infra.errors import PartFailed
from infra.stores.registry import Registry
from infra.stores.tracking import Figure, Tracking

if TYPE_CHECKING:
    from flows.lifecycle import Lifecycle

_EVERY_S = 5.0
"""How often the servers are told; every step reaches them, in batches."""


def watch_training(pipeline: Pipeline, shop: Workshop) -> Callable[[StepLine], None]:
    """A callback for each training step: a progress artifact in Prefect and the curves in the run's MLflow page."""
    tracking = Registry.open(shop.mlflow_url).runs
    title = f"{pipeline.name} {now():%Y-%m-%d %H:%M} UTC"
    mlflow_run = tracking.run(pipeline.name, shop.run_id, title=title)
    return _Watch(pipeline.name, tracking, mlflow_run, shop.progress.say).step


class _Watch:
    """A training goes on without anybody who looks: the register stage draws the whole curve again.

    Who does not answer once is not told again: a client tries a dead server for a minute each time.
    """

    def __init__(self, pipeline: str, tracking: Tracking, mlflow_run: str, say: Callable[[str], None]) -> None:
        self._pipeline, self._tracking, self._run = pipeline, tracking, mlflow_run
        self._say = say
        self._deaf: set[str] = set()
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
        with self._unless_deaf("MLflow", PartFailed) as listens:
            if listens:
                self._tracking.log_figures(self._run, figures)
        with self._unless_deaf("Prefect", *_prefect_failures()) as listens:
            if listens:
                self._tell_prefect(line)

    @contextmanager
    def _unless_deaf(self, name: str, *failures: type[Exception]) -> Iterator[bool]:
        """Gives whether a server still listens; one that fails is deaf from then on, and that is said."""
        try:
            yield name not in self._deaf
        except failures:
            self._deaf.add(name)
            self._say(f"{name} does not answer: the training goes on, and is not shown there")

    def _tell_prefect(self, line: StepLine) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        done = 100.0 * line.step / line.of
        speed = f"{line.tokens_per_s:.0f} tokens/s, {line.eta_s:.0f} s left"
        about = f"step {line.step} of {line.of}, loss {line.loss:.3f}, {speed}"
        if self._artifact is None:
            made = create_progress_artifact(done, key=_key(self._pipeline, "training"), description=about)
            assert isinstance(made, UUID)  # a coroutine only where an event loop runs, and none does here
            self._artifact = made
        else:
            update_progress_artifact(self._artifact, done, description=about)


def _prefect_failures() -> tuple[type[Exception], ...]:
    import httpx
    from prefect.exceptions import PrefectException

    return httpx.HTTPError, PrefectException


def publish_summary(pipeline: Pipeline, done: Lifecycle, shop: Workshop) -> None:
    """Leaves the run's outcome in Prefect: a summary, the review as commands to copy, and links into MLflow.

    Each pipeline has its own keys, so that Prefect lists its runs one below the other.
    """
    from prefect.artifacts import create_link_artifact, create_markdown_artifact

    from infra import telemetry

    addresses = _addresses(pipeline.name, done, shop)
    title = headline(pipeline.name, done)
    telemetry.note({telemetry.SHOWN_OUTPUT: title})
    links = (
        ("mlflow-run", addresses.run, "The run in MLflow"),
        ("mlflow-version", addresses.version, "The model version in MLflow"),
        ("mlflow-comparison", addresses.comparison, "Candidate beside champion in MLflow"),
    )
    for name, address, text in links:
        if address:
            create_link_artifact(address, text, key=_key(pipeline.name, name), description=title)
    if done.version is not None and done.release is None:
        review = f"# {title}\n\n{review_markdown(pipeline.name, done)}\n"
        create_markdown_artifact(review, key=_key(pipeline.name, "review"), description=title)
    summary = summary_markdown(pipeline.name, done, addresses)
    create_markdown_artifact(summary, key=_key(pipeline.name, "summary"), description=title)


def _addresses(pipeline: str, done: Lifecycle, shop: Workshop) -> Addresses:
    """Links into MLflow; none of them where MLflow is away: a run that is done does not fail for its summary."""
    try:
        registry = Registry.open(shop.mlflow_url)
        run_id = done.version.run_id if done.version else registry.runs.run(pipeline, shop.run_id)
        run = registry.runs.url(run_id)
    except PartFailed:
        return Addresses()
    if done.version is None:
        return Addresses(run)
    champion = done.report.scores("champion")
    known = shop.releases.manifests(pipeline) if champion else ()
    rivals = [one for one in known if champion and champion.model in (one.digest, one.adapter)]
    comparison = registry.comparison_url(pipeline, (done.version, rivals[-1])) if rivals else ""
    return Addresses(run, registry.url(pipeline, done.version.version), comparison)


def _key(pipeline: str, name: str) -> str:
    """An artifact's key, of the characters that Prefect takes."""
    return re.sub("[^a-z0-9-]", "-", f"{pipeline}-{name}")
