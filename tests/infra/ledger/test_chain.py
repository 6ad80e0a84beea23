"""The chain's arithmetic: events survive their bytes, columns are what the bytes say, and the format never drifts."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.contracts.audit import (
    AuditEvent,
    CheckRecord,
    FeedbackGiven,
    KeyChanged,
    Released,
    RequestAdmitted,
    RequestCompleted,
    SpanRecord,
    StageFinished,
)
from infra.contracts.gate import GateVerdict
from infra.digest import sha256
from infra.errors import BadInput
from infra.ledger.chain import GENESIS, Columns, leaf_hash, next_head, read_event

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
        response_id=_TEXT,
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
def test_columns_are_the_fields(event: AuditEvent) -> None:
    columns = Columns.of(event.to_json())
    assert (columns.event_id, columns.kind, columns.pipeline) == (event.event_id, event.kind, event.pipeline)
    for name in ("response_id", "tenant", "subject", "outcome"):
        assert getattr(columns, name) == getattr(event, name, "")
    assert columns.version == getattr(event, "version", None)


@given(EVENTS, st.data())
def test_other_bytes_are_never_taken_for_the_event(event: AuditEvent, data: st.DataObject) -> None:
    raw = event.to_json()
    place = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]
    assert leaf_hash(changed, None) != leaf_hash(raw, None)
    with contextlib.suppress(BadInput):
        assert read_event(changed) != event


@pytest.mark.parametrize("spaced", [b'{"a": 1}', b"[]", b"null", b"", b"\xff", b'{"schema":"x","kind":"nothing"}'])
def test_what_is_no_event_is_refused(spaced: bytes) -> None:
    with pytest.raises(BadInput):
        read_event(spaced)


@given(st.binary(max_size=40), st.none() | st.binary(max_size=40), st.integers(0, 40))
def test_bytes_cannot_move_between_event_and_payload(event: bytes, payload: bytes | None, cut: int) -> None:
    joined = event + (payload or b"")
    other = (joined[:cut], joined[cut:])
    if other != (event, payload):
        assert leaf_hash(*other) != leaf_hash(event, payload)


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
    leaf = leaf_hash(event.to_json(), b"sealed")
    assert GENESIS.hex() == "a0e5d9f6ab70dd540fcf613b896f6ca1ae68d396d9798fa39abaedc3ade524d7"
    assert leaf.hex() == "78aa473234109f96677df9fcee85b3880a62928e86ae37bb047ea21c941df630"
    assert next_head(GENESIS, leaf).hex() == "4d5c5ac51f691d0001e55db9ce8c02497d91eae46bca81848e3f625158259c09"
    assert leaf_hash(b"", None) != leaf_hash(b"", b"")
