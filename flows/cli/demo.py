"""`sluice demo`: the main job on embedded defaults, by the commands and the endpoint that everyone has."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from flows.demo_requests import Answered
    from flows.ingest import IngestFindings
    from infra.ledger.check import LedgerCheck
    from infra.processes import Service

_PIPELINE = "support-triage"
_REVIEWER = "demo"


def demo(
    pipeline: Annotated[str, typer.Argument(help="the pipeline to run")] = _PIPELINE,
) -> None:
    """Starts the servers, retrains, releases, sends six requests, checks the ledger and explains an answer."""
    from rich.console import Console

    from flows.cli.bars import Bars
    from flows.cli.explain import explain
    from flows.cli.summary import print_summary
    from flows.demo_requests import ask_six_ways
    from flows.pipeline import read_pipeline
    from flows.retraining import retrain_pipeline
    from infra import processes
    from infra.ledger.log import Ledger
    from infra.settings import read_settings
    from infra.stores.callers import Callers

    started_s = time.monotonic()
    console, bars, settings = Console(), Bars(), read_settings()
    spec = read_pipeline(pipeline)
    bars.say(f"Sluice demo: {spec.name}, state in {settings.home.root}")
    bars.say("It makes its own tickets, trains for a few minutes on this machine and sends nothing anywhere.")
    with bars.task("servers (Prefect, MLflow, gateway)"):
        services = processes.ensure(settings)
    try:
        done = retrain_pipeline(spec, progress=bars, approve_as=_REVIEWER)
    except KeyboardInterrupt:
        # They would go on after a demo that ended; after one that was broken off nobody waits for them.
        processes.stop(settings.home, tuple(service.name for service in services if service.started_by_us))
        raise
    console.rule("The run")
    console.print(findings_table(done.findings))
    print_summary(spec, done)
    if done.release is None:
        raise typer.Exit(1)
    gateway = next(service for service in services if service.name == "gateway")
    key = Callers(settings.home).create("demo").key
    answered = ask_six_ways(gateway.url, key, spec, done.release.version, progress=bars)
    console.rule("Six requests")
    console.print(requests_table(answered))
    console.rule("The record")
    check = Ledger.open(settings.home).verify()
    console.print(ledger_line(check))
    explain(answered[0].response_id)
    console.rule("Where to look")
    print_links(console, services, settings.home.root, time.monotonic() - started_s)
    if not check.ok or not all(answer.as_expected for answer in answered):
        raise typer.Exit(1)


def findings_table(findings: IngestFindings) -> Table:
    """What was planted in the data, and how much of it the chain found."""
    from rich.table import Table

    table = Table(title="Planted in the data, and found", title_justify="left")
    table.add_column("kind")
    table.add_column("planted", justify="right")
    table.add_column("found", justify="right")
    for row in findings.planted:
        colour = "green" if row.found == row.planted else "yellow"
        table.add_row(row.kind, f"{row.planted:,}", f"[{colour}]{row.found:,}[/{colour}]")
    return table


def requests_table(answered: tuple[Answered, ...]) -> Table:
    """One line for each request: what was sent, and what happened to it."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("request", "sent", "what happened", "answer", "as expected")
    for answer in answered:
        mark = "[green]yes[/green]" if answer.as_expected else "[red]no[/red]"
        table.add_row(answer.name, escape(answer.sent), escape(answer.happened), escape(answer.text), mark)
    return table


def ledger_line(check: LedgerCheck) -> str:
    """Whether the ledger verifies."""
    if check.ok:
        return f"Ledger: {check.events:,} events, chain and payloads [green]verified[/green] (sluice audit verify)"
    return f"Ledger: [red]{len(check.problems)} problems[/red], see: sluice audit verify"


def print_links(console: Console, services: tuple[Service, ...], home: Path, seconds: float) -> None:
    """Addresses of what is running, and how to go on."""
    for service in services:
        console.print(f"  {service.name:<8} {service.url}", highlight=False)
    console.print(f"  state    {home}", highlight=False)
    console.print(f"[dim]took {seconds:.0f} s; the servers go on running[/dim]")
    console.print(
        "next: [bold]sluice status[/bold], sluice audit query, sluice review list; to stop: [bold]sluice down[/bold]"
    )
