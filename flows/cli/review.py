"""`sluice review` and `sluice reviewer`: what waits, what speaks for it, and a reviewer's signed yes or no."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.ending import say_next

if TYPE_CHECKING:
    from flows.desk import ReviewDesk
    from flows.review import Review
    from flows.steps.mirror import Pointers
    from infra.contracts.evaluation import EvaluationReport
    from infra.contracts.gate import GateDecision
    from infra.contracts.release import Approval, Release

review_app = typer.Typer(no_args_is_help=True, help="Look at what waits for a person, and decide.")
reviewer_app = typer.Typer(no_args_is_help=True, help="Who may decide.")

PipelineName = Annotated[str, typer.Argument(metavar="PIPELINE", help="a pipeline's name")]
Version = Annotated[int | None, typer.Argument(metavar="[VERSION]", help="left out: the one that waits")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="a reviewer that was added here")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="goes into the signed record")]
AsJson = Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")]


@review_app.command("list")
def list_reviews(
    pipeline: Annotated[str, typer.Argument(metavar="[PIPELINE]", help="left out: all")] = "",
    every: Annotated[bool, typer.Option("--all", help="also those that were decided")] = False,
    as_json: AsJson = False,
) -> None:
    """Lists the versions that wait for a review, and those newer than any release whose review expired."""
    from flows.review import of_interest, reviews

    known = reviews(_desk(), pipeline)
    found = known if every else of_interest(known)
    if as_json:
        typer.echo(json.dumps([review_json(one) for one in found], indent=2))
        return
    if not found:
        typer.echo("Nothing waits for a review." if not every else "There is no registered version.")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("pipeline", "version", "review", "in force", "registered", "to be decided by")
    for one in found:
        made = one.manifest.created.strftime("%Y-%m-%d %H:%M UTC")
        until = one.expires.strftime("%Y-%m-%d %H:%M UTC") if one.expires else ""
        in_force = "yes" if one.in_force else ""
        table.add_row(one.manifest.pipeline, str(one.manifest.version), one.state, in_force, made, until)
    Console().print(table)
    first = next((one for one in found if one.state == "waiting"), found[0]).manifest
    say_next(f"sluice review show {first.pipeline} {first.version}")


@review_app.command()
def show(pipeline: PipelineName, version: Version = None, as_json: AsJson = False) -> None:
    """Shows one version: its scores, the gate's reasons, what it was made from, and the decisions so far."""
    from flows.review import find_review
    from infra.contracts.evaluation import EvaluationReport
    from infra.contracts.gate import GateDecision

    desk = _desk()
    review = find_review(desk, pipeline, version)
    report = EvaluationReport.from_json(desk.blobs.get(review.manifest.report))
    decision = GateDecision.from_json(desk.blobs.get(review.manifest.decision))
    if as_json:
        typer.echo(json.dumps(shown_json(review, report, decision), indent=2))
        return
    _print_review(review, report, decision)
    if review.state == "waiting":
        command = f"sluice review approve {pipeline} {review.manifest.version} --by NAME --reason TEXT"
        say_next(command, "or reject")


@review_app.command()
def approve(
    pipeline: PipelineName, version: Version = None, *, by: By, reason: Reason, as_json: AsJson = False
) -> None:
    """Approves a version with the reviewer's own key, and releases it."""
    from flows.review import approve_and_release, find_review
    from flows.steps.mirror import follow_at_home
    from infra.server_state import state_path

    desk = _desk()
    review = find_review(desk, pipeline, version)
    done = approve_and_release(review.manifest, by, reason, desk)
    typer.echo(
        f"Version {done.approval.version} of {pipeline} is approved by {by} and in force as release "
        f"{done.release.sequence}; a running gateway swaps by itself.",
        err=True,
    )
    aliases = follow_at_home(pipeline, desk, overrule=True)
    _tell(done.approval, done.release, aliases, as_json)
    served = state_path(desk.settings.home, "gateway").exists()
    say_next("sluice status" if served else "sluice up", f"to take it back: sluice release rollback {pipeline}")


