"""A pipeline's signed files: what it takes to make a version, an approval and a release."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from infra.contracts.model_version import ModelVersion, PromptSpec
from infra.contracts.release import Approval, Release
from infra.digest import sha256
from infra.home import Home
from infra.stores.releases import Releases
from infra.stores.reviewers import Reviewers

_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Maker:
    """Makes signed files of one pipeline in one home; each piece fits the others unless told otherwise."""

    home: Home
    releases: Releases
    reviewers: Reviewers
    pipeline: str = "support-triage"

    def manifest(self, version: int) -> ModelVersion:
        made = ModelVersion(
            pipeline=self.pipeline,
            version=version,
            run_id=f"run-{version}",
            base_model=sha256(b"base"),
            adapter=sha256(b"adapter %d" % version),
            snapshot=sha256(b"snapshot"),
            report=sha256(b"report"),
            decision=sha256(b"decision"),
            guardrails=sha256(b"guardrails"),
            access=sha256(b"access"),
            prompt=PromptSpec(system="Sort.", answer_format="text", max_new_tokens=8),
            created=_START,
        )
        self.releases.put_manifest(made)
        return made

    def approve(
        self,
        manifest: ModelVersion,
        *,
        by: str = "ana",
        decision: Literal["approved", "rejected"] = "approved",
        minutes: int = 0,
    ) -> Approval:
        made = Approval(
            pipeline=manifest.pipeline,
            version=manifest.version,
            manifest=manifest.digest,
            decision=decision,
            reviewer=by,
            reason="looked at it",
            unattended=False,
            decided=_START + timedelta(minutes=minutes),
        )
        self.releases.put_approval(made, self.reviewers.add(by))
        return made

    def draft(self, manifest: ModelVersion, approval: Approval, sequence: int) -> Release:
        return Release(
            pipeline=manifest.pipeline,
            sequence=sequence,
            kind="release",
            version=manifest.version,
            manifest=manifest.digest,
            approval=approval.digest,
            previous=None,
            actor="ana",
            reason="better",
            released=_START,
        )

    def release(self, version: int) -> Release:
        manifest = self.manifest(version)
        approval = self.approve(manifest)
        with self.releases.allocate(self.pipeline) as slot:
            made = self.draft(manifest, approval, slot.sequence).model_copy(update={"previous": slot.previous})
            self.releases.put_release(made)
        return made


@pytest.fixture
def maker(home: Home) -> Maker:
    """Makes signed files in an empty home."""
    return Maker(home, Releases(home), Reviewers(home))
