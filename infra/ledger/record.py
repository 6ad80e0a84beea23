"""Events made ready to be written, before the store is locked; and the event that a crash leaves behind."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.contracts.audit import AuditEvent, parse_event
from infra.contracts.base import now
from infra.contracts.request_events import CheckRecord2, RequestAdmitted, RequestCompleted
from infra.digest import Digest, sha256
from infra.errors import BadInput
from infra.ledger.verify import leaf_hash

ENTRY_BYTES = 65_535
"""The longest entry: c2sp.org/tlog-tiles gives its length in two bytes."""
# A quotation mark within a text is escaped: these are keys wherever they stand.
_SEALED = b'"sealed":"'
_FIRED = re.compile(rb'"verdict":"[frb]')  # flag, redact, block
_RESTORE = "restore the ledger from a backup"

Fired = tuple[str, str]
"""What a check found or did: a rule's or an entity's name, and the verdict."""


@dataclass(frozen=True)
class Record:
    """An event with its canonical bytes (the leaf's data), the leaf's hash and its sealed payload."""

    event: AuditEvent
    data: bytes
    leaf: bytes
    payload: bytes | None

    @classmethod
    def of(cls, event: AuditEvent, payload: bytes | None) -> Record:
        """Makes an event ready. Raises BadInput when it is too long, or the payload is not the one that it names."""
        if sealed_digest(event) != (sha256(payload) if payload is not None else None):
            raise BadInput(
                f"the payload of a {event.kind} event is not the one whose digest the event names as `sealed`",
                cure="hand the sealed bytes to append together with the event",
            )
        data = event.to_json()
        if len(data) > ENTRY_BYTES:
            raise BadInput(f"a {event.kind} event has {len(data):,} bytes", cure=f"record at most {ENTRY_BYTES:,}")
        return cls(event, data, leaf_hash(data), payload)

    @property
    def fired(self) -> tuple[Fired, ...]:
        """What its checks found, for the index of queries: each once, in order."""
        checks: Sequence[CheckRecord2] = vars(self.event).get("checks", ())
        found = {
            (name, check.verdict)
            for check in checks
            if check.verdict != "allow"
            for name in (check.rule, *(span.entity for span in check.spans))
        }
        return tuple(sorted(found))


def read_event(data: bytes) -> AuditEvent:
    """An event from its canonical JSON. Raises BadInput when it is none, or not in its canonical form."""
    try:
        event = parse_event(data)
    except ValueError:  # pydantic's ValidationError is one
        raise BadInput("not an event", cure=_RESTORE) from None
    if event.to_json() != data:
        raise BadInput("not the canonical form of an event", cure=_RESTORE)
    return event


def sealed_digest(event: AuditEvent) -> Digest | None:
    """The digest that an event gives for its payload, or None where it has none."""
    return vars(event).get("sealed")  # a field that is not there costs pydantic microseconds


def sealed_in(data: bytes) -> str | None:
    """What `sealed_digest` says, out of an event's canonical JSON and without reading the rest of it."""
    begin = data.find(_SEALED) + len(_SEALED)
    return data[begin : data.find(b'"', begin)].decode(errors="replace") if begin >= len(_SEALED) else None


def fired_in(data: bytes) -> tuple[Fired, ...]:
    """What `Record.fired` says, out of an event's canonical JSON. Raises ValueError when that is no event's."""
    return fired_of(json.loads(data)) if _FIRED.search(data) else ()


def fired_of(fields: Any) -> tuple[Fired, ...]:
    """What `Record.fired` says, out of an event's fields. Raises ValueError when they are no event's."""
    try:
        found = {
            (name, check["verdict"])
            for check in fields.get("checks", ())
            if check["verdict"] != "allow"
            for name in (check["rule"], *(span["entity"] for span in check["spans"]))
        }
    except (AttributeError, KeyError, TypeError):
        raise ValueError("not an event with checks") from None
    return tuple(sorted(found))


def interrupted(admitted: RequestAdmitted) -> RequestCompleted:
    """How a request ended whose writer is gone."""
    at = now()
    return RequestCompleted(
        event_id=f"{admitted.response_id}/completed",
        at=at,
        pipeline=admitted.pipeline,
        trace_id=admitted.trace_id,
        response_id=admitted.response_id,
        tenant=admitted.tenant,
        key_id=admitted.key_id,
        subject=admitted.subject,
        version=admitted.version,
        manifest=admitted.manifest,
        guardrails=admitted.guardrails,
        outcome="interrupted",
        refusal_rule="",
        checks=(),
        prompt_tokens=0,
        completion_tokens=0,
        seconds=max(0.0, (at - admitted.at).total_seconds()),
        sealed=None,
    )
