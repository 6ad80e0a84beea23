"""EventBase: what every event of the ledger has. The events themselves: audit, request_events, record_events."""

from __future__ import annotations

from infra.contracts.base import Contract, Utc


class EventBase(Contract):
    """What every event has."""

    event_id: str
    """Unique; for requests `RESPONSE_ID/admitted` and so on, so that a retry cannot write it twice."""
    at: Utc
    pipeline: str
    trace_id: str = ""
