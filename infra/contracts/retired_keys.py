"""RetiredKeys: the signing keys that an owner had before the present one, each with exactly what it had signed."""

from __future__ import annotations

from typing import ClassVar

from infra.contracts.base import Contract, DigestStr, Frozen, Utc


class RetiredKey(Frozen):
    """One key that signs nothing new: its signature counts on the texts listed here and on no other.

    A list, and not a date, since a thief of the key writes any date.
    """

    key_id: str
    public_key: str
    """Base64 of the 32 bytes."""
    retired: Utc
    signed: tuple[DigestStr, ...]
    """Digests of the payloads that it had signed when it was retired, sorted."""


class RetiredKeys(Contract):
    """All of them, signed by the owner's present key."""

    schema_id: ClassVar[str] = "sluice/retired-keys/1"

    owner: str
    """`installation`, or `reviewers/NAME`."""
    keys: tuple[RetiredKey, ...]
    """Oldest first."""
