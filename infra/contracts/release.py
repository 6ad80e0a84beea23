"""Approval and Release: who let a version through, and which version answers now."""

from __future__ import annotations

from typing import ClassVar, Literal

from infra.contracts.base import Contract, DigestStr, Name, Utc


class Approval(Contract):
    """A reviewer's decision over one manifest, signed with the reviewer's own key."""

    schema_id: ClassVar[str] = "sluice/approval/1"

    pipeline: Name
    version: int
    manifest: DigestStr
    decision: Literal["approved", "rejected"]
    reviewer: Name
    reason: str
    unattended: bool
    """True for `--approve-as`: no person looked."""
    decided: Utc


class Release(Contract):
    """The statement that a version answers from now on, signed by the installation."""

    schema_id: ClassVar[str] = "sluice/release/1"

    pipeline: Name
    sequence: int
    """1, 2, 3 ... per pipeline; a later one supersedes an earlier one (infra/stores/release_chain.py)."""
    kind: Literal["release", "rollback"]
    version: int
    manifest: DigestStr
    approval: DigestStr
    previous: DigestStr | None
    """The Release in force before this one."""
    actor: str
    reason: str
    released: Utc
