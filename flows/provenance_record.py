"""What a walk back from an answer found: frozen steps, each with its digest, its facts and its checks.

`Provenance.to_json` is the stable shape of `sluice explain --json`:

    {"schema": "sluice/provenance/1", "response_id": TEXT, "ok": BOOL,
     "steps": [{"step": NAME, "digest": DIGEST or null, "facts": {NAME: TEXT, ...}, "ledger_index": INT or null,
                "checks": [{"check": TEXT, "ok": BOOL, "detail": TEXT}, ...]}, ...],
     "rows": [{"split": "train" or "test", "manifest": DIGEST, "rows": INT, "verified": INT,
               "shown": [{"row_id": TEXT, "digest": DIGEST}, ...]}, ...]}

Steps, in this order, as far as the walk came: answer, guardrails, release, approval, model version, gate decision,
evaluation report, adapter, dataset snapshot. Facts never hold the text of a prompt, an answer or a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from infra.contracts.dataset import RowDigest
from infra.digest import Digest

SCHEMA = "sluice/provenance/1"
StepName = Literal[
    "answer",
    "guardrails",
    "release",
    "approval",
    "model version",
    "gate decision",
    "evaluation report",
    "adapter",
    "dataset snapshot",
]


@dataclass(frozen=True)
class Check:
    """One thing that was checked. `detail` says what was wrong, or what else is to be known; '' where nothing is."""

    check: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True)
class Fact:
    """One thing that a step says of itself."""

    name: str
    value: str


@dataclass(frozen=True)
class Step:
    """One link of the walk. `ledger_index` is the entry that recorded it, or None where none was found."""

    step: StepName
    digest: Digest | None
    facts: tuple[Fact, ...]
    checks: tuple[Check, ...]
    ledger_index: int | None = None

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)


@dataclass(frozen=True)
class RowsFound:
    """The rows of one split: how many the manifest names, how many hash to their digest, and the first digests."""

    split: Literal["train", "test"]
    manifest: Digest
    rows: int
    verified: int
    shown: tuple[RowDigest, ...]
    erased: int = 0
    """Rows of subjects that were erased: their digests stand in the manifest, and nobody can read them any more."""


@dataclass(frozen=True)
class Provenance:
    """Where an answer came from."""

    response_id: str
    steps: tuple[Step, ...]
    rows: tuple[RowsFound, ...]

    @property
    def ok(self) -> bool:
        """Whether every check of every step passed."""
        return all(step.ok for step in self.steps)

    @property
    def failures(self) -> tuple[str, ...]:
        """What did not hold, as sentences."""
        return tuple(
            f"{step.step}: {check.check}: {check.detail or 'no'}"
            for step in self.steps
            for check in step.checks
            if not check.ok
        )

    def to_json(self) -> dict[str, Any]:
        """The documented shape, for `json.dumps`."""
        return {
            "schema": SCHEMA,
            "response_id": self.response_id,
            "ok": self.ok,
            "steps": [_step(step) for step in self.steps],
            "rows": [_rows(found) for found in self.rows],
        }


def _step(step: Step) -> dict[str, Any]:
    return {
        "step": step.step,
        "digest": step.digest,
        "facts": {fact.name: fact.value for fact in step.facts},
        "ledger_index": step.ledger_index,
        "checks": [{"check": check.check, "ok": check.ok, "detail": check.detail} for check in step.checks],
    }


def _rows(found: RowsFound) -> dict[str, Any]:
    return {
        "split": found.split,
        "manifest": found.manifest,
        "rows": found.rows,
        "verified": found.verified,
        "shown": [{"row_id": row.row_id, "digest": row.digest} for row in found.shown],
    }
