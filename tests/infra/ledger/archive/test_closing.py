"""Closing a segment, cut off at any moment or beside others that write, loses nothing and can be gone on with."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from infra.contracts.base import now
from infra.errors import MissingPart, Refused, StoreError
from infra.home import Home
from infra.ledger.archive import closing
from infra.ledger.archive import upkeep as lock
from infra.ledger.archive.archived import Archive
from infra.ledger.archive.closing import archive
from infra.ledger.archive.segment import Row, encode, segment_name
from infra.ledger.archive.upkeep import upkeep
from infra.ledger.expiry import ExpiryRule
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.retention import expire
from infra.ledger.stored_tree import LedgerChanged
from infra.ledger.tree import TILE

BOTH_STORES = True
_LATER = timedelta(days=1)


class _Cut(Exception):
    """The process ends here, as it were."""


class _CutOff:
    """A place that writes so many files and then no more; `torn` leaves half of the last one."""

    def __init__(self, place: Any, files: int, *, torn: bool) -> None:
        self._place, self._left, self._torn = place, files, torn
        self.address = place.address
        self.read, self.open, self.names, self.remove = place.read, place.open, place.names, place.remove

    def write(self, name: str, data: bytes) -> None:
        if self._left == 0:
            if self._torn:
                self._place.write(name, data[: len(data) // 2])
            raise _Cut
        self._left -= 1
        self._place.write(name, data)


def _everything(ledger: Ledger) -> list[Any]:
    return [entry for entry in ledger.query(AuditFilter(limit=5_000)) if entry.event.kind != "segment.archived"]


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("files", range(1, 7))
def test_a_run_that_is_cut_off_while_it_writes_is_gone_on_with(
    home: Home, ledger: Ledger, fill: Callable[..., int], files: int, *, torn: bool
) -> None:
    count = fill(ledger, 400)
    before = _everything(ledger)
    place = ledger.archive.place
    # Whose it is; three tiles of leaves, the one above them, the segment, the checkpoint.
    ledger.archive.__dict__["place"] = _CutOff(place, files, torn=torn)
    with pytest.raises(_Cut):
        archive(home, ledger, now() + _LATER)
    ledger.archive.__dict__["place"] = place
    assert _everything(ledger) == before
    assert ledger.verify().ok, ledger.verify().problems
    archive(home, ledger, now() + _LATER)
    assert _everything(ledger) == before
    assert ledger.verify().ok and ledger.verify().archived == count // TILE * TILE


@pytest.mark.parametrize("windows", [0, 1])
def test_a_run_that_is_cut_off_while_it_clears_is_gone_on_with(
    home: Home, ledger: Ledger, fill: Callable[..., int], windows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = fill(ledger, 400)
    before = _everything(ledger)
    monkeypatch.setattr(closing, "_WINDOW", 300)
    real, turns = ledger.store.database.writing, [0]

    def writing() -> Any:
        turns[0] += 1
        if turns[0] == windows + 2:
            raise _Cut
        return real()

    monkeypatch.setattr(ledger.store.database, "writing", writing)
    with pytest.raises(_Cut):
        archive(home, ledger, now() + _LATER)
    monkeypatch.undo()
    with ledger.view() as view:
        assert view.archived.until in (0, 300, 301) and view.archived.end == count // TILE * TILE
    assert _everything(ledger) == before and ledger.verify().ok
    assert archive(home, ledger, now() + _LATER).cleared > 0
    assert _everything(ledger) == before and ledger.verify().ok


def test_a_checkpoint_that_was_lost_is_found_missing_and_written_anew(
    home: Home, ledger: Ledger, fill: Callable[..., int]
) -> None:
    fill(ledger, 200)
    archive(home, ledger, now() + _LATER)
    (home.archive / "checkpoint").unlink()
    assert not ledger.verify().ok
    archive(home, ledger, now() + _LATER)
    assert ledger.verify().ok


def test_appends_go_on_meanwhile(home: Home, ledger: Ledger, events: Any, fill: Callable[..., int]) -> None:
    fill(ledger, 600)
    stop, numbers, slowest = threading.Event(), list[int](), [0.0]

    def write() -> None:
        while not stop.is_set():
            begun_s = time.perf_counter()
            ledger.append(events.completed(10_000 + len(numbers)))
            slowest[0] = max(slowest[0], time.perf_counter() - begun_s)
            numbers.append(len(numbers))

    thread = threading.Thread(target=write)
    thread.start()
    archive(home, ledger, now() + _LATER)
    stop.set()
    thread.join()
    assert len(numbers) > 5 and slowest[0] < 5.0
    found = ledger.query(AuditFilter(kinds=("request.completed",), limit=5_000))
    assert [entry.event.event_id for entry in found][-len(numbers) :] == [
        f"resp-{10_000 + number}/completed" for number in numbers
    ]
    assert ledger.verify().ok


def test_a_ledger_that_another_process_archives_grows_on(home: Home, fill: Callable[..., int], events: Any) -> None:
    """One that knows the log only as it was before goes on from the archive's hashes."""
    idle = Ledger.open(home)
    idle.append(events.admitted(0))
    busy = Ledger.open(home)
    busy.append(events.completed(0))
    fill_events = [(events.completed(20_000 + number), None) for number in range(1_000)]
    busy.append_many(fill_events)
    archive(home, busy, now() + _LATER)
    idle.append(events.completed(1))
    assert idle.verify().ok and len(idle) == len(busy)


