"""AuditEvent: any event that the ledger records. Public parts only: no text of a prompt, an answer or a row."""

from __future__ import annotations

from typing import get_args

from infra.contracts.lifecycle_events import (
    ModelServed,
    PolicyPut,
    PolicyRefused,
    PolicyServed,
    Released,
    ReleaseRefused,
    ReviewDecided,
    ReviewExpired,
    ReviewNotified,
    StageFinished,
    StageReused,
)
from infra.contracts.record_events import (
    ClockBehind,
    ContentRead,
    EntriesExpired,
    ErasureRefused,
    ExportMade,
    HoldPlaced,
    HoldReleased,
    KeyChanged,
    LedgerMoved,
    SegmentArchived,
    ServiceChanged,
    SubjectErased,
)
from infra.contracts.request_events import (
    FeedbackGiven,
    RequestAdmitted,
    RequestCompleted,
    RequestCompleted1,
    RequestCompleted2,
    RequestRefused,
)

AuditEvent = (
    RequestAdmitted
    | RequestCompleted
    | RequestCompleted2
    | RequestCompleted1
    | RequestRefused
    | StageFinished
    | StageReused
    | ReviewDecided
    | ReviewExpired
    | ReviewNotified
    | Released
    | ReleaseRefused
    | ModelServed
    | PolicyPut
    | PolicyServed
    | PolicyRefused
    | KeyChanged
    | FeedbackGiven
    | ServiceChanged
    | ContentRead
    | ExportMade
    | EntriesExpired
    | SegmentArchived
    | SubjectErased
    | ErasureRefused
    | HoldPlaced
    | HoldReleased
    | LedgerMoved
    | ClockBehind
)
"""Any event; `kind` tells which, and its schema in which shape."""
_SHAPES: dict[str, type[AuditEvent]] = {shape.schema_id: shape for shape in get_args(AuditEvent)}


def parse_event(data: bytes) -> AuditEvent:
    """Reads an event's canonical JSON, also one of an older schema.

    Raises ValueError (pydantic's ValidationError is one) when it is none of the known kinds.
    """
    import json

    fields = json.loads(data)
    shape = _SHAPES.get(str(fields.pop("schema", ""))) if isinstance(fields, dict) else None
    if shape is None:
        raise ValueError("none of the known events")
    return shape.model_validate_json(json.dumps(fields))
