"""GateDecision: may this candidate go on? A verdict that carries its evidence."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from infra.contracts.base import Contract, DigestStr, Frozen, Name


class GateVerdict(StrEnum):
    """What a gate says. Only GO lets a model on."""

    GO = "GO"
    NO_GO = "NO_GO"
    INCONCLUSIVE = "INCONCLUSIVE"


class GateReason(Frozen):
    """One rule, what it required, what was measured, and what follows."""

    rule: str
    verdict: GateVerdict
    required: str
    measured: str


class GateDecision(Contract):
    """The verdict of one gate policy over one evaluation report."""

    schema_id: ClassVar[str] = "sluice/gate-decision/1"

    pipeline: Name
    report: DigestStr
    gate: DigestStr
    """Digest of the gate policy."""
    verdict: GateVerdict
    reasons: tuple[GateReason, ...]
