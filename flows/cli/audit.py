"""`sluice audit`: asks the ledger, shows one record, verifies the whole. `--json` gives these stable shapes:

    query   {"schema": "sluice/audit-query/2", "entries": [ENTRY, ...]}
    show    {"schema": "sluice/audit-show/2", "id": TEXT, "entries": [ENTRY with "intact": BOOL and "content": TEXT or
             null, ...]}
    verify  {"schema": "sluice/audit-verify/2", "ok": BOOL, "events": INT, "archived": INT, "origin": TEXT,
             "root": DIGEST, "key_id": TEXT, "problem_count": INT,
             "problems": [{"index": INT or null, "last": INT or null, "what": TEXT}, ...]}

ENTRY is {"index": INT, "leaf": DIGEST, "event": the event's own fields, with "kind" and "schema"}.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.cli.ending import say_next

if TYPE_CHECKING:
    from infra.ledger.check import LedgerCheck
    from infra.ledger.log import Ledger
    from infra.ledger.query import Entry
    from infra.ledger.walk import LedgerProblem
    from infra.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The record of every request and every step: ask it, show it, verify it.")
AsJson = Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")]


@app.command()
def query(
    kind: Annotated[
        list[str] | None, typer.Option(help="e.g. request, request.refused, release; may be repeated")
    ] = None,
    pipeline: Annotated[str, typer.Option(help="the pipeline's name")] = "",
    response: Annotated[str, typer.Option(help="a response id")] = "",
    tenant: Annotated[str, typer.Option(help="who asked")] = "",
    subject: Annotated[
        str, typer.Option(help="a data subject: the identifier itself, or its pseudonym (sub-...)")
    ] = "",
    outcome: Annotated[str, typer.Option(help="answered, blocked, failed, cancelled, interrupted or refused")] = "",
    version: Annotated[int | None, typer.Option(help="a model version")] = None,
    policy: Annotated[str, typer.Option(help="the digest of a guardrail policy")] = "",
    detector: Annotated[str, typer.Option(help="a rule or an entity that found something: injection, EMAIL")] = "",
    action: Annotated[str, typer.Option(help="what a check did: flag, redact or block")] = "",
    trace: Annotated[str, typer.Option(help="a W3C trace id")] = "",
    text: Annotated[
        str, typer.Option(help="words that the sealed, redacted text holds, all of them; case and accents do not count")
    ] = "",
    since: Annotated[
        str, typer.Option(help="from this time on: 2026-01-31, 2026-01-31T12:00Z, or 90m, 24h, 7d ago")
    ] = "",
    until: Annotated[str, typer.Option(help="before this time")] = "",
    before: Annotated[int | None, typer.Option(help="only entries below this index: the page before")] = None,
    limit: Annotated[int, typer.Option(min=1, help="the newest so many")] = 30,
    form: Annotated[
        Literal["table", "json", "csv", "parquet"], typer.Option("--format", help="--json is the same as json")
    ] = "table",
    out: Annotated[Path | None, typer.Option(help="the file for parquet")] = None,
    as_json: AsJson = False,
) -> None:
    """Shows the newest entries that match, in the ledger's order."""
    from flows.cli.audit_formats import write_csv, write_parquet
    from infra.ledger.log import Ledger
    from infra.ledger.query import AuditFilter, read_time
    from infra.ledger.vault import Vault
    from infra.settings import read_settings

    home = read_settings().home
    if subject and not subject.startswith("sub-"):
        subject = Vault.open(home).pseudonym(subject)
    wanted = AuditFilter(
        kinds=tuple(kind or ()),
        pipeline=pipeline,
        response_id=response,
        tenant=tenant,
        subject=subject,
        outcome=outcome,
        version=version,
        policy=policy,
        detector=detector,
        action=action,
        trace_id=trace,
        since=read_time(since) if since else None,
        until=read_time(until) if until else None,
        before_index=before,
        limit=limit,
    )
    ledger = Ledger.open(home)
    if text:
        from flows.cli.bars import Bars
        from infra.ledger.search import SearchIndex

        search = SearchIndex(ledger, Vault.open(home))
        with Bars().task("read what was recorded since the last search"):
            search.catch_up()
        wanted = replace(wanted, words=search.words(text))
    entries = ledger.query(wanted)
    if form == "csv":
        write_csv(entries)
        return
    if form == "parquet":
        typer.echo(f"{len(entries)} entries: {write_parquet(entries, out)}")
        return
    if as_json or form == "json":
        _print({"schema": "sluice/audit-query/2", "entries": [entry_json(entry) for entry in entries]})
        return
    from rich.console import Console

    from flows.cli.audit_tables import entries_table

    Console().print(entries_table(entries))
    if len(entries) == limit:
        typer.echo(f"older ones: the same command with --before {entries[0].index}", err=True)
    answered = next((e for e in reversed(entries) if getattr(e.event, "response_id", "")), None)
    after = f"sluice audit show {getattr(answered.event, 'response_id', '')}" if answered else "sluice audit verify"
    say_next(after)


