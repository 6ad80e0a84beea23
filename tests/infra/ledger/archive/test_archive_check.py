"""Verification finds every change of what lies in the archive, and of what says that it lies there."""

from __future__ import annotations

import io
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.contracts.base import now
from infra.errors import Refused, StoreError
from infra.home import Home
from infra.ledger import check
from infra.ledger.archive.archived import Archive
from infra.ledger.archive.closing import archive
from infra.ledger.archive.place import FolderPlace
from infra.ledger.archive.segment import Row, encode, segment_name
from infra.ledger.check import LedgerCheck
from infra.ledger.expiry import ExpiryRule
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.retention import expire
from infra.ledger.tree import TILE

_LATER = timedelta(days=1)
BEGIN = datetime(2026, 1, 2, tzinfo=UTC)
_SEGMENT = f"archive/{segment_name(0)}"


def _verdict(root: Path) -> LedgerCheck:
    ledger = Ledger.open(Home(root))
    try:
        return ledger.verify()
    finally:
        ledger.close()


def _told(root: Path) -> list[tuple[int | None, str]]:
    found = _verdict(root)
    assert not found.ok
    return [(one.index, one.what) for one in found.problems]


def _rows(root: Path) -> list[Row]:
    table = pyarrow.parquet.read_table(root / _SEGMENT, columns=["idx", "entry", "payload"])
    return [Row(one["idx"], one["entry"], one["payload"]) for one in table.to_pylist()]


def test_the_untouched_copy_verifies(copied: Path) -> None:
    found = _verdict(copied)
    assert found.ok and found.archived == 3 * TILE + TILE, found.problems


@pytest.mark.parametrize(
    ("change", "index", "what"),
    [
        (lambda rows: rows[:40] + rows[41:], 0, "damaged"),
        (lambda rows: [*rows[:40], rows[40]._replace(entry=rows[42].entry), *rows[41:]], 40, "its leaf is the hash of"),
        (lambda rows: [*rows[:40], rows[40]._replace(entry=None), *rows[41:]], 40, "the entry is not text"),
        (lambda rows: [*rows[:40], Row(40, None), *rows[41:]], 40, "the entry is not text"),
        (lambda rows: [*rows[:40], rows[41]._replace(idx=40), rows[40]._replace(idx=41), *rows[42:]], 40, "its leaf"),
        (lambda rows: [one._replace(payload=b"x") if one.idx == 41 else one for one in rows], 41, "the payload"),
        (lambda rows: [one._replace(payload=None) for one in rows], 1, "the payload is missing"),
        (lambda rows: rows[:-1], 0, "damaged"),
        (lambda rows: [], 0, "missing"),
        (lambda rows: [*rows, rows[-1]], 0, "damaged"),
    ],
)
def test_changed_rows_are_named(copied: Path, change: Callable[[list[Row]], list[Row]], index: int, what: str) -> None:
    (copied / _SEGMENT).write_bytes(encode(change(_rows(copied))))
    told = _told(copied)
    assert any(named == index and what in sentence for named, sentence in told), told


@pytest.mark.parametrize("column", ["kind", "tenant", "subject", "outcome", "at", "event_id", "fired", "version"])
def test_a_column_that_does_not_say_what_the_entry_says_is_found(copied: Path, column: str) -> None:
    """By such a column an entry could be hidden from a query."""
    path = copied / _SEGMENT
    table = pyarrow.parquet.read_table(path)
    values = table.column(column).to_pylist()
    here = next(number for number, value in enumerate(values) if value)
    values[here] = None if column != "fired" else []
    number = table.schema.get_field_index(column)
    changed = table.set_column(
        number, table.schema.field(column), pyarrow.array(values, table.schema.field(column).type)
    )
    target = io.BytesIO()
    pyarrow.parquet.write_table(changed, target)
    path.write_bytes(target.getvalue())
    assert (here, "the archive's columns do not say what the entry says") in _told(copied)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        (_SEGMENT, "missing"),
        ("archive/tile/0/002", "hashes of the tree"),
        ("archive/tile/1/000.p/4", "tile/1/000.p/4 is missing"),
        ("archive/checkpoint", "the archive's checkpoint"),
    ],
)
@pytest.mark.parametrize("how", ["gone", "empty", "torn", "flipped"])
def test_a_damaged_file_is_named(copied: Path, name: str, what: str, how: str) -> None:
    path = copied / name
    data = path.read_bytes()
    middle = len(data) // 2
    changed = {
        "empty": b"",
        "torn": data[: len(data) // 2],
        "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
    }
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(changed[how])
    told = _told(copied)
    if how in ("gone", "empty"):
        assert any(what in sentence or "damaged" in sentence or "length" in sentence for _, sentence in told), told


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_flipped_bit_of_an_archived_value_goes_unseen(
    evidence: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Of the file's own bytes some say nothing (statistics, names of its writer): then every value is as it was."""
    root = tmp_path_factory.mktemp("flipped") / "home"
    shutil.copytree(evidence, root)
    path = root / _SEGMENT
    before, raw = pyarrow.parquet.read_table(path), bytearray(path.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1), label="byte")] ^= 1 << data.draw(st.integers(0, 7), label="bit")
    path.write_bytes(raw)
    found = _verdict(root)
    if found.ok:
        assert pyarrow.parquet.read_table(path).equals(before)


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("DELETE FROM segments", "missing"),
        ("UPDATE segments SET until = 768", "missing"),
        ("UPDATE segments SET place = 'segments/other.parquet'", "missing"),
        ("UPDATE segments SET digest = 'sha256:' || hex(zeroblob(32))", "another root"),
        ("INSERT INTO segments VALUES (1024, 1280, 'segments/000000001024.parquet', 'sha256:00')", "no event says"),
        ("DELETE FROM events WHERE kind = 'service.changed' AND idx < 1024", "missing from the ledger's own tables"),
        ("DELETE FROM events WHERE kind = 'segment.archived'", "the entry is missing"),
        (
            "UPDATE events SET entry = CAST(replace(entry, 'gateway', 'getaway') AS BLOB) "
            "WHERE kind = 'service.changed' AND idx < 1024",
            "two different entries",
        ),
        ("INSERT INTO payloads VALUES (5, X'00')", "a payload has no entry"),
        ("INSERT INTO fired VALUES (5, 'pii', 'block')", "names an entry that is not there"),
        ("DELETE FROM tiles WHERE level = 1 AND number = 1", ""),
    ],
)
def test_what_the_tables_say_of_it_is_checked(copied: Path, sql: str, what: str) -> None:
    with sqlite3.connect(copied / "ledger" / "ledger.sqlite") as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(sql)
        for _, statement in triggers:
            connection.execute(statement)
    told = _told(copied)
    assert any(what in sentence for _, sentence in told), told


