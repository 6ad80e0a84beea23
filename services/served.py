"""Served: one version that answers requests, with everything that it answers with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.contracts.model_version import PromptSpec
from infra.digest import Digest, short
from infra.engines.engine import Engine
from services.replies import ModelEntry

if TYPE_CHECKING:
    from infra.contracts.policy_release import PolicyRelease
    from infra.stores.releases import VerifiedRelease
    from policies.guardrails.compiled import Guards

SCRIPTED = "scripted"


@dataclass(frozen=True)
class Served:
    """One version of one pipeline, or the scripted engine under a model's name (`release` is None then)."""

    pipeline: str
    engine: Engine
    guards: Guards
    guardrails: Digest
    """Digest of the guardrail policy's text, a blob."""
    prompt: PromptSpec
    release: VerifiedRelease | None
    change: PolicyRelease | None = None
    """What put this policy in force; None for the manifest's own."""
    flight: Flight = field(default_factory=lambda: Flight(), compare=False)

    @property
    def version(self) -> int:
        """The model version's number, 0 for the scripted engine."""
        return self.release.manifest.version if self.release else 0

    @property
    def scripted(self) -> bool:
        """Whether the answers are made up."""
        return self.release is None

    @property
    def release_digest(self) -> Digest | None:
        """The digest of the release that put this version in force."""
        return self.release.release.digest if self.release else None

    @property
    def fingerprint(self) -> str:
        """OpenAI's `system_fingerprint`: names pipeline, version and manifest."""
        if self.release is None:
            return SCRIPTED
        return f"{self.pipeline}-v{self.version}-{short(self.release.manifest.digest)}"

    @property
    def label(self) -> str:
        """The name for metrics: a scripted model's name is anybody's text."""
        return SCRIPTED if self.scripted else self.pipeline

    def entry(self) -> ModelEntry:
        """As /v1/models lists it."""
        created_s = int(self.release.manifest.created.timestamp()) if self.release else 0
        return ModelEntry(self.pipeline, created_s, self.version, self.release_digest, self.fingerprint)


class Flight:
    """Counts the answers under way with one engine, and tells when the last one has ended."""

    def __init__(self) -> None:
        self.count = 0
        self._landed = asyncio.Event()
        self._landed.set()

    def begin(self) -> None:
        """One more."""
        self.count += 1
        self._landed.clear()

    def end(self) -> None:
        """One less."""
        self.count -= 1
        if self.count == 0:
            self._landed.set()

    async def landed(self) -> None:
        """Waits until none is under way."""
        await self._landed.wait()
