"""`sluice audit tail`: the newest entries, and every new one as it comes; `--json` writes one ENTRY in each line."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.audit import entry_json

if TYPE_CHECKING:
    from infra.ledger.query import Entry

_PAUSE_S = 0.5
_PAGE = 1_000


def tail(
    kind: Annotated[list[str] | None, typer.Option(help="e.g. request, release; may be repeated")] = None,
    tenant: Annotated[str, typer.Option(help="who asked")] = "",
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="so many of the newest first")] = 10,
    follow: Annotated[bool, typer.Option(help="go on with what is recorded from now on")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object in each line")] = False,
) -> None:
    """Shows the newest entries and goes on with each new one, until it is interrupted."""
    from infra.ledger.log import Ledger
    from infra.ledger.query import AuditFilter
    from infra.settings import read_settings

    ledger = Ledger.open(read_settings().home)
    wanted = AuditFilter(kinds=tuple(kind or ()), tenant=tenant, limit=max(1, lines))
    next_index = len(ledger)
    for entry in ledger.query(wanted) if lines else ():
        if entry.index < next_index:
            _tell(entry, as_json=as_json)
    while follow:
        size = len(ledger)
        while next_index < size:
            until = min(next_index + _PAGE, size)
            for entry in ledger.query(replace(wanted, from_index=next_index, before_index=until, limit=_PAGE)):
                _tell(entry, as_json=as_json)
            next_index = until
        time.sleep(_PAUSE_S)


def _tell(entry: Entry, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(entry_json(entry), ensure_ascii=False))
        return
    from flows.cli.audit_tables import told

    event = entry.event
    about = " ".join(filter(None, (event.pipeline, str(getattr(event, "response_id", "")), told(event))))
    typer.echo(f"{entry.index:>8}  {event.at:%Y-%m-%d %H:%M:%S}  {event.kind:<18} {about}")
