"""The keys by which guardrails hash and encrypt what they find: derived from the home's own key, never in a file."""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.home import Home
from infra.ledger.vault import Vault

_DIGEST_BYTES = 32
_CIPHER_BYTES = 64


@dataclass(frozen=True)
class GuardKeys:
    """Two keys of one home. They stay the same when the master key is rotated."""

    digest: bytes = field(repr=False)
    """For `action: hash` (HMAC-SHA-256)."""
    cipher: bytes = field(repr=False)
    """For `action: encrypt` (AES-256-SIV takes two keys of 32 bytes)."""

    @classmethod
    def of(cls, vault: Vault) -> GuardKeys:
        """Derives the keys from those in a vault that is open."""
        return cls(vault.derived_key("guard hash", _DIGEST_BYTES), vault.derived_key("guard encrypt", _CIPHER_BYTES))

    @classmethod
    def at_home(cls, home: Home) -> GuardKeys:
        """The keys of a home. Raises StoreError when its vault cannot be opened."""
        return cls.of(Vault.open(home))
