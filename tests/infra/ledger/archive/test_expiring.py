"""Expiry reaches the archive: what is old leaves its files, what a hold or young feedback keeps stays, all verifies.

That exactly the right entries go, wherever they lie: test_retention.py, against a model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow.parquet
import pytest

from infra.contracts.base import now
from infra.contracts.record_events import EntriesExpired
from infra.home import Home
from infra.ledger.archive import expiring
from infra.ledger.archive.closing import archive
from infra.ledger.archive.expiring import take_out
from infra.ledger.archive.segment import segment_name
from infra.ledger.expiry import ExpiryRule, Gone
from infra.ledger.holds import place_hold
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.retention import expire
from infra.ledger.tree import TILE

BOTH_STORES = True
_LATER = timedelta(days=1)


@pytest.fixture
def archived(home: Home, ledger: Ledger, fill: Callable[..., int]) -> tuple[int, ExpiryRule]:
    """Entries of seconds one after the other, most in the archive; and a rule by which the first 700 are old."""
    fill(ledger, 500)
    count = archive(home, ledger, now() + _LATER).entries
    limit = ledger.query(AuditFilter(from_index=700, limit=5_000))[0].event.at
    return count, ExpiryRule(200, "", limit)


def _kept(home: Home) -> dict[int, bytes]:
    table = pyarrow.parquet.read_table(home.archive / segment_name(0), columns=["idx", "entry"])
    return {one["idx"]: one["entry"] for one in table.to_pylist() if one["entry"] is not None}


def test_what_is_old_leaves_the_files_and_the_answers(
    home: Home, ledger: Ledger, archived: tuple[int, ExpiryRule]
) -> None:
    count, rule = archived
    before = {entry.index: entry for entry in ledger.query(AuditFilter(limit=5_000))}
    old = [index for index in ledger.indices(AuditFilter(kinds=("request", "feedback"))) if index < 700]
    gone: list[Gone] = []
    dry = expire(home, ledger, rule, dry=True)
    assert set(_kept(home)) == set(range(count))
    done = expire(home, ledger, rule, forgetters=[gone.extend])
    left = [entry.index for entry in ledger.query(AuditFilter(kinds=("request", "feedback"), limit=5_000))]
    assert done.entries == dry.entries == len(gone) and set(left) == set(before) - set(old) - _lifecycle(before) | (
        set(old) - {one.index for one in gone}
    )
    assert len(set(old) - {one.index for one in gone}) <= 3  # of a request whose youngest entry is young
    assert all(one.entry == before[one.index].event.to_json() for one in gone)
    assert {one.index for one in gone if one.payload is not None} > set(range(1, 100)) & set(old) - _admitted(before)
    assert set(_kept(home)) == set(range(count)) - {one.index for one in gone}
    named = [entry.event for entry in ledger.query(AuditFilter(kinds=("entries",), limit=50))]
    ranges = [(one.first, one.until) for event in named if isinstance(event, EntriesExpired) for one in event.ranges]
    assert {index for first, until in ranges for index in range(first, until)} == {one.index for one in gone}
    check = ledger.verify()
    assert check.ok and check.archived == count, check.problems
    again = expire(home, ledger, rule)
    assert again.entries == 0 and ledger.verify().ok


def _lifecycle(entries: dict[int, Any]) -> set[int]:
    return {index for index, one in entries.items() if one.event.kind not in _REQUESTS}


def _admitted(entries: dict[int, Any]) -> set[int]:
    return {index for index, one in entries.items() if one.event.kind in ("request.admitted", "request.refused")}


_REQUESTS = ("request.admitted", "request.completed", "request.refused", "feedback.given")


def test_a_hold_keeps_archived_entries_and_says_how_many(
    home: Home, ledger: Ledger, archived: tuple[int, ExpiryRule]
) -> None:
    count, rule = archived
    held = place_hold(home, ledger, subject="", since=None, until=None, reason="case 7")
    done = expire(home, ledger, rule)
    assert done.entries == 0 and [name for name, _ in done.held] == [held.id] and done.held[0][1] > 500
    assert set(_kept(home)) == set(range(count)) and ledger.verify().ok


@pytest.mark.parametrize("what", ["hold", "feedback"])
def test_what_comes_while_entries_are_chosen_counts(
    home: Home,
    ledger: Ledger,
    archived: tuple[int, ExpiryRule],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    _, rule = archived
    real, late = ledger.record_unless, [True]
    (feedback,) = ledger.query(AuditFilter(kinds=("feedback",), response_id="resp-0"))

    def record_unless(*given: Any) -> bool:
        if late.pop() if late else False:
            if what == "hold":
                place_hold(home, ledger, subject="", since=None, until=None, reason="in the last moment")
            else:
                ledger.append(feedback.event.model_copy(update={"event_id": "fb-late", "sealed": None, "at": now()}))
        return real(*given)

    monkeypatch.setattr(ledger, "record_unless", record_unless)
    done = expire(home, ledger, rule)
    assert (done.entries == 0) is (what == "hold")
    assert {entry.index for entry in ledger.of_response("resp-0")} >= {0, 1}
    assert ledger.verify().ok


def test_a_run_that_was_cut_off_before_it_rewrote_is_found_and_finished(
    home: Home, ledger: Ledger, archived: tuple[int, ExpiryRule], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, rule = archived

    class Cut(Exception):
        pass

    def cut(*_: object) -> bytes:
        raise Cut

    monkeypatch.setattr(expiring, "encode", cut)
    with pytest.raises(Cut):
        expire(home, ledger, rule)
    monkeypatch.undo()
    found = ledger.verify()
    assert not found.ok and all("sluice audit expire takes it away" in one.what for one in found.problems)
    gone: list[Gone] = []
    assert expire(home, ledger, rule, forgetters=[gone.extend]).entries == 0
    assert len(gone) == found.problem_count and ledger.verify().ok
    assert take_out(ledger, []) == 0


def test_a_segment_of_which_everything_expired_is_small_and_proves_as_before(
    home: Home, ledger: Ledger, archived: tuple[int, ExpiryRule]
) -> None:
    count, rule = archived
    size = (home.archive / segment_name(0)).stat().st_size
    expire(home, ledger, replace(rule, before=now() + _LATER))
    assert (home.archive / segment_name(0)).stat().st_size < size / 3
    with ledger.proofs() as proofs:
        for index in (0, TILE, count - 1):
            assert proofs.inclusion(index)
    assert ledger.verify().ok
