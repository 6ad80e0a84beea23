"""An index of the database that was changed behind its back: the tables verify, `index_problems` says what is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from infra.errors import BadInput
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter


def _hide(home: Home, *, index: str, column: str, entry: int) -> None:
    """Gives the index the pages of one that leaves an entry out; nothing of the schema tells the difference."""
    with closing(sqlite3.connect(home.ledger, isolation_level=None)) as connection:
        condition = f"{column} IS NOT NULL AND idx <> {entry}"
        connection.execute(f"CREATE INDEX forged ON events ({column}) WHERE {condition}")
        pages = dict(connection.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'index'"))
        connection.execute("PRAGMA writable_schema=ON")
        for name, page in ((index, pages["forged"]), ("forged", pages[index])):
            connection.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = ?", (page, name))
    with closing(sqlite3.connect(home.ledger, isolation_level=None)) as connection:
        connection.execute("DROP INDEX forged")


def test_untouched_indexes_agree_with_the_tables(recorded: Callable[[int], Ledger]) -> None:
    assert recorded(10).index_problems() == []


@pytest.mark.parametrize("entry", [0, 3, 9])
@pytest.mark.parametrize(
    ("index", "column", "wanted"),
    [("events_tenant", "tenant", {"tenant": "acme"}), ("events_version", "version", {"version": 1})],
)
def test_an_entry_that_an_index_leaves_out_is_found(
    home: Home, recorded: Callable[[int], Ledger], index: str, column: str, wanted: dict[str, Any], entry: int
) -> None:
    ledger = recorded(5)
    before = [found.index for found in ledger.query(AuditFilter(**wanted))]
    _hide(home, index=index, column=column, entry=entry)
    # What the change does to who asks, and that the tables are as they were.
    assert [found.index for found in ledger.query(AuditFilter(**wanted))] == [one for one in before if one != entry]
    assert ledger.verify().ok
    problems = ledger.index_problems()
    assert any(f"missing from index {index}" in problem for problem in problems)
    assert "acme" not in " ".join(problems)


@pytest.mark.parametrize("store", ["postgres"], indirect=True)
def test_of_postgresql_it_says_who_can_check(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="cannot be checked from here"):
        ledger.index_problems()
