"""SQLite as the stores use it: whole transactions, clear errors, and never a new file in place of one that is gone."""

from __future__ import annotations

import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.errors import BadInput, StoreError
from infra.stores.sqlite import Database, connect

_SCHEMA = "CREATE TABLE t (a INTEGER PRIMARY KEY);"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "a folder" / "t.sqlite", _SCHEMA, 3)


def count(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])


def test_it_is_durable_and_private(database: Database) -> None:
    connection = connect(database.path, _SCHEMA, 3)
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    for path in database.path.parent.glob("t.sqlite*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_transaction_is_whole(database: Database) -> None:
    with database.writing() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        assert count(database) == 0
    assert count(database) == 1
    with pytest.raises(BadInput), database.writing() as connection:
        connection.execute("INSERT INTO t VALUES (2)")
        raise BadInput("changed my mind")
    assert count(database) == 1
    with pytest.raises(StoreError, match="UNIQUE"), database.writing() as connection:
        connection.execute("INSERT INTO t VALUES (2)")
        connection.execute("INSERT INTO t VALUES (1)")
    assert count(database) == 1


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_went_away_is_said(database: Database, replaced: bool) -> None:
    database.path.rename(database.path.with_name("moved"))
    if replaced:
        sqlite3.connect(database.path).close()
        database.path.touch()
    with pytest.raises(StoreError, match="removed or replaced"), database.writing():
        pass
    if not replaced:
        with pytest.raises(StoreError, match="cannot be opened"):
            count(database)
        assert not database.path.exists()


def test_another_layout_is_refused(database: Database) -> None:
    database.close()
    with pytest.raises(StoreError, match="layout 3"):
        connect(database.path, _SCHEMA, 2)


def test_a_lock_that_is_held_too_long_is_said(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.stores.sqlite._BUSY_S", 0.05)
    other = Database(database.path, _SCHEMA, 3)
    with database.writing(), pytest.raises(StoreError, match="another process") as caught, other.writing():
        pass
    assert caught.value.where == str(database.path)


def looked(database: Database) -> int:
    return database.look(lambda connection: int(connection.execute("SELECT count(*) FROM t").fetchone()[0]))


def test_each_look_sees_what_is_there_by_then(database: Database) -> None:
    for number in range(5):
        assert looked(database) == number
        with database.writing() as connection:
            connection.execute("INSERT INTO t VALUES (?)", (number,))
            assert looked(database) == number
    database.checkpoint()  # the connection that is kept holds nobody up
    assert (database.path.parent / "t.sqlite-wal").stat().st_size == 0


def test_a_look_that_fails_leaves_nothing_behind(database: Database) -> None:
    def fails(connection: sqlite3.Connection) -> int:
        connection.execute("SELECT * FROM t").fetchall()
        raise BadInput("no")

    assert looked(database) == 0
    for _ in range(2):
        with pytest.raises(BadInput) as caught:
            database.look(fails)
        with database.writing() as connection:
            connection.execute("DELETE FROM t")
        database.checkpoint()  # while the error is held, its view is not
        assert caught.value and (database.path.parent / "t.sqlite-wal").stat().st_size == 0
        with pytest.raises(StoreError, match="no such table"):
            database.look(lambda connection: connection.execute("SELECT * FROM other").fetchall())
    with database.writing() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    assert looked(database) == 1


def test_a_look_reads_the_file_that_is_there_and_never_makes_one(database: Database) -> None:
    other = Database(database.path.with_name("other.sqlite"), _SCHEMA, 3)
    with other.writing() as connection:
        connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
    other.close()
    assert looked(database) == 0
    for beside in database.path.parent.glob("t.sqlite-*"):
        beside.unlink()
    other.path.rename(database.path)
    assert looked(database) == 2
    database.path.unlink()
    for _ in range(2):
        with pytest.raises(StoreError, match="cannot be opened"):
            looked(database)
    assert not database.path.exists()


def test_threads_and_a_forked_child_look_each_at_their_own_time(database: Database) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: looked(database), range(40))) == [0] * 40
    child = os.fork()
    if child == 0:
        os._exit(0 if looked(database) == 0 and looked(database) == 0 else 1)
    assert os.waitpid(child, 0)[1] == 0
    with database.writing() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    assert looked(database) == 1
