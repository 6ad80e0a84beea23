"""What an auditor asks first, out of the ledger: the logging duties of the EU AI Act (Regulation (EU) 2024/1689).

    Article 12   record-keeping: which events are recorded by themselves, and over which time
    Article 19   how long providers keep the logs: retention, what has expired, gaps
    Article 26   what deployers owe: human oversight, monitoring, and logs kept as long

It says what is recorded and what is not; it judges nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from infra.contracts.lifecycle_events import ReviewDecided
from infra.contracts.record_events import ClockBehind, EntriesExpired, ServiceChanged
from infra.ledger.holds import active_holds
from infra.ledger.log import Ledger
from infra.ledger.query import ALL_ENTRIES, AuditFilter
from infra.ledger.view import KindCount
from infra.settings import RETENTION_FLOOR_DAYS, LedgerSettings
from infra.stores.callers import Callers

Article = Literal["12", "19", "26"]
TITLES: dict[str, str] = {
    "12": "Article 12, record-keeping",
    "19": "Article 19, automatically generated logs",
    "26": "Article 26, obligations of deployers: oversight, monitoring and logs",
}


@dataclass(frozen=True)
class Section:
    """One part of a report: a heading, sentences, and a table where there is one."""

    heading: str
    sentences: tuple[str, ...]
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Report:
    """A whole report."""

    article: Article
    title: str
    sections: tuple[Section, ...]

    def to_json(self) -> dict[str, Any]:
        """The documented shape, for `json.dumps`."""
        sections = [
            {
                "heading": one.heading,
                "sentences": list(one.sentences),
                "columns": list(one.columns),
                "rows": [list(row) for row in one.rows],
            }
            for one in self.sections
        ]
        return {"schema": "sluice/audit-report/1", "article": self.article, "title": self.title, "sections": sections}


def write_report(article: Article, ledger: Ledger, callers: Callers, settings: LedgerSettings) -> Report:
    """Makes a report. Raises StoreError."""
    kinds = ledger.kinds()
    recorded, readers = _recorded(kinds), _readers(callers)
    kept, gaps = _retention(ledger, kinds, settings), _gaps(ledger)
    sections = {
        "12": (recorded, readers, gaps),
        "19": (kept, gaps, readers),
        "26": (_oversight(ledger), _monitoring(ledger), kept, readers),
    }
    return Report(article, TITLES[article], sections[article])


def _recorded(kinds: Sequence[KindCount]) -> Section:
    rows = tuple((one.kind, f"{one.entries:,}", one.first[:19], one.last[:19]) for one in kinds)
    return Section(
        "What is recorded by itself",
        (
            "Every request before its answer begins and again before it ends, with time, tenant, key, data subject's "
            "pseudonym, model version and manifest, guardrail policy, each check's verdict, token counts and outcome.",
            "Every stage from data to model, review, release, change of policy or key, export, and opening of a seal.",
            "Prompts and answers are kept redacted and encrypted, each under its data subject's own key.",
        ),
        ("kind", "entries", "first (UTC)", "last (UTC)"),
        rows,
    )


def _readers(callers: Callers) -> Section:
    roles = Counter(key.role for key in callers.list() if key.revoked is None)
    rows = tuple((role, str(count)) for role, count in sorted(roles.items()) if role != "caller")
    return Section(
        "By whom it can be read",
        (
            "Whoever can read the files of the installation; its account's readings of sealed content are recorded.",
            "Over HTTP by keys of these roles; an operator opens nothing sealed, a tenant's auditor sees its tenant.",
        ),
        ("role", "working keys"),
        rows or (("none", "0"),),
    )


def _retention(ledger: Ledger, kinds: Sequence[KindCount], settings: LedgerSettings) -> Section:
    days = settings.ledger_retention_days
    rule = f"Records of requests expire after {days} days." if days else "Nothing expires: no retention is set."
    if 0 < days < RETENTION_FLOOR_DAYS:
        rule += f" That is less than {RETENTION_FLOOR_DAYS} days; the reason given: {settings.ledger_retention_reason}"
    oldest = min((one.first for one in kinds), default="-")
    expired = [entry.event for entry in ledger.query(AuditFilter(kinds=("entries.expired",), limit=ALL_ENTRIES))]
    count = sum(one.until - one.first for event in expired if isinstance(event, EntriesExpired) for one in event.ranges)
    holds = active_holds(ledger)
    with ledger.view() as view:
        archived = view.archived.until
    place = f" in {ledger.archive.place.address}" if archived else ""
    return Section(
        "How long it is kept",
        (
            rule,
            f"The oldest entry is of {oldest[:19]} UTC; {count:,} entries have expired in {len(expired)} steps.",
            f"{archived:,} entries lie in the archive{place}, by the same rules.",
            f"{len(holds)} legal holds are in force and keep what they cover.",
            "Models, reviews, releases, keys and the ledger's own events never expire.",
        ),
        ("hold", "placed (UTC)", "by", "reason"),
        tuple((hold.id, f"{hold.placed:%Y-%m-%d %H:%M}", hold.actor, hold.reason) for hold in holds),
    )


def _gaps(ledger: Ledger) -> Section:
    services = [entry.event for entry in ledger.query(AuditFilter(kinds=("service.changed",), limit=ALL_ENTRIES))]
    starts = sum(isinstance(event, ServiceChanged) and event.action == "started" for event in services)
    stops = len(services) - starts
    behind = [entry.event for entry in ledger.query(AuditFilter(kinds=("clock.behind",), limit=ALL_ENTRIES))]
    seconds = max((event.seconds for event in behind if isinstance(event, ClockBehind)), default=0.0)
    cut_off = ledger.outcomes().get("interrupted", 0)
    return Section(
        "Gaps",
        (
            f"The gateway started {starts} times and said {stops} times that it stopped; a start without a stop before "
            "it followed a crash.",
            f"{cut_off:,} requests were cut off by a crash and are recorded as interrupted.",
            f"The system's clock was behind the record {len(behind)} times, by {seconds:,.0f} s at most; recorded "
            "times went on.",
            "Whether entries were changed or removed says `sluice audit verify`; whether the log was cut back, "
            "`sluice audit verify --witness`.",
        ),
    )


def _oversight(ledger: Ledger) -> Section:
    decided = [entry.event for entry in ledger.query(AuditFilter(kinds=("review.decided",), limit=ALL_ENTRIES))]
    reviews = [event for event in decided if isinstance(event, ReviewDecided)]
    rows = Counter(
        (event.reviewer, event.decision, "nobody looked" if event.unattended else "a person") for event in reviews
    )
    return Section(
        "Human oversight",
        ("No version answers before a reviewer has signed its approval; decisions by name:",),
        ("reviewer", "decision", "made by", "times"),
        tuple((*who, str(count)) for who, count in sorted(rows.items())) or (("none", "-", "-", "0"),),
    )


def _monitoring(ledger: Ledger) -> Section:
    counts = ledger.outcomes()
    return Section(
        "Monitoring of use",
        ("How requests ended; which rule blocked one, `sluice audit query --outcome blocked` says.",),
        ("outcome", "requests"),
        tuple((outcome, f"{count:,}") for outcome, count in counts.items()) or (("none", "0"),),
    )
