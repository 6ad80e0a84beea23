"""What a ledger costs as it grows: query times, verification, memory and bytes at 0.5, 1, 2 and 5 million entries.

Run it on an idle machine: `python tests/bench/ledger/size.py` (half an hour, 12 GB of disk); `--sizes 500000` is quick.
Limits: each query's 95th percentile under 150 ms, the first page of a text query under 1 s, 150,000 entries/s
verified, memory under 1 GiB. `--check` ends with 1 when one is missed.
"""

from __future__ import annotations

import argparse
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))  # run by its path; the generator lies beside it
from generated import BEGIN, ENTITIES, RULES, entries, text_of

from infra.home import Home
from infra.ledger.archive.closing import archive
from infra.ledger.bulk import load
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.search import SearchIndex
from infra.ledger.vault import Vault

_SIZES = (500_000, 1_000_000, 2_000_000, 5_000_000)
_ASKED = 60
_QUERY_MS, _TEXT_MS, _VERIFIED, _MEMORY_BYTES = 150.0, 1_000.0, 150_000.0, 1 << 30


@dataclass
class Measured:
    """One size of ledger."""

    entries: int
    archived: bool
    """Nine tenths of them lie in the archive."""
    load_s: float
    """Of the bulk load, or of the archiving."""
    bytes_per_entry: float
    """Of the ledger's file, or of the archive's."""
    search_bytes_per_entry: float
    query_ms: dict[str, float]
    verified_per_s: float
    memory_bytes: int


def main() -> None:
    """Measures each size in a home of its own and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=_SIZES)
    parser.add_argument("--archived", action="store_true", help="archive all but the last tenth, and measure again")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    console, found = Console(), list[Measured]()
    for size in given.sizes:
        with tempfile.TemporaryDirectory(prefix="sluice-bench-size-") as folder:
            found += _measure(Home.open(Path(folder)), size, console, archived=given.archived)
    console.print(_table(found))
    missed = [what for one in found for what in _missed(one)]
    console.print("\n".join(f"MISSED: {what}" for what in missed) or "every limit was kept")
    if given.check and missed:
        sys.exit(1)


def _measure(home: Home, size: int, console: Console, *, archived: bool) -> Iterator[Measured]:
    begun_s = time.perf_counter()
    load(home, entries(size // 2))
    load_s = time.perf_counter() - begun_s
    console.print(f"{size:,} entries loaded in {load_s:.0f} s")
    ledger = Ledger.open(home)
    search = SearchIndex(ledger, Vault.open(home))
    _index_texts(search, size // 2)
    questions = _questions(home, size, search)
    found = _asked(home, ledger, size, questions)
    yield replace(found, load_s=load_s, bytes_per_entry=home.ledger.stat().st_size / size)
    if archived:
        begun_s = time.perf_counter()
        done = archive(home, ledger, BEGIN + timedelta(days=365 * 0.9))
        archive_s = time.perf_counter() - begun_s
        console.print(f"{done.entries:,} entries archived in {archive_s:.0f} s")
        found = _asked(home, ledger, size, questions)
        yield replace(found, archived=True, load_s=archive_s, bytes_per_entry=done.size_bytes / done.entries)


def _asked(home: Home, ledger: Ledger, size: int, questions: dict[str, Callable[[], AuditFilter]]) -> Measured:
    query_ms = {name: _p95_ms(ledger, ask) for name, ask in questions.items()}
    begun_s = time.perf_counter()
    check = ledger.verify()
    verify_s = time.perf_counter() - begun_s
    assert check.ok and check.events - size <= check.archived // 256, check.problems
    return Measured(
        entries=size,
        archived=False,
        load_s=0.0,
        bytes_per_entry=0.0,
        search_bytes_per_entry=home.ledger.with_name("search.sqlite").stat().st_size / size,
        query_ms=query_ms,
        verified_per_s=size / verify_s,
        memory_bytes=_memory_bytes(),
    )


def _memory_bytes() -> int:
    """The most that this process, or one that it started, had in use."""
    return 1024 * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _index_texts(search: SearchIndex, requests: int) -> None:
    """The words of each request's text at the index of its end."""
    for start in range(0, requests, 20_000):
        numbers = range(start, min(start + 20_000, requests))
        search.add((2 * number + 1, text_of(number)) for number in numbers)


