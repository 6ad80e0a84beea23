"""Signed: a contract's canonical bytes with an Ed25519 signature over them and the id of the key that made it."""

from __future__ import annotations

from typing import ClassVar

from infra.contracts.base import Contract


class Signed(Contract):
    """An envelope. `payload` is the exact canonical JSON that was signed.

    Nothing is read from it before it verifies.
    """

    schema_id: ClassVar[str] = "sluice/signed/1"

    payload: str
    key_id: str
    signature: str
    """Base64 of the 64 bytes of Ed25519 (RFC 8032) over the payload's UTF-8 bytes."""
