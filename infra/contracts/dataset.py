"""DatasetSnapshot: which rows a model may learn from and be tested on, frozen and named."""

from __future__ import annotations

from typing import ClassVar, Literal

from infra.contracts.base import Contract, DigestStr, Frozen, Name


class SourceFile(Frozen):
    """One input as it was read: its role, and the digest of its bytes (or of the generator's recipe)."""

    role: Literal["train", "test", "generated"]
    digest: DigestStr
    rows: int


class RowDigest(Frozen):
    """One row of a snapshot: the SHA-256 over its salt and its canonical JSON, the salt kept apart with the row."""

    row_id: str
    digest: DigestStr


class SplitManifest(Contract):
    """The rows of one split, in their order. Stored as a blob; the snapshot names it by digest."""

    schema_id: ClassVar[str] = "sluice/split-manifest/1"

    split: Literal["train", "test"]
    rows: tuple[RowDigest, ...]


class Split(Frozen):
    """One split of a snapshot: how many rows, and the digest of its SplitManifest."""

    name: Literal["train", "test"]
    rows: int
    manifest: DigestStr


class QuarantineCount(Frozen):
    """How many rows were set aside for one reason."""

    reason: str
    rows: int


class RedactionCount(Frozen):
    """How many spans of one entity type were replaced in the rows that were kept."""

    entity: str
    spans: int


class DatasetSnapshot(Contract):
    """An immutable data set: what came in, what was set aside and why, and the salted digests of what stayed."""

    schema_id: ClassVar[str] = "sluice/dataset-snapshot/1"

    pipeline: Name
    sources: tuple[SourceFile, ...]
    expectations: DigestStr
    """Digest of the expectation suite (policies/rules/expectations)."""
    redaction_policy: DigestStr
    """Digest of the guardrail policy whose detectors redacted the rows."""
    splits: tuple[Split, ...]
    rows_in: int
    quarantined: tuple[QuarantineCount, ...]
    duplicates_exact: int
    duplicates_near: int
    leaked: int
    """Training rows left out because a test row has the same or nearly the same text."""
    leakage_measure: str
    """The measure in words, e.g. 'word-set Jaccard >= 0.7 (MinHash 128)'."""
    redacted: tuple[RedactionCount, ...]

    def split(self, name: Literal["train", "test"]) -> Split:
        """One split by name. Raises KeyError when the snapshot has none."""
        for split in self.splits:
            if split.name == name:
                return split
        raise KeyError(name)
