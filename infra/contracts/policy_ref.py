"""PolicyRef: which rules were in force, by name and by the digest of their text."""

from __future__ import annotations

from typing import ClassVar, Literal

from infra.contracts.base import Contract, DigestStr, Name


class PolicyRef(Contract):
    """A policy as others refer to it; the parsed policy itself belongs to the room `policies`."""

    schema_id: ClassVar[str] = "sluice/policy-ref/1"

    kind: Literal["guardrails", "expectations", "gates", "access"]
    name: Name
    text: DigestStr
