"""What the ledger records of itself: its keys, its writers, who read or took what from it."""

from __future__ import annotations

from typing import ClassVar, Literal

from infra.contracts.base import DigestStr, Frozen, Utc
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
    """`request`: requests, and what callers said of their answers."""
    retention_days: int
    reason: str = ""
    """Why that is less than the floor; '' where it is not."""


class SegmentArchived(EventBase):
    """A closed part of the log lies in the archive, and most of its entries nowhere else from now on."""

    schema_id: ClassVar[str] = "sluice/event/segment-archived/1"
    kind: Literal["segment.archived"] = "segment.archived"

    first: int
    """Index of its first entry."""
    until: int
    """Exclusive."""
    root: DigestStr
    """Of the tree of the `until` first entries of the log."""
    size_bytes: int
    """Of its Parquet file when it was written; what expires makes it smaller."""


class SubjectErased(EventBase):
    """A data subject's keys were destroyed, and the master that had wrapped them: nothing opens its texts again."""

    schema_id: ClassVar[str] = "sluice/event/subject-erased/1"
    kind: Literal["subject.erased"] = "subject.erased"

    actor: str
    """The account of the operating system."""
    subject: str
    """Pseudonym of the data subject (keyed hash), never the identifier itself."""
    generation: int
    """The last of its keys, 0 where it never had one. What came later has a new one."""
    keys: int
    """How many keys were destroyed."""
    master: str
    """Id of the master key that wraps the keys that are left."""
    snapshots: tuple[DigestStr, ...]
    """Data sets that hold rows of the subject, which are tombstones now."""
    versions: tuple[DigestStr, ...]
    """Manifests of the model versions that were trained on such rows."""
    left_out: int
    """How many more of both there were than an entry holds."""


class ErasureRefused(EventBase):
    """Somebody asked to erase a data subject that a legal hold covers. Nothing was changed."""

    schema_id: ClassVar[str] = "sluice/event/erasure-refused/1"
    kind: Literal["erasure.refused"] = "erasure.refused"

    actor: str
    subject: str
    holds: tuple[str, ...]


class HoldPlaced(EventBase):
    """From now on nothing that this covers may be erased or expire. What both bounds of time leave open is covered."""

    schema_id: ClassVar[str] = "sluice/event/hold-placed/1"
    kind: Literal["hold.placed"] = "hold.placed"

    hold_id: str
    subject: str
    """Pseudonym of the one data subject that is covered; '' for everybody."""
    since: Utc | None
    until: Utc | None
    """Exclusive."""
    reason: str
    actor: str


class HoldReleased(EventBase):
    """A legal hold ended."""

    schema_id: ClassVar[str] = "sluice/event/hold-released/1"
    kind: Literal["hold.released"] = "hold.released"

    hold_id: str
    subject: str
    actor: str


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
