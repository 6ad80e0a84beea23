"""What the gateway writes for its requests, as the benchmarks of appending hand it in: two events for each."""

from __future__ import annotations

import secrets
import time
from typing import Any

from infra.contracts.base import now
from infra.contracts.request_events import CheckRecord, RequestAdmitted, RequestCompleted
from infra.digest import sha256
from infra.ledger.record import Record

TEXT = b"a prompt and its answer, redacted " * 10
SEALED = TEXT + bytes(33)
"""As long as the text is once it is sealed."""
_BEGAN_MS = time.time_ns() // 1_000_000

Event = RequestAdmitted | RequestCompleted
Row = tuple[bytes, bytes, bytes | None]
"""An entry, its leaf and its payload."""


def events(count: int) -> list[Event]:
    """An `admitted` and a `completed` with eight checks in turns. Ids grow with the time, as the gateway's do.

    Of every second request the caller says for whom it asks, one of 1,000; the others are data subjects of their own.
    """
    found: list[Event] = []
    for number in range(count // 2):
        response_id = f"chatcmpl-{_BEGAN_MS + number:012x}{secrets.token_hex(6)}"
        shared: dict[str, Any] = {
            "at": now(),
            "pipeline": "bench",
            "trace_id": secrets.token_hex(16),
            "response_id": response_id,
            "tenant": f"tenant-{number % 7}",
            "key_id": "key-1",
            "subject": f"sub-{number % 1000 if number % 2 else secrets.randbits(128):032x}",
            "version": 1,
            "manifest": sha256(b"manifest"),
            "guardrails": sha256(b"policy"),
        }
        admitted = RequestAdmitted(
            event_id=f"{response_id}/admitted", engine="openvino", scripted=False, release=None, streamed=True, **shared
        )
        found += [admitted, _completed(response_id, shared)]
    return found


def dealt(count: int, writers: int) -> list[list[Event]]:
    """So many events in as many parts as there are writers, of whom every second one begins with a `completed`."""
    each, found = count // writers, events(count + 2 * writers)
    parts = []
    for number in range(writers):
        own = [one for at in range(2 * number, len(found), 2 * writers) for one in found[at : at + 2]]
        parts.append(own[number % 2 : number % 2 + each])
    return parts


def sealed(event: Event) -> tuple[Event, bytes | None]:
    """An event with the payload that it has, already sealed."""
    if isinstance(event, RequestCompleted):
        return event.model_copy(update={"sealed": sha256(SEALED)}), SEALED
    return event, None


def rows(count: int) -> list[Row]:
    """The same events as the bytes that are stored of them."""
    records = (Record.of(*sealed(event)) for event in events(count))
    return [(record.data, record.leaf, record.payload) for record in records]


def _completed(response_id: str, shared: dict[str, Any]) -> RequestCompleted:
    check = CheckRecord(rule="pii", direction="input", verdict="allow", score=0.5, milliseconds=1.25)
    return RequestCompleted(
        event_id=f"{response_id}/completed",
        outcome="answered",
        refusal_rule="",
        checks=(check,) * 8,
        prompt_tokens=40,
        completion_tokens=12,
        seconds=0.4,
        sealed=None,
        **shared,
    )
