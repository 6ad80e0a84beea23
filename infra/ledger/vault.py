"""Vault: one AES-256-GCM key per data subject, wrapped by the home's master key.

Destroying a subject's key makes all of that subject's texts unreadable, for ever. The master key only wraps: the keys
of subjects, and the home's own keys for pseudonyms and keyed digests, which stay when the master is rotated. That may
happen at any time, in another process: each call goes by the master that the vault names at its moment.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.contracts.base import now
from infra.digest import Digest
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.home_keys import HOME_KEYS_SCHEMA, LAYOUT, home_keys
from infra.ledger.master_key import KEY_BYTES, NONCE_BYTES, ensure_master, subject_bound
from infra.ledger.present_master import PresentMaster
from infra.ledger.rewrap import settle_master
from infra.ledger.sealed_text import decrypt, encrypt, generation_of
from infra.stores.insert import insert
from infra.stores.sqlite import Database

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
_Row = tuple[str, int, bytes | None]


@dataclass(frozen=True)
class SubjectKeys:
    """The keys that a subject had and has."""

    newest: int
    """The last one's generation; 0 where there never was one."""
    live: tuple[int, ...]
    """Generations that still open what was sealed under them."""
    first_made: datetime | None
    """When the first one was made: nothing was sealed before."""
    last_destroyed: datetime | None


