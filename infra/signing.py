"""Ed25519 signatures (RFC 8032) over contracts:

make a key, sign, verify, retire. Private files have mode 0600 and never leave the home.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from infra.contracts.base import Contract
from infra.contracts.retired_keys import RetiredKey
from infra.contracts.signed import Signed
from infra.digest import Digest, sha256
from infra.errors import Refused, StoreError
from infra.home import write_atomic

ContractT = TypeVar("ContractT", bound=Contract)
_RAW = serialization.Encoding.Raw


@dataclass(frozen=True)
class VerifyKey:
    """A public key and its id (the first 16 hexadecimal digits of its SHA-256)."""

    raw: bytes

    @property
    def key_id(self) -> str:
        """The id by which signatures name this key."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    def to_text(self) -> str:
        """Base64 of the 32 bytes."""
        return base64.b64encode(self.raw).decode()

    @classmethod
    def from_text(cls, text: str) -> VerifyKey:
        """Reads `to_text`. Raises StoreError when it is not 32 bytes of base64."""
        try:
            raw = base64.b64decode(text.strip(), validate=True)
        except ValueError:
            raw = b""
        if len(raw) != 32:
            raise StoreError("not an Ed25519 public key", cure="restore the .pub file from a backup")
        return cls(raw)

    def open(self, envelope: Signed, kind: type[ContractT]) -> ContractT:
        """Verifies and reads an envelope.

        Raises Refused when the signature, the key or the noun is not the expected one.
        """
        what = kind.schema_id
        if envelope.key_id != self.key_id:
            raise Refused(
                f"the {what} is signed by key {envelope.key_id}, which is not the trusted key {self.key_id}",
                cure="sluice doctor",
            )
        try:
            signature = base64.b64decode(envelope.signature, validate=True)
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, envelope.payload.encode())
        except (InvalidSignature, ValueError):
            raise Refused(
                f"the signature of the {what} does not verify: it was changed after signing", cure="sluice audit verify"
            ) from None
        return kind.from_json(envelope.payload.encode())


@dataclass(frozen=True)
class TrustedKeys:
    """An owner's present key, and those before it, which count only for what they had signed when they were retired."""

    current: VerifyKey
    retired: tuple[RetiredKey, ...] = ()

    @property
    def key_id(self) -> str:
        """The id of the present key."""
        return self.current.key_id

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of all of them."""
        return frozenset({self.key_id, *(old.key_id for old in self.retired)})

    @property
    def all(self) -> tuple[VerifyKey, ...]:
        """The present key, then those before it, the latest first."""
        return (self.current, *(VerifyKey.from_text(old.public_key) for old in reversed(self.retired)))

    def that_signed(self, digest: Digest) -> tuple[VerifyKey, ...]:
        """The retired keys that are known to have signed the text of this digest."""
        return tuple(VerifyKey.from_text(old.public_key) for old in self.retired if digest in old.signed)

    def open(self, envelope: Signed, kind: type[ContractT]) -> ContractT:
        """Verifies and reads an envelope. Raises Refused, also for what a retired key signed and is not known to."""
        old = next((old for old in self.retired if old.key_id == envelope.key_id), None)
        if old is None:
            return self.current.open(envelope, kind)
        found = VerifyKey.from_text(old.public_key).open(envelope, kind)
        if sha256(envelope.payload.encode()) not in old.signed:
            raise Refused(
                f"the {kind.schema_id} is signed by key {old.key_id}, which was retired on {old.retired:%Y-%m-%d} and "
                "had not signed it by then",
                cure="sluice audit verify",
            )
        return found


Verifier = VerifyKey | TrustedKeys
"""What opens an envelope, or refuses it."""


@dataclass(frozen=True)
class Signer:
    """A private key in a file of mode 0600."""

    path: Path

    @classmethod
    def load_or_create(cls, path: Path) -> Signer:
        """Makes the key and its `.pub` file on first use. Raises StoreError when the file cannot be read or written."""
        signer = cls(path)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            private = Ed25519PrivateKey.generate()
            raw = private.private_bytes(_RAW, serialization.PrivateFormat.Raw, serialization.NoEncryption())
            write_atomic(path, base64.b64encode(raw) + b"\n", mode=0o600)
            write_atomic(path.with_suffix(".pub"), signer.verify_key.to_text().encode() + b"\n", mode=0o644)
        return signer

    @cached_property
    def _private(self) -> Ed25519PrivateKey:
        try:
            return Ed25519PrivateKey.from_private_bytes(base64.b64decode(self.path.read_bytes()))
        except (OSError, ValueError):
            raise StoreError(
                "the private key cannot be read",
                where=str(self.path),
                cure="restore the file from a backup (mode 0600)",
            ) from None

    @cached_property
    def verify_key(self) -> VerifyKey:
        """The public half."""
        return VerifyKey(self._private.public_key().public_bytes(_RAW, serialization.PublicFormat.Raw))

    def sign(self, contract: Contract) -> Signed:
        """Wraps a contract's canonical bytes."""
        payload = contract.to_json()
        signature = base64.b64encode(self.sign_bytes(payload)).decode()
        return Signed(payload=payload.decode(), key_id=self.verify_key.key_id, signature=signature)

    def sign_bytes(self, data: bytes) -> bytes:
        """The 64 bytes of a bare signature. What signs more than one kind of text must be able to tell them apart."""
        return self._private.sign(data)
