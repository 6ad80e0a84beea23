"""`sluice policy put`: another guardrail policy over what is served, signed by a reviewer, and the way back.

`--json` gives this stable shape:

    {"schema": "sluice/policy-put/1", "digest": DIGEST, "change": the signed PolicyRelease}
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flows.cli.ending import say_next


def put(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="a pipeline with a release in force")],
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="a policy: a path, or a shipped one's name")] = "",
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="a reviewer that was added here")] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="goes into the signed record")] = "",
    back: Annotated[bool, typer.Option("--back", help="take the latest change off instead")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")] = False,
) -> None:
    """Puts another policy over the release in force; a running gateway follows without dropping a request.

    The policy must pass its own examples. It guards until the next release, which brings the policy that it was scored
    under; `--back` ends it before. What a gateway cannot put to work leaves the old policy in force, and
    `sluice status` says so.
    """
    from flows.cli.bars import Bars
    from flows.desk import ReviewDesk
    from flows.policy_change import put_policy, take_back
    from infra.errors import BadInput
    from infra.rules import read_rule
    from infra.settings import read_settings

    if bool(file) == back:
        raise BadInput("give a policy, or --back", cure=f"sluice policy put {pipeline} FILE --by NAME --reason TEXT")
    if not by:
        raise BadInput("a change of policy is signed by a reviewer", cure="--by NAME (sluice reviewer list)")
    bars = Bars()
    desk = ReviewDesk.open(read_settings(), progress=bars)
    if back:
        change = take_back(pipeline, by=by, reason=reason, desk=desk)
    else:
        rule = read_rule("guardrails", file)
        with bars.task("run the policy's examples"):
            change = put_policy(pipeline, rule.text, source=rule.source, by=by, reason=reason, desk=desk)
    done = "took the latest change off" if change.kind == "back" else "put another policy in force"
    typer.echo(
        f"{by} {done}: change {change.sequence} of {pipeline}, policy {change.guardrails}; a running gateway swaps by "
        "itself.",
        err=True,
    )
    if as_json:
        shape = {"schema": "sluice/policy-put/1", "digest": change.digest, "change": change.model_dump(mode="json")}
        typer.echo(json.dumps(shape, indent=2))
    say_next("sluice status", f"to take it back: sluice policy put {pipeline} --back --by {by} --reason TEXT")
