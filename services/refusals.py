"""What the service says of a pipeline that stays where it is: the latest refusal since the release in force.

Read from the ledger, where the flows record a refused request and the service its own refusals: one look-up by index
for each pipeline and poll, whatever the ledger's length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.contracts.lifecycle_events import ReleaseRefused
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter

LastRefusal = Callable[[str], ReleaseRefused | None]
"""Pipeline -> the newest recorded refusal, or None."""


@dataclass(frozen=True)
class Remark:
    """Why a pipeline answers with the version that it answers with. `serving` is None where nothing answers."""

    pipeline: str
    serving: int | None
    refused: int
    """The version that was refused; 0 where it could not be read."""
    reason: str
    at: datetime | None

    @property
    def sentence(self) -> str:
        """For a person; no user's text."""
        stays = f"stays on version {self.serving}" if self.serving is not None else "is not served"
        what = f"version {self.refused} was refused" if self.refused else "a release was refused"
        return f"{self.pipeline} {stays}: {what}: {self.reason}"

    def body(self) -> dict[str, Any]:
        """As /readyz shows it."""
        return {
            "pipeline": self.pipeline,
            "serving": self.serving,
            "refused": self.refused or None,
            "message": self.sentence,
            "at": self.at.isoformat(timespec="seconds") if self.at else None,
        }


def last_refusals(ledger: Ledger) -> LastRefusal:
    """Looks into a ledger."""

    def newest(pipeline: str) -> ReleaseRefused | None:
        found = ledger.query(AuditFilter(kinds=("release.refused",), pipeline=pipeline, limit=1))
        event = found[-1].event if found else None
        return event if isinstance(event, ReleaseRefused) else None

    return newest