class Vault:
    """Keys per data subject. Threads and processes may share one; no subject's key stays in memory between calls."""

    def __init__(self, home: Home) -> None:
        self._masters = PresentMaster(home)
        self._database = Database(home.vault, _SCHEMA, LAYOUT)
        keys = home_keys(home, self._database, self._masters)
        self._pseudonym_key, self._digest_key = keys.pseudonym, keys.digest

    @classmethod
    def open(cls, home: Home) -> Vault:
        """Opens the vault; makes the master key on first use, race-free between processes.

        Raises StoreError when it cannot be read, or when there is a vault and its master key is gone.
        """
        home.folder(home.keys)
        home.folder(home.vault.parent)
        settle_master(home)
        ensure_master(home)  # before the vault: where there is a vault, there must be a master
        return cls(home)

    def pseudonym(self, subject: str) -> str:
        """A keyed hash of an identifier: `sub-` and 32 hexadecimal digits. Stable in one home, meaningless outside."""
        return "sub-" + hmac.new(self._pseudonym_key, subject.encode(), hashlib.sha256).hexdigest()[:32]

    def keyed_digest(self, purpose: str, data: bytes) -> Digest:
        """HMAC-SHA-256 of data for one purpose, in the form of a digest.

        Equal data have equal digests; without the home's key a guess of the data proves nothing.
        """
        return _digest(self._digest_key, purpose, data)

    def subject_digests(self, purpose: str, items: Iterable[tuple[str, bytes]]) -> list[Digest]:
        """What `keyed_digest` is to the home, for (subject, data) pairs: the key goes with the subject's own.

        Once that was destroyed nobody can tell any more whether a guess of the data is right. Makes missing keys.
        """
        pairs = list(items)
        keys = self._present(list(dict.fromkeys(subject for subject, _ in pairs)))
        derived = {subject: _derived(key, "subject digest", KEY_BYTES) for subject, (_, key) in keys.items()}
        return [_digest(derived[subject], purpose, data) for subject, data in pairs]

    def derived_key(self, purpose: str, length_bytes: int) -> bytes:
        """A key for one purpose, from the home's key for digests (HKDF-SHA-256). Stable, also after a rotation.

        Who has it learns nothing of the home's own keys.
        """
        return _derived(self._digest_key, purpose, length_bytes)

    def seal(self, subject: str, data: bytes) -> bytes:
        """Encrypts data under a subject's key (`subject` is a pseudonym), made on first use. Raises StoreError."""
        return self.seal_many([(subject, data)])[0]

    def unseal(self, subject: str, sealed: bytes) -> bytes:
        """Decrypts what `seal` gave. Raises StoreError: key destroyed, text changed, or another subject's."""
        return self.unseal_many([(subject, sealed)])[0]

    def seal_many(self, items: Iterable[tuple[str, bytes]]) -> list[bytes]:
        """Seals (subject, data) pairs in order. Missing keys are made in one transaction, durable before use."""
        pairs = list(items)
        keys = self._present(list(dict.fromkeys(subject for subject, _ in pairs)))
        return [encrypt(keys[subject][1], subject, keys[subject][0], data) for subject, data in pairs]

    def unseal_many(self, items: Iterable[tuple[str, bytes]]) -> list[bytes]:
        """Unseals (subject, sealed) pairs in order. Raises StoreError at the first that cannot be read."""
        plain: list[bytes] = []
        for text in self.unseal_each(items):
            if text is None:
                raise StoreError(
                    "the subject's key was destroyed: the text was erased and cannot be read any more",
                    cure="nothing can; its digests still verify",
                )
            plain.append(text)
        return plain

    def unseal_each(self, items: Iterable[tuple[str, bytes]]) -> Iterator[bytes | None]:
        """Unseals (subject, sealed) pairs in order; None where the key was destroyed. Else as `unseal_many`."""
        pairs = list(items)
        subjects = list(dict.fromkeys(subject for subject, _ in pairs))
        opener, rows = self._masters.read(self._database, lambda connection: list(_rows(connection, subjects)))
        wrapped = {(subject, generation): key for subject, generation, key in rows}
        opened: dict[tuple[str, int], AESGCM] = {}
        for subject, sealed in pairs:
            name = (subject, generation_of(sealed))
            if name not in wrapped:
                raise StoreError(
                    "the vault has no key for this subject and text", cure="give the subject that it was sealed for"
                )
            if (key := wrapped[name]) is None:
                yield None
                continue
            if name not in opened:
                opened[name] = AESGCM(self._unwrap(opener, *name, key))
            yield decrypt(opened[name], *name, sealed)

    def keys_of(self, subject: str) -> SubjectKeys:
        """Which keys a subject (a pseudonym) had and has."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT generation, wrapped IS NOT NULL, made, destroyed FROM keys WHERE subject = ? "
                "ORDER BY generation",
                (subject,),
            ).fetchall()
        destroyed = [datetime.fromisoformat(row[3]) for row in rows if row[3]]
        return SubjectKeys(
            newest=int(rows[-1][0]) if rows else 0,
            live=tuple(int(row[0]) for row in rows if row[1]),
            first_made=datetime.fromisoformat(rows[0][2]) if rows else None,
            last_destroyed=max(destroyed, default=None),
        )

    def destroyed(self) -> dict[str, int]:
        """Every subject that lost a key, with the generation of the last one that it lost."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT subject, max(generation) FROM keys WHERE wrapped IS NULL GROUP BY subject"
            )
            return {str(subject): int(generation) for subject, generation in rows}

    def destroy(self, subject: str) -> bool:
        """Destroys every key of a subject, durably. True when there was one. Later data of the subject get a new key.

        Overwrites the key's bytes in the file and empties the write-ahead log. An older copy of the vault still opens
        with the present master: an erasure (infra/ledger/rewrap.py) replaces that as well.
        """
        with self._database.writing() as connection:
            connection.execute("PRAGMA secure_delete=ON")
            changed = connection.execute(
                "UPDATE keys SET wrapped = NULL, destroyed = ? WHERE subject = ? AND wrapped IS NOT NULL",
                (now().isoformat(), subject),
            ).rowcount
        self._database.checkpoint()
        return changed > 0

    def _present(self, subjects: Sequence[str]) -> dict[str, tuple[int, bytes]]:
        """The key in use of each subject, made where there is none."""
        opener, rows = self._masters.read(self._database, lambda connection: list(_rows(connection, subjects)))
        keys = {
            subject: (generation, self._unwrap(opener, subject, generation, wrapped))
            for subject, generation, wrapped in rows
            if wrapped is not None
        }
        missing = [subject for subject in subjects if subject not in keys]
        return keys | (self._make(missing) if missing else {})

    def _make(self, subjects: Sequence[str]) -> dict[str, tuple[int, bytes]]:
        made = now().isoformat()
        keys: dict[str, tuple[int, bytes]] = {}
        rows: list[tuple[str, int, bytes, str]] = []
        with self._database.writing() as connection:
            wrapper = self._masters.to_write(connection)
            last: dict[str, tuple[int, bytes | None]] = {}
            for subject, generation, wrapped in _rows(connection, subjects):
                last[subject] = (generation, wrapped)
            for subject in subjects:
                generation, wrapped = last.get(subject, (0, None))
                if wrapped is not None:  # another process was faster
                    keys[subject] = (generation, self._unwrap(wrapper, subject, generation, wrapped))
                    continue
                generation, key = generation + 1, secrets.token_bytes(KEY_BYTES)
                nonce = secrets.token_bytes(NONCE_BYTES)
                wrapped = nonce + wrapper.encrypt(nonce, key, subject_bound(subject, generation))
                rows.append((subject, generation, wrapped, made))
                keys[subject] = (generation, key)
            insert(connection, "keys", ("subject", "generation", "wrapped", "made"), rows)
        return keys

    def _unwrap(self, opener: AESGCM, subject: str, generation: int, wrapped: bytes) -> bytes:
        try:
            return opener.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], subject_bound(subject, generation))
        except (InvalidTag, ValueError):
            raise self._masters.wrong() from None


def _rows(connection: sqlite3.Connection, subjects: Sequence[str]) -> Iterator[_Row]:
    """All key generations of the subjects, oldest first, asked for in groups that SQLite takes."""
    for start in range(0, len(subjects), 500):
        group = subjects[start : start + 500]
        marks = ",".join("?" * len(group))
        yield from connection.execute(
            f"SELECT subject, generation, wrapped FROM keys WHERE subject IN ({marks}) ORDER BY subject, generation",  # noqa: S608
            group,
        )


def _digest(key: bytes, purpose: str, data: bytes) -> Digest:
    framed = struct.pack(">I", len(purpose.encode())) + purpose.encode() + data
    return Digest("sha256:" + hmac.new(key, framed, hashlib.sha256).hexdigest())


def _derived(key: bytes, purpose: str, length_bytes: int) -> bytes:
    return HKDF(SHA256(), length_bytes, salt=None, info=f"sluice/derived/1\0{purpose}".encode()).derive(key)
