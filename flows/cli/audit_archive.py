"""`sluice audit archive`: closes what is old enough of the log, and moves it into the archive. `--json` gives:

{"schema": "sluice/audit-archive/1", "dry_run": BOOL, "before": TIME, "segments": INT, "entries": INT,
 "size_bytes": INT, "cleared": INT, "place": TEXT}
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flows.cli.audit import AsJson
from flows.cli.ending import say_next


def archive(
    before: Annotated[
        str, typer.Option(help="close what is older: 2026-01-31, 90m, 24h, 7d; else SLUICE_LEDGER_ARCHIVE_DAYS")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be closed, and move nothing")] = False,
    as_json: AsJson = False,
) -> None:
    """Moves closed parts of the log to SLUICE_LEDGER_ARCHIVE, as Parquet with the tree's hashes beside it.

    Queries, proofs, expiry, erasure and `verify` go on as before. What governs the ledger stays in its tables as well.
    """
    from datetime import timedelta

    from flows.cli.bars import Bars
    from infra.contracts.base import now
    from infra.errors import BadInput
    from infra.ledger.archive.closing import archive as close_segments
    from infra.ledger.archive.closing import old_part
    from infra.ledger.log import Ledger
    from infra.ledger.query import read_time
    from infra.settings import read_settings

    settings = read_settings()
    try:
        limit = read_time(before) if before else now() - timedelta(days=settings.ledger.ledger_archive_days)
    except BadInput as error:
        raise BadInput(error.what, where="--before", cure=error.cure) from None
    ledger = Ledger.open(settings.home)
    first, until = old_part(ledger, limit)
    with Bars().task("close segments", until - first) as bar:
        done = close_segments(settings.home, ledger, limit, dry=dry_run, advance=bar.advance)
    if as_json:
        shape = {
            "schema": "sluice/audit-archive/1",
            "dry_run": dry_run,
            "before": limit.isoformat(),
            "segments": done.segments,
            "entries": done.entries,
            "size_bytes": done.size_bytes,
            "cleared": done.cleared,
            "place": done.place,
        }
        typer.echo(json.dumps(shape, indent=2))
        return
    if not done.entries:
        typer.echo(f"Nothing to close: a segment is 256 entries or more of before {limit:%Y-%m-%d %H:%M} UTC.")
    elif dry_run:
        typer.echo(f"{done.entries:,} entries of before {limit:%Y-%m-%d %H:%M} UTC would go to {done.place}")
    else:
        size = f"{done.size_bytes / 2**20:,.1f} MiB"
        count = "1 segment" if done.segments == 1 else f"{done.segments} segments"
        typer.echo(f"{done.entries:,} entries in {count}, {size}: {done.place}")
    say_next("sluice audit archive" if dry_run and done.entries else "sluice audit verify")
