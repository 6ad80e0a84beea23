"""What can be asked of a ledger is answered the same once most of it lies in the archive."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.contracts.base import now
from infra.home import Home
from infra.ledger import verify
from infra.ledger.archive.closing import archive
from infra.ledger.bundle import Walk, check_bundle, write_bundle
from infra.ledger.content import unsealed
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.search import SearchIndex
from infra.ledger.sql import SqlView
from infra.ledger.tree import TILE, ranges_of, root_of_entry
from infra.ledger.vault import Vault
from infra.ledger.verify import check_consistency, leaf_hash, open_checkpoint

BOTH_STORES = True
_REQUESTS = 400
_LATER = timedelta(days=1)

_QUESTIONS = (
    AuditFilter(limit=2_000),
    AuditFilter(limit=7, before_index=700),
    AuditFilter(from_index=100, before_index=120),
    AuditFilter(tenant="tenant-1", limit=50),
    AuditFilter(subject="sub-2", outcome="blocked"),
    AuditFilter(detector="EMAIL", action="redact", tenant="tenant-2"),
    AuditFilter(action="redact", limit=500),
    AuditFilter(detector="nothing"),
    AuditFilter(version=2, kinds=("request.completed",)),
    AuditFilter(kinds=("service", "feedback"), limit=500),
    AuditFilter(response_id="resp-10"),
    AuditFilter(response_id="resp-399"),
    AuditFilter(event_id="resp-10/completed"),
    AuditFilter(event_id="s-13"),
    AuditFilter(pipeline="support-triage", limit=3),
)


def _answers(ledger: Ledger) -> list[Any]:
    return [
        *([ledger.query(one), ledger.indices(one)] for one in _QUESTIONS),
        [one for one in ledger.kinds() if one.kind != "segment.archived"],
        ledger.outcomes(),
        [ledger.sealed_of(f"sub-{number}") for number in range(4)],
        ledger.raw_entries(50, 900),
        list(ledger.sealed_entries(range(0, 900, 3))),
        [ledger.payload(entry) for entry in ledger.of_response("resp-20")],
    ]


def test_every_answer_is_the_same_before_and_after(home: Home, ledger: Ledger, fill: Callable[..., int]) -> None:
    count = fill(ledger, _REQUESTS)
    before = _answers(ledger)
    done = archive(home, ledger, now() + _LATER)
    assert (done.segments, done.entries) == (1, count // TILE * TILE)
    with ledger.view() as view:
        (kept,) = view.connection.execute("SELECT count(*) FROM events WHERE idx < ?", (done.entries,)).fetchone()
        assert view.archived.until == view.archived.end == done.entries
    assert 0 < kept == done.entries - done.cleared < 40  # what governs the ledger is in both places
    after = _answers(Ledger.open(home))
    recorded = ledger.query(AuditFilter(kinds=("segment",)))
    assert len(recorded) == 1
    after[0][0] = tuple(entry for entry in after[0][0] if entry != recorded[0])
    after[0][1].remove(recorded[0].index)
    assert after == before
    check = ledger.verify()
    assert check.ok and check.archived == done.entries, check.problems


def test_what_is_recorded_next_is_archived_next(
    home: Home, ledger: Ledger, events: Any, fill: Callable[..., int]
) -> None:
    fill(ledger, 200)
    first = archive(home, ledger, now() + _LATER)
    nothing = archive(home, ledger, now() + _LATER)
    assert (nothing.segments, nothing.entries, nothing.cleared) == (0, 0, 0)
    ledger.append_many([(events.completed(7_000 + number), None) for number in range(600)])
    second = archive(home, ledger, now() + _LATER)
    with ledger.view() as view:
        assert [(one.first, one.until) for one in view.archived.segments] == [
            (0, first.entries),
            (first.entries, first.entries + second.entries),
        ]
    assert [entry.index for entry in ledger.query(AuditFilter(limit=2_000))] == list(range(len(ledger)))
    assert ledger.verify().ok


def test_only_whole_tiles_of_what_is_old_and_over_are_closed(
    home: Home, ledger: Ledger, events: Any, fill: Callable[..., int]
) -> None:
    count = fill(ledger, _REQUESTS)
    at = ledger.query(AuditFilter(from_index=600, limit=2_000))[0].event.at
    assert archive(home, ledger, at, dry=True).entries == 2 * TILE
    assert archive(home, ledger, at).entries == 2 * TILE
    ledger.append(events.admitted(5_000))  # a request under way
    fill_up = [(events.completed(6_000 + number), None) for number in range(600)]
    ledger.append_many(fill_up)
    assert archive(home, ledger, now() + _LATER).entries == count // TILE * TILE - 2 * TILE
    assert archive(home, ledger, now() + _LATER).entries == 0
    ledger.append(events.completed(5_000))
    assert archive(home, ledger, now() + _LATER).entries > 0
    assert ledger.verify().ok


def test_proofs_span_both_parts(home: Home, ledger: Ledger, fill: Callable[..., int], tmp_path: Path) -> None:
    count = fill(ledger, _REQUESTS)
    with ledger.proofs() as proofs:
        old_size, old_root = proofs.size, proofs.edge.frontier.root
    archive(home, ledger, now() + _LATER)
    entries = ledger.query(AuditFilter(limit=5_000))
    with Ledger.open(home).proofs() as proofs:
        for entry in (entries[0], entries[300], entries[TILE * 3 - 1], entries[-1]):
            head, _, note = proofs.inclusion(entry.index).partition("\n\n")
            tip = open_checkpoint(note, ledger.keys)
            hashes = [verify._base64(line) for line in head.split("\n")[2:]]
            root = root_of_entry(entry.index, tip.size, leaf_hash(entry.event.to_json()), hashes)
            assert root == tip.root
            assert proofs.vouches(entry.index, entry.event.to_json())
            assert not proofs.vouches(entry.index, entry.event.to_json() + b" ")
        check_consistency(old_size, proofs.size, old_root, proofs.edge.frontier.root, proofs.consistency(old_size))
        for size in (1, 255, 256, 257, 700, count):
            proofs.consistency(size)
        made = write_bundle(tmp_path / "bundle", proofs, ledger.origin, ranges_of([3, 4, 500, count - 1]), Walk())
    assert made.entries == 4
    check_bundle(tmp_path / "bundle", ledger.keys)
    assert all(ledger.intact(entry) for entry in entries[::97])


def test_the_text_of_archived_entries_is_found_and_opened(home: Home, ledger: Ledger, events: Any) -> None:
    vault = Vault.open(home)
    search = SearchIndex(ledger, vault)
    for number in range(300):
        text = f"ticket{number} about a refund"
        sealed = vault.seal(f"sub-{number % 3}", text.encode())
        ledger.append_many([(events.admitted(number), None), (events.completed(number, payload=sealed), sealed)])
    search.catch_up()
    wanted = [
        AuditFilter(words=search.words(words), limit=1_000) for words in ("ticket7", "refund", "refund ticket299")
    ]
    narrow = AuditFilter(words=search.words("refund"), subject="sub-1", limit=5)
    before = [ledger.query(one) for one in (*wanted, narrow)]
    archive(home, ledger, now() + _LATER)
    assert [ledger.query(one) for one in (*wanted, narrow)] == before
    assert [ledger.indices(one) for one in wanted] == [[entry.index for entry in found] for found in before[:3]]
    assert unsealed(before[0][0], ledger, vault) == "ticket7 about a refund"
    search.forget("sub-1")
    assert ledger.query(wanted[0]) == () and len(ledger.query(wanted[1])) == 200


def test_sql_sees_both_parts_and_what_it_had_taken_over(
    home: Home, ledger: Ledger, fill: Callable[..., int], tmp_path: Path
) -> None:
    fill(ledger, _REQUESTS)
    question = "SELECT kind, count(*) FROM events WHERE kind <> 'segment.archived' GROUP BY 1 ORDER BY 1"
    early = SqlView(ledger, tmp_path)
    early.catch_up()
    before = list(early.ask(question).rows)
    archive(home, ledger, now() + _LATER)
    early.catch_up()
    assert list(early.ask(question).rows) == before
    (tmp_path / "anew").mkdir()
    anew = SqlView(ledger, tmp_path / "anew")
    anew.catch_up()
    assert list(anew.ask(question).rows) == before


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, fill: Callable[..., int]) -> Iterator[tuple[Ledger, Ledger]]:
    """The same ledger twice; of the second one most lies in the archive."""
    folder = tmp_path_factory.mktemp("twins")
    plain = Ledger.open(Home.open(folder / "plain"))
    fill(plain, _REQUESTS)
    plain.close()
    shutil.copytree(folder / "plain", folder / "archived")
    home = Home.open(folder / "archived")
    other = Ledger.open(home)
    archive(home, other, now() + _LATER)
    yield Ledger.open(Home.open(folder / "plain")), other


_times = st.none() | st.integers(-10, 900)


@settings(max_examples=150, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["request", "request.completed", "feedback", "service"]), max_size=2),
    tenant=st.sampled_from(["", "tenant-0", "tenant-2"]),
    subject=st.sampled_from(["", "sub-1"]),
    outcome=st.sampled_from(["", "blocked", "answered"]),
    detector=st.sampled_from(["", "EMAIL", "pii"]),
    action=st.sampled_from(["", "redact", "block"]),
    response=st.none() | st.integers(0, 401),
    since=_times,
    until=_times,
    from_index=st.integers(0, 1_000),
    before_index=st.none() | st.integers(0, 1_100),
    limit=st.integers(1, 60),
)
def test_no_filter_tells_the_parts_apart(twins: tuple[Ledger, Ledger], **asked: Any) -> None:
    plain, archived = twins
    begin = datetime.fromisoformat("2026-01-02T00:00:00+00:00")
    response = asked.pop("response")
    times = {
        name: None if (at := asked.pop(name)) is None else begin + timedelta(seconds=at) for name in ("since", "until")
    }
    last = len(plain)
    before = asked.pop("before_index")
    wanted = AuditFilter(
        **{**asked, "kinds": tuple(asked["kinds"])},
        **times,
        response_id="" if response is None else f"resp-{response}",
        before_index=last if before is None else min(before, last),
    )
    assert archived.query(wanted) == plain.query(wanted)
    assert archived.indices(wanted) == plain.indices(wanted)
