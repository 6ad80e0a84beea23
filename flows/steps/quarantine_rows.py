"""Keeps the rows that were set aside: encrypted under their data subject's key, with their reasons."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from flows.workshop import Workshop
from infra.ledger.vault import Vault
from infra.stores.quarantine import Quarantine, SetAside
from policies.expectations.rows import QuarantinedRow, RawRow, UnreadableRow


def quarantine_rows(pipeline: str, rows: Sequence[QuarantinedRow], shop: Workshop) -> Path:
    """Writes this run's quarantine file, replacing an earlier one of the same run. Raises StoreError."""
    quarantine = Quarantine(shop.settings.home, shop.vault)
    return quarantine.write(pipeline, shop.run_id, _records(rows, shop.vault))


def _records(rows: Sequence[QuarantinedRow], vault: Vault) -> Iterator[tuple[str, SetAside]]:
    for aside in rows:
        row, place = aside.row, aside.row.place
        content = _content(row)
        named = isinstance(row, RawRow) and row.subject
        subject = vault.pseudonym(named) if named else _own(vault, content)
        yield subject, SetAside(role=place.role, line=place.line, reasons=aside.reasons, content=content)


def _content(row: RawRow | UnreadableRow) -> bytes:
    if isinstance(row, UnreadableRow):
        return row.content
    names = ("text", "answer", "label", "language", "subject", "row_id")
    return json.dumps({name: getattr(row, name) for name in names}, ensure_ascii=False).encode()


def _own(vault: Vault, content: bytes) -> str:
    """A row whose source names no subject is a subject of its own."""
    return "row-" + vault.keyed_digest("quarantined row", content).removeprefix("sha256:")[:24]
