"""Retention: what is old goes as a whole and is named, what is held or under way stays, and every record verifies."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.contracts.base import now
from infra.contracts.record_events import EntriesExpired, ServiceChanged
from infra.contracts.request_events import FeedbackGiven, RequestRefused
from infra.errors import ConfigError
from infra.home import Home
from infra.ledger.archive.closing import archive
from infra.ledger.bundle import Walk, check_bundle, write_bundle
from infra.ledger.expiry import ExpiryRule
from infra.ledger.holds import place_hold, release_hold
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.retention import Expired, expire, rule_of
from infra.ledger.tree import TILE, ranges_of
from infra.settings import LedgerSettings, read_settings

BOTH_STORES = True
_LIMIT = datetime(2026, 3, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_OLD, _YOUNG = _LIMIT - 30 * _DAY, _LIMIT + _DAY
_RULE = ExpiryRule(200, "", _LIMIT)


@pytest.fixture
def request_of(ledger: Ledger, events: Any) -> Callable[..., None]:
    """Records a whole request; with `ended` None one that is under way."""

    def record(
        number: int, at: datetime = _OLD, *, ended: datetime | None = _OLD, subject: str = "", text: bytes = b"sealed"
    ) -> None:
        more = {"subject": subject} if subject else {}
        ledger.append(events.admitted(number).model_copy(update={"at": at, **more}))
        if ended is not None:
            completed = events.completed(number, payload=text).model_copy(update={"at": ended, **more})
            ledger.append(completed, payload=text)

    return record


def _feedback(number: int, at: datetime, name: str = "fb") -> FeedbackGiven:
    return FeedbackGiven(
        event_id=f"{name}-{number}",
        at=at,
        pipeline="support-triage",
        response_id=f"resp-{number}",
        tenant="acme",
        rating="up",
        sealed=None,
    )


def _service(number: int, at: datetime) -> ServiceChanged:
    return ServiceChanged(event_id=f"s-{number}", at=at, pipeline="", service="gateway", action="started")


def _left(ledger: Ledger) -> list[str]:
    return [entry.event.event_id for entry in ledger.query(AuditFilter(kinds=("request", "feedback"), limit=5_000))]


def _whole(ledger: Ledger) -> None:
    found = ledger.verify()
    assert found.ok, found.problems


def test_old_requests_go_and_everything_else_stays(
    home: Home, ledger: Ledger, request_of: Callable[..., None], raw: Any
) -> None:
    request_of(1)
    ledger.append(
        RequestRefused(
            event_id="r", at=_OLD, pipeline="", response_id="resp-0", tenant="", key_id="", code="invalid_api_key"
        )
    )
    ledger.append(ServiceChanged(event_id="s", at=_OLD, pipeline="", service="gateway", action="started"))
    ledger.append(_feedback(1, _OLD))
    request_of(2, _OLD, ended=_YOUNG)
    request_of(3, _YOUNG, ended=_YOUNG)
    leaves = raw("SELECT idx, leaf FROM events ORDER BY idx")
    done = expire(home, ledger, _RULE)
    assert (done.entries, done.steps, done.held) == (4, 1, ())
    assert _left(ledger) == ["resp-2/admitted", "resp-2/completed", "resp-3/admitted", "resp-3/completed"]
    (event,) = [entry.event for entry in ledger.query(AuditFilter(kinds=("entries",)))]
    assert isinstance(event, EntriesExpired)
    assert [(one.first, one.until) for one in event.ranges] == [(0, 3), (4, 5)]
    assert (event.event_class, event.retention_days, event.reason) == ("request", 200, "")
    assert ledger.get("s") is not None and ledger.get("resp-1/admitted") is None
    assert ledger.of_response("resp-1") == () and ledger.query(AuditFilter(detector="EMAIL", tenant="nobody")) == ()
    assert raw("SELECT idx FROM payloads ORDER BY idx") == [(6,), (8,)]
    assert {row[0] for row in raw("SELECT idx FROM fired")} == {6, 8}
    assert [(row[0], bytes(row[1])) for row in raw("SELECT idx, leaf FROM events ORDER BY idx")][:9] == [
        (row[0], bytes(row[1])) for row in leaves
    ]
    _whole(ledger)
    assert expire(home, ledger, _RULE).entries == 0
    assert len(ledger.query(AuditFilter(kinds=("entries",)))) == 1


def test_a_request_goes_when_the_youngest_of_it_is_old_and_none_that_is_under_way(
    home: Home, ledger: Ledger, request_of: Callable[..., None]
) -> None:
    request_of(1)
    request_of(2)
    ledger.append(_feedback(2, _YOUNG))
    request_of(3, ended=None)
    assert expire(home, ledger, _RULE).entries == 2
    assert _left(ledger) == ["resp-2/admitted", "resp-2/completed", "fb-2", "resp-3/admitted"]
    _whole(ledger)
    assert expire(home, ledger, replace(_RULE, before=_YOUNG + _DAY)).entries == 3
    assert _left(ledger) == ["resp-3/admitted"]
    _whole(ledger)


def test_what_a_hold_covers_stays_until_it_is_released(
    home: Home, ledger: Ledger, request_of: Callable[..., None]
) -> None:
    for number, subject in ((1, "sub-a"), (2, "sub-b"), (3, "sub-c")):
        request_of(number, _OLD + number * _DAY, ended=_OLD + number * _DAY, subject=subject)
    ledger.append(_feedback(1, _OLD + 9 * _DAY))
    one = place_hold(home, ledger, subject="sub-a", since=None, until=None, reason="case 7")
    two = place_hold(home, ledger, subject="", since=_OLD + 3 * _DAY, until=_OLD + 4 * _DAY, reason="case 8")
    dry = expire(home, ledger, _RULE, dry=True)
    done = expire(home, ledger, _RULE)
    assert done == dry == Expired(2, 1, tuple(sorted([(one.id, 3), (two.id, 2)])), True)
    assert _left(ledger) == ["resp-1/admitted", "resp-1/completed", "resp-3/admitted", "resp-3/completed", "fb-1"]
    release_hold(ledger, two.id)
    assert expire(home, ledger, _RULE).entries == 2
    release_hold(ledger, one.id)
    assert expire(home, ledger, _RULE).entries == 3
    assert _left(ledger) == []
    _whole(ledger)


def test_a_hold_that_is_placed_while_old_entries_are_looked_for_counts(
    home: Home, ledger: Ledger, request_of: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    request_of(1)
    real = ledger.expire

    def late(*given: Any) -> Any:
        place_hold(home, ledger, subject="", since=None, until=None, reason="in the last moment")
        return real(*given)

    monkeypatch.setattr(ledger, "expire", late)
    done = expire(home, ledger, _RULE)
    assert done.entries == 0 and [count for _, count in done.held] == [2]
    assert len(_left(ledger)) == 2


def test_many_go_in_many_steps_and_a_dry_run_counts_the_same(home: Home, ledger: Ledger, events: Any) -> None:
    """Requests that overlap: each is admitted hundreds of entries before it is completed."""
    admitted = [(events.admitted(number).model_copy(update={"at": _OLD}), None) for number in range(700)]
    payload = b"sealed"
    completed = [
        (events.completed(number, payload=payload).model_copy(update={"at": _OLD}), payload) for number in range(700)
    ]
    ledger.append_many(admitted)
    ledger.append_many(completed)
    ledger.append_many([(_feedback(5, _OLD, f"fb{number}"), None) for number in range(1_300)])
    dry = expire(home, ledger, _RULE, dry=True)
    assert _left(ledger)[0] == "resp-0/admitted"
    told: list[int] = []
    gone: list[int] = []
    done = expire(
        home,
        ledger,
        _RULE,
        forgetters=[lambda entries: gone.extend(entry.index for entry in entries)],
        advance=told.append,
    )
    assert done.entries == dry.entries == 2_700 == len(gone) == len(set(gone))
    assert done.steps > 2 and sum(told) >= 2_700
    assert _left(ledger) == []
    _whole(ledger)


def test_the_entry_and_its_payload_are_handed_to_whoever_keeps_something_beside_them(
    home: Home, ledger: Ledger, request_of: Callable[..., None]
) -> None:
    request_of(1, text=b"the sealed bytes")
    entries = [entry.event.to_json() for entry in ledger.query(AuditFilter())]
    seen: list[Any] = []
    expire(home, ledger, _RULE, forgetters=[seen.extend])
    assert [(one.index, one.entry, one.payload) for one in seen] == [
        (0, entries[0], None),
        (1, entries[1], b"the sealed bytes"),
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), count=st.integers(1, 12), archived=st.none() | st.integers(1, 40))
def test_exactly_what_should_go_goes(
    tmp_path_factory: pytest.TempPathFactory, events: Any, seed: int, count: int, archived: int | None
) -> None:
    """Against a model of a few lines, on ledgers of any mixture of requests, feedback and holds.

    `archived`: so many of these entries, or all of them, lie in the archive; then no request is under way.
    """
    chance = random.Random(seed)
    home = Home.open(tmp_path_factory.mktemp("mixed") / "home")
    ledger = Ledger.open(home)
    if archived is not None:
        ledger.append_many([(_service(number, _OLD), None) for number in range(TILE - archived)])
    written: list[tuple[str, str, datetime, str]] = []
    ended: set[str] = set()
    for number in range(count):
        subject, at = f"sub-{chance.randrange(3)}", _LIMIT + chance.randint(-3, 1) * _DAY
        ledger.append(events.admitted(number).model_copy(update={"at": at, "subject": subject}))
        written.append((f"resp-{number}/admitted", f"resp-{number}", at, subject))
        for later in range(chance.randrange(0 if archived is None else 1, 3)):
            at += chance.randint(0, 2) * _DAY
            if later == 0:
                ledger.append(events.completed(number).model_copy(update={"at": at, "subject": subject}))
                written.append((f"resp-{number}/completed", f"resp-{number}", at, subject))
                ended.add(f"resp-{number}")
            else:
                ledger.append(_feedback(number, at))
                written.append((f"fb-{number}", f"resp-{number}", at, subject))
    holds = []
    for _ in range(chance.randrange(3)):
        since = _LIMIT + chance.randint(-3, 1) * _DAY if chance.random() < 0.5 else None
        until = (since or _LIMIT) + chance.randint(1, 2) * _DAY if chance.random() < 0.5 else None
        subject = chance.choice(["", "sub-0", "sub-1"])
        holds.append(place_hold(home, ledger, subject=subject, since=since, until=until, reason="case"))

    def stays(response_id: str) -> bool:
        ours = [(at, subject) for _, response, at, subject in written if response == response_id]
        held = any(
            hold.subject in ("", subject)
            and (hold.since is None or at >= hold.since)
            and (hold.until is None or at < hold.until)
            for hold in holds
            for at, subject in ours
        )
        return response_id not in ended or held or any(at >= _LIMIT for at, _ in ours)

    if archived is not None:
        ledger.append_many([(_service(1_000 + number, _YOUNG), None) for number in range(archived)])
        assert archive(home, ledger, now()).entries == TILE
    expire(home, ledger, _RULE)
    assert _left(ledger) == [event_id for event_id, response, _, _ in written if stays(response)]
    _whole(ledger)
    ledger.close()


def test_an_export_leaves_out_what_expired_and_verifies(
    home: Home, ledger: Ledger, request_of: Callable[..., None], tmp_path: Path
) -> None:
    for number in range(6):
        at = _OLD if number % 2 else _YOUNG
        request_of(number, at, ended=at)
    expire(home, ledger, _RULE)
    indices = ledger.indices(AuditFilter())
    assert len(indices) == 7
    with ledger.proofs() as proofs:
        made = write_bundle(tmp_path / "bundle", proofs, ledger.origin, ranges_of(indices), Walk())
    assert made.entries == 7
    check_bundle(tmp_path / "bundle", ledger.keys)
    assert b"resp-1/" not in (tmp_path / "bundle" / "events.jsonl").read_bytes()


def test_whoever_removes_more_than_the_event_names_is_found(
    home: Home, ledger: Ledger, request_of: Callable[..., None], raw: Any
) -> None:
    for number in range(3):
        request_of(number, _OLD if number else _YOUNG, ended=_OLD if number else _YOUNG)
    expire(home, ledger, _RULE)
    _whole(ledger)
    raw("UPDATE events SET entry = NULL WHERE idx = 0")  # the trigger lets it through: the check does not
    assert [problem.index for problem in ledger.verify().problems if problem.index is not None] == [0]


def test_appends_go_on_while_entries_expire(home: Home, ledger: Ledger, events: Any) -> None:
    ledger.append_many([(events.admitted(n).model_copy(update={"at": _OLD}), None) for n in range(600)])
    ledger.append_many([(events.completed(n).model_copy(update={"at": _OLD}), None) for n in range(600)])
    other, over, failed = Ledger.open(home), threading.Event(), list[Exception]()

    def append() -> None:
        number = 10_000
        while not over.is_set():
            try:
                other.append(events.admitted(number).model_copy(update={"at": _YOUNG}))
            except Exception as error:
                failed.append(error)
            number += 1

    writing = threading.Thread(target=append)
    writing.start()
    try:
        done = expire(home, ledger, _RULE)
    finally:
        over.set()
        writing.join()
    assert not failed and done.entries == 1_200
    _whole(ledger)
    other.close()


def test_the_setting_has_a_floor_unless_it_says_why(tmp_path: Path) -> None:
    given = {"SLUICE_HOME": str(tmp_path / "home")}
    assert rule_of(read_settings(given).ledger) is None
    for days in ("1", "182"):
        with pytest.raises(ConfigError) as caught:
            read_settings({**given, "SLUICE_LEDGER_RETENTION_DAYS": days, "SLUICE_LEDGER_RETENTION_REASON": "  "})
        (problem,) = caught.value.problems
        assert problem.key == "SLUICE_LEDGER_RETENTION_REASON" and "fewer than 183 days need a reason" in problem.what
    assert read_settings({**given, "SLUICE_LEDGER_RETENTION_DAYS": "183"}).ledger.ledger_retention_days == 183
    reason = "not a high-risk system; the works council wants 30 days"
    chosen = {"SLUICE_LEDGER_RETENTION_DAYS": "30", "SLUICE_LEDGER_RETENTION_REASON": reason}
    rule = rule_of(read_settings({**given, **chosen}).ledger)
    assert rule is not None and (rule.days, rule.reason) == (30, reason)
    for days in ("-1", "x", "36501"):
        with pytest.raises(ConfigError):
            read_settings({**given, "SLUICE_LEDGER_RETENTION_DAYS": days})


def test_why_less_is_kept_stands_in_the_record(home: Home, ledger: Ledger, request_of: Callable[..., None]) -> None:
    request_of(1)
    rule = rule_of(LedgerSettings(ledger_retention_days=1, ledger_retention_reason="a test system"))
    assert rule is not None
    expire(home, ledger, rule)
    (event,) = [entry.event for entry in ledger.query(AuditFilter(kinds=("entries",)))]
    assert isinstance(event, EntriesExpired) and (event.retention_days, event.reason) == (1, "a test system")


def test_nothing_of_it_is_left_in_the_files(tmp_path: Path, events: Any) -> None:
    """SQLite's: file, write-ahead log and free pages. PostgreSQL's go with its VACUUM."""
    home = Home.open(tmp_path / "home")
    ledger = Ledger.open(home)
    payloads = {number: b"payload-mark-%d-" % number + bytes(range(256)) * (number * 20) for number in range(1, 9)}
    for number, payload in payloads.items():
        at = _OLD if number % 2 else _YOUNG
        marked = {"at": at, "tenant": f"tenant-mark-{number}", "trace_id": "trace-mark" + "x" * number * 700}
        ledger.append(events.admitted(number).model_copy(update=marked))
        ledger.append(events.completed(number, payload=payload).model_copy(update=marked), payload=payload)

    def on_disk(mark: str) -> bool:
        return any(mark.encode() in path.read_bytes() for path in home.ledger.parent.rglob("*") if path.is_file())

    assert all(on_disk(f"{kind}-mark-{number}") for kind in ("payload", "tenant") for number in payloads)
    assert expire(home, ledger, _RULE).log_emptied
    for number in payloads:
        for kind in ("payload", "tenant"):
            assert on_disk(f"{kind}-mark-{number}") is (number % 2 == 0)
    assert not on_disk("resp-1/") and not on_disk('"resp-1"') and on_disk("resp-2/")
    _whole(ledger)


def test_a_crash_at_any_moment_is_harmless(tmp_path: Path, events: Any, cut_off: Callable[..., Iterator[int]]) -> None:
    home, kept = Home.open(tmp_path / "home"), tmp_path / "kept"
    ledger = Ledger.open(home)
    for number in range(4):
        at = _OLD if number else _YOUNG
        ledger.append(events.admitted(number).model_copy(update={"at": at}))
        ledger.append(events.completed(number, payload=b"x").model_copy(update={"at": at}), payload=b"x")
    ledger.close()
    shutil.copytree(home.root, kept)

    def prepare() -> None:
        shutil.rmtree(home.root)
        shutil.copytree(kept, home.root)

    seen = set()
    for _ in cut_off(prepare, lambda: expire(home, Ledger.open(home), _RULE)):
        after = Ledger.open(home)
        _whole(after)
        seen.add(len(_left(after)))
        expire(home, after, _RULE)
        assert len(_left(after)) == 2
        _whole(after)
        after.close()
    assert seen == {2, 8}


def test_a_reader_that_stays_does_not_stop_it_and_is_told(tmp_path: Path, events: Any) -> None:
    home = Home.open(tmp_path / "home")
    ledger = Ledger.open(home)
    for event in (events.admitted(1), events.completed(1)):
        ledger.append(event.model_copy(update={"at": _OLD}))
    with ledger.store.database.reading() as connection:
        connection.execute("SELECT count(*) FROM events").fetchone()
        done = expire(home, ledger, _RULE)
    assert done.entries == 2 and not done.log_emptied
    assert expire(home, ledger, _RULE).log_emptied
    _whole(ledger)
