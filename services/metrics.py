"""What /metrics shows, in Prometheus' format. Labels hold names of pipelines, rules and codes; never a user's text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from infra.contracts.request_events import CheckRecord

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True)
class Ended:
    """How one admitted request ended."""

    pipeline: str
    outcome: str
    seconds: float
    prompt_tokens: int
    completion_tokens: int
    checks: tuple[CheckRecord, ...]


class Metrics:
    """The gateway's counters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._answers = Counter(
            "sluice_requests", "Admitted requests by outcome.", ["pipeline", "outcome"], registry=registry
        )
        self._refused = Counter(
            "sluice_requests_refused", "Requests turned away at the door.", ["code"], registry=registry
        )
        self._seconds = Histogram(
            "sluice_request_seconds", "From door to door.", ["pipeline"], buckets=_SECONDS, registry=registry
        )
        self._tokens = Counter("sluice_tokens", "Tokens by direction.", ["pipeline", "direction"], registry=registry)
        self._checks = Counter(
            "sluice_guard_checks", "Guard checks by verdict.", ["rule", "direction", "verdict"], registry=registry
        )
        self._known: set[str] = set()
        self.in_flight = Gauge("sluice_requests_in_flight", "Answers under way.", registry=registry)
        self._versions = Gauge("sluice_model_version", "The version that answers.", ["pipeline"], registry=registry)
        self._releases_refused = Counter(
            "sluice_releases_refused", "Releases that were not served.", ["pipeline"], registry=registry
        )

    def refused(self, code: str) -> None:
        """Counts a request that was turned away."""
        self._refused.labels(code).inc()

    def ended(self, ended: Ended) -> None:
        """Counts an admitted request."""
        self._answers.labels(ended.pipeline, ended.outcome).inc()
        self._seconds.labels(ended.pipeline).observe(ended.seconds)
        self._tokens.labels(ended.pipeline, "input").inc(ended.prompt_tokens)
        self._tokens.labels(ended.pipeline, "output").inc(ended.completion_tokens)
        for check in ended.checks:
            self._checks.labels(check.rule, check.direction, check.verdict).inc()

    def serving(self, versions: Iterable[tuple[str, int]]) -> None:
        """Says which version of each pipeline answers; 0 for one that does not any more."""
        now = dict(versions)
        for pipeline in self._known - now.keys():
            self._versions.labels(pipeline).set(0)
        for pipeline, version in now.items():
            self._versions.labels(pipeline).set(version)
        self._known |= now.keys()

    def release_refused(self, pipeline: str) -> None:
        """Counts a release that did not verify or could not be loaded."""
        self._releases_refused.labels(pipeline).inc()

    def text(self) -> bytes:
        """The page."""
        return generate_latest(self.registry)
