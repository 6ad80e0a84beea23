"""Exports: writes a bundle, checks it as its reader will, and records that it was made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from infra.account import account
from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.record_events import ExportMade
from infra.ledger.bundle import BundleMade, Walk, check_bundle, write_bundle
from infra.ledger.checkpoint import signed_digest
from infra.ledger.log import Ledger
from infra.ledger.tree import ranges_of


def export_bundle(ledger: Ledger, folder: Path, indices: Sequence[int]) -> BundleMade:
    """Writes a bundle of entries (ascending indices) into a new folder. Raises BadInput, StoreError, CheckFailed."""
    with ledger.proofs() as proofs:
        made = write_bundle(folder, proofs, ledger.origin, ranges_of(indices), Walk())
    check_bundle(folder, ledger.keys)
    ledger.append(
        ExportMade(
            event_id=new_id("export"),
            at=now(),
            pipeline="",
            actor=account(),
            entries=made.entries,
            first=indices[0] if indices else -1,
            last=indices[-1] if indices else -1,
            tree_size=made.tree_size,
            checkpoint=signed_digest(made.checkpoint),
        )
    )
    return made
