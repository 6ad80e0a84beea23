"""The ledger's promises: durable, in order, once only, append-only; for one writer, for threads and for failures."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from infra.clock import Clock
from infra.contracts.base import now
from infra.contracts.record_events import ClockBehind, EntriesExpired, IndexRange
from infra.digest import sha256
from infra.errors import BadInput, StoreError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter

BOTH_STORES = True


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


@pytest.mark.parametrize("table", ["events", "payloads", "fired", "tiles", "checkpoints", "log", "segments"])
@pytest.mark.parametrize("verb", ["DELETE FROM {}", "UPDATE {} SET {} = {}"])
def test_the_store_itself_refuses_changes(recorded: Callable[[int], Ledger], raw: Any, table: str, verb: str) -> None:
    recorded(130)
    raw("INSERT INTO segments VALUES (100000, 100001, 'nowhere', 'none')")
    column = {"log": "origin", "tiles": "number", "checkpoints": "size", "segments": "first"}.get(table, "idx")
    with pytest.raises(Exception, match="append-only"):
        raw(verb.format(table, column, column))


def test_only_an_entry_that_expires_may_lose_its_bytes(recorded: Callable[[int], Ledger], raw: Any) -> None:
    recorded(2)
    with pytest.raises(Exception, match="append-only"):
        raw("DELETE FROM payloads WHERE idx = 1")
    with pytest.raises(Exception, match="append-only"):
        raw("UPDATE events SET entry = NULL, leaf = ? WHERE idx = 1", (bytes(32),))
    raw("UPDATE events SET entry = NULL WHERE idx = 1")
    raw("DELETE FROM payloads WHERE idx = 1")
    with pytest.raises(Exception, match="append-only"):
        raw("UPDATE events SET entry = ? WHERE idx = 1", (b"{}",))


def test_threads_append_at_once(ledger: Ledger, events: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        indices = list(pool.map(lambda number: ledger.append(events.admitted(number)), range(120)))
    assert sorted(indices) == list(range(120))
    assert ledger.verify().ok


def test_a_forked_child_appends_to_the_same_log(ledger: Ledger, events: Any) -> None:
    ledger.append(events.admitted(1))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            ledger.append(events.admitted(2))
            status = 0
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


def test_a_changed_end_is_not_signed_anew(home: Home, recorded: Callable[[int], Ledger], events: Any, raw: Any) -> None:
    recorded(3).close()
    raw.without_triggers()
    raw("DELETE FROM events WHERE idx = 5")
    reopened = Ledger.open(home)
    with pytest.raises(StoreError, match="changed from outside"):
        reopened.append(events.admitted(9))
    assert not reopened.verify().ok


def test_an_older_end_put_back_under_a_running_writer_is_refused(ledger: Ledger, events: Any, raw: Any) -> None:
    ledger.append(events.admitted(1))
    ((older,),) = raw("SELECT note FROM tip")
    ledger.append(events.admitted(2))
    raw.without_triggers()
    raw("DELETE FROM events WHERE idx = 1")
    raw("UPDATE tip SET note = ?", (older,))
    with pytest.raises(StoreError, match="changed from outside"):
        ledger.append(events.admitted(3))


def test_a_log_that_grew_elsewhere_is_followed_over_whole_tiles(home: Home, ledger: Ledger, events: Any) -> None:
    other = Ledger.open(home)
    for start in (0, 3, 300, 1_000):
        other.append_many((events.admitted(number), None) for number in range(start, start * 3 + 3))
        ledger.append(events.admitted(10_000 + start))
    assert ledger.verify().problems == ()


def test_each_of_several_fails_alone(ledger: Ledger, events: Any) -> None:
    ledger.append(events.admitted(1))
    outcomes = ledger.append_each(
        [
            (events.admitted(2), None),
            (events.admitted(1, pipeline="banking77"), None),
            (events.completed(2, payload=b"a"), b"b"),
            (events.completed(2), None),
        ]
    )
    assert [outcome if isinstance(outcome, int) else type(outcome).__name__ for outcome in outcomes] == [
        1,
        "StoreError",
        "BadInput",
        2,
    ]
    assert ledger.verify().events == 3


def test_recorded_times_never_go_back(home: Home, ledger: Ledger, events: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process begins with a clock that is an hour behind what is recorded."""
    ahead = now() + timedelta(hours=1)
    ledger.append(events.admitted(1).model_copy(update={"at": ahead}))
    clock = Clock()
    for module in ("infra.ledger.log", "infra.contracts.base"):
        monkeypatch.setattr(f"{module}.CLOCK", clock)
    later = Ledger.open(home)
    later.append(events.admitted(2).model_copy(update={"at": now()}))
    found = [entry.event for entry in later.query(AuditFilter())]
    assert [event.kind for event in found] == ["request.admitted", "clock.behind", "request.admitted"]
    assert ahead < found[2].at and ahead < found[1].at
    (told,) = [entry.event for entry in later.query(AuditFilter(kinds=("clock",)))]
    assert isinstance(told, ClockBehind) and 3_500 < told.seconds < 3_700


def test_an_event_that_expired_is_named_by_its_expiry(ledger: Ledger, events: Any, raw: Any) -> None:
    ledger.append(events.admitted(1))
    ledger.append(events.completed(1, payload=b"a"), payload=b"a")
    raw("UPDATE events SET entry = NULL WHERE idx = 1")
    assert [problem.index for problem in ledger.verify().problems][:1] == [1]
    raw("DELETE FROM payloads WHERE idx = 1")
    raw("DELETE FROM fired WHERE idx = 1")
    ledger.append(
        EntriesExpired(
            event_id="expired/1",
            at=now(),
            pipeline="",
            ranges=(IndexRange(first=1, until=2),),
            event_class="request",
            retention_days=183,
        )
    )
    found = ledger.verify()
    assert [problem.what for problem in found.problems if problem.index is not None] == []
    assert [entry.index for entry in ledger.query(AuditFilter())] == [0, 2]
