"""Access: who may approve a version. YAML text (policies/rules/access) read into one frozen policy.

Whether a signature is the reviewer's is infra's to say (infra/stores/releases.py); whether that reviewer is allowed to
decide, and whether anybody has to look at all, is said here. What the file does not allow is not allowed.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.contracts.base import Frozen, Name
from infra.contracts.release import Approval
from infra.digest import Digest, sha256
from infra.errors import Refused
from infra.typed_yaml import parse_yaml


class AccessRules(Frozen):
    """What the YAML file holds."""

    name: Name
    """Stands in the records of decisions."""
    allow_unattended_approval: bool = False
    """Whether `--approve-as` may approve without a person having looked."""
    reviewers: tuple[Name, ...] = ()
    """Who may decide; empty: every reviewer that was added to the home."""


@dataclass(frozen=True)
class AccessPolicy:
    """An access policy as it is enforced: its rules, and the digest of the very text that was read."""

    rules: AccessRules
    digest: Digest

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.rules.name

    @property
    def allow_unattended_approval(self) -> bool:
        """Whether `--approve-as` may approve without a person having looked."""
        return self.rules.allow_unattended_approval

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Who may decide; empty: every reviewer that was added to the home."""
        return self.rules.reviewers

    def check(self, approval: Approval) -> None:
        """Raises Refused when the policy does not let this reviewer decide, or decide unattended."""
        self.check_reviewer(approval.reviewer)
        if approval.unattended and not self.allow_unattended_approval:
            raise Refused(
                f"the access policy {self.name!r} allows no unattended approval",
                cure="let a person decide: sluice review approve",
            )

    def check_reviewer(self, reviewer: str) -> None:
        """Raises Refused when the policy does not let this reviewer decide: over a version, or over its guardrails."""
        if self.reviewers and reviewer not in self.reviewers:
            raise Refused(
                f"reviewer {reviewer!r} may not decide under the access policy {self.name!r}",
                cure=f"let one of these decide: {', '.join(self.reviewers)}",
            )


def parse_access(text: str, *, source: str) -> AccessPolicy:
    """Reads an access policy. Raises ConfigError with every problem of the file: its lines, keys and cures."""
    return AccessPolicy(parse_yaml(text, AccessRules, source=source), sha256(text.encode("utf-8")))
