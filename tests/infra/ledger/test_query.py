"""Queries find what a plain search finds, on both stores; times are read as people write them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.errors import BadInput
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter, read_time

BOTH_STORES = True
_KINDS = ("", "request", "request.admitted", "request.completed", "release", "req")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(_KINDS),
    tenant=st.sampled_from(("", "acme", "other")),
    subject=st.sampled_from(("", "sub-0", "sub-2")),
    version=st.sampled_from((None, 1, 2, 3)),
    before=st.none() | st.integers(0, 30),
    limit=st.integers(1, 40),
)
def test_a_query_is_what_a_plain_search_finds(
    full: Ledger, kind: str, tenant: str, subject: str, version: int | None, before: int | None, limit: int
) -> None:
    wanted = AuditFilter(
        kinds=(kind,) if kind else (),
        tenant=tenant,
        subject=subject,
        version=version,
        before_index=before,
        limit=limit,
    )

    def fits(event: Any, index: int) -> bool:
        return (
            (not kind or event.kind == kind or event.kind.startswith(kind + "."))
            and tenant in ("", getattr(event, "tenant", None))
            and subject in ("", getattr(event, "subject", None))
            and version in (None, getattr(event, "version", None))
            and (before is None or index < before)
        )

    everything = full.query(AuditFilter(limit=1_000))
    expected = [entry for entry in everything if fits(entry.event, entry.index)][-limit:]
    assert list(full.query(wanted)) == expected


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, events: Any) -> Ledger:
    home = Home.open(tmp_path_factory.mktemp("full"))
    url = request.getfixturevalue("new_database")() if request.param == "postgres" else ""
    ledger = Ledger.open(replace(home, ledger_url=url))
    for number in range(12):
        ledger.append(events.admitted(number))
        ledger.append(events.completed(number))
    return ledger


def test_times_bound_a_query(ledger: Ledger, events: Any) -> None:
    for number in range(3):
        ledger.append(events.admitted(number).model_copy(update={"at": datetime(2026, 1, 1 + number, tzinfo=UTC)}))
    wanted = AuditFilter(since=read_time("2026-01-02"), until=read_time("2026-01-03T01:00+01:00"))
    assert [entry.index for entry in ledger.query(wanted)] == [1]
    assert abs(read_time("2d") - (datetime.now(UTC) - timedelta(days=2))) < timedelta(seconds=5)
    for wrong in ("yesterday", "7w", "2026-13-01"):
        with pytest.raises(BadInput):
            read_time(wrong)