def test_one_process_at_a_time(home: Home, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_WAIT_S", 0.05)
    with upkeep(home), pytest.raises(Refused, match="another process changes or copies"):
        archive(home, ledger, now())


def test_a_changed_entry_is_not_archived(home: Home, ledger: Ledger, fill: Callable[..., int], raw: Any) -> None:
    fill(ledger, 200)
    raw.without_triggers()
    (entry,) = raw("SELECT entry FROM events WHERE idx = 40")[0]
    raw("UPDATE events SET entry = ? WHERE idx = 40", (bytes(entry).replace(b"tenant-", b"tenant_"),))
    with pytest.raises(LedgerChanged, match="entry 40 is not the one that was recorded"):
        archive(home, ledger, now() + _LATER)
    assert ledger.verify().archived == 0


def test_a_place_that_loses_what_it_is_given_is_noticed_before_anything_is_cleared(
    home: Home, ledger: Ledger, fill: Callable[..., int]
) -> None:
    fill(ledger, 200)
    place = ledger.archive.place

    class Forgetful:
        address, open, read, names = place.address, place.open, place.read, place.names

        def write(self, name: str, data: bytes) -> None:
            place.write(name, data if "segments" not in name else data[:-1])

    ledger.archive.__dict__["place"] = Forgetful()
    with pytest.raises(StoreError, match="does not keep what it is given"):
        archive(home, ledger, now() + _LATER)
    ledger.archive.__dict__["place"] = place
    assert ledger.verify().ok and ledger.verify().archived == 0


def test_a_folder_that_cannot_be_written_to_says_so(home: Home, ledger: Ledger, fill: Callable[..., int]) -> None:
    fill(ledger, 200)
    home.archive.write_text("a file, and no folder")
    with pytest.raises(StoreError, match="archive"):
        archive(home, ledger, now() + _LATER)
    assert ledger.verify().ok


_ARCHIVES = """
import sys
from datetime import timedelta
from pathlib import Path
from infra.contracts.base import now
from infra.home import Home
from infra.ledger.archive import closing
from infra.ledger.archive import upkeep as lock
from infra.ledger.log import Ledger
home = Home(Path(sys.argv[1]), ledger_url=sys.argv[2])
closing._WINDOW = 20
print("ready", flush=True)
closing.archive(home, Ledger.open(home), now() + timedelta(days=1))
"""


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_kills_at_any_moment(home: Home, ledger: Ledger, events: Any, fill: Callable[..., int]) -> None:
    """Kill -9, again and again, while others append; at the end everything is there once and verifies."""
    fill(ledger, 400)
    chance, expected = random.Random(5), _everything(ledger)
    for turn in range(8):
        command = [sys.executable, "-c", _ARCHIVES, str(home.root), home.ledger_url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(Path.cwd())})
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        ledger.append_many([(events.completed(30_000 + 300 * turn + number), None) for number in range(300)])
        time.sleep(chance.random() * 1.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        found = _everything(ledger)
        assert found[: len(expected)] == expected and len(found) == len(expected) + 300
        expected = found
        check = ledger.verify()
        assert check.ok, check.problems
    archive(home, ledger, now() + _LATER)
    assert _everything(Ledger.open(home)) == expected
    check = ledger.verify()
    assert check.ok and check.archived > 2_000, check.problems


def test_an_archive_without_its_part_says_which_to_install(
    home: Home, ledger: Ledger, fill: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger, 200)
    archive(home, ledger, now() + _LATER)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow.compute", None)
    newest = len(ledger) - 1
    assert ledger.query(AuditFilter(limit=1))[0].index == newest  # what is in the tables needs no part
    ledger.append(ledger.query(AuditFilter(kinds=("service",), limit=1))[0].event)
    with pytest.raises(MissingPart) as caught:
        ledger.query(AuditFilter(limit=500))
    assert "sluicegate[archive]" in caught.value.cure
    assert Archive(home).place is not None


def test_rows_that_a_cut_off_run_left_are_cleared_only_once_the_file_still_has_them(
    home: Home, ledger: Ledger, fill: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger, 400)
    before = _everything(ledger)
    calls = iter([lambda _: 0, _cut])  # the first is for what earlier runs left
    monkeypatch.setattr(closing, "_clear", lambda ledger: next(calls)(ledger))
    with pytest.raises(_Cut):
        archive(home, ledger, now() + _LATER)
    monkeypatch.undo()
    path = home.archive / segment_name(0)
    whole = path.read_bytes()
    changed = encode([row._replace(entry=None) if row.idx == 9 else row for row in _rows(ledger)])
    for damaged in (changed, whole[:-7], b""):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"nothing was cleared|damaged"):
            archive(home, ledger, now() + _LATER)
        assert _everything(ledger) == before
    path.write_bytes(whole)
    assert archive(home, ledger, now() + _LATER).cleared > 700
    assert _everything(ledger) == before and ledger.verify().ok


