"""What the ledger records of itself: its keys, its writers, who read or took what from it."""

from __future__ import annotations

from typing import ClassVar, Literal

from infra.contracts.base import DigestStr, Frozen
from infra.contracts.event import EventBase


class KeyChanged(EventBase):
    """A signing key, a reviewer or a caller's key was made or revoked."""

    schema_id: ClassVar[str] = "sluice/event/key-changed/1"
    kind: Literal["key.changed"] = "key.changed"

    key_id: str
    purpose: Literal["caller", "reviewer", "installation", "master"]
    action: Literal["created", "revoked"]
    owner: str


class ServiceChanged(EventBase):
    """A writer of the ledger started or stopped."""

    schema_id: ClassVar[str] = "sluice/event/service-changed/1"
    kind: Literal["service.changed"] = "service.changed"

    service: str
    action: Literal["started", "stopped"]


class ContentRead(EventBase):
    """Somebody opened what is sealed beside entries. On disk before it is shown."""

    schema_id: ClassVar[str] = "sluice/event/content-read/1"
    kind: Literal["content.read"] = "content.read"

    actor: str
    """The account of the operating system."""
    entries: tuple[int, ...]


class ExportMade(EventBase):
    """Entries left the ledger in a bundle that verifies elsewhere."""

    schema_id: ClassVar[str] = "sluice/event/export-made/1"
    kind: Literal["export.made"] = "export.made"

    actor: str
    entries: int
    first: int
    """Index of the first entry, -1 where there is none."""
    last: int
    tree_size: int
    checkpoint: DigestStr
    """Of the signed text of the checkpoint that the bundle verifies under."""


class IndexRange(Frozen):
    """Indices of entries, end exclusive."""

    first: int
    until: int


class EntriesExpired(EventBase):
    """Entries whose time to be kept was over are gone, and their payloads with them. Their leaves stay in the tree."""

    schema_id: ClassVar[str] = "sluice/event/entries-expired/1"
    kind: Literal["entries.expired"] = "entries.expired"

    ranges: tuple[IndexRange, ...]
    event_class: str
    """The first part of the kinds that expired."""
    retention_days: int


class LedgerMoved(EventBase):
    """A ledger that was a hash chain became a tree: every entry before this one is as the chain's signed end had it."""

    schema_id: ClassVar[str] = "sluice/event/ledger-moved/1"
    kind: Literal["ledger.moved"] = "ledger.moved"

    entries: int
    head: DigestStr
    """The chain's last head."""
    key_id: str
    """The installation key that had signed it."""


class ClockBehind(EventBase):
    """The system's clock was behind what is already recorded: times go on from there until it has caught up."""

    schema_id: ClassVar[str] = "sluice/event/clock-behind/1"
    kind: Literal["clock.behind"] = "clock.behind"

    seconds: float
