"""Callers: the bearer keys of the endpoint. Only their SHA-256 is kept; revoking is effective at once in every process.

A key is `slk_` and 32 random bytes. With so much entropy nobody guesses one from its hash, so that a slow password hash
would only slow down each request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import cast, get_args

from infra.contracts.base import now
from infra.errors import BadInput, StoreError
from infra.home import Home
from infra.roles import Role
from infra.stores.sqlite import Database

PREFIX = "slk_"
_KEY = re.compile(r"slk_[A-Za-z0-9_-]{43}")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LOOKUP_DIGITS = 8
_LAYOUT = 3
"""`PRAGMA user_version`; 1 did not say who may see originals, 2 not what a key is for (infra/migrations)."""
# Column by column as the migration leaves them.
_SCHEMA = """
CREATE TABLE callers (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    lookup TEXT NOT NULL,      -- first digits of the hash: finds the row, proves nothing
    hash TEXT NOT NULL UNIQUE,
    created TEXT NOT NULL,
    revoked TEXT,
    restores INTEGER NOT NULL DEFAULT 0,
    role TEXT NOT NULL DEFAULT 'caller'
);
CREATE INDEX callers_lookup ON callers (lookup);
"""


@dataclass(frozen=True)
class NewKey:
    """A key that was just made. It is shown once; nobody can read it again."""

    key: str
    id: str


@dataclass(frozen=True)
class Caller:
    """Who sends a request."""

    id: str
    tenant: str
    restores: bool = False
    """Whether answers reach this caller with his own originals in the place of stand-ins."""
    role: Role = "caller"


@dataclass(frozen=True)
class CallerRecord:
    """One key as `sluice keys list` shows it. `revoked` is None while it works."""

    id: str
    tenant: str
    created: datetime
    revoked: datetime | None
    restores: bool = False
    role: Role = "caller"


class Callers:
    """The keys of one home. Thread-safe; several processes may use it."""

    def __init__(self, home: Home) -> None:
        self._database = Database(home.folder(home.gateway) / "callers.sqlite", _SCHEMA, _LAYOUT)

    def create(self, tenant: str, *, restores: bool = False, role: Role = "caller") -> NewKey:
        """Makes a key for a tenant. Raises BadInput for a bad name, StoreError when it cannot be kept.

        `restores`: the originals that a policy replaced by stand-ins come back in answers to this key.
        """
        if not _TENANT.fullmatch(tenant):
            raise BadInput(
                "not a tenant's name", cure="use 1 to 63 letters, digits, '.', '_' or '-', the first a letter or digit"
            )
        if restores and role != "caller":
            raise BadInput("originals come back in answers, and this key gets none", cure="leave one of both out")
        made = NewKey(PREFIX + secrets.token_urlsafe(32), f"key-{secrets.token_hex(6)}")
        digest = _hash(made.key)
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO callers (id, tenant, lookup, hash, created, restores, role) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (made.id, tenant, digest[:_LOOKUP_DIGITS], digest, now().isoformat(), int(restores), role),
            )
        return made

    def find(self, bearer: str) -> Caller | None:
        """Whose key this is, or None when it is nobody's or was revoked. Hashes are compared in constant time."""
        if not _KEY.fullmatch(bearer):
            return None
        digest = _hash(bearer)
        found = None
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, tenant, hash, restores, role FROM callers WHERE lookup = ? AND revoked IS NULL",
                (digest[:_LOOKUP_DIGITS],),
            )
            for key_id, tenant, kept, restores, role in rows:
                if hmac.compare_digest(str(kept), digest):
                    found = Caller(key_id, tenant, restores == 1, _role(role))
        return found

    def list(self) -> tuple[CallerRecord, ...]:
        """Every key ever made, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, tenant, created, revoked, restores, role FROM callers ORDER BY created, id"
            ).fetchall()
        return tuple(_record(*row) for row in rows)

    def revoke(self, key_id: str) -> CallerRecord:
        """Ends a key, at once and for good; a second time changes nothing. Raises BadInput for an unknown id."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE callers SET revoked = ? WHERE id = ? AND revoked IS NULL", (now().isoformat(), key_id)
            )
            row = _by_id(connection, key_id)
        if row is None:
            raise BadInput("there is no key with this id", cure="sluice keys list")
        return row


def _by_id(connection: sqlite3.Connection, key_id: str) -> CallerRecord | None:
    row = connection.execute(
        "SELECT id, tenant, created, revoked, restores, role FROM callers WHERE id = ?", (key_id,)
    ).fetchone()
    return _record(*row) if row else None


def _record(key_id: str, tenant: str, created: str, revoked: str | None, restores: int, role: str) -> CallerRecord:
    ended = datetime.fromisoformat(revoked) if revoked else None
    return CallerRecord(key_id, tenant, datetime.fromisoformat(created), ended, restores == 1, _role(role))


def _role(text: str) -> Role:
    """A role out of the file. Raises StoreError for one that is not known here: it must not pass for another."""
    for role in get_args(Role):
        if text == role:
            return cast("Role", role)
    raise StoreError("a key has a role that is not known here", cure="use the Sluice that made it, or a newer one")


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