def _cut(*_: object) -> int:
    raise _Cut


def _rows(ledger: Ledger) -> list[Row]:
    with ledger.view() as view:
        (segment,) = view.archived.segments
        with ledger.archive.file(segment) as file:
            return [stored.row for stored in file.stored(segment.first, segment.until)]


def test_what_killed_runs_left_of_files_is_removed(home: Home, ledger: Ledger, fill: Callable[..., int]) -> None:
    """It holds entries that would never expire there."""
    fill(ledger, 400)
    archive(home, ledger, now() + _LATER)
    left = [home.archive / "segments" / name for name in (".000000000000.parquet.7.8.tmp", "000000000768.parquet")]
    for path in left:
        path.write_bytes(b"entries")
    archive(home, ledger, now() + _LATER)
    assert not any(path.exists() for path in left) and ledger.verify().ok


def test_an_append_never_asks_the_archive(home: Home, events: Any) -> None:
    """Not even of a process that knew the log as it was before most of it went there."""
    idle, busy = Ledger.open(home), Ledger.open(home)
    idle.append_many([(events.completed(number), None) for number in range(357)])
    busy.append_many([(events.completed(1_000 + number), None) for number in range(900)])
    archive(home, busy, now() + _LATER)
    away = home.archive.rename(home.root / "away")
    assert idle.append(events.completed(9_999)) == len(busy) - 1
    away.rename(home.archive)
    assert idle.verify().ok


def test_expiry_and_archiving_take_turns(
    home: Home, ledger: Ledger, fill: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger, 400)
    monkeypatch.setattr(lock, "_WAIT_S", 0.05)
    real = ledger.expire

    def between(*given: Any) -> Any:
        with pytest.raises(Refused, match="another process changes or copies"):
            archive(home, ledger, now() + _LATER)
        return real(*given)

    monkeypatch.setattr(ledger, "expire", between)
    assert expire(home, ledger, ExpiryRule(200, "", now() + _LATER)).entries > 500
    monkeypatch.undo()
    assert archive(home, ledger, now() + _LATER).entries > 700 and ledger.verify().ok


def test_entries_of_any_size_are_archived_in_bounded_memory(home: Home, ledger: Ledger, events: Any) -> None:
    """A segment ends with the tile in which it has 64 MiB, a row group with the row in which it has 8."""
    for number in range(0, 600, 4):
        payload = os.urandom(1 << 18)
        ledger.append_many(
            [(events.completed(number + more, payload=payload), payload) for more in range(4)]  # one text, four times
        )
    done = archive(home, ledger, now() + _LATER)
    assert (done.segments, done.entries) == (2, 512)
    file = pyarrow.parquet.ParquetFile(home.archive / segment_name(0))
    assert file.metadata.num_row_groups == 8 and file.metadata.num_rows == 256
    assert ledger.verify().ok
