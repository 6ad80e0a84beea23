"""Legal holds: what a hold covers may not be erased and does not expire. They follow from the ledger's events alone.

A hold covers one data subject or everybody, at all times or between two. Placing one and erasing a subject take turns:
an erasure either came before the hold, or is refused by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from infra.account import account
from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.record_events import HoldPlaced, HoldReleased
from infra.errors import BadInput
from infra.home import Home
from infra.ledger.query import ALL_ENTRIES, AuditFilter, Entry, select
from infra.ledger.rotation_lock import rotating
from infra.stores.connection import Connection

if TYPE_CHECKING:
    from infra.ledger.log import Ledger

_ALL = AuditFilter(kinds=("hold",), limit=ALL_ENTRIES)
_REASON_CHARACTERS = 2_000


@dataclass(frozen=True)
class Hold:
    """One hold that is in force."""

    id: str
    subject: str
    """Pseudonym of the subject; '' for everybody."""
    since: datetime | None
    until: datetime | None
    reason: str
    actor: str
    placed: datetime

    def covers_subject(self, subject: str, first_kept: datetime | None) -> bool:
        """Whether something of the subject may be covered; `first_kept` is when the first text of it was sealed.

        A key opens texts of any time after it was made, so that only a hold that ends before leaves it free.
        """
        if self.subject not in ("", subject):
            return False
        return self.until is None or first_kept is None or first_kept < self.until

    def covers_entries(self, subjects: Iterable[str], times: Sequence[datetime]) -> bool:
        """Whether it covers entries that belong together: of these subjects, written at these times."""
        if self.subject and self.subject not in subjects:
            return False
        return any((self.since is None or at >= self.since) and (self.until is None or at < self.until) for at in times)


def active_holds(ledger: Ledger) -> tuple[Hold, ...]:
    """The holds in force, oldest first. Raises StoreError."""
    return _in_force(ledger.query(_ALL))


def holds_within(connection: Connection) -> tuple[Hold, ...]:
    """The holds in force as a transaction sees them. Raises StoreError."""
    return _in_force(select(connection, _ALL))


def place_hold(
    home: Home, ledger: Ledger, *, subject: str, since: datetime | None, until: datetime | None, reason: str
) -> Hold:
    """Places a hold over a subject (a pseudonym; '' for everybody), durable when it returns. Waits for an erasure.

    Raises BadInput without a reason or where the times are not in order, Refused when an erasure takes too long.
    """
    told = _checked(reason)
    if since is not None and until is not None and since >= until:
        raise BadInput("the hold ends before it begins", where="--from, --to", cure="give a later --to")
    hold = Hold(new_id("hold"), subject, since, until, told, account(), now())
    with rotating(home):
        ledger.append(
            HoldPlaced(
                event_id=f"{hold.id}/placed",
                at=hold.placed,
                pipeline="",
                hold_id=hold.id,
                subject=subject,
                since=since,
                until=until,
                reason=told,
                actor=hold.actor,
            )
        )
    return hold


def release_hold(ledger: Ledger, hold_id: str) -> Hold:
    """Ends a hold, durably. Raises BadInput when there is none of this id in force."""
    found = next((hold for hold in active_holds(ledger) if hold.id == hold_id), None)
    if found is None:
        raise BadInput(f"there is no hold {hold_id!r} in force", cure="sluice audit hold list")
    ledger.append(
        HoldReleased(
            event_id=f"{hold_id}/released",
            at=now(),
            pipeline="",
            hold_id=hold_id,
            subject=found.subject,
            actor=account(),
        )
    )
    return found


def _in_force(entries: Iterable[Entry]) -> tuple[Hold, ...]:
    """In whatever order they stand: a hold that was released stays so."""
    holds: dict[str, Hold] = {}
    released: set[str] = set()
    for entry in entries:
        event = entry.event
        if isinstance(event, HoldReleased):
            released.add(event.hold_id)
        elif isinstance(event, HoldPlaced):
            holds[event.hold_id] = Hold(
                event.hold_id, event.subject, event.since, event.until, event.reason, event.actor, event.at
            )
    return tuple(hold for hold in holds.values() if hold.id not in released)


def _checked(reason: str) -> str:
    told = " ".join(reason.split())
    if not told or len(told) > _REASON_CHARACTERS:
        raise BadInput(f"a hold needs a reason of 1 to {_REASON_CHARACTERS:,} characters", cure="--reason TEXT")
    return told