@app.command()
def show(
    record_id: Annotated[str, typer.Argument(metavar="ID", help="a response id, an event id or an index")],
    content: Annotated[
        bool, typer.Option("--content", help="also decrypt what was sealed with it; that is recorded")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Shows everything recorded under one id, and whether it is as it was written; exit 1 when it is not."""
    from infra.ledger.log import Ledger
    from infra.settings import read_settings

    home = read_settings().home
    ledger = Ledger.open(home)
    entries = find(ledger, record_id)
    intact = [ledger.intact(entry) for entry in entries]
    texts: list[str | None] = [None] * len(entries)
    if content:
        from flows.record_content import read_contents

        texts = read_contents(entries, ledger, home)
    if as_json:
        rows = [
            {**entry_json(entry), "intact": good, "content": text}
            for entry, good, text in zip(entries, intact, texts, strict=True)
        ]
        _print({"schema": "sluice/audit-show/2", "id": record_id, "entries": rows})
    else:
        from rich.console import Console

        from flows.cli.audit_tables import entry_table

        for entry, good, text in zip(entries, intact, texts, strict=True):
            Console().print(entry_table(entry, intact=good, content=text))
        response = next((found for e in entries if (found := getattr(e.event, "response_id", ""))), "")
        say_next(f"sluice explain {response}" if response else "sluice audit verify")
    if not all(intact):
        raise typer.Exit(1)


@app.command()
def verify(
    witness: Annotated[
        bool, typer.Option("--witness", help="also hold it against what the witness of SLUICE_WITNESS kept")
    ] = False,
    indexes: Annotated[
        bool, typer.Option("--indexes", help="also hold SQLite's own indexes against the tables; that takes longer")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Recomputes the whole ledger and holds it against the signed release files; exit 1 on any mismatch."""
    from flows.cli.bars import Bars
    from flows.record_check import check_records
    from infra.errors import StoreError
    from infra.ledger.log import Ledger
    from infra.ledger.walk import LedgerProblem
    from infra.settings import read_settings
    from infra.stores.releases import Releases

    settings = read_settings()
    ledger = Ledger.open(settings.home)
    beside = _in_indexes(ledger) if indexes else ()
    with Bars().task("recompute the ledger", len(ledger)) as bar:
        found = ledger.verify(bar.advance)
    try:
        beside += check_records(ledger, Releases(settings.home))
    except StoreError as error:
        beside += (LedgerProblem(None, f"the release files could not be held against it: {error.what}"),)
    if witness:
        beside += _witnessed(ledger, settings)
    problems, count = (*found.problems, *beside), found.problem_count + len(beside)
    if as_json:
        _print(
            {
                "schema": "sluice/audit-verify/2",
                "ok": count == 0,
                "events": found.events,
                "archived": found.archived,
                "origin": found.origin,
                "root": found.root,
                "key_id": found.key_id,
                "problem_count": count,
                "problems": [
                    {"index": problem.index, "last": problem.last, "what": problem.what} for problem in problems
                ],
            }
        )
    else:
        _verdict(found, problems, count)
    if count:
        raise typer.Exit(1)


def _in_indexes(ledger: Ledger) -> tuple[LedgerProblem, ...]:
    """Where the database's own indexes say something else than its tables; that they cannot be read is a finding too.

    Raises BadInput where the store cannot say.
    """
    from flows.cli.bars import Bars
    from infra.errors import StoreError
    from infra.ledger.walk import LedgerProblem

    with Bars().task("hold the indexes against the tables"):
        try:
            return tuple(LedgerProblem(None, what) for what in ledger.index_problems())
        except StoreError as error:
            return (LedgerProblem(None, f"the indexes cannot be read: {error.what}"),)


def _witnessed(ledger: Ledger, settings: Settings) -> tuple[LedgerProblem, ...]:
    """What the witness knows otherwise; that it cannot be asked is a finding too."""
    from infra.errors import BadInput, StoreError
    from infra.ledger.walk import LedgerProblem
    from infra.ledger.witness import compare, open_witness

    asked = open_witness(settings.witness, ledger.keys, ledger.origin, settings.home)
    if asked is None:
        raise BadInput("no witness is set", cure="set SLUICE_WITNESS to a folder elsewhere, https://... or s3://...")
    try:
        return compare(ledger, asked)
    except StoreError as error:
        return (LedgerProblem(None, f"the witness could not be asked: {error.what}"),)


def entry_json(entry: Entry) -> dict[str, Any]:
    """One entry in the shape that the commands document."""
    event = json.loads(entry.event.to_json())
    return {"index": entry.index, "leaf": entry.leaf, "event": event}


def _verdict(found: LedgerCheck, problems: tuple[LedgerProblem, ...], count: int) -> None:
    from rich.console import Console

    from flows.cli.audit_tables import problems_table
    from infra.digest import short

    console = Console()
    console.print(
        f"{found.events:,} events of {found.origin}, root {short(found.root)}, signed by key {found.key_id}",
        highlight=False,
    )
    if found.archived:
        console.print(f"{found.archived:,} of them lie in the archive", highlight=False)
    if not count:
        console.print("[green]verified[/green]: every entry, payload, index, root, signature and release file agrees")
        typer.echo("next: sluice audit query", err=True)
        return
    console.print(problems_table(problems))
    named = sorted({problem.index for problem in problems if problem.index is not None})
    console.print(f"[red]{count:,} mismatches[/red]{f', first at index {named[0]}' if named else ''}")
    typer.echo("next: keep this home as it is for evidence, and restore ledger/ and releases/ from a backup", err=True)


def find(ledger: Ledger, record_id: str) -> tuple[Entry, ...]:
    """The entries of a response, or the one of an event id or an index. Raises BadInput when there is none."""
    from infra.errors import BadInput
    from infra.ledger.query import AuditFilter

    found = ledger.of_response(record_id)
    if not found:
        found = ledger.query(AuditFilter(event_id=record_id, limit=1)) if record_id else ()
    if not found and record_id.isdecimal():
        near = ledger.query(AuditFilter(before_index=int(record_id) + 1, limit=1))
        found = tuple(entry for entry in near if entry.index == int(record_id))
    if not found:
        raise BadInput("the ledger has no entry with this id", cure="sluice audit query")
    return found


def _print(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
