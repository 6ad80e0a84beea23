"""A sealed text: layout byte 1, generation of the subject's key (4 bytes), nonce (12 bytes), ciphertext and tag.

AES-256-GCM, bound to the subject and the generation: a text moved to another subject does not open.
"""

from __future__ import annotations

import secrets
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.errors import StoreError
from infra.ledger.master_key import NONCE_BYTES

_LAYOUT = b"\x01"
_HEAD = struct.Struct(">cI12s")
_TAG_BYTES = 16


def encrypt(key: bytes, subject: str, generation: int, data: bytes) -> bytes:
    """Seals data under a subject's key."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    body = AESGCM(key).encrypt(nonce, data, _bound(subject, generation))
    return _HEAD.pack(_LAYOUT, generation, nonce) + body


def generation_of(sealed: bytes) -> int:
    """Which of its subject's keys a text was sealed under. Raises StoreError when it is no sealed text."""
    if len(sealed) < _HEAD.size + _TAG_BYTES or sealed[:1] != _LAYOUT:
        raise StoreError("not a sealed text", cure="restore it from a backup")
    return int(_HEAD.unpack_from(sealed)[1])


def decrypt(key: AESGCM, subject: str, generation: int, sealed: bytes) -> bytes:
    """Opens what `encrypt` gave. Raises StoreError when it was changed or is another subject's."""
    nonce = _HEAD.unpack_from(sealed)[2]
    try:
        return key.decrypt(nonce, sealed[_HEAD.size :], _bound(subject, generation))
    except InvalidTag:
        raise StoreError("the sealed text was changed: it does not decrypt", cure="restore it from a backup") from None


def _bound(subject: str, generation: int) -> bytes:
    return f"sluice/vault/seal/1\0{generation}\0{subject}".encode()
