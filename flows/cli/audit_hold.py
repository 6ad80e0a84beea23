"""`sluice audit hold`: legal holds, which refuse erasure and expiry of what they cover. `--json` gives stable shapes:

add, release   HOLD
list           {"schema": "sluice/audit-holds/1", "holds": [HOLD, ...]}

HOLD is {"id": TEXT, "subject": TEXT ('' for everybody), "since": TIME or null, "until": TIME or null, "reason": TEXT,
"actor": TEXT, "placed": TIME}.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.audit import AsJson
from flows.cli.ending import say_next

if TYPE_CHECKING:
    from infra.ledger.holds import Hold

app = typer.Typer(no_args_is_help=True, help="Legal holds: what they cover is neither erased nor expires.")


@app.command()
def add(
    subject: Annotated[
        str, typer.Option(help="a data subject: the identifier, or its pseudonym (sub-...); left out: everybody")
    ] = "",
    since: Annotated[
        str, typer.Option("--from", help="what was recorded from this time on: 2026-01-31, 2026-01-31T12:00Z, 7d ago")
    ] = "",
    until: Annotated[str, typer.Option("--to", help="before this time; left out: also what is still to come")] = "",
    *,
    reason: Annotated[str, typer.Option(help="goes into the record; name nobody in it")],
    as_json: AsJson = False,
) -> None:
    """Places a hold."""
    from flows.erasure import pseudonym_of
    from infra.ledger.holds import place_hold
    from infra.ledger.log import Ledger
    from infra.ledger.query import read_time
    from infra.ledger.vault import Vault
    from infra.settings import read_settings

    home = read_settings().home
    hold = place_hold(
        home,
        Ledger.open(home),
        subject=pseudonym_of(subject, Vault.open(home)) if subject else "",
        since=read_time(since) if since else None,
        until=read_time(until) if until else None,
        reason=reason,
    )
    if as_json:
        typer.echo(json.dumps(hold_json(hold), indent=2))
        return
    typer.echo(f"{hold.id} holds {_whom(hold)}, {_when(hold)}: neither erased nor expired from now on")
    say_next("sluice audit hold list")


@app.command("list")
def list_holds(as_json: AsJson = False) -> None:
    """Lists the holds that are in force."""
    from infra.ledger.holds import active_holds
    from infra.ledger.log import Ledger
    from infra.settings import read_settings

    holds = active_holds(Ledger.open(read_settings().home))
    if as_json:
        value = {"schema": "sluice/audit-holds/1", "holds": [hold_json(hold) for hold in holds]}
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
        return
    if not holds:
        typer.echo("No hold is in force.")
        say_next("sluice audit hold add --reason TEXT")
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("hold", "subject", "recorded", "reason", "by", "placed (UTC)")
    for hold in holds:
        table.add_row(
            hold.id, _whom(hold), _when(hold), escape(hold.reason), escape(hold.actor), f"{hold.placed:%Y-%m-%d %H:%M}"
        )
    Console().print(table)
    say_next(f"sluice audit hold release {holds[0].id}", "once its reason is gone")


@app.command()
def release(hold_id: Annotated[str, typer.Argument(metavar="HOLD_ID")], as_json: AsJson = False) -> None:
    """Ends a hold; its placing and its end stay in the record."""
    from infra.ledger.holds import release_hold
    from infra.ledger.log import Ledger
    from infra.settings import read_settings

    hold = release_hold(Ledger.open(read_settings().home), hold_id)
    if as_json:
        typer.echo(json.dumps(hold_json(hold), indent=2))
        return
    typer.echo(f"{hold.id} is released: {_whom(hold)} may be erased, and expires")
    say_next("sluice audit hold list")


def hold_json(hold: Hold) -> dict[str, Any]:
    """The documented shape of one hold."""
    return {
        "id": hold.id,
        "subject": hold.subject,
        "since": hold.since and hold.since.isoformat(),
        "until": hold.until and hold.until.isoformat(),
        "reason": hold.reason,
        "actor": hold.actor,
        "placed": hold.placed.isoformat(),
    }


def _whom(hold: Hold) -> str:
    return hold.subject or "everybody"


def _when(hold: Hold) -> str:
    since = f"from {hold.since:%Y-%m-%d %H:%M}" if hold.since else ""
    until = f"before {hold.until:%Y-%m-%d %H:%M}" if hold.until else ""
    return " ".join(filter(None, (since, until))) or "at any time"
