"""Events made ready to be written, before the store is locked; and the event that a crash leaves behind."""

from __future__ import annotations

from dataclasses import dataclass

from infra.contracts.audit import AuditEvent, RequestAdmitted, RequestCompleted
from infra.contracts.base import now
from infra.digest import sha256
from infra.errors import BadInput
from infra.ledger.chain import Columns, leaf_hash, read_event, sealed_digest


@dataclass(frozen=True)
class Record:
    """An event with its canonical bytes, its sealed payload, its columns and its leaf."""

    event: AuditEvent
    data: bytes
    payload: bytes | None
    columns: Columns
    leaf: bytes

    @classmethod
    def of(cls, event: AuditEvent, payload: bytes | None) -> Record:
        """Makes an event ready. Raises BadInput when the payload is not the one that the event names."""
        if sealed_digest(event) != (sha256(payload) if payload is not None else None):
            raise BadInput(
                f"the payload of a {event.kind} event is not the one whose digest the event names as `sealed`",
                cure="hand the sealed bytes to append together with the event",
            )
        data = event.to_json()
        return cls(event, data, payload, Columns.of(data), leaf_hash(data, payload))


def interrupted(admitted: bytes) -> RequestCompleted:
    """How a request ended whose writer is gone, from the bytes of its `request.admitted`. Raises BadInput."""
    event = read_event(admitted)
    if not isinstance(event, RequestAdmitted):
        raise BadInput("not a request.admitted event", cure="restore the ledger from a backup")
    at = now()
    return RequestCompleted(
        event_id=f"{event.response_id}/completed",
        at=at,
        pipeline=event.pipeline,
        trace_id=event.trace_id,
        response_id=event.response_id,
        outcome="interrupted",
        refusal_rule="",
        checks=(),
        prompt_tokens=0,
        completion_tokens=0,
        seconds=max(0.0, (at - event.at).total_seconds()),
        sealed=None,
    )
