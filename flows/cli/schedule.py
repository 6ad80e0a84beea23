"""`sluice schedule` and `sluice backfill`: retraining by the clock, and runs for times that are over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from flows.cli.ending import say_next

if TYPE_CHECKING:
    import click

    from flows.pipeline import Pipeline
    from flows.schedules import Plan, Schedule
    from infra.home import Home

_SET = "set"
_SHOWN_SLOTS = 5


class PipelineFirst(TyperGroup):
    """`sluice schedule PIPELINE ...` is short for `sluice schedule set PIPELINE ...`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `set` before a first word that is no command."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = [_SET, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=PipelineFirst,
    no_args_is_help=True,
    help="Retrain by the clock: `sluice schedule PIPELINE --cron '0 3 * * 1'`, and what is scheduled.",
)

PipelineName = Annotated[
    str, typer.Argument(metavar="PIPELINE", help="a shipped pipeline's name, or a path to a .yaml")
]
ScheduledName = Annotated[str, typer.Argument(metavar="PIPELINE", help="a pipeline's name, as `list` shows it")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="replace a key of the file")]
Timezone = Annotated[
    str, typer.Option("--timezone", metavar="NAME", help="in which --cron is read, e.g. Europe/Madrid")
]
AsJson = Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")]


@app.command(_SET)
def set_schedule(
    pipeline: PipelineName,
    cron: Annotated[
        str, typer.Option("--cron", metavar="LINE", help="minute hour day month weekday, e.g. '0 3 * * 1'")
    ],
    timezone: Timezone = "UTC",
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Retrains PIPELINE by the clock from now on; the schedule that it has is replaced."""
    from flows.schedules import find_schedule, put_schedule
    from flows.slots import Clock

    plan = _plan(pipeline, overrides)
    clock = Clock.read(cron, timezone)
    home = _home()
    replaced = put_schedule(home, plan, clock)
    schedule = find_schedule(home, plan.name)
    if as_json:
        typer.echo(json.dumps(schedule_json(schedule), indent=2))
        return
    what = "runs by a new schedule" if replaced else "is scheduled"
    typer.echo(f"{plan.name} {what}: {clock.cron} ({clock.timezone}).")
    typer.echo("next: sluice schedule list", err=True)


@app.command("list")
def list_schedules(as_json: AsJson = False) -> None:
    """Lists the schedules with their next run and how the last one ended."""
    from flows.schedules import schedules

    found = schedules(_home())
    if as_json:
        typer.echo(json.dumps({"schedules": [schedule_json(one) for one in found]}, indent=2))
        return
    if not found:
        typer.echo("Nothing is scheduled.")
        typer.echo("next: sluice schedule PIPELINE --cron '0 3 * * 1'", err=True)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("pipeline", "cron", "time zone", "state", "next run", "last run", "ended as")
    for one in found:
        cron, timezone = (one.clock.cron, one.clock.timezone) if one.clock else ("none", "")
        row = (one.plan.name, cron, timezone, "active" if one.active else "paused", _when(one.next_run))
        table.add_row(*map(escape, (*row, _when(one.last_run), one.last_state)))
    Console().print(table)


@app.command()
def pause(pipeline: ScheduledName, as_json: AsJson = False) -> None:
    """Starts no more runs by the clock until `resume`; one under way goes on."""
    from flows import schedules

    home = _home()
    schedules.pause(home, schedules.find_schedule(home, pipeline))
    _tell(home, pipeline, f"{pipeline} is paused.", f"sluice schedule resume {pipeline}", as_json)


@app.command()
def resume(pipeline: ScheduledName, as_json: AsJson = False) -> None:
    """Goes on after `pause`: runs are started again from now on."""
    from flows import schedules

    home = _home()
    schedules.resume(home, schedules.find_schedule(home, pipeline))
    _tell(home, pipeline, f"{pipeline} runs by the clock again.", "sluice schedule list", as_json)


@app.command()
def delete(pipeline: ScheduledName, as_json: AsJson = False) -> None:
    """Ends the schedule and its runs to come. Versions, reviews and releases stay."""
    from flows import schedules

    home = _home()
    schedules.delete(home, schedules.find_schedule(home, pipeline))
    if as_json:
        typer.echo(json.dumps({"pipeline": pipeline, "deleted": True}))
        return
    typer.echo(f"{pipeline} has no schedule any more.")


def backfill(
    pipeline: PipelineName,
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="the first day, e.g. 2026-11-01")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="the last day, included")],
    cron: Annotated[str, typer.Option("--cron", metavar="LINE", help="left out: the pipeline's schedule")] = "",
    timezone: Timezone = "UTC",
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Runs PIPELINE once for each slot of its schedule in those days, oldest first, one at a time.

    A data path may hold `{slot:%Y-%m-%d}`, which each run fills with its own slot.
    """
    from flows import schedules
    from flows.slots import Clock, read_day
    from infra.errors import BadInput

    plan = _plan(pipeline, overrides)
    days = read_day(first, "--from"), read_day(last, "--to")
    clock = Clock.read(cron, timezone) if cron else None
    home = _home()
    if not schedules.has_schedule(home, plan.name):
        if clock is None:
            raise BadInput(f"{plan.name!r} has no schedule", where="--cron", cure="say when runs were due: --cron LINE")
        schedules.put_schedule(home, plan, None)
    schedule = schedules.find_schedule(home, plan.name)
    clock = clock or schedule.clock
    if clock is None:
        raise BadInput(f"{plan.name!r} has no clock", where="--cron", cure="say when runs were due: --cron LINE")
    slots = clock.slots(*days)
    if not as_json:
        _show_slots(plan.name, slots)
    schedules.enqueue(home, schedule, slots, plan.settings)
    watch = schedules.runs_address(home, schedule)
    if as_json:
        shape = {"pipeline": plan.name, "slots": [slot.isoformat() for slot in slots], "watch": watch}
        typer.echo(json.dumps(shape, indent=2))
        return
    typer.echo(f"watch them: {watch}")
    typer.echo("next: sluice schedule list", err=True)


def schedule_json(schedule: Schedule) -> dict[str, Any]:
    """The stable shape of one schedule in `schedule list --json` and what `schedule` itself reports."""
    return {
        "pipeline": schedule.plan.name,
        "source": schedule.plan.source,
        "settings": dict(schedule.plan.settings),
        "cron": schedule.clock.cron if schedule.clock else None,
        "timezone": schedule.clock.timezone if schedule.clock else None,
        "active": schedule.active,
        "next_run": schedule.next_run.isoformat() if schedule.next_run else None,
        "last_run": schedule.last_run.isoformat() if schedule.last_run else None,
        "last_state": schedule.last_state or None,
    }


def _plan(pipeline: str, overrides: list[str] | None) -> Plan:
    """The pipeline, checked as `retrain` checks it, with absolute paths: the worker sits in another folder."""
    from flows.pipeline import read_pipeline
    from flows.plan import planned
    from flows.schedules import Plan
    from flows.slots import has_placeholder

    pairs = _pairs(overrides)
    spec = read_pipeline(pipeline, pairs)
    # What is filled from a slot is not there yet; all else is, or the first run would fail at night.
    if not has_placeholder(spec):
        planned(spec)
    source = str(Path(pipeline).absolute()) if Path(pipeline).suffix in {".yaml", ".yml"} else pipeline
    return Plan(spec.name, source, {**pairs, **_absolute_paths(spec)})


def _pairs(overrides: list[str] | None) -> Mapping[str, str]:
    from infra.errors import BadInput

    pairs: dict[str, str] = {}
    for item in overrides or []:
        key, sign, value = item.partition("=")
        if not sign:
            raise BadInput("--set needs KEY=VALUE", where=key, cure="e.g. --set training.epochs=2")
        pairs[key] = value
    return pairs


def _absolute_paths(spec: Pipeline) -> dict[str, str]:
    """Every key whose value is a relative path: data files, and rules that are given by path and not by name."""
    data = {f"data.{name}": str(getattr(spec.data, name, "")) for name in ("train", "test")}
    rules = {"data.expectations": spec.data.expectations}
    rules |= {name: str(getattr(spec, name)) for name in ("gate", "guardrails", "access")}
    paths = data | {key: value for key, value in rules.items() if Path(value).suffix in {".yaml", ".yml"}}
    return {key: _as_yaml(str(Path(value).absolute())) for key, value in paths.items() if value}


def _as_yaml(text: str) -> str:
    """The text so that `--set`, whose values are YAML, reads it back: quoted only where it must be."""
    import yaml

    try:
        plain = yaml.safe_load(text) == text
    except yaml.YAMLError:
        plain = False
    return text if plain else json.dumps(text)


def _show_slots(name: str, slots: Sequence[datetime]) -> None:
    typer.echo(f"{len(slots):,} runs of {name}, oldest first, one at a time:")
    shown = slots if len(slots) <= 2 * _SHOWN_SLOTS else (*slots[:_SHOWN_SLOTS], *slots[-_SHOWN_SLOTS:])
    for number, slot in enumerate(shown):
        if number == _SHOWN_SLOTS and len(shown) < len(slots):
            typer.echo(f"  ... {len(slots) - len(shown):,} more ...")
        typer.echo(f"  {slot:%Y-%m-%d %H:%M %Z}")


def _tell(home: Home, pipeline: str, sentence: str, following: str, as_json: bool) -> None:
    from flows.schedules import find_schedule

    if as_json:
        typer.echo(json.dumps(schedule_json(find_schedule(home, pipeline)), indent=2))
        return
    typer.echo(sentence)
    say_next(following)


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def _home() -> Home:
    from infra.settings import read_settings

    return read_settings().home
