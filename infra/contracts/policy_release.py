"""PolicyRelease: a reviewer's signed statement that another guardrail policy guards what a pipeline serves."""

from __future__ import annotations

from typing import ClassVar, Literal

from infra.contracts.base import Contract, DigestStr, Name, Utc


class PolicyRelease(Contract):
    """A change of the policy that guards a pipeline, signed with the reviewer's own key.

    It holds over the release that was in force, and over older ones that stand in for it. A newer release brings its
    own manifest's policy back: what was scored is what is served, until somebody says otherwise again.
    """

    schema_id: ClassVar[str] = "sluice/policy-release/1"

    pipeline: Name
    sequence: int
    """1, 2, 3 ... per pipeline; a later one supersedes an earlier one (infra/stores/policy_chain.py)."""
    kind: Literal["put", "back"]
    """put: another policy. back: the latest change is taken off, and `guardrails` is what lay below it."""
    guardrails: DigestStr
    """Digest of the policy's text, a blob: what guards from now on."""
    release: DigestStr
    """The Release that was in force."""
    over: int
    """Sequence of the newest release at that time: one with a higher number ends this change."""
    previous: DigestStr | None
    """The PolicyRelease before this one."""
    reviewer: Name
    reason: str
    put: Utc
