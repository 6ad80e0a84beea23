"""`sluice release`: what is in force and was before, and the way back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.ending import say_next

if TYPE_CHECKING:
    from flows.desk import ReviewDesk
    from flows.release import PastRefusal, PastRelease

app = typer.Typer(no_args_is_help=True, help="What is in force, what was before, and the way back.")

PipelineName = Annotated[str, typer.Argument(metavar="PIPELINE", help="a pipeline's name")]
AsJson = Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")]


@app.command()
def rollback(
    pipeline: PipelineName,
    to: Annotated[int | None, typer.Option("--to", metavar="VERSION", help="left out: the one before")] = None,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="left out: the user of this machine")] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="goes into the signed record")] = "",
    as_json: AsJson = False,
) -> None:
    """Puts the previous version in force again, without dropping a request."""
    from flows.release import PastRelease
    from flows.release import rollback as put_back
    from flows.steps.mirror import follow_at_home, pointers

    desk = _desk()
    left = pointers(pipeline, desk).champion
    done = put_back(pipeline, desk, actor=by or _user(), reason=reason, version=to)
    typer.echo(
        f"Version {done.version} of {pipeline} is in force again as release {done.sequence}; "
        "a running gateway swaps by itself.",
        err=True,
    )
    aliases = follow_at_home(pipeline, desk, overrule=True)
    if as_json:
        shape = {**release_json(PastRelease(done, True)), "aliases": aliases and dict(aliases.by_alias)}
        typer.echo(json.dumps(shape, indent=2))
    command = f"sluice review reject {pipeline} {left} --by NAME --reason TEXT"
    say_next(command, f"so that version {left} is never released again")


@app.command()
def history(pipeline: PipelineName, as_json: AsJson = False) -> None:
    """Lists every release of a pipeline and every refused request, oldest first: who, when and why."""
    from flows.release import PastRelease, told_history

    rows = told_history(pipeline, _desk())
    if as_json:
        shapes = [release_json(row) if isinstance(row, PastRelease) else refusal_json(row) for row in rows]
        typer.echo(json.dumps(shapes, indent=2))
        return
    if not rows:
        typer.echo(f"{pipeline} was never released.")
        say_next(f"sluice review list {pipeline}")
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("release", "version", "what")
    for searched_for in ("by", "when (UTC)"):
        table.add_column(searched_for, no_wrap=True)
    table.add_column("reason")
    for row in rows:
        table.add_row(*map(escape, _cells(row)))
    Console().print(table)


@app.command()
def sync(pipeline: PipelineName, as_json: AsJson = False) -> None:
    """Brings the ledger and MLflow in line with the signed records, after a crash or with a server that was down.

    An alias `champion` that was moved by hand is a request: it is answered first.
    """
    from flows.alias_requests import sync_at_home
    from flows.release import complete_records
    from flows.steps.mirror import pointers
    from infra.errors import PartFailed

    desk = _desk()
    complete_records(pipeline, desk)
    synced = sync_at_home(pipeline, desk)
    answer = synced.answer
    if as_json:
        asked = answer and {
            "version": answer.version,
            "release": answer.release and answer.release.sequence,
            "refused": answer.refused or None,
        }
        aliases = dict(pointers(pipeline, desk).by_alias)
        shape = {"pipeline": pipeline, "aliases": aliases, "mlflow": bool(synced.aliases), "request": asked}
        typer.echo(json.dumps(shape, indent=2))
    if answer is not None:
        done = f"refused: {answer.refused}" if answer.refused else "done"
        typer.echo(f"The alias champion in MLflow asked for version {answer.version}: {done}.", err=True)
    if synced.aliases is None:
        raise PartFailed("MLflow could not be brought in line", where=pipeline, cure="sluice logs mlflow, then again")
    typer.echo(f"The ledger and MLflow show what the signed records of {pipeline} say.", err=True)


def release_json(row: PastRelease) -> dict[str, Any]:
    """The stable shape of one line of `release history --json`."""
    return {**row.release.model_dump(mode="json"), "digest": row.release.digest, "in_force": row.in_force}


def refusal_json(row: PastRefusal) -> dict[str, Any]:
    """The stable shape of a refused request in `release history --json`: the keys of a release, `kind` is refused."""
    from flows.steps.release_record import asked_by

    event = row.event
    fields = event.model_dump(mode="json")
    nothing = dict.fromkeys(("sequence", "manifest", "approval", "previous", "digest"))
    return {
        "pipeline": event.pipeline,
        "kind": "refused",
        "version": event.version,
        "actor": asked_by(event),
        "reason": event.reason,
        "released": fields["at"],
        "in_force": False,
        **nothing,
    }


def _cells(row: PastRelease | PastRefusal) -> tuple[str, str, str, str, str, str]:
    """Release, version, what was done, by whom, when and why, as a table shows them."""
    from flows.release import PastRefusal
    from flows.steps.release_record import asked_by

    when = row.at.strftime("%Y-%m-%d %H:%M")
    if isinstance(row, PastRefusal):
        return "-", str(row.event.version or "-"), "refused", asked_by(row.event), when, row.event.reason
    one = row.release
    what = f"{one.kind}, in force" if row.in_force else one.kind
    return str(one.sequence), str(one.version), what, one.actor, when, one.reason


def _user() -> str:
    """The account that runs the command, from the system, not from the environment."""
    import os
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


def _desk() -> ReviewDesk:
    from flows.cli.bars import Bars
    from flows.desk import ReviewDesk
    from infra.settings import read_settings

    return ReviewDesk.open(read_settings(), progress=Bars())
