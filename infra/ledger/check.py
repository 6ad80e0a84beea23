"""Checks a whole ledger: everything that a query or a proof can return, from the store alone.

The entries and what lies beside each (walk.py), in several processes where the log is long; the list of requests under
way; tables and triggers. What a store alone cannot show is a log that was cut back together with its checkpoints: a
witness does (witness.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from infra.cores import cores
from infra.digest import Digest
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.archive.archived import Archive
from infra.ledger.archive.check import archive_problems
from infra.ledger.query import digest_text
from infra.ledger.store import LedgerStore
from infra.ledger.stored_tree import LedgerChanged
from infra.ledger.tree import TILE
from infra.ledger.walk import MOST, LedgerProblem, Part, Walk, expired_ranges, origin_of
from infra.signing import TrustedKeys
from infra.stores.connection import Connection

_LONG = 200_000
"""From so many entries on a log is checked in parts at once."""
_MOST_PARTS = 8


@dataclass(frozen=True)
class LedgerCheck:
    """What a verification found. `problems` holds the first 100 of `problem_count`, in the ledger's order."""

    events: int
    archived: int
    """How many of them lie in the archive."""
    origin: str
    root: Digest
    """The root recomputed from the entries that are there."""
    key_id: str
    """The present installation key; the checkpoint was checked against it, or against one that it replaced."""
    problems: tuple[LedgerProblem, ...]
    problem_count: int

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return self.problem_count == 0


@dataclass(frozen=True)
class Walked:
    """What walking over one part found: its problems, and how much lay there."""

    problems: tuple[LedgerProblem, ...]
    problem_count: int
    payloads: int = 0
    fired: int = 0
    tiles: int = 0
    open: int = 0
    """Of the archive: how many more requests were admitted than completed."""


def check(
    home: Home,
    connection: Connection,
    store: LedgerStore,
    archive: Archive,
    keys: TrustedKeys,
    advance: Callable[[int], None],
) -> LedgerCheck:
    """Recomputes everything within the connection's transaction. Raises what reading raises."""
    (size,) = connection.execute("SELECT coalesce(max(idx) + 1, 0) FROM events").fetchone()
    archived = archive.within(connection)
    if archived.segments:
        archive.require(origin_of(connection))
    parts = _parts(int(size), archived.until)
    try:
        last = Walk(connection, archive, keys, parts[-1], partial(expired_now, store))
    except LedgerChanged:  # hashes are missing: who begins at the beginning finds out which
        parts = [Part(archived=archived.until)]
        last = Walk(connection, archive, keys, parts[-1], partial(expired_now, store))
    beside = [_Beside(home, part, advance) for part in parts[:-1]]
    ours = counted(last, (*last.problems(advance), *last.ending()))
    walked = _together([*(one.result() for one in beside), ours])
    found = (
        *walked.problems,
        *_stray(connection, walked),
        *_under_way(connection, walked),
        *archive_problems(connection, store, archive, keys),
        *_as_made(connection, store),
    )
    more = len(found) - len(walked.problems)
    return LedgerCheck(
        last.count,
        archived.until,
        last.origin,
        digest_text(last.frontier.root),
        keys.key_id,
        found[:MOST],
        walked.problem_count + more,
    )


def counted(walk: Walk, problems: Iterable[LedgerProblem]) -> Walked:
    """Reads the problems to their end; the first hundred are kept."""
    kept: list[LedgerProblem] = []
    count = 0
    for problem in problems:
        count += 1
        if len(kept) < MOST:
            kept.append(problem)
    return Walked(tuple(kept), count, walk.payloads, walk.fired, walk.tiles, walk.open)


def expired_now(store: LedgerStore) -> list[tuple[int, int]]:
    """The ranges that expiries name by now. Raises StoreError."""
    with store.database.reading() as connection:
        return expired_ranges(connection)


def _parts(size: int, archived: int) -> list[Part]:
    count = max(1, min(cores(), _MOST_PARTS, size // _LONG))
    bounds = [size * number // count // TILE * TILE for number in range(count)]
    return [Part(first, until, archived) for first, until in zip(bounds, [*bounds[1:], None], strict=True)]


class _Beside:
    """A part that another process walks over (check_part.py)."""

    def __init__(self, home: Home, part: Part, advance: Callable[[int], None]) -> None:
        self._advance = advance
        self._last = ""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "infra.ledger.check_part", str(home.root), *map(str, _numbers(part))],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {
                "SLUICE_LEDGER_URL": home.ledger_url,
                "SLUICE_LEDGER_ARCHIVE": home.ledger_archive,
                "SLUICE_LEDGER_ARCHIVE_ENDPOINT": home.ledger_archive_endpoint,
            },
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("+"):
                self._advance(int(line))
            else:
                self._last = line

    def result(self) -> Walked:
        """What the other process found; that it died is a problem like any other. Raises what it could not read."""
        self._reader.join()
        if self._process.wait() != 0:
            problem = LedgerProblem(None, "a part of the ledger could not be read")
            return Walked((problem,), 1)
        found = json.loads(self._last)
        if "error" in found:
            raise StoreError(*found["error"])
        problems = tuple(LedgerProblem(*problem) for problem in found.pop("problems"))
        return Walked(problems, **found)


def _numbers(part: Part) -> tuple[int | None, ...]:
    return part.first, part.until, part.archived


def _together(parts: list[Walked]) -> Walked:
    return Walked(
        tuple(problem for part in parts for problem in part.problems),
        sum(part.problem_count for part in parts),
        sum(part.payloads for part in parts),
        sum(part.fired for part in parts),
        sum(part.tiles for part in parts),
        sum(part.open for part in parts),
    )


def _stray(connection: Connection, walked: Walked) -> Iterator[LedgerProblem]:
    """What lies in the other tables and belongs to no entry, or is missing there."""
    stray = "SELECT DISTINCT idx FROM {0} WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.idx = {0}.idx)"
    for table, known, what in (
        ("payloads", walked.payloads, "a payload has no entry"),
        ("fired", walked.fired, "the index of what checks found names an entry that is not there"),
    ):
        if connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] != known:  # noqa: S608
            for (index,) in connection.execute(stray.format(table)).fetchall():
                yield LedgerProblem(index, what)
    (tiles,) = connection.execute("SELECT count(*) FROM tiles").fetchone()
    if tiles > walked.tiles:
        yield LedgerProblem(None, "there are hashes of subtrees that the tree does not have")


def _under_way(connection: Connection, walked: Walked) -> Iterator[LedgerProblem]:
    ended = "EXISTS (SELECT 1 FROM events WHERE response_id = pending.response_id AND kind = ?)"
    (wrong,) = connection.execute(
        f"SELECT count(*) FROM pending WHERE NOT {ended} OR {ended}",  # noqa: S608
        ("request.admitted", "request.completed"),
    ).fetchone()
    if wrong:
        yield LedgerProblem(None, f"the list of requests under way names {wrong} that are not")
    counts = {
        kind: connection.execute("SELECT count(*) FROM events WHERE kind = ?", (kind,)).fetchone()[0]
        for kind in ("request.admitted", "request.completed")
    }
    (listed,) = connection.execute("SELECT count(*) FROM pending").fetchone()
    missing = counts["request.admitted"] - counts["request.completed"] + walked.open - (listed - wrong)
    if missing > 0:
        yield LedgerProblem(None, f"{missing} requests under way are missing from the list of those")


def _as_made(connection: Connection, store: LedgerStore) -> Iterator[LedgerProblem]:
    if not store.as_made(connection):
        yield LedgerProblem(None, "the tables or the triggers that forbid changes are not as Sluice made them")
