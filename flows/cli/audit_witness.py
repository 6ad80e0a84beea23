"""`sluice audit witness`: hands the ledger's witness the newest checkpoint now, and prints what it holds. Stable shape:

witness  {"schema": "sluice/audit-witness/1", "origin": TEXT, "witness": TEXT, "handed_over": BOOL, "size": INT,
          "root": DIGEST or null, "note": TEXT}
"""

from __future__ import annotations

import json

import typer

from flows.cli.audit import AsJson
from flows.cli.ending import say_next


def witness(as_json: AsJson = False) -> None:
    """Hands the witness the newest checkpoint and prints what it holds; exit 1 when it refuses the log."""
    from infra.errors import BadInput
    from infra.ledger.log import Ledger
    from infra.ledger.query import digest_text
    from infra.ledger.witness import open_witness, publish
    from infra.settings import read_settings

    settings = read_settings()
    ledger = Ledger.open(settings.home)
    place = open_witness(settings.witness, ledger.keys, ledger.origin, settings.home)
    if place is None:
        raise BadInput(
            "no witness is set",
            where="SLUICE_WITNESS",
            cure="set it to a folder on another disk, to https://... or to s3://bucket/prefix",
        )
    handed = publish(ledger, place)
    held = place.latest()
    if as_json:
        value = {
            "schema": "sluice/audit-witness/1",
            "origin": ledger.origin,
            "witness": place.place,
            "handed_over": handed is not None,
            "size": held.size if held else 0,
            "root": digest_text(held.root) if held else None,
            "note": place.note,
        }
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
        return
    if held is None:
        typer.echo(f"nothing was recorded yet, and the witness of {place.place} holds nothing of {ledger.origin}")
    else:
        before = "" if handed else ", as before"
        typer.echo(f"the witness of {place.place} holds the {held.size:,} entries of {ledger.origin}{before}:")
        typer.echo(place.note.rstrip("\n"))
    say_next("sluice audit verify --witness", "reads the whole ledger and holds it against the witness")
