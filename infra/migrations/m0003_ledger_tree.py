"""Layout 2 -> 3: the ledger becomes a Merkle tree; its hash chain is checked to the end before it is signed anew.

Entries, payloads and requests under way stay byte for byte. One entry is added, which says where the chain ended. Never
edit this file; it imports nothing of Sluice's own ledger or signing, which go on changing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from infra.errors import CheckFailed, StoreError
from infra.migrations.migration import Migration

_LEDGER = "ledger/ledger.sqlite"
_KEY, _PUBLIC, _RETIRED = "keys/installation.key", "keys/installation.pub", "keys/installation.retired.json"
# What a rotation left that was cut off after it counted; today's code finishes it before it uses a key.
_NEXT_KEY, _NEXT_RETIRED = "keys/.installation.next.key", "keys/.installation.next.json"
_RESTORE = "restore the ledger from a backup; nothing was changed"
_HEAD = b"sluice/head/1\0"
_TABLES = """
CREATE TABLE log (origin TEXT NOT NULL);
INSERT INTO log VALUES ('sluice.local/' || lower(hex(randomblob(8))));
CREATE TABLE events (
    idx INTEGER PRIMARY KEY,
    entry BLOB,
    event_id AS (nullif(json_extract(CAST(entry AS TEXT), '$.event_id'), '')),
    kind AS (nullif(json_extract(CAST(entry AS TEXT), '$.kind'), '')),
    at AS (nullif(json_extract(CAST(entry AS TEXT), '$.at'), '')),
    pipeline AS (nullif(json_extract(CAST(entry AS TEXT), '$.pipeline'), '')),
    response_id AS (nullif(json_extract(CAST(entry AS TEXT), '$.response_id'), '')),
    tenant AS (nullif(json_extract(CAST(entry AS TEXT), '$.tenant'), '')),
    subject AS (nullif(json_extract(CAST(entry AS TEXT), '$.subject'), '')),
    outcome AS (nullif(json_extract(CAST(entry AS TEXT), '$.outcome'), '')),
    version AS (nullif(json_extract(CAST(entry AS TEXT), '$.version'), '')),
    guardrails AS (nullif(json_extract(CAST(entry AS TEXT), '$.guardrails'), '')),
    manifest AS (nullif(json_extract(CAST(entry AS TEXT), '$.manifest'), '')),
    trace_id AS (nullif(json_extract(CAST(entry AS TEXT), '$.trace_id'), '')),
    leaf BLOB NOT NULL
);
CREATE TABLE payloads (idx INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE fired (
    idx INTEGER NOT NULL,
    name TEXT NOT NULL,
    verdict TEXT NOT NULL,
    PRIMARY KEY (idx, name, verdict)
) WITHOUT ROWID;
CREATE TABLE tiles (
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hash BLOB NOT NULL,
    first_at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    PRIMARY KEY (level, number)
) WITHOUT ROWID;
CREATE TABLE tip (one INTEGER PRIMARY KEY CHECK (one = 1), note TEXT NOT NULL);
CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL);
CREATE TABLE pending (response_id TEXT PRIMARY KEY, writer TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE segments (first INTEGER PRIMARY KEY, until INTEGER NOT NULL, place TEXT NOT NULL, digest TEXT NOT NULL);
"""
# Made once the rows are there: sorting them at the end takes a fraction of the time.
_INDICES = """
CREATE UNIQUE INDEX events_event_id ON events (event_id);
CREATE INDEX events_kind ON events (kind) WHERE kind IS NOT NULL;
CREATE INDEX events_pipeline ON events (pipeline) WHERE pipeline IS NOT NULL;
CREATE INDEX events_response_id ON events (response_id) WHERE response_id IS NOT NULL;
CREATE INDEX events_tenant ON events (tenant) WHERE tenant IS NOT NULL;
CREATE INDEX events_subject ON events (subject) WHERE subject IS NOT NULL;
CREATE INDEX events_outcome ON events (outcome) WHERE outcome IS NOT NULL;
CREATE INDEX events_version ON events (version) WHERE version IS NOT NULL;
CREATE INDEX events_guardrails ON events (guardrails) WHERE guardrails IS NOT NULL;
CREATE INDEX events_trace_id ON events (trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX fired_name ON fired (name, verdict, idx);
CREATE INDEX fired_verdict ON fired (verdict, idx);
"""
_NEVER = """
CREATE TRIGGER events_no_update BEFORE UPDATE ON events \
WHEN NOT (NEW.entry IS NULL AND NEW.leaf = OLD.leaf AND NEW.idx = OLD.idx) BEGIN SELECT RAISE(ABORT, 'the \
ledger is append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events \
WHEN NOT EXISTS (SELECT 1 FROM segments WHERE first <= OLD.idx AND OLD.idx < until) BEGIN SELECT RAISE(ABORT, \
'the ledger is append-only'); END;
CREATE TRIGGER payloads_no_update BEFORE UPDATE ON payloads \
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER payloads_no_delete BEFORE DELETE ON payloads \
WHEN NOT (EXISTS (SELECT 1 FROM events WHERE idx = OLD.idx AND entry IS NULL) OR EXISTS (SELECT 1 FROM segments \
WHERE first <= OLD.idx AND OLD.idx < until)) BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER fired_no_update BEFORE UPDATE ON fired BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER fired_no_delete BEFORE DELETE ON fired \
WHEN NOT (EXISTS (SELECT 1 FROM events WHERE idx = OLD.idx AND entry IS NULL) OR EXISTS (SELECT 1 FROM segments \
WHERE first <= OLD.idx AND OLD.idx < until)) BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER tiles_no_update BEFORE UPDATE ON tiles BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER tiles_no_delete BEFORE DELETE ON tiles BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints \
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints \
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER segments_no_update BEFORE UPDATE ON segments \
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER segments_no_delete BEFORE DELETE ON segments \
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER log_no_update BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER log_no_delete BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER tip_no_delete BEFORE DELETE ON tip BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


def _apply(copy: Path) -> None:
    ledger, new = copy / _LEDGER, copy / f"{_LEDGER}.new"
    if not ledger.exists():  # a home that never recorded anything: its ledger will be made in the new layout
        return
    try:
        with closing(sqlite3.connect(ledger, isolation_level=None)) as chain:
            if not _is_chain(chain):
                return
            os.close(os.open(new, os.O_CREAT | os.O_WRONLY, 0o600))
            with closing(sqlite3.connect(new, isolation_level=None)) as tree:
                _move(copy, chain, tree)
        new.replace(ledger)
    except sqlite3.Error as error:  # its messages name tables and columns, never values
        cure = f"free some disk space, or {_RESTORE}"
        raise StoreError(f"the ledger cannot be moved: {error}", where=_LEDGER, cure=cure) from None


def _is_chain(connection: sqlite3.Connection) -> bool:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == 2 or (found == 0 and not _has_tables(connection)):
        return False  # made by today's ledger in a home that no command had opened yet, or cut off before it had tables
    if found != 1:
        raise StoreError(f"the ledger has layout {found}, not 1", where=_LEDGER, cure=_RESTORE)
    return True


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _move(copy: Path, chain: sqlite3.Connection, tree: sqlite3.Connection) -> None:
    """Fills the new file in one pass, in bounded memory. It is signed only once the chain's signed end was reached."""
    tree.executescript(f"PRAGMA page_size=8192; BEGIN IMMEDIATE;\n{_TABLES}")
    log, head = _Log(tree), hashlib.sha256(_HEAD).digest()
    rows = chain.execute(
        "SELECT events.idx, event, data, leaf, head FROM events LEFT JOIN payloads USING (idx) ORDER BY events.idx"
    )
    for index, event, payload, stored_leaf, stored_head in rows:
        if index != log.tree.size:
            raise _wrong(f"entry {log.tree.size} is missing")
        leaf = _chain_leaf(event, payload)
        if leaf != stored_leaf:
            raise _wrong(f"entry {index} or its payload is not what the chain covers")
        head = hashlib.sha256(_HEAD + head + leaf).digest()
        if head != stored_head:
            raise _wrong(f"entry {index} does not follow from the entries before it")
        try:
            log.add(event, payload)
        except (ValueError, KeyError, TypeError):
            raise _wrong(f"entry {index} cannot be read, or names another payload") from None
    if chain.execute("SELECT count(*) FROM payloads").fetchone()[0] != log.payloads:
        raise _wrong("a payload has no entry")
    tip = chain.execute("SELECT signed FROM tip").fetchone()
    if log.tree.size or tip:
        key = _private_key(copy)
        log.add(_moved(log, head, _signer_of_end(copy, key, tip, log.tree.size, head)), None)
        log.sign(key)
    tree.executemany("INSERT INTO pending VALUES (?, ?)", chain.execute("SELECT response_id, writer FROM pending"))
    tree.execute("COMMIT")
    tree.executescript(f"BEGIN IMMEDIATE;\n{_INDICES}{_NEVER}PRAGMA user_version=2;\nCOMMIT;\nPRAGMA journal_mode=WAL;")


@dataclass
class _Tree:
    """The right edge of an RFC 6962 tree: the roots of its whole subtrees, largest first."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def add(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Adds a leaf's hash; returns level, number and root of each subtree of 256, 65,536 ... that became whole."""
        node, height, whole = leaf, 0, []
        while self.size >> height & 1:
            node, height = _node(self.peaks.pop(), node), height + 1
            if height % 8 == 0:
                whole.append((height // 8, self.size >> height, node))
        self.peaks.append(node)
        self.size += 1
        return whole

    @property
    def text(self) -> str:
        """Size and root as a checkpoint says them."""
        return f"{self.size}\n{_base64(reduce(lambda right, left: _node(left, right), reversed(self.peaks)))}\n"


class _Log:
    """The new ledger, as it is filled."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._times: list[str] = []  # of the entries since the last whole 256
        self.tree = _Tree()
        self.payloads = 0
        self.last_at = ""

    def add(self, event: bytes, payload: bytes | None) -> None:
        """Writes an entry. Raises ValueError, KeyError or TypeError when it is no event, or names another payload."""
        index, leaf = self.tree.size, _leaf(event)
        fields = json.loads(event)
        self.last_at = fields["at"]
        datetime.fromisoformat(self.last_at)
        if fields.get("sealed") != (_digest(payload) if payload is not None else None):
            raise ValueError("another payload")
        self._times.append(self.last_at)
        self._execute("INSERT INTO events (idx, entry, leaf) VALUES (?, ?, ?)", (index, event, leaf))
        if payload is not None:
            self.payloads += 1
            self._execute("INSERT INTO payloads VALUES (?, ?)", (index, payload))
        fired = {
            (name, check["verdict"])
            for check in fields.get("checks", ())
            if check["verdict"] != "allow"
            for name in (check["rule"], *(span["entity"] for span in check["spans"]))
        }
        for name, verdict in sorted(fired):
            self._execute("INSERT INTO fired VALUES (?, ?, ?)", (index, name, verdict))
        for level, number, root in self.tree.add(leaf):
            times = (min(self._times), max(self._times)) if level == 1 else ("", "")
            self._execute("INSERT INTO tiles VALUES (?, ?, ?, ?, ?)", (level, number, root, *times))
            self._times = []

    def sign(self, key: Ed25519PrivateKey) -> None:
        """Signs the whole log as it is now: a checkpoint of c2sp.org/tlog-checkpoint."""
        origin = str(self._execute("SELECT origin FROM log").fetchone()[0])
        text = f"{origin}\n{self.tree.text}"
        key_id = hashlib.sha256(origin.encode() + b"\n\x01" + key.public_key().public_bytes_raw()).digest()[:4]
        note = f"{text}\n— {origin} {_base64(key_id + key.sign(text.encode()))}\n"
        self._execute("INSERT INTO tip VALUES (1, ?)", (note,))
        self._execute("INSERT INTO checkpoints VALUES (?, ?)", (self.tree.size, note))


def _moved(log: _Log, head: bytes, key_id: str) -> bytes:
    """The entry that says where the chain ended."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    fields = {
        "schema": "sluice/event/ledger-moved/1",
        "kind": "ledger.moved",
        "event_id": "ledger/moved",
        "at": max(now, log.last_at),
        "pipeline": "",
        "trace_id": "",
        "entries": log.tree.size,
        "head": f"sha256:{head.hex()}",
        "key_id": key_id,
    }
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _signer_of_end(copy: Path, key: Ed25519PrivateKey, tip: tuple[str] | None, size: int, head: bytes) -> str:
    """The id of the key that signed the chain's end, once that is where the entries end. Raises CheckFailed."""
    if tip is None:
        raise _wrong(f"the signature of the end, after entry {size - 1}, is missing")
    try:
        envelope = json.loads(tip[0])
        payload, key_id = envelope["payload"], envelope["key_id"]
        public = key.public_key() if key_id == _key_id(key.public_key()) else _retired(copy, key, key_id, payload)
        end = _opened(envelope, public, "sluice/ledger-tip/1")
        signed_size, signed_head = int(end["size"]), end["head"]
    except (InvalidSignature, AttributeError, ValueError, KeyError, TypeError):
        raise _wrong(f"the signature of the end, after entry {size - 1}, does not verify") from None
    if signed_size > size:
        raise _wrong(f"entry {size} is missing")
    if signed_size < size:
        raise _wrong(f"entry {signed_size} stands after the signed end")
    if signed_head != f"sha256:{head.hex()}":
        raise _wrong(f"entry {size - 1} is not the one at the signed end")
    return str(key_id)


def _retired(copy: Path, key: Ed25519PrivateKey, key_id: str, payload: str) -> Ed25519PublicKey:
    """The key before the present one that is listed as having signed a text. Raises what `_opened` raises."""
    path = copy / (_NEXT_RETIRED if (copy / _NEXT_RETIRED).exists() else _RETIRED)
    listed = _opened(json.loads(path.read_bytes() if path.exists() else b""), key.public_key(), "sluice/retired-keys/1")
    for old in listed["keys"] if listed["owner"] == "installation" else ():
        if old["key_id"] == key_id and _digest(payload.encode()) in old["signed"]:
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(old["public_key"], validate=True))
    raise ValueError("signed by no trusted key")


def _opened(envelope: Any, public: Ed25519PublicKey, schema: str) -> Any:
    """What a sluice/signed/1 envelope holds. Raises InvalidSignature, or what reading something else raises."""
    public.verify(base64.b64decode(envelope["signature"], validate=True), envelope["payload"].encode())
    found = json.loads(envelope["payload"])
    if (envelope["schema"], found["schema"]) != ("sluice/signed/1", schema):
        raise ValueError("something else was signed")
    return found


def _private_key(copy: Path) -> Ed25519PrivateKey:
    """The installation's private key, its public half being the trusted one. Raises StoreError."""
    rotated = (copy / _NEXT_RETIRED).exists()
    path = copy / (_NEXT_KEY if rotated and (copy / _NEXT_KEY).exists() else _KEY)
    try:
        key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(path.read_bytes()))
    except (OSError, ValueError):
        raise StoreError(
            "the ledger must be signed anew, and the private key is gone or damaged",
            where=_KEY,
            cure="restore keys/installation.key from a backup, or with the Sluice of before: sluice keys rotate "
            "installation; nothing was changed",
        ) from None
    public = _base64(key.public_key().public_bytes_raw()).encode()
    if not rotated and (copy / _PUBLIC).exists() and (copy / _PUBLIC).read_bytes().strip() != public:
        cure = "restore both files of the key from the same backup; nothing was changed"
        raise StoreError("the installation's public key is not that of its private key", where=_PUBLIC, cure=cure)
    return key


def _check(copy: Path) -> None:
    if not (copy / _LEDGER).exists():
        return
    with closing(sqlite3.connect(copy / _LEDGER, isolation_level=None)) as connection:
        if not (_has_tables(connection) and _was_a_chain(connection)):  # made by today's store: not to be judged here
            return
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        sound = sound and connection.execute("PRAGMA user_version").fetchone()[0] == 2
        if not sound or not _is_whole(connection):
            raise CheckFailed("the migrated ledger is damaged", where=_LEDGER, cure=_RESTORE)


def _is_whole(connection: sqlite3.Connection) -> bool:
    """Whether the entries lead to the signed checkpoint, and the added one comes right after those of the chain."""
    tree = _Tree()
    for index, event, leaf in connection.execute("SELECT idx, entry, leaf FROM events ORDER BY idx"):
        if index != tree.size or leaf != _leaf(event):
            return False
        tree.add(leaf)
    moved = connection.execute("SELECT idx, entry FROM events WHERE event_id = 'ledger/moved'").fetchone()
    tip = connection.execute("SELECT note FROM tip").fetchone()
    if moved is not None and json.loads(moved[1])["entries"] != moved[0]:
        return False
    return (tip is None) if tree.size == 0 else (tip is not None and f"\n{tree.text}\n" in tip[0])


def _was_a_chain(connection: sqlite3.Connection) -> bool:
    """Whether this migration made the tree, of a chain or of nothing."""
    return bool(connection.execute("SELECT coalesce(max(kind = 'ledger.moved'), 1) FROM events").fetchone()[0])


def _wrong(what: str) -> CheckFailed:
    return CheckFailed(f"the ledger is not as it was written: {what}", where=_LEDGER, cure=_RESTORE)


def _chain_leaf(event: object, payload: object) -> bytes:
    """What the chain covered of an entry; nothing where it is not bytes."""
    if not isinstance(event, bytes) or not isinstance(payload, bytes | None):
        return b""
    covered = hashlib.sha256(payload).digest() if payload is not None else b""
    return hashlib.sha256(b"sluice/leaf/1\0" + len(event).to_bytes(8, "big") + event + covered).digest()


def _leaf(event: bytes) -> bytes:
    return hashlib.sha256(b"\0" + event).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


MIGRATION = Migration(
    number=3,
    what="makes the ledger a Merkle tree, once its hash chain was checked to the signed end",
    touches=(_LEDGER,),
    reads=(_KEY, _PUBLIC, _RETIRED, _NEXT_KEY, _NEXT_RETIRED),
    apply=_apply,
    check=_check,
)
