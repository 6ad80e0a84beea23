"""`sluice audit report --article 12|19|26`: what is recorded, who can read it, how long it is kept, what is missing.

`--json` gives {"schema": "sluice/audit-report/1", "article": TEXT, "title": TEXT, "sections": [{"heading": TEXT,
"sentences": [TEXT, ...], "columns": [TEXT, ...], "rows": [[TEXT, ...], ...]}, ...]}.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from flows.cli.ending import say_next


def report(
    article: Annotated[Literal["12", "19", "26"], typer.Option(help="of the EU AI Act, Regulation (EU) 2024/1689")],
    as_json: Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")] = False,
) -> None:
    """Reports on the logging duties of one article: what is recorded, by whom it can be read, retention, gaps."""
    from flows.audit_report import write_report
    from infra.ledger.log import Ledger
    from infra.settings import read_settings
    from infra.stores.callers import Callers

    settings = read_settings()
    made = write_report(article, Ledger.open(settings.home), Callers(settings.home), settings.ledger)
    if as_json:
        typer.echo(json.dumps(made.to_json(), indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    console.rule(made.title)
    for section in made.sections:
        console.print(f"[bold]{section.heading}[/bold]")
        for sentence in section.sentences:
            console.print(f"  {escape(sentence)}", highlight=False)
        if section.rows:
            table = Table(*section.columns)
            for row in section.rows:
                table.add_row(*map(escape, row))
            console.print(table)
        console.print()
    say_next("sluice audit export --out evidence", "the entries themselves, with their proofs")
