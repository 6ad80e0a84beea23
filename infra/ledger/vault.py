"""Vault: one AES-256-GCM key per data subject, wrapped by the home's master key.

Destroying a subject's key makes all of that subject's texts unreadable, for ever. The master key only wraps: the keys
of subjects, and the home's own keys for pseudonyms and keyed digests, which stay when the master is rotated. A sealed
text is: layout byte 1, key generation (4 bytes), nonce (12 bytes), ciphertext and tag.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import struct
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.contracts.base import now
from infra.digest import Digest
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.home_keys import HOME_KEYS_SCHEMA, LAYOUT, home_keys
from infra.ledger.master_key import (
    KEY_BYTES,
    NONCE_BYTES,
    master_key,
    master_key_path,
    subject_bound,
    wrapping,
    wrong_master,
)
from infra.ledger.rewrap import settle_master
from infra.stores.sqlite import Database

_LAYOUT = b"\x01"
_HEAD = struct.Struct(">cI12s")
_SCHEMA = f"""
CREATE TABLE keys (
    subject TEXT NOT NULL,
    generation INTEGER NOT NULL,
    wrapped BLOB,              -- NULL: destroyed
    made TEXT NOT NULL,
    destroyed TEXT,
    PRIMARY KEY (subject, generation)
) WITHOUT ROWID;
{HOME_KEYS_SCHEMA}
"""


class Vault:
    """Keys per data subject. Threads and processes may share one; no subject's key stays in memory between calls."""

    def __init__(self, home: Home, master: bytes) -> None:
        self._master_path = master_key_path(home)
        self._wrapping = wrapping(master)
        self._database = Database(home.vault, _SCHEMA, LAYOUT)
        keys = home_keys(self._database, master, self._master_path)
        self._pseudonym_key, self._digest_key = keys.pseudonym, keys.digest

    @classmethod
    def open(cls, home: Home) -> Vault:
        """Opens the vault; makes the master key on first use, race-free between processes.

        Raises StoreError when it cannot be read, or when there is a vault and its master key is gone.
        """
        home.folder(home.keys)
        home.folder(home.vault.parent)
        settle_master(home)
        return cls(home, master_key(home))

    def pseudonym(self, subject: str) -> str:
        """A keyed hash of an identifier: `sub-` and 32 hexadecimal digits. Stable in one home, meaningless outside."""
        return "sub-" + hmac.new(self._pseudonym_key, subject.encode(), hashlib.sha256).hexdigest()[:32]

    def keyed_digest(self, purpose: str, data: bytes) -> Digest:
        """HMAC-SHA-256 of data for one purpose, in the form of a digest.

        Equal data have equal digests; without the home's key a guess of the data proves nothing.
        """
        framed = struct.pack(">I", len(purpose.encode())) + purpose.encode() + data
        return Digest("sha256:" + hmac.new(self._digest_key, framed, hashlib.sha256).hexdigest())

    def derived_key(self, purpose: str, length_bytes: int) -> bytes:
        """A key for one purpose, from the home's key for digests (HKDF-SHA-256). Stable, also after a rotation.

        Who has it learns nothing of the home's own keys.
        """
        return HKDF(SHA256(), length_bytes, salt=None, info=f"sluice/derived/1\0{purpose}".encode()).derive(
            self._digest_key
        )

    def seal(self, subject: str, data: bytes) -> bytes:
        """Encrypts data under a subject's key (`subject` is a pseudonym), made on first use. Raises StoreError."""
        return self.seal_many([(subject, data)])[0]

    def unseal(self, subject: str, sealed: bytes) -> bytes:
        """Decrypts what `seal` gave. Raises StoreError: key destroyed, text changed, or another subject's."""
        return self.unseal_many([(subject, sealed)])[0]

    def seal_many(self, items: Iterable[tuple[str, bytes]]) -> list[bytes]:
        """Seals (subject, data) pairs in order. Missing keys are made in one transaction, durable before use."""
        pairs = list(items)
        subjects = list(dict.fromkeys(subject for subject, _ in pairs))
        keys = self._newest(subjects)
        missing = [subject for subject in subjects if subject not in keys]
        if missing:
            keys |= self._make(missing)
        return [_encrypt(keys[subject], subject, data) for subject, data in pairs]

    def unseal_many(self, items: Iterable[tuple[str, bytes]]) -> list[bytes]:
        """Unseals (subject, sealed) pairs in order. Raises StoreError at the first that cannot be read."""
        pairs = list(items)
        subjects = list(dict.fromkeys(subject for subject, _ in pairs))
        found: dict[tuple[str, int], bytes | None] = {}
        with self._database.reading() as connection:
            for subject, generation, wrapped in _rows(connection, subjects):
                found[subject, generation] = wrapped
        opened: dict[tuple[str, int], AESGCM] = {}
        plain = []
        for subject, sealed in pairs:
            generation = _generation(sealed)
            name = (subject, generation)
            if name not in opened:
                opened[name] = AESGCM(self._unwrap(subject, generation, found.get(name), known=name in found))
            plain.append(_decrypt(opened[name], subject, generation, sealed))
        return plain

    def destroy(self, subject: str) -> bool:
        """Destroys every key of a subject, durably. True when there was one. Later data of the subject get a new key.

        Overwrites the key's bytes in the file and empties the write-ahead log; copies in backups are not reached.
        """
        with self._database.writing() as connection:
            connection.execute("PRAGMA secure_delete=ON")
            changed = connection.execute(
                "UPDATE keys SET wrapped = NULL, destroyed = ? WHERE subject = ? AND wrapped IS NOT NULL",
                (now().isoformat(), subject),
            ).rowcount
        self._database.checkpoint()
        return changed > 0

    def _newest(self, subjects: Sequence[str]) -> dict[str, tuple[int, bytes]]:
        """The key in use of each subject that has one."""
        keys: dict[str, tuple[int, bytes]] = {}
        with self._database.reading() as connection:
            for subject, generation, wrapped in _rows(connection, subjects):
                if wrapped is not None:
                    keys[subject] = (generation, self._unwrap(subject, generation, wrapped, known=True))
        return keys

    def _make(self, subjects: Sequence[str]) -> dict[str, tuple[int, bytes]]:
        made = now().isoformat()
        keys: dict[str, tuple[int, bytes]] = {}
        with self._database.writing() as connection:
            last: dict[str, tuple[int, bytes | None]] = {}
            for subject, generation, wrapped in _rows(connection, subjects):
                last[subject] = (generation, wrapped)
            for subject in subjects:
                generation, wrapped = last.get(subject, (0, None))
                if wrapped is not None:  # another process was faster
                    keys[subject] = (generation, self._unwrap(subject, generation, wrapped, known=True))
                    continue
                generation, key = generation + 1, secrets.token_bytes(KEY_BYTES)
                nonce = secrets.token_bytes(NONCE_BYTES)
                wrapped = nonce + self._wrapping.encrypt(nonce, key, subject_bound(subject, generation))
                connection.execute(
                    "INSERT INTO keys (subject, generation, wrapped, made) VALUES (?, ?, ?, ?)",
                    (subject, generation, wrapped, made),
                )
                keys[subject] = (generation, key)
        return keys

    def _unwrap(self, subject: str, generation: int, wrapped: bytes | None, *, known: bool) -> bytes:
        if not known:
            raise StoreError(
                "the vault has no key for this subject and text", cure="give the subject that it was sealed for"
            )
        if wrapped is None:
            raise StoreError(
                "the subject's key was destroyed: the text was erased and cannot be read any more",
                cure="nothing can; its digests still verify",
            )
        try:
            nonce, rest = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
            return self._wrapping.decrypt(nonce, rest, subject_bound(subject, generation))
        except (InvalidTag, ValueError):
            raise wrong_master(self._master_path) from None


