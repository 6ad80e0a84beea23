"""SQL over the ledger: the columns say what the entries say, follow the log, and nothing else can be reached."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.contracts.base import now
from infra.contracts.record_events import EntriesExpired, IndexRange
from infra.errors import BadInput
from infra.home import Home
from infra.ledger import sql
from infra.ledger.expiry import ExpiryRule
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.retention import expire
from infra.ledger.sql import SqlView

BOTH_STORES = True


@pytest.fixture
def view(home: Home, recorded: Callable[[int], Ledger], tmp_path: Path) -> SqlView:
    made = SqlView(recorded(20), tmp_path)
    assert made.catch_up() == 40 and made.catch_up() == 0
    return made


def asked(view: SqlView, sql: str) -> list[tuple[Any, ...]]:
    return list(view.ask(sql).rows)


def test_the_columns_are_the_fields(view: SqlView, ledger: Ledger) -> None:
    rows = asked(view, "SELECT idx, kind, tenant, subject, version, outcome, entry FROM events ORDER BY idx")
    entries = ledger.query(AuditFilter(limit=100))
    assert len(rows) == len(entries) == 40
    for row, entry in zip(rows, entries, strict=True):
        event = entry.event
        fields = [getattr(event, name, None) for name in ("kind", "tenant", "subject", "version", "outcome")]
        assert list(row[:-1]) == [entry.index, *fields]
        assert json.loads(row[-1]) == json.loads(event.to_json())
    assert asked(view, "SELECT rule, verdict, count(*) FROM checks GROUP BY ALL") == [("pii", "redact", 20)]
    assert asked(view, "SELECT DISTINCT time FROM events")[0][0].isoformat() == "2026-01-02T03:04:05.000678"


def test_what_came_later_is_there_and_what_expired_is_not(view: SqlView, ledger: Ledger, events: Any, raw: Any) -> None:
    ledger.append(events.admitted(99))
    raw("UPDATE events SET entry = NULL WHERE idx = 3")
    raw("DELETE FROM payloads WHERE idx = 3")
    raw("DELETE FROM fired WHERE idx = 3")
    ledger.append(
        EntriesExpired(
            event_id="expired/1",
            at=now(),
            pipeline="",
            ranges=(IndexRange(first=3, until=4),),
            event_class="request",
            retention_days=183,
        )
    )
    assert view.catch_up() == 2
    assert asked(view, "SELECT count(*), count(*) FILTER (idx = 3) FROM events") == [(41, 0)]
    assert asked(view, "SELECT count(*) FROM checks") == [(19,)]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM events",
        "SELECT 1; SELECT 2",
        "COPY events TO '/tmp/sluice-test-out.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "ATTACH '/tmp/sluice-test.duckdb'",
        "SET memory_limit = '9GB'",
        "INSTALL httpfs",
        "SELECT nothing FROM events",
        "no SQL",
        "",
    ],
)
def test_nothing_but_a_query_of_the_tables_is_run(view: SqlView, sql: str) -> None:
    with pytest.raises(BadInput):
        list(view.ask(sql).rows)
    assert not Path("/tmp/sluice-test-out.csv").exists()


def test_a_file_that_is_deleted_is_made_anew(view: SqlView, ledger: Ledger, tmp_path: Path) -> None:
    for path in tmp_path.glob("columns-*.duckdb*"):
        path.unlink()
    assert SqlView(ledger, tmp_path).catch_up() == 40


def test_a_stretch_of_which_everything_expired_is_passed_over(
    home: Home, recorded: Callable[[int], Ledger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "_BATCH", 10)
    ledger = recorded(20)
    early = ledger.query(AuditFilter(limit=100))[29].event.at + timedelta(seconds=1)
    assert expire(home, ledger, ExpiryRule(200, "", early)).entries == 40
    made = SqlView(ledger, tmp_path)
    assert made.catch_up() == 41
    assert asked(made, "SELECT idx, kind FROM events") == [(40, "entries.expired")]
