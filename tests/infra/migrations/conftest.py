"""A ledger of layout 1, a hash chain, as the Sluice of before wrote it."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.digest import canonical_json
from infra.home import Home
from infra.home_state import write_state

_OLD_SCHEMA = """
CREATE TABLE events (
    idx INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    at TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    response_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL,
    version INTEGER,
    event BLOB NOT NULL,
    leaf BLOB NOT NULL,
    head BLOB NOT NULL
);
CREATE INDEX events_response ON events (response_id, kind);
CREATE INDEX events_kind ON events (kind);
CREATE TABLE payloads (idx INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE tip (one INTEGER PRIMARY KEY CHECK (one = 1), signed TEXT NOT NULL);
CREATE TABLE pending (response_id TEXT PRIMARY KEY, writer TEXT NOT NULL) WITHOUT ROWID;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER payloads_no_update BEFORE UPDATE ON payloads BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER payloads_no_delete BEFORE DELETE ON payloads BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER tip_no_delete BEFORE DELETE ON tip BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
PRAGMA user_version=1;
"""
_D = "sha256:" + "d" * 64
_TEXTS = ("event_id", "kind", "at", "pipeline", "response_id", "tenant", "subject", "outcome")
_INSERT = f"INSERT INTO events VALUES (?{', ?' * 12})"


def _sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _text(digest: bytes) -> str:
    return f"sha256:{digest.hex()}"


def _at(number: int) -> str:
    return f"2026-01-02T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000678Z"


def _admitted(number: int) -> dict[str, Any]:
    return {
        "schema": "sluice/event/request-admitted/1",
        "kind": "request.admitted",
        "event_id": f"resp_{number}/admitted",
        "at": _at(number),
        "pipeline": "support-triage",
        "trace_id": f"{number:032x}",
        "response_id": f"resp_{number}",
        "tenant": "acme",
        "key_id": "key-1",
        "subject": "sub-" + "a" * 32,
        "engine": "scripted",
        "scripted": True,
        "version": 7,
        "release": _D,
        "manifest": None,
        "guardrails": _D,
        "streamed": False,
    }


def _completed(number: int, payload: bytes | None, *checks: dict[str, Any], shape: int = 2) -> dict[str, Any]:
    return {
        "schema": f"sluice/event/request-completed/{shape}",
        "kind": "request.completed",
        "event_id": f"resp_{number}/completed",
        "at": _at(number),
        "pipeline": "support-triage",
        "trace_id": "",
        "response_id": f"resp_{number}",
        "outcome": "answered",
        "refusal_rule": "",
        "checks": list(checks),
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "seconds": 0.25,
        "sealed": _text(_sha(payload)) if payload is not None else None,
    }


def _found(rule: str, verdict: str, *entities: str) -> dict[str, Any]:
    spans = [{"start": 1, "end": 5, "entity": entity} for entity in entities]
    scores = {"score": 0.75, "milliseconds": 1.5}
    return {"rule": rule, "direction": "input", "verdict": verdict, "spans": spans, **scores}


def _service(number: int, at: str = "") -> dict[str, Any]:
    return {
        "schema": "sluice/event/service-changed/1",
        "kind": "service.changed",
        "event_id": f"service/{number}",
        "at": at or _at(number),
        "pipeline": "",
        "trace_id": "",
        "service": "gateway é",
        "action": "started",
    }


def _stage(number: int) -> dict[str, Any]:
    """A verdict that no check gave."""
    return {
        "schema": "sluice/event/stage-finished/1",
        "kind": "stage.finished",
        "event_id": f"stage/{number}",
        "at": _at(number),
        "pipeline": "support-triage",
        "trace_id": "",
        "stage": "gate",
        "run_id": "run-1",
        "produced": _D,
        "verdict": "GO",
        "version": None,
    }


@dataclass
class Chain:
    """A ledger of layout 1, as the Sluice of before wrote it."""

    home: Home
    key: Ed25519PrivateKey = field(default_factory=lambda: Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    size: int = 0
    head: bytes = field(default_factory=lambda: _sha(b"sluice/head/1\0"))

    def make(self) -> Chain:
        self.home.folder(self.home.keys)
        (self.home.keys / "installation.key").write_bytes(base64.b64encode(self.key.private_bytes_raw()) + b"\n")
        (self.home.keys / "installation.pub").write_bytes(base64.b64encode(self._public) + b"\n")
        self.home.folder(self.home.ledger.parent)
        with self.connection() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_OLD_SCHEMA)
        write_state(self.home, 2)
        return self

    @property
    def _public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def key_id(self) -> str:
        return hashlib.sha256(self._public).hexdigest()[:16]

    def connection(self) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(self.home.ledger, isolation_level=None))

    def append(self, *items: tuple[dict[str, Any], bytes | None]) -> None:
        with self.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            for fields, payload in items:
                event = canonical_json(fields)
                sealed = _sha(payload) if payload is not None else b""
                leaf = _sha(b"sluice/leaf/1\0", len(event).to_bytes(8, "big"), event, sealed)
                self.head = _sha(b"sluice/head/1\0", self.head, leaf)
                columns = [fields.get(name, "") for name in _TEXTS]
                connection.execute(_INSERT, (self.size, *columns, fields.get("version"), event, leaf, self.head))
                if payload is not None:
                    connection.execute("INSERT INTO payloads VALUES (?, ?)", (self.size, payload))
                self.size += 1
            self.sign(connection)
            connection.execute("COMMIT")

    def sign(self, connection: sqlite3.Connection, key: Ed25519PrivateKey | None = None, **changes: object) -> bytes:
        """Writes the signed tip; returns its payload."""
        tip = {"schema": "sluice/ledger-tip/1", "size": self.size, "head": _text(self.head), **changes}
        payload = canonical_json(tip)
        signature = base64.b64encode((key or self.key).sign(payload)).decode()
        envelope = {
            "schema": "sluice/signed/1",
            "payload": payload.decode(),
            "key_id": self.key_id,
            "signature": signature,
        }
        connection.execute("INSERT OR REPLACE INTO tip VALUES (1, ?)", (canonical_json(envelope).decode(),))
        return payload

    def events(self) -> list[bytes]:
        with self.connection() as connection:
            old = connection.execute("PRAGMA user_version").fetchone()[0] == 1
            rows = connection.execute(f"SELECT {'event' if old else 'entry'} FROM events ORDER BY idx")
            return [row[0] for row in rows]

    service = staticmethod(_service)


@pytest.fixture
def empty_chain(home: Home) -> Chain:
    """Nothing was recorded yet."""
    return Chain(home).make()


@pytest.fixture
def chain(empty_chain: Chain) -> Chain:
    """Three answered requests with payloads, one under way, and enough others for a tile."""
    redacted = _found("pii", "redact", "EMAIL_ADDRESS", "EMAIL_ADDRESS", "PERSON")
    empty_chain.append(
        (_admitted(1), None),
        (_completed(1, b"sealed 1", redacted, _found("topic", "allow")), b"sealed 1"),
        (_admitted(2), None),
        (_completed(2, b"", _found("topic", "block"), shape=1), b""),
        (_admitted(3), None),
        (_completed(3, None), None),
        *((_service(number), None) for number in range(10, 309)),
        (_stage(309), None),
        (_admitted(4), None),
    )
    with empty_chain.connection() as connection:
        connection.execute("INSERT INTO pending VALUES ('resp_4', 'writer-000000000000000000000000')")
    return empty_chain
