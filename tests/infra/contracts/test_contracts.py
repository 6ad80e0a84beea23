"""Contracts: canonical, named by content, refused when they are another noun or have unknown keys."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from infra.contracts.audit import parse_event
from infra.contracts.base import now
from infra.contracts.dataset import SplitManifest
from infra.contracts.request_events import CheckRecord, RequestCompleted, RequestEnd, SpanRecord
from infra.contracts.row import SnapshotRow
from infra.digest import sha256
from infra.errors import BadInput

ROW = SnapshotRow(
    row_id="r1", split="train", subject="s", language="es", text="hola", answer="a", label="a", salt="0" * 32
)


def test_the_bytes_hash_to_the_digest() -> None:
    assert sha256(ROW.to_json()) == ROW.digest


def test_reads_what_it_wrote() -> None:
    assert SnapshotRow.from_json(ROW.to_json()) == ROW


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_another_content_has_another_name(one: str, other: str) -> None:
    same = ROW.model_copy(update={"text": one}).digest == ROW.model_copy(update={"text": other}).digest
    assert same == (one == other)


def test_another_noun_is_refused() -> None:
    with pytest.raises(BadInput, match="expected a sluice/split-manifest/1"):
        SplitManifest.from_json(ROW.to_json())


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"\xff", b"{}"])
def test_what_is_no_contract_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        SnapshotRow.from_json(data)


def test_unknown_keys_and_wrong_types_are_refused() -> None:
    fields = json.loads(ROW.to_json())
    for change in ({"more": 1}, {"text": 1}, {"split": "dev"}):
        with pytest.raises(BadInput, match="bad keys"):
            SnapshotRow.from_json(json.dumps(fields | change).encode())


def test_is_immutable() -> None:
    with pytest.raises(ValidationError):
        ROW.text = "changed"  # type: ignore[misc]


def test_an_event_round_trips_through_its_kind() -> None:
    check = CheckRecord(
        rule="pii",
        direction="output",
        verdict="redact",
        score=0.9,
        milliseconds=1.25,
        spans=(SpanRecord(start=1, end=4, entity="EMAIL_ADDRESS"),),
    )
    event = RequestCompleted(
        event_id="x/completed",
        at=now(),
        pipeline="p",
        response_id="x",
        tenant="acme",
        key_id="key-1",
        subject="sub-1",
        version=3,
        manifest=None,
        guardrails=sha256(b"policy"),
        outcome="answered",
        refusal_rule="",
        checks=(check,),
        prompt_tokens=3,
        completion_tokens=4,
        seconds=0.25,
        sealed=None,
    )
    assert parse_event(event.to_json()) == event


_OLD = (
    b'{"at":"2026-01-02T03:04:05.000000Z","checks":[{"direction":"output","milliseconds":1.25,"rule":"pii",'
    b'"score":0.9,"spans":[],"verdict":"%s"}],"completion_tokens":4,"event_id":"x/completed",'
    b'"kind":"request.completed","outcome":"answered","pipeline":"p","prompt_tokens":3,"refusal_rule":"",'
    b'"response_id":"x","schema":"sluice/event/request-completed/1","sealed":null,"seconds":0.25,"trace_id":""}'
)


def test_what_was_recorded_before_a_policy_could_flag_stays_readable_to_the_byte() -> None:
    event = parse_event(_OLD % b"redact")
    assert isinstance(event, RequestEnd) and event.checks[0].verdict == "redact"
    assert event.to_json() == _OLD % b"redact"
    with pytest.raises(ValidationError):
        parse_event(_OLD % b"flag")  # no ledger of that time can hold one


def test_an_end_that_did_not_say_whose_it_was_stays_readable_to_the_byte() -> None:
    data = (_OLD % b"flag").replace(b"request-completed/1", b"request-completed/2")
    event = parse_event(data)
    assert isinstance(event, RequestEnd) and not isinstance(event, RequestCompleted)
    assert event.to_json() == data


@pytest.mark.parametrize(
    "data", [b'{"kind":"request.forgotten"}', b'{"schema":"sluice/event/request-forgotten/1"}', b"[]", b"no"]
)
def test_an_unknown_event_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_event(data)
