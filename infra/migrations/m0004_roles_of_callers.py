"""Layout 3 -> 4: each key says what it is for; those of before are for asking the model, as they always were.

Never edit this file; it imports nothing of Sluice's own store of callers, which goes on changing.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from infra.errors import CheckFailed, StoreError
from infra.migrations.migration import Migration

_CALLERS = "gateway/callers.sqlite"


def _apply(copy: Path) -> None:
    if not (copy / _CALLERS).exists():
        return  # a home without callers: their file will be made in the new layout
    with closing(sqlite3.connect(copy / _CALLERS, isolation_level=None)) as connection:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 3:
            return  # made by today's store in a home that no command had opened yet
        if found != 2:
            raise StoreError(f"the callers' file has layout {found}, not 2", where=_CALLERS, cure="restore a backup")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(
            "BEGIN IMMEDIATE;\n"
            "ALTER TABLE callers ADD COLUMN role TEXT NOT NULL DEFAULT 'caller';\n"
            "PRAGMA user_version=3;\n"
            "COMMIT;"
        )


def _check(copy: Path) -> None:
    if not (copy / _CALLERS).exists():
        return
    with closing(sqlite3.connect(copy / _CALLERS, isolation_level=None)) as connection:
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        if not sound or connection.execute("SELECT count(*) FROM callers WHERE role = ''").fetchone()[0]:
            raise CheckFailed("the migrated callers' file is damaged", where=_CALLERS, cure="restore it from a backup")


MIGRATION = Migration(
    number=4,
    what="lets a key say what it is for: asking the model, or reading the audit ledger",
    touches=(_CALLERS,),
    reads=(),
    apply=_apply,
    check=_check,
)
