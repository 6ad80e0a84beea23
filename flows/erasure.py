"""Erases a data subject: destroys its keys, and the master key that had wrapped them, and records that it did.

    1. refused while a legal hold covers the subject; that is recorded, and nothing is changed
    2. what is kept beside the sealed texts goes: the words of the search, traces
    3. one transaction: the subject's keys destroyed, every other key wrapped by a new master    from here on it counts
    4. the vault's file made anew, its write-ahead log emptied
    5. `key.changed` and `subject.erased` in the ledger

Gateways go on meanwhile. A run that was cut off before 3 has erased nothing; after it, the same command goes on. What
the present master opens holds nothing of the subject then: no file of the home, no free page, no older copy of the
vault. A backup that holds the old master opens its own copy until it is removed. What is sealed later for the same
subject has a new key.

Sealed texts stay where they are, and so do the digests that name them: rows of data sets are tombstones, the ledger and
every proof verify as before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flows.key_rotation import record_rotations
from flows.trained_on import TrainedOn, trained_on
from infra.account import account
from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.record_events import ErasureRefused, SubjectErased
from infra.errors import BadInput, Refused
from infra.home import Home
from infra.home_lock import no_run
from infra.ledger.holds import active_holds
from infra.ledger.log import Ledger
from infra.ledger.query import ALL_ENTRIES, AuditFilter
from infra.ledger.rewrap import leave_nothing_behind, masters, rotate_master
from infra.ledger.rotation_lock import rotating
from infra.ledger.vault import SubjectKeys, Vault
from infra.stores.releases import Releases
from infra.stores.traces import remove_traces

Forgetter = Callable[[str], object]
"""Removes what a store keeps of a subject (a pseudonym) beside its sealed texts. Repeatable."""
_PSEUDONYM = re.compile(r"sub-[0-9a-f]{32}|row-[0-9a-f]{24}")
_NAMED = 300
"""So many data sets, and so many versions, are named in the ledger's entry, whose length is bounded."""


@dataclass(frozen=True)
class Erasure:
    """What was erased, or would be."""

    subject: str
    keys: int
    """Keys that were destroyed, or that would be."""
    found: TrainedOn
    master: str
    """Id of the master key that wraps the keys that are left."""
    earlier: bool
    """True when an earlier command had erased everything, and recorded it."""
    run_under_way: bool
    """A retraining goes on that may have read rows before: what it seals of them gets a new key."""


def pseudonym_of(text: str, vault: Vault) -> str:
    """The pseudonym of an identifier; one that is given is taken as it is, also that of a row without a subject."""
    return text if _PSEUDONYM.fullmatch(text) else vault.pseudonym(text)


def look(subject: str, home: Home) -> Erasure:
    """What an erasure of a subject (a pseudonym) would do. Changes nothing.

    Raises BadInput when nothing of the subject is here, StoreError.
    """
    ledger = Ledger.open(home)
    try:
        keys = _keys(subject, Vault.open(home), ledger)
        count = keys.newest - _last_recorded(subject, ledger)
        return _told(subject, home, ledger, keys=count, earlier=_is_done(subject, keys, ledger))
    finally:
        ledger.close()


def erase(subject: str, home: Home, *, forgetters: Sequence[Forgetter] = ()) -> Erasure:
    """Erases a subject (a pseudonym) for good; durable when it returns, and repeatable.

    Raises Refused, and records that, while a hold covers the subject; BadInput when nothing of it is here; StoreError.
    """
    with rotating(home):
        vault, ledger = Vault.open(home), Ledger.open(home)
        try:
            keys = _keys(subject, vault, ledger)
            if _is_done(subject, keys, ledger):
                return _told(subject, home, ledger, keys=0, earlier=True)
            if keys.live or keys.newest == 0:  # else an earlier command had got past this: it can only be finished
                _refuse_held(subject, keys, ledger)
            for forget in forgetters:
                forget(subject)
            remove_traces(home, _trace_ids(subject, ledger))
            if keys.live or _older_than(keys, home):
                rotate_master(home, forget=subject)
            leave_nothing_behind(home)
            record_rotations(home)
            count = keys.newest - _last_recorded(subject, ledger)
            done = _told(subject, home, ledger, keys=count, earlier=False)
            _record(done, keys, ledger)
            return done
        finally:
            ledger.close()


def _keys(subject: str, vault: Vault, ledger: Ledger) -> SubjectKeys:
    keys = vault.keys_of(subject)
    if keys.newest == 0 and not ledger.query(AuditFilter(subject=subject, kinds=("request",), limit=1)):
        raise BadInput(
            "nothing of this data subject is here",
            where=subject,
            cure="give the identifier as the source's column or the callers' `safety_identifier` has it, or sub-...",
        )
    return keys


def _refuse_held(subject: str, keys: SubjectKeys, ledger: Ledger) -> None:
    holds = [hold for hold in active_holds(ledger) if hold.covers_subject(subject, keys.first_made)]
    if not holds:
        return
    ids = tuple(hold.id for hold in holds)
    event = ErasureRefused(
        event_id=new_id("refused"), at=now(), pipeline="", actor=account(), subject=subject, holds=ids[:_NAMED]
    )
    ledger.append(event)
    raise Refused(
        f"a legal hold covers this data subject ({', '.join(ids)}); nothing was erased, and the refusal is recorded",
        where=subject,
        cure="sluice audit hold list; once each of them is released, the same command erases",
    )


def _is_done(subject: str, keys: SubjectKeys, ledger: Ledger) -> bool:
    """Whether an erasure is recorded since which nothing has come."""
    if keys.live or _last_recorded(subject, ledger) != keys.newest:
        return False
    last = ledger.query(AuditFilter(subject=subject, kinds=("request", "subject"), limit=1))
    return bool(last) and isinstance(last[0].event, SubjectErased)


def _last_recorded(subject: str, ledger: Ledger) -> int:
    """The last generation of keys whose end is recorded."""
    entries = ledger.query(AuditFilter(subject=subject, kinds=("subject.erased",), limit=1))
    return max((entry.event.generation for entry in entries if isinstance(entry.event, SubjectErased)), default=0)


def _older_than(keys: SubjectKeys, home: Home) -> bool:
    """Whether the present master is one that had wrapped the keys."""
    return keys.last_destroyed is not None and keys.last_destroyed > masters(home)[-1].since


def _trace_ids(subject: str, ledger: Ledger) -> list[str]:
    entries = ledger.query(AuditFilter(subject=subject, kinds=("request",), limit=ALL_ENTRIES))
    return sorted({entry.event.trace_id for entry in entries if entry.event.trace_id})


def _told(subject: str, home: Home, ledger: Ledger, *, keys: int, earlier: bool) -> Erasure:
    found = trained_on(subject, home, ledger, Releases(home))
    with no_run(home) as free:
        pass
    return Erasure(subject, keys, found, masters(home)[-1].id, earlier, not free)


def _record(done: Erasure, keys: SubjectKeys, ledger: Ledger) -> None:
    snapshots = [one.digest for one in done.found.snapshots]
    versions = [one.manifest for one in done.found.versions]
    ledger.append(
        SubjectErased(
            event_id=new_id("erased"),
            at=now(),
            pipeline="",
            actor=account(),
            subject=done.subject,
            generation=keys.newest,
            keys=done.keys,
            master=done.master,
            snapshots=tuple(snapshots[:_NAMED]),
            versions=tuple(versions[:_NAMED]),
            left_out=max(0, len(snapshots) - _NAMED) + max(0, len(versions) - _NAMED),
        )
    )