def test_an_entry_that_is_put_back_into_the_tables_is_found(copied: Path) -> None:
    """Queries would take it from there."""
    rows = _rows(copied)
    with sqlite3.connect(copied / "ledger" / "ledger.sqlite") as connection:
        entry = rows[10].entry
        assert entry is not None
        changed = entry.replace(b"tenant-", b"tenant_")
        connection.execute("INSERT INTO events (idx, entry, leaf) VALUES (10, ?, ?)", (changed, bytes(32)))
    assert not _verdict(copied).ok


def test_a_place_that_does_not_answer_is_no_tampering(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> Any:
        raise StoreError("the archive does not answer: ConnectionError", cure="check SLUICE_LEDGER_ARCHIVE")

    monkeypatch.setattr(FolderPlace, "open", silent)
    with pytest.raises(StoreError, match="does not answer"):
        _verdict(copied)


def test_a_governing_entry_that_is_emptied_in_the_tables_is_found(copied: Path) -> None:
    """The triggers let an entry be emptied, as expiry does; of these no answer looks into the archive."""
    with sqlite3.connect(copied / "ledger" / "ledger.sqlite") as connection:
        connection.execute("UPDATE events SET entry = NULL WHERE kind = 'service.changed' AND idx < 500")
    assert all("missing from the ledger's own tables" in what for _, what in _told(copied))


def test_the_files_own_statistics_decide_nothing(copied: Path) -> None:
    ledger = Ledger.open(Home(copied))
    before = ledger.query(AuditFilter(limit=5_000)), ledger.indices(AuditFilter(since=BEGIN + timedelta(minutes=9)))
    path = copied / _SEGMENT
    raw = path.read_bytes()
    last = (1_023).to_bytes(8, "little")
    assert raw.count(last) >= 2  # the greatest index, as the footer says it
    path.write_bytes(raw.replace(last, (511).to_bytes(8, "little")))
    assert pyarrow.parquet.ParquetFile(path).metadata.row_group(0).column(0).statistics.max == 511
    after = ledger.query(AuditFilter(limit=5_000)), ledger.indices(AuditFilter(since=BEGIN + timedelta(minutes=9)))
    assert after == before or not _verdict(copied).ok


def test_what_expires_or_is_archived_while_a_ledger_is_checked_is_no_tampering(
    home: Home, ledger: Ledger, fill: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger, 300)
    at = ledger.query(AuditFilter(from_index=300, limit=5_000))[0].event.at
    archive(home, ledger, at)
    real, turns = Archive.require, [0]

    def late(self: Archive, origin: str) -> None:
        turns[0] += 1
        if turns[0] == 1:  # the check has its view by now
            expire(home, ledger, ExpiryRule(200, "", at))
            archive(home, ledger, now() + _LATER)
        real(self, origin)

    monkeypatch.setattr(Archive, "require", late)
    found = ledger.verify()
    assert found.ok, found.problems
    assert ledger.verify().ok


def test_a_place_that_is_not_mounted_is_no_loss(copied: Path) -> None:
    shutil.move(copied / "archive", copied / "elsewhere")
    (copied / "archive").mkdir()
    with pytest.raises(StoreError, match="the archive is not here"):
        _verdict(copied)


def test_the_archive_of_another_log_is_refused(copied: Path, tmp_path: Path, fill: Callable[..., int]) -> None:
    home = replace(Home.open(tmp_path / "second"), ledger_archive=str(copied / "archive"))
    ledger = Ledger.open(home)
    fill(ledger, 300)
    with pytest.raises(Refused, match="another log's"):
        archive(home, ledger, now() + _LATER)
    assert ledger.verify().ok and _verdict(copied).ok


def test_a_part_that_cannot_ask_the_archive_says_so(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, too: no stack trace, and no verdict."""
    monkeypatch.setattr(check, "_LONG", 400)
    shutil.move(copied / "archive" / "segments", copied / "archive" / "moved")
    (copied / "archive" / "segments").write_text("no folder")
    with pytest.raises(StoreError, match="the archive does not answer"):
        _verdict(copied)
