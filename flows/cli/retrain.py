"""`sluice plan` and `sluice retrain`: what would run, and the run itself with its summary."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.ending import say_next

if TYPE_CHECKING:
    from flows.lifecycle import Lifecycle
    from flows.pipeline import Pipeline

PipelineName = Annotated[
    str, typer.Argument(metavar="PIPELINE", help="a shipped pipeline's name, or a path to a .yaml")
]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="replace a key of the file")]
AsJson = Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")]


def plan(pipeline: PipelineName, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Checks the pipeline file and shows what `retrain` would run, with an estimate."""
    from flows.plan import planned

    stages = planned(_read(pipeline, overrides))
    if as_json:
        typer.echo(json.dumps([stage.__dict__ for stage in stages], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("stage", "takes", "what it does", "estimate")
    for stage in stages:
        table.add_row(stage.name, stage.takes, stage.does, stage.estimate)
    Console().print(table)
    say_next(f"sluice retrain {pipeline}")


def retrain(
    pipeline: PipelineName,
    overrides: Overrides = None,
    approve_as: Annotated[
        str, typer.Option("--approve-as", metavar="NAME", help="approve unattended (demos, tests)")
    ] = "",
    no_cache: Annotated[bool, typer.Option("--no-cache", help="do the work of every stage again")] = False,
    since: Annotated[
        str, typer.Option("--from", metavar="STAGE", help="do the work again from this stage on: dataset, finetune ...")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Runs the chain: data, fine-tuning, evaluation, gate, registration, review, release.

    A stage whose inputs did not change since an earlier run is not repeated.

    Exit 0 released or waiting for a review, 1 NO_GO or INCONCLUSIVE, 2 bad input, 3 a part failed.
    """
    from flows.retraining import retrain_pipeline
    from flows.stages import Fresh

    spec, fresh = _read(pipeline, overrides), Fresh.of(no_cache=no_cache, since=since)
    from flows.cli.bars import Bars

    done = retrain_pipeline(spec, progress=Bars(), approve_as=approve_as, fresh=fresh)
    if as_json:
        typer.echo(json.dumps(result_json(spec, done), indent=2))
    else:
        from flows.cli.summary import print_summary

        print_summary(spec, done)
    if done.version is None:
        raise typer.Exit(1)


def result_json(pipeline: Pipeline, done: Lifecycle) -> dict[str, Any]:
    """The stable shape of `retrain --json`.

    `metrics` names candidate, base and champion (null where there was none), each metric as {value, low, high}.
    """
    from flows.cli.scores import metrics_json

    return {
        "pipeline": pipeline.name,
        "run_id": done.run_id,
        "state": state_of(done),
        "stages": [dataclasses.asdict(stage) for stage in done.stages],
        "verdict": done.decision.verdict.value,
        "reasons": [reason.model_dump(mode="json") for reason in done.decision.reasons],
        "model_version": done.version.version if done.version else None,
        "release": done.release.sequence if done.release else None,
        "metrics": metrics_json(done.report),
        "digests": {
            "snapshot": done.snapshot.digest,
            "adapter": done.adapter.digest,
            "report": done.report.digest,
            "decision": done.decision.digest,
            "manifest": done.version.digest if done.version else None,
        },
        "training": done.adapter.figures.model_dump(mode="json"),
    }


def state_of(done: Lifecycle) -> str:
    """`released`, `waiting` (for a review) or `refused` (by the gate)."""
    if done.release:
        return "released"
    return "waiting" if done.version else "refused"


def _read(pipeline: str, overrides: list[str] | None) -> Pipeline:
    from flows.pipeline import read_pipeline
    from infra.errors import BadInput

    pairs: dict[str, str] = {}
    for item in overrides or []:
        key, sign, value = item.partition("=")
        if not sign:
            raise BadInput("--set needs KEY=VALUE", where=item.split("=")[0], cure="e.g. --set training.epochs=2")
        pairs[key] = value
    return read_pipeline(pipeline, pairs)
