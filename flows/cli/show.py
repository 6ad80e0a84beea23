"""`sluice config` and `sluice schema`: what is set and where it came from, and every key that a file may have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.ending import say_next

if TYPE_CHECKING:
    from pydantic import BaseModel


def config(as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False) -> None:
    """Shows every setting, its value and where it came from."""
    from infra.settings import read_settings

    rows = read_settings().sources
    if as_json:
        typer.echo(json.dumps([row.__dict__ for row in rows], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("setting", "value", "from", "meaning")
    for row in rows:
        table.add_row(row.name, row.shown or "[dim](empty)[/dim]", row.source, row.meaning)
    Console().print(table)
    say_next("sluice doctor")


def schema(
    kind: Annotated[
        str, typer.Argument(metavar="[KIND]", help="pipeline, guardrails, expectations, gates or access")
    ] = "",
    write: Annotated[
        Path | None, typer.Option("--write", metavar="DIR", help="write KIND (none named: all of them) to DIR")
    ] = None,
) -> None:
    """Prints the JSON schema of a YAML file, or writes it where an editor finds it.

    An editor checks a YAML file whose first line is `# yaml-language-server: $schema=KIND.schema.json`.
    """
    from infra.errors import BadInput

    models = file_kinds()
    if (kind or write is None) and kind not in models:
        what = f"no file kind {kind!r}" if kind else "which kind of file?"
        raise BadInput(what, cure=f"one of: {', '.join(models)}; or --write DIR for all")
    if write is None:
        typer.echo(schema_text(kind), nl=False)
        say_next(f"sluice schema {kind} --write DIR", "for your editor")
        return
    from infra.home import write_atomic

    for one in [kind] if kind else models:
        path = write / schema_name(one)
        write_atomic(path, schema_text(one).encode(), mode=0o644)
        typer.echo(path)
    say_next(f"put `# yaml-language-server: $schema={path}` into the first line of the YAML file")


def schema_name(kind: str) -> str:
    """The file name of a schema."""
    return f"{kind}.schema.json"


def schema_text(kind: str) -> str:
    """The JSON schema of one kind of file, as it ships beside those files."""
    from infra.yaml_schema import yaml_schema

    return yaml_schema(file_kinds()[kind], f"Sluice {kind}")


def file_kinds() -> Mapping[str, type[BaseModel]]:
    """Each kind of YAML file, and the type that it is read into."""
    from flows.pipeline import Pipeline
    from policies.access import AccessRules
    from policies.expectations.suite import Suite
    from policies.gates.gate import GateRules
    from policies.policy import GuardrailPolicy

    return {
        "pipeline": Pipeline,
        "guardrails": GuardrailPolicy,
        "expectations": Suite,
        "gates": GateRules,
        "access": AccessRules,
    }
