"""How long the record takes: an append, many at once, threads, verification, sealing; beside it a bare SQLite commit.

Run it with `make bench`, on an idle machine: what is measured is mostly the disk's fsync.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infra.contracts.base import now
from infra.contracts.request_events import CheckRecord, RequestAdmitted, RequestCompleted
from infra.digest import sha256
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.vault import Vault

_ROUNDS = 500
_ROWS = 13_000


def main() -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        home = Home.open(Path(folder))
        ledger, vault = Ledger.open(home), Vault.open(home)
        table = Table("what", "median ms", "99 % ms", "per second", title="Ledger and vault", title_justify="left")
        _row(table, "bare SQLite commit (WAL, FULL)", _each(_bare(Path(folder)), _ROUNDS))
        payload = vault.seal("sub-a", b"a redacted prompt and its answer " * 20)
        _row(table, "append admitted", _each(lambda number: ledger.append(_admitted(f"a{number}")), _ROUNDS))
        _row(
            table,
            "append completed, 8 checks, payload",
            _each(lambda number: ledger.append(_completed(f"a{number}", payload), payload=payload), _ROUNDS),
        )
        with ThreadPoolExecutor(16) as pool:
            started_s = time.perf_counter()
            list(pool.map(lambda number: ledger.append(_admitted(f"t{number}")), range(_ROUNDS)))
            _many(table, "append admitted, 16 threads", _ROUNDS, time.perf_counter() - started_s)
        many = [(_admitted(f"m{number}"), None) for number in range(2_000)]
        _timed(table, "append_many, 2,000 at once", 2_000, lambda: ledger.append_many(many))
        entries = ledger.verify().events
        _timed(table, f"verify, {entries:,} entries", entries, ledger.verify)
        rows = [(f"sub-{number}", b"one redacted row of text " * 8) for number in range(_ROWS)]
        _timed(table, f"seal {_ROWS:,} rows, new subjects", _ROWS, lambda: vault.seal_many(rows))
        sealed = vault.seal_many(rows)
        pairs = [(subject, one) for (subject, _), one in zip(rows, sealed, strict=True)]
        _timed(table, f"unseal {_ROWS:,} rows", _ROWS, lambda: vault.unseal_many(pairs))
        Console().print(table)


def _bare(folder: Path) -> Callable[[int], object]:
    connection = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (a BLOB);")
    return lambda _: connection.execute("INSERT INTO t VALUES (?)", (bytes(900),))


def _admitted(response_id: str) -> RequestAdmitted:
    return RequestAdmitted(
        event_id=f"{response_id}/admitted",
        at=now(),
        pipeline="bench",
        response_id=response_id,
        tenant="acme",
        key_id="key-1",
        subject="sub-a",
        engine="scripted",
        scripted=True,
        version=1,
        release=None,
        manifest=None,
        guardrails=sha256(b"policy"),
        streamed=True,
    )


def _completed(response_id: str, payload: bytes) -> RequestCompleted:
    check = CheckRecord(rule="pii", direction="input", verdict="allow", score=0.5, milliseconds=1.25)
    return RequestCompleted(
        event_id=f"{response_id}/completed",
        at=now(),
        pipeline="bench",
        response_id=response_id,
        tenant="acme",
        key_id="key-1",
        subject="sub-a",
        version=1,
        manifest=None,
        guardrails=sha256(b"policy"),
        outcome="answered",
        refusal_rule="",
        checks=(check,) * 8,
        prompt_tokens=40,
        completion_tokens=12,
        seconds=0.4,
        sealed=sha256(payload),
    )


def _each(work: Callable[[int], object], rounds: int) -> list[float]:
    times_s = []
    for number in range(rounds):
        started_s = time.perf_counter()
        work(number)
        times_s.append(time.perf_counter() - started_s)
    return times_s


def _row(table: Table, what: str, times_s: list[float]) -> None:
    late = statistics.quantiles(times_s, n=100)[98]
    rate = len(times_s) / sum(times_s)
    table.add_row(what, f"{statistics.median(times_s) * 1e3:.2f}", f"{late * 1e3:.2f}", f"{rate:,.0f}")


def _timed(table: Table, what: str, count: int, work: Callable[[], object]) -> None:
    started_s = time.perf_counter()
    work()
    _many(table, what, count, time.perf_counter() - started_s)


def _many(table: Table, what: str, count: int, seconds: float) -> None:
    table.add_row(what, f"{seconds / count * 1e3:.3f}", "-", f"{count / seconds:,.0f}")


if __name__ == "__main__":
    main()
