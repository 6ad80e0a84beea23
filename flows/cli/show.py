"""`sluice config` and `sluice schema`: what is set and where it came from, and every key that a file may have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

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
        table.add_row(row.name, row.value or "[dim](empty)[/dim]", row.source, row.meaning)
    Console().print(table)


def schema(kind: Annotated[str, typer.Argument(help="pipeline, guardrails, expectations, gates or access")]) -> None:
    """Prints the JSON schema of a YAML file, for editors and for people."""
    from infra.errors import BadInput

    models = _models()
    if kind not in models:
        raise BadInput(f"no file kind {kind!r}", cure=f"one of: {', '.join(models)}")
    typer.echo(json.dumps(models[kind].model_json_schema(), indent=2))


def _models() -> Mapping[str, type[BaseModel]]:
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
