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
from infra.home import Home
from infra.ledger.archive.closing import clear, tidy
from infra.ledger.archive.expiring import expire_segment, settled, take_out
from infra.ledger.archive.upkeep import upkeep
from infra.ledger.expiry import MOST, ExpiryRule, Gone, Step, end_of_old, find_old
from infra.ledger.log import Ledger
from infra.settings import LedgerSettings
from infra.stores.wal import empty_wal


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
    most = sys.maxsize if dry else MOST
    return settled(
        ledger,
        lambda view: find_old(view, rule, first, most=most),
        lambda step, seen: ledger.expire(rule, step, seen),
        dry=dry,
    )


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
