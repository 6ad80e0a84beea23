"""How fast the record takes what 64 writers hand in, durably, beside named peers on the same disk in one run.

    Sluice, 64 requests at once   as the gateway writes (services/recorder.py): its texts are sealed, then appended
    Sluice, 64 threads            `Ledger.append` of texts that are sealed already; the interpreter runs one at a time
    SQLite, row by row            one row, one full sync; the same bytes and indexes
    bare SQLite, row by row       the same without any index but the row's own number
    SQLite, batches of 64         the same bytes and indexes in transactions of 64: what group commit can reach at best
    PostgreSQL, INSERT            64 connections of pgbench, synchronous_commit=on, as many bytes in a table, one index

The medians of three rounds; the same once more where a sync costs 2 ms longer. Then how long one append takes at 100
and at 1,000 requests a second.
Run it with `make bench`, on an idle machine. `--check` ends with 1 when the gateway's writing misses a limit.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import infra.stores.sqlite as sqlite_store
from infra.contracts.request_events import RequestCompleted
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.vault import Vault
from services.recorder import Recorder

sys.path.append(str(Path(__file__).parent / "ledger"))
from peers import in_batches, postgres, row_by_row, timed
from written import TEXT, Event, dealt, events, sealed

_WRITERS = 64
_EVENTS = 25_600
_SLOW_S = 0.002
_REQUESTS, _THREADS = f"Sluice, {_WRITERS} requests at once", f"Sluice, {_WRITERS} threads"
_ROWS, _BATCHES = "SQLite, row by row", f"SQLite, batches of {_WRITERS}"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="end with status 1 when the gateway misses a limit")
    given = parser.parse_args()
    console, missed = Console(), False
    rates = _medians(lambda: _rates(0.0, _EVENTS, 4_000) | {"PostgreSQL, INSERT": postgres(_EVENTS, _WRITERS)})
    console.print(_table("Durable appends a second, this disk", rates))
    missed |= _held(console, rates, {_ROWS: 2.5, _BATCHES: 0.25})
    rates = _medians(lambda: _rates(_SLOW_S, 6_400, 600))
    console.print(_table(f"Durable appends a second, each sync {_SLOW_S * 1e3:.0f} ms longer", rates))
    missed |= _held(console, rates, {_ROWS: 10.0})
    console.print(_latencies())
    if given.check and missed:
        sys.exit(1)


def _medians(measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Of three rounds, each of which measures all one after the other."""
    rounds = [measure() for _ in range(3)]
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def _rates(slow_s: float, many: int, few: int) -> dict[str, float]:
    with _slow_syncs(slow_s):
        return {
            _REQUESTS: asyncio.run(_by_requests(many)),
            _THREADS: _by_threads(many),
            _ROWS: row_by_row(few, slow_s, bare=False),
            "bare SQLite, row by row": row_by_row(few, slow_s, bare=True),
            _BATCHES: in_batches(many, _WRITERS, slow_s),
        }


def _table(title: str, rates: dict[str, float]) -> Table:
    table = Table("what", "appends/s", "64 requests are so many times as fast", title=title, title_justify="left")
    for name, rate in rates.items():
        table.add_row(name, f"{rate:,.0f}", f"{rates[_REQUESTS] / rate:.2f}")
    return table


def _held(console: Console, rates: dict[str, float], limits: dict[str, float]) -> bool:
    """Prints how both ways of writing compare with the peers; whether the requests stay below a limit."""
    for ours in (_REQUESTS, _THREADS):
        for peer, limit in limits.items():
            times = rates[ours] / rates[peer]
            console.print(f"  {ours}: {times:.2f} times {peer} (limit {limit:g}){'' if times >= limit else ': MISSED'}")
    return any(rates[_REQUESTS] < limit * rates[peer] for peer, limit in limits.items())


async def _by_requests(count: int) -> float:
    """64 tasks of one event loop write one event after the other, each waiting until it is durable."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        recorder, parts = _recorder(Path(folder)), dealt(count, _WRITERS)

        async def write(own: Sequence[Event]) -> None:
            for event in own:
                await _record(recorder, event)

        started_s = time.perf_counter()
        await asyncio.gather(*map(write, parts))
        took_s = time.perf_counter() - started_s
        await recorder.close()
        return count / took_s


def _by_threads(count: int) -> float:
    """64 threads append one event after the other, each waiting until it is durable."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        ledger = Ledger.open(Home.open(Path(folder)))
        parts = [[sealed(event) for event in part] for part in dealt(count, _WRITERS)]

        def write(own: Sequence[tuple[Event, bytes | None]]) -> None:
            for event, payload in own:
                ledger.append(event, payload=payload)

        return count / timed(lambda: _at_once(write, parts))


def _at_once(work: Callable[[Any], None], parts: Sequence[Any]) -> None:
    """Does each part in a thread of its own, and waits for all."""
    threads = [threading.Thread(target=work, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _latencies() -> Table:
    """Appends that begin at fixed times, whether the ones before have ended or not."""
    title = "How long one append takes; two for each request"
    table = Table("requests/s", "p50 ms", "p99 ms", "slowest ms", title=title, title_justify="left")
    for rate in (100, 1_000):
        times_s = asyncio.run(_paced(2 * rate, 12 * rate))
        late = statistics.quantiles(times_s, n=100)
        table.add_row(f"{rate:,}", f"{late[49] * 1e3:.2f}", f"{late[98] * 1e3:.2f}", f"{max(times_s) * 1e3:.1f}")
    return table


async def _paced(rate: int, count: int) -> list[float]:
    """So many appends at so many a second: seconds from when each was due until it was durable."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        recorder, written, times_s = _recorder(Path(folder)), events(count), list[float]()
        gc.freeze()  # the events that wait here are not the gateway's to look through
        loop, begin_s = asyncio.get_running_loop(), time.perf_counter() + 0.2

        async def append(number: int) -> None:
            await _record(recorder, written[number])
            times_s.append(time.perf_counter() - begin_s - number / rate)

        def begin(tasks: asyncio.TaskGroup) -> None:
            # In a thread: the loop's own timers are rounded to a millisecond.
            for number in range(count):
                time.sleep(max(0.0, begin_s + number / rate - time.perf_counter()))
                loop.call_soon_threadsafe(tasks.create_task, append(number))

        async with asyncio.TaskGroup() as tasks:
            await asyncio.to_thread(begin, tasks)
        await recorder.close()
        return times_s


def _recorder(folder: Path) -> Recorder:
    home = Home.open(folder)
    return Recorder(Ledger.open(home), Vault.open(home))


async def _record(recorder: Recorder, event: Event) -> None:
    text = TEXT if isinstance(event, RequestCompleted) else None
    await recorder.write(event, subject=event.subject, text=text)


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


if __name__ == "__main__":
    main()
