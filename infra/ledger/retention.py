"""Retention: the record of requests expires once it is as old as the setting says, in many small transactions.

Each takes away some entries and records which, both or neither: a crash at any moment leaves a ledger that verifies,
and the next run goes on. Appends wait for one of them at most.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta

from infra.contracts.base import now
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.archive.closing import clear, tidy
from infra.ledger.archive.expiring import expire_segment, take_out
from infra.ledger.archive.upkeep import upkeep
from infra.ledger.expiry import MOST, ExpiryRule, Gone, Step, end_of_old, find_old
from infra.ledger.log import Ledger
from infra.settings import LedgerSettings
from infra.stores.wal import empty_wal

_TRIES = 50


@dataclass(frozen=True)
class Expired:
    """What a run did, or would do."""

    entries: int
    steps: int
    """Transactions, each with an event that names its entries."""
    held: tuple[tuple[str, int], ...]
    """How many old entries stay, by the id of the hold that covers them."""
    log_emptied: bool
    """False when readers kept SQLite's write-ahead log from being emptied: it holds what expired until the next run."""


def rule_of(settings: LedgerSettings) -> ExpiryRule | None:
    """What the settings say, as of now; None where everything is kept."""
    days = settings.ledger_retention_days
    return ExpiryRule(days, settings.ledger_retention_reason, now() - timedelta(days=days)) if days else None


def expire(
    home: Home,
    ledger: Ledger,
    rule: ExpiryRule,
    *,
    dry: bool = False,
    forgetters: Sequence[Callable[[Sequence[Gone]], object]] = (),
    advance: Callable[[int], None] = lambda _: None,
) -> Expired:
    """Expires what is old enough; with `dry` only counts it.

    Each forgetter is handed what has just expired, to remove what it keeps beside it. `advance` hears of each step
    over how many indices it went. Raises StoreError.
    """
    with nullcontext() if dry else upkeep(home):
        done = _expire_archived(ledger, rule, dry=dry, forgetters=forgetters, advance=advance)
        entries, steps, held = done.entries, done.steps, Counter(dict(done.held))
        with ledger.view() as view:
            end, first = end_of_old(view.connection, rule), view.archived.until
        while first < end:
            step = _step(ledger, rule, first, dry=dry)
            for forget in forgetters if step.gone else ():
                forget(step.gone)
            entries += len([index for index in step.indices if not dry or step.first <= index < step.following])
            steps += bool(step.indices)
            held.update(dict(step.held))
            advance(step.following - first)
            first = step.following
    emptied = True if dry or home.ledger_url else empty_wal(home.ledger)
    return Expired(entries, steps, tuple(sorted(held.items())), emptied)


def _step(ledger: Ledger, rule: ExpiryRule, first: int, *, dry: bool) -> Step:
    """Chooses and takes away; chosen outside of the transaction, since the archive may have to be asked."""
    for _ in range(_TRIES):
        with ledger.view() as view:
            step = find_old(view, rule, first, most=sys.maxsize if dry else MOST)
            (seen,) = view.connection.execute("SELECT coalesce(max(idx) + 1, 0) FROM events").fetchone()
        if dry or not step.indices:
            return step
        if done := ledger.expire(rule, step, int(seen)):
            return done
    raise StoreError("holds or feedback came again and again while entries were chosen", cure="run the command again")


def _expire_archived(
    ledger: Ledger,
    rule: ExpiryRule,
    *,
    dry: bool,
    forgetters: Sequence[Callable[[Sequence[Gone]], object]],
    advance: Callable[[int], None],
) -> Expired:
    """What lies in the archive, segment by segment."""
    with ledger.view() as view:
        end, segments = end_of_old(view.connection, rule), view.archived.segments
    if segments and not dry:  # what earlier runs did not get to
        ledger.archive.require(ledger.origin)
        tidy(ledger)
        clear(ledger)
        take_out(ledger, forgetters)
    entries, steps, held = 0, 0, Counter[str]()
    for segment in segments:
        if segment.first >= end:
            break
        step = expire_segment(ledger, rule, segment, dry=dry)
        entries += len(step.indices)
        steps += bool(step.indices)
        held.update(dict(step.held))
        advance(segment.until - segment.first)
    if steps and not dry:
        take_out(ledger, forgetters)
    return Expired(entries, steps, tuple(held.items()), True)
