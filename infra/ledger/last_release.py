"""The newest release that the ledger knows of: by it a reader of the release files sees that their end was cut off.

Makes nothing and writes nothing. What it finds only ever takes a release out of force, so it is not verified.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from infra.contracts.lifecycle_events import Released
from infra.errors import BadInput
from infra.home import Home
from infra.ledger.record import read_event
from infra.stores.sqlite import store_errors

_BUSY_S = 30.0


def last_release(home: Home, pipeline: str) -> Released | None:
    """The recorded release of a pipeline with the highest place in the ledger. Raises StoreError."""
    if not home.ledger.exists():
        return None
    place = f"{home.ledger.as_uri()}?mode=rw"
    with store_errors(home.ledger), closing(sqlite3.connect(place, timeout=_BUSY_S, uri=True)) as connection:
        row = connection.execute(
            "SELECT CAST(event AS BLOB) FROM events WHERE kind = 'release.written' AND pipeline = ? "
            "ORDER BY idx DESC LIMIT 1",
            (pipeline,),
        ).fetchone()
    try:
        event = read_event(bytes(row[0])) if row else None
    except BadInput:  # `sluice audit verify` names it
        return None
    return event if isinstance(event, Released) else None
