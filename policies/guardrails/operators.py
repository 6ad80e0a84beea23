"""What takes the place of a find, by the action that a policy names: placeholder, mask, keyed hash, cipher, stand-in.

Each gives the same for the same find, so that a stream gives the same text however it is cut.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from infra.errors import PartFailed
from infra.guard_keys import GuardKeys
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span, placeholder

_KEPT = {"CREDIT_CARD": 4, "IBAN_CODE": 4, "ES_CCC": 4, "US_SSN": 4, "PHONE_NUMBER": 3}
"""The last letters and digits that a mask customarily keeps. All others lose all."""
_LEAST_HIDDEN = 2
"""A mask hides at least so many times what it keeps."""
_MASKED = "****"
_SEPARATORS = " -./"
_HASH_DIGITS = 12
_CIPHERED = r"<([A-Z][A-Z_]{2,30}):e\.([A-Za-z0-9_-]+)>"


class StandIns(Protocol):
    """One conversation's stand-ins."""

    def stand_in(self, entity: str, original: str) -> str:
        """What stands for the original in this conversation; the same for the same original."""
        ...


@dataclass(frozen=True)
class Operators:
    """What replaces finds, with the keys of the home and the stand-ins of the conversation, where there are any."""

    keys: GuardKeys | None = None
    stand_ins: StandIns | None = None

    def replacement(self, action: str, entity: str, found: str) -> str:
        """What takes the place of a find; '' for its placeholder. Raises PartFailed when there is no key."""
        return _OPERATORS[action](self, entity, found) if action in _OPERATORS else ""

    def applied(self, span: Span, text: str) -> Span:
        """A find that was marked with its action, with what takes its place in the text. Raises PartFailed."""
        if span.becomes not in _OPERATORS:
            return span
        found = text[span.start : span.end]
        return replace(span, becomes=self.replacement(span.becomes, span.entity, found))

    def reveal(self, text: str) -> str:
        """The text with what `encrypt` replaced as it was. Raises PartFailed for what another key encrypted."""
        pieces: list[str] = []
        position = 0
        for match in compiled(_CIPHERED).finditer(text):
            pieces += (text[position : match.start()], self._deciphered(match.group(1), match.group(2)))
            position = match.end()
        return "".join((*pieces, text[position:]))

    def _hashed(self, entity: str, found: str) -> str:
        digest = hmac.new(self._keys.digest, _framed(entity) + found.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"<{entity}:h.{digest.hexdigest()[:_HASH_DIGITS]}>"

    def _ciphered(self, entity: str, found: str) -> str:
        sealed = AESSIV(self._keys.cipher).encrypt(found.encode("utf-8", "surrogatepass"), [_framed(entity)])
        return f"<{entity}:e.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}>"

    def _deciphered(self, entity: str, token: str) -> str:
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            return AESSIV(self._keys.cipher).decrypt(sealed, [_framed(entity)]).decode("utf-8", "surrogatepass")
        except (InvalidTag, ValueError):
            cure = "use the home whose key encrypted it"
            raise PartFailed("an encrypted find does not open: another key, or it was changed", cure=cure) from None

    def _masked(self, entity: str, found: str) -> str:
        return mask(entity, found)

    def _stood_for(self, entity: str, found: str) -> str:
        return self.stand_ins.stand_in(entity, found) if self.stand_ins is not None else placeholder(entity)

    @property
    def _keys(self) -> GuardKeys:
        if self.keys is None:
            raise PartFailed("a check hashes or encrypts, and no key was handed in", cure="hand GuardKeys in")
        return self.keys


_OPERATORS: dict[str, Callable[[Operators, str, str], str]] = {
    "mask": Operators._masked,
    "hash": Operators._hashed,
    "encrypt": Operators._ciphered,
    "pseudonymise": Operators._stood_for,
}


def mask(entity: str, found: str) -> str:
    """Stars in the place of letters and digits, but for the last ones where it is customary to keep some."""
    signs = [sign for sign in found if sign.isalnum() or sign in _SEPARATORS]
    hidden = sum(map(str.isalnum, signs)) - _KEPT.get(entity, 0)
    if entity not in _KEPT or hidden < _LEAST_HIDDEN * _KEPT[entity]:
        return _MASKED
    masked: list[str] = []
    for sign in signs:
        covered = sign.isalnum() and hidden > 0
        hidden -= covered
        masked.append("*" if covered else sign)
    return "".join(masked)


def _framed(entity: str) -> bytes:
    return f"{entity}\0".encode()
