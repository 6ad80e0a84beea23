"""Records: events survive their bytes, what is read out of them is what the event says, the format never drifts."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.contracts.audit import AuditEvent
from infra.contracts.gate import GateVerdict
from infra.contracts.lifecycle_events import Released, StageFinished
from infra.contracts.record_events import KeyChanged
from infra.contracts.request_events import CheckRecord, FeedbackGiven, RequestAdmitted, RequestCompleted, SpanRecord
from infra.digest import sha256
from infra.errors import BadInput
from infra.ledger.record import Record, fired_in, read_event, sealed_digest, sealed_in
from infra.ledger.schema import COLUMNS, SCHEMA
from infra.ledger.verify import leaf_hash

_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_DIGESTS = st.binary(max_size=4).map(sha256)
_SCORES = st.floats(0, 1e6, allow_nan=False)
_INTS = st.integers(0, 2**53 - 1)
_BASE = {"event_id": _TEXT, "at": st.datetimes(timezones=st.just(UTC)), "pipeline": _TEXT, "trace_id": _TEXT}
_SPANS = st.builds(SpanRecord, start=_INTS, end=_INTS, entity=_TEXT)
_CHECKS = st.builds(
    CheckRecord,
    rule=_TEXT,
    direction=st.sampled_from(("input", "output")),
    verdict=st.sampled_from(("allow", "flag", "redact", "block")),
    score=_SCORES,
    milliseconds=_SCORES,
    spans=st.lists(_SPANS, max_size=2).map(tuple),
)
_NAMED = {"response_id": _TEXT, "tenant": _TEXT}
EVENTS: st.SearchStrategy[AuditEvent] = st.one_of(
    st.builds(
        RequestAdmitted,
        **_BASE,
        **_NAMED,
        key_id=_TEXT,
        subject=_TEXT,
        engine=_TEXT,
        scripted=st.booleans(),
        version=_INTS,
        release=st.none() | _DIGESTS,
        manifest=st.none() | _DIGESTS,
        guardrails=_DIGESTS,
        streamed=st.booleans(),
    ),
    st.builds(
        RequestCompleted,
        **_BASE,
        **_NAMED,
        key_id=_TEXT,
        subject=_TEXT,
        version=_INTS,
        manifest=st.none() | _DIGESTS,
        guardrails=_DIGESTS,
        outcome=st.sampled_from(("answered", "blocked", "interrupted")),
        refusal_rule=_TEXT,
        checks=st.lists(_CHECKS, max_size=3).map(tuple),
        prompt_tokens=_INTS,
        completion_tokens=_INTS,
        seconds=_SCORES,
        sealed=st.none() | _DIGESTS,
    ),
    st.builds(
        StageFinished,
        **_BASE,
        stage=st.sampled_from(("dataset", "gate")),
        run_id=_TEXT,
        produced=_DIGESTS,
        verdict=st.none() | st.sampled_from(GateVerdict),
        version=st.none() | _INTS,
    ),
    st.builds(
        Released,
        **_BASE,
        release=_DIGESTS,
        manifest=_DIGESTS,
        version=_INTS,
        sequence=_INTS,
        release_kind=st.sampled_from(("release", "rollback")),
        actor=_TEXT,
    ),
    st.builds(
        KeyChanged,
        **_BASE,
        key_id=_TEXT,
        purpose=st.sampled_from(("caller", "reviewer")),
        action=st.sampled_from(("created", "revoked")),
        owner=_TEXT,
    ),
    st.builds(FeedbackGiven, **_BASE, **_NAMED, rating=st.sampled_from(("up", "down")), sealed=st.none() | _DIGESTS),
)


@given(EVENTS)
def test_an_event_survives_its_bytes(event: AuditEvent) -> None:
    assert read_event(event.to_json()) == event


@given(EVENTS)
def test_what_is_read_out_of_the_bytes_is_what_the_event_says(event: AuditEvent) -> None:
    record = Record.of(event.model_copy(update={"sealed": None}) if hasattr(event, "sealed") else event, None)
    assert fired_in(record.data) == record.fired
    assert sealed_in(event.to_json()) == sealed_digest(event)


@given(EVENTS)
def test_the_store_reads_the_fields_out_of_the_bytes(event: AuditEvent) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        data = event.to_json()
        connection.execute("INSERT INTO events (idx, entry, leaf) VALUES (0, ?, x'00')", (data,))
        row = connection.execute(f"SELECT {', '.join(COLUMNS)}, entry FROM events").fetchone()
    fields = json.loads(data)
    assert row[-1] == data
    for name, value in zip(COLUMNS, row, strict=False):
        # SQLite ends a text at the first NUL when it is asked for one out of JSON.
        assert value == (str(fields.get(name) or "").split("\0")[0] or None if name != "version" else fields.get(name))


@given(EVENTS, st.data())
def test_other_bytes_are_never_taken_for_the_event(event: AuditEvent, data: st.DataObject) -> None:
    raw = event.to_json()
    place = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]
    assert leaf_hash(changed) != leaf_hash(raw)
    with contextlib.suppress(BadInput):
        assert read_event(changed) != event


@pytest.mark.parametrize("spaced", [b'{"a": 1}', b"[]", b"null", b"", b"\xff", b'{"schema":"x","kind":"nothing"}'])
def test_what_is_no_event_is_refused(spaced: bytes) -> None:
    with pytest.raises(BadInput):
        read_event(spaced)


def test_an_entry_that_is_too_long_for_a_tile_is_refused() -> None:
    event = KeyChanged(
        event_id="key/1",
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        pipeline="",
        key_id="k" * 65_536,
        purpose="caller",
        action="created",
        owner="acme",
    )
    with pytest.raises(BadInput, match="65,"):
        Record.of(event, None)


def test_the_format_is_the_golden_one() -> None:
    """Changing these figures makes every ledger that exists fail to verify."""
    event = KeyChanged(
        event_id="key/1",
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        pipeline="",
        key_id="key-1",
        purpose="caller",
        action="created",
        owner="acme",
    )
    assert event.to_json() == (
        b'{"action":"created","at":"2026-01-02T03:04:05.000000Z","event_id":"key/1","key_id":"key-1",'
        b'"kind":"key.changed","owner":"acme","pipeline":"","purpose":"caller",'
        b'"schema":"sluice/event/key-changed/1","trace_id":""}'
    )
    assert Record.of(event, None).leaf.hex() == "35299f6db2e653be734b7de2debd404fd3b5ecc55e063ff125e988c49c4eb9a7"
