"""The ledger's promises: durable, in order, once only, append-only; for one writer, for threads and for failures."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.digest import sha256
from infra.errors import BadInput, StoreError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter, read_time


def test_an_empty_ledger_verifies(ledger: Ledger) -> None:
    check = ledger.verify()
    assert (check.ok, check.events, check.root) == (True, 0, sha256(b""))


def test_indices_count_up_and_entries_come_back_as_written(home: Home, ledger: Ledger, events: Any) -> None:
    first, second = events.admitted(1), events.completed(1, payload=b"sealed")
    assert ledger.append(first) == 0
    assert ledger.append(second, payload=b"sealed") == 1
    other = Ledger.open(home)
    found = other.of_response("resp-1")
    assert [entry.event for entry in found] == [first, second]
    assert [other.payload(entry) for entry in found] == [None, b"sealed"]
    assert [other.intact(entry) for entry in found] == [True, True]
    assert (entry := other.get("resp-1/admitted")) is not None and entry.index == 0
    assert other.get("resp-2/admitted") is None
    assert other.of_response("") == ()


def test_an_event_id_is_written_once(ledger: Ledger, events: Any) -> None:
    index = ledger.append(events.admitted(1))
    ledger.append(events.admitted(2))
    assert ledger.append(events.admitted(1)) == index
    with pytest.raises(StoreError, match="resp-1/admitted"):
        ledger.append(events.admitted(1, pipeline="banking77"))
    assert ledger.verify().events == 2


def test_a_payload_must_be_the_one_that_the_event_names(ledger: Ledger, events: Any) -> None:
    for event, payload in (
        (events.completed(1, payload=b"a"), b"b"),
        (events.completed(1, payload=b"a"), None),
        (events.completed(1), b"a"),
    ):
        with pytest.raises(BadInput):
            ledger.append(event, payload=payload)
    assert ledger.verify().events == 0


def test_many_are_written_all_or_none(ledger: Ledger, events: Any) -> None:
    ledger.append(events.admitted(1))
    with pytest.raises(StoreError):
        ledger.append_many([(events.admitted(2), None), (events.admitted(1, pipeline="banking77"), None)])
    assert ledger.get("resp-2/admitted") is None
    assert ledger.append_many([(events.admitted(2), None), (events.completed(2), None)]) == (1, 2)
    assert ledger.verify().ok


@pytest.mark.parametrize("table", ["events", "payloads", "fired", "tiles", "checkpoints", "log"])
@pytest.mark.parametrize("verb", ["DELETE FROM {}", "UPDATE {} SET {} = 7"])
def test_the_store_itself_refuses_changes(home: Home, recorded: Callable[[int], Ledger], table: str, verb: str) -> None:
    recorded(130)
    with sqlite3.connect(home.ledger) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        column = connection.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchone()[0]
        connection.execute(verb.format(table, column))


def test_threads_append_at_once(ledger: Ledger, events: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        indices = list(pool.map(lambda number: ledger.append(events.admitted(number)), range(120)))
    assert sorted(indices) == list(range(120))
    assert ledger.verify().ok


def test_a_forked_child_appends_to_the_same_log(ledger: Ledger, events: Any) -> None:
    ledger.append(events.admitted(1))
    parents = ledger._database._connection
    child = os.fork()
    if child == 0:
        status = 1
        try:
            ledger.append(events.admitted(2))
            status = 0 if ledger._database._connection is not parents else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ledger.append(events.admitted(3)) == 2
    assert ledger.verify().ok


def test_two_writers_follow_each_other(home: Home, events: Any) -> None:
    one, two = Ledger.open(home), Ledger.open(home)
    for number in range(0, 10, 2):
        one.append(events.admitted(number))
        two.append(events.admitted(number + 1))
    assert [entry.index for entry in two.query(AuditFilter())] == list(range(10))
    assert one.verify().ok


def test_a_changed_end_is_not_signed_anew(home: Home, recorded: Callable[[int], Ledger], events: Any) -> None:
    recorded(3).close()
    with sqlite3.connect(home.ledger) as connection:
        connection.execute("DROP TRIGGER events_no_delete")
        connection.execute("DELETE FROM events WHERE idx = 5")
    reopened = Ledger.open(home)
    with pytest.raises(StoreError, match="changed from outside"):
        reopened.append(events.admitted(9))
    assert not reopened.verify().ok


def test_an_older_copy_put_back_under_a_running_writer_is_refused(home: Home, ledger: Ledger, events: Any) -> None:
    ledger.append(events.admitted(1))
    with sqlite3.connect(home.ledger) as connection:
        older = connection.execute("SELECT note FROM tip").fetchone()
    ledger.append(events.admitted(2))
    with sqlite3.connect(home.ledger) as connection:
        connection.execute("DROP TRIGGER events_no_delete")
        connection.execute("DELETE FROM events WHERE idx = 1")
        connection.execute("UPDATE tip SET note = ?", older)
    with pytest.raises(StoreError, match="changed from outside"):
        ledger.append(events.admitted(3))


def test_a_failed_commit_leaves_the_writer_able_to_go_on(ledger: Ledger, events: Any) -> None:
    ledger.append(events.admitted(1))
    connection = ledger._database._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    payload = bytes(100_000)
    with pytest.raises(StoreError, match="full") as caught:
        ledger.append(events.completed(1, payload=payload), payload=payload)
    assert "disk space" in caught.value.cure
    connection.execute("PRAGMA max_page_count = 1000000")
    assert ledger.append(events.completed(1, payload=payload), payload=payload) == 1
    assert ledger.verify().ok


def test_a_full_disk_refuses_and_loses_nothing(home: Home, events: Any) -> None:
    """In a process that may write only small files, as the disk being full would have it."""
    program = """
        import resource, signal, sys
        from pathlib import Path
        from infra.contracts.record_events import ServiceChanged
        from infra.contracts.base import now
        from infra.errors import StoreError
        from infra.home import Home
        from infra.ledger.log import Ledger
        ledger = Ledger.open(Home.open(Path(sys.argv[1])))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        written = 0
        try:
            for number in range(2_000):
                event_id, service = f"e{number}", "x" * 500
                ledger.append(
                    ServiceChanged(event_id=event_id, at=now(), pipeline="", service=service, action="started")
                )
                written += 1
        except StoreError as error:
            assert error.cure, error
            print(written)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(home.root)], capture_output=True, text=True, check=True
    )
    written = int(ran.stdout)
    check = Ledger.open(home).verify()
    assert 10 < written < 2_000
    assert (check.ok, check.events) == (True, written)
    assert Ledger.open(home).append(events.admitted(1)) == written


def test_a_damaged_file_is_one_clear_error(home: Home) -> None:
    home.folder(home.ledger.parent)
    home.ledger.write_bytes(b"this is not SQLite at all" * 200)
    with pytest.raises(StoreError) as caught:
        Ledger.open(home)
    assert caught.value.where == str(home.ledger)


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


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, events: Any) -> Ledger:
    ledger = Ledger.open(Home.open(tmp_path_factory.mktemp("full")))
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
