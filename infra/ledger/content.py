"""Opens what is sealed beside an entry: the redacted prompt and answer of a request, or a caller's comment.

Who shows it to somebody records that first (`content.read`).
"""

from __future__ import annotations

from infra.contracts.request_events import RequestAdmitted
from infra.errors import StoreError
from infra.ledger.log import Ledger
from infra.ledger.query import Entry
from infra.ledger.vault import Vault


def unsealed(entry: Entry, ledger: Ledger, vault: Vault) -> str | None:
    """The text that was sealed with an entry, or None where there was none.

    It lies under the key of the request's data subject, whom `request.admitted` names. Raises StoreError when that key
    was destroyed, or the payload is gone or changed.
    """
    sealed = ledger.payload(entry)
    if sealed is None:
        return None
    events = (other.event for other in ledger.of_response(getattr(entry.event, "response_id", "")))
    subject = next((event.subject for event in events if isinstance(event, RequestAdmitted)), "")
    try:
        return vault.unseal(subject, sealed).decode()
    except UnicodeDecodeError:
        raise StoreError("the sealed content is not text", cure="sluice audit verify") from None
