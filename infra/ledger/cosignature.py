"""Cosignatures: that a witness saw a checkpoint, and when (c2sp.org/tlog-cosignature, Ed25519, version 1).

A line beneath the log's own signature, over a time in seconds and the note's text. By it the witness says: this was
then the longest tree of this log that it had seen, and it goes on from every one that it saw before. Made here and
checked here; what a witness looks at before it makes one stands in `witness`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from infra.ledger.verify import Wrong
from infra.signing import Signer

_KIND = b"\x04"
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64
_LATEST_S = 253_402_300_799
"""The last second of the year 9999; the format allows times that no calendar has."""
_MOST_LINES = 64


@dataclass(frozen=True)
class WitnessKey:
    """A witness's Ed25519 public key (32 bytes) under its name, as c2sp.org/signed-note writes it: NAME+ID+BASE64.

    The key must sign nothing but cosignatures of this name: the signed text does not say who signs.
    """

    name: str
    public: bytes

    @classmethod
    def read(cls, text: str) -> WitnessKey:
        """Reads the text form. Raises ValueError when it is none, or one for other signatures than cosignatures."""
        name, _, encoded = text.strip().partition("+")
        key = cls(name, base64.b64decode(encoded[9:], validate=True)[1:])
        if re.fullmatch(r"[^\s+]+", name) and len(key.public) == 32 and str(key) == text.strip():
            return key
        raise ValueError("not a witness's public key: expected NAME+ID+BASE64, of type 4")

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_KIND + self.public).decode()}"

    @property
    def id(self) -> bytes:
        """Four bytes that stand before each of its cosignatures."""
        return hashlib.sha256(self.name.encode() + b"\n" + _KIND + self.public).digest()[:4]


@dataclass(frozen=True)
class Cosignature:
    """One that verified: its line, without the line's end, and the time that the witness gives."""

    line: str
    at: datetime


def cosign(text: str, name: str, signer: Signer, at: datetime) -> str:
    """The cosignature line, with its end, of a checkpoint's text (`Checkpoint.text`). `at` is cut to whole seconds.

    Raises StoreError when the private key cannot be read.
    """
    seconds = int(at.timestamp())
    signature = signer.sign_bytes(_signed(text, seconds))
    raw = WitnessKey(name, signer.verify_key.raw).id + seconds.to_bytes(_TIME_BYTES, "big") + signature
    return f"— {name} {base64.b64encode(raw).decode()}\n"


def find_cosignature(text: str, lines: str, key: WitnessKey) -> Cosignature:
    """The cosignature of this key among signature lines; those of others are passed over.

    Raises Wrong when there is none, when one of this key does not verify, or when these are no signature lines.
    """
    *listed, end = lines.split("\n")
    if end or not 0 < len(listed) <= _MOST_LINES:
        raise Wrong("no signature lines")
    found = None
    for line in listed:
        mark, name, raw = _parts(line)
        if mark != "—" or not name or len(raw) < 5:
            raise Wrong("no signature lines")
        if (name, raw[:4]) == (key.name, key.id):
            found = Cosignature(line, _checked(text, raw[4:], key))
    if found is None:
        raise Wrong(f"no cosignature by {key.name}")
    return found


def _checked(text: str, raw: bytes, key: WitnessKey) -> datetime:
    seconds = int.from_bytes(raw[:_TIME_BYTES], "big")
    if len(raw) != _TIME_BYTES + _SIGNATURE_BYTES or seconds > _LATEST_S:
        raise Wrong(f"the cosignature of {key.name} is not one")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(raw[_TIME_BYTES:], _signed(text, seconds))
    except InvalidSignature:
        raise Wrong(f"the cosignature of {key.name} does not verify") from None
    return datetime.fromtimestamp(seconds, UTC)


def _parts(line: str) -> tuple[str, str, bytes]:
    mark, _, signature = line.partition(" ")
    name, _, encoded = signature.partition(" ")
    try:
        return mark, name, base64.b64decode(encoded, validate=True)
    except ValueError:
        raise Wrong("a cosignature is not base64") from None


def _signed(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()
