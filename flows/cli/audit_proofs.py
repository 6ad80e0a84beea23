"""`sluice audit prove`, `export` and `key`: what leaves the ledger so that it verifies elsewhere.

prove   {"schema": "sluice/audit-prove/1", "origin": TEXT, "proofs": [{"index": INT, "entry": TEXT, "proof": TEXT in
         the form of c2sp.org/tlog-proof}, ...]}
export  {"schema": "sluice/audit-export/1", "folder": TEXT, "entries": INT, "tree_size": INT,
         "earlier_checkpoints": INT, "checkpoint": TEXT, "keys": [TEXT, ...]}
key     {"schema": "sluice/audit-key/1", "origin": TEXT, "keys": [TEXT, ...]}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.audit import AsJson, find
from flows.cli.ending import say_next

if TYPE_CHECKING:
    from infra.ledger.bundle import BundleMade
    from infra.ledger.log import Ledger


def key(as_json: AsJson = False) -> None:
    """Prints the public keys of the log's checkpoints, the present one first: pin them where the auditor verifies."""
    ledger = _ledger()
    keys = [str(one) for one in ledger.keys]
    if as_json:
        typer.echo(json.dumps({"schema": "sluice/audit-key/1", "origin": ledger.origin, "keys": keys}, indent=2))
        return
    for one in keys:
        typer.echo(one)
    say_next("sluice audit export --out evidence")


def prove(
    record_id: Annotated[str, typer.Argument(metavar="ID", help="a response id, an event id or an index")],
    out: Annotated[Path | None, typer.Option(help="write a bundle with its verifier into this new folder")] = None,
    as_json: AsJson = False,
) -> None:
    """Proves that entries are in the log under its newest signed checkpoint."""
    from infra.ledger.tree import ranges_of

    ledger = _ledger()
    indices = [entry.index for entry in find(ledger, record_id)]
    if out is not None:
        made = _bundle(ledger, out, indices)
        _tell(ledger, out, made, as_json=as_json)
        return
    with ledger.proofs() as proofs:
        entries = [entry.decode() for entry, _ in proofs.entries(ranges_of(indices))]
        found = [
            {"index": index, "entry": entry, "proof": proofs.inclusion(index)}
            for index, entry in zip(indices, entries, strict=True)
        ]
    if as_json:
        value = {"schema": "sluice/audit-prove/1", "origin": ledger.origin, "proofs": found}
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(f"{one['entry']}\n\n{one['proof']}")
    say_next(f"sluice audit prove {record_id} --out evidence", "a folder with the verifier")


def export(
    out: Annotated[Path, typer.Option(help="a new folder for the bundle")],
    since: Annotated[str, typer.Option("--from", help="from this time on: 2026-01-31, 2026-01-31T12:00Z, 7d ago")] = "",
    until: Annotated[str, typer.Option("--to", help="before this time")] = "",
    tenant: Annotated[str, typer.Option(help="only this tenant's entries")] = "",
    as_json: AsJson = False,
) -> None:
    """Writes entries with their proofs, the checkpoints and a verifier that needs nothing of Sluice; it is recorded."""
    from infra.ledger.query import AuditFilter, read_time

    ledger = _ledger()
    wanted = AuditFilter(
        tenant=tenant, since=read_time(since) if since else None, until=read_time(until) if until else None
    )
    made = _bundle(ledger, out, ledger.indices(wanted))
    _tell(ledger, out, made, as_json=as_json)


def _ledger() -> Ledger:
    from infra.ledger.log import Ledger
    from infra.settings import read_settings

    return Ledger.open(read_settings().home)


def _bundle(ledger: Ledger, out: Path, indices: list[int]) -> BundleMade:
    from flows.cli.bars import Bars
    from flows.evidence_bundle import export_bundle

    with Bars().task("write the bundle and check it"):
        return export_bundle(ledger, out, indices)


def _tell(ledger: Ledger, out: Path, made: BundleMade, *, as_json: bool) -> None:
    keys = [str(one) for one in ledger.keys]
    if as_json:
        value = {
            "schema": "sluice/audit-export/1",
            "folder": str(out),
            "entries": made.entries,
            "tree_size": made.tree_size,
            "earlier_checkpoints": made.earlier,
            "checkpoint": made.checkpoint,
            "keys": keys,
        }
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
        return
    typer.echo(f"{made.entries:,} entries of {ledger.origin}, proved in its tree of {made.tree_size:,}: {out}")
    say_next(f"python {out}/verify.py {out} --key {keys[0]}", "anywhere, without Sluice")
