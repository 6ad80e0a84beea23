"""The hash chain: what a leaf covers, how heads follow each other, which columns an event has. No store.

    leaf_i = SHA-256("sluice/leaf/1" 0x00 | length of event (8 bytes) | event | SHA-256 of the payload, or nothing)
    head_i = SHA-256("sluice/head/1" 0x00 | head_(i-1) | leaf_i),   head_(-1) = SHA-256("sluice/head/1" 0x00)

`event` is the event's canonical JSON. The prefixes keep a leaf from ever passing for a head.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import ClassVar

from infra.contracts.audit import AuditEvent, parse_event
from infra.contracts.base import Contract, DigestStr
from infra.digest import Digest
from infra.errors import BadInput

_LEAF = b"sluice/leaf/1\0"
_HEAD = b"sluice/head/1\0"
GENESIS = hashlib.sha256(_HEAD).digest()
"""The head of an empty ledger."""


class LedgerTip(Contract):
    """How long the ledger is and where its chain stands.

    Signed by the installation with every append, so that cutting the end off is seen.
    """

    schema_id: ClassVar[str] = "sluice/ledger-tip/1"

    size: int
    head: DigestStr


@dataclass(frozen=True)
class Columns:
    """What queries search by, all of it read out of the event's bytes; '' or None where an event has no such field."""

    event_id: str
    kind: str
    at: str
    pipeline: str
    response_id: str
    tenant: str
    subject: str
    outcome: str
    version: int | None

    @classmethod
    def of(cls, event: bytes) -> Columns:
        """Reads the columns out of an event's canonical JSON. Raises BadInput when it is not one."""
        try:
            fields = json.loads(event)
            version = fields.get("version")
            texts = [fields.get(name, "") for name in COLUMNS[:-1]]
        except (ValueError, AttributeError):
            raise BadInput("not an event", cure="restore the ledger from a backup") from None
        if not all(isinstance(text, str) for text in texts) or not isinstance(version, int | None):
            raise BadInput("not an event", cure="restore the ledger from a backup")
        event_id, kind, at, pipeline, response_id, tenant, subject, outcome = texts
        return cls(event_id, kind, at, pipeline, response_id, tenant, subject, outcome, version)

    def values(self) -> tuple[str | int | None, ...]:
        """The values in the order of `COLUMNS`."""
        return tuple(vars(self).values())


COLUMNS = ("event_id", "kind", "at", "pipeline", "response_id", "tenant", "subject", "outcome", "version")
"""The names of `Columns`, in order."""


def leaf_hash(event: bytes, payload: bytes | None) -> bytes:
    """The 32 bytes that commit to an event and its sealed payload."""
    covered = hashlib.sha256(payload).digest() if payload is not None else b""
    return hashlib.sha256(_LEAF + len(event).to_bytes(8, "big") + event + covered).digest()


def next_head(head: bytes, leaf: bytes) -> bytes:
    """The head after one more leaf."""
    return hashlib.sha256(_HEAD + head + leaf).digest()


def digest_text(raw: bytes) -> Digest:
    """32 bytes as a digest."""
    return Digest("sha256:" + raw.hex())


def read_event(data: bytes) -> AuditEvent:
    """An event from its canonical JSON. Raises BadInput when it is none, or not in its canonical form."""
    try:
        event = parse_event(data)
    except ValueError:  # pydantic's ValidationError is one
        raise BadInput("not an event", cure="restore the ledger from a backup") from None
    if event.to_json() != data:
        raise BadInput("not the canonical form of an event", cure="restore the ledger from a backup")
    return event


def sealed_digest(event: AuditEvent) -> Digest | None:
    """The digest that an event gives for its payload, or None where it has none."""
    return getattr(event, "sealed", None)
