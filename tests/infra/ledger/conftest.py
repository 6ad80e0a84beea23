"""Events to write, and a ledger to write them to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Protocol

import pytest

from infra.contracts.request_events import CheckRecord, Outcome, RequestAdmitted, RequestCompleted, SpanRecord
from infra.digest import Digest, sha256
from infra.home import Home
from infra.ledger.log import Ledger

_AT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


class Events(Protocol):
    """Makes the two events of a request."""

    def admitted(self, number: int, *, pipeline: str = "support-triage") -> RequestAdmitted: ...
    def completed(self, number: int, *, payload: bytes | None = None) -> RequestCompleted: ...


class _Events:
    def admitted(self, number: int, *, pipeline: str = "support-triage") -> RequestAdmitted:
        return RequestAdmitted(
            event_id=f"resp-{number}/admitted",
            at=_AT,
            pipeline=pipeline,
            response_id=f"resp-{number}",
            tenant="acme",
            key_id="key-1",
            subject=f"sub-{number % 3}",
            engine="openvino",
            scripted=False,
            version=1 + number % 2,
            release=None,
            manifest=None,
            guardrails=sha256(b"policy"),
            streamed=number % 2 == 0,
        )

    def completed(
        self, number: int, *, payload: bytes | None = None, outcome: Outcome = "answered"
    ) -> RequestCompleted:
        span = SpanRecord(start=3, end=9, entity="EMAIL")
        digest: Digest | None = sha256(payload) if payload is not None else None
        return RequestCompleted(
            event_id=f"resp-{number}/completed",
            at=_AT,
            pipeline="support-triage",
            response_id=f"resp-{number}",
            tenant="acme",
            key_id="key-1",
            subject=f"sub-{number % 3}",
            version=1 + number % 2,
            manifest=None,
            guardrails=sha256(b"policy"),
            outcome=outcome,
            refusal_rule="",
            checks=(
                CheckRecord(
                    rule="pii", direction="input", verdict="redact", score=0.85, milliseconds=1.0, spans=(span,)
                ),
            ),
            prompt_tokens=12,
            completion_tokens=5,
            seconds=0.25,
            sealed=digest,
        )


@pytest.fixture(scope="session")
def events() -> Events:
    """The two events of a request, by its number."""
    return _Events()


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    """An empty ledger."""
    opened = Ledger.open(home)
    yield opened
    opened.close()


@pytest.fixture
def recorded(ledger: Ledger, events: Events) -> Callable[[int], Ledger]:
    """Records so many whole requests, each with a sealed payload."""

    def record(count: int) -> Ledger:
        for number in range(count):
            payload = b"sealed-%d" % number
            ledger.append(events.admitted(number))
            ledger.append(events.completed(number, payload=payload), payload=payload)
        return ledger

    return record
