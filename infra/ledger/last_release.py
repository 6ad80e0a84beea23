"""The newest release that the ledger knows of: by it a reader of the release files sees that their end was cut off.

Makes nothing and writes nothing. What it finds only ever takes a release out of force, so it is not verified.
"""

from __future__ import annotations

from infra.contracts.lifecycle_events import Released
from infra.errors import BadInput
from infra.home import Home
from infra.ledger.record import read_event
from infra.ledger.store import has_record, reading


def last_release(home: Home, pipeline: str) -> Released | None:
    """The recorded release of a pipeline with the highest place in the ledger. Raises StoreError."""
    if not has_record(home):
        return None
    with reading(home) as connection:
        row = connection.execute(
            "SELECT entry FROM events WHERE kind = 'release.written' AND pipeline = ? ORDER BY idx DESC LIMIT 1",
            (pipeline,),
        ).fetchone()
    try:
        event = read_event(bytes(row[0])) if row else None
    except BadInput:  # `sluice audit verify` names it
        return None
    return event if isinstance(event, Released) else None
