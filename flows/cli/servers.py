"""`sluice up`, `down`, `status`, `logs` and `doctor`: the local servers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.ending import say_next

if TYPE_CHECKING:
    from infra.processes import Service
    from infra.server_state import ServerName

AsJson = Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")]
_COLOURS = {"ok": "green", "hint": "yellow", "FAIL": "red"}
_ENGINES = ("openvino", "upstream", "scripted")


def up(
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="openvino, upstream or scripted (seeded answers, no model)")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Starts Prefect, MLflow, the gateway and the worker, waits until each answers, and prints their addresses.

    What runs already is left as it is. When one does not come up, those that this command started are ended again.
    """
    from flows.cli.bars import Bars
    from infra import processes
    from infra.errors import BadInput
    from infra.settings import read_settings

    if engine and engine not in _ENGINES:
        raise BadInput(f"no engine {engine!r}", where="--engine", cure=f"one of: {', '.join(_ENGINES)}")
    settings = read_settings()
    with Bars().task("servers (Prefect, MLflow, gateway, worker)"):
        services = processes.ensure(settings, engine=engine or None)
    _report(services, as_json)
    ready = all(service.ready for service in services)
    say_next("sluice keys create --tenant NAME" if ready else "sluice retrain support-triage")


def down() -> None:
    """Ends the servers of this home.

    Answers under way are given up to 20 seconds to finish; a scheduled run under way goes on after the next `up`.
    """
    from flows.cli.bars import Bars
    from infra import processes
    from infra.settings import read_settings

    home = read_settings(any_version=True).home  # an older home is migrated once they are down
    with Bars().task("ending the servers"):
        ended = processes.stop(home)
    typer.echo(f"ended: {', '.join(ended)}" if ended else "nothing was running", err=True)
    say_next("sluice up")


def status(as_json: AsJson = False) -> None:
    """Shows the servers of this home: address, process, and whether each is ready."""
    from infra import processes
    from infra.settings import read_settings

    services = processes.status(read_settings().home)
    _report(services, as_json)
    died = [service.name for service in services if not service.ready]
    say_next(f"sluice logs {died[0]}" if died else "sluice audit query" if services else "sluice up")


def logs(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="prefect, mlflow, gateway or worker; all of them when left out")
    ] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="how many of the last lines")] = 40,
) -> None:
    """Prints the last lines that the servers wrote."""
    from infra import processes
    from infra.errors import BadInput
    from infra.settings import read_settings

    home = read_settings().home
    wanted = [one for one in processes.NAMES if name in ("", one)]
    if not wanted:
        raise BadInput(f"no server {name!r}", cure=f"one of: {', '.join(processes.NAMES)}")
    for one in wanted:
        _print_tail(home.logs / f"{one}.log", one, lines)
    say_next("sluice status")


def doctor(as_json: AsJson = False) -> None:
    """Checks this machine and this home, in seconds, and says the cure of each finding. Exit 1 when something fails.

    ok: fine. hint: it works, but you should know. FAIL: something will not work.
    """
    from flows.cli.bars import Bars
    from flows.cli.checkup import checkup

    with Bars().task("looking"):
        findings = checkup()
    if as_json:
        typer.echo(json.dumps({"findings": [finding.to_json() for finding in findings]}, indent=2))
    else:
        for finding in findings:
            mark = typer.style(f"{finding.level:<4}", fg=_COLOURS[finding.level])
            typer.echo(f"{mark} {finding.what}: {finding.found}")
            if finding.level != "ok":
                typer.echo(f"     cure: {finding.cure}")
    well = all(finding.ok for finding in findings)
    say_next("sluice retrain support-triage" if well else "sluice doctor", "" if well else "after the cures above")
    if not well:
        raise typer.Exit(1)


def services_json(services: Sequence[Service]) -> dict[str, Any]:
    """The stable shape of `status --json` and `up --json`."""
    return {
        "services": [
            {
                "name": service.name,
                "url": service.url,
                "pid": service.pid,
                "ready": service.ready,
                "note": service.note,
                "log": service.log,
            }
            for service in services
        ]
    }


def _report(services: Sequence[Service], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(services_json(services), indent=2))
        return
    if not services:
        typer.echo("no servers were started here", err=True)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("service", "address", "pid", "ready", "note")
    for service in services:
        ready = "[green]yes[/green]" if service.ready else "[yellow]no[/yellow]"
        table.add_row(service.name, escape(service.url), str(service.pid), ready, escape(service.note))
    Console().print(table)


def _print_tail(path: Path, name: ServerName, lines: int) -> None:
    from infra.tail import last_lines

    typer.echo(f"== {name}: {path}", err=True)
    for line in last_lines(path, lines):
        typer.echo(line)
