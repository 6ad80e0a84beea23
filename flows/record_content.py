"""Reads what was sealed with records, for a person at the command line: recorded before anything is shown."""

from __future__ import annotations

from collections.abc import Sequence

from infra.account import account
from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.record_events import ContentRead
from infra.home import Home
from infra.ledger.content import unsealed
from infra.ledger.log import Ledger
from infra.ledger.query import Entry
from infra.ledger.vault import Vault


def read_contents(entries: Sequence[Entry], ledger: Ledger, home: Home) -> list[str | None]:
    """The texts that were sealed with entries, each None where there was none. Raises StoreError as `unsealed` does."""
    vault = Vault.open(home)
    texts = [unsealed(entry, ledger, vault) for entry in entries]
    read = tuple(entry.index for entry, text in zip(entries, texts, strict=True) if text is not None)
    if read:
        pipeline = entries[0].event.pipeline
        ledger.append(ContentRead(event_id=new_id("read"), at=now(), pipeline=pipeline, actor=account(), entries=read))
    return texts
