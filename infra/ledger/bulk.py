"""Loads many entries into a new ledger at once: what a restore, a move from elsewhere or a benchmark needs.

The file is filled under another name, without indexes and triggers, which are made at the end, and is put in place
whole: a load that is cut off leaves no ledger.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from infra.digest import sha256
from infra.errors import BadInput
from infra.home import Home
from infra.ledger.checkpoint import sign_checkpoint
from infra.ledger.record import ENTRY_BYTES, fired_in, sealed_in
from infra.ledger.schema import SCHEMA, VERSION
from infra.ledger.tree import TILE, Frontier
from infra.ledger.verify import Checkpoint, leaf_hash
from infra.stores.sqlite import PAGE_BYTES, store_errors
from infra.stores.trust import installation_signer

_FAST = f"PRAGMA page_size={PAGE_BYTES}; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-200000;"
"""A file that is not in place yet needs no journal; it is synced before it is."""
_BATCH = 20_000
_AT = b'"at":"'
_AT_BYTES = len("2026-01-02T03:04:05.000678Z")

Loaded = tuple[bytes, bytes | None]
"""An entry's canonical JSON and its sealed payload."""


def load(home: Home, entries: Iterable[Loaded], advance: Callable[[int], None] = lambda _: None) -> int:
    """Writes entries in order into a home that has no ledger; returns how many. `advance` hears of each batch.

    Raises BadInput when there is a ledger, or an entry's payload is not the one that it names; StoreError.
    """
    if home.ledger.exists() or home.ledger_url:
        raise BadInput("there is a ledger already", where=str(home.ledger), cure="load into a new home")
    work = home.folder(home.ledger.parent) / f".{home.ledger.name}.loading"
    signer = installation_signer(home)
    with store_errors(work):
        work.unlink(missing_ok=True)
        os.close(os.open(work, os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o600))
        try:
            with closing(sqlite3.connect(work, isolation_level=None)) as connection:
                connection.executescript(f"{_FAST}{SCHEMA}")
                later = _set_aside(connection)
                frontier = _fill(connection, iter(entries), advance)
                connection.execute("BEGIN")
                for sql in later:
                    connection.execute(sql)
                (origin,) = connection.execute("SELECT origin FROM log").fetchone()
                if frontier.size:
                    note = sign_checkpoint(Checkpoint(origin, frontier.size, frontier.root), signer)
                    connection.execute("INSERT INTO tip VALUES (1, ?)", (note,))
                connection.execute(f"PRAGMA user_version={VERSION}")
                connection.execute("COMMIT")
            _sync(work)
            work.replace(home.ledger)
            _sync(home.ledger.parent)
        finally:
            work.unlink(missing_ok=True)
    return frontier.size


def _set_aside(connection: sqlite3.Connection) -> list[str]:
    """Drops indexes and triggers; returns the statements that make them again."""
    found = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
    ).fetchall()
    for kind, name, _ in found:
        connection.execute(f"DROP {kind} {name}")
    return [sql for _, _, sql in found]


def _fill(connection: sqlite3.Connection, entries: Iterator[Loaded], advance: Callable[[int], None]) -> Frontier:
    frontier, times = Frontier(), list[str]()
    while batch := list(islice(entries, _BATCH)):
        first = frontier.size
        rows, payloads, fired, tiles = [], [], [], []
        for index, (entry, payload) in enumerate(batch, start=first):
            if len(entry) > ENTRY_BYTES or sealed_in(entry) != (None if payload is None else sha256(payload)):
                raise BadInput(f"entry {index} is too long, or its payload is another's", cure="load what was exported")
            leaf = leaf_hash(entry)
            rows.append((index, entry, leaf))
            if payload is not None:
                payloads.append((index, payload))
            fired += [(index, name, verdict) for name, verdict in fired_in(entry)]
            place = entry.find(_AT) + len(_AT)
            times.append(entry[place : place + _AT_BYTES].decode())
            for tile in frontier.append(leaf):
                span = (min(times), max(times)) if tile.level == 1 else ("", "")
                tiles.append((tile.level, tile.number, tile.hash, *span))
                times = [] if tile.level == 1 else times
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO events (idx, entry, leaf) VALUES (?, ?, ?)", rows)
        connection.executemany("INSERT INTO payloads VALUES (?, ?)", payloads)
        connection.executemany("INSERT INTO fired VALUES (?, ?, ?)", fired)
        connection.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?, ?)", tiles)
        connection.execute("COMMIT")
        advance(len(batch))
    assert len(times) < TILE
    return frontier


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