@review_app.command()
def reject(pipeline: PipelineName, version: Version = None, *, by: By, reason: Reason, as_json: AsJson = False) -> None:
    """Rejects a version with the reviewer's own key. That is final."""
    from flows.review import find_review
    from flows.review import reject as sign_rejection
    from flows.steps.mirror import follow_at_home

    desk = _desk()
    review = find_review(desk, pipeline, version)
    decided = sign_rejection(review.manifest, by, reason, desk)
    typer.echo(f"Version {decided.version} of {pipeline} is rejected by {by}; it can never be released.", err=True)
    if review.in_force:
        typer.echo("Nothing stands in for it: until the next release the gateway answers 503.", err=True)
    aliases = follow_at_home(pipeline, desk)
    _tell(decided, None, aliases, as_json)
    say_next(f"sluice retrain {pipeline}")


@reviewer_app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="lower-case letters, digits, '.', '_', '-'")],
    as_json: AsJson = False,
) -> None:
    """Makes a reviewer's key pair (the private file has mode 0600) and trusts it from now on."""
    from flows.review import add_reviewer

    signer = add_reviewer(name, _desk())
    key = signer.verify_key
    if as_json:
        shape = {"name": name, "key_id": key.key_id, "public_key": key.to_text(), "private_file": str(signer.path)}
        typer.echo(json.dumps(shape, indent=2))
        return
    typer.echo(f"{name} may review now. Key {key.key_id}, private file {signer.path} (keep it to yourself).")
    typer.echo("next: sluice review list", err=True)


@reviewer_app.command("list")
def list_reviewers(as_json: AsJson = False) -> None:
    """Lists the reviewers with the ids of their keys."""
    from infra.stores.reviewers import Reviewers

    reviewers = Reviewers(_desk().settings.home)
    rows = [{"name": name, "key_id": key.key_id} for name in reviewers.names() if (key := reviewers.key(name))]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        typer.echo(f"{row['name']}  key {row['key_id']}")
    if not rows:
        typer.echo("next: sluice reviewer add NAME", err=True)


def review_json(review: Review) -> dict[str, Any]:
    """The stable shape of one line of `review list --json`."""
    manifest = review.manifest
    return {
        "pipeline": manifest.pipeline,
        "version": manifest.version,
        "state": review.state,
        "expires": review.expires and review.expires.isoformat(),
        "in_force": review.in_force,
        "created": manifest.model_dump(mode="json")["created"],
        "manifest": manifest.digest,
    }


def shown_json(review: Review, report: EvaluationReport, decision: GateDecision) -> dict[str, Any]:
    """The stable shape of `review show --json`."""
    from flows.cli.scores import metrics_json

    return {
        **review_json(review),
        "verdict": decision.verdict.value,
        "reasons": [reason.model_dump(mode="json") for reason in decision.reasons],
        "metrics": metrics_json(report),
        "outcomes": {scores.subject: scores.outcomes.model_dump() for scores in report.subjects},
        "decisions": [one.model_dump(mode="json") for one in review.decisions],
        "made_from": review.manifest.model_dump(mode="json", exclude={"prompt"}),
    }


def _print_review(review: Review, report: EvaluationReport, decision: GateDecision) -> None:
    from rich.console import Console

    from flows.cli.scores import gate_table, scores_table

    manifest = review.manifest
    console = Console()
    console.print(f"{manifest.pipeline} version {manifest.version}: review {review.state}", highlight=False)
    console.print(scores_table(report))
    console.print(gate_table(decision))
    typer.echo(f"manifest      {manifest.digest}, made from")
    for name in ("snapshot", "base_model", "adapter", "report", "decision", "guardrails", "access"):
        typer.echo(f"  {name:<12}{getattr(manifest, name)}")
    for one in review.decisions:
        how = " unattended" if one.unattended else ""
        console.print(
            f"{one.decision}{how} by {one.reviewer}, {one.decided:%Y-%m-%d %H:%M} UTC: {one.reason}", markup=False
        )


def _tell(approval: Approval, release: Release | None, aliases: Pointers | None, as_json: bool) -> None:
    if as_json:
        shape = {
            **approval.model_dump(mode="json"),
            "approval": approval.digest,
            "release": release and {"sequence": release.sequence, "kind": release.kind, "digest": release.digest},
            "aliases": aliases and dict(aliases.by_alias),
        }
        typer.echo(json.dumps(shape, indent=2))
    elif aliases:
        told = ", ".join(f"{alias} -> {number}" for alias, number in aliases.by_alias if number is not None)
        typer.echo(f"MLflow: {told or 'no alias'}")


def _desk() -> ReviewDesk:
    from flows.cli.bars import Bars
    from flows.desk import ReviewDesk
    from infra.settings import read_settings

    return ReviewDesk.open(read_settings(), progress=Bars())
