"""A ledger of every kind of entry that an archive meets, and what can be asked of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.contracts.audit import AuditEvent
from infra.contracts.base import now
from infra.contracts.record_events import ServiceChanged
from infra.contracts.request_events import FeedbackGiven, RequestRefused
from infra.digest import sha256
from infra.home import Home
from infra.ledger.archive.closing import archive
from infra.ledger.log import Ledger

BEGIN = datetime(2026, 1, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)

Fill = Callable[[Ledger, int], int]


def sequence(events: Any, requests: int) -> list[tuple[AuditEvent, bytes | None]]:
    """Requests with all that may be recorded beside them, a second apart."""
    found: list[tuple[AuditEvent, bytes | None]] = []

    def add(event: Any, payload: bytes | None = None) -> None:
        found.append((event.model_copy(update={"at": BEGIN + len(found) * SECOND}), payload))

    for number in range(requests):
        payload = b"sealed-%d" % number
        tenant = {"tenant": f"tenant-{number % 3}"}
        add(events.admitted(number).model_copy(update=tenant))
        outcome = "blocked" if number % 7 == 0 else "answered"
        add(events.completed(number, payload=payload, outcome=outcome).model_copy(update=tenant), payload)
        if number % 5 == 0:
            add(_feedback(number), b"comment-%d" % number)
        if number % 11 == 0:
            add(_refused(number))
        if number % 13 == 0:
            add(_service(number))
    return found


@pytest.fixture(scope="session")
def fill(events: Any) -> Fill:
    """Records so many requests and what comes with them; returns how many entries those are."""

    def record(ledger: Ledger, requests: int) -> int:
        entries = sequence(events, requests)
        ledger.append_many(entries)
        return len(entries)

    return record


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory, fill: Fill) -> Path:
    """A home of which most entries are archived: the first 1,024, in one segment."""
    root = tmp_path_factory.mktemp("evidence") / "home"
    home = Home.open(root)
    ledger = Ledger.open(home)
    fill(ledger, 500)
    archive(home, ledger, now() + timedelta(days=1))
    ledger.close()
    return root


@pytest.fixture
def copied(evidence: Path, tmp_path: Path) -> Path:
    """A copy to do harm to."""
    shutil.copytree(evidence, tmp_path / "copy")
    return tmp_path / "copy"


def _feedback(number: int) -> FeedbackGiven:
    return FeedbackGiven(
        event_id=f"fb-{number}/given",
        at=BEGIN,
        pipeline="support-triage",
        response_id=f"resp-{number}",
        tenant=f"tenant-{number % 3}",
        rating="up",
        sealed=sha256(b"comment-%d" % number),
    )


def _refused(number: int) -> RequestRefused:
    return RequestRefused(
        event_id=f"none-{number}/refused",
        at=BEGIN,
        pipeline="",
        response_id=f"none-{number}",
        tenant="",
        key_id="",
        code="invalid_api_key",
    )


def _service(number: int) -> ServiceChanged:
    return ServiceChanged(event_id=f"s-{number}", at=BEGIN, pipeline="", service="gateway", action="started")
