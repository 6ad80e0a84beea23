"""`sluice gc`: frees the disk space that nothing needs. `--json` gives this stable shape:

{"schema": "sluice/gc/1", "dry_run": BOOL, "before_bytes": INT, "after_bytes": INT, "budget_bytes": INT or null,
 "run_under_way": BOOL, "freed": [{"kind": TEXT, "path": TEXT, "bytes": INT, "changed": TIME}, ...]}
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from flows.gc import Cleaned
    from infra.home import Home

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def gc(
    budget: Annotated[
        str, typer.Option("--budget", metavar="SIZE", help="free only until the home is below this, e.g. 20GB")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would go, and remove nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")] = False,
) -> None:
    """Removes what no release, registered version, review or record needs, oldest first. Exit 1: still over budget."""
    from flows.cli.bars import Bars
    from flows.gc import clean
    from infra.settings import read_settings

    limit = _bytes(budget) if budget else None
    settings = read_settings()
    with Bars().task("look for what nothing needs"):
        done = clean(settings.home, settings.retention, budget_bytes=limit, dry=dry_run)
    if as_json:
        _print_json(done, settings.home, limit, dry_run=dry_run)
    else:
        _print_table(done, dry_run=dry_run)
    if done.run_under_way:
        typer.echo("A retraining or a backup is going on: blobs, snapshots and run folders were left alone.", err=True)
    if limit is not None and done.after_bytes > limit:
        typer.echo(
            f"The home still holds {_words(done.after_bytes)}, over the budget: what is left is needed, younger than "
            "SLUICE_RETENTION_GRACE_HOURS, or in use.",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo("next: sluice gc" if dry_run else "next: sluice audit verify", err=True)


def _print_table(done: Cleaned, *, dry_run: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "how many", "size", "oldest")
    for kind in sorted({one.kind for one in done.freed}):
        group = [one for one in done.freed if one.kind == kind]
        oldest = datetime.fromtimestamp(min(one.changed_s for one in group), UTC)
        table.add_row(kind, str(len(group)), _words(sum(one.size_bytes for one in group)), f"{oldest:%Y-%m-%d}")
    if done.freed:
        Console().print(table)
    verb = "would free" if dry_run else "freed"
    freed = done.before_bytes - done.after_bytes
    typer.echo(f"{verb} {_words(freed)} of {_words(done.before_bytes)}; {_words(done.after_bytes)} stay")


def _print_json(done: Cleaned, home: Home, limit: int | None, *, dry_run: bool) -> None:
    freed = [
        {
            "kind": one.kind,
            "path": str(one.path.relative_to(home.root)),
            "bytes": one.size_bytes,
            "changed": datetime.fromtimestamp(one.changed_s, UTC).isoformat(),
        }
        for one in done.freed
    ]
    shape = {
        "schema": "sluice/gc/1",
        "dry_run": dry_run,
        "before_bytes": done.before_bytes,
        "after_bytes": done.after_bytes,
        "budget_bytes": limit,
        "run_under_way": done.run_under_way,
        "freed": freed,
    }
    typer.echo(json.dumps(shape, indent=2))


def _bytes(text: str) -> int:
    from infra.errors import BadInput

    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise BadInput(f"not a size: {text!r}", where="--budget", cure="give a number with KB, MB, GB or TB, e.g. 20GB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _words(size: int) -> str:
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(amount) < 1_000:
            return f"{amount:.0f} {unit}"
        amount /= 1_000
    return f"{amount:.1f} TB"
