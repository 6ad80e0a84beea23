"""Legal holds: what is in force follows from the events, and what it covers from its subject and its times."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from infra.account import account
from infra.contracts.record_events import HoldPlaced, HoldReleased
from infra.errors import BadInput
from infra.home import Home
from infra.ledger.holds import Hold, active_holds, holds_within, place_hold, release_hold
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.rotation_lock import rotating

BOTH_STORES = True
_AT = datetime(2026, 3, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def _hold(subject: str = "", since: datetime | None = None, until: datetime | None = None) -> Hold:
    return Hold("hold-1", subject, since, until, "case 7", "ana", _AT)


def test_what_was_placed_is_in_force_until_it_is_released(home: Home, ledger: Ledger) -> None:
    assert active_holds(ledger) == ()
    one = place_hold(home, ledger, subject="sub-a", since=None, until=_AT, reason="  case\n 7 ")
    two = place_hold(home, ledger, subject="", since=_AT, until=None, reason="case 8")
    assert active_holds(ledger) == (one, two)
    assert (one.subject, one.reason, one.actor, one.until) == ("sub-a", "case 7", account(), _AT)
    with ledger.store.database.reading() as connection:
        assert holds_within(connection) == (one, two)
    assert release_hold(ledger, one.id) == one
    assert active_holds(ledger) == (two,)
    for gone in (one.id, "hold-x", ""):
        with pytest.raises(BadInput, match="no hold"):
            release_hold(ledger, gone)
    events = [entry.event for entry in ledger.query(AuditFilter(subject="sub-a"))]
    assert [type(event) for event in events] == [HoldPlaced, HoldReleased]
    assert ledger.verify().ok
    ledger.close()
    assert active_holds(Ledger.open(home)) == (two,)


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 2_001])
def test_a_hold_says_why(home: Home, ledger: Ledger, reason: str) -> None:
    with pytest.raises(BadInput, match="needs a reason"):
        place_hold(home, ledger, subject="", since=None, until=None, reason=reason)
    assert len(ledger) == 0


def test_a_hold_ends_after_it_begins(home: Home, ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="ends before it begins"):
        place_hold(home, ledger, subject="", since=_AT, until=_AT, reason="case 7")


@pytest.mark.parametrize(
    ("hold", "first_kept", "covered"),
    [
        (_hold(), None, True),
        (_hold(), _AT, True),
        (_hold("sub-a"), _AT, True),
        (_hold("sub-b"), _AT, False),
        (_hold(until=_AT), _AT - _DAY, True),
        (_hold(until=_AT), _AT, False),
        (_hold(until=_AT), None, True),
        (_hold("sub-a", since=_AT), _AT - _DAY, True),
        (_hold("sub-a", since=_AT, until=_AT + _DAY), _AT + _DAY, False),
    ],
)
def test_which_subjects_a_hold_covers(hold: Hold, first_kept: datetime | None, covered: bool) -> None:
    assert hold.covers_subject("sub-a", first_kept) is covered


@pytest.mark.parametrize(
    ("hold", "times", "covered"),
    [
        (_hold(), [_AT], True),
        (_hold("sub-a"), [_AT], True),
        (_hold("sub-c"), [_AT], False),
        (_hold(since=_AT), [_AT - _DAY, _AT], True),
        (_hold(since=_AT), [_AT - _DAY], False),
        (_hold(until=_AT), [_AT], False),
        (_hold(until=_AT), [_AT - _DAY, _AT + _DAY], True),
        (_hold("sub-a", since=_AT, until=_AT + _DAY), [_AT - _DAY, _AT + _DAY], False),
    ],
)
def test_which_entries_a_hold_covers(hold: Hold, times: list[datetime], covered: bool) -> None:
    assert hold.covers_entries({"sub-a", ""}, times) is covered


def test_a_hold_waits_for_an_erasure_that_goes_on(home: Home, ledger: Ledger) -> None:
    with ThreadPoolExecutor(1) as pool:
        with rotating(home):
            placing = pool.submit(place_hold, home, ledger, subject="sub-a", since=None, until=None, reason="case 7")
            time.sleep(0.2)
            assert not placing.done() and active_holds(ledger) == ()
        placing.result(10)
    assert len(active_holds(ledger)) == 1
