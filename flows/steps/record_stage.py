"""A stage's mark in the ledger: what it handed on, once per run."""

from __future__ import annotations

from typing import Literal

from flows.workshop import Workshop
from infra.contracts.base import now
from infra.contracts.gate import GateVerdict
from infra.contracts.lifecycle_events import StageFinished, StageReused
from infra.digest import Digest


def record_stage(
    shop: Workshop,
    pipeline: str,
    stage: Literal["dataset", "finetune", "evaluate", "gate", "register"],
    produced: Digest,
    *,
    verdict: GateVerdict | None = None,
    version: int | None = None,
) -> None:
    """Appends StageFinished, durable when it returns; a retry of a stage that was recorded appends nothing. Raises
    StoreError.
    """
    from infra.telemetry import trace_id

    event_id = f"{shop.run_id}/{stage}"
    if shop.ledger.get(event_id) is not None:
        return
    shop.ledger.append(
        StageFinished(
            event_id=event_id,
            at=now(),
            pipeline=pipeline,
            trace_id=trace_id(),
            stage=stage,
            run_id=shop.run_id,
            produced=produced,
            verdict=verdict,
            version=version,
        )
    )


def record_reused(
    shop: Workshop,
    pipeline: str,
    stage: Literal["dataset", "finetune", "evaluate", "gate", "log refused", "register"],
    produced: Digest,
    *,
    made_by: str,
) -> None:
    """Appends StageReused, once per run: what an earlier run made is handed on again. Raises StoreError."""
    from infra.telemetry import trace_id

    event_id = f"{shop.run_id}/{stage}/reused"
    if shop.ledger.get(event_id) is None:
        shop.ledger.append(
            StageReused(
                event_id=event_id,
                at=now(),
                pipeline=pipeline,
                trace_id=trace_id(),
                stage=stage,
                run_id=shop.run_id,
                produced=produced,
                made_by=made_by,
            )
        )