def _questions(home: Home, size: int, search: SearchIndex) -> dict[str, Callable[[], AuditFilter]]:
    source = random.Random(7)
    with closing(sqlite3.connect(home.ledger)) as connection:
        sampled = list(_samples(connection, size, source))

    def one(column: str) -> str:
        return str(source.choice(sampled)[column])

    def span(days: float) -> dict[str, object]:
        since = BEGIN + timedelta(seconds=source.random() * 3e7)
        return {"since": since, "until": since + timedelta(days=days)}

    def asked(**wanted: object) -> AuditFilter:
        return AuditFilter(**wanted)  # type: ignore[arg-type]

    return {
        "time range": lambda: asked(**span(source.choice((0.01, 1, 30)))),
        "tenant": lambda: asked(tenant=one("tenant")),
        "subject": lambda: asked(subject=one("subject")),
        "model version": lambda: asked(version=int(one("version"))),
        "policy": lambda: asked(policy=one("guardrails")),
        "detector": lambda: asked(detector=source.choice((*RULES, *ENTITIES))),
        "action": lambda: asked(action=source.choice(("flag", "redact", "block"))),
        "outcome": lambda: asked(outcome=source.choice(("answered", "blocked", "failed", "cancelled"))),
        "trace": lambda: asked(trace_id=one("trace_id")),
        "response": lambda: asked(response_id=one("response_id")),
        "tenant, time": lambda: asked(tenant=one("tenant"), **span(7)),
        "tenant, version, outcome": lambda: asked(tenant=one("tenant"), version=int(one("version")), outcome="blocked"),
        "detector, action, tenant, time": lambda: asked(
            detector=source.choice(RULES), action="block", tenant=one("tenant"), **span(30)
        ),
        "text, one frequent word": lambda: asked(words=search.words("invoice")),
        "text, three words": lambda: asked(words=search.words("invoice cuenta password")),
        "text, one ticket of all": lambda: asked(words=search.words(f"ticket{source.randrange(size // 2)}")),
        "text, tenant": lambda: asked(words=search.words("invoice card"), tenant=one("tenant")),
    }


def _samples(connection: sqlite3.Connection, size: int, source: random.Random) -> Iterator[dict[str, object]]:
    columns = ("tenant", "subject", "version", "guardrails", "trace_id", "response_id")
    for _ in range(200):
        row = connection.execute(f"SELECT {', '.join(columns)} FROM events WHERE idx = ?", (source.randrange(size),))
        yield dict(zip(columns, row.fetchone(), strict=True))


def _p95_ms(ledger: Ledger, ask: Callable[[], AuditFilter]) -> float:
    times_s = []
    for _ in range(_ASKED):
        wanted = ask()
        begun_s = time.perf_counter()
        ledger.query(wanted)
        times_s.append(time.perf_counter() - begun_s)
    return sorted(times_s)[int(0.95 * _ASKED)] * 1e3


def _missed(one: Measured) -> Iterator[str]:
    if one.archived:  # no limits are set for it
        return
    for name, ms in one.query_ms.items():
        limit = _TEXT_MS if name.startswith("text") else _QUERY_MS
        if ms >= limit:
            yield f"{name} at {one.entries:,}: {ms:.0f} ms (limit {limit:.0f})"
    if one.verified_per_s < _VERIFIED:
        yield f"verification at {one.entries:,}: {one.verified_per_s:,.0f} entries/s (limit {_VERIFIED:,.0f})"
    if one.memory_bytes >= _MEMORY_BYTES:
        yield f"memory at {one.entries:,}: {one.memory_bytes / 2**20:,.0f} MiB (limit 1,024)"


def _table(found: list[Measured]) -> Table:
    table = Table("first page of 100, 95th percentile, ms", title="A ledger as it grows", title_justify="left")
    for one in found:
        table.add_column(f"{one.entries:,}{', archived' if one.archived else ''}", justify="right")
    for name in found[0].query_ms:
        table.add_row(name, *(f"{one.query_ms[name]:.1f}" for one in found))
    table.add_section()
    table.add_row("entries verified a second", *(f"{one.verified_per_s:,.0f}" for one in found))
    table.add_row("largest memory of a process, MiB", *(f"{one.memory_bytes / 2**20:,.0f}" for one in found))
    table.add_row("bytes an entry, indexes and payload with it", *(f"{one.bytes_per_entry:,.0f}" for one in found))
    table.add_row("bytes an entry of the search table", *(f"{one.search_bytes_per_entry:,.0f}" for one in found))
    table.add_row("bulk load or archiving, entries a second", *(f"{one.entries / one.load_s:,.0f}" for one in found))
    return table


if __name__ == "__main__":
    main()
