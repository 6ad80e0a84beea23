"""Empties the write-ahead log of a SQLite file that others use: what was overwritten in the file goes from it too."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from infra.stores.sqlite import store_errors

_TRY_MS = 500
"""A try keeps writers away while it waits for readers: short tries, and turns for the others between them."""
_PATIENCE_S = 5.0
_PAUSE_S = 0.05


def empty_wal(path: Path) -> bool:
    """Moves everything into the file and empties its log. False when readers kept it from that for five seconds.

    Raises StoreError.
    """
    with store_errors(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA busy_timeout={_TRY_MS}")
        until_s = time.monotonic() + _PATIENCE_S
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() >= until_s:
                return False
            time.sleep(_PAUSE_S)
        return True
