"""Reads what was sealed with records: the redacted prompt and answer of a request, or a caller's comment.

Every such reading is itself recorded before anything is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from infra.account import account
from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.record_events import ContentRead
from infra.contracts.request_events import RequestAdmitted
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import Entry
from infra.ledger.vault import Vault


def read_contents(entries: Sequence[Entry], ledger: Ledger, home: Home) -> list[str | None]:
    """The texts that were sealed with entries, each None where there was none. Raises StoreError as `_read` does."""
    texts = [_read(entry, ledger, home) for entry in entries]
    read = tuple(entry.index for entry, text in zip(entries, texts, strict=True) if text is not None)
    if read:
        pipeline = entries[0].event.pipeline
        ledger.append(ContentRead(event_id=new_id("read"), at=now(), pipeline=pipeline, actor=account(), entries=read))
    return texts


def _read(entry: Entry, ledger: Ledger, home: Home) -> str | None:
    """The text that was sealed with an entry.

    It lies under the key of the request's data subject, whom `request.admitted` names. Raises StoreError when that key
    was destroyed, or the payload is gone or changed.
    """
    sealed = ledger.payload(entry)
    if sealed is None:
        return None
    events = (other.event for other in ledger.of_response(getattr(entry.event, "response_id", "")))
    subject = next((event.subject for event in events if isinstance(event, RequestAdmitted)), "")
    try:
        return Vault.open(home).unseal(subject, sealed).decode()
    except UnicodeDecodeError:
        raise StoreError("the sealed content is not text", cure="sluice audit verify") from None
