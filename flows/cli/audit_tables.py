"""What `sluice audit` draws for a person: tables of entries, of one entry's fields, of mismatches."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from infra.contracts.audit import AuditEvent
from infra.ledger.query import Entry
from infra.ledger.walk import LedgerProblem

_RESPONSE_ID_COLUMNS = len("chatcmpl-") + 24  # an id is copied whole or not at all
_NOT_SHOWN = frozenset({"schema", "kind", "event_id", "checks"})


def entries_table(entries: Sequence[Entry]) -> Table:
    """Each entry's gist and, on a line of its own so that 80 columns can show it whole, its response's id."""
    table = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("index", justify="right", no_wrap=True)
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("kind")
    table.add_column("what and response", overflow="fold", min_width=_RESPONSE_ID_COLUMNS)
    for entry in entries:
        event = entry.event
        gist = ": ".join(part for part in (event.pipeline, told(event)) if part)
        lines = (gist, getattr(event, "response_id", None))
        table.add_row(
            str(entry.index),
            f"{event.at:%Y-%m-%d %H:%M:%S}",
            event.kind,
            escape("\n".join(line for line in lines if line) or "-"),
        )
    return table


def told(event: AuditEvent) -> str:
    """The gist of an event in a few words."""
    parts = {
        "request.admitted": "{engine}, version {version}",
        "request.completed": "{outcome} {refusal_rule}",
        "request.refused": "{code}",
        "stage.finished": "{stage} {verdict}",
        "stage.reused": "{stage} of {made_by}",
        "review.decided": "{decision} version {version} by {reviewer}",
        "review.expired": "version {version} after {limit_days} days",
        "review.notified": "version {version} by {channel}: {result}",
        "release.written": "{release_kind} {sequence}: version {version}",
        "release.refused": "version {version}: {reason}",
        "model.served": "version {version} on {engine}",
        "policy.put": "{change_kind} {sequence} by {reviewer}",
        "policy.served": "version {version} under {guardrails}",
        "policy.refused": "change {sequence}: {reason}",
        "key.changed": "{purpose} key of {owner} {action}",
        "feedback.given": "{rating}",
        "service.changed": "{service} {action}",
        "content.read": "{entries} by {actor}",
        "export.made": "{entries} entries by {actor}",
        "entries.expired": "{event_class} after {retention_days} days {reason}",
        "segment.archived": "{first} to {until}",
        "subject.erased": "{subject}: {keys} keys by {actor}",
        "erasure.refused": "{subject} by {actor}: held",
        "hold.placed": "{hold_id} by {actor}: {reason}",
        "hold.released": "{hold_id} by {actor}",
        "ledger.moved": "{entries} entries of a hash chain",
        "clock.behind": "by {seconds} s",
    }
    fields = {name: "" if value is None else value for name, value in event.model_dump(mode="json").items()}
    return parts[event.kind].format_map(fields).strip()


def entry_table(entry: Entry, *, intact: bool, content: str | None) -> Table:
    """One entry with all its fields, its checks, and its content where that was asked for."""
    event = entry.event
    table = Table(title=f"entry {entry.index}: {event.kind}", title_justify="left", show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_row("as written", "[green]yes[/green]" if intact else "[red]no: this entry was changed[/red]")
    table.add_row("event id", escape(event.event_id))
    for name, value in json.loads(event.to_json()).items():
        if name not in _NOT_SHOWN:
            table.add_row(name.replace("_", " "), escape("-" if value in (None, "") else str(value)))
    for check in getattr(event, "checks", ()):
        spans = ", ".join(f"{span.entity} {span.start}-{span.end}" for span in check.spans)
        verdict = f"{check.verdict} (score {check.score:.2f}, {check.milliseconds:.1f} ms) {spans}"
        table.add_row(escape(f"{check.direction} {check.rule}"), escape(verdict))
    table.add_row("leaf", entry.leaf)
    if content is not None:
        table.add_row("content", escape(content))
    return table


def problems_table(problems: Sequence[LedgerProblem]) -> Table:
    """One line for each mismatch."""
    table = Table("index", "what does not agree")
    for problem in problems:
        place = "-" if problem.index is None else str(problem.index)
        table.add_row(place if problem.last is None else f"{place}-{problem.last}", escape(problem.what))
    return table
