"""`sluice audit sql "SELECT ..."`: SQL (DuckDB) over the public part of the ledger; tables `events` and `checks`."""

from __future__ import annotations

import csv
import json
import sys
from itertools import islice
from typing import Annotated, Literal

import typer

from flows.cli.ending import say_next

_SHOWN = 100


def sql(
    query: Annotated[str, typer.Argument(metavar="SELECT", help="one query over `events` and `checks`")],
    form: Annotated[
        Literal["table", "json", "csv"], typer.Option("--format", help="a table of 100 rows at most, or all rows")
    ] = "table",
) -> None:
    """Asks the ledger in SQL: a copy of its public columns that follows the log; nothing else can be reached."""
    from flows.cli.bars import Bars
    from infra.ledger.log import Ledger
    from infra.ledger.sql import SqlView
    from infra.settings import read_settings

    home = read_settings().home
    view = SqlView(Ledger.open(home), home.folder(home.ledger.parent))
    with Bars().task("take over what was recorded since the last question"):
        view.catch_up()
    answer = view.ask(query)
    if form == "json":
        for row in answer.rows:
            typer.echo(json.dumps(dict(zip(answer.columns, row, strict=True)), ensure_ascii=False, default=str))
    elif form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(answer.columns)
        writer.writerows(answer.rows)
    else:
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(*answer.columns)
        for row in islice(answer.rows, _SHOWN):
            table.add_row(*("" if value is None else escape(str(value)) for value in row))
        Console().print(table)
        if next(answer.rows, None) is not None:
            typer.echo(f"the first {_SHOWN} rows; all of them: --format csv", err=True)
        say_next("sluice audit verify", "the columns are a copy; this checks the record itself")
