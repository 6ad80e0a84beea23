"""What a home's ledger recorded, and whether it still verifies, read as by somebody who comes later."""

from __future__ import annotations

from typing import Any

from flows.record_check import check_records
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.stores.releases import Releases


def events(home: Home, kind: str) -> list[Any]:
    """The events of a kind, in order."""
    ledger = Ledger.open(home)
    try:
        return [entry.event for entry in ledger.query(AuditFilter(kinds=(kind,), limit=1_000))]
    finally:
        ledger.close()


def assert_whole(home: Home) -> None:
    """The ledger verifies, and everything that it names is there."""
    ledger = Ledger.open(home)
    assert ledger.verify().ok and check_records(ledger, Releases(home)) == ()
    ledger.close()
