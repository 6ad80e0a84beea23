"""`sluice keys`: the bearer keys of the endpoint's callers, and the rotation of the home's own keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.cli.ending import say_next
from infra.roles import Role

if TYPE_CHECKING:
    from infra.home import Home

AsJson = Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")]

app = typer.Typer(
    no_args_is_help=True,
    help="Make, list and revoke the keys with which applications call the endpoint; rotate the home's own keys.",
)


@app.command("create")
def create(
    tenant: Annotated[str, typer.Option("--tenant", metavar="NAME", help="whose key it is")],
    restores: Annotated[
        bool,
        typer.Option("--restore-originals", help="in its answers, stand-ins become the caller's own originals again"),
    ] = False,
    role: Annotated[
        Role,
        typer.Option(help="caller asks the model; auditor, operator and tenant-auditor read the audit ledger"),
    ] = "caller",
    as_json: AsJson = False,
) -> None:
    """Makes a key and prints it, once: only its hash is kept."""
    from infra.stores.callers import Callers

    callers = Callers(_home())
    made = callers.create(tenant, restores=restores, role=role)
    try:
        _record(made.id, "created", tenant)
    except BaseException:
        callers.revoke(made.id)  # what is not recorded does not work
        raise
    if as_json:
        typer.echo(json.dumps({"key": made.key, "id": made.id}))
        return
    typer.echo(made.key)
    what = ", gets originals back" if restores else ""
    what += f", {role}" if role != "caller" else ""
    typer.echo(f"{made.id}, tenant {tenant}{what}. Keep the key now: it cannot be shown again.", err=True)
    say_next("sluice status", "the gateway's address; the key goes into `Authorization: Bearer`")


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """Lists every key ever made: id, tenant, when, whether it still works, and whether originals come back to it."""
    from infra.stores.callers import Callers

    rows = Callers(_home()).list()
    if as_json:
        keys = [
            {
                "id": row.id,
                "tenant": row.tenant,
                "created": row.created.isoformat(),
                "revoked": row.revoked.isoformat() if row.revoked else None,
                "restore_originals": row.restores,
                "role": row.role,
            }
            for row in rows
        ]
        typer.echo(json.dumps({"keys": keys}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("id", "tenant", "role", "created", "state", "originals")
    for row in rows:
        state = f"[red]revoked {row.revoked:%Y-%m-%d %H:%M}[/red]" if row.revoked else "[green]works[/green]"
        originals = "come back" if row.restores else "stay hidden"
        table.add_row(row.id, row.tenant, row.role, f"{row.created:%Y-%m-%d %H:%M}", state, originals)
    Console().print(table)
    say_next("sluice keys create --tenant NAME" if not rows else "sluice audit query --kind key.changed")


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="as `sluice keys list` shows it")], as_json: AsJson = False
) -> None:
    """Ends a key, at once and for good."""
    from infra.stores.callers import Callers

    row = Callers(_home()).revoke(key_id)
    assert row.revoked is not None  # `revoke` sets it
    _record(row.id, "revoked", row.tenant)
    if as_json:
        typer.echo(json.dumps({"id": row.id, "revoked": row.revoked.isoformat()}))
    else:
        typer.echo(f"{row.id} of tenant {row.tenant} is revoked", err=True)
        say_next("sluice keys list")


@app.command("rotate")
def rotate(
    which: Annotated[str, typer.Argument(metavar="WHICH", help="installation, master or reviewer")],
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="the reviewer's name")] = "",
    as_json: AsJson = False,
) -> None:
    """Puts a new key in the place of one of the home's own; what the old one signed or sealed stays good.

    Nothing else may run in the home: `sluice down` first. An application's key: `create` one, then `revoke` the old.
    """
    from flows.key_rotation import rotate_installation, rotate_master_key, rotate_reviewer
    from infra.errors import BadInput

    if which == "reviewer" and not name:
        raise BadInput("whose key?", where="NAME", cure="sluice keys rotate reviewer NAME; see `sluice reviewer list`")
    if which not in ("installation", "master", "reviewer") or (name and which != "reviewer"):
        raise BadInput("no such key to rotate", where="WHICH", cure="installation, master, or reviewer NAME")
    home = _home()
    if which == "installation":
        done = rotate_installation(home)
    else:
        done = rotate_master_key(home) if which == "master" else rotate_reviewer(name, home)
    if as_json:
        shape = {"purpose": done.purpose, "owner": done.owner, "old": done.old, "new": done.new}
        typer.echo(json.dumps({**shape, "finished_earlier": done.finished, "left_out": done.left_out}, indent=2))
        return
    earlier = " (by an earlier command that was cut off; it is recorded now)" if done.finished else ""
    whose = f"reviewer {done.owner}" if done.purpose == "reviewer" else done.purpose
    typer.echo(f"{whose}: key {done.old} is retired, key {done.new} is in force{earlier}")
    if done.left_out:
        typer.echo(f"{done.left_out} signed files that the ledger does not know verify no more", err=True)
    typer.echo("Backups hold the old key: make a new one. next: sluice backup FILE", err=True)


def _home() -> Home:
    from infra.settings import read_settings

    return read_settings().home


def _record(key_id: str, action: Literal["created", "revoked"], tenant: str) -> None:
    """Writes the change into the ledger, once: a key that is revoked a second time stays as it was recorded."""
    from infra.contracts.base import now
    from infra.contracts.record_events import KeyChanged
    from infra.ledger.log import Ledger

    ledger = Ledger.open(_home())
    event_id = f"{key_id}/{action}"
    if ledger.get(event_id) is None:
        ledger.append(
            KeyChanged(
                event_id=event_id, at=now(), pipeline="", key_id=key_id, purpose="caller", action=action, owner=tenant
            )
        )
