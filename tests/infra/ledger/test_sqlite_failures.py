"""What SQLite's file can meet: a full disk, damage. Nothing is lost, one clear error, and on it goes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest

from infra.errors import StoreError
from infra.home import Home
from infra.ledger.log import Ledger


def test_a_failed_commit_leaves_the_writer_able_to_go_on(ledger: Ledger, events: Any) -> None:
    ledger.append(events.admitted(1))
    connection = ledger._database._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    payload = bytes(100_000)
    with pytest.raises(StoreError, match="full") as caught:
        ledger.append(events.completed(1, payload=payload), payload=payload)
    assert "disk space" in caught.value.cure
    connection.execute("PRAGMA max_page_count = 1000000")
    assert ledger.append(events.completed(1, payload=payload), payload=payload) == 1
    assert ledger.verify().ok


def test_a_full_disk_refuses_and_loses_nothing(home: Home, events: Any) -> None:
    """In a process that may write only small files, as the disk being full would have it."""
    program = """
        import resource, signal, sys
        from pathlib import Path
        from infra.contracts.record_events import ServiceChanged
        from infra.contracts.base import now
        from infra.errors import StoreError
        from infra.home import Home
        from infra.ledger.log import Ledger
        ledger = Ledger.open(Home.open(Path(sys.argv[1])))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        written = 0
        try:
            for number in range(2_000):
                event_id, service = f"e{number}", "x" * 500
                ledger.append(
                    ServiceChanged(event_id=event_id, at=now(), pipeline="", service=service, action="started")
                )
                written += 1
        except StoreError as error:
            assert error.cure, error
            print(written)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(home.root)], capture_output=True, text=True, check=True
    )
    written = int(ran.stdout)
    check = Ledger.open(home).verify()
    assert 10 < written < 2_000
    assert (check.ok, check.events) == (True, written)
    assert Ledger.open(home).append(events.admitted(1)) == written


def test_a_damaged_file_is_one_clear_error(home: Home) -> None:
    home.folder(home.ledger.parent)
    home.ledger.write_bytes(b"this is not SQLite at all" * 200)
    with pytest.raises(StoreError) as caught:
        Ledger.open(home)
    assert caught.value.where == str(home.ledger)
