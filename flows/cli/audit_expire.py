"""`sluice audit expire`: removes the record of requests that is older than the setting. `--json` gives this shape:

{"schema": "sluice/audit-expire/1", "dry_run": BOOL, "retention_days": INT, "before": TIME or null, "entries": INT,
 "held": [{"hold": TEXT, "entries": INT}, ...], "log_emptied": BOOL}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.audit import AsJson
from flows.cli.ending import say_next

if TYPE_CHECKING:
    from infra.ledger.expiry import Gone
    from infra.ledger.search import SearchIndex


def expire(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would go, and remove nothing")] = False,
    as_json: AsJson = False,
) -> None:
    """Removes what is older than SLUICE_LEDGER_RETENTION_DAYS of requests and feedback; the record says what went.

    What a legal hold covers stays. Stages, reviews, releases, keys and the ledger's own entries are kept for ever.
    """
    from flows.cli.bars import Bars
    from infra.ledger.log import Ledger
    from infra.ledger.retention import Expired, rule_of
    from infra.ledger.retention import expire as expire_old
    from infra.ledger.search import SearchIndex
    from infra.ledger.vault import Vault
    from infra.settings import read_settings

    settings = read_settings()
    rule = rule_of(settings.ledger)
    done = Expired(0, 0, (), True)
    if rule is not None:
        ledger = Ledger.open(settings.home)
        search = SearchIndex(ledger, Vault.open(settings.home))
        with Bars().task("look for what is old enough", len(ledger)) as bar:
            done = expire_old(
                settings.home, ledger, rule, dry=dry_run, forgetters=[_words(search)], advance=bar.advance
            )
    if as_json:
        shape = {
            "schema": "sluice/audit-expire/1",
            "dry_run": dry_run,
            "retention_days": settings.ledger.ledger_retention_days,
            "before": rule.before.isoformat() if rule else None,
            "entries": done.entries,
            "held": [{"hold": hold, "entries": count} for hold, count in done.held],
            "log_emptied": done.log_emptied,
        }
        typer.echo(json.dumps(shape, indent=2))
        return
    if rule is None:
        typer.echo("Everything is kept: SLUICE_LEDGER_RETENTION_DAYS is 0.")
        say_next("sluice config")
        return
    verb = "would expire" if dry_run else "expired"
    typer.echo(f"{done.entries:,} entries {verb}: requests of before {rule.before:%Y-%m-%d %H:%M} UTC")
    for hold, count in done.held:
        typer.echo(f"{count:,} old entries stay: {hold} covers them (sluice audit hold list)", err=True)
    if not done.log_emptied:
        typer.echo(
            "Readers kept SQLite's write-ahead log from being emptied: it holds what expired until the next run.",
            err=True,
        )
    say_next("sluice audit expire" if dry_run else "sluice audit verify")


def _words(search: SearchIndex) -> Callable[[Sequence[Gone]], None]:
    """Takes the words of what expired out of the table that finds them."""
    return lambda gone: search.drop((one.index, one.entry, one.payload) for one in gone if one.payload is not None)
