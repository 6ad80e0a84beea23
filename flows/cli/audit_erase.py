"""`sluice audit erase`: erases a data subject, and says what was made of its rows. `--json` gives this stable shape:

{"schema": "sluice/audit-erase/1", "subject": TEXT, "keys": INT, "erased_earlier": BOOL, "master": TEXT,
 "run_under_way": BOOL, "snapshots": [{"pipeline": TEXT, "snapshot": DIGEST, "train": INT, "test": INT}, ...],
 "adapters": [DIGEST, ...], "versions": [{"pipeline": TEXT, "version": INT, "manifest": DIGEST, "in_force": BOOL,
 "rejected": BOOL}, ...], "unknown": [DIGEST, ...], "quarantine": [COMMAND, ...], "backups_until": TIME or null}

`backups_until`: until then a backup of before may open what was erased; null where a key command made that impossible.
`unknown`: data sets of registered versions whose rows are not here. `quarantine`: what keeps the versions from serving;
a rejection is signed with a reviewer's key, so that it stays a person's command.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.audit import AsJson
from flows.cli.ending import say_next

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from flows.erasure import Erasure, Forgetter
    from flows.trained_on import TrainedOn
    from infra.home import Home
    from infra.ledger.vault import Vault


def erase(
    subject: Annotated[
        str, typer.Option("--subject", metavar="ID", help="a data subject: the identifier, or its pseudonym (sub-...)")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    as_json: AsJson = False,
) -> None:
    """Destroys a data subject's keys: nothing opens its texts again. Refused while a legal hold covers it.

    The record stays, and verifies. Backups hold the old keys until they are removed; the source of the data and other
    people's copies are not reached.
    """
    from flows.cli.bars import Bars
    from flows.erasure import erase as erase_for_good
    from flows.erasure import look, pseudonym_of
    from infra.contracts.base import now
    from infra.ledger.vault import Vault
    from infra.settings import read_settings
    from infra.stores.releases import Releases

    settings = read_settings()
    home = settings.home
    vault = Vault.open(home)
    name = pseudonym_of(subject, vault)
    if not yes:
        planned = look(name, home)
        if not (planned.earlier or _agreed(planned)):
            typer.echo("Nothing was changed.", err=True)
            raise typer.Exit(1)
    with Bars().task("destroy the keys"):
        done = erase_for_good(name, home, forgetters=_forgetters(home, vault))
    from flows.trained_on import quarantine_commands

    commands = quarantine_commands(done.found.versions, Releases(home))
    until = None if home.ledger_key_command else now() + timedelta(days=settings.retention.retention_backup_days)
    if as_json:
        typer.echo(json.dumps(erasure_json(done, commands, until), indent=2))
        return
    _print(done, commands, until)


def erasure_json(done: Erasure, commands: Sequence[str], backups_until: datetime | None) -> dict[str, Any]:
    """The documented shape."""
    found = done.found
    return {
        "schema": "sluice/audit-erase/1",
        "subject": done.subject,
        "keys": done.keys,
        "erased_earlier": done.earlier,
        "master": done.master,
        "run_under_way": done.run_under_way,
        "snapshots": [
            {"pipeline": one.pipeline, "snapshot": one.digest, "train": one.train, "test": one.test}
            for one in found.snapshots
        ],
        "adapters": list(found.adapters),
        "versions": [
            {
                "pipeline": one.pipeline,
                "version": one.version,
                "manifest": one.manifest,
                "in_force": one.in_force,
                "rejected": one.rejected,
            }
            for one in found.versions
        ],
        "unknown": list(found.unknown),
        "quarantine": list(commands),
        "backups_until": backups_until and backups_until.isoformat(),
    }


def _forgetters(home: Home, vault: Vault) -> tuple[Forgetter, ...]:
    """What keeps something of a subject beside its sealed texts."""
    from infra.ledger.log import Ledger
    from infra.ledger.search import SearchIndex

    return (SearchIndex(Ledger.open(home), vault).forget,)


def _agreed(planned: Erasure) -> bool:
    rows = sum(one.train + one.test for one in planned.found.snapshots)
    typer.echo(
        f"{planned.subject}: {planned.keys} keys, {rows} rows in {len(planned.found.snapshots)} data sets, "
        f"{len(planned.found.versions)} model versions trained on them.",
        err=True,
    )
    return typer.confirm("Destroy the keys? Nobody can take it back.", err=True)


def _print(done: Erasure, commands: Sequence[str], backups_until: datetime | None) -> None:
    from rich.console import Console

    console = Console()
    if done.earlier:
        console.print(f"{done.subject} was erased already; nothing has come since", highlight=False)
    else:
        console.print(
            f"[green]erased[/green] {done.subject}: {done.keys} keys destroyed; the others are wrapped by the new "
            f"master {done.master}",
            highlight=False,
        )
    _print_found(done.found, console)
    if done.run_under_way:
        typer.echo(
            "A retraining or a backup goes on. What a retraining seals of rows that it had read gets a new key: "
            "run the same command again once it has ended.",
            err=True,
        )
    if commands:
        typer.echo("These take the versions out of service (a reviewer's key signs a rejection):", err=True)
        for command in commands:
            typer.echo(f"  {command}")
    if backups_until is not None:
        typer.echo(
            f"Backups of before now open it until they are removed, by {backups_until:%Y-%m-%d} at the latest "
            "(SLUICE_RETENTION_BACKUP_DAYS). Make a new one.",
            err=True,
        )
    say_next("sluice audit verify")


def _print_found(found: TrainedOn, console: Console) -> None:
    from rich.table import Table

    from infra.digest import short

    if found.snapshots:
        table = Table("pipeline", "data set", "train", "test", title="rows that nobody can read any more")
        for snapshot in found.snapshots:
            table.add_row(snapshot.pipeline, short(snapshot.digest), str(snapshot.train), str(snapshot.test))
        console.print(table)
    if found.versions:
        table = Table("pipeline", "version", "", title="trained on such rows")
        for version in found.versions:
            state = "rejected" if version.rejected else "in force" if version.in_force else ""
            table.add_row(version.pipeline, str(version.version), state)
        console.print(table)
    for digest in found.unknown:
        console.print(f"the rows of data set {short(digest)} are not here: nobody can say whose they were")