def _rows(connection: sqlite3.Connection, subjects: Sequence[str]) -> Iterable[tuple[str, int, bytes | None]]:
    """All key generations of the subjects, oldest first, asked for in groups that SQLite takes."""
    for start in range(0, len(subjects), 500):
        group = subjects[start : start + 500]
        marks = ",".join("?" * len(group))
        yield from connection.execute(
            f"SELECT subject, generation, wrapped FROM keys WHERE subject IN ({marks}) ORDER BY subject, generation",  # noqa: S608
            group,
        )


def _encrypt(key: tuple[int, bytes], subject: str, data: bytes) -> bytes:
    generation, secret = key
    nonce = secrets.token_bytes(NONCE_BYTES)
    body = AESGCM(secret).encrypt(nonce, data, _bound(subject, generation))
    return _HEAD.pack(_LAYOUT, generation, nonce) + body


def _generation(sealed: bytes) -> int:
    if len(sealed) < _HEAD.size + 16 or sealed[:1] != _LAYOUT:
        raise StoreError("not a sealed text", cure="restore it from a backup")
    return int(_HEAD.unpack_from(sealed)[1])


def _decrypt(key: AESGCM, subject: str, generation: int, sealed: bytes) -> bytes:
    nonce = _HEAD.unpack_from(sealed)[2]
    try:
        return key.decrypt(nonce, sealed[_HEAD.size :], _bound(subject, generation))
    except InvalidTag:
        raise StoreError("the sealed text was changed: it does not decrypt", cure="restore it from a backup") from None


def _bound(subject: str, generation: int) -> bytes:
    """Additional data: a text moved to another subject does not open."""
    return f"sluice/vault/seal/1\0{generation}\0{subject}".encode()
