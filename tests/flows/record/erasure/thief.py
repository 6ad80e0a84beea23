"""Somebody who has every file of a home, older copies of its vault, and the present master key, and wants one subject.

Knows every format. Tries each stretch of bytes as a wrapped key, each that could begin a sealed text as one, and what
lies packed, in base64 or in a database's cells as well (tests/leaks/search.py opens them).
"""

from __future__ import annotations

import base64
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow.parquet
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.ledger.master_key import KEY_BYTES, NONCE_BYTES, subject_bound, wrapping

_WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + 16
_GENERATIONS = (1, 2)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{32,}={0,2}")
_SEALED = re.compile(rb"\x01\x00\x00\x00[\x01\x02](?s:.{12})")
_READ_BYTES = 4_096


def pieces(root: Path) -> Iterator[bytes]:
    """Every file as it lies there, every run of base64 in it, every cell of a database with its log, and of Parquet."""
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        data = path.read_bytes()
        yield data
        yield from decoded(data)
        if data.startswith(b"SQLite format 3\0"):
            yield from _cells(path)
        if data.startswith(b"PAR1"):
            yield from _columns(path)


def _columns(path: Path) -> Iterator[bytes]:
    """What a Parquet file holds, which compresses it."""
    for column in pyarrow.parquet.read_table(path, columns=["entry", "payload"]).columns:
        yield from (cell for cell in column.to_pylist() if cell is not None)


def decoded(data: bytes) -> Iterator[bytes]:
    """What stands in base64 in the data."""
    return (base64.b64decode(run[: len(run) // 4 * 4]) for run in _BASE64.findall(data))


def keys_in(pieces_of_it: Iterable[bytes], master: bytes, subject: str) -> set[bytes]:
    """Every key of the subject that the master opens, wherever it lies."""
    opener = wrapping(master)
    bounds = [subject_bound(subject, generation) for generation in _GENERATIONS]
    found: set[bytes] = set()
    for data in pieces_of_it:
        for start in range(len(data) - _WRAPPED_BYTES + 1):
            for bound in bounds:
                try:
                    nonce, rest = data[start : start + NONCE_BYTES], data[start + NONCE_BYTES : start + _WRAPPED_BYTES]
                    found.add(opener.decrypt(nonce, rest, bound))
                except InvalidTag:
                    continue
    return found


def texts_in(pieces_of_it: Iterable[bytes], keys: Iterable[bytes]) -> Iterator[bytes]:
    """What each key makes of everything that could be a sealed text, its tag not asked for: its length is not known."""
    tried = list(keys)
    for data in pieces_of_it:
        for match in _SEALED.finditer(data):
            body = data[match.end() : match.end() + _READ_BYTES]
            for key in tried:
                counter = match[0][5:] + b"\x00\x00\x00\x02"  # GCM's first block of a text
                yield Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor().update(body)


def stretches(data: bytes) -> Iterator[bytes]:
    """Every 32 bytes in a row: a key that lies there in the clear."""
    return (data[start : start + KEY_BYTES] for start in range(len(data) - KEY_BYTES + 1))


def opens(key: bytes, sealed: bytes, subject: str) -> bool:
    """Whether this is the key of a sealed text."""
    bound = f"sluice/vault/seal/1\0{int.from_bytes(sealed[1:5], 'big')}\0{subject}".encode()
    try:
        AESGCM(key).decrypt(sealed[5:17], sealed[17:], bound)
    except InvalidTag:
        return False
    return True


def _cells(path: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                yield from (cell for cell in row if isinstance(cell, bytes))
